#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A quick check is worth something only if it runs what a change can break."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import selection  # noqa: E402  (the path above comes first)
import testing  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent
DXG = TOP / "tools/testing/selftests/dxg"


def all_programs():
    """As the Makefile lists them."""
    text = (DXG / "Makefile").read_text()
    programs = re.findall(r"^TEST_GEN_PROGS (?:\+=|:=) (\S+)", text, re.M)
    return programs + [f"{name}_32" for line in re.findall(r"^COMPAT (?:\+=|:=) (.*)", text, re.M) for name in line.split()] \
        + ["test_tools.sh", "test_module.sh"]


class Selection(unittest.TestCase):
    available = all_programs()

    def chosen(self, *files):
        return selection.programs_for(files, self.available)

    def test_every_named_program_exists(self):
        named = {program for _, programs in selection.TOPICS for program in programs} | set(selection.BASIC)
        self.assertEqual(named - set(self.available), set())

    def test_every_source_of_the_module_has_programs_beyond_the_basic_ones(self):
        for file in sorted((TOP / "src").rglob("*.rs")):
            name = str(file.relative_to(TOP))
            self.assertTrue(set(selection.BASIC) <= set(self.chosen(name)), name)
        self.assertIn("lock", self.chosen("src/ioctl/lock.rs"))
        self.assertIn("sync_file", self.chosen("src/linux/dma_fence.rs"))

    def test_a_selftest_is_run_itself_in_both_sizes(self):
        self.assertEqual(self.chosen("tools/testing/selftests/dxg/sysmem.c"), ["sysmem", "sysmem_32"])
        self.assertEqual(self.chosen("tools/testing/selftests/dxg/test_module.sh"), ["test_module.sh"])

    def test_what_selftests_share_runs_the_basic_ones(self):
        self.assertEqual(set(self.chosen("tools/testing/selftests/dxg/dxg_utils.c")), set(selection.BASIC))

    def test_documents_need_no_guest(self):
        self.assertEqual(self.chosen("README.md", "Documentation/testing.md"), [])

    def test_documents_among_the_sources_need_none_either(self):
        self.assertEqual(self.chosen("tools/gpupv-host/crates/vm/README.md"), [])

    def test_without_a_change_the_basic_ones(self):
        self.assertEqual(set(self.chosen()), set(selection.BASIC))


class Within(unittest.TestCase):
    def test_the_dearest_go_first(self):
        kept, left = selection.within(["a", "b", "c"], 10, {"a": 9.0, "b": 6.0, "c": 3.0})
        self.assertEqual((kept, left), (["b", "c"], ["a"]))

    def test_one_stays_in_any_case(self):
        self.assertEqual(selection.within(["a"], 1, {"a": 9.0}), (["a"], []))

    def test_without_times_all_stay(self):
        self.assertEqual(selection.within(["a", "b"], 1, {}), (["a", "b"], []))


class Times(unittest.TestCase):
    def test_rows_of_the_part(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "times.csv"
            path.write_text("part,program,seconds,seconds_to_first_program,waiting\nstock,,9.0,2.0,\n"
                            "stock,lock,4.0,,0.5\ndebug,lock,40.0,,0.5\n")
            self.assertEqual(selection.times_in(path, "stock"), {"lock": 4.0})
            path.write_text("nonsense\n1\n")
            self.assertEqual(selection.times_in(path, "stock"), {})
        self.assertEqual(selection.times_in(path, "stock"), {})


if __name__ == "__main__":
    testing.main()
