# SPDX-License-Identifier: GPL-2.0
"""The parts of `make test`: what each runs, on which kernel, and what it leaves out and why."""

import os
import shutil
import sys
from pathlib import Path

import results
import times
from passed import fingerprint
from runner import BOOT, CACHE, CARGO_TARGET, PASSED, TOP, UNIT_LIMIT, build_dir, kernel_environment, log_of, run, \
    script_output

# What the driver does with the memory and the handles of a program, of 64 or 32 bits, before it talks to the host:
# once on a stock kernel and once on the debug kernel is enough.
BEFORE_THE_HOST = "call_arguments call_handles user_pointers dispatch *_32"
# What it does on its own, whatever the host is like.
ON_ITS_OWN = "test_module.sh accounting leaks leaks_fault threads signals lifetime memory_* sync_many sync_threads " \
    "sync_processes fault_* device_node process enum_processes"
# What differs between kernel series is what the driver needs of them: buses, files, memory, events, processes, fences,
# and the module itself. Of each kind of object one program is enough, as messages are the same on every kernel.
OF_THE_KERNEL = "test_module.sh accounting adapter client_* compute context debugfs device device_node enum_processes " \
    "lifetime lock memory_fork memory_lives memory_maps memory_pins paging_queue process share_resource share_sync signals " \
    "submit sync_file sync_import sync_object sync_threads sync_wait_cpu sysmem threads wire"
# What has no answer when messages are asynchronous, and what counts on the answer
ASYNCHRONOUS = "client_* compute context device hw_queue hw_submit leaks paging_queue process share_* signals submit " \
    "sync_calls sync_file sync_import sync_object sync_processes sync_signal sync_threads sync_wait sync_wait_cpu threads wire"
# What the debug kernel does not see: programs of users, and callers of 32 bits, who take the same way through the driver
# from the second function on; one program watches the first.
NOT_TO_DEBUG = "test_tools.sh call_*_32 enum_*_32 query_*_32 share_*_32 sync_*_32 sysmem_32"

# Those that race with themselves: two processors bring more to light.
RACES = "test_module.sh accounting allocation_destroy context device enum_processes hw_queue lifetime memory_fork " \
    "memory_lives memory_random paging_queue parents signals sync_many sync_processes sync_threads threads fuzz_ioctl " \
    "adapter_loss adapter_slow test_removal.sh no_host"

# The machine hibernates, as far as the kernel's own test of it goes; the debug kernel cannot.
SLEEP = "test_sleep.sh"

# What waits for a host that takes more time than a driver may wait: half a minute and more of nothing in each. It
# is the same on every kernel and with every host, so that the debug kernel, which sees most, is enough.
SLOW_HOST = "slow_host"
SLOW_ADAPTERS = "adapter_slow"

# What fails half-way through each call, what ended processes leave, and what comes and goes with the module: what loses
# memory loses it here. Elsewhere on the debug kernel kmemleak takes a third of the time.
LOSSES = "fault_* leaks leaks_fault test_module.sh"
# What of that races too does so on the stock kernel: the debug kernel takes much longer to load with two processors.
RACES_OF_STOCK = "test_module.sh"

# What fences, waits, and the memory of the host have to do with each other
FENCES_AND_MEMORY = "client_* compute device_state hw_queue lock memory_fork memory_maps paging_queue process " \
    "query_adapter_info share_sync statistics sync_object sync_signal sync_wait_cpu"
# Where handles are looked up
HANDLES = "client_* call_handles context gpu_va lock paging_queue reservation residency share_* submit sync_file " \
    "sync_import sync_object sync_wait wire"
# Random calls find faults best on the debug kernel, and go on for as long as wanted: make fuzz. Here it is a moment.
RANDOM_CALLS = "fuzz_ioctl"
MOMENT = {"DXG_SECONDS": "20"}

AGAIN = False


class Part:
    """A part of the test: a function that runs it, and what the scheduling needs to know."""

    def __init__(self, run, kernel=None, recall=None, cpus=0):
        self.run = run
        # (kind, series, option it is built without) of the kernel that it boots, or None
        self.kernel = kernel
        self.recall = recall or (lambda name: None)
        # Virtual CPUs of its guest
        self.cpus = cpus

    def times(self, name, log, seconds):
        """What the profile keeps of this part, which took so many seconds."""
        text = log.read_text(errors="replace") if log and self.cpus else ""
        return times.Part(name, seconds, times.boot_of(text, seconds)), times.programs_of(name, text, self.cpus or 1)


