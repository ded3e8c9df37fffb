# SPDX-License-Identifier: Apache-2.0
"""The rows about tensors in JSON: the library's own functions on a core, without a server around them."""

import glob
import json
import os
import subprocess

import harness
from rows import Row

COUNT = 3 * 224 * 224
KINDS = ("short", "float", "double", "signed")
PARSE_BAR_MS = 1.5
PRINT_BAR_NS = 15


def helper():
    sources = [os.path.join(harness.ROOT, "bench/client/tensors.c")]
    sources += sorted(glob.glob(os.path.join(harness.ROOT, "src/lib/json/row*.c")))
    sources += [os.path.join(harness.ROOT, "src/lib", path) for path in (
        "json/scan.c", "json/number_parse.c", "json/number_format.c", "json/powers.c", "base/attr.c", "base/cpu.c")]
    headers = glob.glob(os.path.join(harness.ROOT, "src/lib/json/*.h"))
    return harness.compile_c(sources, os.path.join(harness.BUILD, "bin/tensors"), headers,
                             "-I" + os.path.join(harness.ROOT, "src"), "-Wno-misleading-indentation", "-lm")


def run(what, kind):
    process = harness.spawn([helper(), what, str(COUNT), kind], harness.SERVER_CORE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    output, error = process.communicate(timeout=60)
    if process.returncode != 0:
        raise harness.Void(error.strip() or "the helper ended with %d" % process.returncode)
    return json.loads(output)


def rounds(settings, what):
    return [{kind: run(what, kind) for kind in KINDS} for _ in range(settings.pairs)]


def worst(runs, member):
    """The kind that takes longest, and how long in the middle one of the rounds."""
    return max((harness.median(runs, kind, member), kind) for kind in KINDS)


def described(runs, member, unit, reference):
    return ", ".join("%s %.2f %s (%s %.1f ns)" % (kind, harness.median(runs, kind, member), unit, reference,
                                                   harness.median(runs, kind, "reference_ns")) for kind in KINDS)


def tensor_parse(settings):
    """150,528 floats of a tensor in JSON to memory, the end of the array found first; the slowest of four ways to write
    them."""
    runs = rounds(settings, "parse")
    return Row(worst(runs, "ms")[0], PARSE_BAR_MS, "ms", described(runs, "ms", "ms", "strtof"), runs)


def tensor_print(settings):
    """A float to its shortest digits in JSON, of 150,528; the slowest of the same values."""
    runs = rounds(settings, "print")
    return Row(worst(runs, "ns")[0], PRINT_BAR_NS, "ns", described(runs, "ns", "ns", "snprintf"), runs)


ROWS = {
    "tensor_parse": (tensor_parse, "tensors of JSON: to memory"),
    "tensor_print": (tensor_print, "tensors of JSON: floats to text"),
}
