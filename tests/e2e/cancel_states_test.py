#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client that goes away in a given state of a request or a response: in every one of them, in every way to go.

cancel_test.py does it at random and under load; here each state is reached on purpose, by itself, over TCP and over TLS.
After each the server must be at rest: nothing open, nothing in flight, no memory out, and it answers as before."""

import os
import re
import select
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402
from upstream import Ended, Upstream  # noqa: E402
from upstream_http2 import Http2  # noqa: E402

ROUTE = "/v1/text-orientation"
CONFIG = """
listen:
  - 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {certificates: [{cert: %(folder)s/server.pem, key: %(folder)s/server.key}]}
workers: 1
executors: 1
inline_pixels: 1
limits: {body_bytes: 16MiB, connection_requests: 1000000}
models:
  - %(model)s
  - {name: text-recognition, path: %(models)s/text-recognition.onnx, warm_up: {x: [1, 3, 48, 320]}}
upstreams:
  - {name: app, servers: ["%(upstream)s"], keepalive: 0}
  - {name: app2, servers: ["%(upstream_http2)s"], protocol: http2, keepalive: 0}
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: POST /echo, public: true, to: {endpoint: livez}}
  - {match: GET /compressed, public: true, chain: [compress], to: {endpoint: metrics}}
  - {match: "* /app/{rest...}", public: true, to: {upstream: app}}
  - {match: "* /app2/{rest...}", public: true, to: {upstream: app2}}
  - {match: "GET /files/{path...}", public: true, to: {files: %(folder)s}}
  - match: POST /v1/text-orientation
    public: true
    chain: %(chain)s
    to: {model: text-orientation}
  - match: POST /v1/slow
    public: true
    chain: [normalize_image: {size: [1280, 48]}]
    to: {model: text-recognition}
