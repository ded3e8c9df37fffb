#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Input that must be answered, each with its status and its problem. What HTTP itself forbids is in tests/wire."""

import base64
import json
import os
import statistics
import struct
import subprocess
import sys
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

ROUTE = "/v1/text-orientation"
INFER = "/v2/models/text-orientation/infer"
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
limits: {image_pixels: 1000000, body_bytes: 2MiB, json_depth: 16}
models: [%s]
chain: [request_id, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
  - match: GET /private
    chain: [auth: {keys: keys.conf}]
    to: {endpoint: livez}
  - match: GET /private/other
    chain: [auth: {keys: keys.conf, tenants: [other]}]
    to: {endpoint: livez}
""" % (weir.MODEL, weir.IMAGE_CHAIN)
JSON = {"Content-Type": "application/json"}


def png_header(width, height):
    """A valid beginning of a PNG that claims a size, and a little data."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def tensor(**changes):
    given = {"name": "x", "datatype": "FP32", "shape": [1, 3, 2, 2], "data": [0.5] * 12}
    given.update(changes)
    return {key: value for key, value in given.items() if value is not None}


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        keys = cls.server.path("keys.conf")
        cls.keys = [subprocess.run([weir.BINARY, "keys", "add", "--file", keys, "--tenant", "tenant%d" % i], check=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
                    for i in range(20)]
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def setUp(self):
        self.client = weir.Client(self.server.port)

    def tearDown(self):
        # Whatever came in: the connection that it came on is as good as before.
        self.assertEqual(self.client.request("GET", "/livez").status, 200)
        self.client.close()

    def expect(self, status, problem, path, headers, body, detail=""):
        response = self.client.request("POST", path, headers, body)
        self.assertEqual((response.status, response.problem()), (status, problem), response)
        self.assertEqual(response.json()["status"], status)
        self.assertIn(detail, response.json().get("detail", ""))
        return response.json()

    # Keys.

    def test_a_missing_and_a_wrong_key_are_401(self):
        wrong = self.keys[0][:-1] + ("A" if self.keys[0][-1] != "A" else "B")
        for headers in ({}, {"Authorization": "Bearer " + wrong}, {"X-API-Key": wrong}, {"Authorization": "Bearer"},
                        {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": "Bearer " + "x" * 3000},
                        {"X-API-Key": self.keys[0] + "x"}, {"X-API-Key": self.keys[0].upper()},
                        {"X-API-Key": "weir_" + "\xff" * 40}):
            response = self.client.request("GET", "/private", headers)
            self.assertEqual((response.status, response.problem()), (401, "unauthorized"), (headers, response))
            self.assertTrue(response.field("WWW-Authenticate").startswith("Bearer"))
            self.assertNotIn(self.keys[0][:40].encode(), response.body)

    def test_a_tenant_that_is_not_listed_is_403(self):
        response = self.client.request("GET", "/private/other", {"X-API-Key": self.keys[0]})
        self.assertEqual((response.status, response.problem()), (403, "forbidden"))

    def test_a_refusal_takes_the_same_time_whatever_was_wrong(self):
        """Medians of many, taken in turns; a tenth of a refusal's time, or 5 us, may lie between any two."""
        good = self.keys[7]
        kinds = {
            "unknown id": {"X-API-Key": "weir_0000000000" + good[15:]},
            "known id, wrong secret": {"X-API-Key": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")},
            "known id, first letter wrong": {"X-API-Key": good[:17] + ("x" if good[17] != "x" else "y") + good[18:]},
            "nonsense": {"X-API-Key": "z" * len(good)},
            "none": {},
        }
        requests = {kind: weir.request_bytes("GET", "/private", headers) for kind, headers in kinds.items()}
        times = {kind: [] for kind in kinds}
        rounds = 400 if weir.SANITIZER else 2000
        for _ in range(rounds):
            for kind, request in requests.items():
                begin = time.perf_counter_ns()
                self.client.raw(request)
                status = self.client.receive().status
                times[kind].append(time.perf_counter_ns() - begin)
                self.assertEqual(status, 401)
        medians = {kind: statistics.median(values) / 1000 for kind, values in times.items()}
        print("medians of %d refusals in us: %s" % (rounds, ", ".join("%s %.1f" % pair for pair in medians.items())))
        spread = max(medians.values()) - min(medians.values())
        if not weir.SANITIZER:
            self.assertLessEqual(spread, max(5, min(medians.values()) / 10), medians)

    # JSON.

    def test_invalid_json_is_400_with_line_and_column(self):
        cases = {
            b'{"inputs": [1, 2,, 3]}': "Line 1, column 18",
            b'{\n  "inputs": [\n    tru\n  ]\n}': "Line 3, column ",
            b'{"a": "\xff"}': "Line 1, column 8",
            b'{"a": 1} x': "Line 1, column 10",
            b'{"a": 1': "Line 1, column ",
            b'{"a": NaN}': "Line 1, column 7",
            b'{"a": 01}': "Line 1, column ",
            b'{"a": "\n"}': "Line 1, column 8",
            b'{"a": 1, "a": 2}': "Line 1, column ",
            b'\xef\xbb\xbf{': "Line 1, column ",
            b'[' * 17 + b']' * 17: "Line 1, column 17",
            b'{"a": "\\ud800"}': "Line 1, column ",
        }
        for path in (INFER, ROUTE):
            for body, detail in cases.items():
                with self.subTest(path=path, body=body):
                    self.expect(400, "invalid-json", path, JSON, body, detail)

    def test_json_of_the_wrong_form_is_422(self):
        for body in (b"[]", b"1", b'"x"', b"null"):
            self.expect(422, "missing-input", ROUTE, JSON, body, "expected an object")
            self.expect(422, "invalid-tensor", INFER, JSON, body, "Expected an object")
        self.expect(422, "missing-input", ROUTE, JSON, b"{}", 'no member "image"')
        self.expect(422, "missing-input", ROUTE, JSON, b'{"image": 5}', "expected a string")

    # Images.

    def test_base64_with_junk_is_400(self):
        good = base64.b64encode(weir.image("upright-1.jpg")).decode()
        for text, detail in ((good[:100] + "!" + good[101:], "position 101"), (good[:-3], ""), ("====", ""),
                             (good[:101], ""), ("data:image/png;base64", "no comma"),
                             ("data:image/png,abc", "base64"), ("data:image/png;base64,@@@@", "position 23"),
                             (good[:40] + "\x00" + good[41:], "position 41")):
            self.expect(400, "invalid-base64", ROUTE, JSON, json.dumps({"image": text}).encode(), detail)

    def test_an_image_of_zero_bytes_is_422(self):
        form = (b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n\r\n--b--\r\n')
        self.expect(422, "missing-input", ROUTE, {"Content-Type": "image/png"}, b"")
        self.expect(422, "invalid-image", ROUTE, JSON, b'{"image": ""}')
        self.expect(422, "invalid-image", ROUTE, JSON, b'{"image": "data:image/png;base64,"}')
        self.expect(422, "invalid-image", ROUTE, {"Content-Type": "multipart/form-data; boundary=b"}, form)

    def test_what_is_no_image_is_422(self):
        for body in (b"x", b"hello world" * 1000, b"GIF89a" + bytes(100), b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF",
                     b"BM" + bytes(100), b"<svg/>", bytes(5000)):
            self.expect(422, "invalid-image", ROUTE, {"Content-Type": "image/png"}, body, "refused")

    def test_an_image_with_too_many_pixels_is_413_and_takes_no_memory(self):
        before = weir.status_kib(self.server.pid, "VmHWM")
        for size in ((60000, 60000), (1001, 1000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1), (1, 1000001)):
            self.expect(413, "image-too-large", ROUTE, {"Content-Type": "image/png"}, png_header(*size))
        if not weir.SANITIZER:
            self.assertLessEqual(weir.status_kib(self.server.pid, "VmHWM") - before, 4096)

    def test_an_image_of_no_pixels_is_422(self):
        for size in ((0, 0), (0, 5), (5, 0), (2**32 - 1, 1)):
            self.expect(422, "invalid-image", ROUTE, {"Content-Type": "image/png"}, png_header(*size))

    def test_a_header_that_promises_more_data_than_there_are_is_422(self):
        self.expect(422, "invalid-image", ROUTE, {"Content-Type": "image/png"}, png_header(900, 900))

    def test_images_cut_off_at_every_tenth_byte_are_422(self):
        for name in ("upright-2.png", "upright-1.jpg", "upright-4-progressive.jpg", "upright-3.webp",
                     "upside-down-alpha.png"):
            data = weir.image(name)
            for end in range(10, len(data), 10):
                response = self.client.request("POST", ROUTE, {"Content-Type": weir.image_type(name)}, data[:end])
                self.assertEqual((response.status, response.problem()), (422, "invalid-image"), (name, end, response))
            print("%s: cut at %d places" % (name, len(range(10, len(data), 10))))

    def test_images_with_flipped_bytes_are_answered(self):
        """Any answer but a fault of the server; sanitizers see the rest."""
        for name in ("upright-2.png", "upright-1.jpg", "upright-3.webp", "upside-down-exif-6.jpg"):
            data = weir.image(name)
            for at in range(0, len(data), max(1, len(data) // 150)):
                broken = data[:at] + bytes([data[at] ^ 0xa5]) + data[at + 1:]
                response = self.client.request("POST", ROUTE, {"Content-Type": weir.image_type(name)}, broken)
                self.assertIn(response.status, (200, 422, 413), (name, at, response))

    def test_malformed_forms_are_400(self):
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        part = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
        for headers, body, problem in (
                ({"Content-Type": "multipart/form-data"}, b"x", (400, "invalid-multipart")),
                (kind, b"no boundary at all", (400, "invalid-multipart")),
                (kind, part + b"data", (400, "invalid-multipart")),
                (kind, b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n", (400, "invalid-multipart")),
                (kind, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", (400, "invalid-multipart")),
                (kind, part + b"x\r\n" + part + b"y\r\n--b--\r\n", (400, "invalid-multipart")),
                (kind, b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
                 (422, "missing-input")),
                (kind, part + b"x\r\n--b--\r\n", (422, "invalid-image"))):
            with self.subTest(body=body):
                self.expect(*problem, ROUTE, headers, body)

    # Tensors.

    def test_tensors_that_do_not_fit_are_422_with_a_pointer(self):
        cases = (
            (tensor(name="y"), "/inputs/0/name", 'did you mean "x"'),
            (tensor(name=None), "/inputs/0/name", ""),
            (tensor(name=5), "/inputs/0/name", "got a number"),
            (tensor(datatype="FP64"), "/inputs/0/datatype", 'Expected "FP32", got "FP64"'),
            (tensor(datatype="INT8"), "/inputs/0/datatype", ""),
            (tensor(datatype=None), "/inputs/0/datatype", ""),
            (tensor(shape=[1, 4, 2, 2]), "/inputs/0/shape", ""),
            (tensor(shape=[1, 3, 4]), "/inputs/0/shape", "4 dimensions"),
            (tensor(shape=[1, 3, 2, 2, 1]), "/inputs/0/shape", ""),
            (tensor(shape=[1, 3, -2, -2]), "/inputs/0/shape", ""),
            (tensor(shape=[1, 3, 2.5, 2]), "/inputs/0/shape", ""),
            (tensor(shape=[1, 3, 2**62, 2**62]), "/inputs/0/shape", ""),
            (tensor(shape=[1, 3, 10**6, 10**6]), "/inputs/0/shape", ""),
            (tensor(shape="1,3,2,2"), "/inputs/0/shape", ""),
            (tensor(shape=None), "/inputs/0/shape", ""),
            (tensor(data=[0.5] * 11), "/inputs/0/data", "12 elements"),
            (tensor(data=[0.5] * 13), "/inputs/0/data", "12 elements"),
            (tensor(data=[]), "/inputs/0/data", "12 elements"),
            (tensor(data=None), "/inputs/0/data", ""),
            (tensor(data=[0.5] * 11 + ["x"]), "/inputs/0/data/11", ""),
            (tensor(data=[0.5] * 5 + [None] + [0.5] * 6), "/inputs/0/data/5", ""),
            (tensor(data=[1e39] + [0.5] * 11), "/inputs/0/data/0", "FP32"),
            (tensor(data=[[[[0.5] * 2] * 2] * 2]), "/inputs/0/data/0", ""),
            (tensor(data=[[[[0.5] * 2] * 2] * 2 + [[[0.5] * 2, [0.5]]]]), "/inputs/0/data/0/2/1", ""),
        )
        for given, pointer, detail in cases:
            with self.subTest(tensor=given):
                problem = self.expect(422, "invalid-tensor", INFER, JSON, json.dumps({"inputs": [given]}).encode())
                self.assertEqual(problem["errors"][0]["pointer"], pointer, problem)
                self.assertIn(detail, problem["errors"][0]["detail"])
                self.assertIn("error", problem)  # what clients of the protocol look at

    def test_the_list_of_tensors_may_be_wrong_itself(self):
        for body, pointer in (({}, "/inputs"), ({"inputs": {}}, "/inputs"), ({"inputs": []}, "/inputs"),
                              ({"inputs": [5]}, "/inputs/0"), ({"inputs": [tensor(), tensor()]}, "/inputs/1/name"),
                              ({"inputs": [tensor()], "outputs": [{"name": "nope"}]}, "/outputs/0/name"),
                              ({"inputs": [tensor()], "id": 5}, "/id")):
            problem = self.expect(422, "invalid-tensor", INFER, JSON, json.dumps(body).encode())
            self.assertEqual(problem["errors"][0]["pointer"], pointer, problem)

    def test_all_that_is_wrong_is_said_at_once(self):
        body = {"id": 1, "inputs": [tensor(name="y"), tensor(datatype="X", shape=[1])]}
        problem = self.expect(422, "invalid-tensor", INFER, JSON, json.dumps(body).encode())
        self.assertEqual([fault["pointer"] for fault in problem["errors"]],
                         ["/id", "/inputs/0/name", "/inputs/1/datatype", "/inputs/1/shape"])

    def test_a_model_that_is_not_there_is_404(self):
        body = json.dumps({"inputs": [tensor()]}).encode()
        for path in ("/v2/models/nope/infer", "/v2/models/text-orientation/versions/2/infer"):
            self.expect(404, "model-not-found", path, JSON, body)

    def test_a_body_over_the_limit_is_413(self):
        with weir.Client(self.server.port) as client:
            response = client.request("POST", ROUTE, {}, bytes(2 * 1024 * 1024 + 1))
            self.assertEqual((response.status, response.problem()), (413, "body-too-large"))


class TooLargeForever(unittest.TestCase):
    def test_what_can_never_fit_into_request_memory_is_413_and_not_try_again(self):
        config = """
listen: [127.0.0.1:0]
limits: {request_memory: 2MiB, body_bytes: 1MiB}
models: [%s]
routes:
  - match: POST /wide
    public: true
    chain: [normalize_image: {size: [1024, 1024]}]
    to: {model: text-orientation}
""" % weir.MODEL
        with weir.Server(config) as server:
            response = weir.ask(server.port, "POST", "/wide", {}, weir.image("upright-1.jpg"))
            self.assertEqual((response.status, response.problem()), (413, "request-too-large"), response)
            self.assertIsNone(response.field("Retry-After"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
