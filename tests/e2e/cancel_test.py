#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that go away at random moments, among others that stay: nothing leaks, nobody else notices.

E2E_SECONDS in the environment: how long. E2E_SEED: the random numbers of a run that failed."""

import json
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

SECONDS = float(os.environ.get("E2E_SECONDS", "5"))
SEED = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(10**6)))
QUITTERS = 12
STAYERS = 4
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


class Cancel(unittest.TestCase):
    def setUp(self):
        self.faults = []
        self.counts = {}
        self.lock = threading.Lock()
        self.requests = [weir.request_bytes("POST", ROUTE, {}, weir.image(entry["file"]))
                         for entry in REFERENCE["images"]] + [tensor_request(192), tensor_request(64)]
        self.requests.append(weir.request_bytes("POST", "/v1/late", {}, weir.image("upright-1.jpg")))
        self.requests.append(weir.request_bytes("GET", "/metrics"))
        self.requests.append(weir.request_bytes("GET", "/livez"))

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def quit_once(self, chance, port):
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

    def quitter(self, index, port, end):
        chance = random.Random(SEED * 1000 + index)
        try:
            while time.monotonic() < end:
                self.quit_once(chance, port)
                if chance.random() < 0.3:
                    time.sleep(chance.random() * 0.01)
        except BaseException as error:
            self.faults.append("quitter: %r" % error)

    def stayer(self, index, port, end):
        at = index
        entries = REFERENCE["images"]
        try:
            with weir.Client(port, 60) as client:
                while time.monotonic() < end:
                    entry = entries[at % len(entries)]
                    response = client.request("POST", ROUTE, {}, weir.image(entry["file"]))
                    self.check(response, entry)
                    self.count("stayed")
                    at += STAYERS
        except BaseException as error:
            self.faults.append("stayer: %r" % error)

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

    def at_rest(self, port):
        values = weir.metrics(port)
        # The scrape itself is one request, on one connection, with what it holds.
        names = ("weir_requests_in_flight", "weir_connections_open")
        is_quiet = all(values[name] <= 1 for name in names)
        runs = [value for name, value in values.items() if name.startswith("weir_model_runs_in_flight")]
        routes = [value for name, value in values.items()
                  if name.startswith("weir_http_requests_in_flight") and "/metrics" not in name]
        is_quiet = is_quiet and not any(runs) and not any(routes)
        return values if is_quiet else None

    def test_clients_that_go_away_leave_nothing_behind(self):
        print("seed %d" % SEED)
        with weir.Server(CONFIG) as server:
            statuses = self.late(server.port)
            print("statuses of a route with 10 ms for 15 ms of work: %s" % sorted(statuses))
            self.assertLessEqual(statuses, {200, 503})
            time.sleep(1.5)
            files = weir.open_files(server.pid)
            before = weir.wait_until(lambda: self.at_rest(server.port), 10, "rest before the test")
            end = time.monotonic() + SECONDS
            threads = [threading.Thread(target=self.quitter, args=(i, server.port, end)) for i in range(QUITTERS)]
            threads += [threading.Thread(target=self.stayer, args=(i, server.port, end)) for i in range(STAYERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(self.faults, [])
            after = weir.wait_until(lambda: self.at_rest(server.port), 15, "nothing in flight afterwards")
            weir.wait_until(lambda: weir.open_files(server.pid) <= files, 15,
                            "%d open files as at the start, now %d" % (files, weir.open_files(server.pid)))
            # Looked at once a second by each worker, so the scrape that looks is not in it.
            weir.wait_until(lambda: weir.metrics(server.port)["weir_memory_outstanding_bytes"] <= 1 << 16, 10,
                            "memory given back: %d bytes are out" % after["weir_memory_outstanding_bytes"])
            for entry in REFERENCE["images"]:
                self.check(weir.ask(server.port, "POST", ROUTE, {}, weir.image(entry["file"])), entry)
            print("%s; %d cancelled, %d connections lost, RSS %.1f MiB"
                  % (", ".join("%s %d" % pair for pair in sorted(self.counts.items())),
                     after["weir_requests_cancelled_total"] - before["weir_requests_cancelled_total"],
                     after["weir_connections_lost_total"] - before["weir_connections_lost_total"],
                     weir.status_kib(server.pid, "VmRSS") / 1024))
            self.assertGreater(after["weir_requests_cancelled_total"], before["weir_requests_cancelled_total"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
