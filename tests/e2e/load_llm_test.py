#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir load of streams of tokens, against a model whose moments are known; and of proxies that buffer."""

import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import load  # noqa: E402
import weir  # noqa: E402
from llm import Llm  # noqa: E402
from nginx import Nginx  # noqa: E402

LOCATION = """
    listen 127.0.0.1:%%(port)d;
    location / {
        proxy_pass http://127.0.0.1:%d;
        proxy_buffering %s;
    }
"""

MS = 1e6
CHAT = json.dumps({"model": "fake", "stream": True, "stream_options": {"include_usage": True},
                   "messages": [{"role": "user", "content": "count"}]})

GATEWAY = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
upstreams:
  - {name: llm, servers: ["127.0.0.1:%d"]}
routes:
  - {match: "* /{rest...}", public: true, to: {upstream: llm}}
"""

BESIDE = """
targets:
  - {name: gateway, url: "%s"}
  - {name: origin, url: "%s"}
steps:
  - name: gateway
    kind: chat
    target: gateway
    request: POST /v1/chat/completions
    body: '%s'
    beside: origin
  - name: origin
    kind: chat
    target: origin
    request: POST /v1/chat/completions
    body: '%s'
load: {rate: 10, duration: 4s}
"""


class LoadTest(load.LoadTest):
    def chat(self, url, *arguments, rate=20, seconds=3):
        return self.load("--chat", "--data", CHAT, "--rate", str(rate), "-d", "%ds" % seconds, *arguments, url)

    def assert_near(self, value_ns, wanted_ms, error_ms):
        self.assertGreaterEqual(value_ns, (wanted_ms - error_ms) * MS, self.output)
        self.assertLessEqual(value_ns, (wanted_ms + error_ms * weir.SLOWNESS) * MS, self.output)


class Figures(LoadTest):
    def check(self, figures, tokens, first_ms, interval_ms):
        """What the model was told, in the median, as near as a machine gives that is busy with other tests: `make bench
        BENCH=load_events` says how near it is on a quiet one."""
        self.assertEqual(figures["failed"], 0, self.output)
        self.assertEqual(figures["tokens"], tokens * figures["answered"])
        self.assertEqual(figures["input_tokens"], 7 * figures["answered"])
        self.assertEqual(figures["between_tokens"]["count"], (tokens - 1) * figures["answered"])
        self.assert_near(figures["first_token"]["p50_ns"], first_ms, 10)
        self.assert_near(figures["between_tokens"]["p50_ns"], interval_ms, 3)
        self.assert_near(figures["per_token"]["p50_ns"], interval_ms, 2)
        self.assert_near(figures["normalized"]["p50_ns"], (first_ms + (tokens - 1) * interval_ms) / tokens, 3)

    def test_times_chat_completions(self):
        with Llm(first_us=60000, interval_us=20000, tokens=10) as llm:
            results = self.chat(llm.url + "/v1/chat/completions")
        self.check(results["summary"]["all"], 10, 60, 20)
        self.assertEqual(results["summary"]["all"]["answered"], 60)

    def test_times_messages_of_anthropic(self):
        with Llm(first_us=40000, interval_us=15000, tokens=12) as llm:
            results = self.chat(llm.url + "/v1/messages")
        self.check(results["summary"]["all"], 12, 40, 15)

    def test_times_tokens_through_weir(self):
        with Llm(first_us=40000, interval_us=15000, tokens=12) as llm, weir.Server(GATEWAY % llm.port) as server:
            results = self.chat("http://127.0.0.1:%d/v1/chat/completions" % server.port)
        self.check(results["summary"]["all"], 12, 40, 15)

    def test_times_tokens_over_http2(self):
        with Llm(first_us=40000, interval_us=15000, tokens=12) as llm, weir.Server(GATEWAY % llm.port) as server:
            results = self.chat("http://127.0.0.1:%d/v1/chat/completions" % server.port, "--http2", "-c", "1")
        self.check(results["summary"]["all"], 12, 40, 15)
        self.assertEqual(results["summary"]["connect"]["count"], 1)

    def test_fails_streams_that_do_not_end_as_they_should(self):
        with Llm(first_us=1000, interval_us=1000, tokens=3) as llm:
            for path in ["/cut", "/error", "/plain"]:
                with self.subTest(path):
                    results = self.chat(llm.url + path, rate=20, seconds=1)
                    self.assertEqual(results["summary"]["all"]["answered"], 0, self.output)
                    self.assertEqual(results["totals"]["series"][0]["failed"], {"stream": 20}, self.output)

    def test_counts_what_is_good(self):
        with Llm(first_us=20000, interval_us=5000, tokens=10) as llm:
            for bounds, is_good in [(["--slo-first-token", "200ms", "--slo-between-tokens", "50ms"], True),
                                    (["--slo-first-token", "10ms"], False), (["--slo-between-tokens", "2ms"], False),
                                    (["--slo-total", "40ms"], False)]:
                with self.subTest(bounds):
                    figures = self.chat(llm.url + "/v1/chat/completions", *bounds, seconds=1)["summary"]["all"]
                    self.assertGreater(figures["answered"], 0)
                    self.assertEqual(figures["good"], figures["answered"] if is_good else 0, self.output)


class Buffering(LoadTest):
    def remarks_beside(self, gateway, llm):
        results = self.load(plan=BESIDE % (gateway, llm.url, CHAT, CHAT))
        self.assertEqual(results["summary"]["all"]["failed"], 0, self.output)
        return results, [(remark["kind"], remark["code"]) for remark in results["remarks"]]

    def test_weir_does_not_buffer(self):
        with Llm(first_us=30000, interval_us=20000, tokens=10) as llm, weir.Server(GATEWAY % llm.port) as server:
            _, remarks = self.remarks_beside("http://127.0.0.1:%d" % server.port, llm)
        self.assertNotIn("buffering", [code for _, code in remarks], self.output)

    @unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
    def test_nginx_buffers_as_it_is_told(self):
        with Llm(first_us=30000, interval_us=20000, tokens=10) as llm:
            with Nginx(LOCATION % (llm.port, "off")) as nginx:
                _, remarks = self.remarks_beside("http://127.0.0.1:%d" % nginx.port, llm)
                self.assertNotIn("buffering", [code for _, code in remarks], self.output)
            with Nginx(LOCATION % (llm.port, "on")) as nginx:
                results, remarks = self.remarks_beside("http://127.0.0.1:%d" % nginx.port, llm)
        self.assertIn(("invalid", "buffering"), remarks, self.output)
        self.assertFalse(results["valid"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
