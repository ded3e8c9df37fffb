#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starting, reloading, draining and ending; what the server says when it cannot."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

ROUTE = "/v1/text-orientation"
BASE = """
listen: [127.0.0.1:0]
workers: 2
executors: 1
shutdown: {delay: %(delay)s, timeout: %(timeout)s}
models:
  - {name: text-orientation, path: %(model)s, warm_up: {x: [1, 3, 48, 192]}}
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /readyz, public: true, to: {endpoint: readyz}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "POST /take", public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %(chain)s
    to: {model: text-orientation}
"""


def config(delay="0s", timeout="20s", model=weir.MODELS + "/text-orientation.onnx", more=""):
    return BASE % {"delay": delay, "timeout": timeout, "model": model, "chain": weir.IMAGE_CHAIN} + more


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False


def run(*arguments, environment=None):
    return subprocess.run([weir.BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30 * weir.SLOWNESS,
                          env=dict(os.environ, **(environment or {})))


class Ending(unittest.TestCase):
    def begin_slow_request(self, server):
        """A request in flight: its body is on the way."""
        client = weir.Client(server.port)
        self.addCleanup(client.close)
        client.raw(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        weir.wait_until(lambda: weir.metrics(server.port)["weir_requests_in_flight"] >= 1, 5, "the request in flight")
        return client

    def test_sigterm_lets_a_running_request_finish(self):
        with weir.Server(config()) as server:
            slow = self.begin_slow_request(server)
            server.signal(signal.SIGTERM)
            server.wait_for_line("draining", 5)
            weir.wait_until(lambda: not can_connect(server.port), 5, "no new connections")
            time.sleep(0.3)
            self.assertIsNone(server.process.poll())
            slow.raw(b"67890")
            response = slow.receive()
            self.assertEqual((response.status, response.field("Connection")), (200, "close"))
            self.assertEqual(server.wait(), 0)

    def test_sigint_is_the_same(self):
        with weir.Server(config()) as server:
            server.signal(signal.SIGINT)
            self.assertEqual(server.wait(), 0)

    def test_readyz_is_503_while_requests_are_still_taken(self):
        with weir.Server(config(delay="1500ms")) as server:
            self.assertEqual(weir.ask(server.port, "GET", "/readyz").status, 200)
            server.signal(signal.SIGTERM)
            server.wait_for_line("shutting down", 5)
            response = weir.ask(server.port, "GET", "/readyz")
            self.assertEqual(response.status, 503, response)
            self.assertEqual(weir.ask(server.port, "GET", "/livez").status, 200)
            response = weir.ask(server.port, "POST", ROUTE, {}, weir.image("upside-down-1.jpg"))
            self.assertEqual(response.json()["result"], "180")
            self.assertEqual(server.wait(), 0)

    def test_what_does_not_finish_in_time_is_closed(self):
        with weir.Server(config(timeout="500ms")) as server:
            slow = self.begin_slow_request(server)
            begin = time.monotonic()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - begin, 4 * weir.SLOWNESS)
            with self.assertRaises(weir.Gone):
                slow.receive()

    def test_a_second_signal_ends_at_once(self):
        with weir.Server(config()) as server:
            server.exit_code = 128 + signal.SIGTERM
            slow = self.begin_slow_request(server)
            server.signal(signal.SIGTERM)
            server.wait_for_line("draining", 5)
            server.signal(signal.SIGTERM)
            with self.assertRaises(weir.Gone):
                slow.receive()
            self.assertEqual(server.wait(), server.exit_code)

    def test_idle_connections_do_not_hold_it_up(self):
        with weir.Server(config()) as server:
            clients = [weir.Client(server.port) for _ in range(20)]
            for client in clients:
                self.addCleanup(client.close)
                self.assertEqual(client.request("GET", "/livez").status, 200)
            begin = time.monotonic()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - begin, 3 * weir.SLOWNESS)


