#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What scripts/check-kdir says of kernel trees, with lines as kernels write them into auto.conf."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import testing  # noqa: E402  (the path above comes first)

SCRIPTS = Path(__file__).resolve().parent.parent
RUSTC = "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)"
BINDGEN = "bindgen 0.71.1"

CLANG = {"CC_IS_GCC": None, "CC_IS_CLANG": "y", "CC_VERSION_TEXT": "Debian clang version 19.1.7 (3+b1)"}

# A kernel that serves, as Debian's 7.3 says it.
GOOD = {
    "HAVE_RUST": "y", "RUST_IS_AVAILABLE": "y", "RUST": "y", "RUSTC_VERSION_TEXT": RUSTC, "BINDGEN_VERSION_TEXT": BINDGEN,
    "CC_VERSION_TEXT": "gcc-14 (Debian 14.2.0-19) 14.2.0", "CC_IS_GCC": "y", "EVENTFD": "y", "PAGE_SIZE_4KB": "y",
    "RUSTC_VERSION": "108501", "LOCALVERSION": "", "CC_HAS_ASM_GOTO_OUTPUT": "y",
    "RANDSTRUCT_NONE": "y", "LTO_NONE": "y", "HYPERV_VMBUS": "y",
    "PCI": "y", "DEBUG_INFO_BTF": "y", "PAHOLE_HAS_LANG_EXCLUDE": "y", "CALL_PADDING": "y",
}


