#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS with real clients: Python's ssl, curl and openssl s_client. What comes apart from a good handshake matters most:
slow ones, garbage, cut connections, and certificates that change under load."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
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

CONFIG = """
listen:
  - address: 127.0.0.1:0
    tls: {certificates: %s%s}
workers: %d
executors: 1
limits: {%s}
chain: [request_id, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: POST /image, public: true, chain: %s, to: {model: text-orientation}}
models: [%s]
"""
PAIRS = "[{cert: %s/first.pem, key: %s/first.key}, {cert: %s/wild.pem, key: %s/wild.key}]"


def setUpModule():
    global FOLDER, CA, OTHER_CA
    FOLDER = tempfile.mkdtemp(prefix="weir-tls-")
    CA = certificates.Authority(FOLDER)
    OTHER_CA = certificates.Authority(FOLDER, "other")
    CA.issue("first", "DNS:first.example,DNS:localhost,IP:127.0.0.1")
    CA.issue("wild", "DNS:*.wild.example,DNS:exact.example")
    CA.issue("client", "DNS:client.example,email:ops@client.example,URI:spiffe://example/acme", "/O=weir test/CN=acme")
    CA.issue("unnamed", None, "/O=a/OU=b")
    OTHER_CA.issue("stranger", None, "/CN=stranger")


def tearDownModule():
    shutil.rmtree(FOLDER)


def config(options="", workers=1, limits="", pairs=None, has_model=False):
    pairs = pairs or PAIRS % (FOLDER, FOLDER, FOLDER, FOLDER)
    text = CONFIG % (pairs, ", " + options if options else "", workers, limits, weir.IMAGE_CHAIN, weir.MODEL)
    if not has_model:
        text = "\n".join(line for line in text.splitlines() if not line.startswith(("models", "  - {match: POST")))
        text = text.split("      normalize_image")[0]
    return text


def failures(samples):
    """How many handshakes failed, by reason; those that did."""
    found = re.compile(r'weir_tls_handshakes_failed_total{reason="(\w+)"}$')
    return {found.match(name)[1]: count for name, count in samples.items() if found.match(name) and count}


def context(version=None, alpn=None, pair=None, ca=None):
    made = ssl.create_default_context(cafile=(ca or CA).path)
    if version:
        made.minimum_version = made.maximum_version = version
    if alpn:
        made.set_alpn_protocols(alpn)
    if pair:
        made.load_cert_chain(os.path.join(FOLDER, pair + ".pem"), os.path.join(FOLDER, pair + ".key"))
    return made


class Secure(weir.Client):
    """A client over TLS. An end without close_notify raises; recv gives b"" only after one."""

    def __init__(self, port, made=None, host="first.example", session=None):
        super().__init__(port)
        self.socket = (made or context()).wrap_socket(self.socket, server_hostname=host, suppress_ragged_eofs=False,
                                                      session=session)


def ask(port, path="/livez", **options):
    with Secure(port, **options) as client:
        return client.request("GET", path)


def metrics(port, **options):
    return weir.parse_metrics(ask(port, "/metrics", **options).body.decode())


def names_of(certificate):
    return {name for _, name in certificate["subjectAltName"]}


