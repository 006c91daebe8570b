#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two traces of the same differ in nothing, whatever numbers host and guest gave."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import testing  # noqa: E402  (the path above comes first)
import trace_diff  # noqa: E402

PROGRAM = Path(__file__).resolve().parent.parent / "trace-diff"


def line(command, fields=None, reply=None, process=0, channel="vgpu0", status=None, **others):
    """A message as gpupv-host writes it."""
    answer = None
    if reply is not None:
        answer = {"length": 4, "status": status, "fields": reply}
    message = {"time": 0.5, "channel": channel, "to_guest": False, "command": command, "number": 1,
               "process": process, "asynchronous": False, "length": 40, "fields": fields or {},
               "reply": answer, "violation": None}
    return json.dumps(message | others)


def name(text):
    return text.encode("utf-16-le").hex()


def process(number, called="prog", pid=42):
    return line("CREATEPROCESS", {"process": 0x1000 + pid, "process_id": pid, "process_name": name(called)},
                {"hprocess": number}, channel="global")


def run(base, pid=42, queue=0x40, address=0x7F00, extra=()):
    """A program that makes a device and a fence, and signals it; with the numbers of its run."""
    device, fence = base, base + 0x40
    tail = (fence.to_bytes(4, "little") + bytes(4) + (7).to_bytes(8, "little")).hex()
    return [
        process(0x9000 + base, pid=pid),
        line("CREATEDEVICE", {"flags": 0}, {"device": device}, 0x9000 + base),
        line("CREATESYNCOBJECT", {"device": device, "type": 5},
             {"sync_object": fence, "fence_storage_address": address}, 0x9000 + base),
        line("SIGNALSYNCOBJECT", {"object_count": 1, "context": 0, "tail": tail}, {}, 0x9000 + base, status=0),
        *extra,
    ]


def compare(first, second, **options):
    traces = [trace_diff.read(text, "trace") for text in (first, second)]
    return trace_diff.compare(*traces, **options)


def fields(outcome):
    return [[field[0] for field in difference.fields] for difference in outcome.differences]


