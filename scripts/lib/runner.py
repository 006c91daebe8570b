# SPDX-License-Identifier: GPL-2.0
"""Runs commands with their output in a log, and parts of the test beside each other."""

import functools
import os
import queue
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import results
from passed import Passed
from times import Profile

TOP = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ["DXG_CACHE"])
CARGO_TARGET = "x86_64-unknown-linux-gnu"
BOOT = TOP / "scripts" / "boot"
PASSED = Passed(CACHE / "passed")
# What runs now, to be ended when the run is interrupted.
CHILDREN = set()
# In seconds; more than the limit of any single test, so that it ends first and says what it was.
SILENCE = 900
# For what runs on this machine, compilation included
UNIT_LIMIT = 1800
# The status of what had to be ended and does not call that a failure.
ENDED = 124
# Guests that run beside each other. They wait a part of their time: what runs on this machine has a lane of its own.
GUESTS = 2


def build_dir():
    """Where scripts/build keeps what it makes from this checkout."""
    return Path(script_output("build", "dir"))


def log_of(part):
    return build_dir() / "logs" / f"test-{part}.log"


def script_output(*args, env=None):
    return subprocess.run([TOP / "scripts" / args[0], *args[1:]], check=True, env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def kernel_environment(series, without):
    """What the scripts are told of a kernel series other than the usual, and an option the module is built without."""
    return {**({"KERNEL": series} if series else {}), **({"DXG_WITHOUT": without} if without else {})}


def script(*args, env=None):
    """A step of set-up: prints its own progress; its failure fails the run."""
    child = subprocess.Popen([TOP / "scripts" / args[0], *args[1:]], stdout=subprocess.DEVNULL,
                             env={**os.environ, **(env or {})})
    CHILDREN.add(child)
    try:
        code = child.wait()
    finally:
        CHILDREN.discard(child)
        # An interrupt of this thread: the step shall not go on alone.
        if child.poll() is None:
            child.terminate()
            child.wait()
    if code:
        raise results.Broken(f"set-up failed: scripts/{' '.join(args)}")


def run(name, command, cwd=TOP, env=None, limit=None):
    """Run to the end with the output in a log; show every half minute that it lives. With a limit it may neither
    take longer nor be silent for too long."""
    log = log_of(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    start = shown = time.monotonic()
    with open(log, "wb") as out:
        child = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)
        CHILDREN.add(child)
        try:
            while True:
                try:
                    code = child.wait(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    now = time.monotonic()
                    silence = time.time() - log.stat().st_mtime
                    if limit and (now - start > limit or silence > SILENCE):
                        print(f"  !    {name}: no end after {now - start:.0f} s, silent for {silence:.0f} s; ending it",
                              file=sys.stderr, flush=True)
                        child.terminate()
                        code = child.wait() or ENDED
                        break
                    if now - shown >= 30:
                        shown = now
                        print(f"  ...  {name} ({now - start:.0f} s so far) {results.last_line(log)}",
                              file=sys.stderr, flush=True)
        finally:
            CHILDREN.discard(child)
    return code, log


class Once:
    """Something that is made by the first who needs it, while all others wait; its failure is a failure for all."""

    def __init__(self, make):
        self.make = make
        self.lock = threading.Lock()
        # "" when it is made, or why it could not be
        self.problem = None

    def get(self):
        with self.lock:
            if self.problem is None:
                try:
                    self.make()
                    self.problem = ""
                except results.Broken as problem:
                    self.problem = str(problem)
        if self.problem:
            raise results.Broken(self.problem)


class Session:
    """One run: parts, their total, their times, and whether it is being interrupted."""

    def __init__(self, plan):
        self.plan = plan
        self.total = results.Tally()
        self.profile = Profile()
        # Held to print, and to change the total, the profile and the counts.
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        # By kernel: it is built, and the guest's files are with the module for it.
        self.guests = {}
        self.done = self.count = 0

    def prepare(self, names):
        """Fetches what the kernels are made from, one after the other, and plans what has to be built for the guests."""
        kernels = dict.fromkeys(self.plan[name].kernel for name in names if self.plan[name].kernel)
        for kind, *rest in kernels:
            script(f"{kind}-kernel", "fetch", env=kernel_environment(*rest))
        programs = Once(lambda: script("build", "host", "tools", "selftests"))
        self.guests = {kernel: Once(functools.partial(self.make_guest, programs, *kernel)) for kernel in kernels}

    @staticmethod
    def make_guest(programs, kind, *rest):
        """Builds a kernel, what runs in every guest, and the guest's files for this kernel."""
        environment = kernel_environment(*rest)
        script(f"{kind}-kernel", env=environment)
        programs.get()
        script("build", "module", kind, "initramfs", kind, env=environment)

    def part(self, name):
        part = self.plan[name]
        log = None
        start = time.monotonic()
        try:
            if part.kernel and not part.recall(name):
                self.guests[part.kernel].get()
            start = time.monotonic()
            tally, log = part.run(name)
        except results.Broken as problem:
            tally = results.Tally(failed=[str(problem)])
        except Exception as problem:  # A part that is not counted would be taken for one that has passed.
            tally = results.Tally(failed=[f"{type(problem).__name__}: {problem}"])
        if self.stopping.is_set():
            return
        took = time.monotonic() - start
        with self.lock:
            self.total += tally
            self.done += 1
            if not tally.note:
                self.profile.add(*part.times(name, log, took))
            self.report(name, tally, log, took)

    def report(self, name, tally, log, took):
        place = f"[{self.done}/{self.count}] " if self.count > 1 else ""
        print(f"{'  ok ' if not tally.failed else 'FAIL '}  {place}{name}: {tally} ({tally.note or f'{took:.0f} s'})", flush=True)
        for failure in tally.failed:
            print(textwrap.indent(failure, " " * 9))
        if tally.failed and log:
            print(f"         log: {log}, its end:")
            for line in results.last_lines(log, 15):
                print(f"           | {line}")
            sys.stdout.flush()

    def lane(self, waiting):
        """One part after the other, until none waits."""
        while not self.stopping.is_set():
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            self.part(name)

    def run(self, names, last):
        """Runs the parts in their order, `GUESTS` of those with guests at a time and beside them one of the others; and
        those of `last` when all have ended."""
        self.count = len(names) + len(last)
        self.prepare(names)
        guests, others = queue.SimpleQueue(), queue.SimpleQueue()
        for name in names:
            (guests if self.plan[name].kernel else others).put(name)
        threads = [threading.Thread(target=self.lane, args=(waiting,)) for waiting in [guests] * GUESTS + [others]]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
            for name in last:
                self.part(name)
        except KeyboardInterrupt:
            self.stopping.set()
            for child in list(CHILDREN):
                child.terminate()
            for thread in threads:
                thread.join()
            raise
