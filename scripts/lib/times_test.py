#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Times that are attributed to the wrong program mislead."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import times  # noqa: E402  (the path above comes first)
import testing  # noqa: E402

LOG = """### begin lock at 10.00 s, idle 4.00 s\r
ok 1 x\r
### end lock 0 at 14.00 s, idle 8.00 s\r
### begin dead at 14.50 s, idle 8.00 s\r
### begin sync at 20.00 s, idle 9.00 s\r
### end sync 1 at 21.00 s, idle 11.00 s\r
"""


class Programs(unittest.TestCase):
    def test_time_and_waiting(self):
        programs = times.programs_of("stock", LOG, cpus=2)
        self.assertEqual([(p.part, p.name, p.time, p.waiting) for p in programs],
                         [("stock", "lock", 4.0, 0.5), ("stock", "sync", 1.0, 1.0)])

    def test_a_program_without_an_end_has_no_time(self):
        self.assertNotIn("dead", [program.name for program in times.programs_of("stock", LOG, 2)])

    def test_boot_is_what_comes_before_and_after_the_programs(self):
        self.assertEqual(times.boot_of(LOG, 31.0), 20.0)
        self.assertEqual(times.boot_of("nothing", 31.0), 0.0)


class Summary(unittest.TestCase):
    def setUp(self):
        self.profile = times.Profile()
        self.profile.add(times.Part("lint", 3.0), [])
        self.profile.add(times.Part("stock", 31.0, 20.0), times.programs_of("stock", LOG, 2))

    def test_the_longest_comes_first(self):
        lines = self.profile.lines()
        self.assertEqual(lines[1].split(), ["31.0", "s", "stock", "(20", "s)"])
        self.assertEqual(lines[-2].split()[2:], ["stock:", "lock", "(50%)"])

    def test_ten_at_the_most(self):
        many = [times.Program("stock", f"p{number}", float(number), 0.0) for number in range(30)]
        self.profile.add(times.Part("more", 1.0), many)
        self.assertEqual([program.name for program in self.profile.dearest()], [f"p{number}" for number in range(29, 19, -1)])

    def test_a_row_for_each_part_and_program(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new" / "times.csv"
            self.profile.write(path)
            rows = path.read_text().splitlines()
        self.assertEqual(rows[0], "part,program,seconds,seconds_to_first_program,waiting")
        self.assertEqual(rows[1:], ["lint,,3.0,0.0,", "stock,,31.0,20.0,", "stock,lock,4.0,,0.50", "stock,sync,1.0,,1.00"])

    def test_nothing_ran(self):
        self.assertEqual(times.Profile().lines(), [])


if __name__ == "__main__":
    testing.main()
