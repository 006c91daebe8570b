#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Sum up what attacks have done, from the logs of their guests.

usage: fuzz_counts.py LOG...
"""

import re
import sys
from pathlib import Path

# What fuzz_ioctl says of itself every few seconds: the last of these lines counts.
PROGRESS = re.compile(r"^# (\d+) s: (\d+) calls, (\d+) of them worked, (\d+) other actions, (\d+) faults, "
                      r"(\d+) rounds, (\d+) processes, (\d+) kills, the slowest took (\d+) ms", re.M)
# What the host says at the end
MESSAGES = re.compile(r"(\d+) messages?, \d+ process")
FAULTS = re.compile(r"faults made: (.*)")


def counts_of(text):
    """What one guest and its host have done; what they did not say is 0."""
    counts = dict.fromkeys(("seconds", "calls", "worked", "faults", "kills", "slowest", "messages", "host faults"), 0)
    for match in list(PROGRESS.finditer(text.replace("\r", "")))[-1:]:
        seconds, calls, worked, _, faults, _, _, kills, slowest = map(int, match.groups())
        counts.update({"seconds": seconds, "calls": calls, "worked": worked, "faults": faults, "kills": kills, "slowest": slowest})
    for match in MESSAGES.findall(text)[-1:]:
        counts["messages"] = int(match)
    for match in FAULTS.findall(text)[-1:]:
        counts["host faults"] = sum(int(number) for number in re.findall(r"\b\d+\b", match))
    return counts


def total_of(all_counts):
    """The sum of several; of the slowest kill the slowest."""
    total = counts_of("")
    for counts in all_counts:
        for name, count in counts.items():
            total[name] = max(total[name], count) if name == "slowest" else total[name] + count
    return total


def sentence(counts):
    return (f"{counts['calls']} calls in {counts['seconds']} s, {counts['worked']} of them worked, {counts['messages']} messages, "
            f"{counts['faults']} faults of memory, {counts['host faults']} faults of the host, {counts['kills']} kills, "
            f"the slowest took {counts['slowest']} ms")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(sentence(total_of(counts_of(Path(name).read_text(errors="replace")) for name in sys.argv[1:])))


if __name__ == "__main__":
    main()