class Reloading(unittest.TestCase):
    def test_a_good_configuration_is_taken(self):
        with weir.Server(config()) as server, weir.Client(server.port) as kept:
            self.assertEqual(kept.request("GET", "/new").status, 404)
            server.write_config(config(more='  - {match: GET /new, public: true, to: {endpoint: livez}}\n'))
            server.reload()
            self.assertEqual(kept.request("GET", "/new").status, 200, "on a connection from before")
            self.assertEqual(weir.ask(server.port, "GET", "/new").status, 200)
            self.assertEqual(weir.metrics(server.port)['weir_config_reloads_total{result="success"}'], 1)

    def test_a_bad_configuration_is_reported_and_the_old_one_serves(self):
        with weir.Server(config()) as server:
            for bad, said in ((config() + "routez: []\n", r"weir\.yaml:\d+:1: error.*routes"),
                              ("listen: [", r"weir\.yaml:\d+:\d+: error"),
                              (config(model="missing.onnx"), r"missing\.onnx"),
                              (config(model=os.path.join(weir.ROOT, "README.md")), r"cannot be served"),
                              (config().replace("workers: 2", "workers: 3"), r'"workers" has changed')):
                begin = len(server.lines)
                server.write_config(bad)
                server.reload(is_good=False)
                self.assertTrue(server.find_line(said, begin), (said, server.lines[begin:]))
                response = weir.ask(server.port, "POST", ROUTE, {}, weir.image("upside-down-1.jpg"))
                self.assertEqual(response.json()["result"], "180")
                self.assertEqual(weir.ask(server.port, "GET", "/readyz").status, 200)
            values = weir.metrics(server.port)
            self.assertEqual(values['weir_config_reloads_total{result="failure"}'], 5)
            self.assertEqual(values["weir_config_last_reload_successful"], 0)
            server.write_config(config())
            server.reload()
            self.assertEqual(weir.metrics(server.port)["weir_config_last_reload_successful"], 1)

    def test_a_model_whose_file_was_replaced_is_loaded_anew(self):
        server = weir.Server(config(model="model.onnx"))
        shutil.copy(weir.MODELS + "/text-orientation.onnx", server.path("model.onnx"))
        with server:
            path = "/v2/models/text-orientation"
            self.assertEqual(weir.ask(server.port, "GET", path).json()["inputs"][0]["name"], "x")
            shutil.copy(os.path.join(weir.ROOT, "tests/data/models/mlp.onnx"), server.path("next.onnx"))
            os.rename(server.path("next.onnx"), server.path("model.onnx"))
            not_warmed = config(model="model.onnx").replace(", warm_up: {x: [1, 3, 48, 192]}", "")
            tensors_only = not_warmed[:not_warmed.index("  - match: POST " + ROUTE)]
            begin = len(server.lines)
            server.write_config(not_warmed)
            server.reload(is_good=False)  # the image route no longer fits its model, and says so
            self.assertTrue(server.find_line("normalize_image does not fit the model", begin))
            self.assertEqual(weir.ask(server.port, "GET", path).json()["inputs"][0]["name"], "x")
            begin = len(server.lines)
            server.write_config(tensors_only)
            server.reload()
            self.assertTrue(server.find_line("is ready on", begin))
            shape = weir.ask(server.port, "GET", path).json()["inputs"][0]["shape"]
            self.assertNotEqual(len(shape), 4, "the new model is not an image model")

    def test_a_model_that_did_not_change_is_not_loaded_again(self):
        with weir.Server(config()) as server:
            begin = len(server.lines)
            server.reload()
            self.assertIsNone(server.find_line("is ready on", begin))

    def test_no_request_is_lost_during_20_reloads_under_load(self):
        faults = []
        counts = [0] * 6
        is_over = threading.Event()
        # A model file whose time changes is loaded anew, so that every reload swaps the model as well.
        server = weir.Server(config(model="model.onnx"))
        shutil.copy(weir.MODELS + "/text-orientation.onnx", server.path("model.onnx"))
        body = weir.image("upside-down-1.jpg")

        def load(index):
            try:
                with weir.Client(server.port) as kept:
                    while not is_over.is_set():
                        if index % 2:
                            response = kept.request("POST", ROUTE, {}, body)
                        else:
                            response = weir.ask(server.port, "POST", ROUTE, {}, body)
                        assert response.status == 200 and response.json()["result"] == "180", response
                        assert weir.ask(server.port, "GET", "/readyz").status == 200, "ready all the time"
                        counts[index] += 1
            except BaseException as error:
                faults.append(repr(error))

        with server:
            threads = [threading.Thread(target=load, args=(i,)) for i in range(len(counts))]
            for thread in threads:
                thread.start()
            for i in range(20):
                os.utime(server.path("model.onnx"), (i, i))
                server.reload()
            is_over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(faults, [])
            self.assertGreaterEqual(min(counts), 1)
            print("%d requests during 20 reloads, RSS %.1f MiB"
                  % (sum(counts), weir.status_kib(server.pid, "VmRSS") / 1024))


