#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir load over TLS and HTTP/2, against weir and against nginx."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import load  # noqa: E402
import nginx  # noqa: E402
import weir  # noqa: E402

FOLDER = None
CA = None
SERVER = """
listen:
  - 127.0.0.1:0
  - address: 127.0.0.1:0
    tls:
      certificates: [{cert: %(folder)s/server.pem, key: %(folder)s/server.key}]
      %(more)s
workers: 1
executors: 1
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: "* /echo", public: true, body_bytes: 1MiB, to: {upstream: nobody}}
upstreams:
  - {name: nobody, servers: ["127.0.0.1:1"]}
"""
NGINX = """
    listen 127.0.0.1:%(port)d ssl http2;
    http2_max_concurrent_streams 4;
    keepalive_requests 50;
    ssl_certificate FOLDER/server.pem;
    ssl_certificate_key FOLDER/server.key;
    location / { return 200 "hello"; }
"""


def setUpModule():
    global FOLDER, CA
    FOLDER = tempfile.mkdtemp(prefix="weir-load-tls-")
    CA = certificates.Authority(FOLDER)
    CA.issue("server", "DNS:localhost,IP:127.0.0.1")
    CA.issue("client")


def tearDownModule():
    shutil.rmtree(FOLDER)


def served(more=""):
    return weir.Server(SERVER % {"folder": FOLDER, "more": more})


def tls_url(server):
    address = server.find_line(r"listening on https://").split(" ")[3]
    return "https://localhost:%s/livez" % address.rsplit(":", 1)[1]


class Wire(load.LoadTest):
    def get(self, url, *arguments, count=200):
        return self.load("-c", "4", "-n", str(count), *arguments, url)

    def assert_all(self, results, count=200):
        self.assertEqual(results["summary"]["all"]["answered"], count, self.output)
        self.assertEqual(results["summary"]["all"]["failed"], 0, self.output)


class AgainstWeir(Wire):
    def test_speaks_every_protocol(self):
        with served() as server:
            plain = "http://127.0.0.1:%d/livez" % server.port
            for url, arguments in [(plain, []), (plain, ["--http2"]), (tls_url(server), ["--http1"]),
                                   (tls_url(server), ["--http2"]), (tls_url(server), [])]:
                with self.subTest(url=url, arguments=arguments):
                    trust = ["--ca", CA.path] if url.startswith("https") else []
                    results = self.get(url, *trust, *arguments)
                    self.assert_all(results)
                    self.assertEqual(results["summary"]["connect"]["count"], 4)

    def test_chooses_http2_by_alpn(self):
        """Only there can more users than connections ask at once."""
        with served() as server:
            self.assert_all(self.load("-u", "20", "-c", "1", "-n", "200", "--ca", CA.path, tls_url(server)))

    def test_takes_only_certificates_that_are_trusted(self):
        with served() as server:
            self.assertEqual(self.run_load("-n", "1", tls_url(server)), 1)
            self.assertRegex(self.output, "localhost:[0-9]+.*(certificate|issuer)")
            self.assert_all(self.get(tls_url(server), "--insecure"))

    def test_takes_only_certificates_for_the_host(self):
        with served() as server:
            self.assertEqual(self.run_load("-n", "1", "--ca", CA.path, tls_url(server).replace("localhost", "127.0.0.2")), 1)
            self.assertRegex(self.output, "127.0.0.2")

    def test_shows_its_own_certificate(self):
        with served("client_certificate: required\n      client_ca: %s" % CA.path) as server:
            shown = ["--cert", os.path.join(FOLDER, "client.pem"), "--key", os.path.join(FOLDER, "client.key")]
            self.assert_all(self.get(tls_url(server), "--ca", CA.path, *shown))
            self.run_load("-n", "1", "--timeout", "5s", "--ca", CA.path, tls_url(server))
            self.assertNotRegex(self.output, "statuses 200")

    def test_says_what_is_wrong_with_a_file(self):
        path = os.path.join(self.folder, "empty.pem")
        with open(path, "w", encoding="utf-8") as file:
            file.write("nothing")
        self.assertEqual(self.run_load("-n", "1", "--ca", path, "https://localhost:1/"), 2)
        self.assertIn("the certificates to trust: holds no certificate", self.output)

    def test_makes_a_connection_for_each_request_where_none_is_kept(self):
        with served() as server:
            for arguments in [["--http1"], ["--http2"], ["--no-resume"]]:
                with self.subTest(arguments):
                    results = self.get(tls_url(server), "--ca", CA.path, "--no-keepalive", *arguments, count=40)
                    self.assert_all(results, 40)
                    self.assertGreaterEqual(results["summary"]["connect"]["count"], 40)
                    resumed = results["totals"]["resumed"]
                    self.assertTrue(resumed == 0 if "--no-resume" in arguments else resumed >= 30, self.output)

    def test_sends_bodies_over_http2(self):
        body = os.path.join(self.folder, "body")
        with open(body, "wb") as file:
            file.write(b"x" * 300000)
        with served() as server:
            url = "http://127.0.0.1:%d/echo" % server.port
            results = self.load("-n", "20", "-c", "2", "--http2", "--body-file", body, url)
        self.assertEqual(results["totals"]["series"][0]["statuses"], {"502": 20}, self.output)


@unittest.skipUnless(nginx.is_there(), "nginx is not installed")
class AgainstNginx(Wire):
    def test_keeps_to_its_streams_and_follows_its_goaways(self):
        """nginx ends each connection behind 50 requests, and takes 4 of them at a time."""
        with nginx.Nginx(NGINX.replace("FOLDER", FOLDER)) as server:
            url = "https://localhost:%d/" % server.port
            for arguments in [["--http2", "-u", "8", "-c", "2"], ["--http1", "-c", "8"], ["-r", "200", "-d", "2s", "-c", "2"]]:
                with self.subTest(arguments):
                    count = 400 if "-r" in arguments else 1000
                    results = self.load(*arguments, "-n", str(count), "--ca", CA.path, url)
                    self.assert_all(results, count)
                    self.assertGreaterEqual(results["summary"]["connect"]["count"], count / 50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
