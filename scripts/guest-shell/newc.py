#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""newc.py DIR > FILE : the files of DIR as an archive that the kernel unpacks ("newc").

All files belong to root and have no time: the same files make the same archive.
"""

import os
import stat
import sys

MAGIC = b"070701"
ALIGN = 4
# Sizes have 32 bits.
SIZE_MAX = (1 << 32) - 1
CHUNK = 1 << 20


class NewcError(Exception):
    """A file cannot be put into an archive."""


class Archive:
    """An archive that is being written to `out`."""

    def __init__(self, out):
        self._out = out
        self._inode = 0
        self.size = 0
        # Names of files that have no place in an archive, such as sockets.
        self.left_out = []

    def directory(self, name):
        self._header(name, stat.S_IFDIR | 0o755, 0)

    def file(self, name, content, mode=0o644):
        self._header(name, stat.S_IFREG | mode, len(content))
        self._write(content)
        self._pad()

    def copy(self, name, path, mode=None):
        """Adds the file at `path`; a symbolic link is followed."""
        with open(path, "rb") as source:
            info = os.fstat(source.fileno())
            self._header(name, stat.S_IFREG | stat.S_IMODE(info.st_mode if mode is None else mode), info.st_size)
            left = info.st_size
            while left:
                chunk = source.read(min(left, CHUNK))
                if not chunk:
                    raise NewcError(f"{path} became shorter while it was read")
                self._write(chunk)
                left -= len(chunk)
        self._pad()

    def tree(self, directory, prefix="", skip=()):
        """Adds what is in `directory`, with names that begin with `prefix`, but not the names in `skip`."""
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
            name = prefix + entry.name
            if name in skip:
                continue
            if entry.is_symlink():
                target = os.fsencode(os.readlink(entry.path))
                self._header(name, stat.S_IFLNK | 0o777, len(target))
                self._write(target)
                self._pad()
            elif entry.is_dir():
                self._header(name, stat.S_IFDIR | stat.S_IMODE(entry.stat().st_mode), 0)
                self.tree(entry.path, name + "/", skip)
            elif entry.is_file():
                self.copy(name, entry.path)
            else:
                self.left_out.append(name)

    def finish(self):
        self._header("TRAILER!!!", 0, 0)
        self._out.flush()

    def _header(self, name, mode, size):
        if size > SIZE_MAX:
            raise NewcError(f"{name} is larger than 4 GiB")
        self._inode += 1
        name = os.fsencode(name) + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name), 0]
        self._write(MAGIC + b"".join(b"%08x" % field for field in fields) + name)
        self._pad()

    def _write(self, content):
        self._out.write(content)
        self.size += len(content)

    def _pad(self):
        self._write(b"\0" * (-self.size % ALIGN))


if __name__ == "__main__":
    archive = Archive(sys.stdout.buffer)
    archive.tree(sys.argv[1])
    archive.finish()
