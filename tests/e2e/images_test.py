#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images and tensors in, answers equal to the reference: one by one, then by 32 clients at once."""

import base64
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CLIENTS = 32
SECONDS = float(os.environ.get("E2E_SECONDS", "5"))
REFERENCE = weir.reference()
TOLERANCE = REFERENCE["tolerance"]
ROUTE = "/v1/text-orientation"
CONFIG = """
listen: [127.0.0.1:0]
models: [%s]
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /readyz, public: true, to: {endpoint: readyz}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
  - match: POST /v1/debug
    public: true
    debug: true
    chain: %s
    to: {model: text-orientation}
""" % (weir.MODEL, weir.IMAGE_CHAIN, weir.IMAGE_CHAIN)


def raw(name):
    return {"Content-Type": weir.image_type(name)}, weir.image(name)


def in_json(name, prefix=""):
    text = prefix + base64.b64encode(weir.image(name)).decode()
    return {"Content-Type": "application/json"}, json.dumps({"note": "\u00e4", "image": text}).encode()


def in_data_url(name):
    return in_json(name, "data:%s;base64," % weir.image_type(name))


def in_form(name, field="image"):
    boundary = "----weir-test"
    part = ('--%s\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
            '--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n'
            % (boundary, boundary, field, name, weir.image_type(name)))
    body = part.encode() + weir.image(name) + ("\r\n--%s--\r\n" % boundary).encode()
    return {"Content-Type": "multipart/form-data; boundary=" + boundary}, body


