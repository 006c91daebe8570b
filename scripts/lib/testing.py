# SPDX-License-Identifier: GPL-2.0
"""Run the unit tests of a script: the same closing line as every other script of the project."""

import sys
import unittest


def main():
    outcome = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    broken = outcome.failures + outcome.errors
    for test, _ in broken:
        print(f"not ok {test.id()}")
    print(f"{outcome.testsRun - len(broken)} passed, {len(broken)} failed")
    sys.exit(bool(broken))
