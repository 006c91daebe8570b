#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which kernels scripts/dkms-tree and packaging/dkms.conf have built, and what they say of the others."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import testing  # noqa: E402  (the path above comes first)

TOP = Path(__file__).resolve().parent.parent.parent
RELEASE = "7.3.4+deb13-amd64"
RUSTC = "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)"
CONFIG = f"""CONFIG_RUST=y
CONFIG_HYPERV_VMBUS=y
CONFIG_PCI=y
CONFIG_EVENTFD=y
CONFIG_PAGE_SIZE_4KB=y
CONFIG_CC_IS_GCC=y
CONFIG_RUSTC_VERSION_TEXT={RUSTC}
"""
# Says of which package a file is, and which version packages have.
DPKG_QUERY = """#!/bin/sh
case "$*" in
-S*.config) echo "linux-headers: $2" ;;
*linux-headers) printf 7.3.4-1 ;;
*linux-source-7.3) printf "$SOURCE" ;;
*) exit 1 ;;
esac
"""


class DkmsTree(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        self.headers, self.tools, self.state = (self.base / name for name in ("headers", "tools", "state"))
        for part in self.headers / "include/config", self.headers / "rust", self.tools, self.state:
            part.mkdir(parents=True)
        for file in self.headers / "include/config/auto.conf", self.headers / ".config":
            file.write_text(CONFIG)
        (self.headers / "include/config/kernel.release").write_text(RELEASE + "\n")
        (self.headers / "Module.symvers").write_text("")
        self.tool("rustc", f"#!/bin/sh\necho '{RUSTC}'\n")
        self.tool("dpkg-query", DPKG_QUERY)
        for name in "bindgen", "pahole", "flex", "bison", "bc", "cpio", "xz":
            self.tool(name, f"#!/bin/sh\necho {name}\n")

    def tool(self, name, text):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def complete(self):
        (self.headers / "rust/libkernel.rmeta").write_text("rust")

    def run_script(self, action, **variables):
        done = subprocess.run([TOP / "scripts/dkms-tree", action, RELEASE, self.headers], capture_output=True, text=True,
                              env={"PATH": f"{self.tools}:/usr/bin:/bin", "DXG_STATE": str(self.state), "SOURCE": "", **variables})
        return done.returncode, done.stdout + done.stderr

    def assert_skips(self, *texts, **variables):
        status, said = self.run_script("check", **variables)
        self.assertEqual(status, 77, said)
        self.assertTrue(said.startswith(f"dxgkrnl: Linux {RELEASE} is skipped: "), said)
        for text in texts:
            self.assertIn(text, said)

    def test_headers_that_have_all(self):
        self.complete()
        self.assertEqual(self.run_script("check"), (0, ""))
        self.assertEqual(self.run_script("prepare"), (0, ""))
        self.assertEqual(list(self.state.iterdir()), [])

    def test_headers_for_another_compiler(self):
        self.complete()
        self.tool("rustc", "#!/bin/sh\necho rustc 1.95.0\n")
        self.assert_skips("was built by rustc 1.85.1", "must come from the same compiler")

    def test_headers_without_metadata_and_no_source(self):
        self.assert_skips("made from linux-source-7.3 of version 7.3.4-1", "apt-get install linux-source-7.3=7.3.4-1")

    def test_the_source_of_another_version(self):
        self.assert_skips("of version 7.3.4-1; 7.3.5-1 is installed", SOURCE="7.3.5-1")

    def test_headers_of_no_package(self):
        self.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
        self.assert_skips("come from no package")

    def test_preparing_skips_what_checking_refuses(self):
        status, said = self.run_script("prepare")
        self.assertEqual((status, "linux-source-7.3" in said), (77, True))

    def test_the_tree_of_a_kernel_that_has_gone(self):
        (self.state / RELEASE).mkdir()
        self.assertEqual(self.run_script("prune"), (0, ""))
        self.assertFalse(self.state.exists())

    def test_wrong_use(self):
        done = subprocess.run([TOP / "scripts/dkms-tree", "check"], capture_output=True, text=True)
        self.assertEqual((done.returncode, "usage:" in done.stderr), (2, True))


class DkmsConf(unittest.TestCase):
    """What DKMS learns when it sources the file, as it does for each action."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        scripts = self.base / "dxgkrnl/1.0/source/scripts"
        scripts.mkdir(parents=True)
        self.check = scripts / "dkms-tree"
        self.answer(0)
        conf = (TOP / "packaging/dkms.conf").read_text().replace("@VERSION@", "1.0")
        (self.base / "dkms.conf").write_text(conf)

    def answer(self, status):
        self.check.write_text(f"#!/bin/sh\necho asked $*\nexit {status}\n")
        self.check.chmod(0o755)

    def excluded(self, kernel, action="autoinstall"):
        """Whether DKMS leaves this kernel out, and what is said."""
        script = f'. {self.base}/dkms.conf; [[ {kernel} =~ $BUILD_EXCLUSIVE_KERNEL ]] && echo built'
        done = subprocess.run(["bash", "-c", f'kernelver=({kernel}) kernel_source_dir=/h dkms_tree={self.base} action={action}; {script}'],
                              capture_output=True, text=True)
        return "built" not in done.stdout, done.stderr

    def test_series(self):
        for kernel, left_out in ("7.3.4+deb13-amd64", False), ("7.2.0", False), ("7.3", False), ("7.3-rc1", False), \
                ("6.12.118+deb13-amd64", True), ("7.30.1", True), ("7.1.9", True), ("17.3.1", True), ("8.2.0", True):
            self.assertEqual(self.excluded(kernel)[0], left_out, kernel)

    def test_kernels_that_the_question_leaves_out(self):
        self.answer(77)
        self.assertEqual(self.excluded("7.3.4"), (True, "asked check 7.3.4 /h\n"))

    def test_nothing_is_asked_where_nothing_is_built(self):
        self.answer(77)
        self.assertEqual(self.excluded("7.3.4", action="status"), (False, ""))
        self.assertEqual(self.excluded("6.12.1"), (True, ""))


class Packaging(unittest.TestCase):
    def test_the_source_is_complete(self):
        """What DKMS gets has each source of the checkout that is none of the tools'."""
        with tempfile.TemporaryDirectory() as directory:
            script = f'. {TOP}/scripts/lib/common.sh; . {TOP}/scripts/lib/package.sh; stage_source {directory}/s 1.0'
            subprocess.run(["bash", "-c", script], check=True, env={**os.environ, "DXG_CACHE": directory})
            staged = {str(path.relative_to(f"{directory}/s")) for path in Path(f"{directory}/s").rglob("*") if path.is_file()}
        parts = [part for part in TOP.iterdir() if part.is_dir() and not part.name.startswith(".") and
                 part.name not in ("Documentation", "packaging", "scripts", "tools")]
        wanted = {str(path.relative_to(TOP)) for part in parts for path in part.rglob("*")
                  if path.suffix in (".rs", ".c", ".h") and path.name != "bindings_generated.rs" and not path.name.endswith(".mod.c")}
        self.assertLessEqual(wanted | {"Kbuild", "Kconfig", "LICENSE", "dkms.conf", "scripts/dkms-tree", "scripts/check-kdir",
                                       "scripts/lib/rust-config.sh"}, staged)


if __name__ == "__main__":
    testing.main()
