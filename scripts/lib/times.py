# SPDX-License-Identifier: GPL-2.0
"""Where the time of a run went: per part, and per program of the guests.

scripts/guest/init prints with each program's two marker lines what /proc/uptime says:
seconds since the start, and seconds in which processors had nothing to do, added up.
"""

import csv
import re
from dataclasses import dataclass

MARK = re.compile(r"^### (begin|end) (\S+)(?: \d+)? at ([\d.]+) s, idle ([\d.]+) s", re.M)


@dataclass
class Program:
    """One program in one guest; times in seconds."""
    part: str
    name: str
    time: float
    # Of that time the share in which the guest's processors waited, on average over them.
    waiting: float


@dataclass
class Part:
    """One part of a run; times in seconds."""
    name: str
    time: float
    # From the start of the part to the first program of its guest; 0 without a guest.
    boot: float = 0.0


def programs_of(part, text, cpus):
    """The programs that a guest has run to their end, from what it printed."""
    begun = {}
    found = []
    for kind, name, up, idle in MARK.findall(text.replace("\r", "")):
        now = float(up), float(idle)
        if kind == "begin":
            begun[name] = now
        elif name in begun:
            before = begun.pop(name)
            time = now[0] - before[0]
            found.append(Program(part, name, time, min(1.0, (now[1] - before[1]) / cpus / time) if time else 0.0))
    return found


def boot_of(text, time):
    """How long a guest took to get to its first program, when its part took `time` seconds."""
    marks = [float(up) for _, _, up, _ in MARK.findall(text.replace("\r", ""))]
    return max(0.0, time - (marks[-1] - marks[0])) if marks else 0.0


class Profile:
    """The times of one run."""

    def __init__(self):
        self.parts = []
        self.programs = []

    def add(self, part, programs):
        self.parts.append(part)
        self.programs += programs

    def dearest(self, count=10):
        return sorted(self.programs, key=lambda program: program.time, reverse=True)[:count]

    def lines(self):
        """For people: the parts and the dearest programs, the longest first."""
        if not self.parts:
            return []
        lines = ["Time per part (of it until the first program of the guest):"]
        for part in sorted(self.parts, key=lambda part: part.time, reverse=True):
            boot = f" ({part.boot:.0f} s)" if part.boot else ""
            lines.append(f"  {part.time:7.1f} s  {part.name}{boot}")
        if self.programs:
            lines.append("The ten dearest programs (of it the processors of the guest waited):")
            for program in self.dearest():
                lines.append(f"  {program.time:7.1f} s  {program.part}: {program.name} ({program.waiting:.0%})")
        return lines

    def write(self, path):
        """The same as CSV, with all programs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["part", "program", "seconds", "seconds_to_first_program", "waiting"])
            for part in self.parts:
                table.writerow([part.name, "", f"{part.time:.1f}", f"{part.boot:.1f}", ""])
            for program in self.programs:
                table.writerow([program.part, program.name, f"{program.time:.1f}", "", f"{program.waiting:.2f}"])
