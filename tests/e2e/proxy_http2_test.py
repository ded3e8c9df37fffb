#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upstreams that speak HTTP/2: what reaches them, what comes back, many requests on one connection, and all the ways in
which an upstream may fail or misbehave. E2E_SECONDS and E2E_SEED as in proxy_test.py."""

import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402
from http2 import (CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR, NO_ERROR, PING, REFUSED_STREAM,  # noqa: E402
                   SETTINGS, WINDOW_UPDATE, frame, literal)
from upstream import Ended, Upstream, answer_all  # noqa: E402
from upstream_http2 import Http2, Unpacker, serving  # noqa: E402

SECONDS = float(os.environ.get("E2E_SECONDS", "5"))
SEED = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(10**6)))
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {%s}
upstreams:
  - {name: app, servers: ["%s"], %s}
chain: [%s]
routes:
  - {match: "* /{rest...}", public: true, body_bytes: 1GiB, to: {upstream: app}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""


def served(upstream, options="", limits="", chain="metrics", protocol="protocol: http2"):
    return weir.Server(CONFIG % (limits, upstream.address, ", ".join(filter(None, (protocol, options))), chain))


def metric(server, name):
    return weir.metrics(server.port)["weir_upstream_" + name]


class Reader(http2.Client):
    """A client that looks at fields and trailers, too."""

    def __init__(self, *arguments, **options):
        self.unpacker = Unpacker()
        self.heads = {}  # of each stream, blocks as they came
        self.frames = []  # (kind, flags, stream)
        super().__init__(*arguments, **options)

    def heard(self, kind, flags, number, payload):
        self.frames.append((kind, flags, number))
        if kind == HEADERS:
            self.heads.setdefault(number, []).append(self.unpacker.unpack(payload))
        super().heard(kind, flags, number, payload)

    def until(self, condition):
        while not condition():
            self.assert_open(self.take())

    @staticmethod
    def assert_open(is_open):
        if not is_open:
            raise weir.Gone("closed")


class Background:
    """Requests of HTTP/1.1 clients, each on a thread of its own."""

    def __init__(self, server, requests):
        self.answers = [None] * len(requests)
        self.threads = [threading.Thread(target=self._ask, args=(server, i, request)) for i, request in enumerate(requests)]
        for thread in self.threads:
            thread.start()

    def _ask(self, server, i, request):
        try:
            self.answers[i] = weir.ask(server.port, *request)
        except weir.Gone as error:
            self.answers[i] = error

    def wait(self):
        for thread in self.threads:
            thread.join()
        return self.answers


class Requests(unittest.TestCase):
    """What reaches the upstream."""

    def ask(self, request, expected=200, **options):
        streams = []

        def reply(session, stream):
            streams.append(stream)
            session.answer(stream)
        with Upstream(serving(reply)) as upstream, served(upstream, **options) as server, \
                weir.Client(server.port) as client:
            client.raw(request)
            response = client.receive()
            self.assertEqual(response.status, expected, response)
        return streams

    def test_the_target_is_the_canonical_one(self):
        stream, = self.ask(b"GET /a/../b/%7Ec?d=/../e HTTP/1.1\r\nHost: h:8\r\n\r\n")
        self.assertEqual(stream.fields[:4], [(":method", "GET"), (":scheme", "http"), (":authority", "h:8"),
                                             (":path", "/b/~c?d=/../e")])

    def test_fields_of_one_hop_stay_behind_and_the_others_come_in_lower_case(self):
        stream, = self.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Mine, keep-alive\r\nx-mine: 1\r\nKeep-Alive: 5\r\n"
                           b"TE: gzip;q=0.5, Trailers\r\nUpgrade: h2c\r\nProxy-Authorization: a\r\nTrailer: c\r\nCookie: d=e\r\n"
                           b"X-Yours: 2\r\nX_Yours: 4\r\nx-yours: 3\r\n\r\n", options="forwarded: both", chain="request_id")
        fields = dict(stream.fields)
        self.assertEqual({name for name in fields if not name.startswith(":")},
                         {"cookie", "x-yours", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                          "forwarded", "via", "te"})
        self.assertEqual(stream.all("x-yours"), ["2", "3"])
        self.assertEqual(fields["te"], "trailers")
        self.assertEqual(fields["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(fields["forwarded"], "for=127.0.0.1;host=\"h\";proto=http")
        self.assertRegex(fields["via"], r"^1\.1 ")

    def test_authority_is_the_clients_host_or_the_servers(self):
        stream, = self.ask(b"GET / HTTP/1.1\r\nHost: h:8\r\n\r\n", options="host: server")
        self.assertRegex(stream.field(":authority"), r"^127\.0\.0\.1:\d+$")
        self.assertEqual(stream.all("host"), [])
        stream, = self.ask(b"GET / HTTP/1.0\r\n\r\n")
        self.assertRegex(stream.field(":authority"), r"^127\.0\.0\.1:\d+$")

    def test_crumbs_of_cookies_are_one_field(self):
        streams = []

        def reply(session, stream):
            streams.append(stream)
            session.answer(stream)
        with Upstream(serving(reply)) as upstream, served(upstream) as server, http2.Client(server.port) as client:
            self.assertEqual(client.request("GET", "/", [("cookie", "a=1"), ("cookie", "b=2")]).status, 200)
        self.assertEqual(streams[0].all("cookie"), ["a=1; b=2"])

    def test_bodies_are_framed_anew(self):
        stream, = self.ask(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        self.assertEqual((stream.all("content-length"), stream.body), ([], b"hello!"))
        stream, = self.ask(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual((stream.all("content-length"), stream.body), (["5"], b"hello"))
        stream, = self.ask(b"POST / HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual((stream.all("content-length"), stream.body), (["0"], b""))
        stream, = self.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((stream.all("content-length"), stream.body), (["0"], b""))


class Responses(unittest.TestCase):
    """What comes back."""

    def relay(self, reply, method="GET", **options):
        with Upstream(serving(reply)) as upstream, served(upstream, **options) as server, \
                weir.Client(server.port) as client:
            client.send(method, "/")
            try:
                return client.receive(method == "HEAD")
            finally:
                self.assertEqual(metric(server, "in_flight"), 0)

    def test_fields_and_bodies_come_through(self):
        response = self.relay(lambda session, stream: session.answer(
            stream, b"hello", 201, [("content-type", "text/x"), ("set-cookie", "a"), ("set-cookie", "b")]))
        self.assertEqual((response.status, response.body, response.field("Content-Type")), (201, b"hello", "text/x"))
        self.assertEqual([value for name, value in response.fields if name.lower() == "set-cookie"], ["a", "b"])
        self.assertTrue(response.field("Via").startswith("2 "), response.fields)

    def test_responses_without_a_body_have_none(self):
        for status in (204, 304):
            response = self.relay(lambda session, stream: session.begin(stream, status, is_ended=True))
            self.assertEqual((response.status, response.body), (status, b""))
        response = self.relay(lambda session, stream: session.begin(stream, 200, is_ended=True))
        self.assertEqual((response.status, response.field("Content-Length")), (200, "0"))
        response = self.relay(lambda session, stream: session.begin(stream, 200, [("content-length", 7)], is_ended=True),
                              "HEAD")
        self.assertEqual((response.status, response.field("Content-Length")), (200, "7"))

    def test_a_205_has_no_content_whatever_the_upstream_says(self):
        """RFC 9110 section 15.3.6: its stream is given up, and its connection goes on."""
        def reply(session, stream):
            session.begin(stream, 205)
            session.data(stream, b"hello")
        with Upstream(serving(reply)) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            for _ in range(3):
                client.send("GET", "/")
                response = client.receive()
                self.assertEqual((response.status, response.all("Content-Length"), response.body), (205, ["0"], b""))
            self.assertEqual(upstream.count, 1)

    def test_a_status_without_content_never_has_any(self):
        """RFC 9110 sections 15.3.5 and 15.4.5."""
        for status in (204, 304):
            response = self.relay(lambda session, stream: session.answer(stream, b"hello", status))
            self.assertIn(response.status, (status, 502))
            self.assertNotIn(b"hello", response.body)

    def test_what_is_no_response_is_a_502(self):
        def block(*fields):
            return b"".join(literal(name, value) for name, value in fields)
        for sent in (block((b"a", b"b")), block((b":status", b"20")), block((b":status", b"052")),
                     block((b":status", b"600")), block((b":status", b"101")), block((b":status", b"200"), (b"A", b"b")),
                     block((b":status", b"200"), (b"connection", b"close")), block((b"a", b"b"), (b":status", b"200")),
                     block((b":status", b"200"), (b"content-length", b"1"), (b"content-length", b"2"))):
            response = self.relay(lambda session, stream: session.frame(HEADERS, END_HEADERS, stream.number, sent))
            self.assertEqual(response.problem(), "bad-gateway", sent)

    def test_a_head_over_the_limit_is_a_502(self):
        response = self.relay(lambda session, stream: session.answer(stream, fields=[("x-%d" % i, "y" * 100) for i in range(20)]),
                              limits="head_bytes: 1KiB, target_bytes: 512")
        self.assertEqual(response.problem(), "bad-gateway")

    def test_a_body_that_is_not_as_long_as_announced_breaks_off(self):
        for body, announced in ((b"hello", 7), (b"hello", 3)):
            def reply(session, stream):
                session.begin(stream, 200, [("content-length", announced)])
                session.data(stream, body, is_ended=True)
            try:
                response = self.relay(reply)
                self.assertEqual(response.problem(), "bad-gateway")
            except weir.Gone:
                pass

    def test_interim_responses_are_handed_on(self):
        def reply(session, stream):
            session.begin(stream, 103, [("link", "</x>")])
            session.answer(stream)
        with Upstream(serving(reply)) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.send("GET", "/")
            self.assertEqual(client.receive().status, 103)
            self.assertEqual(client.receive().status, 200)

    def test_too_many_interim_responses_are_a_502(self):
        def reply(session, stream):
            for _ in range(40):
                session.begin(stream, 102)
        with Upstream(serving(reply)) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.send("GET", "/")
            while (response := client.receive()).status == 102:
                pass
            self.assertEqual(response.problem(), "bad-gateway")


class Grpc(unittest.TestCase):
    """A call is a POST whose outcome stands in the trailers of the response."""

    FIELDS = [("te", "trailers"), ("content-type", "application/grpc")]

    def test_a_unary_call(self):
        def reply(session, stream):
            self.assertEqual((stream.field("te"), stream.body), ("trailers", b"\0\0\0\0\2hi"))
            session.begin(stream, 200, [("content-type", "application/grpc")])
            session.data(stream, b"\0\0\0\0\3you")
            session.end(stream, [("grpc-status", 0), ("grpc-message", "fine")])
        with Upstream(serving(reply)) as upstream, served(upstream) as server, Reader(server.port) as client:
            number = client.open("POST", "/a.B/C", self.FIELDS, b"\0\0\0\0\2hi")
            stream = client.wait(number)
            self.assertEqual((stream.status, stream.body), (200, b"\0\0\0\0\3you"))
            self.assertEqual(client.heads[number][-1], [("grpc-status", "0"), ("grpc-message", "fine")])

    def test_a_call_that_fails_at_once_has_its_outcome_in_the_only_head(self):
        def reply(session, stream):
            session.begin(stream, 200, [("content-type", "application/grpc"), ("grpc-status", 12)], is_ended=True)
        with Upstream(serving(reply)) as upstream, served(upstream) as server, Reader(server.port) as client:
            number = client.open("POST", "/a.B/C", self.FIELDS, b"\0\0\0\0\0")
            client.wait(number)
            self.assertIn(("grpc-status", "12"), client.heads[number][0])
            self.assertEqual([kind for kind, _, which in client.frames if which == number], [HEADERS])

    def test_a_call_streams_both_ways(self):
        def serve(connection):
            session = Http2(connection)
            stream = session.head()
            session.begin(stream, 200)
            seen = 0
            while not (stream.is_ended and seen == len(stream.body)):
                session.until(lambda: len(stream.body) > seen or stream.is_ended)
                piece, seen = stream.body[seen:], len(stream.body)
                session.data(stream, piece.upper())
            session.end(stream, [("grpc-status", 0)])
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, Reader(server.port) as client:
            number = client.open("POST", "/a.B/C", self.FIELDS, is_ended=False)
            client.until(lambda: client.streams[number].status)
            for i in range(20):
                client.frame(DATA, 0, number, b"message %d;" % i)
                expected = b"".join(b"MESSAGE %d;" % k for k in range(i + 1))
                client.until(lambda: client.streams[number].body == expected)
            client.frame(DATA, END_STREAM, number)
            client.wait(number)
            self.assertEqual(client.heads[number][-1], [("grpc-status", "0")])


class Tls(unittest.TestCase):
    """Who speaks what is agreed on within TLS."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="weir-tls-")
        cls.authority = certificates.Authority(cls.folder)
        cls.authority.issue("app", "IP:127.0.0.1")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def context(self, *protocols):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(os.path.join(self.folder, "app.pem"), os.path.join(self.folder, "app.key"))
        if protocols:
            made.set_alpn_protocols(list(protocols))
        return made

    def served(self, upstream, protocol=""):
        return served(upstream, "tls: true, tls_ca: %s" % self.authority.path, protocol=protocol)

    @staticmethod
    def either(connection):
        """As was agreed on."""
        if connection.socket.selected_alpn_protocol() == "h2":
            serving(lambda session, stream: session.answer(stream, b"HTTP/2 " + stream.field(":scheme").encode()))(connection)
        else:
            answer_all(connection)

    def test_the_server_chooses(self):
        for protocols, protocol, expected in ((("h2", "http/1.1"), "", b"HTTP/2 https"), (("http/1.1", "h2"), "", b"GET / HTTP/1.1 0"),
                                              (("http/1.1",), "", b"GET / HTTP/1.1 0"), ((), "", b"GET / HTTP/1.1 0"),
                                              (("h2",), "protocol: http2", b"HTTP/2 https"),
                                              (("h2", "http/1.1"), "protocol: http1", b"GET / HTTP/1.1 0")):
            with Upstream(self.either, context=self.context(*protocols)) as upstream, \
                    self.served(upstream, protocol) as server:
                for _ in range(3):
                    self.assertEqual(weir.ask(server.port, "GET", "/").body, expected, (protocols, protocol))
                self.assertEqual(upstream.count, 1)

    def test_a_server_without_http2_where_it_is_demanded_is_a_502(self):
        for protocols in ((), ("http/1.1",)):
            with Upstream(self.either, context=self.context(*protocols)) as upstream, \
                    self.served(upstream, "protocol: http2") as server:
                response = weir.ask(server.port, "GET", "/")
                self.assertEqual(response.problem(), "bad-gateway")
                self.assertIn("does not speak HTTP/2", response.json()["detail"])

    def test_many_first_requests_share_one_connection_or_have_one_each(self):
        for protocols, count in ((("h2",), 1), (("http/1.1",), 8)):
            barrier = threading.Barrier(8)

            def serve(connection):
                if connection.socket.selected_alpn_protocol() == "h2":
                    self.either(connection)
                else:
                    connection.request()
                    barrier.wait(20)
                    connection.answer()
            with Upstream(serve, context=self.context(*protocols)) as upstream, self.served(upstream) as server:
                answers = Background(server, [("GET", "/")] * 8).wait()
                self.assertEqual([answer.status for answer in answers], [200] * 8)
                self.assertEqual(upstream.count, count)

    def test_large_bodies_go_through_both_ways(self):
        body = os.urandom(1 << 20) * 8
        with Upstream(serving(lambda session, stream: session.answer(stream, stream.body)), context=self.context("h2")) as \
                upstream, self.served(upstream) as server:
            self.assertEqual(weir.ask(server.port, "POST", "/", body=body).body, body)
            self.assertEqual(upstream.count, 1)