"""
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PAUSE = 0.01


def post(path, body, sent=None):
    return weir.request_bytes("POST", path, {}, body)[:sent]


def large_image():
    """A PNG that takes its thread a while."""
    width, height = 4000, 3000
    row = b"\0" + bytes(range(250)) * (width * 3 // 250)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(row * height, 1)) + chunk(b"IEND", b""))


def begin_stream(connection):
    """The upstream: answers /app/stream without an end, swallows /app/upload, never answers /app/silence."""
    message = connection.head()
    if "stream" in message.start:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.chunk(b"x" * 1000)
            time.sleep(0.001)
    elif "flood" in message.start:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(b"x" * 100000)
    connection.wait_for_end()
    raise Ended("gone")


def begin_streams(connection):
    """The same in HTTP/2, for many at a time."""
    session = Http2(connection)
    begun = []
    while True:
        while not begun or connection.input or select.select([connection.socket], [], [], 0.001)[0]:
            session.take()
            if session.ready:
                stream = session.streams[session.ready.pop(0)]
                if "stream" in stream.field(":path") or "flood" in stream.field(":path"):
                    session.begin(stream)
                    begun.append(stream)
        begun = [stream for stream in begun if stream.reset_code is None]
        for stream in begun:
            count = min(16000 if "flood" in stream.field(":path") else 1000, session.window, stream.window)
            session.data(stream, b"x" * max(count, 0))


# A state is reached by what is sent on one connection, or several, and what is read of it. Whoever plays one gets a
# function that opens a connection and gives its client.

def idle(connect):
    client = connect()
    client.request("GET", "/livez")


def just_connected(connect):
    connect()


def in_the_head(connect):
    connect().raw(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Some")


def in_a_small_body(connect):
    connect().raw(post("/echo", b"x" * 100, -50))


def in_a_large_body(connect):
    connect().raw(post("/echo", b"x" * 1000000, 500000))


def at_the_beginning_of_a_large_body(connect):
    connect().raw(post("/echo", b"x" * 1000000, -1000000))


def in_a_chunk(connect):
    connect().raw(CHUNKED + b"100000\r\n" + b"x" * 50000)


def in_a_chunk_size(connect):
    connect().raw(CHUNKED + b"3\r\nabc\r\n1")


def in_trailers(connect):
    connect().raw(CHUNKED + b"3\r\nabc\r\n0\r\nX: y")


def after_100_continue(connect):
    client = connect()
    client.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n")
    assert client.receive().status == 100


def running_a_model(connect):
    connect().raw(post("/v1/slow", weir.image("upright-1.jpg")))


def queued_behind_others(connect):
    for _ in range(12):
        connect().raw(post("/v1/slow", weir.image("upright-1.jpg")))


def decoding_on_the_crew(connect):
    connect().raw(post(ROUTE, LARGE_IMAGE))


def pipelined_behind_a_model(connect):
    connect().raw(post("/v1/slow", weir.image("upright-1.jpg")) * 3 + weir.request_bytes("GET", "/livez") * 5)


def between_pipelined_requests(connect):
    client = connect()
    client.raw(weir.request_bytes("GET", "/livez") * 3 + post(ROUTE, weir.image("upright-1.jpg"), 500))
    client.receive()


def writing_to_a_slow_reader(connect):
    client = connect(receive_bytes=4096)
    for _ in range(40):
        client.raw(weir.request_bytes("GET", "/metrics") * 10)


def writing_a_compressed_body(connect):
    client = connect(receive_bytes=4096)
    request = weir.request_bytes("GET", "/compressed", {"Accept-Encoding": "gzip"})
    for _ in range(40):
        client.raw(request * 20)


def sending_a_file(connect):
    client = connect(receive_bytes=4096)
    client.raw(weir.request_bytes("GET", "/files/large"))
    client.socket.recv(1000)


def sending_ranges_of_a_file(connect):
    client = connect(receive_bytes=4096)
    client.raw(weir.request_bytes("GET", "/files/large", {"Range": "bytes=0-9,100-19000000"}))
    client.socket.recv(1000)


def in_discard(connect):
    client = connect()
    client.raw(b"NONSENSE\r\n\r\n" + b"x" * 10000)
    client.receive()
    client.raw(b"x" * 10000)


def before_an_upstream_answers(connect):
    connect().raw(b"GET /app/silence HTTP/1.1\r\nHost: a\r\n\r\n")


def in_an_upload_to_an_upstream(connect):
    connect().raw(b"POST /app/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 300000)


def in_a_stream_of_an_upstream(connect):
    client = connect()
    client.raw(b"GET /app/stream HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.recv(3000)


def before_a_flood_of_an_upstream(connect):
    client = connect(receive_bytes=4096)
    client.raw(b"GET /app/flood HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.recv(1000)


def before_an_upstream_of_http2_answers(connect):
    connect().raw(b"GET /app2/silence HTTP/1.1\r\nHost: a\r\n\r\n")


def in_an_upload_to_an_upstream_of_http2(connect):
    connect().raw(b"POST /app2/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 300000)


def in_a_stream_of_an_upstream_of_http2(connect):
    client = connect()
    client.raw(b"GET /app2/stream HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.recv(3000)


def before_a_flood_of_an_upstream_of_http2(connect):
    client = connect(receive_bytes=4096)
    client.raw(b"GET /app2/flood HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.recv(1000)


# HTTP/2: the same, and a stream that is reset while its connection goes on.

def headers(stream, method, path, is_last, **fields):
    flags = http2.END_HEADERS | (http2.END_STREAM if is_last else 0)
    return http2.frame(http2.HEADERS, flags, stream, http2.block(method, path, tuple(fields.items())))


def window(stream, octets):
    return http2.frame(http2.WINDOW_UPDATE, 0, stream, struct.pack(">I", octets))


def body(stream, data):
    """Frames of the largest size that everyone takes."""
    return b"".join(http2.frame(http2.DATA, 0, stream, data[at:at + 16384]) for at in range(0, len(data), 16384))


def greet(connect, receive_bytes=None):
    client = connect(receive_bytes=receive_bytes)
    client.raw(http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0))
    return client


def http2_within_the_preface(connect):
    connect().raw(http2.PREFACE[:20])


def http2_idle(connect):
    greet(connect)


def http2_within_a_head(connect):
    greet(connect).raw(headers(1, "GET", "/livez", True)[:20])


def http2_between_head_and_body(connect):
    greet(connect).raw(headers(1, "POST", "/echo", False))


def http2_within_a_body(connect):
    greet(connect).raw(headers(1, "POST", "/echo", False, **{"content-length": "50000"}) + body(1, b"x" * 30000))


def http2_within_a_body_of_unknown_length(connect):
    greet(connect).raw(headers(1, "POST", "/echo", False) + body(1, b"x" * 30000))


def http2_running_a_model(connect):
    image = weir.image("upright-1.jpg")
    client = greet(connect)
    for stream in range(1, 13, 2):
        client.raw(headers(stream, "POST", "/v1/slow", False) + body(stream, image) + http2.frame(http2.DATA, http2.END_STREAM, stream))


def http2_uploading_to_an_upstream(connect):
    greet(connect).raw(headers(1, "POST", "/app/upload", False) + body(1, b"x" * 60000))


def http2_before_an_upstream_answers(connect):
    greet(connect).raw(headers(1, "GET", "/app/silence", True))


def http2_in_a_stream_of_an_upstream(connect):
    greet(connect).raw(headers(1, "GET", "/app/stream", True) + headers(3, "GET", "/app/stream", True))


def http2_uploading_to_an_upstream_of_http2(connect):
    greet(connect).raw(headers(1, "POST", "/app2/upload", False) + body(1, b"x" * 60000))


def http2_in_streams_of_an_upstream_of_http2(connect):
    greet(connect).raw(b"".join(headers(stream, "GET", path, True)
                                for stream, path in ((1, "/app2/silence"), (3, "/app2/stream"), (5, "/app2/flood"))))


def http2_with_windows_closed(connect):
    client = greet(connect)
    client.raw(b"".join(headers(stream, "GET", "/files/large", True) for stream in range(1, 21, 2)))


def http2_to_a_slow_reader(connect):
    client = greet(connect, 4096)
    client.raw(window(0, 1 << 30) + b"".join(headers(stream, "GET", "/files/large", True) + window(stream, 1 << 30)
                                             for stream in range(1, 21, 2)))


def end_streams(client):
    """The streams are reset; the connection goes on and says so."""
    client.raw(b"".join(http2.frame(http2.RST_STREAM, 0, stream, struct.pack(">I", http2.CANCEL)) for stream in range(1, client.streams * 2, 2)))
    client.raw(http2.frame(http2.PING, 0, 0, b"alright?"))
    data = b""
    while http2.frame(http2.PING, http2.ACK, 0, b"alright?") not in data:
        more = client.socket.recv(1 << 16)
        if not more:
            raise AssertionError("the connection ended after its streams were reset: %r" % data[-100:])
        data = (data + more)[-100000:]
    client.close()


# The request is in flight then, so its end is a cancellation that is counted.
COUNTED = [sending_a_file, sending_ranges_of_a_file, in_a_large_body, at_the_beginning_of_a_large_body, in_a_chunk, in_a_chunk_size, in_trailers, after_100_continue,
           decoding_on_the_crew, running_a_model, queued_behind_others, pipelined_behind_a_model, before_an_upstream_answers,
           in_an_upload_to_an_upstream, in_a_stream_of_an_upstream, before_a_flood_of_an_upstream,
           before_an_upstream_of_http2_answers, in_an_upload_to_an_upstream_of_http2, in_a_stream_of_an_upstream_of_http2,
           before_a_flood_of_an_upstream_of_http2]
OTHERS = [idle, just_connected, in_the_head, in_a_small_body, between_pipelined_requests, writing_to_a_slow_reader,
          writing_a_compressed_body, in_discard]


def end_by_close(client):
    client.close()


def end_by_reset(client):
    client.close(is_reset=True)


def end_by_half_close(client):
    """And stays until the server has ended, too: by itself, or told by a close a moment later."""
    try:
        client.socket.shutdown(socket.SHUT_WR)
        client.socket.settimeout(0.2)
        while client.socket.recv(1 << 16):
            pass
    except OSError:
        pass
    client.close()


ENDS = [end_by_close, end_by_reset, end_by_half_close]


def setUpModule():
    global FOLDER, CA, LARGE_IMAGE, UPSTREAM, UPSTREAM_HTTP2, SERVER, SECURE_PORT
    FOLDER = tempfile.mkdtemp(prefix="weir-cancel-")
    CA = certificates.Authority(FOLDER)
    CA.issue("server", "DNS:localhost,IP:127.0.0.1")
    LARGE_IMAGE = large_image()
    with open(os.path.join(FOLDER, "large"), "wb") as file:
        file.truncate(20000000)
    UPSTREAM = Upstream(begin_stream).__enter__()
    UPSTREAM_HTTP2 = Upstream(begin_streams).__enter__()
    SERVER = weir.Server(CONFIG % {"folder": FOLDER, "model": weir.MODEL, "models": weir.MODELS, "chain": weir.IMAGE_CHAIN,
                                   "upstream": UPSTREAM.address, "upstream_http2": UPSTREAM_HTTP2.address}).start()
    SECURE_PORT = int(SERVER.find_line(r"listening on https://").split(" ")[3].rsplit(":", 1)[1])


def tearDownModule():
    SERVER.__exit__(None, None, None)
    UPSTREAM.close()
    UPSTREAM_HTTP2.close()
    shutil.rmtree(FOLDER)


class Narrow(weir.Client):
    """A client with a small receive buffer, over TLS if it is given a context."""

    def __init__(self, port, receive_bytes=None, context=None):
        made = socket.socket()
        made.settimeout(30 * weir.SLOWNESS)
        if receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.connect(("127.0.0.1", port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(made, server_hostname="localhost") if context else made
        self.input = b""

    def raw(self, data):
        """What a server that does not read does not take is not sent."""
        self.socket.settimeout(0.5)
        try:
            self.socket.sendall(data)
        except TimeoutError:
            pass
        self.socket.settimeout(30 * weir.SLOWNESS)


# The streams that are there to be reset; those that are counted as cancelled.
HTTP2_COUNTED = {http2_between_head_and_body: 1, http2_within_a_body: 1, http2_within_a_body_of_unknown_length: 1,
                 http2_running_a_model: 6, http2_uploading_to_an_upstream: 1, http2_before_an_upstream_answers: 1,
                 http2_in_a_stream_of_an_upstream: 2, http2_uploading_to_an_upstream_of_http2: 1,
                 http2_in_streams_of_an_upstream_of_http2: 3, http2_with_windows_closed: 10, http2_to_a_slow_reader: 10}
HTTP2_OTHERS = [http2_within_the_preface, http2_idle, http2_within_a_head]


class States(unittest.TestCase):
    def connect(self, receive_bytes=None):
        client = Narrow(SERVER.port, receive_bytes)
        self.clients.append(client)
        return client

    def cancelled(self):
        return weir.metrics(SERVER.port)["weir_requests_cancelled_total"]

    def is_at_rest(self):
        """The scrape itself is a connection with a request that holds memory. What is kept for the next requests is given
        back after a period without one."""
        self.last = weir.metrics(SERVER.port)
        runs = [value for name, value in self.last.items()
                if name.startswith(("weir_model_runs_in_flight", "weir_upstream_in_flight"))]
        is_idle = self.last["weir_connections_open"] <= 1 and self.last["weir_requests_in_flight"] <= 1 and not any(runs)
        if is_idle and self.last["weir_memory_outstanding_bytes"] > 1 << 16:
            time.sleep(2.5)
        return is_idle and self.last["weir_memory_outstanding_bytes"] <= 1 << 16

    def wait_for_rest(self):
        try:
            weir.wait_until(self.is_at_rest, 15, "rest")
        except AssertionError as why:
            raise AssertionError("%s: %s" % (why, {name: value for name, value in self.last.items() if value and re.match(
                r"weir_(connections_open|requests_in_flight|memory_outstanding|model_runs|upstream_in_flight)", name)}))

    def play(self, state, ends=None):
        for end in ends or ENDS:
            before = self.cancelled()
            self.clients = []
            try:
                state(self.connect)
            except (weir.Gone, ConnectionError) as error:
                self.fail("%s was not reached: %r" % (state.__name__, error))
            time.sleep(PAUSE)
            for client in self.clients:
                client.streams = HTTP2_COUNTED.get(state, 0)
                end(client)
            if state in COUNTED or state in HTTP2_COUNTED:
                weir.wait_until(lambda: self.cancelled() > before, 5, "%s, %s: a cancellation that is counted"
                                % (state.__name__, end.__name__))
        self.assertEqual(weir.ask(SERVER.port, "GET", "/livez").status, 200)

    def test_each_state(self):
        for state in COUNTED + OTHERS:
            with self.subTest(state.__name__):
                self.play(state)
        self.wait_for_rest()
        self.assertEqual(weir.ask(SERVER.port, "POST", ROUTE, {}, weir.image("upright-1.jpg")).status, 200)


    def test_each_state_of_http2(self):
        for state in HTTP2_OTHERS:
            with self.subTest(state.__name__):
                self.play(state)
        for state in HTTP2_COUNTED:
            with self.subTest(state.__name__):
                self.play(state, [end_streams] + ENDS)
        self.wait_for_rest()


class StatesOverTls(States):
    def connect(self, receive_bytes=None):
        context = ssl.create_default_context(cafile=CA.path)
        if "http2" in self.id():
            context.set_alpn_protocols(["h2"])
        client = Narrow(SECURE_PORT, receive_bytes, context)
        self.clients.append(client)
        return client

    def test_in_the_handshake(self):
        hello = ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
        data = hello.read()
        for end in ENDS:
            for sent in (0, 1, 5, 50, len(data) - 1, len(data)):
                client = Narrow(SECURE_PORT)
                client.raw(data[:sent])
                end(client)
        self.wait_for_rest()


if __name__ == "__main__":
    unittest.main(verbosity=2)
