#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of a repository come, change and go while requests run, and no request notices."""

import json
import os
import shutil
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

DATA = os.path.join(weir.ROOT, "tests/data/models")
sys.path.insert(0, DATA)
import make_models  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 1
repository: %s
routes:
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: POST /run, public: true, to: {model: mlp}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
PIPELINE = CONFIG + """
  - {match: POST /chained, public: true, to: {pipeline: chained}}
pipelines:
  - name: chained
    steps:
      - {name: page, use: decode}
      - {name: values, use: normalize, in: page, with: {size: [2, 2]}}
      - {name: mean, model: tiles, in: values}
    answer: [{name: y, from: mean}]
"""
TILES = make_models.one("tiles", "ReduceMean", make_models.FLOAT, ["N", 3, "h", "w"], make_models.FLOAT, ["N", 3],
                        axes=[2, 3], keepdims=0)
POLL = "{folder: models, control: poll, interval: 1s}"
JSON = {"Content-Type": "application/json"}
INFER = json.dumps({"inputs": [{"name": "x", "shape": [1, 8], "datatype": "FP32", "data": [0.5] * 8}]})


def copy(server, source, name):
    """Under a hidden name, then renamed: as rsync does."""
    path = server.path("models/" + name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    hidden = os.path.join(os.path.dirname(path), ".%s.Xa3b" % os.path.basename(path))
    shutil.copyfile(os.path.join(DATA, source), hidden)
    os.rename(hidden, path)


def write(server, name, content):
    path = server.path("models/" + name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def make(repository=POLL, models=("mlp/1/model.onnx",), has_pipeline=False):
    server = weir.Server((PIPELINE if has_pipeline else CONFIG) % repository)
    os.makedirs(server.path("models"))
    if has_pipeline:
        write(server, "tiles/1/model.onnx", TILES)
    for name in models:
        copy(server, "mlp.onnx", name)
    return server


def ask(server, path, body=None):
    return weir.ask(server.port, "GET" if body is None else "POST", path, JSON if body else None, (body or "").encode())


def versions(server, name="mlp"):
    answer = ask(server, "/v2/models/" + name)
    return answer.json()["versions"] if answer.status == 200 else []


def wait_for_versions(server, expected, name="mlp"):
    weir.wait_until(lambda: versions(server, name) == expected, 20, "%s of %s" % (expected, name))


def loads(server, result):
    return weir.metrics(server.port)['weir_model_loads_total{result="%s"}' % result]


with open(os.path.join(weir.ROOT, "tests/data/images/grey.png"), "rb") as png:
    PNG = png.read()


class Traffic:
    """Requests without a pause; what is not 200 is kept."""

    BODIES = {"/chained": ({"Content-Type": "image/png"}, PNG)}

    def __init__(self, server, paths=("/v2/models/mlp/infer", "/run")):
        self.failures = []
        self.count = 0
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, args=(server.port, path)) for path in paths]

    def run(self, port, path):
        while not self.is_over:
            answer = weir.ask(port, "POST", path, *self.BODIES.get(path, (JSON, INFER.encode())))
            self.count += 1
            if answer.status != 200:
                self.failures.append((answer.status, answer.body[:300]))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()


