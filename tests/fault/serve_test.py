#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server whose system calls and allocations fail answers rightly, refuses, or drops that one connection; then it serves on.

A handful of acts (what clients do) is played again and again; each time the nth call of one kind fails with one error, for
every n that the act reaches. In the end nothing is left over: no connection, no request, no descriptor, no memory."""

import collections
import gzip
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
import time
import unittest

import faults
from faults import weir
import certificates
from upstream import Upstream
from upstream_http2 import serving

PATIENCE = 5
TRIES_MAX = 8  # of one call and error in one act: evenly spread when there are more
ROUTE = "/v1/text-orientation"
CONFIG = """
listen:
  - 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {certificates: [{cert: %s/server.pem, key: %s/server.key}]}
workers: 1
executors: 1
inline_pixels: %d
limits: {body_bytes: 1MiB%s}
models:
  - %s
upstreams:
  - {name: app, servers: ["%s"], fail_time: 0, silence_time: 2s}
  - {name: app2, servers: ["%s"], protocol: http2, fail_time: 0, silence_time: 2s, response_time: 2s, connect_time: 2s}
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: POST /echo, public: true, to: {endpoint: livez}}
  - {match: GET /compressed, public: true, chain: [compress: {codings: [gzip]}], to: {endpoint: metrics}}
  - {match: "* /app/{rest...}", public: true, to: {upstream: app}}
  - {match: "* /app2/{rest...}", public: true, to: {upstream: app2}}
  - {match: "GET /files/{path...}", public: true, to: {files: {root: %s/files}}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
"""
SMALL = b"a small file"
LARGE = bytes(range(251)) * 4000  # a MiB, nearly, and no two places alike
REFERENCE = next(entry for entry in weir.reference()["images"] if entry["file"] == "upright-1.jpg")


def config(inline_pixels=1, limits=""):
    return CONFIG % (FOLDER, FOLDER, inline_pixels, limits, weir.MODEL, UPSTREAM.address, UPSTREAM_HTTP2.address, FOLDER, weir.IMAGE_CHAIN)


def setUpModule():
    global FOLDER, CONTEXT, CONTEXT_PATH, UPSTREAM, UPSTREAM_HTTP2
    FOLDER = tempfile.mkdtemp(prefix="weir-fault-")
    authority = certificates.Authority(FOLDER)
    authority.issue("server", "DNS:localhost,IP:127.0.0.1")
    CONTEXT_PATH = authority.path
    CONTEXT = ssl.create_default_context(cafile=authority.path)
    os.mkdir(os.path.join(FOLDER, "files"))
    for name, data in (("small", SMALL), ("large", LARGE)):
        with open(os.path.join(FOLDER, "files", name), "wb") as file:
            file.write(data)
    UPSTREAM = Upstream(answer_in_chunks).__enter__()
    UPSTREAM_HTTP2 = Upstream(serving(answer_in_frames)).__enter__()


def tearDownModule():
    UPSTREAM.close()
    UPSTREAM_HTTP2.close()
    shutil.rmtree(FOLDER)


def answer_in_chunks(connection):
    """The upstream: says how much came, /app/chunks with the length left open."""
    while True:
        message = connection.request()
        body = b"%d" % len(message.body)
        if "chunks" in message.start:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.chunk(body)
            connection.chunk(b"x" * 50000)
            connection.send(b"0\r\n\r\n")
        else:
            connection.answer(body)


def answer_in_frames(session, stream):
    body = b"%d" % len(stream.body)
    if "chunks" in stream.field(":path"):
        session.begin(stream)
        session.data(stream, body + b"x" * 50000)
        session.end(stream, [("x-end", "yes")])
    else:
        session.answer(stream, body)


class Wrong(Exception):
    pass


def judge(response, status, is_right):
    """"right" or "refused"; anything else is what the test is about."""
    if response.status in (500, 502, 503, 504):
        return "refused"
    if response.status != status or not is_right(response):
        raise Wrong("answered %r" % response)
    return "right"


class Secure(weir.Client):
    def __init__(self, port, timeout):
        super().__init__(port, timeout)
        self.socket = CONTEXT.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)

    def _more(self):
        try:
            super()._more()
        except ssl.SSLError as error:
            raise weir.Gone(str(error))


def converse(port, exchanges, connect=weir.Client):
    """One connection; [(bytes, status, is_right)]. What a client may see is an answer, a refusal, or the end."""
    outcome = "right"
    try:
        with connect(port, PATIENCE) as client:
            for data, status, is_right in exchanges:
                client.raw(data)
                if judge(client.receive(), status, is_right) == "refused":
                    outcome = "refused"
    except TimeoutError:
        raise Wrong("neither answered nor closed")
    except (weir.Gone, ConnectionError, ssl.SSLError):
        return "dropped"
    return outcome


def always(_):
    return True


GET = (weir.request_bytes("GET", "/livez"), 200, lambda response: response.json() == {"status": "ok"})


def keep_alive(port):
    return converse(port, [GET, GET, (weir.request_bytes("POST", "/echo", {}, b"abc"), 200, always), GET])


def large_body(port):
    return converse(port, [(weir.request_bytes("POST", "/echo", {}, b"x" * 300000), 200, always), GET])


def chunked_body(port):
    chunks = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in (1, 1000, 30000, 5)) + b"0\r\n\r\n"
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return converse(port, [(head + chunks, 200, always), GET])


def pipelined(port):
    data, status, is_right = GET
    return converse(port, [(data * 8, status, is_right)] + [(b"", status, is_right)] * 7)


def metrics(port):
    return converse(port, [(weir.request_bytes("GET", "/metrics"), 200, lambda r: b"weir_requests_total" in r.body)])


def expectation(port):
    try:
        with weir.Client(port, PATIENCE) as client:
            client.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            response = client.receive()
            if response.status != 100:
                return judge(response, 100, always)
            client.raw(b"abc")
            return judge(client.receive(), 200, always)
    except TimeoutError:
        raise Wrong("neither answered nor closed")
    except (weir.Gone, ConnectionError):
        return "dropped"


def image(port):
    data = weir.request_bytes("POST", ROUTE, {}, weir.image(REFERENCE["file"]))
    return converse(port, [(data, 200, lambda r: r.json()["result"] == REFERENCE["result"])])


def tensor(port):
    body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, 64],
                                   "data": [0.25] * (3 * 48 * 64)}]}).encode()
    data = weir.request_bytes("POST", "/v2/models/text-orientation/infer", {}, body)
    return converse(port, [(data, 200, lambda r: len(r.json()["outputs"]) == 1)])


def over_tls(port):
    return converse(SECURE_PORTS[port], [GET, (weir.request_bytes("POST", "/echo", {}, b"x" * 100000), 200, always), GET],
                    Secure)


def compressed_answer(port):
    request = weir.request_bytes("GET", "/compressed", {"Accept-Encoding": "gzip", "Connection": "close"})
    return converse(port, [(request, 200, lambda r: b"weir_requests_total" in gunzip(r))], Whole)


def compressed_upload(port):
    data = weir.request_bytes("POST", ROUTE, {"Content-Encoding": "gzip"}, gzip.compress(weir.image(REFERENCE["file"])))
    return converse(port, [(data, 200, lambda r: r.json()["result"] == REFERENCE["result"])])


def proxied(port, app="/app"):
    return converse(port, [(weir.request_bytes("GET", app + "/a"), 200, lambda r: r.body == b"0"),
                           (weir.request_bytes("POST", app + "/b", {}, b"abc"), 200, lambda r: r.body == b"3")])


def proxied_upload(port, app="/app"):
    return converse(port, [(weir.request_bytes("POST", app + "/b", {}, b"x" * 300000), 200, lambda r: r.body == b"300000")])


def proxied_chunks(port, app="/app"):
    chunks = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in (1, 1000, 30000)) + b"0\r\n\r\n"
    head = b"POST %s/chunks HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" % app.encode()
    return converse(port, [(head + chunks, 200, lambda r: unchunk(r) == b"31001" + b"x" * 50000)], Whole)


def proxied_over_http2(port):
    return proxied(port, "/app2")


def proxied_upload_over_http2(port):
    return proxied_upload(port, "/app2")


def proxied_chunks_over_http2(port):
    return proxied_chunks(port, "/app2")


def small_file(port):
    return converse(port, [(weir.request_bytes("GET", "/files/small"), 200, lambda r: r.body == SMALL), GET])


def large_file(port):
    return converse(port, [(weir.request_bytes("GET", "/files/large"), 200, lambda r: r.body == LARGE), GET])


def large_file_over_tls(port):
    return converse(SECURE_PORTS[port], [(weir.request_bytes("GET", "/files/large"), 200, lambda r: r.body == LARGE)], Secure)


def ranges(port):
    one = weir.request_bytes("GET", "/files/large", {"Range": "bytes=100-300000"})
    two = weir.request_bytes("GET", "/files/large", {"Range": "bytes=0-9,100-40000"})
    return converse(port, [(one, 206, lambda r: r.body == LARGE[100:300001]),
                           (two, 206, lambda r: LARGE[100:40001] in r.body), GET])


def over_http2(*arguments, is_right):
    """By curl, which tells a reset stream and a closed connection by its exit code, and retries nothing."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE), "-w", "%{http_code}"] + list(arguments),
                          capture_output=True)
    if done.returncode == 28:
        raise Wrong("neither answered nor closed")
    if done.returncode != 0:
        return "dropped"
    status, body = int(done.stdout[-3:]), done.stdout[:-3]
    return judge(weir.Response(status, [], body), 200, lambda response: is_right(response.body))


