# SPDX-License-Identifier: GPL-2.0
"""Count results from what test programs print: cargo, TAP of kselftest, KTAP of KUnit.

Everything that did not clearly pass is a failure: a plan that was not kept, a
program that died, a section that never ended.
"""

import re
from dataclasses import dataclass, field


class Broken(Exception):
    """A phase that could not be run at all."""


@dataclass
class Tally:
    passed: int = 0
    # What failed; where a test has said why, that follows on lines of its own.
    failed: list = field(default_factory=list)
    skipped: int = 0
    # What the line of the phase shall say besides.
    note: str = ""

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        text = f"{self.passed} passed, {len(self.failed)} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")

    closing_line = __str__


def last_lines(path, count):
    """The last lines of a log that say something, none of them long."""
    lines = path.read_bytes()[-200 * (count + 1):].decode(errors="replace").replace("\r", "\n").split("\n")
    return [line.rstrip()[:160] for line in lines if line.strip()][-count:]


def last_line(path):
    return "".join(last_lines(path, 1))[:80].strip()


def from_cargo(text, code):
    tally = Tally()
    for passed, failed, ignored in re.findall(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored", text, re.M):
        tally.passed += int(passed)
        tally.skipped += int(ignored)
    tally.failed += re.findall(r"^test (\S+) \.\.\. FAILED", text, re.M)
    if code and not tally.failed:
        tally.failed.append(f"cargo test ended with status {code}")
    return tally


def from_count_line(text, code):
    """A script that lists `not ok NAME` lines and closes with `N passed, N failed`."""
    counts = re.findall(r"^(?:[\w -]+: )?(\d+) passed, (\d+) failed", text, re.M)
    tally = Tally(failed=[line.split("not ok", 1)[1].strip() for line in text.splitlines() if line.startswith("not ok")])
    if counts:
        tally.passed = int(counts[-1][0])
        missing = int(counts[-1][1]) - len(tally.failed)
        tally.failed += ["unnamed failure"] * max(0, missing)
    if (code or not counts) and not tally.failed:
        tally.failed.append(f"ended with status {code}")
    return tally


# A test that fails in a loop says the same many times.
REASONS = 5


def from_tap(name, lines, code):
    tally = Tally()
    plan = None
    seen = 0
    comments = []
    for line in lines:
        if line.startswith("#"):
            comments.append(line[:200])
        if match := re.match(r"1\.\.(\d+)(.*)", line):
            plan = int(match[1])
            if plan == 0:
                # The runner prepares all a program needs: skipping is not an answer.
                tally.failed.append(f"{name}: skipped{match[2]}")
        elif match := re.match(r"(not ok|ok)\s+\d+\s*-?\s*(.*)", line):
            seen += 1
            test = f"{name}: {match[2]}"
            if match[1] == "not ok":
                tally.failed.append("\n".join([test, *comments[:REASONS]]))
            elif "# SKIP" in line:
                tally.skipped += 1
            else:
                tally.passed += 1
            comments = []
    if plan is None:
        tally.failed.append(f"{name}: no TAP plan (status {code})")
    elif seen != plan:
        tally.failed.append(f"{name}: {seen} of {plan} tests reported (status {code})")
    elif code not in (0, 4) and not tally.failed:
        tally.failed.append(f"{name}: ended with status {code}")
    return tally


def from_kunit(lines):
    """Count test cases of the module's suites; cases are indented below their suite."""
    tally = Tally()
    suite = ""
    for line in lines:
        if match := re.match(r"\s*# Subtest: (\S+)", line):
            suite = match[1]
        elif match := re.match(r"\s+(not ok|ok) \d+\s+(.*)", line):
            if not suite.startswith("dxgkrnl"):
                continue
            if match[1] == "not ok":
                tally.failed.append(f"KUnit: {suite}: {match[2]}")
            elif "# SKIP" in line:
                tally.skipped += 1
            else:
                tally.passed += 1
    if not tally.passed:
        tally.failed.append("KUnit: no suite of the module ran")
    return tally


# The first instruction of a system call, before it has a stack of the kernel's, cannot fault, and has interrupts off.
INTERRUPTED_TWICE = re.compile(r"PANIC: double fault.*?RIP: 0010:entry_SYSCALL_64\+0x0/.*?RSP: 0018:0000[0-7]", re.S)


# The handler of an interrupt, and in a trace after it the state of the kernel that was interrupted.
INTERRUPTED = re.compile(r"asm_sysvec_\w+\+0x.*\n.*RIP: 0010:.*\n(?:.*Code: .*\n)?.*RSP: .*EFLAGS: ([0-9a-f]{8})")
INTERRUPTS_ON = 1 << 9


def is_emulators_fault(text):
    """Whether the guest died of an interrupt that QEMU delivered again where there can be none: see
    Documentation/gpupv-host.md. Nothing that the driver does looks like this, and only emulation does it."""
    if "gpupv-host: running nested in an emulated machine" not in text:
        return False
    flags = INTERRUPTED.findall(text.replace("\r", ""))
    return any(not int(word, 16) & INTERRUPTS_ON for word in flags) or bool(INTERRUPTED_TWICE.search(text))


def from_guest(text, code, kunit):
    tally = Tally()
    name = None
    sections = 0
    for line in text.replace("\r", "").splitlines():
        if line.startswith("### begin "):
            name, body = line.split()[2], []
        elif line.startswith("### end ") and name:
            sections += 1
            if name == "dmesg":
                # One test of its own: the kernel has nothing to complain about.
                found = [entry for entry in body if entry.strip()]
                if found:
                    tally.failed.append(f"kernel log: {found[0]} (and {len(found) - 1} more lines)")
                else:
                    tally.passed += 1
            elif name == "kunit":
                if kunit:
                    tally += from_kunit(body)
            else:
                tally += from_tap(name, body, int(line.split()[3]))
            name = None
        elif line.startswith("### rmmod failed"):
            tally.failed.append("rmmod after the tests failed")
        elif name:
            body.append(line)
    if name:
        tally.failed.append(f"{name}: the guest ended in the middle of it")
    if not sections:
        tally.failed.append("no test ran in the guest")
    if code:
        tally.failed.append(f"the guest or the host ended with status {code}")
    elif not tally.failed:
        tally.passed += 1
    return tally
