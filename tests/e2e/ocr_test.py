#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's pipeline `ocr`: exact text on the clean pages, the error rate of characters printed for the rest; whole and as a
stream, with clients that leave, and with deadlines. And a pipeline whose tensors do not fit, which says so."""

import base64
import http.client
import json
import os
import re
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

PAGES = os.path.join(weir.ROOT, "examples/pages")
NAMES = sorted(name for name in os.listdir(PAGES) if not name.endswith(".txt"))
EXACT = [name for name in NAMES if name.startswith(("clean-", "upside-down-"))]
ERROR_RATE_MAX = 0.2
SSE = "text/event-stream"
LINES = "application/x-ndjson"


def pipelines():
    """As the demo has them: the text of its top-level entry."""
    text = weir.read(os.path.join(weir.ROOT, "examples/demo.yaml"))
    text = text.decode() if isinstance(text, bytes) else text
    return re.search(r"^pipelines:\n(?:[ #].*\n|\n)+", text, re.M).group(0)


CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 2
models:
  - {name: text-orientation, path: %(models)s/text-orientation.onnx, warm_up: {x: [1, 3, 48, 192]}}
  - {name: text-detection, path: %(models)s/text-detection.onnx, warm_up: {x: [1, 3, 320, 320]}, batch: 1}
  - {name: text-recognition, path: %(models)s/text-recognition.onnx, warm_up: {x: [1, 3, 48, 320]},
     batch: {max: 8, trial_time: 1s}}
%(pipelines)s
  # Elements that wait for each other, though only one run may be out.
  - name: sides
    in_flight: 1
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {side_max: 640}}
      - {name: detect, model: text-detection, in: small}
      - {name: find, use: text_boxes, in: {map: detect, image: page}}
      - {name: cut, use: crop, in: {image: page, box: find.boxes}}
      - {name: cut_small, use: normalize, in: cut, with: {size: [192, 48], mean: [0.5], std: [0.5]}}
      - {name: orient, model: text-orientation, in: cut_small}
      - {name: all, use: join, in: orient}
      - {name: rows, use: split, in: all}
      - {name: side, use: argmax, in: rows, with: {labels: ["0", "180"]}}
    answer:
      - {name: sides, from: side.label}
      - {name: each, from: orient}
      - {name: all, from: all}
  # What no shape can tell beforehand: argmax takes one row, and a line has many. It fails when lines are out already.
  - name: broken
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {side_max: 640}}
      - {name: detect, model: text-detection, in: small}
      - {name: find, use: text_boxes, in: {map: detect, image: page}}
      - {name: cut, use: crop, in: {image: page, box: find.boxes}}
      - {name: line, use: normalize, in: cut, with: {height: 48, multiple: 32}}
      - {name: recognize, model: text-recognition, in: line}
      - {name: best, use: argmax, in: recognize}
    answer:
      - {name: lines, each: {box: find.boxes, best: best.label}, event: line}
chain: [request_id, metrics]
routes:
  - {match: POST /v1/ocr, public: true, to: {pipeline: ocr}}
  - {match: POST /v1/broken, public: true, to: {pipeline: broken}}
  - {match: POST /v1/sides, public: true, to: {pipeline: sides}}
  - {match: POST /v1/hasty, public: true, request_time: 30ms, to: {pipeline: ocr}}
  - {match: POST /v1/brief, public: true, deadline: 30ms, to: {pipeline: ocr}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /, public: true, to: {endpoint: openapi}}
""" % {"models": weir.MODELS, "pipelines": pipelines()}

MISFIT = """
listen: [127.0.0.1:0]
models:
  - {name: types, path: %s/tests/data/models/pixel_types.onnx}
  - {name: text-orientation, path: %s/text-orientation.onnx, warm_up: {x: [1, 3, 48, 192]}}
pipelines:
  - name: wrong
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {size: [192, 48], dtype: u8}}
      - {name: orient, model: text-orientation, in: {x: small}}
      - {name: side, use: argmax, in: orient}
    answer: [{name: side, from: side.label}]
  - name: classes
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {size: [192, 48]}}
      - {name: orient, model: text-orientation, in: small}
      - {name: best, use: softmax, in: orient}
      - {name: top, use: top_k, in: best, with: {labels: ["0", "180"], k: 2}}
    answer:
      - {name: classes, each: {label: top.labels, score: top.scores}}
      - {name: raw, from: orient}
  - name: types
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {size: [2, 2], dtype: u8, layout: nhwc}}
      - {name: cast, model: types, in: small}
    answer:
      - {name: whole, from: cast.whole}
      - {name: is_lit, from: cast.is_lit}
      - {name: text, from: cast.text}
  - name: half
    steps:
      - {name: page, use: decode}
      - {name: small, use: normalize, in: page, with: {size: [2, 2], dtype: u8, layout: nhwc}}
      - {name: cast, model: types, in: small}
    answer: [{name: half, from: cast.half}]
chain: [request_id, metrics]
routes:
  - {match: POST /wrong, public: true, to: {pipeline: wrong}}
  - {match: POST /classes, public: true, to: {pipeline: classes}}
  - {match: POST /types, public: true, to: {pipeline: types}}
""" % (weir.ROOT, weir.MODELS)


