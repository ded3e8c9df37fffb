#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A validation allocates nothing: `weir schema bench` asks the C library for memory as often in a short run as in one that is
ten times as long, whatever the schema does.

$MALLOC_COUNT is the library of malloc_count.c; $WEIR the binary."""

import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import unittest

WEIR = os.environ["WEIR"]
CASES = {
    "objects": (
        {"type": "object", "required": ["name"], "additionalProperties": False, "patternProperties": {"^x-": True},
         "properties": {"name": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$"}, "list": {"type": "array"}}},
        {"name": "some-name", "list": [1, 2, 3], "x-more": {}}),
    "unique items": ({"uniqueItems": True}, [{"a": i, "b": [str(i)]} for i in range(300)]),
    "unevaluated": (
        {"anyOf": [{"properties": {"a": True}}, {"properties": {"b": True}}], "unevaluatedProperties": {"type": "integer"}},
        {"a": 1, "b": "x", **{f"c{i}": i for i in range(100)}}),
    "numbers": ({"items": {"multipleOf": 0.01, "maximum": 1e300}},
                [0.01 * i for i in range(50)] + [10 ** 40, 12345678901234567890]),
    "patterns of PCRE2": ({"items": {"pattern": "^(?=.*\\d)(?!.*x)(a+)+\\1$"}}, ["a1" * 20, "aaaaaa", "b"]),
    "formats": ({"items": {"anyOf": [{"format": one} for one in
                                     ["date-time", "email", "idn-hostname", "uri", "ipv6", "uuid", "json-pointer"]]}},
                ["2026-11-25T16:00:00Z", "a@example.com", "\u00e4.example", "https://example.com/?q", "::1", "/a/b"]),
    "references": ({"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"below": {"items": {"$ref": "#/$defs/tree"}}}}}},
                   {"below": [{"below": []}, {"below": [{"below": []}]}]}),
    "enums": ({"items": {"enum": [[i, {"a": i}] for i in range(50)]}}, [[i, {"a": i}] for i in range(50)]),
}


def run(folder, schema, instance, seconds):
    """How often memory was asked for, and what the command says."""
    counts = os.path.join(folder, "counts")
    with open(counts, "wb") as file:
        file.truncate(4096)
    env = {**os.environ, "LD_PRELOAD": os.environ["MALLOC_COUNT"], "MALLOC_COUNT_FILE": counts}
    done = subprocess.run([WEIR, "schema", "bench", "--json", "--seconds", str(seconds), schema, instance],
                          env=env, check=True, capture_output=True, text=True)
    with open(counts, "r+b") as file, mmap.mmap(file.fileno(), 24) as memory:
        return sum(struct.unpack("<3Q", memory[:24])), json.loads(done.stdout)["instances"][0]


class SchemaAllocations(unittest.TestCase):
    def test_a_validation_allocates_nothing(self):
        for name, (schema, instance) in CASES.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                paths = [os.path.join(folder, "schema.json"), os.path.join(folder, "instance.json")]
                for path, value in zip(paths, (schema, instance)):
                    with open(path, "w", encoding="utf-8") as file:
                        json.dump(value, file)
                short, said = run(folder, *paths, 0.01)
                long, said_long = run(folder, *paths, 0.1)
                print(f"{name}: {short} and {long} for {said['rounds']} and {said_long['rounds']} validations, "
                      f"{'valid' if said['valid'] else 'not valid'}")
                self.assertGreater(said_long["rounds"], 3 * said["rounds"])
                self.assertEqual(short, long)
                self.assertEqual(said_long["allocations"], 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
