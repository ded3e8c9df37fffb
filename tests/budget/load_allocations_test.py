#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Once warm, weir load allocates nothing: not for a request over HTTP/1.1 or HTTP/2, made once or from templates, and not for the
tokens of a stream. Of TLS, OpenSSL's records are told.

What a long run allocates is what a short one does; a few more there may be for connections that the server ends."""

import mmap
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import weir  # noqa: E402
from llm import Llm  # noqa: E402

FEW, MANY = 500, 4500
ANY_SHARE = 0.02  # of a request: what connections cost that the server ends
CONFIG = """
listen:
  - 127.0.0.1:0
  - {address: 127.0.0.1:0, tls: {certificates: [{cert: %s, key: %s}]}}
workers: 1
executors: 1
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="weir-load-budget-")
        authority = certificates.Authority(cls.folder.name)
        cls.server = weir.Server(CONFIG % authority.issue("server", "IP:127.0.0.1"))
        cls.server.start()
        cls.url = "http://127.0.0.1:%d/livez" % cls.server.port
        cls.tls_url = cls.server.find_line("listening on https://").split(" ")[3] + "/livez"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()
        cls.folder.cleanup()

    def allocations(self, requests, arguments):
        path = os.path.join(self.folder.name, "count")
        with open(path, "wb") as file:
            file.write(b"\0" * 4096)
        environment = dict(os.environ, LD_PRELOAD=os.environ["MALLOC_COUNT"], MALLOC_COUNT_FILE=path)
        run = subprocess.run([weir.BINARY, "load", "-q", "-c", "4", "-n", str(requests), *arguments], env=environment,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertIn("statuses 200: %d" % requests, run.stdout, run.stdout + run.stderr)
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 24) as memory:
            return sum(struct.unpack("<3Q", memory[:24]))

    def per_request(self, *arguments, few=FEW, many=MANY):
        first = self.allocations(few, arguments)
        self.assertGreater(first, 0, "the counter did not count")
        return max(self.allocations(many, arguments) - first, 0) / (many - few)

    def test_a_request_over_http1(self):
        self.assertLess(self.per_request(self.url), ANY_SHARE)

    def test_a_request_from_templates(self):
        self.assertLess(self.per_request("-H", "X-Id: ${uuid}", self.url + "?n=${sequence}"), ANY_SHARE)

    def test_a_request_over_http2(self):
        self.assertLess(self.per_request("--http2", self.url), ANY_SHARE)

    def test_a_stream_of_tokens(self):
        with Llm(first_us=1000, interval_us=200, tokens=50) as llm:
            arguments = ["--chat", "--data", '{"stream": true}', llm.url + "/v1/chat/completions"]
            self.assertLess(self.per_request(*arguments, few=40, many=240), ANY_SHARE)

    def test_a_request_over_tls_takes_what_openssl_takes(self):
        taken = self.per_request("--insecure", "--http1", self.tls_url)
        print("%.2f allocations for a request over TLS" % taken)
        self.assertLess(taken, 8)


if __name__ == "__main__":
    if "MALLOC_COUNT" not in os.environ:
        weir.skip("MALLOC_COUNT does not name the library that counts")
    unittest.main(verbosity=2)
