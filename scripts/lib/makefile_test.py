#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What `make` hands on to the kernel's build, from a checkout with a name of any kind."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import testing  # noqa: E402  (the path above comes first)

TOP = Path(__file__).resolve().parent.parent.parent


class Make(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        self.kdir = self.base / "kernel"
        self.kdir.mkdir()
        (self.kdir / "Makefile").write_text("modules:\n\t@echo 'M=$(M) RUSTC=$(RUSTC) $(origin RUSTC) LLVM=$(LLVM)'\n")

    def make(self, *arguments, name="checkout", serves=True, **variables):
        top = self.base / name
        (top / "scripts/lib").mkdir(parents=True)
        shutil.copy(TOP / "Makefile", top)
        for script in "exclusive", "check-kdir", "lib/common.sh", "lib/rust-config.sh":
            shutil.copy(TOP / "scripts" / script, top / "scripts" / script)
        if serves:
            (top / "scripts/check-kdir").write_text("#!/bin/sh\nexit 0\n")
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        done = subprocess.run(["make", "-s", "--no-print-directory", "-C", top, *arguments], capture_output=True, text=True,
                              env={**environment, **variables})
        return top, done.returncode, done.stdout + done.stderr

    def test_tools_of_the_environment(self):
        top, status, said = self.make(f"KDIR={self.kdir}", RUSTC="/opt/rust c", LLVM="1")
        self.assertEqual((status, said), (0, f"M={top} RUSTC=/opt/rust c command line LLVM=1\n"))

    def test_tools_of_the_command_line(self):
        top, status, said = self.make(f"KDIR={self.kdir}", "RUSTC=rustc-1.85", RUSTC="other")
        self.assertEqual((status, said), (0, f"M={top} RUSTC=rustc-1.85 command line LLVM=\n"))

    def test_a_checkout_with_a_blank_in_its_name(self):
        _, status, said = self.make(f"KDIR={self.kdir}", name="a checkout", serves=False)
        self.assertNotEqual(status, 0)
        self.assertIn("error: kernel builds cannot handle the path", said)
        self.assertIn("a checkout'", said)

    def test_a_kernel_tree_with_a_blank_in_its_name(self):
        tree = self.kdir.rename(self.base / "a kernel")
        _, status, said = self.make(f"KDIR={tree}", serves=False)
        self.assertNotEqual(status, 0)
        self.assertIn(f"error: kernel builds cannot handle the path '{tree}'", said)


if __name__ == "__main__":
    testing.main()
