#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A check of what the tests have seen is worth nothing if it overlooks a gap."""

import errno
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import coverage  # noqa: E402  (the path above comes first)
import testing  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
IOCTLS = {0x01: "LX_ONE", 0x3A: "LX_WAIT"}
TABLE = ("nr,errno,cause", "01,EFAULT,argument", "01,EINVAL,no such thing", "3a,EFAULT,argument")


class Seen(unittest.TestCase):
    def test_lines_of_all_programs_add_up(self):
        log = "ok 1 x\n# coverage: 01:0 01:22\nTAP version 13\n# coverage: 3a:14 01:0\n"
        self.assertEqual(coverage.seen_in(log), {(1, 0), (1, 22), (0x3A, 14)})

    def test_serial_line_ends(self):
        self.assertEqual(coverage.seen_in("# coverage: 01:0\r\n"), {(1, 0)})

    def test_only_lines_of_their_own_count(self):
        self.assertEqual(coverage.seen_in("# said # coverage: 01:0\n# coverage\n"), set())

    def test_a_program_without_calls(self):
        self.assertEqual(coverage.seen_in("# coverage:\n"), set())

    def test_a_line_that_was_cut_off_is_refused(self):
        for line in ("# coverage: 01:0 3\n", "# coverage: 01:0 3a:\n", "# coverage: 01:0[  1.2] kernel\n"):
            with self.assertRaises(coverage.Wrong):
                coverage.seen_in(line)


class Expected(unittest.TestCase):
    def test_errors_and_success(self):
        self.assertEqual(set(coverage.expected_by(TABLE, IOCTLS)), {(1, 0), (1, 14), (1, 22), (0x3A, 0), (0x3A, 14)})

    def test_an_ioctl_without_rows_is_refused(self):
        with self.assertRaisesRegex(coverage.Wrong, "LX_WAIT"):
            coverage.expected_by(TABLE[:3], IOCTLS)

    def test_mistakes_are_refused(self):
        for row in ("3a,EFAULT,argument", "01,EINVAL,again", "3a,ENOSUCH,x", "3b,EINVAL,x", "3a,EINVAL,"):
            with self.assertRaises(coverage.Wrong, msg=row):
                coverage.expected_by([*TABLE, row], IOCTLS)


class Report(unittest.TestCase):
    def setUp(self):
        self.expected = coverage.expected_by(TABLE, IOCTLS)

    def test_all_seen(self):
        self.assertEqual(coverage.report(self.expected, set(self.expected) | {(1, 5)}, IOCTLS), ["5 passed, 0 failed"])

    def test_each_gap_is_named(self):
        lines = coverage.report(self.expected, {(1, 0), (1, errno.EINVAL), (0x3A, 0)}, IOCTLS)
        self.assertEqual(lines, ["not ok 01 LX_ONE EFAULT: argument", "not ok 3a LX_WAIT EFAULT: argument",
                                 "3 passed, 2 failed"])

    def test_success_that_was_not_seen_is_a_gap(self):
        self.assertIn("not ok 3a LX_WAIT 0: success", coverage.report(self.expected, {(1, 0)}, IOCTLS))


class OwnFiles(unittest.TestCase):
    def test_the_header_has_65(self):
        header = (ROOT / "include/uapi/misc/d3dkmthk.h").read_text(encoding="utf-8")
        ioctls = coverage.ioctls_of(header)
        self.assertEqual((len(ioctls), ioctls[1], ioctls[0x49]), (65, "LX_DXOPENADAPTERFROMLUID", "LX_ISFEATUREENABLED"))

    def test_the_table_is_complete(self):
        header = (ROOT / "include/uapi/misc/d3dkmthk.h").read_text(encoding="utf-8")
        with open(ROOT / "tools/testing/selftests/dxg/errors.csv", encoding="utf-8") as table:
            expected = coverage.expected_by(table, coverage.ioctls_of(header))
        self.assertIn((0x3A, errno.EINTR), expected)


if __name__ == "__main__":
    testing.main()
