#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An event loop that was away says so: for how long, why, and which stage had it."""

import json
import os
import signal
import struct
import sys
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

MS = 1000000
PATIENCE_S = 20
STOPPED_S = 0.5
ROUTE = "POST /v1/text-orientation"
# What the pattern of the route takes some 50 ms to refuse.
SLOW = "/slow?q=" + 30 * "a" + "cb"
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
inline_pixels: 4294967295
stalls: 5ms
limits: {regex_steps: 400000000, validation_steps: 1000000000}
models: [%s]
chain: [request_id, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /debug/stalls, public: true, to: {endpoint: stalls}}
  - match: GET /slow
    public: true
    parameters: [{name: q, in: query, schema: {type: string, pattern: "^(?=a)(?:a|aa)+(?!x)b$"}}]
    to: {endpoint: livez}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
""" % (weir.MODEL, weir.IMAGE_CHAIN)


def png(side):
    """A grey image that takes some time to unpack: noise does not compress."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    row = os.urandom(side)
    rows = b"".join(b"\0" + row[i % side:] + row[:i % side] for i in range(side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Stalls(unittest.TestCase):
    def setUp(self):
        self.server = weir.Server(CONFIG).start()

    def tearDown(self):
        self.server.__exit__(None, None, None)

    def look(self):
        answer = weir.ask(self.server.port, "GET", "/debug/stalls")
        self.assertEqual((answer.status, answer.field("Content-Type")), (200, "application/json"))
        return answer.json()

    def find(self, fits):
        return next((event for event in self.look()["events"] if fits(event)), None)

    def first_of(self, ask, fits):
        """On a busy machine what was asked may have waited longer for a processor than it took: so it is asked again for a while."""
        end = time.monotonic() + PATIENCE_S * weir.SLOWNESS
        while time.monotonic() < end:
            found = ask()
            if fits(found):
                return found
            time.sleep(0.05)
        raise AssertionError("never seen in %d s: %s" % (PATIENCE_S * weir.SLOWNESS, self.look()["events"][:5]))

    def assert_about(self, ns, expected_s, more_s):
        self.assertGreater(ns, (expected_s - 0.05) * 1e9)
        self.assertLess(ns, (expected_s + more_s * weir.SLOWNESS) * 1e9)

    def check_sums(self, document):
        for event in document["events"]:
            parts = sum(event[name + "_ns"] for name in ("handler", "descheduled", "major_fault"))
            self.assertEqual(parts, event["duration_ns"])
            self.assertGreaterEqual(event["duration_ns"], document["threshold_ns"])
        ends = [event["until_unix_ns"] for event in document["events"]]
        self.assertEqual(ends, sorted(ends, reverse=True))
        whole = document["all"]
        self.assertEqual(whole["count"], sum(cause["count"] for cause in whole["causes"].values()))
        self.assertEqual(whole["total_ns"], sum(cause["cause_ns"] for cause in whole["causes"].values()))
        self.assertEqual(whole["count"], sum(worker["count"] for worker in document["workers"]))
        for name, less in (("p99_ns", "p50_ns"), ("p99_9_ns", "p99_ns"), ("max_ns", "p99_9_ns")):
            self.assertGreaterEqual(whole[name], whole[less])

    def test_a_stopped_process_was_descheduled(self):
        with weir.Client(self.server.port) as client:
            client.request("GET", "/livez")
            self.server.signal(signal.SIGSTOP)
            weir.wait_until(lambda: b"State:\tT" in weir.read("/proc/%d/status" % self.server.pid), 5, "the stop")
            client.send("GET", "/livez")
            time.sleep(STOPPED_S)
            self.server.signal(signal.SIGCONT)
            self.assertEqual(client.receive().status, 200)
        event = self.find(lambda event: event["duration_ns"] > STOPPED_S / 2 * 1e9)
        self.assertIsNotNone(event)
        self.assert_about(event["duration_ns"], STOPPED_S, 0.3)
        self.assertEqual(event["cause"], "descheduled")
        self.assertNotIn("stage", event)
        document = self.look()
        self.check_sums(document)
        self.assertGreater(document["workers"][0]["max_ns"], STOPPED_S / 2 * 1e9)

    def test_an_image_that_is_decoded_in_the_loop_is_named(self):
        body = png(3000)

        def ask():
            answer = weir.ask(self.server.port, "POST", "/v1/text-orientation", {"Content-Type": "image/png"}, body)
            self.assertEqual(answer.status, 200, answer)
            event = self.find(lambda event: event.get("stage") == "decode")
            self.assertIsNotNone(event, self.look())
            return answer, event
        answer, event = self.first_of(ask, lambda pair: pair[1]["cause"] == "handler")
        self.assertEqual(event["route"], ROUTE)
        self.assertEqual(event["request_id"], answer.field("X-Request-Id"))
        self.assertGreater(event["handler_ns"], 10 * MS)
        self.assertGreater(event["stage_ns"], event["duration_ns"] / 2)
        self.check_sums(self.look())
        seen = weir.metrics(self.server.port)
        self.assertGreaterEqual(seen['weir_loop_stall_seconds_count{cause="handler"}'], 1)
        self.assertGreater(seen['weir_loop_stall_max_seconds{cause="handler"}'], 0.01)
        self.assertGreater(seen['weir_loop_stalled_seconds_total{cause="handler"}'], 0.01)

    def test_who_is_not_known_at_first_is_known_the_next_time(self):
        def ask():
            self.assertIn(weir.ask(self.server.port, "GET", SLOW).status, (400, 422))
            return self.find(lambda event: event["cause"] == "handler")
        first = self.first_of(ask, lambda event: event)
        self.assertNotIn("stage", first)
        self.assertEqual(first["phase"], "end")
        second = self.first_of(ask, lambda event: event["number"] > first["number"])
        self.assertEqual((second.get("stage"), second.get("route"), second["phase"]), ("validate", "GET /slow", "events"))

    def test_the_threshold_is_taken_by_a_reload(self):
        self.server.write_config(CONFIG.replace("stalls: 5ms", "stalls: {threshold: 0s}"))
        self.server.reload()
        self.assertEqual(self.look()["threshold_ns"], 0)
        before = self.look()["all"]["count"]
        weir.ask(self.server.port, "GET", SLOW)
        self.assertEqual(self.look()["all"]["count"], before)

    def test_a_loop_that_does_its_work_has_no_stall(self):
        """Many small pieces of work in a turn are none: of the handlers' there is nothing, whatever the machine does."""
        with weir.Client(self.server.port) as client:
            for _ in range(20):
                client.raw(50 * weir.request_bytes("GET", "/livez"))
                for _ in range(50):
                    client.receive()
        for event in self.look()["events"]:
            self.assertNotEqual((event["cause"], event.get("route")), ("handler", "GET /livez"), json.dumps(event))


if __name__ == "__main__":
    unittest.main(verbosity=2)
