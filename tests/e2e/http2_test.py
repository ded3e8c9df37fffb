#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 from outside: many streams, small windows, limits of time and number, clients that go away in every state,
draining and reloading, and what is counted. E2E_SECONDS and E2E_SEED as in tests/support/quitters.py."""

import http.server
import json
import os
import signal
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import http2  # noqa: E402
import quitters  # noqa: E402
import weir  # noqa: E402

REFERENCE = weir.reference()
ROUTE = "/v1/text-orientation"
CONFIG = """
listen: [127.0.0.1:0]
workers: %d
executors: 2
inline_pixels: 20000
limits: {%s}
models: [%s, {name: text-recognition, path: %s/text-recognition.onnx, warm_up: {x: [1, 3, 48, 320]}}]
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "* /livez", public: true, to: {endpoint: livez}}
  - {match: GET /first, public: true, to: {endpoint: livez}}
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
"""
IMAGES = {entry["file"]: weir.image(entry["file"]) for entry in REFERENCE["images"]}


def serve(limits="", workers=1):
    return weir.Server(CONFIG % (workers, limits, weir.MODEL, weir.MODELS, weir.IMAGE_CHAIN))


def check(stream, entry):
    assert stream.status == 200, (stream.statuses, stream.body[:300])
    answer = json.loads(stream.body)
    assert answer["result"] == entry["result"], (answer, entry)


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = serve().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def client(self, **options):
        client = http2.Client(self.server.port, **options)
        self.addCleanup(client.close)
        return client

    def test_a_hundred_streams_of_one_connection_get_their_own_answers(self):
        client = self.client()
        entries = REFERENCE["images"]
        numbers = [client.open("POST", ROUTE, body=IMAGES[entries[i % len(entries)]["file"]]) for i in range(100)]
        client.wait(*numbers)
        for i, number in enumerate(numbers):
            check(client.streams[number], entries[i % len(entries)])

    def test_bodies_that_arrive_interleaved_stay_apart(self):
        client = self.client()
        entries = REFERENCE["images"][:4]
        streams = [(client.open("POST", ROUTE, is_ended=False), IMAGES[entry["file"]]) for entry in entries]
        longest = max(len(image) for _, image in streams)
        for at in range(0, longest, 1000):
            for number, image in streams:
                if at < len(image):
                    client.raw(client.data_frames(number, image[at:at + 1000], at + 1000 >= len(image)))
        client.wait()
        for (number, _), entry in zip(streams, entries):
            check(client.streams[number], entry)

    def test_a_response_waits_for_the_window(self):
        client = self.client(window=0, is_holding=True)
        number = client.open("GET", "/metrics")
        while not client.streams[number].statuses:
            client.take()
        for _ in range(300):
            client.give(number, 7)
        while len(client.streams[number].body) < 2100:
            client.take()
        client.frame(http2.PING, 0, 0, b"12345678")
        while not client.pongs:
            client.take()
        self.assertEqual(len(client.streams[number].body), 2100)
        client.give(0, 1 << 20)
        client.give(number, 1 << 20)
        body = client.wait(number).body
        self.assertIn(b"weir_http2_connections_total", body)

    def test_a_head_asks_for_no_body(self):
        stream = self.client().request("HEAD", "/metrics")
        self.assertEqual((stream.status, stream.body), (200, b""))

    def test_a_100_continue_comes_when_the_body_is_wanted(self):
        client = self.client()
        image = IMAGES[REFERENCE["images"][0]["file"]]
        number = client.open("POST", ROUTE, [("expect", "100-continue"), ("content-length", len(image))], is_ended=False)
        while client.streams[number].status != 100:
            client.take()
        client.raw(client.data_frames(number, image))
        check(client.wait(number), REFERENCE["images"][0])

    def test_an_answer_that_wants_no_body_does_not_wait_for_it(self):
        client = self.client()
        number = client.open("POST", "/nowhere", is_ended=False)
        self.assertEqual(client.wait(number).status, 404)
        self.assertIsNone(client.streams[number].reset_code)
        waiting = client.open("POST", "/nowhere", [("expect", "100-continue")], is_ended=False)
        self.assertEqual(client.wait(waiting).status, 404)
        while client.streams[waiting].reset_code is None:
            client.take()
        self.assertEqual(client.streams[waiting].reset_code, http2.NO_ERROR)

    def test_refuses_what_http1_refuses_too(self):
        client = self.client()
        rows = [(("host", "other.test"), 400), (("x-api-key", "1"), 200), (("expect", "more"), 417),
                (("content-type", "a/b"), 200)]
        for field, status in rows:
            self.assertEqual(client.request("GET", "/livez", [field]).status, status, field)
        self.assertEqual(client.request("GET", "/livez", [("x-api-key", "1"), ("x-api-key", "2")]).status, 400)
        self.assertEqual(client.request("GET", "/a/%2f/b").status, 400)
        many = client.request("GET", "/livez", [("x-%d" % i, "y" * 100) for i in range(120)])
        self.assertEqual(many.status, 431)
        self.assertEqual(json.loads(many.body)["type"], "urn:weir:problem:head-too-large")

    def test_a_body_over_the_limit_is_answered_and_the_connection_goes_on(self):
        client = self.client()
        number = client.open("POST", ROUTE, [("content-length", 20 << 20)], is_ended=False)
        self.assertEqual(client.wait(number).status, 413)
        self.assertEqual(client.request("GET", "/livez").status, 200)

    def test_a_request_whose_time_is_over_is_answered(self):
        client = self.client()
        statuses = {client.request("POST", "/v1/late", body=weir.image("upright-1.jpg")).status for _ in range(20)}
        self.assertLessEqual(statuses, {200, 503})
        self.assertEqual(client.request("GET", "/livez").status, 200)


class Limits(unittest.TestCase):
    def test_a_body_that_stops_is_answered_with_408(self):
        with serve("body_time: 300ms") as server, http2.Client(server.port) as client:
            number = client.open("POST", ROUTE, body=b"part", is_ended=False)
            self.assertEqual(client.wait(number).status, 408)
            self.assertEqual(client.request("GET", "/livez").status, 200)

    def test_a_response_that_nobody_takes_is_given_up(self):
        with serve("write_time: 300ms") as server, http2.Client(server.port, window=100, is_holding=True) as client:
            number = client.open("GET", "/metrics")
            self.assertEqual(client.wait(number).reset_code, http2.CANCEL)
            client.give(0, 1 << 20)
            self.assertEqual(client.request("HEAD", "/livez").status, 200)
            self.assertEqual(weir.metrics(server.port)["weir_http2_streams_timed_out_total"], 1)

    def test_an_answer_for_being_late_that_nobody_takes_is_given_up(self):
        late = (("body_time: 300ms, write_time: 300ms", ROUTE, b"part", False, 408),
                ("write_time: 300ms", "/v1/late", weir.image("upright-1.jpg"), True, 503))
        for limits, path, body, is_ended, status in late:
            with serve(limits) as server, http2.Client(server.port, window=0, is_holding=True, timeout=5) as client:
                for _ in range(20):  # a run may be in time
                    stream = client.wait(client.open("POST", path, body=body, is_ended=is_ended))
                    self.assertEqual(stream.reset_code, http2.CANCEL)
                    if stream.statuses == [status]:
                        break
                self.assertEqual(stream.statuses, [status])

    def test_a_header_block_that_does_not_end_ends_the_connection(self):
        with serve("header_time: 300ms") as server, http2.Client(server.port) as client:
            self.assertEqual(client.request("GET", "/livez").status, 200)
            client.frame(http2.HEADERS, http2.END_STREAM, 3, http2.block("GET", "/livez"))
            self.assertEqual(client.drain()[-1][1], http2.ENHANCE_YOUR_CALM)

    def test_a_preface_that_does_not_end_ends_the_connection(self):
        with serve("header_time: 300ms") as server, weir.Client(server.port) as client:
            client.raw(http2.PREFACE[:20])
            begin = time.monotonic()
            while client.socket.recv(4096):
                pass
            self.assertLess(time.monotonic() - begin, 3 * weir.SLOWNESS)

    def test_an_idle_connection_is_told_goodbye(self):
        with serve("idle_time: 300ms") as server, http2.Client(server.port) as client:
            self.assertEqual(client.request("GET", "/livez").status, 200)
            self.assertEqual(client.drain(), [(1, http2.NO_ERROR)])

    def test_pings_do_not_keep_an_idle_connection(self):
        with serve("idle_time: 400ms") as server, http2.Client(server.port) as client:
            begin = time.monotonic()
            try:
                while time.monotonic() - begin < 3 * weir.SLOWNESS and not client.is_closed:
                    client.frame(http2.PING, 0, 0, b"12345678")
                    client.take()
                    time.sleep(0.05)
            except ConnectionError:
                pass
            self.assertTrue(client.goaways)

    def test_a_connection_ends_after_its_requests(self):
        with serve("connection_requests: 3") as server, http2.Client(server.port) as client:
            for _ in range(3):
                self.assertEqual(client.request("GET", "/livez").status, 200)
            self.assertEqual(client.drain(), [(5, http2.NO_ERROR)])

    def test_streams_over_the_limit_are_refused_or_end_the_connection(self):
        """The one as long as the client need not know the limit, the other when it has acknowledged it."""
        with serve("http2_streams: 2") as server:
            with http2.Client(server.port) as client:
                numbers = [client.open("POST", ROUTE, is_ended=False) for _ in range(3)]
                self.assertEqual(client.wait(numbers[2]).reset_code, http2.REFUSED_STREAM)
            with http2.Client(server.port) as client:
                self.assertEqual(client.request("GET", "/livez").status, 200)
                for _ in range(3):
                    client.open("POST", ROUTE, is_ended=False)
                self.assertEqual(client.drain()[-1][1], http2.PROTOCOL_ERROR)

    def test_a_rapid_reset_ends_the_connection_and_is_counted(self):
        with serve() as server, http2.Client(server.port) as client:
            try:
                for _ in range(400):
                    client.reset(client.open("POST", ROUTE, is_ended=False))
            except ConnectionError:
                pass
            self.assertEqual(client.drain()[-1][1], http2.ENHANCE_YOUR_CALM)
            self.assertEqual(weir.metrics(server.port)["weir_http2_calmed_resets_total"], 1)

    def test_a_flood_of_pings_ends_the_connection_and_is_counted(self):
        with serve() as server, http2.Client(server.port) as client:
            try:
                client.raw(http2.frame(http2.PING, 0, 0, b"12345678") * 1000)
            except ConnectionError:
                pass
            self.assertEqual(client.drain()[-1][1], http2.ENHANCE_YOUR_CALM)
            self.assertEqual(weir.metrics(server.port)["weir_http2_calmed_pings_total"], 1)

    def test_without_http2_the_preface_is_a_request_of_an_unknown_version(self):
        config = (CONFIG % (1, "", weir.MODEL, weir.MODELS, weir.IMAGE_CHAIN)).replace(
            "listen: [127.0.0.1:0]", "listen: [{address: 127.0.0.1:0, protocols: [http/1.1]}]")
        with weir.Server(config) as server, weir.Client(server.port) as client:
            client.raw(http2.PREFACE)
            self.assertEqual(client.receive().status, 505)

    def test_a_listener_for_http2_alone_takes_no_http1(self):
        config = (CONFIG % (1, "", weir.MODEL, weir.MODELS, weir.IMAGE_CHAIN)).replace(
            "listen: [127.0.0.1:0]", "listen: [{address: 127.0.0.1:0, protocols: [h2]}, 127.0.0.1:0]")
        with weir.Server(config) as server:
            with http2.Client(server.port) as client:
                self.assertEqual(client.request("GET", "/livez").status, 200)
            with http2.Client(server.port) as client:  # byte by byte
                for byte in http2.frame(http2.HEADERS, 5, 1, http2.block("GET", "/livez")):
                    client.raw(bytes([byte]))
                client.streams[1] = http2.Stream()
                self.assertEqual(client.wait(1).status, 200)
            with http2.Client(server.port, preface=weir.request_bytes("GET", "/livez")) as client:
                self.assertEqual(client.drain(), [(0, http2.PROTOCOL_ERROR)])
            server.write_config(config.replace("[h2]", "[http/1.1]"))
            server.reload()
            with weir.Client(server.port) as client:
                self.assertEqual(client.request("GET", "/livez").status, 200)


class Life(unittest.TestCase):
    def test_draining_lets_streams_end_and_takes_those_on_their_way(self):
        with serve() as server, http2.Client(server.port) as client:
            image = IMAGES[REFERENCE["images"][0]["file"]]
            number = client.open("POST", ROUTE, is_ended=False)
            client.raw(client.data_frames(number, image[:100], False))
            server.signal(signal.SIGTERM)
            while not client.goaways:
                client.take()
            on_its_way = client.open("GET", "/livez")
            self.assertEqual(client.wait(on_its_way).status, 200)
            while len(client.goaways) < 2:
                client.take()
            client.raw(client.data_frames(number, image[100:]))
            check(client.wait(number), REFERENCE["images"][0])
            self.assertEqual(client.drain(), [(2**31 - 1, http2.NO_ERROR), (on_its_way, http2.NO_ERROR)])
            self.assertEqual(server.wait(), 0)

    def test_an_idle_connection_does_not_hold_up_draining(self):
        with serve() as server, http2.Client(server.port) as client:
            self.assertEqual(client.request("GET", "/livez").status, 200)
            begin = time.monotonic()
            server.signal(signal.SIGTERM)
            client.drain()
            client.close()
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - begin, 4 * weir.SLOWNESS)

    def test_a_reload_keeps_connections_and_streams(self):
        with serve() as server, http2.Client(server.port) as client:
            image = IMAGES[REFERENCE["images"][0]["file"]]
            number = client.open("POST", ROUTE, is_ended=False)
            client.raw(client.data_frames(number, image[:100], False))
            client.frame(http2.PING, 0, 0, b"12345678")
            while not client.pongs:
                client.take()
            server.write_config((CONFIG % (1, "header_count: 8, http2_streams: 5", weir.MODEL, weir.MODELS,
                                           weir.IMAGE_CHAIN)).replace("GET /first", "GET /other"))
            server.reload()
            client.raw(client.data_frames(number, image[100:]))
            check(client.wait(number), REFERENCE["images"][0])
            self.assertEqual(client.request("GET", "/first").status, 404)
            self.assertEqual(client.request("GET", "/other", [("x-%d" % i, "y") for i in range(20)]).status, 200)


class SlowUpstream(http.server.BaseHTTPRequestHandler):
    """Takes a body slowly and gives back how much it was, or streams a large one."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # weir went

    def do_POST(self):
        if self.path == "/refuse":
            time.sleep(0.3)
            self.wfile.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            self.close_connection = True
            return
        left = int(self.headers["Content-Length"])
        total = left
        while left:
            data = self.rfile.read(min(left, 65536))
            left -= len(data)
            time.sleep(0.002)
        answer = str(total).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = b"x" * 10000
        try:
            for _ in range(300):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass


