# SPDX-License-Identifier: GPL-2.0
"""Compare two traces of gpupv-host, message by message and field by field.

A trace is a file of JSON objects, one a line, as `gpupv-host --trace FILE
--trace-format json` writes it. Messages are taken apart into streams: one for each
channel and process, and one for each channel with what the host sends by itself.
Only the order within a stream counts, since that of different streams is chance.

Values that differ from run to run are given names before they are compared: the
n-th handle and the n-th address of a stream are `handle n` and `address n`. A handle
gets its name when it is made, so that it does not matter which numbers a host
gives, nor when it gives a number again; one that was made elsewhere is the n-th
`other handle` that is seen. 0 is never renamed: whether there is a handle or a pointer is no
chance. The same is done within bytes in hexadecimal (`tail`): a word of 32 bits that
is a handle of the stream, or one of 64 bits that is an address of it, stands for it.
"""

import collections
import difflib
import json

# Fields with handles: of the host, of the virtual machine, of lent memory.
HANDLES = frozenset("""
    adapter allocation broadcast_context context device device_handle fence_object gpadl
    global_share global_sync_object host_adapter_handle host_handle hprocess hwqueue
    hwqueue_progress_fence object object_handle paging_queue private_runtime_resource_handle
    resource shared_handle shared_page_gpadl sync_object vail_nt_handle
""".split())

# Fields with addresses and other numbers that come from where something lies or who it is.
ADDRESSES = frozenset("""
    async_event base_address command_buffer cpu_event_handle dest_address event fence_cpu_va
    fence_cpu_virtual_address fence_gpu_va fence_gpu_virtual_address fence_storage_address
    fence_storage_physical_address gpu_virtual_address guest_cpu_physical_address
    guest_event_pointer guest_pointer history_buffer_array hwqueue_progress_fence_cpuva
    hwqueue_progress_fence_gpuva process process_id source_address start virtual_address
""".split())

# Fields with what a clock shows.
TIMES = frozenset(("cpu_clock_counter", "gpu_clock_counter"))

# Commands whose answer makes handles.
MAKERS = ("CREATE", "OPEN")

# Where two streams differ, at most so many pairs of messages are looked at to align them.
ALIGNMENT = 40_000_000


class Wrong(Exception):
    """A file that is no trace."""


class Message:
    """A line of a trace."""

    def __init__(self, line, content):
        self.line = line
        self.content = content
        self.command = content["command"]
        self.channel = content["channel"]
        self.process = content.get("process")
        self.to_guest = content["to_guest"]
        self.fields = {}

    def key(self):
        """What two messages must have in common to be compared."""
        return self.command, self.content.get("asynchronous", False)


def read(lines, name):
    """The messages of a trace."""
    messages = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            messages.append(Message(number, content))
        except ValueError as error:
            hint = " (is it a trace in JSON? gpupv-host writes one with --trace-format json)" if number == 1 else ""
            raise Wrong(f"{name}:{number}: {error}{hint}") from error
        except (KeyError, TypeError) as error:
            raise Wrong(f"{name}:{number}: not a message: no {error}") from error
    return messages


class Names:
    """The names of the values of one stream."""

    def __init__(self):
        self.handles, self.addresses = {}, {}
        self.made = collections.Counter()

    def name(self, table, kind, value, fresh=False):
        if value == 0:
            return 0
        if fresh or value not in table:
            # Counted apart, so that a wrong handle does not rename those that are made later.
            if table is self.handles and not fresh:
                kind = "other handle"
            self.made[kind] += 1
            table[value] = f"{kind} {self.made[kind]}"
        return table[value]

    def field(self, name, value, fresh):
        if isinstance(value, str):
            return self.words(value)
        if name in HANDLES:
            return self.name(self.handles, "handle", value, fresh)
        if name in ADDRESSES:
            return self.name(self.addresses, "address", value)
        return value

    def words(self, digits):
        """The bytes of a string of hexadecimal digits, with names for the words that have one."""
        body, cut = digits.removesuffix(".."), digits.endswith("..")
        try:
            data = bytes.fromhex(body)
        except ValueError:
            return digits
        # Zeros at the end are not shown, but belong to the last word.
        if not cut and len(data) % 8:
            data += bytes(8 - len(data) % 8)
        parts, at = [], 0
        while at < len(data):
            long, word = data[at:at + 8], data[at:at + 4]
            if at % 8 == 0 and len(long) == 8 and int.from_bytes(long, "little") in self.addresses:
                parts.append(f"<{self.addresses[int.from_bytes(long, 'little')]}>")
                at += 8
            elif len(word) == 4 and int.from_bytes(word, "little") in self.handles:
                parts.append(f"<{self.handles[int.from_bytes(word, 'little')]}>")
                at += 4
            else:
                parts.append(word.hex())
                at += len(word)
        return "".join(parts) + (".." if cut else "")