class Tree:
    """A directory like a prepared kernel tree, and tools that say which version they are."""

    def __init__(self, directory, release="7.3.4+deb13-amd64", rustc=RUSTC, bindgen=BINDGEN, **options):
        self.root = Path(directory) / "tree"
        self.tools = Path(directory) / "tools"
        for part in self.root / "include/config", self.root / "rust", self.tools:
            part.mkdir(parents=True)
        values = {**GOOD, **options}
        (self.root / "include/config/auto.conf").write_text(
            "#\n# Automatically generated file; DO NOT EDIT.\n#\n" +
            "".join(f"CONFIG_{name}={value}\n" for name, value in values.items() if value or name == "LOCALVERSION"))
        (self.root / "include/config/kernel.release").write_text(release + "\n")
        (self.root / "rust/libkernel.rmeta").write_bytes(b"rust")
        (self.root / "Module.symvers").write_text("0x00000000\tvmbus_open\tvmlinux\tEXPORT_SYMBOL_GPL\t\n")
        for name, version in ("rustc", rustc), ("bindgen", bindgen):
            if version:
                self.tool(name, version)

    def tool(self, name, version):
        (self.tools / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (self.tools / name).chmod(0o755)

    def check(self, root=None, **variables):
        """The status, and what is said."""
        # Of the machine's own tools only those that the script uses
        for tool in "sed", "grep", "cat", "tail", "tr", "dirname", "bash":
            for place in "/usr/bin", "/bin":
                if os.path.exists(f"{place}/{tool}") and not (self.tools / tool).exists():
                    (self.tools / tool).symlink_to(f"{place}/{tool}")
        done = subprocess.run(["/bin/bash", SCRIPTS / "check-kdir", root or self.root],
                              env={"PATH": str(self.tools), **variables},
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class CheckKdir(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def tree(self, **how):
        return Tree(self.directory.name, **how)

    def assert_refused(self, tree, *texts, **variables):
        status, said = tree.check(**variables)
        self.assertEqual(status, 1, said)
        self.assertTrue(said.startswith("error: "), said)
        for text in texts:
            self.assertIn(text, said)

    def test_a_tree_that_serves(self):
        self.assertEqual(self.tree().check(), (0, ""))

    def test_quoted_strings(self):
        self.assertEqual(self.tree(RUSTC_VERSION_TEXT=f'"{RUSTC}"', BINDGEN_VERSION_TEXT=f'"{BINDGEN}"').check(), (0, ""))

    def test_no_tree(self):
        status, said = self.tree().check("/nowhere")
        self.assertEqual((status, "there is no kernel tree at /nowhere" in said), (1, True))

    def test_the_running_kernel_is_too_old(self):
        status, said = self.tree().check("/nowhere/lib/modules/6.6.87.2-microsoft-standard-WSL2/build")
        self.assertEqual((status, said.splitlines()[0]), (1, "error: 6.6.87.2-microsoft-standard-WSL2 is Linux 6.6, and the "
                                                             "module needs Linux 7.2 or newer."))

    def test_the_running_kernel_has_no_headers(self):
        status, said = self.tree().check("/nowhere/lib/modules/7.3.4-wsl/build")
        self.assertEqual((status, "there is no kernel tree at" in said), (1, True))

    def test_no_kernel_in_it(self):
        tree = self.tree()
        (tree.root / "include/config/kernel.release").unlink()
        self.assert_refused(tree, "is no kernel tree")

    def test_a_tree_that_is_not_prepared(self):
        tree = self.tree()
        (tree.root / "include/config/auto.conf").unlink()
        (tree.root / "include/config/kernel.release").unlink()
        (tree.root / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n")
        self.assert_refused(tree, "is not prepared", "modules_prepare")

    def test_old_kernels(self):
        for release, series in ("6.18.44", "6.18"), ("6.6.87.2-microsoft-standard-WSL2", "6.6"), ("7.1.9", "7.1"):
            with self.subTest(release), tempfile.TemporaryDirectory() as directory:
                self.assert_refused(Tree(directory, release=release), f"is Linux {series}, and the module needs Linux 7.2")

    def test_new_kernels(self):
        for release, warned in ("7.2.0", False), ("7.3.0-rc1", False), ("7.10.1", True), ("8.0.0", True):
            with self.subTest(release), tempfile.TemporaryDirectory() as directory:
                status, said = Tree(directory, release=release).check()
                self.assertEqual((status, "was tried with" in said), (0, warned))

    def test_why_there_is_no_rust(self):
        for options, text in (
            ({}, "CONFIG_RUST is not set"),
            ({"RUST_IS_AVAILABLE": ""}, "rustc, bindgen or the library's source was missing"),
            ({"HAVE_RUST": ""}, "this architecture or compiler has no Rust"),
            ({"MODVERSIONS": "y"}, "CONFIG_MODVERSIONS needs CONFIG_GENDWARFKSYMS"),
            ({"RANDSTRUCT": "y"}, "CONFIG_RANDSTRUCT excludes it"),
            ({"LTO_CLANG": "y"}, "CONFIG_DEBUG_INFO_BTF and CONFIG_LTO_CLANG together"),
            ({"PAHOLE_HAS_LANG_EXCLUDE": ""}, "CONFIG_DEBUG_INFO_BTF needs pahole 1.24"),
            ({"CFI": "y"}, "CONFIG_CFI needs"),
            ({"KASAN": "y"}, "CONFIG_KASAN needs clang"),
            ({"KASAN": "y", "KASAN_SW_TAGS": "y", **CLANG}, "CONFIG_KASAN_SW_TAGS needs rustc 1.96"),
        ):
            with self.subTest(text), tempfile.TemporaryDirectory() as directory:
                self.assert_refused(Tree(directory, RUST="", **options), "was built without Rust: " + text)

    def test_all_reasons_are_named(self):
        self.assert_refused(self.tree(RUST="", MODVERSIONS="y", RANDSTRUCT="y"), "CONFIG_MODVERSIONS", "; CONFIG_RANDSTRUCT")

    def test_what_does_not_keep_rust_off(self):
        self.assert_refused(self.tree(RUST="", MODVERSIONS="y", GENDWARFKSYMS="y"), "without Rust: CONFIG_RUST is not set")

    def test_what_the_module_needs(self):
        for option in "HYPERV_VMBUS", "PCI", "EVENTFD", "PAGE_SIZE_4KB":
            with self.subTest(option), tempfile.TemporaryDirectory() as directory:
                self.assert_refused(Tree(directory, **{option: ""}), f"without CONFIG_{option}")

    def test_another_driver(self):
        self.assert_refused(self.tree(DXGKRNL="y"), "CONFIG_DXGKRNL=y")

    def test_all_that_stands_in_the_way_is_said_at_once(self):
        """As kernels for WSL2 are configured that are built by clang."""
        status, said = self.tree(RUST="", RUST_IS_AVAILABLE="", DXGKRNL="y", MODVERSIONS="y", LTO_CLANG="y", LTO="y",
                                 HYPERV_VMBUS="", **CLANG).check()
        self.assertEqual(status, 1)
        self.assertEqual(said.count("       - "), 3, said)
        for text in "rustc, bindgen", "GENDWARFKSYMS", "CONFIG_LTO_CLANG together", "CONFIG_DXGKRNL=y", "CONFIG_HYPERV_VMBUS":
            self.assertIn(text, said)

    def test_another_module(self):
        status, said = self.tree(DXGKRNL="m").check()
        self.assertEqual((status, "warning: " in said), (0, True))

    def test_no_metadata(self):
        tree = self.tree()
        (tree.root / "rust/libkernel.rmeta").unlink()
        self.assert_refused(tree, "no Rust metadata")

    def test_no_symbols(self):
        tree = self.tree()
        (tree.root / "Module.symvers").unlink()
        self.assert_refused(tree, "no Module.symvers", "Run make in it")

    def test_symbols_that_may_be_missing(self):
        status, said = self.tree(TRIM_UNUSED_KSYMS="y").check()
        self.assertEqual((status, "warning: " in said), (0, True))

    def test_the_right_compiler_has_another_name(self):
        tree = self.tree(rustc="rustc 1.95.0 (59807616e 2026-04-14)")
        tree.tool("rustc-1.84", "rustc 1.84.0 (9fc6b4312 2025-01-07)")
        tree.tool("rustc-1.85", RUSTC)
        self.assert_refused(tree, f"make RUSTC={tree.tools}/rustc-1.85")
        self.assertEqual(tree.check(RUSTC=f"{tree.tools}/rustc-1.85"), (0, ""))

    def test_the_make_of_the_c_compiler(self):
        tree = self.tree(**CLANG)
        self.assert_refused(tree, "built by Debian clang version 19.1.7", "make LLVM=1")
        for variables in {"LLVM": "1"}, {"LLVM": "-19"}, {"CC": "clang-19"}:
            self.assertEqual(tree.check(**variables), (0, ""))
        with tempfile.TemporaryDirectory() as directory:
            tree = Tree(directory)
            for variables in {"LLVM": "1"}, {"CC": "clang"}:
                self.assert_refused(tree, "make would take clang", **variables)
            self.assertEqual(tree.check(CC="gcc-14"), (0, ""))

    def test_another_compiler(self):
        self.assert_refused(self.tree(rustc="rustc 1.86.0 (05f9846f8 2025-03-31)"), f"was built by {RUSTC}", "RUSTC=")

    def test_the_same_version_built_by_others(self):
        self.assert_refused(self.tree(rustc="rustc 1.85.1 (4eb161250 2025-03-15)"), "A Rust module must come from the same compiler")

    def test_missing_tools(self):
        for tool in "rustc", "bindgen":
            with self.subTest(tool), tempfile.TemporaryDirectory() as directory:
                self.assert_refused(Tree(directory, **{tool: ""}), f"{tool} is missing")

    def test_another_bindgen(self):
        status, said = self.tree(bindgen="bindgen 0.72.0").check()
        self.assertEqual((status, "bindgen 0.72.0" in said), (0, True))

    def test_paths_that_make_cannot_handle(self):
        tree = self.tree()
        spaced = Path(self.directory.name) / "a tree"
        tree.root.rename(spaced)
        status, said = tree.check(spaced)
        self.assertEqual((status, "cannot handle the path" in said), (1, True), said)


if __name__ == "__main__":
    testing.main()
