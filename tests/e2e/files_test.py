#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files as clients get them: whole, in parts, over TLS, while they change, and from a disk that has to be waited for."""

import hashlib
import http.client
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import weir  # noqa: E402

LARGE = 8 << 20
CONFIG = """
listen:
  - 127.0.0.1:0
workers: 1
executors: 1
chain: [metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "GET /{path...}", public: true, to: {files: public}}
"""


def make_content(size):
    block = hashlib.sha512(b"weir").digest() * 1024
    return (block * (size // len(block) + 1))[:size]


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        os.mkdir(cls.server.path("public"))
        cls.content = make_content(LARGE)
        cls.write("large.bin", cls.content)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @classmethod
    def write(cls, name, content):
        path = cls.server.path("public/" + name)
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return path

    def get(self, path, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("GET", path, headers=fields)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def open_raw(self, path, receive_bytes=None):
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.server.port))
        client.sendall(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path).encode())
        return client

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.server.pid))

    def test_a_large_file_arrives_whole_on_a_kept_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        for _ in range(3):
            connection.request("GET", "/large.bin")
            response = connection.getresponse()
            self.assertEqual(response.read(), self.content)
        connection.close()

    def test_the_same_to_many_clients_at_a_time(self):
        results = []

        def fetch():
            results.append(self.get("/large.bin")[1] == self.content)
        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 8)

    def test_a_part_of_a_large_file(self):
        response, body = self.get("/large.bin", Range="bytes=1000003-7000000")
        self.assertEqual(response.status, 206)
        self.assertEqual(body, self.content[1000003:7000001])
        response, body = self.get("/large.bin", Range="bytes=5-3000000,4000000-")
        self.assertEqual(response.status, 206)
        self.assertEqual(len(body), int(response.getheader("Content-Length")))
        self.assertIn(self.content[5:3000001], body)
        self.assertTrue(body.rstrip(b"\r\n-0123456789abcdef").endswith(self.content[4000000:].rstrip(b"-0123456789abcdef\r\n")))

    def test_a_slow_reader_holds_up_nobody(self):
        client = self.open_raw("/large.bin", receive_bytes=4096)
        received = client.recv(1000)
        for _ in range(20):
            self.assertEqual(weir.ask(self.server.port, "GET", "/livez").status, 200)
            received += client.recv(1000)
        self.assertIn(b"200 OK", received)
        client.close()

    def test_a_file_from_the_disk_is_loaded_by_another_thread(self):
        path = self.write("cold.bin", self.content)
        for fields, expected in (({}, self.content), ({"Range": "bytes=2345678-"}, self.content[2345678:])):
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
            self.assertEqual(self.get("/cold.bin", **fields)[1], expected)

    def test_a_file_that_is_replaced_goes_on_as_it_was(self):
        self.write("replaced.bin", self.content)
        client = self.open_raw("/replaced.bin", receive_bytes=4096)
        received = client.recv(1000)
        first = self.get("/replaced.bin", Range="bytes=0-0")[0].getheader("ETag")
        self.write("new.bin", b"new")
        os.rename(self.server.path("public/new.bin"), self.server.path("public/replaced.bin"))
        response, body = self.get("/replaced.bin")
        self.assertEqual(body, b"new")
        self.assertNotEqual(response.getheader("ETag"), first)
        self.write("new.bin", b"now")  # within the same second, of the same size
        os.rename(self.server.path("public/new.bin"), self.server.path("public/replaced.bin"))
        self.assertEqual(self.get("/replaced.bin", **{"If-None-Match": response.getheader("ETag")})[1], b"now")
        while len(received) < LARGE + 100 and (more := client.recv(1 << 20)):
            received += more
        self.assertTrue(received.split(b"\r\n\r\n", 1)[1] == self.content[:len(received)][:LARGE])
        client.close()

    def test_a_file_that_becomes_shorter_ends_the_connection_and_not_the_server(self):
        path = self.write("shorter.bin", self.content)
        client = self.open_raw("/shorter.bin", receive_bytes=4096)
        received = client.recv(1000)
        os.truncate(path, 100)
        try:
            while more := client.recv(1 << 20):
                received += more
        except ConnectionResetError:
            pass
        self.assertLess(len(received), LARGE)
        self.assertEqual(weir.ask(self.server.port, "GET", "/livez").status, 200)
        client.close()

    def test_a_client_that_goes_away_leaves_no_descriptor(self):
        weir.ask(self.server.port, "GET", "/livez")
        before = self.descriptors()
        clients = [self.open_raw("/large.bin", receive_bytes=4096) for _ in range(20)]
        for client in clients:
            client.recv(100)
            client.close()
        weir.wait_until(lambda: self.descriptors() <= before, 10, "the descriptors to be closed")

    def test_a_client_that_goes_away_while_the_disk_is_read_harms_nobody(self):
        path = self.write("gone.bin", self.content)
        before = self.descriptors()
        for i in range(60):
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
            client = self.open_raw("/gone.bin")
            if i % 3:
                client.recv(100)
            if i % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()
        weir.wait_until(lambda: self.descriptors() <= before, 10, "the descriptors to be closed")
        self.assertEqual(self.get("/gone.bin")[1], self.content)

    def test_without_descriptors_the_answer_is_503(self):
        limit = self.descriptors()
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b"200 OK", client.recv(1000))
        old = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
        try:
            resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (limit + 1, old[1]))
            client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"503 Service Unavailable", client.recv(1000))
        finally:
            resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, old)
        client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b"200 OK", client.recv(1000))
        client.close()

    def test_a_folder_of_files_with_every_kind_of_name(self):
        for name in ("ümläut.txt", "a&b=c;d.txt", "per%cent.txt", "plus+.txt", "semi;colon.txt", "a'b.txt"):
            self.write(name, name.encode())
            path = "/" + "".join(c if c.isalnum() and c.isascii() or c == "." else "".join("%%%02X" % b for b in c.encode())
                                 for c in name)
            self.assertEqual(self.get(path)[1], name.encode(), path)

    def test_files_are_counted(self):
        def count():
            text = self.get("/metrics")[1].decode()
            return int(next(line.split()[1] for line in text.splitlines() if line.startswith("weir_files_sent_total ")))
        before = count()
        self.get("/large.bin")
        self.get("/none.bin")
        self.assertEqual(count(), before + 1)