def cargo(workspace):
    def part(name):
        target = build_dir() / workspace
        code, log = run(name, ["cargo", "test", "--release", "--locked", "--target", CARGO_TARGET],
                        cwd=TOP / "tools" / workspace,
                        env={"CARGO_TARGET_DIR": str(target), "CARGO_HOME": str(CACHE / "cargo")},
                        limit=UNIT_LIMIT)
        return results.from_cargo(log.read_text(errors="replace"), code), log
    return Part(part)


def counted(*command):
    """A script of ours that closes with a count line."""
    def part(name):
        code, log = run(name, [str(TOP / "scripts" / command[0]), *command[1:]], limit=UNIT_LIMIT)
        return results.from_count_line(log.read_text(errors="replace"), code), log
    return Part(part)


def unit_tests(name):
    """Each file of unit tests of the scripts, as one part."""
    total, last = results.Tally(), None
    for test in sorted((TOP / "scripts" / "lib").glob("*_test.py")):
        code, last = run(f"{name}-{test.stem}", [sys.executable, str(test)], limit=UNIT_LIMIT)
        total += results.from_count_line(last.read_text(errors="replace"), code)
    return total, last


def guest(kind, what, limit, *options, adapters=2, version=40, series=None, without=None, skip="", only=None, cpus=1,
          kunit=False, strict=True, more=None):
    """Boots a guest that runs tests; `series` is a kernel other than the one chosen for the run, `without` an
    option the module is built without, and `skip` names programs that are left out. One processor costs much less than
    two where every message to the host is a world switch. What is left on the host or was against the protocol is a
    failure if the host is `strict`."""
    arguments = [kind, what, "--timeout", str(limit), *(["--strict"] if strict else []), "--cpus", str(cpus), *options]
    environment = {"DXG_ADAPTERS": str(adapters), "DXG_INTERFACE_VERSION": str(version), "DXG_SKIP": skip,
                   "DXG_KUNIT": str(int(kunit)),
                   **kernel_environment(series, without), **(more or {}), **({"DXG_ONLY": os.environ.get("DXG_ONLY") or only} if only else {})}

    def boot(name):
        code, log = run(name, [BOOT, *arguments], env=environment, limit=limit + 120)
        return code, log, log.read_text(errors="replace")

    def part(name):
        code, log, text = boot(name)
        if results.is_emulators_fault(text):
            kept = log.rename(log.with_name(f"test-{name}-emulator.log"))
            print(f"  !    {name}: QEMU has delivered an interrupt twice, of which the guest died ({kept}); booting again",
                  flush=True)
            code, log, text = boot(name)
        return results.from_guest(text, code, kunit=kunit), log

    return remembered(part, lambda: guest_inputs(arguments, environment), (kind, series, without), cpus)


def remembered(part, inputs, kernel, cpus=2):
    """A part that boots a kernel, and does not when it has passed with the same inputs."""
    def key():
        return fingerprint(inputs())

    def recall(name):
        return None if AGAIN else PASSED.recall(name, key())

    def remembering(name):
        if recalled := recall(name):
            tally, kept = recalled
            log_of(name).parent.mkdir(parents=True, exist_ok=True)
            return tally, Path(shutil.copyfile(kept, log_of(name)))
        before = key()
        PASSED.forget(name, before)
        tally, log = part(name)
        # Whoever has edited something meanwhile does not know what it was that passed.
        if key() == before:
            PASSED.keep(name, before, tally, log)
        return tally, log
    return Part(remembering, kernel, recall, cpus)


def script(name, *made_of):
    """A script that boots guests of its own, and what it depends on besides what every guest does."""
    def inputs():
        return [*guest_inputs(["stock", name], {}), TOP / "scripts" / name, *(TOP / part for part in made_of)]
    return remembered(counted(name).run, inputs, ("stock", None, None))


def behaviour(*settings):
    """The options of a host that differs from the usual one in these settings."""
    return [option for setting in settings for option in ("--behaviour", setting)]


# What guests, and all that is in them, are made of.
MADE_OF = ["Kbuild", "Kconfig", "c", "compat", "include", "src", "tools/dxg", "tools/gpupv-host", "tools/testing",
           "scripts/boot", "scripts/build", "scripts/guest", "scripts/lib/results.py", "scripts/debug.config"]