def page(name):
    with open(os.path.join(PAGES, name), "rb") as file:
        return file.read()


def text_of(name):
    with open(os.path.join(PAGES, os.path.splitext(name)[0] + ".txt"), encoding="utf-8") as file:
        return file.read().rstrip("\n")


def error_rate(want, found):
    """Edits from one to the other (Levenshtein), for each character that should be there."""
    row = list(range(len(found) + 1))
    for i, a in enumerate(want, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(found, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1] / len(want)


def events(body):
    """[(name, data)] of a stream of server-sent events."""
    out = []
    for block in body.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        out.append((fields["event"], json.loads(fields["data"])))
    return out


def json_lines(body):
    return [next(iter(json.loads(line).items())) for line in body.decode().splitlines()]


class Ocr(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG).start()

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        if code != 0:  # what a sanitizer has seen, too
            raise AssertionError("exit code %d:\n%s" % (code, cls.server.stderr()[-8000:]))

    def ask(self, body, fields=None, path="/v1/ocr"):
        return weir.ask(self.server.port, "POST", path, fields or {"Content-Type": "image/png"}, body, timeout=60)

    def stream(self, body, accept, path="/v1/ocr", fields=None):
        """(status, media type, body): its chunks are taken together by the standard library."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("POST", path, body, dict({"Content-Type": "image/png", "Accept": accept}, **(fields or {})))
        response = connection.getresponse()
        found = response.status, response.getheader("Content-Type"), response.read()
        connection.close()
        return found

    def test_clean_pages_are_read_exactly_and_others_nearly(self):
        for name in NAMES:
            answer = self.ask(page(name))
            self.assertEqual(answer.status, 200, answer)
            found = answer.json()
            rate = error_rate(text_of(name), found["text"])
            print("%-24s error rate of characters %.3f" % (name, rate))
            if name in EXACT:
                self.assertEqual(found["text"], text_of(name))
            self.assertLess(rate, ERROR_RATE_MAX, found["text"])
            self.assertEqual([line["text"] for line in found["lines"]], found["text"].split("\n"))

    def test_each_line_has_its_place_and_the_way_it_is_turned(self):
        lines = self.ask(page("upside-down-line.png")).json()["lines"]
        self.assertEqual([line["orientation"] for line in lines], ["0", "180", "0", "0"])
        for line in lines:
            self.assertGreater(line["confidence"], 0.5)
            (left, top), (right, _), (_, bottom), _ = line["box"]
            self.assertTrue(0 <= left < right <= 640 and 0 <= top < bottom <= 400, line)
        tops = [line["box"][0][1] for line in lines]
        self.assertEqual(tops, sorted(tops))

    def test_a_page_comes_raw_in_json_or_in_a_form(self):
        raw = page("clean-invoice.png")
        boundary = "weir-test"
        form = (b'--weir-test\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
                b"Content-Type: image/png\r\n\r\n" + raw + b"\r\n--weir-test--\r\n")
        for fields, body in (({}, raw), ({"Content-Type": "application/octet-stream"}, raw),
                             ({"Content-Type": "multipart/form-data; boundary=" + boundary}, form),
                             ({"Content-Type": "application/json"},
                              json.dumps({"image": base64.b64encode(raw).decode()}).encode())):
            answer = self.ask(body, fields)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["text"], text_of("clean-invoice.png"))

    def test_a_stream_has_every_line_and_an_end(self):
        whole = self.ask(page("clean-letter.png")).json()
        for accept, read in ((SSE, events), (LINES, json_lines), ("application/jsonl", json_lines)):
            status, media_type, body = self.stream(page("clean-letter.png"), accept)
            self.assertEqual((status, media_type), (200, SSE if accept == SSE else LINES))
            found = read(body)
            self.assertEqual([name for name, _ in found], ["line"] * 4 + ["done"])
            lines = sorted((data for _, data in found[:-1]), key=lambda line: line.pop("index"))
            self.assertEqual(lines, whole["lines"])
            self.assertEqual(found[-1][1], {"count": 4, "text": whole["text"]})

    def test_a_blank_page_says_nothing(self):
        import struct
        import zlib

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        blank = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 200, 100, 8, 0, 0, 0, 0))
                 + chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 200) * 100)) + chunk(b"IEND", b""))
        self.assertEqual(self.ask(blank).json(), {"lines": [], "text": ""})
        self.assertEqual(events(self.stream(blank, SSE)[2]), [("done", {"count": 0, "text": ""})])

    def test_what_is_no_page_is_refused(self):
        png = {"Content-Type": "image/png"}
        for fields, body, status, problem in (
                (png, b"rubbish", 422, "invalid-image"),
                (png, page("clean-letter.png")[:2000], 422, "invalid-image"),
                (png, b"", 422, "missing-input"),
                ({"Content-Type": "text/plain"}, b"rubbish", 415, "unsupported-media-type"),
                ({"Content-Type": "image/png", "Accept": "text/html"}, page("clean-letter.png"), 406, "not-acceptable"),
                ({"Content-Type": "image/png", "Accept": SSE}, b"rubbish", 422, "invalid-image")):
            answer = self.ask(body, fields)
            self.assertEqual((answer.status, answer.json()["type"]), (status, "urn:weir:problem:" + problem))

    def idle(self):
        """All that a given-up page had others do has come back."""
        def look():
            found = weir.metrics(self.server.port)
            return all(value == 0 for name, value in found.items() if name.startswith("weir_model_runs_in_flight"))
        weir.wait_until(look, 20, "runs that come back")

    def test_a_client_that_leaves_is_not_worked_for(self):
        body = page("clean-letter.png")
        head = ("POST /v1/ocr HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n"
                % (SSE, len(body))).encode()
        for wait in (0.0, 0.02, 0.1, 0.3):
            for _ in range(2):
                connection = socket.create_connection(("127.0.0.1", self.server.port))
                connection.sendall(head + body)
                time.sleep(wait)
                connection.close()
        connection = socket.create_connection(("127.0.0.1", self.server.port))
        connection.sendall(head + body)
        self.assertIn(b"event: line", self.read_some(connection))
        connection.close()
        self.idle()
        self.assertEqual(self.ask(body).json()["text"], text_of("clean-letter.png"))

    def read_some(self, connection):
        connection.settimeout(60)
        data = b""
        while b"event: line" not in data:
            more = connection.recv(65536)
            if not more:
                break
            data += more
        return data

    def test_a_deadline_ends_it_and_harms_nobody(self):
        png = {"Content-Type": "image/png"}
        for path, fields in (("/v1/hasty", png), ("/v1/brief", png),
                             ("/v1/ocr", dict(png, **{"X-Request-Timeout": "30ms"}))):
            for _ in range(3):
                answer = self.ask(page("clean-letter.png"), fields, path)
                self.assertEqual((answer.status, answer.json()["type"]), (503, "urn:weir:problem:deadline-exceeded"))
        self.idle()
        self.assertEqual(self.ask(page("clean-letter.png")).json()["text"], text_of("clean-letter.png"))

    def test_pages_at_once_do_not_mix(self):
        failures = []

        def read_all(first):
            for k in range(2):
                name = EXACT[(first + k) % len(EXACT)]
                found = self.ask(page(name))
                if found.status != 200 or found.json()["text"] != text_of(name):
                    failures.append((name, found))

        threads = [threading.Thread(target=read_all, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_what_fails_in_a_stream_is_its_last_event(self):
        problem = "urn:weir:problem:pipeline-failed"
        answer = self.ask(page("clean-letter.png"), path="/v1/broken")
        self.assertEqual((answer.status, answer.json()["type"]), (500, problem))
        for accept, read in ((SSE, events), (LINES, json_lines)):
            status, _, body = self.stream(page("clean-letter.png"), accept, "/v1/broken")
            name, data = read(body)[-1]
            self.assertEqual((status, name, data["type"], data["status"]), (200, "error", problem, 500))
            self.assertIn('"best"', data["detail"])
        self.idle()

    def test_a_stream_whose_time_is_over_says_so(self):
        begin = time.monotonic()
        self.stream(page("clean-letter.png"), SSE)
        whole_ms = (time.monotonic() - begin) * 1000
        for part in range(30, 100, 3):
            fields = {"X-Request-Timeout": "%dms" % (whole_ms * part / 100)}
            status, media_type, body = self.stream(page("clean-letter.png"), SSE, fields=fields)
            if status == 200 and media_type == SSE and events(body)[-1][0] == "error":
                break
        self.assertEqual(status, 200, "no stream was cut by its deadline")
        found = events(body)
        self.assertEqual([name for name, _ in found], ["line"] * (len(found) - 1) + ["error"])
        self.assertEqual((found[-1][1]["type"], found[-1][1]["status"]), ("urn:weir:problem:deadline-exceeded", 503))
        self.idle()

    def test_lists_are_joined_and_taken_apart(self):
        found = self.ask(page("upside-down-line.png"), path="/v1/sides").json()
        self.assertEqual(found["sides"], ["0", "180", "0", "0"])
        self.assertEqual(found["all"]["shape"], [4, 2])
        self.assertEqual(found["all"]["data"], [number for one in found["each"] for number in one["data"]])

    def test_the_document_says_what_goes_in_and_comes_out(self):
        document = weir.ask(self.server.port, "GET", "/openapi.json").json()
        operation = document["paths"]["/v1/ocr"]["post"]
        self.assertIn("image/jpeg", operation["requestBody"]["content"])
        self.assertIn("multipart/form-data", operation["requestBody"]["content"])
        content = operation["responses"]["200"]["content"]
        self.assertEqual(sorted(content), ["application/json", LINES, SSE])
        answer = content["application/json"]["schema"]
        while "$ref" in answer:
            answer = document["components"]["schemas"][answer["$ref"].rsplit("/", 1)[-1]]
        self.assertEqual(answer["required"], ["lines", "text"])
        line = answer["properties"]["lines"]["items"]
        self.assertEqual(line["required"], ["text", "confidence", "box", "orientation"])

    def test_each_step_is_measured(self):
        self.ask(page("clean-letter.png"))
        text = weir.ask(self.server.port, "GET", "/metrics").body.decode()
        for step in ("page", "detect", "find", "read"):
            count = re.search(r'weir_pipeline_step_duration_seconds_count\{pipeline="ocr",step="%s"\} (\d+)' % step, text)
            self.assertGreater(int(count.group(1)), 0)


class Misfit(unittest.TestCase):
    def test_tensors_that_do_not_fit_are_told_at_start_and_the_rest_serves(self):
        with weir.Server(MISFIT) as server:
            server.wait_for_line(r'pipeline wrong: step "orient", input "x": expects FP32 \[.*\], but "small.tensor" gives '
                                 r"UINT8 \[1, 3, 48, 192\]")
            png = {"Content-Type": "image/png"}
            answer = weir.ask(server.port, "POST", "/wrong", png, page("clean-letter.png"))
            self.assertEqual((answer.status, answer.json()["type"]), (500, "urn:weir:problem:pipeline-failed"))
            answer = weir.ask(server.port, "POST", "/classes", png, page("clean-letter.png"))
            found = answer.json()
            self.assertEqual({one["label"] for one in found["classes"]}, {"0", "180"})
            self.assertGreaterEqual(found["classes"][0]["score"], found["classes"][1]["score"])
            self.assertEqual((found["raw"]["datatype"], len(found["raw"]["data"])), ("FP32", 2))

    def test_tensors_of_every_type_that_json_can_say_are_written_and_others_refused_at_start(self):
        with weir.Server(MISFIT) as server:
            server.wait_for_line('pipeline half: answer "half": "cast.half" gives FP16, which has no form in JSON')
            found = weir.ask(server.port, "POST", "/types", {"Content-Type": "image/png"}, page("clean-letter.png")).json()
            self.assertEqual({name: one["datatype"] for name, one in found.items()},
                             {"whole": "INT32", "is_lit": "BOOL", "text": "BYTES"})
            for one in found.values():
                self.assertEqual((one["shape"], len(one["data"])), ([1, 2, 2, 3], 12))
            self.assertEqual(found["is_lit"]["data"], [value != 0 for value in found["whole"]["data"]])
            self.assertEqual(found["text"]["data"], [str(value) for value in found["whole"]["data"]])


if __name__ == "__main__":
    unittest.main()
