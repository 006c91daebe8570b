# SPDX-License-Identifier: GPL-2.0
"""Which selftests a change of a file bears on: what `make check` runs of them."""

import csv
import re

# In every selection: each kind of object once, and a way through all layers.
BASIC = ["device_node", "adapter", "device", "allocation", "sync_signal", "escape"]

MODULE_OR_HOST = re.compile(r"^(src|c|compat|include|tools/gpupv-host/crates)/.*(?<!\.md)$|^(Kbuild|Kconfig)$")
# What one program alone consists of
PARTS = {"fuzz": "fuzz_ioctl"}
PART = re.compile(r"^tools/testing/selftests/dxg/(\w+)/\w+\.[ch]$")
SELFTEST = re.compile(r"^tools/testing/selftests/dxg/(?:clients/)?(\w+)\.(c|sh)$")

# What stands in the path of a source of the module or the host, and the programs that use what it does.
TOPICS = [
    (r"alloc|memory|sysmem|resource|pages|pin", ["allocation", "allocation_destroy", "standard_allocation", "sysmem"]),
    (r"pages|pin|sysmem|existing", ["memory_pins", "accounting"]),
    (r"lock|view|window|mapping|anon_file|mmio|io_space", ["lock", "memory_maps"]),
    (r"sync|signal|wait|fence|event|notif|notice", ["sync_object", "sync_signal", "sync_wait", "sync_wait_cpu", "sync_calls"]),
    (r"sync_file|fence", ["sync_file", "sync_import"]),
    (r"shar|open", ["share_sync", "share_resource"]),
    (r"resid|offer|priority|budget|placement", ["residency", "offer", "allocation_priority", "context_priority"]),
    (r"address", ["gpu_va", "gpu_va_update", "reservation"]),
    (r"context|queue|submit|engine|gpu/|command", ["context", "hw_queue", "hw_submit", "submit", "paging_queue", "compute"]),
    (r"device|state|execution", ["device", "device_state"]),
    (r"quer|adapter|video|statistic|clock|escape|info|description",
     ["query_adapter_info", "enum_adapters", "statistics", "video_memory", "clock", "escape", "feature"]),
    (r"process|handle|table|object|teardown|unpin", ["process", "call_handles", "enum_processes", "lifetime", "leaks", "parents"]),
    (r"fault", ["fault_plan"]),
    (r"ioctl|uapi|user_args|wire|d3dkmthk", ["call_arguments", "call_handles", "dispatch", "user_pointers"]),
    (r"bus|registry|vmbus|channel|transport|hyperv|crates/vm/|global|pci|Kbuild|Kconfig|^c/|linux/",
     ["device_node", "process", "threads", "signals", "slow_host", "test_module.sh"]),
]


def programs_for(files, available):
    """The programs to run after a change of these files, in the order of `available`, and of nothing else."""
    chosen = set()
    for file in files:
        if (match := PART.match(file)) and match[1] in PARTS:
            chosen.add(PARTS[match[1]])
        elif match := SELFTEST.match(file):
            named = {match[1], f"{match[1]}.{match[2]}", f"{match[1]}_32"} & set(available)
            # What programs share, and what they are built with, concerns all of them.
            chosen.update(named or BASIC)
        elif MODULE_OR_HOST.match(file):
            chosen.update(BASIC)
            for pattern, programs in TOPICS:
                if re.search(pattern, file):
                    chosen.update(programs)
    return [program for program in available if program in chosen or (not files and program in BASIC)]


def within(programs, seconds, times):
    """The programs that fit into so many seconds, by what they took last time, and the dearest ones that do not."""
    left_out = []
    kept = list(programs)
    while len(kept) > 1 and sum(times.get(program, 0.0) for program in kept) > seconds:
        dearest = max(kept, key=lambda program: times.get(program, 0.0))
        kept.remove(dearest)
        left_out.append(dearest)
    return kept, left_out


def times_in(path, part):
    """Seconds by program, from the table that a run has written; nothing where there is none."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["program"]: float(row["seconds"]) for row in csv.DictReader(file)
                    if row["part"] == part and row["program"]}
    except (OSError, KeyError, ValueError, TypeError):
        return {}