class FilesOverHttp2(unittest.TestCase):
    def test_the_same_bytes_arrive(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        server = weir.Server(CONFIG)
        os.mkdir(server.path("public"))
        content = make_content(3 << 20)
        with open(server.path("public/large.bin"), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with server:
            curl = ["curl", "-s", "--fail", "--http2-prior-knowledge", "http://127.0.0.1:%d/large.bin" % server.port]
            clients = [subprocess.Popen(curl, stdout=subprocess.PIPE) for _ in range(4)]
            for client in clients:
                self.assertEqual(client.communicate()[0], content)
                self.assertEqual(client.returncode, 0)
            if shutil.which("nghttp"):
                paths = ["http://127.0.0.1:%d/large.bin?%d" % (server.port, i) for i in range(6)]
                done = subprocess.run(["nghttp", *paths], check=True, capture_output=True)
                self.assertEqual(len(done.stdout), 6 * len(content))
            done = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-r", "1000-2000000,5-7", "-D", "-",
                                   "http://127.0.0.1:%d/large.bin" % server.port], check=True, capture_output=True)
            self.assertTrue(done.stdout.startswith(b"HTTP/2 206"))
            self.assertIn(content[1000:2000001], done.stdout)
            done = subprocess.run(["curl", "-sI", "--http2-prior-knowledge",
                                   "http://127.0.0.1:%d/large.bin" % server.port], check=True, capture_output=True)
            self.assertIn(b"content-length: %d\r\n" % len(content), done.stdout)


class FilesOverTls(unittest.TestCase):
    def test_the_same_bytes_arrive(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = certificates.Authority(folder)
            certificate, key = authority.issue("a", "DNS:localhost")
            config = CONFIG.replace("  - 127.0.0.1:0\n",
                                    "  - {address: 127.0.0.1:0, protocols: [http/1.1], tls: {certificates: [{cert: %s, key: %s}]}}\n" % (certificate, key))
            server = weir.Server(config)
            os.mkdir(server.path("public"))
            content = make_content(5 << 20)
            with open(server.path("public/large.bin"), "wb") as file:
                file.write(content)
            with server:
                context = ssl.create_default_context(cafile=authority.path)
                connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
                for fields, expected in (({}, content), ({"Range": "bytes=1000-3000000"}, content[1000:3000001])):
                    connection.request("GET", "/large.bin", headers=fields)
                    self.assertEqual(connection.getresponse().read(), expected)
                connection.close()


if __name__ == "__main__":
    unittest.main()
