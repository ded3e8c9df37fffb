#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow on purpose, every kind at once: they are gone in time and counted, and those that are not slow
notice nothing. And what one client, or one request, may have altogether."""

import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402

CONFIG = """
listen:
  - 127.0.0.1:0
  - {address: 127.0.0.1:0, proxy_protocol: v2, proxy_protocol_from: [127.0.0.1]}
  - {address: 127.0.0.1:0, tls: {certificates: [{cert: @FOLDER/a.pem, key: @FOLDER/a.key}]}}
workers: 1
executors: 1
limits: {header_time: 1500ms, handshake_time: 1500ms, body_time: 3s, idle_time: 2s, write_time: 2s, write_rate: 64KiB%s}
chain: [request_id, access_log: {path: access.log}]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: POST /take, public: true, to: {endpoint: livez}}
  - {match: "GET /f/{path...}", public: true, to: {files: @FOLDER/public}}
"""
OF_EACH = 3 if weir.SANITIZER else 10
TICK_SECONDS = 0.1
SLACK_SECONDS = 1.5 * weir.SLOWNESS
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def setUpModule():
    global FOLDER, CONTEXT
    FOLDER = tempfile.mkdtemp(prefix="weir-tls-")
    authority = certificates.Authority(FOLDER)
    authority.issue("a", "DNS:a.example")
    os.mkdir(os.path.join(FOLDER, "public"))
    with open(os.path.join(FOLDER, "public", "large"), "wb") as file:
        file.write(os.urandom(5 << 20))
    with open(os.path.join(FOLDER, "public", "small"), "wb") as file:
        file.write(os.urandom(100000))
    CONTEXT = ssl.create_default_context(cafile=authority.path)


def tearDownModule():
    shutil.rmtree(FOLDER)


def config(limits=""):
    return CONFIG.replace("@FOLDER", FOLDER) % limits


class Slow:
    """One client. on_tick is called ten times a second; the end of the connection is noticed by reading, unless the kind
    reads by itself."""

    listener = 0  # of CONFIG
    name, is_counted, seconds = "", True, 0.0  # whether weir_connections_timed_out counts it; when it has to be gone

    def __init__(self, ports):
        self.socket = socket.socket()
        self.prepare()
        self.socket.connect(("127.0.0.1", ports[self.listener]))
        self.socket.setblocking(False)
        self.begin = time.monotonic()
        self.ended = None
        self.ticks = 0
        self.received = b""
        self.on_open()

    def prepare(self):
        pass

    def on_open(self):
        pass

    def on_tick(self):
        self.read()

    def read(self, count=1 << 16):
        try:
            data = self.socket.recv(count)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except (ConnectionError, ssl.SSLError):
            data = b""
        self.received = (self.received + data)[:4096]
        if not data:
            self.end()

    def write(self, data):
        try:
            self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except (ConnectionError, ssl.SSLError):
            self.end()

    def end(self):
        if self.ended is None:
            self.ended = time.monotonic() - self.begin
            self.socket.close()


class Silent(Slow):
    name, is_counted, seconds = "says nothing", False, 2


class Idle(Slow):
    name, is_counted, seconds = "says nothing after a request", False, 2

    def on_open(self):
        self.write(weir.request_bytes("GET", "/livez"))


class SlowHeader(Slow):
    name, seconds = "trickles its head", 1.5

    def on_open(self):
        self.write(b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ")

    def on_tick(self):
        self.write(b"x")
        if self.ended is None:
            self.read()


class SlowSecondHeader(SlowHeader):
    name, seconds = "trickles its second head", 1.5

    def on_open(self):
        self.write(weir.request_bytes("GET", "/livez") + b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ")


class SlowBody(Slow):
    name, seconds = "trickles its body", 3

    def on_open(self):
        self.write(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")

    def on_tick(self):
        self.write(b"x" * 10)
        if self.ended is None:
            self.read()


class SlowChunks(SlowBody):
    name, seconds = "trickles its chunks", 3

    def on_open(self):
        self.write(b"POST /take HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")

    def on_tick(self):
        self.write(b"1\r\nx\r\n")
        if self.ended is None:
            self.read()


class NoReader(Slow):
    """Whether it is gone shows when it reads: the kernel still has data for it, then a reset or an end."""

    name, seconds = "reads nothing", 4  # a moment passes until the kernel takes no more of the answers
    answers = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 200

    def prepare(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def on_open(self):
        self.left = self.answers

    def on_tick(self):
        try:
            self.left = self.left[self.socket.send(self.left):] if self.left else self.left
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except (ConnectionError, ssl.SSLError):
            self.end()
            return
        self.look()

    def look(self):
        """The state of the connection, without reading: TCP_INFO begins with it; 1 is ESTABLISHED."""
        state = struct.unpack("B", self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0]
        if state != 1:
            self.end()


class FileNoReader(NoReader):
    """The kernel's buffers take all of a fast source for a while, and then none of it."""

    name = "reads nothing of a file"
    answers = b"GET /f/large HTTP/1.1\r\nHost: a\r\n\r\n"


