#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks that the layers of the module use each other in one direction only: `use crate::...` points downwards."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
# From the top: each layer may use those behind it. Documentation/dxgkrnl/architecture.rst says what each of them does.
LAYERS = ["dxgkrnl_main", "bus", "ioctl", "registry", "objects", "message", "transport", "uapi", "wire", "id_table", "linux",
          "counter", "random"]
# What the kernel's macros put into the root of the crate
GENERATED = {"LocalModule", "THIS_MODULE", "module_parameters"}
TESTS = re.compile(r"#\[cfg\(CONFIG_DXGKRNL_KUNIT_TEST\)\]\n(?:#\[kunit_tests|(?:pub\(\w+\) )?mod \w+ \{).*", re.DOTALL)
TEST_MODULE = re.compile(r"#\[cfg\(CONFIG_DXGKRNL_KUNIT_TEST\)\]\n(?:pub\(crate\) )?mod (\w+);")


def test_files(sources):
    """The files that are built for unit tests only."""
    return {path.with_suffix("") / f"{name}.rs" for path in sources for name in TEST_MODULE.findall(path.read_text())}


def used(text):
    """The layers that a source uses."""
    found = set(re.findall(r"\bcrate::(\w+)", text))
    for group in re.findall(r"\buse crate::\{(.*?)\n *\};", text, re.DOTALL):
        depth = 0
        for line in group.splitlines():
            if depth == 0 and (name := re.match(r"\s*(\w+)", line)):
                found.add(name[1])
            depth += line.count("{") - line.count("}")
    return found


def upward(root):
    """The uses that point upwards, or to no layer, as sentences."""
    sources = sorted(root.rglob("*.rs"))
    left_out = test_files(sources)
    for path in sources:
        if path in left_out:
            continue
        layer = path.relative_to(root).parts[0].removesuffix(".rs")
        if layer not in LAYERS:
            yield f"{path}: {layer} is no layer: give it a place in scripts/lib/layers.py"
            continue
        for name in sorted(used(TESTS.sub("", path.read_text())) - GENERATED - {layer}):
            if name not in LAYERS:
                yield f"{path}: {name} is no layer: give it a place in scripts/lib/layers.py"
            elif LAYERS.index(name) < LAYERS.index(layer):
                yield f"{path}: {layer} uses {name}, which is above it"


def main():
    wrong = list(upward(TOP / "src"))
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
