# SPDX-License-Identifier: GPL-2.0
"""Which results of which ioctls the tests have seen, and which they should have.

A test program prints `# coverage: 01:0 01:22 06:14`: the hexadecimal number of an
ioctl and the errno it returned, 0 for success. The table of the errors that can be
had has the columns nr, errno (by name) and cause.
"""

import csv
import errno
import re


class Wrong(Exception):
    """A file that cannot be what it should be."""


def seen_in(text):
    """The (number, errno) pairs of a log; the terminal of a guest ends lines its own way."""
    seen = set()
    for line in re.findall(r"^# coverage:(.*?)\r?$", text, re.M):
        for pair in line.split():
            match = re.fullmatch(r"([0-9a-f]{2}):(\d+)", pair)
            # Part of a line that was cut off is no result.
            if not match:
                raise Wrong(f"not a result: {pair!r}")
            seen.add((int(match[1], 16), int(match[2])))
    return seen


def ioctls_of(header):
    """Number to name of every ioctl of the UAPI header."""
    return {int(number, 16): name for name, number in
            re.findall(r"^#define (LX_\w+)\s*\\?\s*_IOWR\(0x47, (0x[0-9a-f]+),", header, re.M)}


def expected_by(table, ioctls):
    """The pairs of the table with their causes, and success for every ioctl."""
    expected = {(number, 0): "success" for number in ioctls}
    last = None
    for row in csv.DictReader(table):
        key = (row["nr"], row["errno"])
        where = ",".join(key)
        if last and key <= last:
            raise Wrong(f"{where}: not in order, or twice")
        last = key
        number, error = int(row["nr"], 16), getattr(errno, row["errno"], None)
        if number not in ioctls:
            raise Wrong(f"{where}: no such ioctl")
        if error is None:
            raise Wrong(f"{where}: no such error")
        if not row["cause"]:
            raise Wrong(f"{where}: no cause")
        expected[number, error] = row["cause"]
    # An ioctl that copies its argument can at least fail to.
    for number in ioctls:
        if (number, errno.EFAULT) not in expected:
            raise Wrong(f"{number:02x} {ioctls[number]}: has no errors")
    return expected


def report(expected, seen, ioctls):
    """One line per pair that was not seen, then the count."""
    missing = sorted(set(expected) - seen)
    lines = []
    for number, error in missing:
        name = errno.errorcode[error] if error else "0"
        lines.append(f"not ok {number:02x} {ioctls[number]} {name}: {expected[number, error]}")
    return [*lines, f"{len(expected) - len(missing)} passed, {len(missing)} failed"]
