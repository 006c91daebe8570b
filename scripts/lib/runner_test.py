#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A part that ends in an unforeseen way is a failure, and no other part is lost with it."""

import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ.setdefault("DXG_CACHE", tempfile.gettempdir())

import runner  # noqa: E402  (the path above comes first)
import testing  # noqa: E402
from results import Broken, Tally  # noqa: E402
from times import Part as Times  # noqa: E402


class Part:
    """A part that does what the test wants."""
    kernel = None

    def __init__(self, run):
        self.run = run

    def times(self, name, _log, seconds):
        return Times(name, seconds), []


def raises(problem):
    def run(_name):
        raise problem
    return run


class Run(unittest.TestCase):
    def run_parts(self, **parts):
        session = runner.Session({name: Part(run) for name, run in parts.items()})
        with contextlib.redirect_stdout(io.StringIO()) as said:
            session.run([name for name in parts if name != "last"], [name for name in parts if name == "last"])
        return session, said.getvalue()

    def test_results_add_up(self):
        session, said = self.run_parts(a=lambda _: (Tally(passed=2), None), b=lambda _: (Tally(passed=1, failed=["x"]), None),
                                       last=lambda _: (Tally(passed=1), None))
        self.assertEqual(session.total.closing_line(), "4 passed, 1 failed")
        self.assertIn("[3/3] last: 1 passed, 0 failed", said)

    def test_whatever_goes_wrong_is_a_failure_and_the_others_run(self):
        session, said = self.run_parts(a=raises(Broken("no kernel")), b=raises(PermissionError("not allowed")),
                                       c=raises(ValueError("odd")), d=lambda _: (Tally(passed=1), None))
        self.assertEqual((session.total.passed, len(session.total.failed)), (1, 3))
        for words in ("no kernel", "PermissionError: not allowed", "ValueError: odd"):
            self.assertIn(words, said)

    def test_what_is_made_once_is_made_for_all(self):
        made = []
        once = runner.Once(lambda: made.append(1))
        once.get()
        once.get()
        self.assertEqual(made, [1])

    def test_what_cannot_be_made_is_a_failure_for_all(self):
        tries = []

        def make():
            tries.append(1)
            raise Broken("no kernel")
        once = runner.Once(make)
        for _ in range(2):
            with self.assertRaises(Broken) as raised:
                once.get()
            self.assertEqual(str(raised.exception), "no kernel")
        self.assertEqual(tries, [1])

    def test_every_part_has_its_time(self):
        session, _ = self.run_parts(a=lambda _: (Tally(passed=1), None), b=lambda _: (Tally(note="as before"), None))
        self.assertEqual([part.name for part in session.profile.parts], ["a"])


if __name__ == "__main__":
    testing.main()
