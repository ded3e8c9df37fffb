#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""h2spec (github.com/summerwind/h2spec), strict, against the built server: every case passes, over TLS and in plain text.

The tool is built once, from the versions that h2spec/go.sum pins, into build/tools; without Go, or without a way to fetch
it, the test skips."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import weir  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h2spec")
TOOLS = os.path.join(weir.ROOT, "build/tools")
TOOL = os.path.join(TOOLS, "h2spec")
CASES = 146
CONFIG = """
listen: [%s]
workers: 1
executors: 1
routes:
  - {match: "GET,POST /livez", public: true, to: {endpoint: livez}}
"""


def build():
    """The tool's path; skips when it cannot be had."""
    if os.path.exists(TOOL):
        return TOOL
    go = shutil.which("go")
    if not go:
        weir.skip("h2spec needs Go (golang-go)")
    os.makedirs(TOOLS, exist_ok=True)
    environment = dict(os.environ, GOPATH=os.path.join(TOOLS, "go"), GOFLAGS="-modcacherw -mod=readonly",
                       GOCACHE=os.path.join(TOOLS, "go-cache"), GOTOOLCHAIN="local", CGO_ENABLED="0")
    command = [go, "build", "-o", TOOL + ".new", "github.com/summerwind/h2spec/cmd/h2spec"]
    result = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        weir.skip("h2spec cannot be built: " + result.stderr.strip()[-300:])
    os.rename(TOOL + ".new", TOOL)
    return TOOL


def failures(output):
    """The failed cases, each with the title of its section."""
    found = []
    section = ""
    for line in output.partition("Failures:")[2].splitlines():
        text = line.strip()
        if re.match(r"\d+(\.\d+)*\. ", text):
            section = text
        elif text.startswith("×"):
            found.append("%s / %s" % (section, text[1:].strip()))
    return found


class H2spec(unittest.TestCase):
    def run_tool(self, server, *options):
        command = [build(), "-h", "127.0.0.1", "-p", str(server.port), "-P", "/livez", "-S", "-o",
                   str(2 * weir.SLOWNESS), *options]
        output = subprocess.run(command, capture_output=True, text=True, timeout=110 * weir.SLOWNESS).stdout
        totals = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", output)
        self.assertTrue(totals, output[-2000:])
        print("h2spec %s: %s" % (" ".join(options) or "in plain text", totals.group(0)))
        self.assertEqual((totals.group(1), totals.group(3)), (str(CASES), "0"))
        return failures(output), output

    def test_passes_every_case_over_tls(self):
        folder = tempfile.mkdtemp(prefix="weir-h2spec-")
        self.addCleanup(shutil.rmtree, folder)
        certificates.Authority(folder).issue("first", "DNS:localhost,IP:127.0.0.1")
        pair = "{cert: %s/first.pem, key: %s/first.key}" % (folder, folder)
        listen = "{address: 127.0.0.1:0, tls: {certificates: [%s]}}" % pair
        with weir.Server(CONFIG % listen) as server:
            failed, output = self.run_tool(server, "-t", "-k")
            self.assertEqual(failed, [], output)

    def test_passes_every_case_in_plain_text(self):
        # A port that speaks HTTP/1 too answers a wrong preface as a wrong HTTP/1 request, which the tool takes for a frame.
        with weir.Server(CONFIG % "{address: 127.0.0.1:0, protocols: [h2]}") as server:
            failed, output = self.run_tool(server)
            self.assertEqual(failed, [], output)

    def test_ends_the_connection_for_an_invalid_preface(self):
        with weir.Server(CONFIG % "127.0.0.1:0") as server:
            for preface in (b"INVALID CONNECTION PREFACE\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"):
                with socket.create_connection(("127.0.0.1", server.port), 10 * weir.SLOWNESS) as client:
                    client.sendall(preface)
                    answer = b""
                    while data := client.recv(4096):
                        answer += data
                    self.assertTrue(answer.startswith(b"HTTP/1.1 400") or b"\x07\0\0\0\0\0" in answer, answer)


if __name__ == "__main__":
    build()
    unittest.main(verbosity=2)
