# SPDX-License-Identifier: GPL-2.0
"""Which phases have passed, and with what exactly: what would only be repeated is not run again.

What a phase is made of is named by its content, not by its place: what has passed in one
checkout has in every other one that is the same.
"""

import hashlib
import json
import re
import shutil
import time
from pathlib import Path

from results import Tally

# What builds leave between the sources, see .gitignore.
MADE = re.compile(r"(\.(o|ko|mod|mod\.c|cmd|d|rmeta|pyc|symversions|md)|^modules\.order|^Module\.symvers|^bindings_generated\.rs)$")
MADE_DIRECTORIES = {"target", "build", "__pycache__", ".git"}
# Entries of one phase that are kept.
MOST = 8


def fingerprint(inputs):
    """A name for these words, and files and directories given as paths: what they hold counts, not their place."""
    total = hashlib.sha256()
    for word in inputs:
        if not isinstance(word, Path):
            content = word
        elif word.is_dir():
            content = "".join(f"{file.relative_to(word)}\0{digest(file)}\0" for file in sources(word))
        else:
            content = digest(word)
        total.update(f"{len(content)}:{content}".encode())
    return total.hexdigest()


def sources(directory):
    """The files below a directory that no build has made and that are no pages to read, in the order of their names."""
    return [path for path in sorted(directory.rglob("*")) if path.is_file() and not MADE.search(path.name)
            and not MADE_DIRECTORIES.intersection(path.relative_to(directory).parts)]


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Passed:
    """The memory: of each phase that passed what it came to, and its log. It only holds phases without a failure."""

    def __init__(self, directory):
        self.directory = directory

    def recall(self, name, key):
        """The tally of phase `name`, if it has passed with the inputs that `key` stands for, and its log."""
        try:
            entry = json.loads(self._entry(name, key).read_text())
            tally = Tally(passed=int(entry["passed"]), skipped=int(entry["skipped"]),
                          note=f"as on {entry['when']}: nothing that it depends on has changed")
            log = self._entry(name, key).with_suffix(".log")
            if entry["key"] == key and log.is_file():
                return tally, log
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def forget(self, name, key):
        """To be called before the phase runs again."""
        self._entry(name, key).unlink(missing_ok=True)

    def keep(self, name, key, tally, log):
        if tally.failed:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        entry = {"key": key, "passed": tally.passed, "skipped": tally.skipped, "when": time.strftime("%F %R")}
        place = self._entry(name, key)
        # The log first: an entry is complete when it is there.
        for suffix, write in ((".log", lambda part: shutil.copyfile(log, part)),
                              (".json", lambda part: part.write_text(json.dumps(entry)))):
            part = place.with_suffix(f"{suffix}.part")
            write(part)
            part.rename(place.with_suffix(suffix))
        self._prune(name)

    def _prune(self, name):
        entries = sorted(self.directory.glob(f"{name}@*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in entries[MOST:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".log").unlink(missing_ok=True)

    def _entry(self, name, key):
        return self.directory / f"{name}@{key[:24]}.json"
