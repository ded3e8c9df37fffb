#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What /metrics says is what happened, in both formats."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

ROUTE = "POST /v1/text-orientation"
CONFIG = """
listen: [127.0.0.1:0]
workers: 2
models: [%s]
chain: [request_id, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
""" % (weir.MODEL, weir.IMAGE_CHAIN)
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


class Metrics(unittest.TestCase):
    def test_counts_are_those_of_the_requests_made(self):
        with weir.Server(CONFIG) as server:
            for _ in range(7):  # connections of their own, so that both workers have some
                weir.ask(server.port, "GET", "/livez")
            image = weir.image("upright-1.jpg")
            with weir.Client(server.port) as client:
                for _ in range(5):
                    self.assertEqual(client.request("POST", "/v1/text-orientation", {}, image).status, 200)
                for _ in range(3):
                    self.assertEqual(client.request("POST", "/v1/text-orientation", {}, b"junk").status, 422)
                client.request("GET", "/nope")
                client.request("DELETE", "/livez")
            with weir.Client(server.port) as client:
                client.raw(b"nonsense\r\n\r\n")
                self.assertEqual(client.receive().status, 400)
            with self.assertRaises(weir.Gone), weir.Client(server.port) as client:
                client.send("POST", "/v1/text-orientation", {"Content-Length": "1000"}, b"part")
                client.socket.shutdown(1)
                client.receive()
            values = weir.metrics(server.port)
            self.assertEqual(values['weir_http_requests_total{route="GET /livez",status="200"}'], 7)
            self.assertEqual(values['weir_http_requests_total{route="%s",status="200"}' % ROUTE], 5)
            self.assertEqual(values['weir_http_requests_total{route="%s",status="422"}' % ROUTE], 3)
            self.assertEqual(values['weir_http_requests_total{route="%s",status="499"}' % ROUTE], 1)
            self.assertEqual(values['weir_http_request_duration_seconds_count{route="%s"}' % ROUTE], 9)
            self.assertEqual(values['weir_http_requests_in_flight{route="%s"}' % ROUTE], 0)
            self.assertEqual(values['weir_model_runs_total{model="text-orientation",version="1"}'], 5)
            self.assertEqual(values['weir_model_run_duration_seconds_count{model="text-orientation",version="1"}'], 5)
            self.assertEqual(values['weir_model_ready{model="text-orientation",version="1"}'], 1)
            self.assertEqual(values["weir_images_decoded_total"], 5)
            self.assertEqual(values["weir_images_refused_total"], 3)
            self.assertEqual(values["weir_requests_malformed_total"], 1)
            self.assertEqual(values["weir_requests_cancelled_total"], 1)
            self.assertEqual(values["weir_requests_total"], 7 + 5 + 3 + 2 + 1 + 1)
            self.assertEqual(values["weir_connections_accepted_total"], 7 + 1 + 1 + 1 + 1)
            self.assertGreater(values["weir_received_bytes_total"], 5 * len(image))
            time.sleep(1.2)
            self.assertLessEqual(weir.metrics(server.port)["weir_connections_open"], 1)

    def test_stages_are_timed_with_their_waiting(self):
        with weir.Server(CONFIG) as server:
            image = weir.image("upright-1.jpg")
            with weir.Client(server.port) as client:
                for _ in range(4):
                    head = b"POST /v1/text-orientation HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(image)
                    client.raw(head + image[:100])
                    time.sleep(0.1)
                    client.raw(image[100:])
                    self.assertEqual(client.receive().status, 200)
            values = weir.metrics(server.port)
            seconds = {}
            for stage in ("route", "chain", "receive", "decode", "schedule", "infer", "format", "respond"):
                self.assertEqual(values['weir_stage_duration_seconds_count{stage="%s"}' % stage], 4, stage)
                seconds[stage] = values['weir_stage_duration_seconds_sum{stage="%s"}' % stage]
            self.assertGreater(seconds["receive"], 0.38)  # the client took 0.1 s over each body
            self.assertGreater(seconds["decode"], 0)
            self.assertGreater(seconds["schedule"], values['weir_model_run_duration_seconds_sum{model="text-orientation",version="1"}'])

    def test_histograms_add_up(self):
        with weir.Server(CONFIG) as server:
            for _ in range(20):
                weir.ask(server.port, "GET", "/livez")
            values = weir.metrics(server.port)
            prefix = 'weir_http_request_duration_seconds_bucket{route="GET /livez",le="'
            buckets = [(float(name[len(prefix):-2]), value) for name, value in values.items() if name.startswith(prefix)]
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets))
            self.assertEqual(buckets[-1], (float("inf"), 20))
            self.assertGreater(values['weir_http_request_duration_seconds_sum{route="GET /livez"}'], 0)

    def test_both_formats_say_the_same(self):
        with weir.Server(CONFIG) as server, weir.Client(server.port) as client:
            client.request("GET", "/livez")  # a family without samples is not seen
            plain = client.request("GET", "/metrics")
            opened = client.request("GET", "/metrics", OPENMETRICS)
            self.assertTrue(plain.field("Content-Type").startswith("text/plain; version=0.0.4"))
            self.assertTrue(opened.field("Content-Type").startswith("application/openmetrics-text; version=1.0.0"))
            self.assertTrue(opened.body.endswith(b"# EOF\n"))
            self.assertNotIn(b"# EOF", plain.body)
            names = [{re.sub(r"_(total|created|info)$", "", re.split(r"[ {]", line)[0])
                      for line in text.decode().splitlines() if line and line[0] != "#"}
                     for text in (plain.body, opened.body)]
            self.assertEqual(names[0], names[1])

    def test_every_family_is_declared_once_and_before_its_samples(self):
        with weir.Server(CONFIG) as server, weir.Client(server.port) as client:
            for headers in ({}, OPENMETRICS):
                declared = []
                for line in client.request("GET", "/metrics", headers).body.decode().splitlines():
                    if line.startswith("# TYPE "):
                        name = line.split(" ")[2]
                        self.assertNotIn(name, declared)
                        declared.append(name)
                    elif not line.startswith("#"):
                        self.assertTrue(line.startswith(declared[-1]), (declared[-1], line))
                        float(line.rsplit(" ", 1)[1])


if __name__ == "__main__":
    unittest.main(verbosity=1)