class Compare(unittest.TestCase):
    def test_numbers_of_a_run_do_not_matter(self):
        outcome = compare(run(0x100), run(0x8840, pid=99, address=0x1230000))
        self.assertEqual((outcome.compared, outcome.differences), (4, []))

    def test_a_field_that_differs_is_named(self):
        second = run(0x100)
        second[2] = second[2].replace('"type": 5', '"type": 3')
        self.assertEqual(fields(compare(run(0x100), second)), [["type"]])

    def test_status_length_and_the_lack_of_an_answer_are_seen(self):
        for change, seen in [
            (('"status": 0', '"status": 3221225485'), ["reply.status"]),
            (('"length": 40', '"length": 48'), ["length"]),
            (('"violation": null', '"violation": "bad"'), ["violation"]),
        ]:
            second = run(0x100)
            second[3] = second[3].replace(*change)
            self.assertEqual(fields(compare(run(0x100), second)), [seen])
        second = run(0x100)
        second[1] = line("CREATEDEVICE", {"flags": 0}, None, 0x9100)
        self.assertIn("reply", fields(compare(run(0x100), second))[0])

    def test_the_wrong_handle_is_seen_in_a_field_and_in_bytes(self):
        second = run(0x100)
        second[2] = second[2].replace('"device": 256', '"device": 999')
        self.assertEqual(fields(compare(run(0x100), second)), [["device"]])
        second = run(0x100)
        # The device in place of the fence.
        second[3] = second[3].replace("40010000", "00010000")
        self.assertEqual(fields(compare(run(0x100), second)), [["tail"]])

    def test_a_pointer_is_not_the_same_as_none(self):
        one = [line("SUBMITCOMMAND", {"history_buffer_array": 0x7FFF0000})]
        other = [line("SUBMITCOMMAND", {"history_buffer_array": 0x55550000})]
        none = [line("SUBMITCOMMAND", {"history_buffer_array": 0})]
        self.assertEqual(compare(one, other).differences, [])
        self.assertEqual(fields(compare(one, none)), [["history_buffer_array"]])

    def test_a_number_that_is_given_again_names_a_new_object(self):
        def twice(second):
            make = lambda number: line("CREATEDEVICE", {}, {"device": number}, 5)  # noqa: E731
            return [make(0x40), line("DESTROYDEVICE", {"device": 0x40}, {}, 5), make(second),
                    line("FLUSHDEVICE", {"device": second}, {}, 5)]
        self.assertEqual(compare(twice(0x40), twice(0x41)).differences, [])

    def test_an_answer_that_repeats_the_request_makes_nothing(self):
        def trace(device):
            return [line("CREATEDEVICE", {}, {"device": device}, 5),
                    line("CREATECONTEXTVIRTUAL", {"device": device, "context": 0},
                         {"device": device, "context": device + 1}, 5),
                    line("FLUSHDEVICE", {"device": device}, {}, 5)]
        self.assertEqual(compare(trace(0x40), trace(0x80)).differences, [])
        self.assertNotIn("handle 3", str([m.fields for m in
                                          trace_diff.streams(trace_diff.read(trace(0x40), "t"), (), ())
                                          ["vgpu0, process 1"]]))

    def test_only_the_order_within_a_process_counts(self):
        def two(first, second):
            return [process(0x40, "a"), process(0x80, "b"), *first, *second]
        a = [line("CREATEDEVICE", {}, {"device": n}, 0x40) for n in (1, 2)]
        b = [line("CREATEDEVICE", {}, {"device": n}, 0x80) for n in (3, 4)]
        self.assertEqual(compare(two(a, b), two(b, a)).differences, [])

    def test_processes_are_known_by_their_name(self):
        a, b = process(0x40, "a"), process(0x80, "b")
        outcome = compare([a, b, line("ESCAPE", {}, {}, 0x80)], [a, b, line("ESCAPE", {}, {}, 0x40)])
        self.assertEqual([(d.first is None, d.second is None) for d in outcome.differences],
                         [(False, True), (True, False)])
        self.assertIn("process 'b' 1", outcome.differences[0].stream)

    def test_a_message_more_is_named_and_the_rest_still_compared(self):
        more = [line("FLUSHDEVICE", {}, {}, 0x9100)]
        second = run(0x100)
        outcome = compare(run(0x100), second[:3] + more + second[3:])
        self.assertEqual((outcome.compared, len(outcome.differences)), (4, 1))
        self.assertIn("only in the second: FLUSHDEVICE (line 4)", "\n".join(trace_diff.lines(outcome.differences[0])))

    def test_clocks_are_not_compared_unless_wanted(self):
        one, other = [[line("QUERYCLOCKCALIBRATION", {}, {"gpu_clock_counter": n})] for n in (1, 2)]
        self.assertEqual(compare(one, other).differences, [])
        self.assertEqual(fields(compare(one, other, raw={"gpu_clock_counter"})), [["reply.gpu_clock_counter"]])

    def test_fields_and_commands_can_be_left_out(self):
        one, other = [[line("ESCAPE", {"flags": n}, {}), line("LOCK2", {"flags": 0}, {})] for n in (1, 2)]
        self.assertEqual(compare(one, other, ignored={"flags"}).differences, [])
        self.assertEqual(compare(one, other, only={"LOCK2"}).differences, [])

    def test_long_traces_that_have_nothing_in_common_end(self):
        saved, trace_diff.ALIGNMENT = trace_diff.ALIGNMENT, 4
        try:
            outcome = compare([line("A")] * 3, [line("B")] * 3)
        finally:
            trace_diff.ALIGNMENT = saved
        self.assertEqual(len(outcome.differences), 6)


class Program(unittest.TestCase):
    def run_on(self, *contents, options=()):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, content in enumerate(contents):
                path = Path(folder) / str(number)
                if content is not None:
                    path.write_text(content, encoding="utf-8")
                paths.append(str(path))
            done = subprocess.run([PROGRAM, *paths, *options], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_the_status_says_whether_they_differ(self):
        one, other = "\n".join(run(0x100)), "\n".join(run(0x8840))
        self.assertEqual(self.run_on(one, other)[0], 0)
        status, out, _ = self.run_on(one, other.replace('"type": 5', '"type": 3'))
        self.assertEqual(status, 1)
        self.assertIn("    type: 0x5 / 0x3", out)
        self.assertIn("4 messages compared, 1 differ, 0 only in the first, 0 only in the second", out)

    def test_what_is_no_trace_is_an_error_that_says_where(self):
        good = "\n".join(run(0x100))
        for bad, words in [
            (None, "cannot read"),
            ("", "has no messages"),
            ("  0.5 global -> CREATEPROCESS", ":1: "),
            ("  0.5 global -> CREATEPROCESS", "--trace-format json"),
            (good + "\n{\n", ":5: "),
            ('{"time": 1}', "not a message: no 'command'"),
            ("3", "not a message"),
        ]:
            status, out, err = self.run_on(good, bad)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(words, err)
        self.assertEqual(self.run_on(good)[0], 2)
        self.assertEqual(self.run_on(good, good, options=["--only", "NOTHING"])[0], 2)

    def test_the_number_of_lines_is_bounded(self):
        one, other = ["\n".join(line("ESCAPE", {"flags": n}, {}) for _ in range(9)) for n in (1, 2)]
        status, out, _ = self.run_on(one, other, options=["--limit", "2"])
        self.assertEqual(status, 1)
        self.assertIn("... and 7 more", out)


if __name__ == "__main__":
    testing.main()
