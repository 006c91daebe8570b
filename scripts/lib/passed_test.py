#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A memory of what has passed must never say so of something else."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import passed  # noqa: E402  (the path above comes first)
import testing  # noqa: E402
from results import Tally  # noqa: E402


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path


class Fingerprint(Folder):
    def test_content_counts_and_not_the_place(self):
        one, same, other = self.file("one", "x"), self.file("same", "x"), self.file("other", "y")
        self.assertEqual(passed.fingerprint(["boot", one]), passed.fingerprint(["boot", same]))
        self.assertNotEqual(passed.fingerprint(["boot", one]), passed.fingerprint(["boot", other]))

    def test_words_are_no_files_however_long(self):
        one = self.file("one", "x")
        self.assertNotEqual(passed.fingerprint([str(one)]), passed.fingerprint([one]))
        self.assertNotEqual(passed.fingerprint(["a" * 5000]), passed.fingerprint(["a" * 5001]))

    def test_words_count_and_where_they_end(self):
        keys = [passed.fingerprint(words) for words in (["ab", "c"], ["a", "bc"], ["abc"], ["ab"], ["c", "ab"], [])]
        self.assertEqual(len(set(keys)), len(keys))

    def test_directories_count_with_names_and_content(self):
        def key(**files):
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                for name, content in files.items():
                    self.file(f"{folder}/sub/{name}", content)
                return passed.fingerprint([Path(folder)])
        keys = [key(a="1", b="2"), key(a="2", b="1"), key(a="1"), key(c="1", b="2")]
        self.assertEqual(len(set(keys)), len(keys))
        self.assertEqual(key(a="1", b="2"), keys[0])

    def test_what_builds_leave_does_not_count(self):
        source = self.file("tree/sub/a.rs", "x").parent.parent
        key = passed.fingerprint([source])
        for made in ("sub/a.o", "sub/.a.o.cmd", "a.ko", "a.mod.c", "modules.order", "target/b.rs", "sub/__pycache__/c.py",
                     "sub/README.md"):
            self.file(f"tree/{made}", "y")
        self.assertEqual(passed.fingerprint([source]), key)
        for other in ("sub/b.rs", "targets/b.rs", "cmd", "order"):
            self.file(f"tree/{other}", "y")
            changed = passed.fingerprint([source])
            self.assertNotEqual(changed, key)
            key = changed


class Memory(Folder):
    def setUp(self):
        super().setUp()
        self.memory = passed.Passed(self.folder / "not" / "there")
        self.log = self.file("log", "ok 1")

    def keep(self, key="key", **tally):
        self.memory.keep("stock", key, Tally(**tally), self.log)

    def test_what_passed_is_recalled_with_its_log(self):
        self.assertIsNone(self.memory.recall("stock", "key"))
        self.keep(passed=7, skipped=2)
        self.log.write_text("of another run")
        again, log = passed.Passed(self.memory.directory).recall("stock", "key")
        self.assertEqual((again.passed, again.failed, again.skipped), (7, [], 2))
        self.assertIn("nothing that it depends on", again.note)
        self.assertEqual(log.read_text(), "ok 1")

    def test_nothing_else_is(self):
        self.keep(passed=7)
        self.assertIsNone(self.memory.recall("stock", "other key"))
        self.assertIsNone(self.memory.recall("stock-old", "key"))
        self.assertIsNone(self.memory.recall("debug", "key"))
        self.memory.forget("stock", "key")
        self.memory.forget("stock", "key")
        self.assertIsNone(self.memory.recall("stock", "key"))

    def test_keys_that_begin_alike_are_told_apart(self):
        self.keep(key="k" * 64, passed=7)
        self.assertIsNone(self.memory.recall("stock", "k" * 63 + "j"))

    def test_a_failure_is_not_kept(self):
        self.keep(passed=7, failed=["one"])
        self.assertIsNone(self.memory.recall("stock", "key"))

    def test_an_entry_without_its_log_is_none(self):
        self.keep(passed=7)
        next(self.memory.directory.glob("*.log")).unlink()
        self.assertIsNone(self.memory.recall("stock", "key"))

    def test_a_broken_entry_is_none(self):
        self.keep(passed=7)
        entry = next(self.memory.directory.glob("*.json"))
        for content in ("", "{", "[]", '{"key": "key"}', '{"key": "key", "passed": null, "skipped": 0, "when": ""}'):
            entry.write_text(content)
            self.assertIsNone(self.memory.recall("stock", "key"))

    def test_some_are_kept_and_not_all(self):
        for number in range(2 * passed.MOST):
            self.keep(key=f"{number:064}"[::-1], passed=1)
        self.assertEqual(len(list(self.memory.directory.iterdir())), 2 * passed.MOST)


if __name__ == "__main__":
    testing.main()
