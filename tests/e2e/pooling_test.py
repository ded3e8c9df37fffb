#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that keeps no memory answers as one that does, and asks the system for memory with every request.

Under AddressSanitizer this looks for what keeping hides: each object's memory is its own, so who uses one that is gone is told."""

import gzip
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import http2  # noqa: E402
import upstream  # noqa: E402
import weir  # noqa: E402

REQUESTS = 200
CLIENTS = 8
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
diagnostics: {pooling: %s}
models: [%s]
upstreams: [{name: app, servers: ["%s"]}]
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /debug/allocations, public: true, to: {endpoint: allocations}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: "* /app/{rest...}", public: true, to: {upstream: app}}
  - {match: GET /coded, public: true, chain: [compress], to: {asset: index.html}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
"""
TENSOR = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 32, 32],
                                 "data": [i % 7 / 7 for i in range(3072)]}]}).encode()
ACTS = {
    "GET": ("GET", "/livez", {}, b""),
    "an image": ("POST", "/v1/text-orientation", {"Content-Type": "image/jpeg"}, weir.image("upright-1.jpg")),
    "tensors in JSON": ("POST", "/v2/models/text-orientation/infer", {}, TENSOR),
    "tensors in gzip": ("POST", "/v2/models/text-orientation/infer", {"Content-Encoding": "gzip"}, gzip.compress(TENSOR)),
    "handed on": ("POST", "/app/x", {}, bytes(50000)),
    "compressed": ("GET", "/coded", {"Accept-Encoding": "gzip"}, b""),
    "what is not there": ("GET", "/nothing", {}, b""),
}


def worker_allocations(port):
    document = weir.ask(port, "GET", "/debug/allocations").json()
    return document["threads"]["worker"]["allocations"] if document["counted"] else None


class Pooling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = upstream.Upstream().__enter__()
        cls.servers = {name: weir.Server(CONFIG % (name, weir.MODEL, cls.app.address, weir.IMAGE_CHAIN)).start()
                       for name in ("true", "false")}

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers.values():
            server.__exit__(None, None, None)
        cls.app.__exit__(None)

    def test_answers_are_equal(self):
        for name, act in ACTS.items():
            answers = [weir.ask(server.port, *act) for server in self.servers.values()]
            self.assertEqual(answers[0].status, answers[1].status, name)
            if answers[0].problem() is None and name != "an image":
                self.assertEqual(answers[0].body, answers[1].body, name)
            self.assertEqual(answers[0].status, 404 if name == "what is not there" else 200, name)

    def test_keeping_saves_all_allocations_of_a_request(self):
        for name in ("GET", "tensors in JSON", "handed on"):
            means = {}
            for pooling, server in self.servers.items():
                with weir.Client(server.port) as client:
                    for _ in range(300):
                        client.request(*ACTS[name])
                    before = worker_allocations(server.port)
                    before = worker_allocations(server.port)
                    if before is None:
                        self.skipTest("this binary does not count")
                    for _ in range(REQUESTS):
                        client.request(*ACTS[name])
                    means[pooling] = (worker_allocations(server.port) - before) / REQUESTS
            print("%s: %.2f allocations a request by the worker with pooling, %.2f without"
                  % (name, means["true"], means["false"]))
            self.assertEqual(means["true"], 0, name)
            self.assertGreaterEqual(means["false"], 2, name)

    def test_a_crowd_is_answered_as_ever(self):
        server = self.servers["false"]
        faults = []

        def act(number):
            try:
                for turn in range(20):
                    name = list(ACTS)[(number + turn) % len(ACTS)]
                    with weir.Client(server.port) as client:
                        for _ in range(3):
                            status = client.request(*ACTS[name]).status
                            if status != (404 if name == "what is not there" else 200):
                                faults.append((name, status))
                        client.send(*ACTS[name])
                        if turn % 3 == 0:
                            client.close(is_reset=True)
            except Exception as fault:  # noqa: BLE001
                faults.append((number, repr(fault)))
        threads = [threading.Thread(target=act, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

    def test_streams_of_http2(self):
        with http2.Client(self.servers["false"].port) as client:
            for _ in range(20):
                numbers = [client.open("GET", "/livez") for _ in range(4)]
                numbers += [client.open("POST", "/v2/models/text-orientation/infer", (), TENSOR) for _ in range(4)]
                client.wait(*numbers)
                self.assertEqual({client.streams.pop(number).status for number in numbers}, {200})

    def test_a_reload_does_not_change_it(self):
        server = self.servers["false"]
        with open(server.config_path) as file:
            text = file.read()
        self.addCleanup(self.put, server, text)
        self.put(server, text.replace("pooling: false", "pooling: true"))
        server.reload(is_good=False)
        self.assertIn('"diagnostics" has changed', server.stderr())

    def put(self, server, text):
        with open(server.config_path, "w") as file:
            file.write(text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