class FilesNoReader(NoReader):
    name = "reads nothing of many files"
    answers = b"GET /f/small HTTP/1.1\r\nHost: a\r\n\r\n" * 500


class SlowReader(NoReader):
    name, seconds = "reads a little at a time", 4

    def look(self):
        self.read(20)
        if self.ended is None:
            super().look()


class NoPreface(Slow):
    name, seconds, listener = "trickles its PROXY header", 1.5, 1

    def on_tick(self):
        self.write(SIGNATURE[self.ticks % len(SIGNATURE):][:1] if self.ticks < len(SIGNATURE) else b"")
        self.ticks += 1
        if self.ended is None:
            self.read()


class NoHandshake(Slow):
    name, seconds, listener = "says nothing where TLS is due", 1.5, 2


class SlowHandshake(Slow):
    name, seconds, listener = "trickles its ClientHello", 1.5, 2

    def on_open(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = CONTEXT.wrap_bio(incoming, outgoing, server_hostname="a.example")
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            self.hello = outgoing.read()

    def on_tick(self):
        self.write(self.hello[:8])
        self.hello = self.hello[8:]
        if self.ended is None:
            self.read()


class SecureIdle(Slow):
    name, is_counted, seconds, listener = "says nothing behind TLS", False, 2, 2

    def on_open(self):
        self.socket.setblocking(True)
        self.socket.settimeout(20)
        self.socket = CONTEXT.wrap_socket(self.socket, server_hostname="a.example")
        self.socket.setblocking(False)
        self.begin = time.monotonic()


class SecureSlowHeader(SecureIdle):
    name, is_counted, seconds = "trickles its head in TLS", True, 1.5

    def on_open(self):
        super().on_open()
        self.write(b"GET /livez HTTP/1.1\r\nHost: a\r\nX: ")

    def on_tick(self):
        self.write(b"x")
        if self.ended is None:
            self.read()


class SecureNoReader(NoReader):
    name, listener = "reads nothing behind TLS", 2

    def on_open(self):
        SecureIdle.on_open(self)
        super().on_open()


class SecureFileNoReader(SecureNoReader):
    name = "reads nothing of a file behind TLS"
    answers = FileNoReader.answers


class Http2Idle(Slow):
    name, is_counted, seconds = "says nothing in HTTP/2", False, 2
    settings = b""

    def on_open(self):
        self.write(http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0, self.settings))


class Http2Preface(Slow):
    name, seconds = "trickles the preface of HTTP/2", 1.5

    def on_tick(self):
        self.write(http2.PREFACE[self.ticks:self.ticks + 1])
        self.ticks += 1
        if self.ended is None:
            self.read()


class Http2Headers(Http2Idle):
    name, is_counted, seconds = "trickles headers in HTTP/2", True, 1.5

    def on_open(self):
        super().on_open()
        self.frame = http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1,
                                 http2.block("GET", "/livez", [("x", "y" * 100)]))

    def on_tick(self):
        self.write(self.frame[self.ticks:self.ticks + 1])
        self.ticks += 1
        if self.ended is None:
            self.read()


class Http2Body(Http2Idle):
    """The stream is answered with 408 at three seconds; the connection is idle from then on."""

    name, seconds = "trickles a body in HTTP/2", 5

    def on_open(self):
        super().on_open()
        self.write(http2.frame(http2.HEADERS, http2.END_HEADERS, 1,
                               http2.block("POST", "/take", [("content-length", "100000")])))

    def on_tick(self):
        if b"\0\0\0\1" not in self.received:  # a frame of stream 1
            self.write(http2.frame(http2.DATA, 0, 1, b"x"))
        if self.ended is None:
            self.read()


