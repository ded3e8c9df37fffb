#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir load with plans: steps that use what earlier ones were answered, rows of data files, weights, checks, thresholds and exit codes."""

import collections
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

DONE, FAILED, USAGE, THRESHOLDS, INVALID, CANCELLED = 0, 1, 2, 3, 4, 130


class Shop(http.server.BaseHTTPRequestHandler):
    """Logs users in with a token of their own, and knows them by it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, body=None):
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers.items()), body))

    def do_GET(self):
        self.note()
        if self.path.startswith("/api/me"):
            user = self.headers.get("Authorization", "").removeprefix("Bearer token-of-")
            self.answer(200 if user in ("ann", 'b"ob') else 401, {"user": user})
        elif self.path == "/broken":
            self.answer(500, {"error": "broken"})
        elif self.path == "/slow":
            time.sleep(0.2)
            self.answer(200, {})
        else:
            self.answer(200, {"path": self.path})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.note(body)
        is_known = (body["name"], body["secret"]) in (("ann", "1"), ('b"ob', "2, 3"))
        self.answer(200 if is_known else 403, {"token": "token-of-" + body["name"]} if is_known else {})

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # connections are opened all at once

    def handle_error(self, request, client_address):
        """A client that goes away early is what some tests are about."""


PLAN = """
name: shop
url: URL/api
variables: {greeting: hello}
data:
  - {name: users, file: users.csv}
steps:
  - name: login
    request: POST /login
    json:
      name: "${users.name}"
      secret: "${users.secret}"
      number: ${sequence}
      id: "${uuid}"
    checks:
      - status: 200
      - {json: /token, matches: "^token-of-"}
    extract: {variable: token, json: /token}
  - name: me
    request: GET /me?n=${random(1, 3)}&g=${greeting}
    headers: {authorization: "Bearer ${token}"}
    checks:
      - status: [200, 299]
      - {json: /user, exists: true}
      - {header: content-type, contains: json}
load: {users: 2, iterations: 20}
thresholds:
  - "errors < 0.1%"
  - login: p99 < 10s
