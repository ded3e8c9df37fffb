#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The logging and trace extensions: what may be changed is, what may not be is refused with a reason."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 1
models:
  - {name: mlp, path: %s/mlp.onnx}
  - {name: two, path: %s/two_inputs.onnx}
chain: [metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % (MODELS, MODELS)
ALLOWED = CONFIG + "trace: {file: \"{folder}/trace.json\"}\nlog_settings: true\n"
TRACE = "/v2/trace/setting"
MODEL_TRACE = "/v2/models/mlp/trace/setting"


def change(server, path, **settings):
    return weir.ask(server.port, "POST", path, {}, json.dumps(settings).encode())


def infer(server, request_id):
    body = {"id": request_id, "inputs": [{"name": "x", "shape": [1, 8], "datatype": "FP32", "data": [0.5] * 8}]}
    response = weir.ask(server.port, "POST", "/v2/models/mlp/infer", {}, json.dumps(body).encode())
    assert response.status == 200, response


def traces(path, count):
    """Pairs of what was asked and when what happened, once there are so many."""
    def look():
        if not os.path.exists(path) or not os.path.getsize(path):
            return None
        entries = json.loads(weir.read(path))
        return entries if len(entries) >= 2 * count else None
    entries = weir.wait_until(look, 10, "%d traces in %s" % (count, path))
    return list(zip(entries[0::2], entries[1::2]))


class Settings(unittest.TestCase):
    def test_without_a_file_nothing_is_traced(self):
        with weir.Server(CONFIG) as server:
            self.assertNotIn("trace", weir.ask(server.port, "GET", "/v2").json()["extensions"])
            self.assertEqual(weir.ask(server.port, "GET", TRACE).json()["trace_level"], ["OFF"])
            self.assertEqual(change(server, TRACE, trace_level=["TIMESTAMPS"]).problem(), "not-enabled")
            self.assertEqual(change(server, TRACE, trace_level="OFF").status, 200)
            self.assertEqual(change(server, "/v2/logging", log_info=False).problem(), "not-enabled")
            self.assertEqual(change(server, "/v2/logging", log_info=True, log_verbose_level=0).status, 200)

    def test_traces_are_an_array_that_is_always_whole(self):
        with weir.Server(ALLOWED) as server:
            answer = change(server, MODEL_TRACE, trace_level=["TIMESTAMPS"], trace_rate="2", trace_count="3")
            self.assertEqual((answer.json()["trace_level"], answer.json()["trace_count"]), (["TIMESTAMPS"], "3"))
            self.assertEqual(weir.ask(server.port, "GET", "/v2/models/two/trace/setting").json()["trace_level"], ["OFF"])
            for i in range(10):
                infer(server, "r%d" % i)
            found = traces(server.path("trace.json"), 3)
            self.assertEqual(sorted(head["request_id"] for head, _ in found), ["r0", "r2", "r4"], "each worker has its order")
            for head, times in found:
                self.assertEqual((head["model_name"], head["model_version"]), ("mlp", 1))
                self.assertEqual(head["id"], times["id"])
                stamps = times["timestamps"]
                self.assertEqual([stamp["name"] for stamp in stamps],
                                 ["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START",
                                  "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END",
                                  "HTTP_SEND_START", "HTTP_SEND_END"])
                self.assertEqual(sorted(stamp["ns"] for stamp in stamps), [stamp["ns"] for stamp in stamps])
            self.assertEqual(weir.ask(server.port, "GET", MODEL_TRACE).json()["trace_count"], "0")
            self.assertEqual(weir.metrics(server.port)["weir_traces_dropped_total"], 0)

    def test_null_gives_a_setting_back(self):
        with weir.Server(ALLOWED) as server:
            change(server, MODEL_TRACE, trace_rate=7)
            change(server, TRACE, trace_rate=5)
            self.assertEqual(weir.ask(server.port, "GET", MODEL_TRACE).json()["trace_rate"], "7")
            self.assertEqual(change(server, MODEL_TRACE, trace_rate=None).json()["trace_rate"], "5")
            self.assertEqual(change(server, TRACE, trace_rate=None).json()["trace_rate"], "1000")

    def test_a_frequency_gives_each_so_many_a_file(self):
        with weir.Server(ALLOWED) as server:
            change(server, TRACE, trace_level="TIMESTAMPS", trace_rate=1, log_frequency=2)
            for i in range(4):
                infer(server, "")
            self.assertEqual(len(traces(server.path("trace.json.0"), 2)), 2)
            self.assertEqual(len(traces(server.path("trace.json.1"), 2)), 2)

    def test_models_of_different_frequencies_lose_no_traces(self):
        with weir.Server(ALLOWED) as server:
            change(server, TRACE, trace_level="TIMESTAMPS", trace_rate=1)
            change(server, MODEL_TRACE, log_frequency=2)
            other = {"inputs": [{"name": name, "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} for name in ("left", "right")]}
            for i in range(4):
                infer(server, "")
                response = weir.ask(server.port, "POST", "/v2/models/two/infer", {}, json.dumps(other).encode())
                self.assertEqual(response.status, 200, response)
            for name, count in (("trace.json", 4), ("trace.json.0", 2), ("trace.json.1", 2)):
                self.assertEqual(len(traces(server.path(name), count)), count)

    def test_there_are_no_more_files_than_a_thousand_whatever_the_frequency(self):
        body = json.dumps({"inputs": [{"name": "x", "shape": [1, 8], "datatype": "FP32", "data": [0.5] * 8}]}).encode()
        with weir.Server(ALLOWED) as server:
            change(server, TRACE, trace_level="TIMESTAMPS", trace_rate=1, log_frequency=1)
            with weir.Client(server.port) as client:
                for i in range(1010):
                    client.request("POST", "/v2/models/mlp/infer", {}, body)
                    if i % 100 == 99:
                        weir.wait_until(lambda: os.path.exists(server.path("trace.json.%d" % min(i, 999))), 10, "the files")
            server.wait_for_line("traces cannot be written", 10)
            self.assertFalse(os.path.exists(server.path("trace.json.1000")))

    def test_what_cannot_be_set_is_said(self):
        with weir.Server(ALLOWED) as server:
            for settings, status in (({"trace_file": "other"}, 501), ({"trace_mode": "opentelemetry"}, 501),
                                     ({"trace_level": ["TENSORS"]}, 501), ({"trace_level": "LOUD"}, 400),
                                     ({"trace_rate": 0}, 400), ({"trace_count": "-2"}, 400), ({"other": 1}, 400)):
                self.assertEqual(change(server, TRACE, **settings).status, status, settings)
            for settings, status in (({"log_verbose_level": 1}, 501), ({"log_file": "x"}, 501), ({"log_info": 1}, 400),
                                     ({"log_warning": False}, 501), ({"log_format": "ISO8601"}, 501), ({"other": 1}, 400)):
                self.assertEqual(change(server, "/v2/logging", **settings).status, status, settings)
            self.assertEqual(weir.ask(server.port, "POST", "/v2/logging", {}, b"[]").status, 400)
            self.assertEqual(change(server, "/v2/models/none/trace/setting").problem(), "model-not-found")

    def test_a_reload_does_not_move_the_file(self):
        with weir.Server(ALLOWED) as server:
            server.write_config(ALLOWED.replace("trace.json", "other.json"))
            server.reload(is_good=False)
            self.assertIsNotNone(server.find_line('"trace" has changed, which takes a restart'))

    def test_messages_can_be_turned_off_and_on(self):
        with weir.Server(ALLOWED) as server:
            self.assertFalse(change(server, "/v2/logging", log_info=False, log_warning=False).json()["log_info"])
            begin = len(server.lines)
            server.signal(weir.signal.SIGHUP)
            change(server, "/v2/logging", log_info=True)
            weir.wait_until(lambda: weir.ask(server.port, "GET", "/v2/logging").json()["log_info"], 5, "the setting")
            server.reload()
            self.assertTrue(server.find_line("weir: reloaded", begin))


if __name__ == "__main__":
    unittest.main()