def http2_get(port):
    return over_http2("--http2-prior-knowledge", "http://127.0.0.1:%d/livez" % port, is_right=lambda b: b == b'{"status":"ok"}')


def http2_upload(port):
    return over_http2("--http2-prior-knowledge", "--data-binary", "@%s/files/large" % FOLDER, "-H", "Expect:",
                      "http://127.0.0.1:%d/app/b" % port, is_right=lambda b: b == b"%d" % len(LARGE))


def http2_image(port):
    return over_http2("--http2-prior-knowledge", "--data-binary", "@" + os.path.join(weir.IMAGES, REFERENCE["file"]),
                      "-H", "Content-Type: image/jpeg", "http://127.0.0.1:%d%s" % (port, ROUTE),
                      is_right=lambda b: json.loads(b)["result"] == REFERENCE["result"])


def http2_file_over_tls(port):
    return over_http2("--http2", "--cacert", CONTEXT_PATH, "https://127.0.0.1:%d/files/large" % SECURE_PORTS[port],
                      is_right=lambda b: b == LARGE)


class Whole(weir.Client):
    """Reads a response to the end of the connection."""

    def receive(self, is_head=False):
        try:
            while True:
                self._more()
        except weir.Gone as gone:
            if b"\r\n\r\n" not in self.input or "closed" not in str(gone):
                raise
        head, _, body = self.input.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return weir.Response(int(lines[0].split(" ")[1]), fields, body)


