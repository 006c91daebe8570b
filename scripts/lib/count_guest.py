#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Count what a guest has printed: each failure, and `N passed, N failed`.

usage: count_guest.py LOG STATUS   what the guest printed, and the exit status of its host
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import results  # noqa: E402  (the path above comes first)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tally = results.from_guest(Path(sys.argv[1]).read_text(errors="replace"), int(sys.argv[2]), kunit=False)
    for failure in tally.failed:
        print(f"FAIL   {failure}")
    print(tally.closing_line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
