#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A word that is no term of the field must be found where it is one, and nowhere else."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import testing  # noqa: E402  (the path above comes first)
import words  # noqa: E402


class Words(unittest.TestCase):
    def found(self, name, line):
        return list(words.riddles(name, line + "\n"))

    def test_metaphors_are_found_in_names_and_sentences(self):
        self.assertEqual(len(self.found("src/a.rs", "fn f(limbo: u32)")), 1)
        self.assertEqual(len(self.found("README.md", "The host has no patience.")), 1)
        self.assertEqual(len(self.found("tools/a.c", "/* It is doomed. */")), 1)

    def test_types_are_found_in_rust_only(self):
        self.assertEqual(len(self.found("tools/a.rs", "struct Lane;")), 1)
        self.assertEqual(self.found("README.md", "Lane"), [])

    def test_persons_are_found_in_the_module_only(self):
        self.assertEqual(len(self.found("src/a.rs", "/// Nobody waits.")), 1)
        self.assertEqual(self.found("scripts/run", "# Nobody waits."), [])

    def test_parts_of_other_words_are_none(self):
        self.assertEqual(self.found("src/a.rs", "let winter = between; // a winding path"), [])

    def test_all_folders_are_read(self):
        names = words.sources()
        for folder in ("src/", "c/", "tools/gpupv-host/", "tools/testing/", "Documentation/", "scripts/"):
            self.assertTrue(any(name.startswith(folder) for name in names), folder)


if __name__ == "__main__":
    testing.main()
