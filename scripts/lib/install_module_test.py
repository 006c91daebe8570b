#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What scripts/install-module does with modules: small ones, that kmod takes for real."""

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

SCRIPTS = Path(__file__).resolve().parent.parent
RELEASE = "7.3.4-test"
# What a kernel's build does for `modules_install`, as far as it matters.
KBUILD = """modules_install:
\t@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/%s/updates
\t@cp $(M)/dxgkrnl.ko $(INSTALL_MOD_PATH)/lib/modules/%s/updates/
""" % (RELEASE, RELEASE)


def build_module(path, name="dxgkrnl", release=RELEASE):
    source = path.with_suffix(".c")
    entries = "".join(f'const char n{at}[] __attribute__((section(".modinfo"), used)) = "{text}";\n' for at, text in enumerate(
        [f"name={name}", f"vermagic={release} SMP preempt mod_unload ", "license=GPL", "depends=", "alias=vmbus:00"]))
    source.write_text(entries)
    subprocess.run(["cc", "-c", "-o", path, source], check=True)
    source.unlink()


class InstallModule(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name)
        self.top, self.kdir, self.root, self.sys = (self.base / name for name in ("checkout", "kdir", "root", "sys"))
        for part in self.top / "scripts", self.top / "src", self.top / "c", self.top / "compat", self.top / "include", self.root, \
                self.sys / "kernel/security", self.kdir / "include/config":
            part.mkdir(parents=True)
        shutil.copy(SCRIPTS / "install-module", self.top / "scripts")
        (self.top / "src/lib.rs").write_text("")
        (self.top / "Kbuild").write_text("")
        (self.kdir / "include/config/kernel.release").write_text(RELEASE + "\n")
        (self.kdir / "include/config/auto.conf").write_text("CONFIG_RUST=y\n")
        (self.kdir / "Makefile").write_text(KBUILD)
        self.module = self.top / "dxgkrnl.ko"
        build_module(self.module)
        self.modules = self.root / "lib/modules" / RELEASE
        (self.modules / "kernel").mkdir(parents=True)
        self.installed = self.modules / "updates/dxgkrnl.ko"

    def run_script(self, action="install", **variables):
        """The status, and what is said."""
        done = subprocess.run([self.top / "scripts/install-module", action, self.kdir], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "INSTALL_MOD_PATH": str(self.root), "DXG_SYSFS": str(self.sys),
                                   **variables})
        return done.returncode, done.stdout + done.stderr

    def assert_installs(self, *texts, **variables):
        status, said = self.run_script(**variables)
        self.assertEqual(status, 0, said)
        for text in texts:
            self.assertIn(text, said)
        self.assertTrue(self.installed.exists(), said)
        self.assertIn("alias vmbus:00 dxgkrnl", (self.modules / "modules.alias").read_text())
        self.assertIn("updates/dxgkrnl.ko", (self.modules / "modules.dep").read_text())
        return said

    def assert_refuses(self, *texts, **variables):
        status, said = self.run_script(**variables)
        self.assertEqual(status, 1, said)
        self.assertTrue(said.startswith("error: "), said)
        for text in texts:
            self.assertIn(text, said)
        self.assertFalse(self.installed.exists())

    def test_what_was_built(self):
        said = self.assert_installs(f"Installed {self.installed}", "It is not signed")
        self.assertNotIn("warning", said)

    def test_a_module_that_is_named(self):
        other = self.base / "stock.ko"
        self.module.rename(other)
        (self.kdir / "Makefile").unlink()
        self.assert_installs(f"Installed {self.installed}", MODULE=str(other))

    def test_nothing_was_built(self):
        self.module.unlink()
        self.assert_refuses("there is no", "as an ordinary user: make")

    def test_something_has_changed_since(self):
        later = self.module.stat().st_mtime + 5
        os.utime(self.top / "src/lib.rs", (later, later))
        self.assert_refuses("is older than src/lib.rs", "Build it again")

    def test_another_kernel(self):
        (self.kdir / "include/config/kernel.release").write_text("7.2.1\n")
        self.assert_refuses(f"was built for Linux {RELEASE}", "is Linux 7.2.1")

    def test_no_kernel(self):
        (self.kdir / "include/config/kernel.release").unlink()
        self.assert_refuses("is no kernel tree")

    def test_no_module(self):
        self.module.write_text("text")
        self.assert_refuses("is no kernel module")

    def test_another_module(self):
        build_module(self.module, name="other")
        self.assert_refuses("is the module other")

    def test_a_directory_that_cannot_be_written(self):
        blocked = self.base / "file"
        blocked.write_text("")
        self.assert_refuses("cannot be written to", "INSTALL_MOD_PATH", INSTALL_MOD_PATH=str(blocked))

    def test_a_compressed_one_of_before_goes(self):
        self.installed.parent.mkdir()
        before = self.installed.with_suffix(".ko.xz")
        before.write_text("")
        self.assert_installs()
        self.assertFalse(before.exists())

    def test_a_kernel_that_is_not_installed(self):
        (self.modules / "kernel").rmdir()
        self.assert_installs("has no modules of the kernel itself")

    def test_a_kernel_that_wants_signatures(self):
        (self.kdir / "include/config/auto.conf").write_text("CONFIG_MODULE_SIG_FORCE=y\n")
        self.assert_installs("is not signed, and", "CONFIG_MODULE_SIG_FORCE", "mokutil --import")

    def test_a_signature(self):
        key, cert, sign = self.base / "key", self.base / "cert", self.kdir / "scripts/sign-file"
        for file in key, cert:
            file.write_text("")
        sign.parent.mkdir()
        sign.write_text('#!/bin/sh\n[ -f "$2" ] && [ -f "$3" ] && printf signed >>"$4"\n')
        sign.chmod(0o755)
        self.assert_installs(SIGN_KEY=str(key), SIGN_CERT=str(cert))
        self.assertTrue(self.installed.read_bytes().endswith(b"signed"))
        self.assertFalse(self.module.read_bytes().endswith(b"signed"))

    def test_half_a_signature(self):
        self.assert_refuses("a key and its certificate", SIGN_KEY="/nowhere")

    def test_a_signature_that_fails(self):
        sign = self.kdir / "scripts/sign-file"
        sign.parent.mkdir()
        sign.write_text("#!/bin/sh\nexit 1\n")
        sign.chmod(0o755)
        self.assert_refuses("could not be signed", SIGN_KEY=__file__, SIGN_CERT=__file__)

    def test_nothing_to_remove(self):
        status, said = self.run_script("remove")
        self.assertEqual((status, "no module of ours" in said), (0, True), said)
        self.assertFalse(self.installed.parent.exists())

    def test_it_goes_again(self):
        self.assert_installs()
        status, said = self.run_script("remove")
        self.assertEqual(status, 0, said)
        self.assertIn(f"Removed {self.installed}", said)
        self.assertFalse(self.installed.parent.exists())
        self.assertNotIn("dxgkrnl", (self.modules / "modules.alias").read_text())
        self.assertIn("no module of ours", self.run_script("remove")[1])


