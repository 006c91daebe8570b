#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The counting of results has to be right before any result is worth reading."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import results  # noqa: E402  (the path above comes first)
import testing  # noqa: E402


def guest(*lines, code=0, kunit=False):
    return results.from_guest("\n".join(lines) + "\n", code, kunit)


CLEAN = ("### begin a", "TAP version 13", "1..2", "ok 1 x", "ok 2 y", "### end a 0", "### begin dmesg", "### end dmesg 0")


class Guest(unittest.TestCase):
    def test_a_clean_run_counts_tests_log_and_ending(self):
        tally = guest(*CLEAN)
        self.assertEqual((tally.passed, tally.failed), (4, []))

    def test_a_failed_test_is_named(self):
        self.assertEqual(guest("### begin a", "1..1", "not ok 1 y", "### end a 1").failed, ["a: y"])

    def test_a_failed_test_says_why(self):
        lines = ("### begin a", "1..3", "# c:1:x:fine", "ok 1 x", "# c:2:y:Expected 1", "# FAIL y", "not ok 2 y", "not ok 3 z")
        self.assertEqual(guest(*lines, "### end a 1").failed, ["a: y\n# c:2:y:Expected 1\n# FAIL y", "a: z"])
        many = [f"# {number}" for number in range(100)]
        said = guest("### begin a", "1..1", *many, "not ok 1 y", "### end a 1").failed[0]
        self.assertEqual(said.splitlines(), ["a: y", *many[:results.REASONS]])

    def test_a_test_that_did_not_report_is_a_failure(self):
        self.assertIn("1 of 2", guest("### begin a", "1..2", "ok 1 x", "### end a 0").failed[0])

    def test_a_program_that_died_is_a_failure(self):
        self.assertIn("no TAP plan", guest("### begin a", "### end a 139").failed[0])
        self.assertIn("status 139", guest("### begin a", "1..1", "ok 1 x", "### end a 139").failed[0])

    def test_an_unfinished_section_is_a_failure(self):
        self.assertIn("in the middle", guest("### begin a", "1..1", "ok 1 x").failed[0])

    def test_a_skipped_program_is_a_failure(self):
        self.assertIn("no device", guest("### begin a", "1..0 # SKIP no device", "### end a 4").failed[0])

    def test_a_skipped_test_is_counted_apart(self):
        tally = guest("### begin a", "1..2", "ok 1 x", "ok 2 y # SKIP not root", "### end a 0")
        self.assertEqual((tally.skipped, tally.failed), (1, []))

    def test_a_splat_is_a_failure(self):
        lines = [*CLEAN[:7], "BUG: KASAN: slab-use-after-free", "### end dmesg 0"]
        self.assertIn("KASAN", guest(*lines).failed[0])

    def test_no_test_at_all_is_a_failure(self):
        self.assertTrue(guest("nothing").failed)

    def test_the_status_of_the_guest_counts(self):
        self.assertIn("status 3", guest(*CLEAN, code=3).failed[0])

    def test_interrupts_that_were_off_are_the_emulators(self):
        def trace(handler, flags, *code):
            lines = (f" {handler}+0x1f/0x30", "RIP: 0010:rb_next+0x3f/0x480", *code, f"RSP: 0018:ffffc90000007e00 EFLAGS: {flags}")
            return [f"[   73.{number}] {line}\r" for number, line in enumerate(lines)]

        nested = "gpupv-host: running nested in an emulated machine: KVM lacks something"
        timer, off, on, code = "asm_sysvec_apic_timer_interrupt", "00010002", "00010286", "Code: 89 fb <48> b9"
        on_it_went = trace(timer, on, code)
        for death in (trace(timer, off, code), trace("asm_sysvec_hyperv_callback", off), on_it_went + trace(timer, off)):
            self.assertTrue(results.is_emulators_fault("\n".join([nested, *death])))
            self.assertFalse(results.is_emulators_fault("\n".join(death)))
        for other in (on_it_went, trace("asm_exc_page_fault", off), trace("dxgkrnl_ioctl", off, code)):
            self.assertFalse(results.is_emulators_fault("\n".join([nested, *other])))

    def test_an_interrupted_system_call_is_the_emulators(self):
        nested = "gpupv-host: running nested in an emulated machine: KVM lacks something"
        fault = "[   73.8] traps: PANIC: double fault, error_code: 0x0"
        there = "[   73.9] RIP: 0010:entry_SYSCALL_64+0x0/0x2b"
        stack = "[   74.0] RSP: 0018:00007fffb2fc99c8 EFLAGS: 00000002"
        self.assertTrue(results.is_emulators_fault("\r\n".join([nested, fault, there, stack])))
        for others in (
            [fault, there, stack],
            [nested, there, stack],
            [nested, fault, "RIP: 0010:entry_SYSCALL_64+0x9/0x2b", stack],
            [nested, fault, "RIP: 0010:dxgkrnl_ioctl+0x0/0x2b", stack],
            [nested, fault, there, "RSP: 0018:ffffc90000a37e58 EFLAGS: 00000002"],
        ):
            self.assertFalse(results.is_emulators_fault("\n".join(others)))

    def test_serial_line_ends(self):
        self.assertEqual(guest(*(line + "\r" for line in CLEAN)).passed, 4)


class LastLines(unittest.TestCase):
    def test_the_end_of_a_log(self):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            log.write_bytes(b"one\r\n\ntwo \n" + b"x" * 500 + b"\n\xff\n")
            self.assertEqual(results.last_lines(log, 2), ["x" * 160, "\ufffd"])
            self.assertEqual(results.last_line(log), "\ufffd")
            log.write_bytes(b"")
            self.assertEqual((results.last_lines(log, 3), results.last_line(log)), ([], ""))


class KUnit(unittest.TestCase):
    def test_cases_count_and_suites_do_not(self):
        lines = ["KTAP version 1", "1..1", "    # Subtest: dxgkrnl_handles", "    ok 1 model", "    not ok 2 limits",
                 "not ok 1 dxgkrnl_handles"]
        tally = results.from_kunit(lines)
        self.assertEqual((tally.passed, tally.failed), (1, ["KUnit: dxgkrnl_handles: limits"]))

    def test_suites_of_others_do_not_count(self):
        self.assertTrue(results.from_kunit(["    # Subtest: rust_kernel_fmt", "    ok 1 a"]).failed)

    def test_no_suite_is_a_failure(self):
        self.assertTrue(results.from_kunit([]).failed)


class Cargo(unittest.TestCase):
    def test_binaries_add_up(self):
        text = ("test a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n"
                "test b::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n")
        tally = results.from_cargo(text, 101)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (4, ["b::c"], 1))

    def test_a_build_failure_is_a_failure(self):
        self.assertTrue(results.from_cargo("error: could not compile", 101).failed)


class CountLine(unittest.TestCase):
    def test_named_failures(self):
        tally = results.from_count_line("ok a\nnot ok b c\n1 passed, 1 failed\n", 1)
        self.assertEqual((tally.passed, tally.failed), (1, ["b c"]))

    def test_a_script_that_died_is_a_failure(self):
        self.assertTrue(results.from_count_line("ok a\n", 1).failed)


if __name__ == "__main__":
    testing.main()
