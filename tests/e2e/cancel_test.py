#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that go away at random moments, among others that stay (tests/support/quitters.py)."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import quitters  # noqa: E402
import weir  # noqa: E402

REFERENCE = weir.reference()
ROUTE = "/v1/text-orientation"
# inline_pixels: some images are decoded by the worker and some by executors. request_time: runs of the slow route are
# given up while they are in an executor's hands.
CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 2
inline_pixels: 20000
models:
  - %s
  - {name: text-recognition, path: %s/text-recognition.onnx, warm_up: {x: [1, 3, 48, 320]}}
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
  - match: POST /v1/late
    public: true
    request_time: 10ms
    chain: [normalize_image: {size: [1280, 48]}]
    to: {model: text-recognition}
""" % (weir.MODEL, weir.MODELS, weir.IMAGE_CHAIN)


def tensor_request(width):
    data = [0.25] * (3 * 48 * width)
    body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, width], "data": data}]})
    return weir.request_bytes("POST", "/v2/models/text-orientation/infer", {}, body.encode())


class Cancel(quitters.Quitters, unittest.TestCase):
    QUITTERS = 12
    STAYERS = 4

    def setUp(self):
        super().setUp()
        self.requests = [weir.request_bytes("POST", ROUTE, {}, weir.image(entry["file"]))
                         for entry in REFERENCE["images"]] + [tensor_request(192), tensor_request(64)]
        self.requests.append(weir.request_bytes("POST", "/v1/late", {}, weir.image("upright-1.jpg")))
        self.requests.append(weir.request_bytes("GET", "/metrics"))
        self.requests.append(weir.request_bytes("GET", "/livez"))

    def quit(self, chance, port):
        request = chance.choice(self.requests)
        is_reset = chance.random() < 0.5
        manner = chance.choice(("before", "head", "body", "run", "answer", "pipeline", "half"))
        self.count(manner)
        client = weir.Client(port)
        try:
            if manner == "head":
                client.raw(request[:chance.randrange(1, 40)])
            elif manner == "body":
                head = request.index(b"\r\n\r\n") + 4
                client.raw(request[:chance.randrange(head, len(request) + 1)])
            elif manner == "run":
                client.raw(request)
                time.sleep(chance.random() * 0.02)
            elif manner == "answer":
                client.raw(request)
                client.socket.recv(chance.randrange(1, 50))
            elif manner == "pipeline":
                client.raw(b"".join(chance.choice(self.requests) for _ in range(chance.randrange(2, 8))))
                time.sleep(chance.random() * 0.02)
            elif manner == "half":
                client.raw(request)
                client.socket.shutdown(1)
                time.sleep(chance.random() * 0.02)
        except ConnectionError:
            pass  # the server may close first
        finally:
            client.close(is_reset)

    def stay(self, index, port, end):
        at = index
        entries = REFERENCE["images"]
        with weir.Client(port, 60) as client:
            while time.monotonic() < end:
                entry = entries[at % len(entries)]
                response = client.request("POST", ROUTE, {}, weir.image(entry["file"]))
                self.check(response, entry)
                self.count("stayed")
                at += self.STAYERS

    def check(self, response, entry):
        assert response.status == 200, response
        answer = response.json()
        assert answer["result"] == entry["result"], (answer, entry)
        assert abs(answer["confidence"] - entry["confidence"]) <= REFERENCE["tolerance"], (answer, entry)

    def late(self, port):
        """A request whose time is over while the model runs is answered, and the run comes back later."""
        statuses = set()
        with weir.Client(port) as client:
            for _ in range(30):
                statuses.add(client.request("POST", "/v1/late", {}, weir.image("upright-1.jpg")).status)
        return statuses

    def test_clients_that_go_away_leave_nothing_behind(self):
        with weir.Server(CONFIG) as server:
            statuses = self.late(server.port)
            print("statuses of a route with 10 ms for 15 ms of work: %s" % sorted(statuses))
            self.assertLessEqual(statuses, {200, 503})
            self.come_and_go(server)
            for entry in REFERENCE["images"]:
                self.check(weir.ask(server.port, "POST", ROUTE, {}, weir.image(entry["file"])), entry)


if __name__ == "__main__":
    unittest.main(verbosity=2)
