#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks that names, comments, logs and documents use the field's words: no metaphor that a reader has to look up."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
# Each with what is meant
WORDS = {
    r"limbo": "deferred unpinning", r"bur(y|ial|ied)": "tear down, destroy", r"forsak\w*": "cancel the waits",
    r"farewells?|goodbyes?": "DESTROYPROCESS, CLOSEADAPTER, teardown", r"census": "object statistics",
    r"\w*patien(t|ce)": "wait mode, time limit", r"doom(s|ed)?": "mark as dying", r"newborns?": "pending handles",
    r"aftermath": "what is closed, what is left", r"neighbours?": "other process", r"twins?": "duplicate",
}
# Names of types that were metaphors
TYPES = ["Limbo", "Burial", "Census", "Quota", "Permit", "Newborn", "Seat", "Lane", "Inbox", "Notices", "Dependents", "HostView",
         "CpuView", "GlobalWay", "Birth"]
# Comments of the module speak of threads, processes and callers.
PERSONS = re.compile(r"\b(nobody|somebody|everybody|whoever)\b", re.IGNORECASE)
PATTERNS = [(re.compile(rf"\b({pattern})\b", re.IGNORECASE), meant) for pattern, meant in WORDS.items()]
TYPE = re.compile(rf"\b({'|'.join(TYPES)})\b")
FILES = re.compile(r"\.(rs|c|h|sh|py|md|rst|toml)$|^scripts/[\w-]+$|Kconfig$|Kbuild$|Makefile$")
LEFT_OUT = {"scripts/lib/words.py", "scripts/lib/words_test.py"}


def sources():
    """The files that are read, as paths in the project."""
    try:
        listed = subprocess.run(["git", "-C", TOP, "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(TOP)) for path in TOP.rglob("*") if path.is_file()
                  and not {".git", "target", "build"}.intersection(path.relative_to(TOP).parts)]
    return [name for name in sorted(listed) if FILES.search(name) and name not in LEFT_OUT and (TOP / name).is_file()]


def riddles(name, text):
    """The words in a file that are no terms of the field, as sentences."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, meant in PATTERNS:
            if found := pattern.search(line):
                yield f"{name}:{number}: '{found[0]}': say what is meant ({meant})"
        if name.endswith(".rs") and (found := TYPE.search(line)):
            yield f"{name}:{number}: '{found[0]}' is no term of the field"
        if re.match(r"(src|c|compat)/", name) and (found := PERSONS.search(line)):
            yield f"{name}:{number}: '{found[0]}': name the thread, process or caller"


def main():
    found = [sentence for name in sources() for sentence in riddles(name, (TOP / name).read_text(errors="replace"))]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