class NotHttp2(unittest.TestCase):
    def test_a_server_that_does_not_speak_it_is_a_502(self):
        def refuse(connection):
            connection.more()
            connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.wait_for_end()
        with Upstream(refuse) as upstream, served(upstream) as server:
            response = weir.ask(server.port, "POST", "/", body=b"x")
            self.assertEqual(response.problem(), "bad-gateway")
            self.assertIn("does not speak HTTP/2", response.json()["detail"])

    def test_a_server_that_says_nothing_is_a_504(self):
        with Upstream(lambda connection: connection.wait_for_end()) as upstream:
            with served(upstream, "connect_time: 300ms") as server:
                self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "gateway-timeout")
                self.assertEqual(metric(server, "timeouts_total"), 1)

    def test_a_server_that_takes_no_request_is_a_502_and_no_endless_loop(self):
        for what in (lambda session: session.goaway(0), lambda session: None):
            def serve(connection):
                session = Http2(connection, streams_max=0)
                what(session)
                session.drain()
            with Upstream(serve) as upstream, served(upstream) as server:
                answers = Background(server, [("GET", "/")] * 4).wait()
                self.assertEqual({answer.problem() for answer in answers}, {"upstream-unreachable"})
                self.assertLess(upstream.count, 13)


class Streams(unittest.TestCase):
    BYTES = 32 << 20
    MEMORY_KIB = 8 << 10

    def test_a_hundred_requests_are_on_one_connection_at_a_time(self):
        def serve(connection):
            session = Http2(connection)
            streams = [session.head() for _ in range(100)]
            for stream in reversed(streams):
                session.answer(stream, stream.field(":path").encode())
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, http2.Client(server.port) as client:
            numbers = [client.open("GET", "/%d" % i) for i in range(100)]
            client.wait(*numbers)
            self.assertEqual([client.streams[number].body for number in numbers], [b"/%d" % i for i in range(100)])
            self.assertEqual((upstream.count, metric(server, "connects_total")), (1, 1))

    def test_no_more_than_the_server_takes_or_weir_allows_and_then_another_connection(self):
        for streams_max, options, expected in ((2, "", 5), (None, "streams: 5", 2), (1000, "streams: 3", 4)):
            barrier = threading.Barrier(expected)
            counts = []

            def serve(connection):
                session = Http2(connection, streams_max=streams_max)
                first = session.head()
                barrier.wait(20)
                time.sleep(0.1)
                connection.socket.settimeout(0.2)
                try:
                    session.drain()
                finally:
                    counts.append(len(session.streams))
                connection.socket.settimeout(20)
                for stream in [first] + [session.streams[number] for number in session.ready]:
                    session.answer(stream)
                session.drain()
            with Upstream(serve) as upstream, served(upstream, options) as server:
                answers = Background(server, [("GET", "/")] * 10).wait()
                self.assertEqual([answer.status for answer in answers], [200] * 10)
                self.assertEqual(upstream.count, expected)
                self.assertEqual((sum(counts), max(counts)), (10, min(streams_max or 100, int(options[-1:] or 100))))

    def test_large_bodies_take_no_memory_and_one_client_that_is_slow_holds_up_no_other(self):
        block = bytes(1 << 20)
        sent = {}

        def serve(connection):
            session = Http2(connection)
            waiting = []
            while True:
                if not session.ready and not waiting:
                    session.take()
                while session.ready:
                    stream = session.streams[session.ready.pop(0)]
                    if stream.field(":path") == "/large":
                        session.begin(stream)
                        sent[stream.number] = 0
                        waiting.append(stream)
                    else:
                        session.answer(stream)
                for stream in list(waiting):
                    room = min(session.window, stream.window, 16384, self.BYTES - sent[stream.number])
                    if room:
                        sent[stream.number] += room
                        session.data(stream, block[:room], is_ended=sent[stream.number] == self.BYTES)
                    if sent[stream.number] == self.BYTES:
                        waiting.remove(stream)
                if waiting and all(min(session.window, stream.window) == 0 for stream in waiting):
                    session.take()
        with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            weir.ask(server.port, "GET", "/")
            before = weir.status_kib(server.pid, "VmRSS")
            client.send("GET", "/large")
            time.sleep(0.5)
            held = max(sent.values())
            self.assertLess(held, self.BYTES / 2)
            for _ in range(20):  # beside the one that waits
                self.assertEqual(weir.ask(server.port, "GET", "/").body, b"hello")
            self.assertLess(max(sent.values()) - held, 1 << 20)
            count = 0
            while count < self.BYTES:
                count += len(client.socket.recv(1 << 20))
            self.assertEqual(upstream.count, 1)
            if not weir.SANITIZER:
                self.assertLess(weir.status_kib(server.pid, "VmHWM"), before + self.MEMORY_KIB)

    def test_a_large_request_takes_no_memory_however_slowly_it_is_taken(self):
        def serve(connection):
            session = Http2(connection, is_holding=True)
            stream = session.head()
            time.sleep(0.5)
            count = 0
            while not stream.is_ended:
                session.take()
                if stream.body:
                    count += len(stream.body)
                    session.give(0, len(stream.body))
                    if not stream.is_ended:
                        session.give(stream.number, len(stream.body))
                    stream.body = b""
            session.answer(stream, b"%d" % count)
            session.drain()
        block = bytes(1 << 20)
        for is_chunked in (False, True):
            with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
                before = weir.status_kib(server.pid, "VmRSS")
                client.raw(b"POST / HTTP/1.1\r\nHost: h\r\n" + (b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else
                                                                b"Content-Length: %d\r\n\r\n" % self.BYTES))
                for _ in range(self.BYTES >> 20):
                    client.raw(b"%x\r\n%s\r\n" % (len(block), block) if is_chunked else block)
                client.raw(b"0\r\n\r\n" if is_chunked else b"")
                response = client.receive()
                if response.field("Transfer-Encoding"):
                    while b"\r\n0\r\n\r\n" not in client.input:
                        client._more()
                    self.assertIn(b"%d" % self.BYTES, client.input)
                if not weir.SANITIZER:
                    self.assertLess(weir.status_kib(server.pid, "VmHWM"), before + self.MEMORY_KIB)

    def test_each_event_comes_at_once_and_alone(self):
        events = [b"data: %d\n\n" % i for i in range(20)]
        turn = threading.Semaphore(0)

        def serve(connection):
            session = Http2(connection)
            stream = session.request()
            session.begin(stream, 200, [("content-type", "text/event-stream")])
            for event in events:
                turn.acquire(timeout=10)
                session.data(stream, event)
            session.end(stream)
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.send("GET", "/events")
            client.receive()
            for event in events:
                turn.release()
                expected = b"%x\r\n%s\r\n" % (len(event), event)
                while len(client.input) < len(expected):
                    client._more()
                self.assertIn(client.input, (expected, expected + b"0\r\n\r\n"))
                client.input = b""

    def test_an_early_answer_ends_an_upload_and_the_connection_stays(self):
        seen = []

        def serve(connection):
            session = Http2(connection, is_holding=True)
            stream = session.head()
            session.answer(stream, b"no", 403)
            session.until(lambda: stream.reset_code is not None)
            seen.append(stream.reset_code)
            session.answer(session.request())
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, http2.Client(server.port) as client:
            number = client.open("POST", "/", body=b"x" * 1000, is_ended=False)
            client.until = None
            while client.streams[number].status is None:
                client.take()
            self.assertEqual(client.streams[number].status, 403)
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            self.assertEqual((seen, upstream.count), ([CANCEL], 1))

    def test_a_response_may_begin_before_the_request_has_ended(self):
        def serve(connection):
            session = Http2(connection)
            stream = session.head()
            session.begin(stream, 200, [("content-length", 5)])
            session.until(lambda: stream.is_ended)
            session.data(stream, stream.body, is_ended=True)
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.raw(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
            while b"\r\n\r\n" not in client.input:
                client._more()
            client.raw(b"hello")
            self.assertEqual(client.receive().body, b"hello")

    def test_the_upstream_is_asked_before_the_client_is(self):
        def serve(connection):
            session = Http2(connection)
            stream = session.head()
            self.assertEqual(stream.field("expect"), "100-continue")
            time.sleep(0.1)
            self.assertEqual(stream.body, b"")
            session.begin(stream, 100)
            session.until(lambda: stream.is_ended)
            session.answer(stream, stream.body)
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.raw(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            self.assertEqual(client.receive().status, 100)
            client.raw(b"hello")
            self.assertEqual(client.receive().status, 200)


class Cancellation(unittest.TestCase):
    """Either side goes; the connection stays, as far as it can."""

    def give_up(self, begin, leave):
        """A client that leaves is heard of by a reset, and the next request goes over the same connection."""
        is_here = threading.Event()
        seen = []

        def serve(connection):
            session = Http2(connection)
            stream = session.head()
            begin(session, stream)
            is_here.set()
            session.until(lambda: stream.reset_code is not None)
            seen.append(stream.reset_code)
            session.answer(session.request())
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server:
            leave(server, is_here)
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            self.assertEqual((seen, upstream.count), ([CANCEL], 1))
            self.assertEqual(metric(server, "in_flight"), 0)

    def test_a_client_that_leaves_is_heard_of(self):
        def leave(server, is_here):
            with weir.Client(server.port) as client:
                client.raw(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello")
                self.assertTrue(is_here.wait(10))
        self.give_up(lambda session, stream: None, leave)
        self.give_up(lambda session, stream: session.begin(stream), leave)
        self.give_up(lambda session, stream: (session.begin(stream), session.data(stream, b"x" * 60000)), leave)

    def test_a_stream_that_a_client_resets_is_reset(self):
        def leave(server, is_here):
            with http2.Client(server.port) as client:
                number = client.open("GET", "/")
                self.assertTrue(is_here.wait(10))
                client.reset(number)
                time.sleep(0.2)
        self.give_up(lambda session, stream: None, leave)
        self.give_up(lambda session, stream: session.begin(stream), leave)

    def test_a_stream_that_the_upstream_resets_is_a_502_or_is_cut(self):
        def reply(session, stream):
            if stream.field(":path") == "/body":
                session.begin(stream)
                session.data(stream, b"hello")
                time.sleep(0.1)
            session.reset(stream, INTERNAL_ERROR)
        with Upstream(serving(reply)) as upstream, served(upstream) as server:
            for method in ("GET", "POST"):
                self.assertEqual(weir.ask(server.port, method, "/").problem(), "bad-gateway")
            with weir.Client(server.port) as client:
                client.send("GET", "/body")
                self.assertEqual(client.receive().status, 200)
                with self.assertRaises(weir.Gone):
                    while True:
                        client._more()
            with http2.Client(server.port) as client:
                stream = client.request("GET", "/body")
                self.assertEqual((stream.status, stream.body, stream.reset_code), (200, b"hello", INTERNAL_ERROR))
            self.assertEqual(upstream.count, 1)

    def test_a_refused_request_is_sent_again_whatever_it_is(self):
        def reply(session, stream):
            if session.connection.number == 0:
                session.reset(stream, REFUSED_STREAM)
            else:
                session.answer(stream, stream.field(":method").encode() + stream.body)
        for method, body in (("GET", b""), ("POST", b""), ("POST", b"hello" * 2000)):
            with Upstream(serving(reply)) as upstream, served(upstream) as server, http2.Client(server.port) as client:
                stream = client.request(method, "/", body=body or None)
                self.assertEqual((stream.status, stream.body), (200, method.encode() + body))
                self.assertEqual((metric(server, "streams_refused_total"), metric(server, "retries_total")), (1, 1))

    def test_a_request_that_is_refused_for_ever_or_cannot_be_repeated_is_a_502(self):
        def reply(session, stream):
            session.reset(stream, REFUSED_STREAM)
        with Upstream(serving(reply)) as upstream, served(upstream) as server:
            response = weir.ask(server.port, "POST", "/")
            self.assertEqual((response.problem(), upstream.count), ("bad-gateway", 2))
            response = weir.ask(server.port, "POST", "/", body=b"x" * 200000)
            self.assertEqual((response.problem(), upstream.count), ("bad-gateway", 2))

    def test_goaway_ends_a_connection_gracefully(self):
        """What it names is finished there, what is above it goes elsewhere, and so does what comes later."""
        is_first = threading.Event()
        finish = threading.Event()

        def serve(connection):
            session = Http2(connection)
            if connection.number:
                while True:
                    session.answer(session.request(), b"later")
            streams = [session.head() for _ in range(3)]
            session.goaway(streams[0].number)
            is_first.set()
            finish.wait(20)
            session.answer(streams[0], b"first")
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, http2.Client(server.port) as client:
            numbers = [client.open("POST", "/", body=b"hello") for _ in range(3)]
            self.assertTrue(is_first.wait(10))
            client.wait(*numbers[1:])
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            self.assertFalse(client.streams[numbers[0]].is_over)
            finish.set()
            client.wait(numbers[0])
            self.assertEqual([client.streams[number].body for number in numbers], [b"first", b"later", b"later"])
            self.assertEqual(upstream.count, 2)

    def test_a_connection_that_is_lost_is_a_502_unless_it_was_used_before_and_the_request_may_be_repeated(self):
        def serve(connection):
            session = Http2(connection)
            if connection.number:
                while True:
                    session.answer(session.request(), b"again")
            session.answer(session.request())
            session.request()
            connection.reset()
        for method, expected in (("GET", 200), ("POST", 502)):
            with Upstream(serve) as upstream, served(upstream) as server:
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
                self.assertEqual(weir.ask(server.port, method, "/").status, expected)
        with Upstream(lambda connection: Http2(connection).request()) as upstream, served(upstream) as server:
            self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "bad-gateway")
            self.assertEqual(upstream.count, 1)

    def test_a_connection_that_is_lost_within_bodies_cuts_them_all(self):
        def serve(connection):
            session = Http2(connection)
            for _ in range(3):
                stream = session.head()
                session.begin(stream)
                session.data(stream, b"hello")
            time.sleep(0.2)
        with Upstream(serve) as upstream, served(upstream) as server, http2.Client(server.port) as client:
            numbers = [client.open("GET", "/") for _ in range(3)]
            client.wait(*numbers)
            self.assertEqual([client.streams[number].reset_code for number in numbers], [INTERNAL_ERROR] * 3)
            self.assertEqual(metric(server, "failures_total"), 3)

    def test_a_connection_is_replaced_when_it_has_ended_in_peace(self):
        def serve(connection):
            session = Http2(connection)
            session.answer(session.request())
            if connection.number % 2:
                session.goaway(1)
                session.drain()
        with Upstream(serve) as upstream, served(upstream) as server:
            for _ in range(6):
                self.assertEqual(weir.ask(server.port, "POST", "/").status, 200)
                time.sleep(0.05)
            self.assertEqual(upstream.count, 6)

    def test_a_connection_that_carries_nothing_outlives_a_reload(self):
        with Upstream(serving()) as upstream, served(upstream) as server:
            for _ in range(3):
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
                server.reload()
            self.assertEqual(upstream.count, 1)

    def test_a_reload_leaves_what_is_under_way(self):
        go_on = threading.Event()

        def reply(session, stream):
            go_on.wait(10)
            session.answer(stream, b"old")
        with Upstream(serving(reply)) as old, Upstream(serving()) as new:
            with served(old) as server, weir.Client(server.port) as client:
                client.send("GET", "/")
                weir.wait_until(lambda: old.count, 5, "the request")
                server.write_config(CONFIG % ("", new.address, "protocol: http2", "metrics"))
                server.reload()
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
                go_on.set()
                self.assertEqual(client.receive().status, 200)

    def test_nothing_is_left_of_clients_and_upstreams_that_go_at_random(self):
        print("E2E_SEED=%d" % SEED)
        chance = random.Random(SEED)
        end = time.monotonic() + SECONDS

        def serve(connection):
            session = Http2(connection, streams_max=chance.choice((1, 3, 100)))
            while True:
                stream = session.head()
                what = chance.randrange(10)
                if what == 0:
                    connection.reset()
                    return
                if what == 1:
                    session.reset(stream, chance.choice((REFUSED_STREAM, CANCEL, INTERNAL_ERROR, NO_ERROR)))
                elif what == 2:
                    session.goaway(chance.choice((0, stream.number, stream.number + 2)))
                elif what == 3:
                    session.begin(stream)
                    session.frame(DATA, 0, stream.number, b"x" * chance.randrange(1, 5000))
                elif what == 4:
                    session.frame(DATA, 0, stream.number, b"too early")
                else:
                    session.begin(stream)
                    session.frame(DATA, END_STREAM, stream.number, b"x" * chance.randrange(5000))

        def ask(server):
            while time.monotonic() < end:
                try:
                    with http2.Client(server.port, timeout=10) as client:
                        for _ in range(chance.randrange(1, 20)):
                            number = client.open("POST", "/", body=b"y" * chance.randrange(20000),
                                                 is_ended=chance.randrange(3) > 0)
                            if chance.randrange(4) == 0:
                                client.reset(number)
                        for _ in range(chance.randrange(20)):
                            client.take()
                        client.close(chance.randrange(2) == 0)
                except (OSError, weir.Gone):
                    pass
        with Upstream(serve) as upstream, served(upstream, "response_time: 500ms, silence_time: 500ms") as server:
            threads = [threading.Thread(target=ask, args=(server,)) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            upstream.is_closing = True  # what it found wrong is of its own doing
            weir.wait_until(lambda: metric(server, "in_flight") == 0, 10, "the end of all requests")
            self.assertGreater(metric(server, "requests_total"), 100)


class Times(unittest.TestCase):
    def test_an_upstream_that_does_not_answer_is_a_504_and_the_connection_stays(self):
        seen = []

        def serve(connection):
            session = Http2(connection)
            stream = session.request()
            session.until(lambda: stream.reset_code is not None)
            seen.append(stream.reset_code)
            session.answer(session.request())
            session.drain()
        with Upstream(serve) as upstream, served(upstream, "response_time: 300ms") as server:
            self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "gateway-timeout")
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            self.assertEqual((seen, upstream.count, metric(server, "timeouts_total")), ([CANCEL], 1, 1))

    def test_an_upstream_that_takes_no_body_is_late_and_a_client_that_gives_none_is_not(self):
        def serve(connection):
            session = Http2(connection, window=10)
            stream = session.head()
            session.is_holding = stream.field(":path") == "/held"
            session.until(lambda: stream.is_ended or stream.reset_code is not None)
            if stream.is_ended:
                session.answer(stream)
            session.drain()
        with Upstream(serve) as upstream, served(upstream, "response_time: 300ms") as server:
            self.assertEqual(weir.ask(server.port, "POST", "/held", body=b"x" * 100).problem(), "gateway-timeout")
        with Upstream(serve) as upstream, served(upstream, "response_time: 300ms") as server:
            with weir.Client(server.port) as client:
                client.raw(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
                for byte in b"slow":
                    time.sleep(0.25)
                    client.raw(bytes([byte]))
                self.assertEqual(client.receive().status, 200)

    def test_silence_within_a_response_breaks_it_off(self):
        def serve(connection):
            session = Http2(connection)
            stream = session.request()
            session.begin(stream)
            session.data(stream, b"hello")
            session.drain()
        with Upstream(serve) as upstream, served(upstream, "silence_time: 300ms") as server:
            with http2.Client(server.port) as client:
                stream = client.request("GET", "/")
                self.assertEqual((stream.body, stream.reset_code), (b"hello", INTERNAL_ERROR))

    def test_an_idle_connection_is_ended_with_a_word(self):
        seen = []

        def serve(connection):
            session = Http2(connection)
            session.answer(session.request())
            session.drain()
            seen.append(session.goaways)
        with Upstream(serve) as upstream, served(upstream, "idle_time: 300ms") as server:
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            weir.wait_until(lambda: seen, 5, "the end")
            self.assertEqual(seen, [[NO_ERROR]])
            self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)

    def test_none_are_kept_where_none_may_be(self):
        with Upstream(serving()) as upstream, served(upstream, "keepalive: 0") as server:
            for _ in range(3):
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
            self.assertEqual(upstream.count, 3)


class Floods(unittest.TestCase):
    """What costs the upstream little and weir much."""

    def flood(self, frames, is_counted=True, limits=""):
        def serve(connection):
            session = Http2(connection)
            stream = session.request()
            block = frames(stream.number)
            for _ in range(2000):
                connection.send(block)
            session.drain()
        with Upstream(serve) as upstream, served(upstream, "response_time: 20s", limits) as server:
            self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "bad-gateway")
            self.assertEqual(metric(server, "floods_total"), is_counted)
            self.assertLess(weir.status_kib(server.pid, "VmHWM"), 200 << 10)

    def test_floods_end_the_connection(self):
        self.flood(lambda number: frame(PING, 0, 0, b"12345678"))
        self.flood(lambda number: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)))
        self.flood(lambda number: frame(WINDOW_UPDATE, 0, number, struct.pack(">I", 1)))
        self.flood(lambda number: frame(0xbe, 0, 0, b"unknown"))

    def test_a_header_block_without_end_ends_the_connection(self):
        self.flood(lambda number: frame(HEADERS, 0, number, literal(b":status", b"200")) +
                   100 * frame(http2.CONTINUATION, 0, number, literal(b"a", b"b" * 100)))

    def test_rules_that_are_broken_end_the_connection(self):
        for sent in (lambda number: frame(DATA, 0, 0, b"x"), lambda number: frame(http2.PUSH_PROMISE, END_HEADERS, number, b"\0\0\0\2"),
                     lambda number: frame(HEADERS, END_HEADERS, number, b"\xff\xff\xff\xff\xff"),
                     lambda number: frame(HEADERS, END_HEADERS, 2, literal(b":status", b"200"))):
            self.flood(sent, is_counted=False)

    def test_more_than_the_window_ends_the_stream_or_the_connection(self):
        def serve(connection):
            session = Http2(connection)
            stream = session.request()
            session.begin(stream)
            for _ in range(4096):
                session.frame(DATA, 0, stream.number, bytes(16384))
            session.drain()
        with Upstream(serve) as upstream, served(upstream) as server, weir.Client(server.port) as client:
            client.send("GET", "/")
            time.sleep(1)
            with self.assertRaises(weir.Gone):
                while True:
                    client.input = b""
                    client._more()
            if not weir.SANITIZER:
                self.assertLess(weir.status_kib(server.pid, "VmHWM"), 64 << 10)