class Poll(unittest.TestCase):
    def test_folder_of_files_is_a_repository(self):
        with make("models", ("mlp.onnx", "other.onnx")) as server:
            self.assertEqual(versions(server), ["1"])
            self.assertEqual(versions(server, "other"), ["1"])

    def test_no_request_fails_while_models_come_change_and_go(self):
        with make() as server, Traffic(server) as traffic:
            with self.subTest("a version is added"):
                copy(server, "mlp.onnx", "mlp/2/model.onnx")
                wait_for_versions(server, ["2"])
            with self.subTest("a file is replaced by a rename"):
                before = loads(server, "success")
                copy(server, "mlp.onnx", "mlp/2/model.onnx")
                weir.wait_until(lambda: loads(server, "success") > before, 20, "the new file")
            with self.subTest("a file is written in place, slowly"):
                before = loads(server, "success")
                with open(os.path.join(DATA, "mlp.onnx"), "rb") as file:
                    content = file.read()
                with open(server.path("models/mlp/2/model.onnx"), "wb") as file:
                    for at in range(0, len(content), len(content) // 8 + 1):
                        file.write(content[at:at + len(content) // 8 + 1])
                        file.flush()
                        time.sleep(0.15)
                weir.wait_until(lambda: loads(server, "success") > before, 20, "the whole file")
                self.assertEqual(loads(server, "failure"), 0, "a file that was not whole was read")
            with self.subTest("a version is broken"):
                copy(server, "not_onnx.onnx", "mlp/3/model.onnx")
                weir.wait_until(lambda: loads(server, "failure") == 1, 20, "the failure")
                self.assertEqual(versions(server), ["2"])
                self.assertEqual(ask(server, "/readyz").status, 200)
            with self.subTest("a config.pbtxt is broken"):
                write(server, "mlp/config.pbtxt", b"inputs {}")
                time.sleep(2.5)
                self.assertEqual(versions(server), ["2"])
                write(server, "mlp/config.pbtxt", b"version_policy { specific { versions: [1, 2] } }")
                wait_for_versions(server, ["1", "2"])
                self.assertEqual(ask(server, "/v2/models/mlp/versions/1").status, 200)
            with self.subTest("a version is deleted"):
                shutil.rmtree(server.path("models/mlp/2"))
                wait_for_versions(server, ["1"])
        self.assertEqual(traffic.failures[:3], [])
        self.assertGreater(traffic.count, 100)

    def test_route_waits_for_a_model_that_is_not_there_yet(self):
        with make(models=()) as server:
            self.assertEqual(ask(server, "/readyz").status, 200)
            answer = ask(server, "/run", INFER)
            self.assertEqual(answer.status, 503)
            self.assertIn("is not loaded", answer.json()["detail"])
            copy(server, "mlp.onnx", "mlp.onnx")
            weir.wait_until(lambda: ask(server, "/run", INFER).status == 200, 20, "the model")
            os.remove(server.path("models/mlp.onnx"))
            weir.wait_until(lambda: ask(server, "/run", INFER).status == 503, 20, "its end")

    def test_model_of_a_pipeline_stays_when_its_files_go(self):
        with make(models=("other.onnx",), has_pipeline=True) as server, Traffic(server, ("/chained",)) as traffic:
            shutil.rmtree(server.path("models/tiles"))
            gone = 'its files are gone; it stays loaded, because pipeline "chained" has a step with it'
            weir.wait_until(lambda: ("tiles", "1", "READY", gone) in index(server), 20, "the word of it")
            with self.subTest("what else changes is taken"):
                copy(server, "mlp.onnx", "third.onnx")
                wait_for_versions(server, ["1"], "third")
                os.remove(server.path("models/other.onnx"))
                wait_for_versions(server, [], "other")
            self.assertEqual(server.stderr().count(gone), 1)
            with self.subTest("a config.pbtxt is broken"):
                write(server, "tiles/1/model.onnx", TILES)
                write(server, "tiles/config.pbtxt", b"inputs {}")
                weir.wait_until(lambda: any("config.pbtxt" in row[3] for row in index(server)), 20, "the fault")
                os.remove(server.path("models/third.onnx"))
                wait_for_versions(server, [], "third")
            with self.subTest("it comes back"):
                os.remove(server.path("models/tiles/config.pbtxt"))
                write(server, "tiles/2/model.onnx", TILES)
                wait_for_versions(server, ["2"], "tiles")
                self.assertNotIn("gone", str(index(server)))
        self.assertEqual(traffic.failures[:3], [])
        self.assertGreater(traffic.count, 10)

    def test_version_that_does_not_fit_a_pipeline_fails_alone(self):
        with make(has_pipeline=True) as server, Traffic(server, ("/chained", "/run")) as traffic:
            with self.subTest("a version whose input is another one"):
                copy(server, "mlp.onnx", "tiles/2/model.onnx")
                weir.wait_until(lambda: loads(server, "failure") == 1, 20, "the failure")
                weir.wait_until(lambda: ("tiles", "1", "READY", "") in index(server), 5, "version 1")
                (row,) = [row for row in index(server) if row[1] == "2"]
                self.assertEqual(row[2], "UNAVAILABLE")
                self.assertIn('pipeline chained: step "mean", input "x": expects FP32 [batch, 8], but "values', row[3])
            with self.subTest("it is not read again, and other changes are taken"):
                before = loads(server, "success")
                copy(server, "mlp.onnx", "mlp/2/model.onnx")
                wait_for_versions(server, ["2"])
                time.sleep(1.5)
                self.assertEqual((loads(server, "success"), loads(server, "failure")), (before + 1, 1))
            with self.subTest("one that fits"):
                write(server, "tiles/3/model.onnx", TILES)
                wait_for_versions(server, ["3"], "tiles")
            with self.subTest("a file of the version that is served"):
                copy(server, "mlp.onnx", "tiles/3/model.onnx")
                weir.wait_until(lambda: any("cannot be served: pipeline chained" in row[3] for row in index(server)
                                            if row[:3] == ("tiles", "3", "READY")), 20, "the reason")
                self.assertEqual(loads(server, "failure"), 2)
                self.assertEqual(ask(server, "/readyz").status, 200)
        self.assertEqual(traffic.failures[:3], [])
        self.assertNotIn("models were not taken", server.stderr())

    def test_folder_that_cannot_be_read_takes_no_models_along(self):
        with make() as server, Traffic(server) as traffic:
            os.rename(server.path("models"), server.path("elsewhere"))
            weir.wait_until(lambda: "there is no such folder" in server.stderr(), 20, "the word of it")
            time.sleep(1.5)
            self.assertEqual(versions(server), ["1"])
            os.rename(server.path("elsewhere"), server.path("models"))
            copy(server, "mlp.onnx", "mlp/2/model.onnx")
            wait_for_versions(server, ["2"])
        self.assertEqual(traffic.failures[:3], [])

    def test_model_that_fails_alone_leaves_the_others_ready(self):
        with make() as server:
            write(server, "bad/config.pbtxt", b'input { name: "nobody" }')
            copy(server, "mlp.onnx", "bad/1/model.onnx")
            weir.wait_until(lambda: "config.pbtxt:1:7: the model has no input" in server.stderr(), 20, "the message")
            weir.wait_until(lambda: ask(server, "/v2/models/bad/infer", INFER).status == 503, 10, "the end of the load")
            self.assertEqual(ask(server, "/v2/models/mlp/infer", INFER).status, 200)
            self.assertEqual(ask(server, "/readyz").status, 200)


EXPLICIT = "{folder: models, control: explicit, load: [mlp]}"


def order(server, name, what, body=None):
    return ask(server, "/v2/repository/models/%s/%s" % (name, what), json.dumps(body or {}))


def index(server, is_ready=False):
    answer = ask(server, "/v2/repository/index", json.dumps({"ready": is_ready}))
    return [(row["name"], row.get("version"), row["state"], row["reason"]) for row in answer.json()]


class Explicit(unittest.TestCase):
    def test_load_of_what_has_not_changed_loads_it_anew(self):
        with make(EXPLICIT) as server, Traffic(server) as traffic:
            for count in range(2, 5):
                self.assertEqual(order(server, "mlp", "load").status, 200)
                self.assertEqual(loads(server, "success"), count)
            ready = [row for row in index(server) if row[2] == "READY"]
            self.assertEqual(ready[0][:2], ("mlp", "1"))
            self.assertEqual(ask(server, "/v2/repository/index", json.dumps({"ready": "yes"})).status, 400)
            self.assertIn("compared with version 1", ready[0][3])
            server.reload()
            self.assertEqual(loads(server, "success"), 4, "a reload shares what is in use")
        self.assertEqual(traffic.failures[:3], [])

    def test_load_of_what_is_gone_leaves_the_model(self):
        with make(EXPLICIT) as server:
            shutil.rmtree(server.path("models/mlp"))
            answer = order(server, "mlp", "load")
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("its files are gone; it stays loaded", answer.json()["error"])
            self.assertEqual(index(server), [("mlp", "1", "READY", "its files are gone; it stays loaded")])
            self.assertEqual(order(server, "mlp", "unload").status, 200)
            self.assertEqual(index(server), [])

    def test_loads_and_unloads_while_requests_run(self):
        with make(EXPLICIT, ("mlp/1/model.onnx", "other.onnx")) as server, Traffic(server) as traffic:
            self.assertEqual(index(server), [("mlp", "1", "READY", ""), ("other", None, "UNAVAILABLE", "unloaded")])
            self.assertEqual(index(server, True), [("mlp", "1", "READY", "")])
            for _ in range(3):
                self.assertEqual(order(server, "other", "load").status, 200)
                self.assertEqual(versions(server, "other"), ["1"])
                self.assertEqual(order(server, "other", "unload", {"parameters": {"unload_dependents": True}}).status, 200)
                self.assertIn("model other was loaded on request", server.stderr())
                self.assertIn("model other was unloaded on request", server.stderr())
                self.assertEqual(ask(server, "/v2/models/other").status, 404)
            copy(server, "mlp.onnx", "mlp/2/model.onnx")
            time.sleep(0.5)
            self.assertEqual(versions(server), ["1"], "nobody has asked for it")
            self.assertEqual(order(server, "mlp", "load").status, 200)
            self.assertEqual(versions(server), ["2"])
        self.assertEqual(traffic.failures[:3], [])
        self.assertGreater(traffic.count, 50)

    def test_clients_that_leave_keep_nobody_from_loading_for_long(self):
        request = b"POST /v2/repository/models/mlp/load HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"
        with make(EXPLICIT) as server:
            for _ in range(100):
                with socket.create_connection(("127.0.0.1", server.port)) as connection:
                    connection.sendall(request)
                    time.sleep(0.01)
            weir.wait_until(lambda: order(server, "mlp", "load").status == 200, 20, "a load that is taken")

    def test_load_that_fails_says_why_and_leaves_the_model(self):
        with make(EXPLICIT) as server:
            copy(server, "not_onnx.onnx", "mlp/1/model.onnx")
            answer = order(server, "mlp", "load")
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("mlp/1/model.onnx", answer.json()["error"])
            self.assertNotIn(server.folder, answer.json()["error"])
            self.assertEqual(ask(server, "/v2/models/mlp/infer", INFER).status, 200)
            (row,) = index(server)
            self.assertEqual(row[:3], ("mlp", "1", "READY"))
            self.assertIn("the file that is there now cannot be served", row[3])
            copy(server, "mlp.onnx", "mlp/1/model.onnx")
            self.assertEqual(order(server, "mlp", "load").status, 200)
            (row,) = index(server)
            self.assertEqual(row[:3], ("mlp", "1", "READY"))
            self.assertTrue(row[3].startswith("compared with version 1 on 4 inputs that were made up: largest difference 0"))

    def test_model_that_differs_too_much_is_not_taken(self):
        repository = "{folder: models, control: explicit, load: [mlp], record: 4, difference_max: 0.0001}"
        with make(repository) as server:
            self.assertEqual(ask(server, "/run", INFER).status, 200)
            copy(server, "mlp_shifted.onnx", "mlp/1/model.onnx")
            answer = order(server, "mlp", "load")
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("differs more than difference_max, 0.0001, lets it: compared with version 1 on 1 recorded inputs",
                          answer.json()["error"])
            self.assertEqual(ask(server, "/run", INFER).status, 200)
            copy(server, "mlp.onnx", "mlp/1/model.onnx")
            self.assertEqual(order(server, "mlp", "load").status, 200)
            (row,) = index(server)
            self.assertIn("largest difference 0, 0 of 1 + magnitude", row[3])

    def test_load_takes_a_configuration_in_place_of_the_file(self):
        with make(EXPLICIT, ("mlp/1/model.onnx", "mlp/2/model.onnx")) as server:
            config = {"backend": "onnxruntime", "version_policy": {"all": {}}, "input": [{"name": "x", "dims": [-1, 8]}]}
            answer = order(server, "mlp", "load", {"parameters": {"config": json.dumps(config)}})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(versions(server), ["1", "2"])
            answer = order(server, "mlp", "load", {"parameters": {"config": '{"platfrom": "x"}'}})
            self.assertEqual(answer.status, 400)
            self.assertEqual(order(server, "mlp", "load", {"parameters": {"file:1/model.onnx": ""}}).status, 501)
            self.assertEqual(order(server, "nobody", "load").status, 404)
            self.assertEqual(order(server, "nobody", "unload").status, 404)
            self.assertEqual(versions(server), ["1", "2"])

    def test_sequences_are_taken_from_config_pbtxt(self):
        with make(EXPLICIT) as server:
            copy(server, "running_sum.onnx", "sum/1/model.onnx")
            write(server, "sum/config.pbtxt", b"""
                max_batch_size: 4
                input { name: "x" data_type: TYPE_FP32 dims: 2 }
                output { name: "y" data_type: TYPE_FP32 dims: 2 }
                sequence_batching {
                  max_sequence_idle_microseconds: 60000000
                  state { input_name: "sum" output_name: "next" data_type: TYPE_FP32 dims: 2
                          initial_state { data_type: TYPE_FP32 dims: 2 zero_data: true name: "zeros" } }
                }""")
            self.assertEqual(order(server, "sum", "load").status, 200)
            for expected in ([1, 10], [2, 20], [3, 30]):
                body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 10]}],
                        "parameters": {"sequence_id": 7, "sequence_start": expected[0] == 1}}
                answer = ask(server, "/v2/models/sum/infer", json.dumps(body))
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual([output["data"] for output in answer.json()["outputs"]], [expected])

    def test_models_stay_as_they_were_asked_for_when_the_configuration_is_read_again(self):
        with make(EXPLICIT, ("mlp/1/model.onnx", "other.onnx")) as server:
            self.assertEqual(order(server, "other", "load").status, 200)
            copy(server, "not_onnx.onnx", "other.onnx")
            server.reload()
            self.assertEqual(ask(server, "/v2/models/other/infer", INFER).status, 200)

    def test_nobody_loads_without_explicit_control(self):
        with make(POLL) as server:
            answer = order(server, "mlp", "load")
            self.assertEqual(answer.status, 403)
            self.assertIn("control: explicit", answer.json()["error"])
            self.assertEqual(index(server), [("mlp", "1", "READY", "")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
