#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboards and every alert, asked of a real Prometheus that scrapes a real server under mixed traffic: none may
be without an answer. A query that names a metric or label that is not there gives an empty one, and an empty panel."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import demo  # noqa: E402
import prometheus  # noqa: E402
import weir  # noqa: E402
from upstream import Upstream  # noqa: E402

FOLDER = os.path.join(weir.ROOT, "deploy")
RULES = os.path.join(FOLDER, "prometheus", "weir.rules.yml")
MODELS = os.path.join(weir.ROOT, "tests/data/models")

# Metrics that have no answer in this test, and why that is right.
EXCEPTIONS = {"weir_alloc": "builds with a sanitizer count no allocations"} if weir.SANITIZER else {}

MORE_MODELS = """models:
  - {name: mlp, path: %(models)s/mlp.onnx, cache: 60s}
  - {name: sum, path: %(models)s/running_sum.onnx, sequence: {state: [{input: sum, output: next}]}}
"""
MORE_ROUTES = """routes:
  - {match: GET /app, public: true, to: {proxy: "http://%(app)s"}}
  - {match: GET /gone, public: true, to: {proxy: "http://127.0.0.1:9"}}
"""


def read_dashboard(name):
    with open(os.path.join(FOLDER, "grafana", name), encoding="utf-8") as file:
        return json.load(file)


def fill(expression):
    """As Grafana does with all values of a variable chosen; scrapes are a second apart here."""
    return re.sub(r"\$\{?(job|instance|route|model|scenario|step)\}?", ".*", expression.replace("$__rate_interval", "6s"))


def has_answer(server, expression):
    return any(math.isfinite(value) for _, value in server.query(fill(expression)))


def expressions(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def label_queries(dashboard):
    """label_values(metric{...}, label) as a query that has a series for each value."""
    for variable in dashboard["templating"]["list"]:
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if found:
            yield "count by (%s) (%s)" % (found[2], found[1]), found[2]


def check_dashboard(test, server, name):
    dashboard = read_dashboard(name)
    asked = expressions(dashboard)
    test.assertGreater(len(asked), 20)
    silent = [expression for expression in asked if not any(word in expression for word in EXCEPTIONS)]
    end = time.monotonic() + 15 * weir.SLOWNESS
    while silent and time.monotonic() < end:
        silent = [expression for expression in silent if not has_answer(server, expression)]
        time.sleep(0.3)
    test.assertEqual(silent, [], "queries of %s without an answer" % name)
    for query, label in label_queries(dashboard):
        test.assertTrue(any(labels.get(label) for labels, _ in server.query(fill(query))), query)


class Traffic:
    """Some of everything, again and again, until it is closed."""

    def __init__(self, server):
        self.server = server
        self.is_closed = False
        self.faults = []
        self.threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._models, self._others)]
        self.threads.append(threading.Thread(target=self._stall))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_closed = True
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults

    def _run(self, work):
        image, page, number = weir.image("upright-1.jpg"), weir.read(os.path.join(weir.ROOT, "examples/pages/small.webp")), 0
        try:
            while not self.is_closed:
                with weir.Client(self.server.port) as client:  # connections come and go as well
                    for _ in range(5):
                        work(client, number, image, page)
                        number += 1
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(error)

    def _stall(self):
        """A quiet machine has no stalls to show."""
        while not self.is_closed:
            self.server.signal(signal.SIGSTOP)
            time.sleep(0.03)
            self.server.signal(signal.SIGCONT)
            time.sleep(0.5)

    def _models(self, client, number, image, page):
        self._ask(client, "POST", "/v1/text-orientation", image, 200)
        if number % 10 == 0:
            self._ask(client, "POST", "/v1/ocr", page, 200)
        for value in (number, 1):  # anew, and from the cache
            self._ask(client, "POST", "/v2/models/mlp/infer", tensor(8, value), 200)
        self._ask(client, "POST", "/v2/models/sum/infer", tensor(2, 1, sequence_id=number + 1, sequence_start=True), 200)

    def _others(self, client, number, image, page):
        self._ask(client, "GET", "/app", b"", 200)
        if number % 5 == 0:
            self._ask(client, "GET", "/gone", b"", 502)
        self._ask(client, "GET", "/nowhere", b"", 404)
        self._ask(client, "POST", "/v1/private/text-orientation", image, 401)
        self._ask(client, "POST", "/v1/lines", b'{"image": 1}', 422, "application/json")
        time.sleep(0.02)

    @staticmethod
    def _ask(client, method, path, body, status, kind="application/octet-stream"):
        kind = "application/json" if body[:1] == b"{" else kind
        response = client.request(method, path, {"Content-Type": kind} if body else {}, body)
        assert response.status == status, (path, response)