NODE = """
const http2 = require('http2');
const server = http2.createServer();
server.on('stream', (stream, fields) => {
    let bytes = 0;
    stream.on('data', data => { bytes += data.length; });
    stream.on('error', () => {});
    stream.on('end', () => {
        stream.respond({':status': 200, 'x-bytes': bytes}, {waitForTrailers: true});
        stream.on('wantTrailers', () => stream.sendTrailers({'x-end': 'yes'}));
        stream.end(Buffer.alloc(fields[':path'] == '/large' ? 1 << 20 : 5, 'x'));
    });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


NGINX = """
daemon off; pid %(folder)s/pid; error_log stderr crit; worker_processes 1;
events {}
http {
    access_log off; root %(folder)s; client_body_temp_path %(folder)s/temp;
    keepalive_requests 7;
    server {
        listen 127.0.0.1:%(port)d ssl http2;
        ssl_certificate %(folder)s/app.pem; ssl_certificate_key %(folder)s/app.key;
    }
}
"""


class RealServers(unittest.TestCase):
    def test_nginx_by_alpn_which_ends_its_connections_now_and_then(self):
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not nginx:
            self.skipTest("no nginx")
        with tempfile.TemporaryDirectory() as folder:
            authority = certificates.Authority(folder)
            authority.issue("app", "IP:127.0.0.1")
            os.chmod(folder, 0o755)
            with open(os.path.join(folder, "file"), "wb") as file:
                file.write(os.urandom(1 << 20))
            with socket.socket() as probe:  # nginx does not say which one it took
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            with open(os.path.join(folder, "conf"), "w") as file:
                file.write(NGINX % {"folder": folder, "port": port})
            with subprocess.Popen([nginx, "-e", "stderr", "-c", os.path.join(folder, "conf")], stderr=subprocess.DEVNULL) as process:
                try:
                    upstream = Upstream()
                    upstream.address = "127.0.0.1:%d" % port
                    weir.wait_until(lambda: os.path.exists(os.path.join(folder, "pid")), 10, "nginx")
                    with served(upstream, "tls: true, tls_ca: %s" % authority.path, protocol="") as server:
                        with http2.Client(server.port) as client:
                            for _ in range(10):
                                numbers = [client.open("GET", "/file") for _ in range(5)]
                                client.wait(*numbers)
                                self.assertEqual({client.streams[number].status for number in numbers}, {200})
                                self.assertEqual({len(client.streams[number].body) for number in numbers}, {1 << 20})
                        self.assertEqual(metric(server, "failures_total"), 0)
                        self.assertIn(metric(server, "connects_total"), range(5, 20))  # 50 requests, 7 to a connection
                finally:
                    process.terminate()

    def test_node(self):
        node = shutil.which("node")
        if not node:
            self.skipTest("no node")
        with subprocess.Popen([node, "-e", NODE], stdout=subprocess.PIPE, text=True) as process:
            try:
                upstream = Upstream()
                upstream.address = "127.0.0.1:" + process.stdout.readline().strip()
                with served(upstream) as server:
                    body = b"y" * (2 << 20)
                    with weir.Client(server.port) as client:
                        response = client.request("POST", "/", body=body)
                        self.assertEqual((response.status, response.field("x-bytes")), (200, "%d" % len(body)))
                    with Reader(server.port) as reader:
                        numbers = [reader.open("GET", "/large") for _ in range(8)]
                        reader.wait(*numbers)
                        self.assertEqual({len(reader.streams[number].body) for number in numbers}, {1 << 20})
                        self.assertEqual({reader.heads[number][-1][0] for number in numbers}, {("x-end", "yes")})
                    self.assertEqual(metric(server, "connects_total"), 1)
            finally:
                process.kill()

    def test_weir(self):
        app = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""
        with weir.Server(app) as behind:
            upstream = Upstream()
            upstream.address = "127.0.0.1:%d" % behind.port
            with served(upstream) as server, http2.Client(server.port) as client:
                for _ in range(5):
                    numbers = [client.open("GET", "/livez") for _ in range(100)]
                    client.wait(*numbers)
                    self.assertEqual({client.streams[number].status for number in numbers}, {200})
                self.assertEqual(metric(server, "failures_total"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