class Handshakes(unittest.TestCase):
    def test_it_says_https_and_serves_both_versions(self):
        with weir.Server(config(limits="idle_time: 20s")) as server:
            self.assertIsNotNone(server.find_line(r"listening on https://127.0.0.1:\d+ with 1 workers"))
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with Secure(server.port, context(version)) as client:
                    self.assertEqual(client.socket.version(), version.name.replace("v1_", "v1."))
                    for _ in range(20):
                        self.assertEqual(client.request("GET", "/livez").status, 200)
            found = metrics(server.port)
            self.assertEqual(found["weir_tls_handshakes_total"], 3)
            self.assertEqual(failures(found), {})

    def test_older_versions_are_refused(self):
        with weir.Server(config("min_version: \"1.3\"")) as server:
            with self.assertRaises(ssl.SSLError):
                ask(server.port, made=context(ssl.TLSVersion.TLSv1_2))
            self.assertEqual(ask(server.port).status, 200)
            self.assertEqual(failures(metrics(server.port)), {"nothing_in_common": 1})
        with weir.Server(config()) as server:
            done = s_client(server.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
            self.assertIn("alert protocol version", done.stdout + done.stderr)

    def test_the_certificate_is_chosen_by_name(self):
        with weir.Server(config()) as server:
            for host, expected in (("first.example", "first.example"), ("exact.example", "exact.example"),
                                   ("a.wild.example", "*.wild.example"), ("127.0.0.1", "first.example")):
                with Secure(server.port, host=host) as client:
                    self.assertIn(expected, names_of(client.socket.getpeercert()))
            made = context()
            made.check_hostname = False
            with Secure(server.port, made, host="nobody.example") as client:
                self.assertIn("first.example", names_of(client.socket.getpeercert()))

    def test_a_long_chain_is_sent_whole(self):
        chain = weir.read(os.path.join(FOLDER, "first.pem")) + 14 * weir.read(CA.path)
        with open(os.path.join(FOLDER, "long.pem"), "wb") as file:
            file.write(chain)
        pairs = "[{cert: %s/long.pem, key: %s/first.key}]" % (FOLDER, FOLDER)
        with weir.Server(config(pairs=pairs)) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                begin = time.monotonic()
                self.assertEqual(ask(server.port, made=context(version)).status, 200)
                self.assertLess(time.monotonic() - begin, 2 * weir.SLOWNESS)

    def test_alpn_gives_http_1_1_or_ends_it(self):
        with weir.Server(config().replace("    tls:", "    protocols: [http/1.1]\n    tls:")) as server:
            with Secure(server.port, context(alpn=["h2", "http/1.1"])) as client:
                self.assertEqual(client.socket.selected_alpn_protocol(), "http/1.1")
                self.assertEqual(client.request("GET", "/livez").status, 200)
            with self.assertRaisesRegex(ssl.SSLError, "(?i)application.protocol"):
                ask(server.port, made=context(alpn=["smtp"]))

    def test_a_listener_for_http2_alone_offers_nothing_else(self):
        with weir.Server(config().replace("    tls:", "    protocols: [h2]\n    tls:")) as server:
            with Secure(server.port, context(alpn=["http/1.1", "h2"])) as client:
                self.assertEqual(client.socket.selected_alpn_protocol(), "h2")
            with self.assertRaisesRegex(ssl.SSLError, "(?i)application.protocol"):
                ask(server.port, made=context(alpn=["http/1.1"]))
            with Secure(server.port, context()) as client:  # without ALPN it is HTTP/2 all the same
                client.socket.sendall(weir.request_bytes("GET", "/livez"))
                received = b""
                while data := client.socket.recv(4096):
                    received += data
                self.assertNotIn(b"HTTP/1.1", received)

    def test_the_access_log_says_what_was_spoken(self):
        text = config().replace("chain: [request_id, metrics]", "chain: [access_log: {path: access.log}]")
        with weir.Server(text) as server:
            ask(server.port, made=context(ssl.TLSVersion.TLSv1_2))
            made = context(ssl.TLSVersion.TLSv1_3, alpn=["h2"])
            wrap = lambda plain: made.wrap_socket(plain, server_hostname="first.example")  # noqa: E731
            with http2.Client(server.port, wrap=wrap) as client:
                client.request("GET", "/livez")
            log = weir.wait_until(lambda: (lines := weir.read(server.path("access.log")).splitlines()) and len(lines) == 2 and lines,
                                  10, "two lines")
            spoken = [(line["protocol"], line["tls"]) for line in map(json.loads, log)]
            self.assertEqual(spoken, [("HTTP/1.1", "TLSv1.2"), ("HTTP/2", "TLSv1.3")])

    def test_sessions_resume_and_go_on_doing_so_after_a_reload(self):
        with weir.Server(config(workers=2)) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                made = context(version)
                with Secure(server.port, made) as client:
                    client.request("GET", "/livez")
                    session = client.socket.session
                    self.assertFalse(client.socket.session_reused)
                for round_number in range(8):  # whichever worker it comes to
                    if round_number == 4:
                        server.reload()
                    with Secure(server.port, made, session=session) as client:
                        self.assertTrue(client.socket.session_reused)
                        self.assertEqual(client.request("GET", "/livez").status, 200)
                        session = client.socket.session
            self.assertEqual(metrics(server.port)["weir_tls_resumed_total"], 16)
        with weir.Server(config("ticket_time: 0s")) as server:
            with Secure(server.port) as client:
                client.request("GET", "/livez")
                self.assertIsNone(client.socket.session and client.socket.session.has_ticket or None)

    def test_curl_and_openssl_are_content(self):
        with weir.Server(config()) as server:
            if shutil.which("curl"):
                url = "https://localhost:%d/livez" % server.port
                done = subprocess.run(["curl", "-sS", "--cacert", CA.path, "-w", "%{http_code} %{ssl_verify_result}\n",
                                       url, url], capture_output=True, text=True, check=False)
                self.assertEqual(done.stdout.count("200 0\n"), 2, done)
            done = s_client(server.port, "-tls1_2", "-verify_return_error",
                            data="GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn("HTTP/1.1 200", done.stdout)
            self.assertIn("Secure Renegotiation IS supported", done.stdout)
            self.assertIn("Compression: NONE", done.stdout)

    def test_renegotiation_is_refused(self):
        with weir.Server(config()) as server:
            done = s_client(server.port, "-tls1_2", data="R\n", seconds=3)
            self.assertIn("no renegotiation", done.stdout + done.stderr)
            self.assertEqual(ask(server.port).status, 200)


def s_client(port, *options, data="", seconds=10):
    command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", CA.path,
               "-servername", "first.example", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if data:  # s_client leaves when its input ends
            process.stdin.write(data)
            process.stdin.flush()
            try:
                process.wait(2 * weir.SLOWNESS)
            except subprocess.TimeoutExpired:
                pass
        stdout, stderr = process.communicate(timeout=seconds * weir.SLOWNESS)
    except BrokenPipeError:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


class Apart:
    """A client whose TLS and socket are apart, so that a test can do to the ciphertext what it likes."""

    def __init__(self, port, piece=1 << 20):
        self.piece = piece
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context().wrap_bio(self.incoming, self.outgoing, server_hostname="first.example")
        self.plain = socket.create_connection(("127.0.0.1", port), 30 * weir.SLOWNESS)
        self.plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.drive(self.tls.do_handshake)

    def drive(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass
            finally:
                data = self.outgoing.read()
                for begin in range(0, len(data), self.piece):
                    self.plain.sendall(data[begin : begin + self.piece])
            self.incoming.write(self.plain.recv(1 << 16))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.plain.close()


class Bytes(unittest.TestCase):
    def test_pipelined_requests_are_answered_in_order_while_the_client_is_slow_to_read(self):
        count = 3000
        with weir.Server(config()) as server, Apart(server.port) as client:
            client.tls.write(weir.request_bytes("GET", "/metrics") * count)
            sender = threading.Thread(target=client.plain.sendall, args=(client.outgoing.read(),))
            sender.start()
            time.sleep(0.3)  # the server fills what there is, and waits
            last = b"\nweir_memory_mallocs_total"  # a line near the end of each body
            received, found = [b""], 0
            while found < count:
                received.append(client.drive(lambda: client.tls.read(1 << 16)))
                found += (received[-2][-len(last) + 1 :] + received[-1]).count(last)
            sender.join()
            whole = b"".join(received)
            self.assertEqual(whole.count(b"HTTP/1.1 200 OK\r\n"), count)
            self.assertEqual(whole.count(b"\nweir_tls_handshakes_total 1\n"), count)

    def test_ciphertext_may_come_byte_by_byte(self):
        with weir.Server(config()) as server, Apart(server.port, piece=1) as client:
            client.drive(lambda: client.tls.write(weir.request_bytes("GET", "/livez")))
            self.assertTrue(client.drive(lambda: client.tls.read(1000)).startswith(b"HTTP/1.1 200"))

    def test_large_bodies_arrive_whole(self):
        if not os.path.exists(weir.MODELS):
            self.skipTest("no models")
        with weir.Server(config(has_model=True)) as server:
            name = max(weir.image_names(), key=lambda name: len(weir.image(name)))
            plain = weir.image(name)
            with Secure(server.port) as client:
                first = client.request("POST", "/image", {"Content-Type": weir.image_type(name)}, plain)
                self.assertEqual(first.status, 200, first)
                for _ in range(5):
                    again = client.request("POST", "/image", {"Content-Type": weir.image_type(name)}, plain)
                    self.assertEqual(again.json()["result"], first.json()["result"])
                # A body that is refused is read all the same, so that the answer arrives.
                client.send("POST", "/image", {"Content-Type": "text/plain"}, b"x" * 3000000)
                self.assertEqual(client.receive().status, 415)

    def test_an_idle_connection_holds_no_buffers(self):
        with weir.Server(config()) as server:
            clients = [Secure(server.port) for _ in range(20)]
            for client in clients:
                client.request("GET", "/livez")
            found = metrics(server.port)
            # What is out at that moment is for the request that asks: its arena and buffers.
            self.assertLess(found["weir_memory_outstanding_bytes"], 20 * 16384)
            for client in clients:
                client.close()


class Neighbours(unittest.TestCase):
    """TLS beside what else a listener can do."""

    def test_a_proxy_header_comes_before_it(self):
        text = config().replace("    tls:", "    proxy_protocol: v2\n    proxy_protocol_from: [127.0.0.1]\n    tls:")
        text = text.replace("chain: [request_id, metrics]", "chain: [request_id, access_log: {path: access.log}, metrics]")
        header = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.7") +
                  socket.inet_aton("127.0.0.1") + b"\x12\x34\x01\xbb")
        with weir.Server(text) as server:
            for pieces in (1, 2):
                client = weir.Client(server.port)
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context().wrap_bio(incoming, outgoing, server_hostname="first.example")
                with self.assertRaises(ssl.SSLWantReadError):
                    tls.do_handshake()
                data = header + outgoing.read()
                if pieces == 2:
                    client.raw(data[:20])
                    time.sleep(0.1)
                client.raw(data[20:] if pieces == 2 else data)
                apart = Apart.__new__(Apart)
                apart.piece, apart.incoming, apart.outgoing = 1 << 20, incoming, outgoing
                apart.tls, apart.plain = tls, client.socket
                apart.drive(tls.do_handshake)
                apart.drive(lambda: tls.write(weir.request_bytes("GET", "/livez")))
                self.assertTrue(apart.drive(lambda: tls.read(1000)).startswith(b"HTTP/1.1 200"))
                client.close()
            weir.wait_until(lambda: weir.read(server.path("access.log")).count(b"192.0.2.7") == 2, 10, "the log")

    def test_it_works_on_a_unix_socket(self):
        with weir.Server(config().replace("  - address: 127.0.0.1:0\n", "  - address: 127.0.0.1:0\n    protocols: [h2, http/1.1]\n")
                         .replace("listen:\n", "listen:\n  - address: unix:{folder}/a.sock\n    tls: {certificates: %s}\n"
                                  % (PAIRS % (FOLDER, FOLDER, FOLDER, FOLDER)))) as server:
            with weir.Client(None, path=server.path("a.sock")) as client:
                client.socket = context().wrap_socket(client.socket, server_hostname="exact.example")
                self.assertEqual(client.request("GET", "/livez").status, 200)


class Endings(unittest.TestCase):
    def test_the_server_says_goodbye_before_it_closes(self):
        with weir.Server(config(limits="idle_time: 500ms")) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with Secure(server.port, context(version)) as client:
                    response = client.request("GET", "/livez", {"Connection": "close"})
                    self.assertEqual(response.status, 200)
                    self.assertEqual(client.socket.recv(100), b"")  # close_notify, or it raises
                with Secure(server.port, context(version)) as client:
                    self.assertEqual(client.request("GET", "/livez").status, 200)
                    self.assertEqual(client.socket.recv(100), b"")  # idle for too long

    def test_a_client_that_says_goodbye_is_answered(self):
        with weir.Server(config()) as server:
            client = Secure(server.port)
            client.request("GET", "/livez")
            plain = client.socket.unwrap()  # sends close_notify and waits for the server's
            self.assertEqual(plain.recv(100), b"")
            plain.close()

    def test_a_goodbye_right_behind_a_request_is_heard(self):
        with weir.Server(config()) as server, Apart(server.port) as client:
            client.tls.write(weir.request_bytes("GET", "/livez"))
            with self.assertRaises(ssl.SSLWantReadError):
                client.tls.unwrap()  # close_notify, and the socket stays open
            client.plain.sendall(client.outgoing.read())
            received = b""
            while more := client.plain.recv(1 << 16):  # the answer, close_notify, FIN
                received += more
            client.incoming.write(received)
            self.assertTrue(client.tls.read(1000).startswith(b"HTTP/1.1 200"))

    def test_draining_ends_idle_connections_with_goodbye(self):
        with weir.Server(config()) as server:
            with Secure(server.port) as client:
                client.request("GET", "/livez")
                with socket.create_connection(("127.0.0.1", server.port)):  # within its handshake
                    server.signal(signal.SIGTERM)
                    self.assertEqual(client.socket.recv(100), b"")
                    self.assertEqual(server.wait(10), 0)

    def test_cut_connections_do_no_harm(self):
        with weir.Server(config(has_model=os.path.exists(weir.MODELS))) as server:
            files = weir.open_files(server.pid)
            for data in (b"GET /li", weir.request_bytes("GET", "/livez"),
                         b"POST /image HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 90000\r\n\r\nabc"):
                for is_reset in (False, True):
                    client = Secure(server.port)
                    client.raw(data)
                    plain = socket.socket(fileno=client.socket.detach())  # no close_notify
                    if is_reset:
                        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    plain.close()
            self.assertEqual(ask(server.port).status, 200)
            weir.wait_until(lambda: weir.open_files(server.pid) <= files, 10, "all connections to go")
            self.assertLessEqual(metrics(server.port)["weir_requests_in_flight"], 1)


class Hostile(unittest.TestCase):
    def test_plain_http_is_told_so(self):
        with weir.Server(config()) as server:
            with weir.Client(server.port) as client:
                response = client.request("GET", "/livez")
                self.assertEqual((response.status, response.problem()), (400, "bad-request"))
                self.assertIn("https", response.json()["detail"])
                self.assertEqual(client.socket.recv(100), b"")
            self.assertEqual(failures(metrics(server.port)), {"plain_http": 1})

    def test_garbage_gets_an_alert_and_an_end(self):
        with weir.Server(config()) as server:
            for data, expected in ((b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x15"),
                                   (b"\x17\x03\x03\x00\x05hello", b"\x15"),
                                   (b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", b"\x15"),
                                   (b"\x80\x2e\x01\x00\x02" + b"y" * 60, b"\x15"),
                                   (b"\0" * 50000, b"")):  # not TLS at all: nobody there to understand an alert
                with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
                    plain.sendall(data)
                    answer = b""
                    while more := plain.recv(1000):
                        answer += more
                    self.assertEqual(answer[:1], expected, data[:5])  # an alert record
            self.assertEqual(failures(metrics(server.port)), {"malformed": 5})

    def test_slow_handshakes_are_cut_off(self):
        with weir.Server(config(limits="handshake_time: 700ms")) as server:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context().wrap_bio(incoming, outgoing, server_hostname="first.example")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            hello = outgoing.read()
            for data in (b"", hello[:50], hello):
                begin = time.monotonic()
                with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
                    plain.sendall(data)
                    while plain.recv(1000):
                        pass
                self.assertLess(time.monotonic() - begin, 5 * weir.SLOWNESS)
            found = metrics(server.port)
            self.assertEqual(found["weir_connections_timed_out_total"], 3)
            self.assertEqual(failures(found), {"timeout": 3})

    def test_clients_that_break_off_are_told_apart(self):
        with weir.Server(config()) as server:
            with self.assertRaises(ssl.SSLError):  # does not trust the certificate
                ask(server.port, made=ssl.create_default_context())
            for data in (b"", b"\x16\x03\x01"):  # one that looks whether we are there is none
                with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
                    plain.sendall(data)
            weir.wait_until(lambda: failures(metrics(server.port)) == {"alert": 1, "closed": 1}, 5, "both to be counted")

    def test_a_changed_record_ends_the_connection(self):
        with weir.Server(config()) as server:
            client = Secure(server.port)
            client.request("GET", "/livez")
            plain = socket.socket(fileno=client.socket.detach())
            plain.settimeout(10 * weir.SLOWNESS)
            plain.sendall(b"\x17\x03\x03\x00\x40" + b"z" * 64)
            answer = b""
            while more := plain.recv(1000):
                answer += more
            self.assertEqual(answer[:1], b"\x17")  # an alert, encrypted
            plain.close()
            self.assertEqual(ask(server.port).status, 200)


class ClientCertificates(unittest.TestCase):
    def test_required_means_required(self):
        with weir.Server(config("client_certificate: required, client_ca: %s" % CA.path)) as server:
            self.assertEqual(ask(server.port, made=context(pair="client")).status, 200)
            for made in (context(), context(pair="stranger")):
                with self.assertRaises((ssl.SSLError, weir.Gone, ConnectionError)):
                    ask(server.port, made=made)
            found = metrics(server.port, made=context(pair="client"))
            self.assertEqual(failures(found), {"client_certificate": 2})

    def test_optional_takes_none_or_a_good_one(self):
        with weir.Server(config("client_certificate: optional, client_ca: %s" % CA.path)) as server:
            self.assertEqual(ask(server.port, made=context(pair="client")).status, 200)
            self.assertEqual(ask(server.port).status, 200)
            with self.assertRaises((ssl.SSLError, weir.Gone, ConnectionError)):
                ask(server.port, made=context(pair="stranger"))


class Authentication(unittest.TestCase):
    """A certificate as the source of `auth`."""

    def server(self, auth, asks="optional"):
        text = config("client_certificate: %s, client_ca: %s" % (asks, CA.path))
        text = text.replace("  - {match: GET /livez, public: true,", "  - {match: GET /livez, chain: [%s, user_context: {response_headers: true}]," % auth)
        server = weir.Server(text)
        command = [weir.BINARY, "keys", "add", "--file", server.path("keys.conf"), "--tenant", "tenant-of-key"]
        self.key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return server

    def ask(self, server, pair=None, headers=None):
        with Secure(server.port, context(pair=pair)) as client:
            response = client.request("GET", "/livez", headers)
            return response.status, response.field("X-Weir-Tenant") or response.problem()

    def test_a_name_of_it_is_the_tenant(self):
        for rule, expected in (("common_name", "acme"), ("dns", "client.example"), ("email", "ops@client.example")):
            with self.server("auth: {certificate_name: %s}" % rule) as server:
                self.assertEqual(self.ask(server, "client"), (200, expected))
                self.assertEqual(self.ask(server), (403, "forbidden"))
                self.assertEqual(self.ask(server, "unnamed"), (403, "forbidden"))

    def test_names_stand_for_tenants_by_a_list(self):
        holders = "certificates: [{name: \"spiffe://example/acme\", tenant: acme-corp}]"
        with self.server("auth: {certificate_name: uri, %s}" % holders) as server:
            self.assertEqual(self.ask(server, "client"), (200, "acme-corp"))
        with self.server("auth: {certificate_name: common_name, %s}" % holders) as server:
            self.assertEqual(self.ask(server, "client"), (403, "forbidden"))
        with self.server("auth: {certificate_name: common_name, tenants: [other]}") as server:
            self.assertEqual(self.ask(server, "client"), (403, "forbidden"))

    def test_keys_go_on_working_beside_it(self):
        with self.server("auth: {keys: keys.conf, certificate_name: common_name}") as server:
            self.assertEqual(self.ask(server, "client"), (200, "acme"))
            self.assertEqual(self.ask(server, None, {"X-API-Key": self.key}), (200, "tenant-of-key"))
            self.assertEqual(self.ask(server, "client", {"X-API-Key": self.key}), (200, "tenant-of-key"))
            self.assertEqual(self.ask(server, "client", {"X-API-Key": "weir_wrong"}), (401, "unauthorized"))
            self.assertEqual(self.ask(server), (401, "unauthorized"))

    def test_mistakes_are_told(self):
        for auth, line in (("{}", "auth lacks \"keys\""),
                           ("{keys: keys.conf, certificates: [{name: a, tenant: b}]}", "which name of them"),
                           ("{certificate_name: uri}", "a URI cannot be a tenant"),
                           ("{certificate_name: dns, certificates: [{name: a, tenant: \"b c\"}]}", "a tenant in")):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "weir.yaml")
                with open(path, "w") as file:
                    file.write("chain: [auth: %s]\n" % auth)
                open(os.path.join(folder, "keys.conf"), "w").close()
                done = subprocess.run([weir.BINARY, "check", path], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(line, done.stdout + done.stderr)


class Reloads(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-tls-")
        self.renew("DNS:first.example,DNS:one.example")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def renew(self, names):
        for path in CA.issue("renewed", names):
            os.rename(path, os.path.join(self.folder, os.path.basename(path)))

    def config(self):
        return config(pairs="[{cert: %s/renewed.pem, key: %s/renewed.key}]" % (self.folder, self.folder), workers=2)

    def test_certificates_change_under_load_and_nobody_notices(self):
        with weir.Server(self.config()) as server:
            failures = []
            is_over = threading.Event()
            counts = [0] * 4

            def load(index):
                try:
                    while not is_over.is_set():
                        with Secure(server.port) as client:
                            for _ in range(20):
                                if client.request("GET", "/livez").status != 200:
                                    failures.append("status")
                                counts[index] += 1
                except Exception as error:  # noqa: BLE001
                    failures.append(repr(error))

            threads = [threading.Thread(target=load, args=(index,)) for index in range(len(counts))]
            with Secure(server.port) as old:
                for thread in threads:
                    thread.start()
                for round_number in range(5):
                    name = "round%d.example" % round_number
                    self.renew("DNS:first.example,DNS:" + name)
                    server.reload()
                    with Secure(server.port) as client:
                        self.assertIn(name, names_of(client.socket.getpeercert()))
                        self.assertEqual(client.request("GET", "/livez").status, 200)
                self.assertEqual(old.request("GET", "/livez").status, 200)
                is_over.set()
                for thread in threads:
                    thread.join()
            self.assertEqual(failures, [])
            self.assertGreater(min(counts), 0)

    def test_a_listener_turns_to_tls_and_back(self):
        plain = config().split("    tls:")[0] + "workers: 1" + config().split("workers: 1")[1]
        with weir.Server(plain) as server:
            self.assertEqual(weir.ask(server.port, "GET", "/livez").status, 200)
            with weir.Client(server.port) as old:
                old.request("GET", "/livez")
                server.write_config(config())
                server.reload()
                self.assertEqual(ask(server.port).status, 200)
                self.assertEqual(weir.ask(server.port, "GET", "/livez").status, 400)
                self.assertEqual(old.request("GET", "/livez").status, 200)  # opened before
                server.write_config(plain)
                server.reload()
            self.assertEqual(weir.ask(server.port, "GET", "/livez").status, 200)

    def test_a_bad_certificate_is_not_taken(self):
        with weir.Server(self.config()) as server:
            shutil.copy(os.path.join(FOLDER, "wild.key"), os.path.join(self.folder, "renewed.key"))
            server.reload(is_good=False)
            self.assertIsNotNone(server.find_line("holds a key that does not belong to the certificate"))
            self.assertEqual(ask(server.port).status, 200)


class Checks(unittest.TestCase):
    def check(self, tls):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "weir.yaml")
            with open(path, "w") as file:
                file.write("listen:\n  - address: 127.0.0.1:0\n    tls:\n" +
                           "".join("      %s\n" % line for line in tls.splitlines()))
            done = subprocess.run([weir.BINARY, "check", path], capture_output=True, text=True, check=False)
            return done.returncode, (done.stdout + done.stderr).replace(path, "weir.yaml").replace(FOLDER, "F")

    def pair(self, cert="first.pem", key="first.key"):
        return "certificates:\n  - cert: %s/%s\n    key: %s/%s\n" % (FOLDER, cert, FOLDER, key)

    def test_mistakes_have_their_places(self):
        shutil.copy(os.path.join(FOLDER, "first.key"), os.path.join(FOLDER, "open.key"))
        os.chmod(os.path.join(FOLDER, "open.key"), 0o644)
        CA.issue("old", "DNS:old.example", days=0)
        for tls, code, line in (
                (self.pair(), 0, "ok"),
                (self.pair("none.pem"), 1, '5:17: error: "F/none.pem" cannot be read: there is no such file'),
                (self.pair(key="wild.key"), 1,
                 '6:16: error: "F/wild.key" holds a key that does not belong to the certificate'),
                (self.pair("first.key"), 1, '5:17: error: "F/first.key" holds no certificate in PEM form'),
                (self.pair(key="open.key"), 0, '6:16: warning: every user of this machine may read the key "F/open.key"'),
                (self.pair() + "client_certificate: required\n", 1,
                 '7:27: error: tls lacks "client_ca": whose certificates are to be trusted?'),
                (self.pair() + "client_certificate: optional\nclient_ca: %s/first.key\n" % FOLDER, 1,
                 '8:18: error: "F/first.key" holds no certificate in PEM form'),
                (self.pair() + "client_ca: %s\n" % CA.path, 0, '7:18: warning: "client_ca" is of no use'),
                ("certificates: []\n", 1, '4:21: error: "certificates" in tls takes a list of'),
                ("min_version: \"1.3\"\n", 1, 'error: tls lacks "certificates"'),
                (self.pair() + "min_version: \"1.1\"\n", 1, '7:20: error: "min_version" in tls takes one of 1.2, 1.3')):
            found = self.check(tls)
            self.assertEqual(found[0], code, found[1])
            self.assertIn(line, found[1])


if __name__ == "__main__":
    unittest.main()