class Starting(unittest.TestCase):
    def test_port_in_use_is_said(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            server = weir.Server(config().replace("127.0.0.1:0", "127.0.0.1:%d" % port))
            result = run("serve", server.config_path)
            server.remove()
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot listen on 127.0.0.1:%d: the address is in use" % port, result.stderr)

    def test_another_weir_on_the_port_is_said_too(self):
        # SO_REUSEPORT would let both have it.
        with weir.Server(config()) as first:
            second = weir.Server(config().replace("127.0.0.1:0", "127.0.0.1:%d" % first.port))
            result = run("serve", second.config_path)
            second.remove()
            self.assertEqual(result.returncode, 1)
            self.assertIn("is in use", result.stderr)

    def test_a_broken_configuration_is_said_with_its_place(self):
        server = weir.Server(config() + "  - {match: GET /x, to: {endpoint: livezz}}\n")
        for command in ("serve", "check"):
            result = run(command, server.config_path)
            self.assertEqual(result.returncode, 1, result)
            self.assertRegex(result.stderr, r"weir\.yaml:\d+:\d+: error: .*livezz")
            self.assertIn('"livez"', result.stderr)
        server.write_config(config())
        self.assertEqual(run("check", server.config_path).returncode, 0)
        server.remove()

    def test_nothing_but_the_server_runs_in_its_process(self):
        """ONNX Runtime would start threads of its own, and keep and send what it learnt (see ort.c)."""
        server = weir.Server(config())
        home = server.path("home")
        os.mkdir(home)
        server.environment.update(HOME=home, TMPDIR=home, XDG_CACHE_HOME=home)
        server.environment.pop("ORT_DISABLE_TELEMETRY", None)
        begin = time.time()
        with server:
            weir.ask(server.port, "POST", ROUTE, {}, weir.image("upright-1.jpg"))
            tasks = "/proc/%d/task" % server.pid
            names = {weir.read("%s/%s/comm" % (tasks, task)).decode().strip() for task in os.listdir(tasks)}
            if not weir.SANITIZER:  # whose runtime may have a thread
                self.assertEqual(names, {"weir", "weir-log", "worker0", "worker1", "crew0", "executor0"})
            self.assertEqual(os.listdir(home), [])
            debris = "/tmp/mat-debug-%d.log" % server.pid  # an older process of that number may have left one
            self.assertFalse(os.path.exists(debris) and os.stat(debris).st_mtime >= begin)

    def test_a_missing_configuration_is_said(self):
        result = run("serve", "/nonexistent/weir.yaml")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent/weir.yaml", result.stderr)

    def test_readyz_says_which_model_is_missing_and_the_log_says_why(self):
        for environment, path, why in (({"WEIR_ORT_LIB": "/nonexistent"}, None, "/nonexistent"),
                                       ({}, os.path.join(weir.ROOT, "README.md"), "README.md")):
            server = weir.Server(config(**({"model": path} if path else {})), environment)
            with server.start(is_ready=False):
                line = server.wait_for_line("text-orientation cannot be served: ", 20)
                self.assertIn(why, line)
                response = weir.ask(server.port, "GET", "/readyz")
                self.assertEqual(response.status, 503)
                self.assertIn("text-orientation", response.json()["detail"])
                self.assertNotIn("/", response.json()["detail"])  # paths are for the operator only
                self.assertEqual(weir.ask(server.port, "GET", "/livez").status, 200)
                response = weir.ask(server.port, "POST", ROUTE, {}, weir.image("upright-1.jpg"))
                self.assertEqual((response.status, response.problem()), (503, "model-not-ready"), response)
                self.assertEqual(weir.ask(server.port, "GET", "/v2/models/text-orientation/ready").status, 503)


class AccessLog(unittest.TestCase):
    def lines(self, path, count):
        def look():
            try:
                lines = weir.read(path).decode().splitlines()
            except FileNotFoundError:
                return None
            return lines if len(lines) >= count else None
        return [json.loads(line) for line in weir.wait_until(look, 5, "%d lines in %s" % (count, path))]

    def test_says_one_json_line_for_each_request(self):
        with weir.Server(config()) as server, weir.Client(server.port) as client:
            client.request("POST", ROUTE, {"X-Request-Id": "img", "User-Agent": 'a"\xe4b'}, weir.image("upright-1.jpg"))
            client.request("GET", "/livez?secret=1", {"X-Request-Id": "live"})
            client.request("GET", "/nope", {"X-Request-Id": "none"})
            client.request("POST", ROUTE, {"X-Request-Id": "bad"}, b"x")
            image, live, none, bad = self.lines(server.path("access.log"), 4)
            self.assertEqual((image["request_id"], image["status"], image["model"]), ("img", 200, "text-orientation"))
            self.assertGreater(image["run_ms"], 0)
            self.assertGreaterEqual(image["duration_ms"], image["run_ms"])
            self.assertEqual(image["peer"], "127.0.0.1")
            self.assertRegex(image["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual((live["path"], live["route"], live["method"]), ("/livez", "GET /livez", "GET"))
            self.assertEqual((none["status"], none["problem"]), (404, "not-found"))
            self.assertEqual((bad["status"], bad["problem"]), (422, "invalid-image"))

    def test_goes_on_in_a_new_file_after_rotation(self):
        with weir.Server(config()) as server, weir.Client(server.port) as client:
            client.request("GET", "/livez", {"X-Request-Id": "one"})
            self.lines(server.path("access.log"), 1)
            os.rename(server.path("access.log"), server.path("access.log.1"))
            client.request("GET", "/livez", {"X-Request-Id": "two"})
            self.lines(server.path("access.log.1"), 2)
            server.reload()
            client.request("GET", "/livez", {"X-Request-Id": "three"})
            self.assertEqual([line["request_id"] for line in self.lines(server.path("access.log"), 1)], ["three"])
            self.assertEqual([line["request_id"] for line in self.lines(server.path("access.log.1"), 2)],
                             ["one", "two"])

    def test_is_complete_when_the_server_ends(self):
        server = weir.Server(config())
        with server:
            with weir.Client(server.port) as client:
                for i in range(300):
                    client.request("GET", "/livez", {"X-Request-Id": "n%d" % i})
            self.assertEqual(server.stop(), 0)
            names = [line["request_id"] for line in self.lines(server.path("access.log"), 300)]
            self.assertEqual(names, ["n%d" % i for i in range(300)])


class Keys(unittest.TestCase):
    PRIVATE = """  - match: GET /private
    chain: [auth: {keys: keys.conf}, user_context: {buckets: [a, b], response_headers: true}]
    to: {endpoint: livez}
"""

    def add(self, path, tenant, *more):
        result = run("keys", "add", "--file", path, "--tenant", tenant, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def status(self, server, key):
        return weir.ask(server.port, "GET", "/private", {"Authorization": "Bearer " + key}).status

    def test_keys_are_added_listed_and_revoked(self):
        server = weir.Server(config(more=self.PRIVATE))
        path = server.path("keys.conf")
        first = self.add(path, "acme", "--name", "ci")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with server:
            self.assertEqual(self.status(server, first), 200)
            second = self.add(path, "umbrella")
            self.assertEqual(self.status(server, second), 401, "not before the reload")
            server.reload()
            self.assertEqual(self.status(server, second), 200)
            self.assertEqual(self.status(server, first), 200)

            entries = json.loads(run("keys", "list", "--file", path, "--json").stdout)
            entries.sort(key=lambda entry: entry["tenant"])
            self.assertEqual([entry["tenant"] for entry in entries], ["acme", "umbrella"])
            text = run("keys", "list", "--file", path).stdout
            self.assertIn("acme", text)
            for key in (first, second):
                secret = key[-30:]
                self.assertNotIn(secret, text)
                self.assertNotIn(secret, weir.read(path).decode())

            result = run("keys", "revoke", "--file", path, entries[0]["id"])
            self.assertEqual(result.returncode, 0, result.stderr)
            server.reload()
            self.assertEqual(self.status(server, first), 401)
            self.assertEqual(self.status(server, second), 200)
            self.assertNotEqual(run("keys", "revoke", "--file", path, "nobody").returncode, 0)

            log = [json.loads(line) for line in weir.read(server.path("access.log")).splitlines()]
            self.assertIn("umbrella", [line.get("tenant") for line in log])

    def test_an_expired_key_is_refused(self):
        server = weir.Server(config(more=self.PRIVATE))
        key = self.add(server.path("keys.conf"), "acme", "--expires", "1h")
        text = weir.read(server.path("keys.conf")).decode()
        stamps = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
        with open(server.path("keys.conf"), "w") as file:
            file.write(text.replace(stamps[-1], "2020-01-01T00:00:00Z").replace(stamps[0], "2019-01-01T00:00:00Z"))
        with server:
            self.assertEqual(self.status(server, key), 401)

    def test_a_tenant_stays_in_its_bucket(self):
        server = weir.Server(config(more=self.PRIVATE))
        keys = [self.add(server.path("keys.conf"), "tenant%d" % (i // 2)) for i in range(16)]
        with server:
            buckets = []
            for key in keys:
                response = weir.ask(server.port, "GET", "/private", {"X-API-Key": key})
                names = [value for name, value in response.fields if "bucket" in name.lower()]
                self.assertEqual(len(names), 1, response)
                buckets.append(names[0])
            self.assertEqual(buckets[0::2], buckets[1::2])
            self.assertEqual(set(buckets), {"a", "b"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