class Http2Window(Http2Idle):
    """Reads, but gives no window for the answer: the stream is given up at two seconds."""

    name, seconds = "gives no window in HTTP/2", 4
    settings = struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 0)

    def on_open(self):
        super().on_open()
        self.write(http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1, http2.block("GET", "/metrics")))


class Http2Drip(Http2Window):
    """Takes a byte of the answer now and then: far below the rate."""

    name = "drips window in HTTP/2"

    def on_tick(self):
        if self.ticks % 5 == 0:
            self.write(http2.frame(http2.WINDOW_UPDATE, 0, 1, struct.pack(">I", 1)))
        self.ticks += 1
        if self.ended is None and b"\0\0\4\3\0\0\0\0\1" in self.received:  # RST_STREAM of stream 1
            self.end()
        if self.ended is None:
            self.read()


class Http2NoReader(NoReader):
    name = "reads nothing of a file in HTTP/2"
    settings = struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 0x7fffffff)

    def on_open(self):
        self.left = b""
        self.write(http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0, self.settings) +
                   http2.frame(http2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7ffe0001)) +
                   http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1,
                               http2.block("GET", "/f/large")))


KINDS = [Silent, Idle, SlowHeader, SlowSecondHeader, SlowBody, SlowChunks, NoReader, SlowReader, NoPreface,
         NoHandshake, SlowHandshake, SecureIdle, SecureSlowHeader, SecureNoReader,
         Http2Idle, Http2Preface, Http2Headers, Http2Body, Http2Window, Http2Drip, Http2NoReader, FileNoReader,
         FilesNoReader, SecureFileNoReader]


