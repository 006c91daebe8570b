# SPDX-License-Identifier: GPL-2.0
"""Which phases have passed, and with what exactly: what would only be repeated is not run again."""

import hashlib
import json
import time
from pathlib import Path

from results import Tally


def fingerprint(inputs):
    """A name for these words, files and directories: what a file or directory holds counts, not its place."""
    total = hashlib.sha256()
    for word in map(str, inputs):
        path = Path(word)
        if path.is_dir():
            content = "".join(f"{file.relative_to(path)}\0{digest(file)}\0"
                              for file in sorted(path.rglob("*")) if file.is_file())
        else:
            content = digest(path) if path.is_file() else word
        total.update(f"{len(content)}:{content}".encode())
    return total.hexdigest()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Passed:
    """The memory, one file per phase. It only holds phases without a failure."""

    def __init__(self, directory):
        self.directory = directory

    def recall(self, name, key):
        """The tally of phase `name`, if the last time it ran it passed with the inputs that `key` stands for."""
        try:
            entry = json.loads(self._file(name).read_text())
            if entry["key"] == key:
                return Tally(passed=int(entry["passed"]), skipped=int(entry["skipped"]),
                             note=f"as on {entry['when']}: nothing that it depends on has changed")
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def forget(self, name):
        """To be called before the phase runs: its log is overwritten then, however it ends."""
        self._file(name).unlink(missing_ok=True)

    def keep(self, name, key, tally):
        if tally.failed:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        entry = {"key": key, "passed": tally.passed, "skipped": tally.skipped, "when": time.strftime("%F %R")}
        part = self._file(name).with_suffix(".part")
        part.write_text(json.dumps(entry))
        part.rename(self._file(name))

    def _file(self, name):
        return self.directory / f"{name}.json"
