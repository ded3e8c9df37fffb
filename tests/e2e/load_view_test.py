#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is seen of a load test while it runs: a picture in a terminal, lines for programs, nothing where nobody asked."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

ARGUMENTS = ["-r", "100", "-c", "4", "-i", "500ms", "--max-lag", "5s"]


def in_terminal(columns, environment, *arguments):
    """All that was written to a terminal of so many columns."""
    child, terminal = pty.fork()
    if child == 0:
        for name in ("LC_ALL", "LC_CTYPE", "NO_COLOR"):
            os.environ.pop(name, None)
        os.environ.update(environment)
        os.execv(weir.BINARY, [weir.BINARY, "load", *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is gone
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, written
    return written.decode()


def pictures(written):
    return [re.sub(r"\x1b\[[0-9;]*m", "", piece) for piece in written.split("\x1b[J")[:-1]]


class View(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(weir.LIVEZ_CONFIG).start()
        cls.url = "http://127.0.0.1:%d/livez" % cls.server.port

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()

    def quietly(self, *arguments):
        return subprocess.run([weir.BINARY, "load", *ARGUMENTS, "-d", "1s", *arguments, self.url], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60 * weir.SLOWNESS, check=True)

    def test_a_terminal_has_a_picture_that_stays_in_its_place(self):
        written = in_terminal(90, {"TERM": "xterm", "LANG": "C.UTF-8"}, *ARGUMENTS, "-d", "3s", self.url)
        drawn = pictures(written)
        self.assertGreater(len(drawn), 6)
        last = drawn[-2]
        for wanted in ("requests", "latency", "p99", "answered", "\u2588", "\x1b[6A"):
            self.assertIn(wanted, last)
        for line in last.split("\n"):
            self.assertLess(len(re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", line)), 90)
        self.assertIn("latency, from when due", written.split("\x1b[J")[-1])

    def test_signs_and_no_colours_where_the_terminal_has_no_others(self):
        written = in_terminal(60, {"TERM": "xterm", "LANG": "C", "NO_COLOR": "1"}, *ARGUMENTS, "-d", "1s", self.url)
        self.assertTrue(written.isascii())
        self.assertNotRegex(written, r"\x1b\[[0-9;]*m")
        self.assertIn("####", written)

    def test_a_dumb_terminal_is_left_in_peace(self):
        self.assertNotIn("\x1b", in_terminal(80, {"TERM": "dumb"}, *ARGUMENTS, "-d", "1s", self.url))

    def test_programs_read_lines_and_the_summary_stands_alone(self):
        result = self.quietly("--progress", "json")
        lines = [json.loads(line) for line in result.stderr.splitlines()]
        self.assertEqual([line["end_ns"] // 500000000 for line in lines[:2]], [1, 2])  # as soon behind it as somebody looked
        self.assertEqual(sum(line["answered"] for line in lines), 100)
        self.assertIn("latency, from when due", result.stdout)
        self.assertIn("/s answered, 0 failed", self.quietly("--progress", "text").stderr)

    def test_nothing_is_said_where_nobody_looks(self):
        self.assertEqual(self.quietly().stderr, "")

    def test_an_unknown_way_is_refused(self):
        result = subprocess.run([weir.BINARY, "load", "--progress", "lively", self.url], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--progress takes live, text, json or none", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
