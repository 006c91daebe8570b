#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A use that points upwards must be found, however it is written."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import layers  # noqa: E402  (the path above comes first)
import testing  # noqa: E402


class Layers(unittest.TestCase):
    def wrong(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / (name.replace("__", "/") + ".rs")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return list(layers.upward(Path(folder)))

    def test_downwards_is_allowed(self):
        self.assertEqual(self.wrong(ioctl__lock="use crate::{\n    message::Link,\n    wire::{\n        Handle, //\n    }, //\n};\n"), [])

    def test_upwards_is_found_in_paths_and_lists(self):
        self.assertEqual(len(self.wrong(message="fn f() { crate::objects::g() }\n")), 1)
        self.assertEqual(len(self.wrong(message__lock="use crate::{\n    linux::wait::WaitMode,\n    ioctl::Entry, //\n};\n")), 1)

    def test_a_layer_may_use_itself(self):
        self.assertEqual(self.wrong(objects__device="use crate::objects::adapter::Adapter;\n"), [])

    def test_unit_tests_may_use_what_they_like(self):
        tests = "#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]\n#[kunit_tests(a)]\nmod tests {\n    use crate::objects::f;\n}\n"
        self.assertEqual(self.wrong(wire=tests), [])
        self.assertEqual(self.wrong(transport="#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]\npub(crate) mod mock;\n",
                                    transport__mock="use crate::message::Link;\n"), [])

    def test_what_is_no_layer_is_named(self):
        self.assertIn("is no layer", self.wrong(attic="")[0])
        self.assertIn("is no layer", self.wrong(wire="use crate::attic::f;\n")[0])

    def test_the_module_has_none(self):
        self.assertEqual(list(layers.upward(layers.TOP / "src")), [])


if __name__ == "__main__":
    testing.main()