class Streamed(unittest.TestCase):
    """Through the proxy, where bodies are streamed both ways."""

    def setUp(self):
        self.upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowUpstream)
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()
        self.addCleanup(self.upstream.server_close)
        self.addCleanup(self.upstream.shutdown)
        config = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {body_bytes: 64MiB}
chain: [request_id, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "* /{path...}", public: true, to: {proxy: "http://127.0.0.1:%d"}}
""" % self.upstream.server_port
        self.server = weir.Server(config).start()
        self.addCleanup(self.server.__exit__, None, None, None)

    def test_a_client_that_waits_for_its_window_may_end_behind_an_answer(self):
        with http2.Client(self.server.port) as client:
            total = 12 << 20
            number = client.open("POST", "/refuse", [("content-length", total)], is_ended=False)
            self.upload(client, number, total)
            stream = client.wait(number)
            self.assertEqual((stream.status, stream.body, stream.reset_code), (413, b"no", None))
            self.assertEqual(client.request("GET", "/").status, 200)

    def upload(self, client, number, total):
        """With the windows respected; what is under way is never more than the server gave."""
        sent = 0
        window = 65535
        heard = client.heard

        def count(kind, flags, stream, payload):
            nonlocal window
            if kind == http2.SETTINGS and not flags & http2.ACK:
                for at in range(0, len(payload), 6):
                    name, value = struct.unpack(">HI", payload[at:at + 6])
                    window += value - 65535 if name == http2.INITIAL_WINDOW_SIZE else 0
            if kind == http2.WINDOW_UPDATE and stream == number:
                window += struct.unpack(">I", payload)[0]
            heard(kind, flags, stream, payload)

        client.heard = count
        while sent < total:
            size = min(16384, total - sent, window)
            if size == 0:
                self.assertTrue(client.take())
                continue
            client.frame(http2.DATA, http2.END_STREAM if sent + size == total else 0, number, b"u" * size)
            sent += size
            window -= size

    def test_a_slow_upstream_slows_the_upload_down(self):
        with http2.Client(self.server.port) as client:
            total = 12 << 20
            number = client.open("POST", "/", [("content-length", total)], is_ended=False)
            self.upload(client, number, total)
            stream = client.wait(number)
            self.assertEqual((stream.status, stream.body), (200, str(total).encode()))
            self.assertLess(weir.status_kib(self.server.pid, "VmRSS"), 300 << 10)

    def test_streams_large_answers_side_by_side_through_small_windows(self):
        with http2.Client(self.server.port, window=20000) as client:
            numbers = [client.open("GET", "/") for _ in range(5)]
            client.wait(*numbers)
            for number in numbers:
                self.assertEqual(len(client.streams[number].body), 3000000)

    def test_a_client_that_cancels_leaves_the_others_alone(self):
        with http2.Client(self.server.port, window=20000) as client:
            numbers = [client.open("GET", "/") for _ in range(6)]
            while not all(client.streams[number].body for number in numbers):
                client.take()
            for number in numbers[::2]:
                client.reset(number)
            client.wait(*numbers[1::2])
            self.assertEqual([len(client.streams[number].body) for number in numbers[1::2]], [3000000] * 3)
            weir.wait_until(lambda: weir.metrics(self.server.port)["weir_upstream_in_flight"] == 0, 5, "no upstream")


class Cancel(quitters.Quitters, unittest.TestCase):
    """As cancel_test.py, a stream at a time and a connection at a time."""

    def setUp(self):
        super().setUp()
        self.requests = [("POST", ROUTE, image) for image in IMAGES.values()]
        self.requests += [("POST", "/v1/late", weir.image("upright-1.jpg")), ("GET", "/metrics", None),
                          ("GET", "/livez", None)]

    def quit_stream(self, chance, client):
        method, path, body = chance.choice(self.requests)
        manner = chance.choice(("open", "body", "run", "answer", "window", "over", "malformed"))
        self.count(manner)
        is_whole = manner not in ("open", "body")
        part = body if body is None or is_whole else body[:chance.randrange(len(body))] if manner == "body" else None
        number = client.open(method, path, [("te", "x")] if manner == "malformed" else (), part, is_whole)
        if manner == "run":
            time.sleep(chance.random() * 0.02)
        elif manner == "answer":
            while not client.streams[number].statuses and client.streams[number].reset_code is None:
                if not client.take():
                    return False
        elif manner == "over":
            client.wait(number)
        if manner != "malformed":
            client.reset(number, chance.choice((http2.CANCEL, http2.NO_ERROR, http2.INTERNAL_ERROR, 12345)))
        return True

    def quit(self, chance, port):
        client = http2.Client(port, window=chance.choice((0, 100, 65535)), is_holding=chance.random() < 0.5)
        try:
            for _ in range(chance.randrange(1, 30)):
                if time.monotonic() > self.end or not self.quit_stream(chance, client):
                    break
        except (ConnectionError, weir.Gone, TimeoutError):
            self.count("gone")
        finally:
            client.close(chance.random() < 0.5)

    def stay(self, index, port, end):
        entries = REFERENCE["images"]
        at = index
        with http2.Client(port, timeout=60) as client:
            while time.monotonic() < end:
                some = [entries[(at + i) % len(entries)] for i in range(4)]
                numbers = [client.open("POST", ROUTE, body=IMAGES[entry["file"]]) for entry in some]
                client.wait(*numbers)
                for number, entry in zip(numbers, some):
                    check(client.streams.pop(number), entry)
                    self.count("stayed")
                at += 4

    def test_clients_that_go_away_leave_nothing_behind(self):
        with serve("write_time: 1s", 2) as server:
            self.come_and_go(server)
            with http2.Client(server.port) as client:
                for entry in REFERENCE["images"]:
                    check(client.request("POST", ROUTE, body=IMAGES[entry["file"]]), entry)


if __name__ == "__main__":
    unittest.main(verbosity=2)