"""


class LoadPlan(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-load-plan-")
        self.server = Server(("127.0.0.1", 0), Shop)
        self.server.lock = threading.Lock()
        self.server.seen = []
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.write("users.csv", 'name,secret\nann,1\n"b""ob","2, 3"\n')

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w") as file:
            file.write(text.replace("URL", self.url))

    def start(self, *words):
        words = [word.replace("URL", self.url) for word in words]
        return subprocess.Popen([weir.BINARY, "load", *words], cwd=self.folder.name, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def load(self, *words, exits=DONE):
        process = self.start(*words)
        output, errors = process.communicate(timeout=60 * weir.SLOWNESS)
        self.assertEqual(process.returncode, exits, output + errors)
        return output + errors

    def results(self, *words, exits=DONE):
        self.load("--json", "results.json", *words, exits=exits)
        with open(os.path.join(self.folder.name, "results.json")) as file:
            return json.load(file)

    def series(self, results):
        return {step["step"]: step for step in results["summary"]["steps"]}

    def test_steps_use_what_earlier_ones_were_answered_and_rows_of_files(self):
        self.write("plan.yaml", PLAN)
        steps = self.series(self.results("plan.yaml"))
        self.assertEqual((steps["login"]["answered"], steps["me"]["answered"]), (20, 20))
        self.assertEqual((steps["login"]["failed"], steps["me"]["failed"]), (0, 0))
        logins = [body for method, _, _, body in self.server.seen if method == "POST"]
        self.assertEqual(collections.Counter(body["name"] for body in logins), {"ann": 10, 'b"ob': 10})
        self.assertEqual(sorted(body["number"] for body in logins), list(range(1, 21)))
        self.assertEqual(len({body["id"] for body in logins}), 20)
        queries = {path for method, path, _, _ in self.server.seen if method == "GET"}
        self.assertLessEqual(queries, {"/api/me?n=%d&g=hello" % n for n in (1, 2, 3)})
        self.assertGreater(len(queries), 1)

    def test_an_iteration_ends_where_a_value_is_missing_and_the_request_has_failed(self):
        self.write("plan.yaml", PLAN.replace("json: /token}\n  - name: me", "json: /nothing}\n  - name: me"))
        results = self.results("plan.yaml", exits=INVALID)
        steps = self.series(results)
        self.assertEqual((steps["login"]["failed"], steps["me"]["requests"]), (20, 0))
        self.assertEqual(results["totals"]["series"][0]["failed"], {"extract": 20})

    def test_scenarios_are_chosen_by_weight_and_the_same_by_the_same_seed(self):
        self.write("plan.yaml", "url: URL\nload: {users: 4, iterations: 1000}\nscenarios:\n"
                                "  - {name: a, weight: 3, steps: [GET /a]}\n  - {name: b, steps: [GET /b]}\n")
        steps = self.series(self.results("plan.yaml"))
        count = steps["GET /a"]["answered"]
        self.assertEqual(count + steps["GET /b"]["answered"], 1000)
        self.assertAlmostEqual(count, 750, delta=5 * (1000 * 0.75 * 0.25) ** 0.5)
        again = self.series(self.results("--seed", "1", "plan.yaml"))
        self.assertEqual(again["GET /a"]["answered"], count)

    def test_a_rate_is_held_and_stages_follow_each_other(self):
        self.write("plan.yaml", "url: URL\nsteps: [GET /]\nload:\n  stages:\n    - {duration: 1s, rate: 50}\n"
                                "    - {duration: 1s, rate: 50 -> 150}\n")
        steps = self.series(self.results("--max-lag", "1h", "plan.yaml"))
        self.assertAlmostEqual(steps["GET /"]["requests"], 150, delta=2)

    def test_recorded_moments_are_replayed_faster(self):
        self.write("moments.csv", "seconds,what\n" + "".join("%g,x\n" % (100 + i / 10) for i in range(31)))
        begin = time.monotonic()
        steps = self.series(self.results("--max-lag", "1h", "--replay", "moments.csv", "--replay-speed", "10", "URL/"))
        self.assertEqual(steps["GET /"]["answered"], 31)
        self.assertLess(time.monotonic() - begin, 3 * weir.SLOWNESS)

    def test_exit_codes_say_how_it_went(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            closed = "http://127.0.0.1:%d/" % nobody.getsockname()[1]
            rows = [
                (DONE, ["-n", "20", "-T", "p99 < 10s", "-T", "errors < 1%", "URL/"]),
                (THRESHOLDS, ["-n", "20", "-T", "p99 < 1us", "URL/"]),
                (THRESHOLDS, ["-n", "5", "-T", "median < 100ms", "URL/slow"]),
                (INVALID, ["-n", "20", "URL/broken"]),
                (DONE, ["-n", "20", "--max-errors", "1", "URL/broken"]),
                (FAILED, ["-n", "20", closed]),
                (FAILED, ["-n", "20", "--json", "/nonexistent/x", "URL/"]),
                (USAGE, ["-n", "20"]),
                (USAGE, ["-n", "x", "URL/"]),
                (USAGE, ["--nope", "URL/"]),
                (USAGE, ["no.yaml"]),
            ]
            for exits, words in rows:
                with self.subTest(words=words):
                    self.load(*words, exits=exits)

    def test_a_threshold_may_end_the_test(self):
        self.write("plan.yaml", "url: URL\nsteps: [GET /]\nload: {users: 1, duration: 60s}\ninterval: 100ms\n"
                                "thresholds:\n  - errors < 1%\n  - {condition: p99 < 1us, stop: true}\n")
        begin = time.monotonic()
        results = self.results("plan.yaml", exits=THRESHOLDS)
        self.assertLess(time.monotonic() - begin, 40 * weir.SLOWNESS)
        self.assertEqual([threshold["holds"] for threshold in results["thresholds"]], [True, False])

    def test_a_flag_that_is_nearly_one_is_guessed(self):
        said = self.load("--thresold", "p99 < 1s", "URL/", exits=USAGE)
        self.assertIn("Did you mean --threshold?", said)

    def test_ctrl_c_ends_with_results_and_the_second_at_once(self):
        process = self.start("-d", "60s", "-c", "2", "--json", "results.json", "URL/")
        weir.wait_until(lambda: len(self.server.seen) > 10, 20, "requests")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20 * weir.SLOWNESS)
        self.assertEqual(process.returncode, CANCELLED)
        self.assertIn("latency", output)
        with open(os.path.join(self.folder.name, "results.json")) as file:
            self.assertTrue(json.load(file)["cancelled"])
        self.server.seen.clear()
        process = self.start("-d", "60s", "--drain", "60s", "URL/slow")
        weir.wait_until(lambda: self.server.seen, 20, "requests")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20 * weir.SLOWNESS)
        self.assertIn(process.returncode, (CANCELLED, 143))

    def test_what_is_wrong_is_said_at_once_with_its_place(self):
        self.write("plan.yaml", "url: URL\nusers: 3\nsteps:\n  - GET items\n  - {request: GET /, timeout: soon}\n"
                                "thresholds: [p99 < 20]\n")
        said = self.load("--check", "plan.yaml", exits=USAGE)
        for part in ('plan.yaml:2:1: error: unknown option "users" in plan', "plan.yaml:4:5: error: a path begins",
                     'plan.yaml:5:31: error: "timeout" in step takes a time', "plan.yaml:6:14: error: the bound",
                     "    users: 3\n    ^"):
            self.assertIn(part, said)
        self.assertEqual(self.server.seen, [])
        self.write("plan.yaml", PLAN)
        self.assertEqual(self.load("--check", "plan.yaml"), "")
        self.assertEqual(self.server.seen, [])

    def test_a_dry_run_prints_what_goes_and_comes(self):
        self.write("plan.yaml", PLAN)
        said = self.load("--dry-run", "plan.yaml")
        for part in ("scenario default", "> POST /api/login", '"name":"ann"', "< 200", "holds json /token matches ^token-of-",
                     "${token} = token-of-ann", "> authorization: Bearer token-of-ann", '< {"user": "ann"}'):
            self.assertIn(part, said)
        self.assertEqual(len(self.server.seen), 2)
        self.write("plan.yaml", PLAN.replace("status: 200", "status: 201"))
        self.assertIn("FAILS status 201", self.load("--dry-run", "plan.yaml", exits=FAILED))

    def test_names_cannot_control_the_terminal(self):
        self.write("plan.yaml", 'name: "a\\e[2Jb"\nurl: URL\nsteps:\n  - {name: "one\\e[2J", request: GET /}\n  - {name: "two\\x9b", request: GET /}\n')
        for arguments in (("--dry-run",), ("-n", "2"), ("-n", "2", "-T", "two\x9b: p99 < 1h")):
            said = self.load(*arguments, "plan.yaml")
            self.assertIn("one?[2J", said)
            self.assertIn("two?", said)
            self.assertNotRegex(said, "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")

    def test_users_begin_one_after_the_other_and_think(self):
        begin = time.monotonic()
        self.load("--users", "3", "--spawn-rate", "5", "--think", "100ms..200ms", "-d", "1s", "URL/")
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertLess(len(self.server.seen), 40)
        self.assertGreater(len(self.server.seen), 5)

    def test_the_schema_takes_what_the_reader_takes(self):
        """Plans in JSON, which is YAML too."""
        step = {"request": "GET /", "think": ["1s", "2s"], "checks": {"status": 200}, "headers": {"a": 1}, "json": [1]}
        right = [
            {"url": self.url, "steps": ["GET /", step]},
            {"targets": [self.url], "scenarios": [{"name": "a", "weight": 0.5, "steps": [step]}], "connections": 5,
             "load": {"stages": [{"duration": "1m30s", "rate": "1 -> 2"}]}, "thresholds": ["p99 < 1s"]},
            {"url": self.url, "steps": ["GET /"], "load": {"replay": "users.csv", "arrival": "replay"},
             "thresholds": {"condition": "errors < 1%", "stop": True}},
        ]
        wrong = [
            {"urll": self.url, "steps": ["GET /"]},
            {"url": self.url, "steps": []},
            {"url": self.url, "steps": [dict(step, timeout="soon")]},
            {"url": self.url, "steps": [dict(step, think=["1s", "2s", "3s"])]},
            {"url": self.url, "steps": [dict(step, checks={"status": []})]},
            {"url": self.url, "steps": ["GET /"], "load": {"arrival": "even", "rate": 1}},
            {"url": self.url, "steps": ["GET /"], "load": {"stages": [{"rate": 1}]}},
            {"url": self.url, "steps": ["GET /"], "pipelining": 0},
        ]
        self.write("schema.json", self.load("--schema"))
        self.write("users.csv", "1\n2\n")
        for plan in right + wrong:
            with self.subTest(plan=plan):
                for name in ("plan.yaml", "plan.json"):
                    self.write(name, json.dumps(plan))
                self.load("--check", "plan.yaml", exits=DONE if plan in right else USAGE)
                checked = subprocess.run([weir.BINARY, "schema", "validate", "schema.json", "plan.json"],
                                         cwd=self.folder.name, capture_output=True, text=True, check=False)
                self.assertEqual(checked.returncode == 0, plan in right, checked.stdout + checked.stderr)

    def test_the_schema_and_the_reference_are_made_of_the_same_rows(self):
        schema = json.loads(self.load("--schema"))
        reference = self.load("--reference")
        for name in schema["properties"]:
            self.assertIn("| `%s` |" % name, reference)
        self.assertFalse(schema["additionalProperties"])


if __name__ == "__main__":
    unittest.main()
