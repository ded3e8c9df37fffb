#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who the client is, when others speak for it: the PROXY protocol, X-Forwarded-For, Forwarded. Seen in the access log."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import weir  # noqa: E402

CONFIG = """
listen: %s
workers: 1
executors: 1
limits: {header_time: 1s}
chain: [request_id, access_log: {path: access.log}]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
%s
"""
V2 = "{address: 127.0.0.1:0, proxy_protocol: v2, proxy_protocol_from: [%s]}"
LISTEN_BOTH = "[127.0.0.1:0, %s]" % V2
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = weir.request_bytes("GET", "/livez")


def header(source, destination="198.51.100.1", ports=(40000, 443), more=b""):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    block = socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack("!HH", *ports) + more
    return SIGNATURE + bytes([0x21, 0x21 if ":" in source else 0x11]) + struct.pack("!H", len(block)) + block


LOCAL = SIGNATURE + b"\x20\0\0\0"


class Case(unittest.TestCase):
    def start(self, listen, more=""):
        server = weir.Server(CONFIG % (listen, more))
        self.addCleanup(server.remove)
        server.start()
        self.addCleanup(server.stop)
        ports = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", server.stderr())
        return server, int(ports[-1])

    def peers(self, server):
        """Of all requests so far; the log is complete once the server has ended."""
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        return [json.loads(line)["peer"] for line in weir.read(server.path("access.log")).splitlines()]

    def assert_closed(self, client):
        with self.assertRaises(weir.Gone):
            client.receive()


class ProxyProtocol(Case):
    def test_the_header_says_who_the_client_is_for_all_requests_of_the_connection(self):
        server, port = self.start(LISTEN_BOTH % "127.0.0.0/8")
        for source, destination in (("192.0.2.7", "198.51.100.1"), ("2001:db8::7", "::1")):
            with weir.Client(port) as client:
                client.raw(header(source, destination))
                for _ in range(3):
                    self.assertEqual(client.request("GET", "/livez").status, 200)
        with weir.Client(port) as client:  # a health check of the balancer itself
            client.raw(LOCAL + GET)
            self.assertEqual(client.receive().status, 200)
        self.assertEqual(self.peers(server), ["192.0.2.7"] * 3 + ["2001:db8::7"] * 3 + ["127.0.0.1"])

    def test_it_may_come_in_any_pieces_and_with_requests_behind_it(self):
        server, port = self.start(LISTEN_BOTH % "127.0.0.0/8")
        data = header("192.0.2.7", more=b"\x04\0\x20" + b"\0" * 32) + GET + GET
        for cut in list(range(1, len(data), 5)):
            with weir.Client(port) as client:
                client.raw(data[:cut])
                time.sleep(0.002)
                client.raw(data[cut:])
                self.assertEqual((client.receive().status, client.receive().status), (200, 200))
        with weir.Client(port) as client:
            for byte in data:
                client.raw(bytes([byte]))
            self.assertEqual((client.receive().status, client.receive().status), (200, 200))
        self.assertEqual(set(self.peers(server)), {"192.0.2.7"})

    def test_what_does_not_begin_with_a_good_one_is_closed_and_counted(self):
        server, port = self.start(LISTEN_BOTH % "127.0.0.0/8")
        bad = [GET, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GET, SIGNATURE + b"\x11\x11\0\0" + GET,
               SIGNATURE + b"\x21\x11\0\x04abcd" + GET, SIGNATURE + b"\x21\x11\xff\xff" + GET,
               header("192.0.2.1", more=b"\x03\0\x04abcd") + GET]
        for data in bad:
            with weir.Client(port) as client:
                client.raw(data)
                self.assert_closed(client)
        self.assertEqual(weir.metrics(server.port)["weir_preface_refused_total"], len(bad))
        server.wait_for_line("connections were closed: they did not begin with a header of the PROXY protocol, version 2")
        self.assertNotIn("192.0.2.1", self.peers(server))

    def test_who_does_not_send_it_in_time_is_closed(self):
        server, port = self.start(LISTEN_BOTH % "127.0.0.0/8")
        clients = [weir.Client(port) for _ in range(3)]
        clients[1].raw(SIGNATURE[:5])
        clients[2].raw(header("192.0.2.1")[:-1])
        begin = time.monotonic()
        for client in clients:
            self.assert_closed(client)
            client.close()
        self.assertLess(time.monotonic() - begin, 3 * weir.SLOWNESS)
        self.assertEqual(weir.metrics(server.port)["weir_connections_timed_out_total"], 3)

    def test_it_is_taken_only_from_those_who_may_send_it(self):
        server, port = self.start(LISTEN_BOTH % "10.0.0.0/8, 127.0.0.2")
        with weir.Client(port) as client:
            try:
                client.raw(header("192.0.2.7") + GET)
            except ConnectionError:
                pass
            self.assert_closed(client)
        with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0)) as allowed:
            allowed.sendall(header("192.0.2.7") + GET)
            self.assertTrue(allowed.recv(4096).startswith(b"HTTP/1.1 200"))
        self.assertEqual(weir.metrics(server.port)["weir_connections_denied_total"], 1)
        server.wait_for_line("are not in proxy_protocol_from of their listener")

    def test_without_it_a_header_is_a_bad_request(self):
        server, _ = self.start(LISTEN_BOTH % "127.0.0.0/8")
        with weir.Client(server.port) as client:
            client.raw(header("192.0.2.7") + GET)
            self.assertEqual(client.receive().status, 400)

    def test_a_unix_socket_takes_it_from_whoever_may_connect(self):
        server = weir.Server(CONFIG % ("[127.0.0.1:0, {address: unix:{folder}/a.sock, proxy_protocol: v2}]", ""))
        with server:
            with weir.Client(None, path=server.path("a.sock")) as client:
                client.raw(header("192.0.2.7") + GET)
                self.assertEqual(client.receive().status, 200)
            self.assertEqual(self.peers(server), ["192.0.2.7"])

    def test_tls_begins_behind_it(self):
        folder = tempfile.mkdtemp(prefix="weir-tls-")
        self.addCleanup(shutil.rmtree, folder)
        authority = certificates.Authority(folder)
        pair = "{cert: %s, key: %s}" % authority.issue("a", "DNS:a.example")
        server = weir.Server(CONFIG % ("[127.0.0.1:0, {address: unix:{folder}/a.sock, proxy_protocol: v2, "
                                       "tls: {certificates: [%s]}}]" % pair, ""))
        context = ssl.create_default_context(cafile=authority.path)
        with server:
            for pieces in (1, 7, 1000):  # how the header comes: in bytes, in parts, with the handshake behind it
                raw = socket.socket(socket.AF_UNIX)
                raw.settimeout(20)
                raw.connect(server.path("a.sock"))
                data = header("192.0.2.7")
                for begin in range(0, len(data), pieces):
                    raw.sendall(data[begin:begin + pieces])
                with context.wrap_socket(raw, server_hostname="a.example") as client:
                    for _ in range(2):
                        client.sendall(GET)
                        self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200"))
            self.assertEqual(self.peers(server), ["192.0.2.7"] * 6)

    def test_a_reload_may_change_who_may_send_it(self):
        server, port = self.start(LISTEN_BOTH % "10.0.0.1")
        server.write_config(CONFIG % (LISTEN_BOTH % "127.0.0.1", ""))
        server.reload()
        with weir.Client(port) as client:
            client.raw(header("192.0.2.7") + GET)
            self.assertEqual(client.receive().status, 200)