def difference(answer, entry):
    """How far an answer is from the reference; a wrong label is very far."""
    return abs(answer["confidence"] - entry["confidence"]) if answer["result"] == entry["result"] else 9


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG).start()
        cls.client = weir.Client(cls.server.port)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.__exit__(None, None, None)

    def check_all(self, make):
        worst = 0
        self.assertEqual([entry["file"] for entry in REFERENCE["images"]], weir.image_names())
        for entry in REFERENCE["images"]:
            headers, body = make(entry["file"])
            response = self.client.request("POST", ROUTE, headers, body)
            self.assertEqual(response.status, 200, (entry["file"], response))
            answer = response.json()
            worst = max(worst, difference(answer, entry))
            self.assertLessEqual(difference(answer, entry), TOLERANCE, (entry, answer))
            self.assertEqual((answer["model"], answer["model_version"]), ("text-orientation", "1"))
            self.assertGreater(answer["latency_ms"], 0)
        print("%s: %d images, at most %.1e from the reference" % (make.__name__, len(REFERENCE["images"]), worst))

    def test_takes_images_as_raw_bodies(self):
        self.check_all(raw)

    def test_takes_images_as_base64_in_json(self):
        self.check_all(in_json)

    def test_takes_images_as_data_urls_in_json(self):
        self.check_all(in_data_url)

    def test_takes_images_in_forms(self):
        self.check_all(in_form)

    def test_takes_a_file_of_another_name_in_forms(self):
        headers, body = in_form("upside-down-1.jpg", "photo")
        self.assertEqual(self.client.request("POST", ROUTE, headers, body).json()["result"], "180")

    def test_takes_images_without_or_with_a_general_content_type(self):
        for headers in ({}, {"Content-Type": "application/octet-stream"}):
            response = self.client.request("POST", ROUTE, headers, weir.image("upside-down-3.webp"))
            self.assertEqual(response.json()["result"], "180")

    def test_skips_a_middleware_on_a_debug_route(self):
        entry = REFERENCE["images"][0]
        headers, body = raw(entry["file"])
        response = self.client.request("POST", "/v1/debug", dict(headers, **{"X-Weir-Skip": "format_output"}), body)
        data = response.json()["outputs"][0]["data"]
        for got, want in zip(data, entry["probabilities"]):
            self.assertLessEqual(abs(got - want), TOLERANCE)

    def test_refuses_to_skip_what_is_not_skippable(self):
        headers, body = raw("upright-1.jpg")
        for name in ("normalize_image", "nonsense"):
            response = self.client.request("POST", "/v1/debug", dict(headers, **{"X-Weir-Skip": name}), body)
            self.assertEqual((response.status, response.problem()), (400, "bad-request"))

    def test_ignores_skip_where_the_route_is_not_for_debugging(self):
        headers, body = raw("upright-1.jpg")
        response = self.client.request("POST", ROUTE, dict(headers, **{"X-Weir-Skip": "format_output"}), body)
        self.assertEqual(response.json()["result"], "0")

    def tensor_body(self, entry, is_nested=False):
        batch, channels, height, width = entry["shape"]
        data = [entry["fill"]] * (batch * channels * height * width)
        if is_nested:
            data = [[[[entry["fill"]] * width] * height] * channels] * batch
        return json.dumps({"id": "t-1", "inputs": [{"name": "x", "datatype": "FP32", "shape": entry["shape"],
                                                    "data": data}]}).encode()

    def test_runs_tensors_of_the_v2_protocol(self):
        for entry in REFERENCE["tensors"]:
            for is_nested in (False, True):
                response = self.client.request("POST", "/v2/models/text-orientation/infer",
                                               {"Content-Type": "application/json"}, self.tensor_body(entry, is_nested))
                self.assertEqual(response.status, 200, response)
                answer = response.json()
                output = answer["outputs"][0]
                self.assertEqual(answer["model_name"], "text-orientation")
                self.assertEqual((output["datatype"], output["shape"]), ("FP32", [1, 2]))
                for got, want in zip(output["data"], entry["probabilities"]):
                    self.assertLessEqual(abs(got - want), TOLERANCE)

    def test_returns_the_id_of_a_v2_request(self):
        response = self.client.request("POST", "/v2/models/text-orientation/versions/1/infer", {},
                                       self.tensor_body(REFERENCE["tensors"][0]))
        self.assertEqual(response.json().get("id"), "t-1", response)

    def test_describes_server_and_model(self):
        server = self.client.request("GET", "/v2").json()
        self.assertEqual(server["name"], "weir")
        model = self.client.request("GET", "/v2/models/text-orientation").json()
        self.assertEqual(model["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1, 3, -1, -1]}])
        self.assertEqual(model["outputs"][0]["shape"], [-1, 2])
        for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/text-orientation/ready"):
            self.assertEqual(self.client.request("GET", path).status, 200, path)
        self.assertEqual(self.client.request("GET", "/v2/models/text-orientation/versions/7").status, 404)


class Load(unittest.TestCase):
    """Keeps `CLIENTS` connections busy with images in all forms."""

    def test_answers_32_clients_at_once_like_one(self):
        entries = REFERENCE["images"]
        requests = [(entry, weir.request_bytes("POST", ROUTE, *make(entry["file"])))
                    for entry in entries for make in (raw, in_json, in_form)]
        faults = []
        counts = [0] * CLIENTS
        worst = [0.0] * CLIENTS
        with weir.Server(CONFIG) as server:
            before = weir.metrics(server.port)
            end = time.monotonic() + SECONDS

            def client(index):
                try:
                    with weir.Client(server.port) as connection:
                        at = index
                        while time.monotonic() < end:
                            entry, request = requests[at % len(requests)]
                            connection.raw(request)
                            response = connection.receive()
                            if response.status != 200:
                                raise AssertionError(response)
                            worst[index] = max(worst[index], difference(response.json(), entry))
                            counts[index] += 1
                            at += 7
                except BaseException as error:  # told by the main thread
                    faults.append(repr(error))

            threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
            for thread in threads:
                thread.start()
            sizes = []
            while time.monotonic() < end:
                time.sleep(min(0.25, SECONDS / 20))
                sizes.append(weir.status_kib(server.pid, "VmRSS"))
            for thread in threads:
                thread.join()
            after = weir.metrics(server.port)

            self.assertEqual(faults, [])
            self.assertLessEqual(max(worst), TOLERANCE)
            self.assertGreaterEqual(min(counts), 1)
            key = 'weir_http_requests_total{route="POST /v1/text-orientation",status="200"}'
            self.assertEqual(after[key] - before.get(key, 0), sum(counts))
            # The first third warms up; from then on memory may only breathe.
            third = len(sizes) // 3
            early, late = max(sizes[third:2 * third]), max(sizes[2 * third:])
            print("%d clients, %.0f s: %d answers (%.0f a second), at most %.1e from the reference, RSS %.1f MiB, "
                  "%.1f MiB in the second third, %.1f MiB in the last"
                  % (CLIENTS, SECONDS, sum(counts), sum(counts) / SECONDS, max(worst), sizes[0] / 1024, early / 1024,
                     late / 1024))
            if not weir.SANITIZER:
                self.assertLessEqual(late - early, 2048 + early // 50, "memory grows")


if __name__ == "__main__":
    unittest.main(verbosity=2)
