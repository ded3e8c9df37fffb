#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that cannot start says why and ends with a code; it never crashes, hangs or serves half.

Each allocation and each system call of a start fails in turn, a run of its own for each. FAULT_ALL=1: every single one,
not one of each place in the code."""

import collections
import concurrent.futures
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import faults
from faults import weir

SECONDS = float(os.environ.get("FAULT_SECONDS", "20")) * weir.SLOWNESS
PLAYERS = 3
CONFIG = """
welcome: "up: {address}"
listen: [127.0.0.1:0]
workers: 1
executors: 1
%schain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
"""
PLAIN = CONFIG % ""
WITH_MODEL = CONFIG % ("models: [%s, batch: 2}]\n" % weir.MODEL[:-1])  # larger batches are tried with the same allocations
WITH_SCHEMAS = CONFIG % "schemas: schemas\n" + """  - match: PUT /v2/users/{id}
    public: true
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    responses: {200: schemas/put-users-id-v2.json}
    to: {endpoint: livez}
"""
SCHEMAS = {
    "put-users-id-v2.json": '{"$ref": "common.json#/$defs/user"}',
    "common.json": '{"$defs": {"user": {"type": "object", "required": ["a"], "properties": {"a": {"pattern": "^[a-z]+$"}, '
                   '"b": {"anyOf": [{"type": "string"}, {"enum": [1, 2]}]}}, "unevaluatedProperties": false}}}',
}


class Start:
    """One start with one fault."""

    def __init__(self, config, arm):
        with tempfile.TemporaryDirectory(prefix="weir-fault-") as folder:
            path = os.path.join(folder, "weir.yaml")
            with open(path, "w") as file:
                file.write(config)
            os.mkdir(os.path.join(folder, "schemas"))
            for name, text in SCHEMAS.items():
                with open(os.path.join(folder, "schemas", name), "w") as file:
                    file.write(text)
            control = faults.Control(os.path.join(folder, "control"))
            arm(control)
            self.process = subprocess.Popen(
                [weir.BINARY, "serve", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=folder, env=dict(os.environ, **control.environment()))
            self.is_up = self.wait_until_up()
            self.sites = control.sites()
            self.hits = control.hits()
            control.disarm()
            control.close()
            self.end()

    def wait_until_up(self):
        """Whether the welcome came; by a pipe, so that its end is noticed, too."""
        output = b""
        end = time.monotonic() + SECONDS
        while b"up: " not in output and time.monotonic() < end:
            if not select.select([self.process.stdout], [], [], 0.5)[0]:
                continue
            data = os.read(self.process.stdout.fileno(), 4096)
            if not data:
                break
            output += data
        return b"up: " in output

    def end(self):
        if self.is_up:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, errors = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
            self.is_hung = True
        else:
            self.is_hung = False
        self.code = self.process.returncode
        self.errors = errors.decode("utf-8", "replace")

    def fault(self):
        """What is wrong with how it went, or None."""
        if self.is_hung:
            return "hangs"
        if self.code < 0 and faults.library_of_crash(self.errors.splitlines()).startswith(faults.FRAGILE):
            return None
        if self.code < 0:
            return "is ended by %s" % signal.Signals(-self.code).name
        if "AddressSanitizer" in self.errors or "runtime error" in self.errors:
            return "is stopped by a sanitizer"
        if self.is_up:
            return "ends with %d after it was up" % self.code if self.code else None
        if self.code == 0:
            return "ends with 0 without having been up"
        if "weir: " not in self.errors and "error: " not in self.errors:
            return "ends with %d and says nothing" % self.code
        return None


class StartTest(unittest.TestCase):
    def play(self, config, arms):
        """[(name, arm)] each in a run of its own."""
        tally = collections.Counter()
        failures = []
        with concurrent.futures.ThreadPoolExecutor(PLAYERS) as pool:
            for (name, _), start in zip(arms, pool.map(lambda arm: Start(config, arm[1]), arms)):
                tally["died in a library" if start.code < 0 else "not reached" if not start.hits else
                      "up all the same" if start.is_up else "refused"] += 1
                why = start.fault()
                if why:
                    failures.append("%s: %s\n%s" % (name, why, start.errors[-1500:]))
        print("%d starts: %s" % (len(arms), ", ".join("%d %s" % (count, what) for what, count in sorted(tally.items()))))
        if failures:
            self.fail("%d of %d:\n%s" % (len(failures), len(arms), "\n".join(failures[:40])))

    def allocations(self, config):
        start = Start(config, lambda control: control.record(1))
        self.assertTrue(start.is_up, start.errors)
        self.assertIsNone(start.fault())
        indexes = faults.indexes_to_fail(start.sites)
        print("%d allocations, %d of them to fail" % (len(start.sites), len(indexes)))
        self.play(config, [("allocation %d" % n, lambda control, n=n: control.arm("allocation", "ENOMEM", n))
                           for n in indexes])

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_every_allocation_that_fails_is_told_or_survived(self):
        self.allocations(PLAIN)

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_every_allocation_that_fails_with_a_model_is_told_or_survived(self):
        self.allocations(WITH_MODEL)

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_every_allocation_that_fails_with_schemas_is_told_or_survived(self):
        self.allocations(WITH_SCHEMAS)

    def test_every_call_that_fails_is_told_or_survived(self):
        arms = []
        for call in faults.CALLS:
            if call == "allocation":
                continue
            for error in faults.errors_of(call):
                for n in (1, 2, 3, 4, 6, 9):
                    arms.append(("%s %d fails with %s" % (call, n, error),
                                 lambda control, call=call, error=error, n=n: control.arm(call, error, n)))
        self.play(PLAIN, arms)


if __name__ == "__main__":
    faults.require()
    unittest.main(verbosity=2)