class Forwarded(Case):
    def ask(self, port, *fields):
        with weir.Client(port) as client:
            client.raw(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"".join(f.encode() + b"\r\n" for f in fields) + b"\r\n")
            self.assertEqual(client.receive().status, 200)

    def test_x_forwarded_for_is_read_from_the_right_through_trusted_proxies(self):
        server, port = self.start("[127.0.0.1:0]", "trusted_proxies: [127.0.0.1, 10.0.0.0/8]")
        self.ask(port, "X-Forwarded-For: 192.0.2.1")
        self.ask(port, "X-Forwarded-For: 6.6.6.6, 192.0.2.2, 10.1.1.1")
        self.ask(port, "X-Forwarded-For: 6.6.6.6", "Via: x", "X-Forwarded-For: 192.0.2.3:8080,10.1.1.1")
        self.ask(port, "X-Forwarded-For: 6.6.6.6, nonsense, 10.1.1.1")
        self.ask(port, "Forwarded: for=6.6.6.6")
        self.ask(port)
        self.assertEqual(self.peers(server),
                         ["192.0.2.1", "192.0.2.2", "192.0.2.3", "10.1.1.1", "127.0.0.1", "127.0.0.1"])

    def test_forwarded_is_read_when_it_is_the_field(self):
        server, port = self.start("[127.0.0.1:0]", "trusted_proxies: [127.0.0.1]\nforwarded_field: forwarded")
        self.ask(port, 'Forwarded: for=6.6.6.6, for="[2001:db8::1]:80";proto=https')
        self.ask(port, "X-Forwarded-For: 6.6.6.6")
        self.ask(port, 'Forwarded: for=", for=192.0.2.1')
        self.assertEqual(self.peers(server), ["2001:db8::1", "127.0.0.1", "127.0.0.1"])

    def test_nobody_else_is_believed(self):
        server, port = self.start("[127.0.0.1:0]", "trusted_proxies: [10.0.0.0/8]")
        self.ask(port, "X-Forwarded-For: 6.6.6.6")
        server_without, port_without = self.start("[127.0.0.1:0]")
        self.ask(port_without, "X-Forwarded-For: 6.6.6.6")
        self.assertEqual(self.peers(server), ["127.0.0.1"])
        self.assertEqual(self.peers(server_without), ["127.0.0.1"])

    def test_a_proxy_at_a_unix_socket_is_trusted_by_its_word(self):
        for word, expected in (("unix", "192.0.2.1"), ("10.0.0.0/8", "unix")):
            server = weir.Server(CONFIG % ("[127.0.0.1:0, unix:{folder}/a.sock]", "trusted_proxies: [%s]" % word))
            with server:
                with weir.Client(None, path=server.path("a.sock")) as client:
                    self.assertEqual(client.request("GET", "/livez", {"X-Forwarded-For": "192.0.2.1"}).status, 200)
                self.assertEqual(self.peers(server), [expected])

    def test_behind_the_proxy_protocol_the_address_of_the_header_is_the_one_that_must_be_trusted(self):
        server, port = self.start("[%s]" % V2 % "127.0.0.1", "trusted_proxies: [10.0.0.0/8]")
        for source in ("10.0.0.1", "192.0.2.9"):
            with weir.Client(port) as client:
                client.raw(header(source))
                self.assertEqual(client.request("GET", "/livez", {"X-Forwarded-For": "192.0.2.1"}).status, 200)
        self.assertEqual(self.peers(server), ["192.0.2.1", "192.0.2.9"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