def unchunk(response):
    """The body of a chunked response; Gone where it breaks off, as a client sees it."""
    if response.field("Transfer-Encoding") != "chunked":
        return response.body
    body, rest = b"", response.body
    while True:
        size, mark, rest = rest.partition(b"\r\n")
        if not mark or len(rest) < int(size, 16) + 2:
            raise weir.Gone("cut short")
        if int(size, 16) == 0:
            return body
        body, rest = body + rest[:int(size, 16)], rest[int(size, 16) + 2:]


def gunzip(response):
    body = unchunk(response)
    if response.field("Content-Length") and len(body) < int(response.field("Content-Length")):
        raise weir.Gone("cut short")
    return gzip.decompress(body) if response.field("Content-Encoding") == "gzip" else body


def crowd(port):
    """More connections and requests at once than the first chunk of a slab holds. Each of them may be refused."""
    clients = []
    try:
        for _ in range(80):
            clients.append(weir.Client(port, PATIENCE))
        for client in clients:
            client.raw(GET[0][:10])
        time.sleep(0.02)
        for client in clients:
            try:
                client.raw(GET[0][10:])
                judge(client.receive(), 200, always)
            except (weir.Gone, ConnectionError):
                pass
    except TimeoutError:
        raise Wrong("neither answered nor closed")
    except ConnectionError:
        return "dropped"
    finally:
        for client in clients:
            client.close()
    return "right"