# The compilers among them
PACKAGES = Path("/var/lib/dpkg/status")


def guest_inputs(arguments, environment):
    """All that decides how the test in a guest ends, but chance: the kernel, the sources, the options, who emulates,
    and what reads the log."""
    kernel = script_output(f"{arguments[0]}-kernel", "dir", env=environment)
    asked = [f"{name}={os.environ.get(name, '')}" for name in ("DXG_ONLY", "DXG_SEED", "DXG_TIMES")]
    return [Path(kernel).name, *arguments, *map("=".join, sorted(environment.items())), *asked,
            Path(shutil.which("qemu-system-x86_64") or os.devnull), PACKAGES, *(TOP / part for part in MADE_OF)]


# Between them they run every program.
SEE_EVERYTHING = ["stock", "stock-races"]


def coverage(name):
    """Whether the guests that ran, now or before, have seen every result of every ioctl."""
    logs = {part: log_of(part) for part in SEE_EVERYTHING}
    for part, log in logs.items():
        if not log.exists():
            raise results.Broken(f"there is no {log.name}: run the part {part} first")
    return counted("check-coverage", *map(str, logs.values())).run(name)


# In the order in which they start: the longest guest first, and what is short at the end, so that no lane waits.
PARTS = {
    "debug": guest("debug", "selftests", 4000, skip=f"{NOT_TO_DEBUG} {RACES} {LOSSES} {RANDOM_CALLS}", kunit=True,
                   more={"DXG_KMEMLEAK": "0"}),
    "debug-losses": guest("debug", "selftests", 2400, only=LOSSES),
    "debug-races": guest("debug", "selftests", 4000, "--removal-port", only=RACES, skip=RACES_OF_STOCK, cpus=2,
                         more=MOMENT),
    # A host that does not keep to the protocol: programs end, nothing stays behind, and the kernel has nothing to say.
    "debug-hostile": guest("debug", "hostile", 2400, "--hostile", "20261201", cpus=2, strict=False, more=MOMENT),
    "scripts": Part(unit_tests),
    "uapi-layout": counted("check-uapi-layout"),
    "headers": counted("check-headers"),
    "host-unit": cargo("gpupv-host"),
    "tools-unit": cargo("dxg"),
    "stock": guest("stock", "selftests", 2400, skip=f"{RANDOM_CALLS} {RACES} {SLOW_HOST}"),
    "stock-races": guest("stock", "selftests", 2400, "--removal-port", cpus=2, only=f"{RACES} {SLEEP}",
                         skip=f"{RANDOM_CALLS} {SLOW_ADAPTERS}"),
    "stock-7.2": guest("stock", "selftests", 1800, series="7.2", only=OF_THE_KERNEL),
    "stock-async": guest("stock", "selftests", 1800, "--asynchronous", only=ASYNCHRONOUS),
    # Some of the memory is above what numbers of 32 bits can name.
    "stock-old-host": guest("stock", "selftests", 1800, "--memory", "5G", version=27,
                            skip=f"{BEFORE_THE_HOST} {ON_ITS_OWN} {RANDOM_CALLS} {SLOW_HOST}"),
    # Hosts that the documents allow and that are not like the usual one.
    "stock-memory": guest("stock", "selftests", 900, *behaviour("fence-pages=offset", "reply-padding=24", "page-reuse=at-once",
                          "device-news=oldest", "cpu-waits=signal"), only=FENCES_AND_MEMORY),
    "stock-handles": guest("stock", "selftests", 900, *behaviour("first-handle=16700000", "vm-handles=like-objects",
                           "cross-adapter=tolerate", "null-pointers=refuse", "fence-pages=address", "page-reuse=late"),
                           only=HANDLES),
    "stock-endings": script("check-endings"),
    "stock-programs": script("check-guest", "scripts/guest-shell", "scripts/run-guest", "scripts/enter"),
    "lint": counted("lint"),
    "stock-no-sync-file": guest("stock", "no_sync_file", 300, without="SYNC_FILE", cpus=4),
    "stock-no-host": guest("stock", "no_host", 240, "--adapter", "none", adapters=0),
}
# When the guests have run.
LAST = {"coverage": Part(coverage)}
