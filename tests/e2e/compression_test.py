#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Coded bodies, both ways, as other programs make and read them: curl, Python's gzip and zlib, the zstd command."""

import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
chain: [metrics, compress]
limits: {body_bytes: 8MiB}
models: [%s]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "GET /files/{path...}", public: true, to: {files: public}}
  - {match: "* /events", public: true, to: {proxy: "http://127.0.0.1:%d"}}
  - {match: /v2, public: true, to: {endpoint: v2}}
"""
INFER = "/v2/models/text-orientation/infer"


class EventUpstream(threading.Thread):
    """Sends one event of a stream, and the next one only when told."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.go_on = threading.Semaphore(0)

    def run(self):
        while True:
            client, _ = self.listener.accept()
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(5):
                event = b"data: event %d\n\n" % number
                client.sendall(b"%x\r\n%s\r\n" % (len(event), event))
                self.go_on.acquire()
            client.sendall(b"0\r\n\r\n")
            client.close()


class Compression(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = EventUpstream()
        cls.upstream.start()
        cls.server = weir.Server(CONFIG % (weir.MODEL, cls.upstream.port))
        os.mkdir(cls.server.path("public"))
        cls.text = b"".join(b"line %d of a text that repeats itself\n" % i for i in range(40000))
        with open(cls.server.path("public/text.txt"), "wb") as file:
            file.write(cls.text)
        with open(cls.server.path("public/small.txt"), "wb") as file:
            file.write(cls.text[:5000])
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def get(self, path, coding):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("GET", path, headers={"Accept-Encoding": coding})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self.assertEqual(response.getheader("Content-Encoding"), coding)
        return body

    def test_curl_reads_every_coding_of_http1(self):
        self.read_every_coding("--http1.1")

    def test_curl_reads_every_coding_of_http2(self):
        self.read_every_coding("--http2-prior-knowledge")

    def read_every_coding(self, protocol):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
        for coding in ("gzip", "br", "zstd", "deflate"):
            if coding in ("br", "zstd") and {"br": "brotli", "zstd": "zstd"}[coding] not in version:
                continue
            for name, content in (("text.txt", self.text), ("small.txt", self.text[:5000])):
                url = "http://127.0.0.1:%d/files/%s" % (self.server.port, name)
                done = subprocess.run(["curl", "-s", "--fail", "--compressed", protocol, "-H", "Accept-Encoding: " + coding, url],
                                      capture_output=True, check=True)
                self.assertEqual(done.stdout, content, coding)

    def test_python_and_zstd_read_what_is_sent(self):
        self.assertEqual(gzip.decompress(self.get("/files/text.txt", "gzip")), self.text)
        if shutil.which("zstd"):
            coded = self.get("/files/text.txt", "zstd")
            self.assertEqual(subprocess.run(["zstd", "-dcq"], input=coded, capture_output=True, check=True).stdout, self.text)

    def test_an_event_arrives_before_the_next_one_exists(self):
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        client.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        reader = http.client.HTTPResponse(client)
        reader.begin()
        self.assertEqual(reader.getheader("Content-Encoding"), "gzip")
        decoder = zlib.decompressobj(31)
        text = b""
        for number in range(5):
            wanted = b"data: event %d\n\n" % number
            while wanted not in text:
                text += decoder.decompress(reader.read1(65536))
            self.upstream.go_on.release()
        while more := reader.read1(65536):
            text += decoder.decompress(more)
        self.assertTrue(decoder.eof)
        self.assertEqual(text, b"".join(b"data: event %d\n\n" % number for number in range(5)))
        client.close()

    def test_a_client_that_leaves_in_the_middle_leaves_no_encoder(self):
        for _ in range(30):
            client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
            client.sendall(b"GET /files/text.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
            client.recv(100)
            client.close()
        weir.wait_until(lambda: weir.metrics(self.server.port)["weir_memory_outstanding_bytes"] < 4 << 20, 10, "memory to come back")

    def infer(self, body, coding):
        return weir.ask(self.server.port, "POST", INFER, {"Content-Type": "application/json", "Content-Encoding": coding}, body)

    def test_coded_requests_have_the_same_answer(self):
        request = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, 192],
                                          "data": [(i % 255) / 255 for i in range(3 * 48 * 192)]}]}).encode()
        plain = self.infer(request, "identity").json()
        coded = [("gzip", gzip.compress(request)), ("deflate", zlib.compress(request)),
                 ("gzip, gzip", gzip.compress(gzip.compress(request)))]
        if shutil.which("zstd"):
            for level in ("-1", "-19", "--long=23"):
                coded.append(("zstd", subprocess.run(["zstd", "-cq", level], input=request, capture_output=True, check=True).stdout))
        for coding, body in coded:
            answer = self.infer(body, coding)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["outputs"], plain["outputs"], coding)

    def test_coded_requests_over_http2_have_the_same_answer(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        body = gzip.compress(b'{"inputs": [], "padding": "%s"}' % (b"x" * 300000))
        plain = self.infer(body, "gzip")
        done = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", "Content-Type: application/json",
                               "-H", "Content-Encoding: gzip", "--data-binary", "@-", "-w", "%{http_code}",
                               "http://127.0.0.1:%d%s" % (self.server.port, INFER)], input=body, capture_output=True, check=True)
        self.assertEqual(done.stdout.decode(), plain.body.decode() + str(plain.status))

    def test_a_coded_body_may_come_byte_by_byte(self):
        body = gzip.compress(b'{"inputs": ')
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
                        "Content-Length: %d\r\n\r\n" % (INFER, len(body))).encode())
        for i in range(len(body)):
            client.sendall(body[i:i + 1])
        self.assertIn(b"invalid-json", client.recv(10000))
        client.close()


if __name__ == "__main__":
    unittest.main()
