#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upstreams that speak HTTPS: whom weir trusts, and that streams are what they are without TLS."""

import os
import shutil
import ssl
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import weir  # noqa: E402
from upstream import Upstream, answer_all  # noqa: E402

FOLDER = None
CA = None
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
upstreams:
  - {name: app, servers: ["%s"], tls: true, %s}
chain: [metrics]
routes:
  - {match: "* /{rest...}", public: true, body_bytes: 1GiB, to: {upstream: app}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""


def setUpModule():
    global FOLDER, CA
    FOLDER = tempfile.mkdtemp(prefix="weir-tls-")
    CA = certificates.Authority(FOLDER)
    CA.issue("app", "DNS:app.example,IP:127.0.0.1")
    CA.issue("other", "DNS:other.example")


def tearDownModule():
    shutil.rmtree(FOLDER)


def context(name="app", version=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(FOLDER, name + ".pem"), os.path.join(FOLDER, name + ".key"))
    if version:
        made.maximum_version = version
    return made


def served(upstream, options=None):
    return weir.Server(CONFIG % (upstream.address, options or "tls_ca: %s" % CA.path))


def read_chunks(client):
    body = b""
    while True:
        while b"\r\n" not in client.input:
            client._more()
        size, _, client.input = client.input.partition(b"\r\n")
        while len(client.input) < int(size, 16) + 2:
            client._more()
        body += client.input[:int(size, 16)]
        client.input = client.input[int(size, 16) + 2:]
        if int(size, 16) == 0:
            return body


class Https(unittest.TestCase):
    def test_requests_go_over_one_connection(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with Upstream(context=context(version=version)) as upstream, served(upstream) as server:
                for i in range(20):
                    response = weir.ask(server.port, "POST", "/%d" % i, body=b"x" * i)
                    self.assertEqual(response.body, b"POST /%d HTTP/1.1 %d" % (i, i))
                self.assertEqual(upstream.count, 1)

    def test_who_is_not_trusted_gets_nothing(self):
        for name, options in (("other", "tls_ca: %s" % CA.path), ("app", "tls_verify: true"),
                              ("app", "tls_ca: %s, tls_name: wrong.example" % CA.path)):
            with Upstream(context=context(name)) as upstream, served(upstream, options) as server:
                response = weir.ask(server.port, "GET", "/")
                self.assertEqual(response.problem(), "upstream-unreachable", (name, options))
                self.assertIn("trusted", response.json()["detail"])

    def test_a_name_may_be_asked_for_and_checks_turned_off(self):
        for name, options in (("other", "tls_ca: %s, tls_name: other.example" % CA.path), ("other", "tls_verify: false")):
            with Upstream(context=context(name)) as upstream, served(upstream, options) as server:
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)

    def test_plain_http_is_no_tls(self):
        with Upstream(lambda connection: connection.answer(status="400 Bad Request")) as upstream:
            with served(upstream) as server:
                self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "upstream-unreachable")

    def test_a_handshake_that_stops_is_a_504(self):
        with Upstream(lambda connection: connection.wait_for_end()) as upstream:
            with served(upstream, "tls_ca: %s, connect_time: 300ms" % CA.path) as server:
                self.assertEqual(weir.ask(server.port, "GET", "/").problem(), "gateway-timeout")

    def test_large_bodies_go_through_both_ways_without_memory(self):
        count = 16 << 20

        def serve(connection):
            message = connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(message.body))
            connection.send(message.body)
        with Upstream(serve, context=context()) as upstream, served(upstream) as server, \
                weir.Client(server.port) as client:
            before = weir.status_kib(server.pid, "VmRSS")
            body = os.urandom(1 << 20) * (count >> 20)
            client.send("POST", "/", {}, body)
            time.sleep(0.3)
            self.assertEqual(client.receive().body, body)
            if not weir.SANITIZER:  # which keeps what was freed
                self.assertLess(weir.status_kib(server.pid, "VmHWM"), before + (8 << 10))

    def test_events_come_one_by_one(self):
        events = [b"data: %d\n\n" % i for i in range(10)]

        def serve(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for event in events:
                time.sleep(0.03)
                connection.chunk(event)
            connection.send(b"0\r\n\r\n")
        with Upstream(serve, context=context()) as upstream, served(upstream) as server, \
                weir.Client(server.port) as client:
            client.send("GET", "/")
            client.receive()
            for event in events:
                expected = b"%x\r\n%s\r\n" % (len(event), event)
                while len(client.input) < len(expected):
                    client._more()
                self.assertTrue(client.input.startswith(expected), client.input)
                client.input = client.input[len(expected):]

    def test_an_end_without_a_word_is_no_end_of_a_body(self):
        def serve(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            if connection.number == 0:
                connection.socket.unwrap()  # close_notify
        with Upstream(serve, context=context()) as upstream, served(upstream) as server:
            with weir.Client(server.port) as client:
                client.send("GET", "/")
                client.receive()
                self.assertEqual(read_chunks(client), b"hello")
            with weir.Client(server.port) as client:
                client.send("GET", "/")
                client.receive()
                with self.assertRaises(weir.Gone):
                    read_chunks(client)

    def test_a_kept_connection_that_was_closed_is_replaced(self):
        def serve(connection):
            connection.request()
            connection.answer()
            if connection.number:
                answer_all(connection)
        with Upstream(serve, context=context()) as upstream, served(upstream) as server:
            for _ in range(3):
                self.assertEqual(weir.ask(server.port, "GET", "/").status, 200)
                time.sleep(0.05)
            self.assertEqual(upstream.count, 2)

    def test_mistakes_are_found_beforehand(self):
        path = os.path.join(FOLDER, "weir.yaml")
        for options, words in (("tls_ca: none.pem", b"cannot be read"), ("tls_ca: weir.yaml", b"tls_ca")):
            with open(path, "w") as file:
                file.write(CONFIG % ("127.0.0.1:1", options))
            done = weir.subprocess.run([weir.BINARY, "check", path], capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