def tensor(columns, value, **parameters):
    return json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, columns], "data": [value] * columns}],
                       "parameters": parameters}).encode()


def config(app):
    text = demo.config()
    for word, more in (("models:\n", MORE_MODELS), ("\nroutes:\n", "\n" + MORE_ROUTES)):
        assert text.count(word) == 1
        text = text.replace(word, more % {"models": MODELS, "app": app})
    return text


# Open loop with few connections, so that requests wait for one; a step that fails; a stream of tokens.
LOAD_PLAN = """
targets:
  - {name: app, url: "http://%(app)s"}
  - {name: llm, url: "http://%(llm)s"}
connections: 2
scenarios:
  - name: visit
    weight: 4
    steps: [GET /app, {name: wrong, request: GET /app, checks: {status: 404}}]
  - name: talk
    steps:
      - name: chat
        request: POST /v1/chat/completions
        target: llm
        kind: chat
        json: {stream: true, messages: [{role: user, content: "${uuid}"}]}
        slo: {first_token: 1s}
load: {rate: 80, arrival: poisson, duration: 60s}
valid: {lag: 10s, errors: 1}
export: {listen: "127.0.0.1:%(port)d"}
"""


def answer_some(connection):
    """And ends the connection, so that others are made all the time."""
    for _ in range(20):
        connection.request()
        connection.answer()


def answer_chats(connection):
    """Five tokens, some milliseconds apart, and how many they were."""
    while True:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            time.sleep(0.004)
            event(connection, {"choices": [{"index": 0, "delta": {"content": "word "}}]})
        event(connection, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
        connection.chunk(b"data: [DONE]\n\n")
        connection.send(b"0\r\n\r\n")


def event(connection, value):
    connection.chunk(b"data: %s\n\n" % json.dumps(value).encode())


class Dashboards(unittest.TestCase):
    def test_queries_of_a_load_test_have_answers(self):
        port = weir.free_port()
        with Upstream(answer_some) as app, Upstream(answer_chats) as llm, prometheus.Prometheus({"weir_load": ["127.0.0.1:%d" % port]}) as watcher:
            plan = os.path.join(watcher.folder, "plan.yaml")
            with open(plan, "w", encoding="utf-8") as file:
                file.write(LOAD_PLAN % {"app": app.address, "llm": llm.address, "port": port})
            load = subprocess.Popen([weir.BINARY, "load", plan], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                watcher.wait_for('up{job="weir_load"} == 1')
                check_dashboard(self, watcher, "weir-load.json")
            finally:
                load.terminate()
                load.wait(30)

    def test_queries_of_the_server_have_answers(self):
        with Upstream() as app:
            server = demo.server()
            server.write_config(config(app.address))
            with server, Traffic(server), prometheus.Prometheus({"weir": ["127.0.0.1:%d" % server.port]}, RULES) as watcher:
                watcher.wait_for('up{job="weir"} == 1')
                complaints = prometheus.check_text(weir.ask(server.port, "GET", "/metrics").body).splitlines()
                self.assertEqual([line for line in complaints if not line.startswith("nv_")], [])  # those are Triton's names
                check_dashboard(self, watcher, "weir-server.json")

    def test_the_configuration_and_its_alerts_are_well_formed(self):
        done = subprocess.run([prometheus.find("promtool"), "check", "config", os.path.join(FOLDER, "prometheus", "prometheus.yml")],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("7 rules found", done.stdout)

    def test_alerts_are_of_metrics_that_there_are(self):
        with open(RULES, encoding="utf-8") as file:
            named = set(re.findall(r"\b((?:weir|process)_[a-z_0-9]+)", re.sub(r"#.*", "", file.read())))
        with open(os.path.join(weir.ROOT, "docs/reference/metrics.md"), encoding="utf-8") as file:
            known = set(re.findall(r"^\| `(\w+)`", file.read(), re.M))
        self.assertEqual({name for name in named if re.sub("_bucket$", "", name) not in known}, set())


if __name__ == "__main__":
    prometheus.need("prometheus", "promtool")
    unittest.main(verbosity=1)