SECURE_PORTS = {}
ACTS = [keep_alive, large_body, chunked_body, pipelined, metrics, expectation, image, tensor, over_tls, compressed_answer,
        compressed_upload, proxied, proxied_upload, proxied_chunks, proxied_over_http2, proxied_upload_over_http2,
        proxied_chunks_over_http2, small_file, large_file, large_file_over_tls, ranges]
if shutil.which("curl"):
    ACTS += [http2_get, http2_upload, http2_image, http2_file_over_tls]


class Stage:
    """A server with its control, and the tally of what happened on it."""

    def __init__(self, text):
        self.server = weir.Server(text)
        self.control = faults.Control(self.server.path("control"))
        self.server.environment.update(self.control.environment())
        self.tally = collections.Counter()
        self.failures = []

    def __enter__(self):
        self.server.start()
        secure = self.server.find_line(r"listening on https://").split(" ")[3]
        SECURE_PORTS[self.server.port] = int(secure.rsplit(":", 1)[1])
        return self

    def __exit__(self, *how):
        self.control.disarm()
        self.server.__exit__(*how)

    def warm(self, acts):
        for act in acts * 2:
            outcome = act(self.server.port)
            assert outcome == "right", "%s: %s" % (act.__name__, outcome)
        self.descriptors = weir.open_files(self.server.pid)
        self.wait_until_quiet()

    def count(self, act, call):
        """How many such calls the act makes."""
        self.control.arm(call, "EINTR", 1 << 40)
        act(self.server.port)
        self.control.disarm()
        return (1 << 40) - self.control.countdown()

    def play(self, act, call, error, nth):
        name = "%s, %s number %d fails with %s" % (act.__name__, call, nth, error)
        self.control.arm(call, error, nth)
        try:
            outcome = act(self.server.port)
            self.control.disarm()
            self.tally[outcome if self.control.hits() else "not reached"] += 1
            weir.wait_until(lambda: keep_alive(self.server.port) == "right", PATIENCE, "an answer after it")
        except (Wrong, AssertionError) as why:
            self.control.disarm()
            self.failures.append("%s: %s" % (name, why))
        if self.server.process.poll() is not None:
            raise AssertionError("%s: the server ended:\n%s" % (name, self.server.stderr()[-3000:]))

    def play_all(self, acts, calls):
        for act in acts:
            for call in calls:
                total = self.count(act, call)
                step = max(1, total // TRIES_MAX)
                for error in faults.errors_of(call):
                    for nth in range(1, total + 1, step):
                        self.play(act, call, error, nth)

    def is_quiet(self):
        samples = weir.metrics(self.server.port)
        self.last = {name: value for name, value in samples.items()
                     if re.match(r"weir_(connections_open|requests_in_flight|memory_outstanding)", name)}
        self.last["descriptors"] = weir.open_files(self.server.pid) - 1
        return samples["weir_connections_open"] <= 1 and samples["weir_requests_in_flight"] <= 1 and weir.open_files(self.server.pid) <= self.descriptors + 1

    def wait_until_quiet(self):
        weir.wait_until(self.is_quiet, 10, "a server that is left alone to hold nothing")

    def end(self, test):
        print("%d plays: %s" % (sum(self.tally.values()), ", ".join("%d %s" % (count, what) for what, count
                                                                   in sorted(self.tally.items()))))
        try:
            self.wait_until_quiet()
        except AssertionError as why:
            self.failures.append("%s: %s, %d descriptors before" % (why, self.last, self.descriptors))
        if self.failures:
            test.fail("%d:\n%s" % (len(self.failures), "\n".join(self.failures[:30])))


class ServeTest(unittest.TestCase):
    def test_calls(self):
        with Stage(config()) as stage:
            stage.warm(ACTS)
            stage.play_all(ACTS, [call for call in faults.CALLS if call != "allocation"])
            stage.end(self)

    def test_transfers_of_one_byte(self):
        """What the kernel may do at any time, it does all the time."""
        with Stage(config()) as stage:
            stage.warm(ACTS)
            stage.control.shorten(1)
            for act in [keep_alive, chunked_body, pipelined, metrics, expectation]:
                self.assertEqual(act(stage.server.port), "right", act.__name__)
            stage.control.shorten(100)
            for act in ACTS:
                self.assertEqual(act(stage.server.port), "right", act.__name__)
            stage.control.shorten(0)
            stage.end(self)

    def test_a_handshake_whose_alert_cannot_be_sent_is_counted_once(self):
        with Stage(config(limits=", handshake_time: 500ms")) as stage:
            stage.control.arm("send", "EAGAIN", 1, is_lasting=True)
            with socket.create_connection(("127.0.0.1", SECURE_PORTS[stage.server.port]), PATIENCE) as client:
                client.sendall(b"\x16\x03\x01\xff\xff" + b"x" * 100)
                self.assertEqual(client.recv(100), b"")
            stage.control.disarm()
            samples = weir.metrics(stage.server.port)
            failed = {name: count for name, count in samples.items() if "tls_handshakes_failed" in name and count}
            self.assertEqual(failed, {'weir_tls_handshakes_failed_total{reason="malformed"}': 1})
            self.assertEqual(samples["weir_connections_timed_out_total"], 1)

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_allocations(self):
        """Without a cache every request allocates."""
        with Stage(config(inline_pixels=1 << 30, limits=", worker_cache: 0")) as stage:
            stage.warm(ACTS)
            stage.play_all(ACTS, ["allocation"])
            stage.end(self)

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_allocations_of_a_crowd(self):
        """Slabs that cannot grow: once a server is warm it does not try again, so each try has a server of its own."""
        for nth in [1, 2, 3] + list(range(4, 100, 6)):
            with Stage(config()) as stage:
                stage.play(crowd, "allocation", "ENOMEM", nth)
                self.assertFalse(stage.failures)
                if stage.tally["not reached"]:
                    break
        self.assertGreater(nth, 3)


class ReloadTest(unittest.TestCase):
    """A reload that cannot be done is told, and the old configuration serves on."""

    def setUp(self):
        self.stage = None
        self.tally = collections.Counter()

    def tearDown(self):
        self.close()
        print(", ".join("%d %s" % (count, what) for what, count in sorted(self.tally.items())))

    def close(self):
        if self.stage:
            self.stage.__exit__(None, None, None)
        self.stage = None

    def open(self):
        if not self.stage:
            self.stage = Stage(config()).__enter__()
        return self.stage

    def reload(self, call, error, nth):
        stage = self.open()
        server = stage.server
        begin = len(server.lines)
        stage.control.arm(call, error, nth)
        server.signal(signal.SIGHUP)
        try:
            line = server.wait_for_line(r"weir: reloaded |was not taken", PATIENCE, begin)
        except AssertionError:
            if server.process.poll() is None or not faults.library_of_crash(server.lines).startswith(faults.FRAGILE):
                raise AssertionError("%s number %d fails with %s:\n%s" % (call, nth, error, server.stderr()[-2000:]))
            self.tally["died in a library"] += 1
            server.exit_code = server.process.returncode
            self.close()
            return
        stage.control.disarm()
        self.tally["reloaded" if "reloaded" in line else "not taken"] += 1
        self.assertEqual(image(server.port), "right", "%s number %d fails with %s" % (call, nth, error))

    @unittest.skipIf(faults.IS_CALLS_ONLY, "AddressSanitizer has allocations of its own")
    def test_allocations(self):
        stage = self.open()
        stage.control.record(1)
        stage.server.reload()
        stage.control.record(0)
        for nth in faults.indexes_to_fail(stage.control.sites()):
            self.reload("allocation", "ENOMEM", nth)

    def test_calls(self):
        for call in ("open", "read", "pread", "fstat", "pthread_create"):
            for error in faults.errors_of(call):
                for nth in range(1, 7):
                    self.reload(call, error, nth)


if __name__ == "__main__":
    faults.require()
    unittest.main(verbosity=2)