def normalise(message, names, ignored, raw):
    """The fields of a message by name, with names for the values that differ from run to run."""
    content = message.content
    flat = {"length": content["length"], "violation": content.get("violation")}
    parts = [("", content.get("fields") or {}, False)]
    reply = content.get("reply")
    flat["reply"] = "none" if reply is None else "some"
    if reply is not None:
        flat["reply.length"] = reply["length"]
        flat["reply.status"] = reply.get("status")
        made = message.command.startswith(MAKERS)
        parts.append(("reply.", reply.get("fields") or {}, made))
    for prefix, fields, made in parts:
        asked = (content.get("fields") or {}).values() if made else ()
        for name, value in fields.items():
            if name in TIMES and name not in raw:
                continue
            # An answer that repeats the request makes nothing of what the request had.
            fresh = made and value not in asked
            flat[prefix + name] = value if name in raw else names.field(name, value, fresh)
    return {name: value for name, value in flat.items()
            if name not in ignored and name.removeprefix("reply.") not in ignored}


def processes(messages):
    """What each process is called: its name and how many of that name there were before it."""
    called, seen = {0: "the guest"}, collections.Counter()
    labels = {}

    def label(name):
        seen[name] += 1
        return f"{name} {seen[name]}"

    for message in messages:
        content = message.content
        if message.command == "CREATEPROCESS":
            name = text((content.get("fields") or {}).get("process_name", ""))
            made = ((content.get("reply") or {}).get("fields") or {}).get("hprocess", 0)
            if made:
                called[made] = label(f"process {name!r}")
        if message.process is not None and message.process not in called:
            called[message.process] = label("process")
        labels[message.line] = called.get(message.process, "nobody")
    return labels


def text(digits):
    """UTF-16 in hexadecimal digits."""
    try:
        data = bytes.fromhex(digits.removesuffix(".."))
    except (AttributeError, ValueError):
        return ""
    return (data + bytes(len(data) % 2)).decode("utf-16-le", "replace").rstrip("\0")


def streams(messages, ignored, raw):
    """The messages by stream, in their order, with their fields."""
    labels = processes(messages)
    found, names = {}, collections.defaultdict(Names)
    for message in messages:
        who = "from the host" if message.to_guest else labels[message.line]
        stream = f"{message.channel}, {who}"
        message.fields = normalise(message, names[stream], ignored, raw)
        found.setdefault(stream, []).append(message)
    return found


def align(first, second):
    """Pairs of messages that belong together; None stands for one that is not there."""
    start, (one, two) = 0, ([m.key() for m in first], [m.key() for m in second])
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1
    yield from zip(first[:start], second[:start])
    one_end, two_end = len(one) - end, len(two) - end
    middle = one[start:one_end], two[start:two_end]
    if len(middle[0]) * len(middle[1]) > ALIGNMENT:
        # Too long to look for what belongs together.
        yield from ((m, None) for m in first[start:one_end])
        yield from ((None, m) for m in second[start:two_end])
    else:
        for what, a, b, c, d in difflib.SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
            ours, theirs = first[start + a:start + b], second[start + c:start + d]
            if what == "equal":
                yield from zip(ours, theirs)
            else:
                yield from ((m, None) for m in ours)
                yield from ((None, m) for m in theirs)
    yield from zip(first[one_end:], second[two_end:])


Difference = collections.namedtuple("Difference", "stream first second fields")
Outcome = collections.namedtuple("Outcome", "compared differences")


def compare(first, second, ignored=(), raw=(), only=()):
    """Compares two traces."""
    one, two = streams(first, ignored, raw), streams(second, ignored, raw)
    compared, differences = 0, []
    for stream in dict.fromkeys([*one, *two]):
        pick = [[m for m in side.get(stream, []) if not only or m.command in only] for side in (one, two)]
        for ours, theirs in align(*pick):
            if ours is None or theirs is None:
                differences.append(Difference(stream, ours, theirs, ()))
                continue
            compared += 1
            unlike = [(name, ours.fields.get(name), theirs.fields.get(name))
                      for name in dict.fromkeys([*ours.fields, *theirs.fields])
                      if ours.fields.get(name) != theirs.fields.get(name)]
            if unlike:
                differences.append(Difference(stream, ours, theirs, tuple(unlike)))
    return Outcome(compared, differences)


def show(value):
    """A value as people read it."""
    if value is None:
        return "-"
    return f"{value:#x}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def lines(difference):
    """A difference in lines."""
    stream, first, second, fields = difference
    if first is None or second is None:
        there, side = (first, "first") if second is None else (second, "second")
        yield f"{stream}: only in the {side}: {there.command} (line {there.line})"
        return
    yield f"{stream}: {first.command} (lines {first.line} and {second.line})"
    for name, ours, theirs in fields:
        yield f"    {name}: {show(ours)} / {show(theirs)}"
