#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How much was attacked must not be said too high, nor too low."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz_counts  # noqa: E402  (the path above comes first)
import testing  # noqa: E402

LOG = """# 10 s: 1000 calls, 400 of them worked, 200 other actions, 5 faults, 2 rounds, 8 processes, 4 kills, the slowest took 90 ms\r
# 20 s: 2100 calls, 900 of them worked, 410 other actions, 11 faults, 4 rounds, 17 processes, 9 kills, the slowest took 120 ms\r
ok 1 processes end when they are killed\r
gpupv-host: 5123 messages, 17 processes (0 left), 0 objects left, 0 protocol violations
gpupv-host: faults made: 12 delay, 3 truncate
"""


class Counts(unittest.TestCase):
    def test_the_last_line_has_all_of_a_guest(self):
        counts = fuzz_counts.counts_of(LOG)
        self.assertEqual((counts["calls"], counts["worked"], counts["kills"], counts["seconds"]), (2100, 900, 9, 20))

    def test_of_the_host(self):
        counts = fuzz_counts.counts_of(LOG)
        self.assertEqual((counts["messages"], counts["host faults"]), (5123, 15))

    def test_a_guest_that_has_said_nothing(self):
        self.assertEqual(set(fuzz_counts.counts_of("no guest\n").values()), {0})

    def test_several(self):
        slower = LOG.replace("took 120 ms", "took 700 ms")
        total = fuzz_counts.total_of([fuzz_counts.counts_of(LOG), fuzz_counts.counts_of(slower)])
        self.assertEqual((total["calls"], total["slowest"], total["messages"]), (4200, 700, 10246))
        self.assertIn("4200 calls in 40 s", fuzz_counts.sentence(total))


if __name__ == "__main__":
    testing.main()