def play(clients, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(client.ended is None for client in clients):
        for client in clients:
            if client.ended is None:
                client.on_tick()
        time.sleep(TICK_SECONDS)


class Busy(threading.Thread):
    """Requests one after the other; their times in self.seconds."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.seconds, self.is_over, self.failure = port, [], False, None

    def run(self):
        try:
            with weir.Client(self.port) as client:
                while not self.is_over:
                    begin = time.monotonic()
                    assert client.request("GET", "/livez").status == 200
                    self.seconds.append(time.monotonic() - begin)
                    time.sleep(0.002)
        except Exception as error:  # told by the test, in its own thread
            self.failure = error


class SlowClients(unittest.TestCase):
    def test_every_kind_at_once_is_gone_in_time_and_counted_and_harms_nobody(self):
        with weir.Server(config()) as server:
            ports = [int(line.rsplit(":", 1)[1].split()[0]) for line in server.lines if "listening on" in line]
            busy = [Busy(server.port) for _ in range(2)]
            for thread in busy:
                thread.start()
            slow = [kind(ports) for _ in range(OF_EACH) for kind in KINDS]
            play(slow, max(kind.seconds for kind in KINDS) + SLACK_SECONDS + 1)
            for thread in busy:
                thread.is_over = True
                thread.join(10)
                self.assertIsNone(thread.failure)
            for kind in KINDS:
                ends = [client.ended for client in slow if type(client) is kind]
                self.assertNotIn(None, ends, "a client that %s is still there" % kind.name)
                print("%-30s gone after %.2f to %.2f s" % (kind.name, min(ends), max(ends)))
                self.assertLess(max(ends), kind.seconds + SLACK_SECONDS, kind.name)
                self.assertGreater(min(ends), kind.seconds * 0.45, kind.name)
            for client in slow:
                if isinstance(client, (SlowHeader, SlowBody, SecureSlowHeader)):
                    self.assertIn(b"HTTP/1.1 408 ", client.received)
            times = sorted(second for thread in busy for second in thread.seconds)
            p99 = times[len(times) * 99 // 100]
            print("%d requests beside them: median %.2f ms, p99 %.2f ms" % (len(times), times[len(times) // 2] * 1e3,
                                                                            p99 * 1e3))
            self.assertGreater(len(times), 100)
            self.assertLess(p99, 0.1 * weir.SLOWNESS)
            samples = weir.metrics(server.port)
            self.assertEqual(samples["weir_connections_timed_out_total"],
                             OF_EACH * sum(kind.is_counted for kind in KINDS))
            self.assertLessEqual(weir.wait_until(lambda: weir.metrics(server.port), 1, "")["weir_connections_open"],
                                 samples["weir_connections_open"])

    def test_a_slow_reader_that_keeps_the_rate_gets_all(self):
        with weir.Server(config().replace("64KiB", "1KiB")) as server, socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.settimeout(20)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 39 +
                           b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received, begin = b"", time.monotonic()
            while data := client.recv(3000):
                received += data
                if time.monotonic() - begin < 5:  # more than two write_times
                    time.sleep(0.05)
            self.assertEqual(received.count(b"HTTP/1.1 200 "), 40)


class Altogether(unittest.TestCase):
    def test_a_client_has_only_so_many_connections(self):
        with weir.Server(config(", client_connections: 5")) as server:
            kept = [weir.Client(server.port) for _ in range(5)]
            for client in kept:
                self.assertEqual(client.request("GET", "/livez").status, 200)
            for _ in range(3):
                with weir.Client(server.port) as client, self.assertRaises((weir.Gone, ConnectionError)):
                    client.request("GET", "/livez")
            with socket.create_connection(("127.0.0.1", server.port), 10, ("127.0.0.2", 0)) as other:
                other.sendall(weir.request_bytes("GET", "/livez"))
                self.assertTrue(other.recv(4096).startswith(b"HTTP/1.1 200"), "another address has a count of its own")
            kept[0].close()
            samples = weir.wait_until(lambda: self.try_metrics(server.port), 5, "the place of the one that went")
            self.assertGreaterEqual(samples["weir_client_limit_refused_total"], 3)
            for client in kept[1:]:
                client.close()

    def try_metrics(self, port):
        try:
            return weir.metrics(port)
        except (weir.Gone, ConnectionError):
            return None

    def test_behind_the_proxy_protocol_clients_are_counted_and_not_the_proxy(self):
        with weir.Server(config(", client_connections: 2")) as server:
            proxy_port = [int(line.rsplit(":", 1)[1].split()[0]) for line in server.lines if "listening on" in line][1]
            clients = []
            for source in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2",
                           "2001:db8::ffff:0:0:3", "2001:db8:0:1::1"):
                client = weir.Client(proxy_port)
                clients.append((source, client))
                client.raw(self.header(source) + weir.request_bytes("GET", "/livez"))
            refused = []
            for source, client in clients:
                try:
                    self.assertEqual(client.receive().status, 200)
                except weir.Gone:
                    refused.append(source)
            self.assertEqual(refused, ["192.0.2.1", "2001:db8::ffff:0:0:3"])
            for _, client in clients:
                client.close()

    def header(self, source):
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        block = socket.inet_pton(family, source) * 2 + b"\0\1\0\2"
        return SIGNATURE + bytes([0x21, 0x21 if ":" in source else 0x11]) + struct.pack("!H", len(block)) + block

    def test_a_trusted_proxy_speaks_for_many(self):
        with weir.Server(config(", client_connections: 2") + "trusted_proxies: [127.0.0.1]\n") as server:
            clients = [weir.Client(server.port) for _ in range(10)]
            for client in clients:
                self.assertEqual(client.request("GET", "/livez").status, 200)
                client.close()

    def test_a_reload_may_turn_the_limit_on_and_off(self):
        with weir.Server(config()) as server:
            before = [weir.Client(server.port) for _ in range(3)]
            for client in before:
                self.assertEqual(client.request("GET", "/livez").status, 200)
            server.write_config(config(", client_connections: 1"))
            server.reload()
            with weir.Client(server.port) as first:
                self.assertEqual(first.request("GET", "/livez").status, 200, "those from before are not counted")
                with weir.Client(server.port) as second, self.assertRaises((weir.Gone, ConnectionError)):
                    second.request("GET", "/livez")
            server.write_config(config())
            server.reload()
            after = [weir.Client(server.port) for _ in range(3)]
            for client in before + after:
                client.close()

    def test_a_request_has_only_so_much_time_altogether(self):
        with weir.Server(config(", total_time: 1s")) as server, weir.Client(server.port) as client:
            client.raw(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            begin = time.monotonic()
            for _ in range(100):
                client.raw(b"x" * 5000)  # fast enough for body_rate
                time.sleep(0.02)
                if time.monotonic() - begin > 1.3:
                    break
            response = client.receive()
            self.assertEqual((response.status, response.problem()), (503, "deadline-exceeded"))
            self.assertEqual(response.field("Connection"), "close")
            samples = weir.metrics(server.port)
            self.assertEqual(samples["weir_requests_over_time_total"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