class RunningKernel(unittest.TestCase):
    """What is said of the machine that the module is installed on: with a release that is the running one's."""

    def run_on(self, **files):
        release = os.uname().release
        with tempfile.TemporaryDirectory() as directory:
            base = Path(directory)
            script = (SCRIPTS / "install-module").read_text()
            start = script.index("# What refuses modules")
            (base / "functions").write_text(
                f'root= release={release} kdir={base} sysfs={base}\n' + script[start:script.index("signer=", start)])
            for name, content in files.items():
                path = base / name.replace("__", "/").replace("SecureBoot", "SecureBoot-8be4df61")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            done = subprocess.run(["bash", "-c", f". {base}/functions; refuses_unsigned"], capture_output=True, text=True)
            return done.stdout.strip()

    def test_what_a_machine_says(self):
        self.assertEqual(self.run_on(), "")
        self.assertEqual(self.run_on(kernel__security__lockdown=b"[none] integrity confidentiality\n"), "")
        self.assertIn("locked down", self.run_on(kernel__security__lockdown=b"none [integrity] confidentiality\n"))
        self.assertIn("signed modules only", self.run_on(module__module__parameters__sig_enforce=b"Y\n"))
        self.assertEqual(self.run_on(module__module__parameters__sig_enforce=b"N\n"), "")
        self.assertIn("Secure Boot is on", self.run_on(firmware__efi__efivars__SecureBoot=b"\6\0\0\0\1"))
        self.assertEqual(self.run_on(firmware__efi__efivars__SecureBoot=b"\6\0\0\0\0"), "")


if __name__ == "__main__":
    testing.main()
