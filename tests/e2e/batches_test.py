#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What models say of batching when they are loaded, padding, texts, the memory of a model, and `weir model bench`."""

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models:
  - {name: mlp, path: %(models)s/mlp.onnx}
  - {name: row_mean, path: %(models)s/row_mean.onnx}
  - {name: single, path: %(models)s/mlp.onnx, version: "2", batch: 1}
  - {name: labels, path: %(models)s/labels.onnx}
  - {name: string, path: %(models)s/string.onnx}
  - {name: lookup, path: %(models)s/lookup.onnx}
  - {name: small, path: %(models)s/identity.onnx, memory: 64KiB}
  - name: masked
    path: %(models)s/masked.onnx
    pad: [{input: x, dim: 1, buckets: [4, 8], value: 1000, mask: mask}]
routes:
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % {"models": MODELS}


def tensor(name, datatype, shape, data):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


class Batches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()

    def infer(self, model, *inputs):
        return weir.ask(self.server.port, "POST", "/v2/models/%s/infer" % model, {"Content-Type": "application/json"},
                        json.dumps({"inputs": inputs}).encode())

    def outputs(self, model, *inputs):
        response = self.infer(model, *inputs)
        self.assertEqual(response.status, 200, response.body)
        return {output["name"]: output for output in response.json()["outputs"]}

    def test_a_model_whose_rows_depend_on_each_other_says_so_at_start_and_runs_singly(self):
        self.assertRegex(self.server.stderr(), r"model row_mean: requests run singly: row 1 of 2 comes out otherwise than alone")
        self.assertNotIn("model mlp: requests run singly", self.server.stderr())
        self.assertNotIn("model single:", self.server.stderr().replace("model single version", ""))
        y = self.outputs("row_mean", tensor("x", "FP32", [2, 4], [1, 2, 3, 4, 3, 4, 5, 6]))["y"]
        self.assertEqual(y["data"], [-1, -1, -1, -1, 1, 1, 1, 1])

    def test_a_request_may_leave_out_the_mask_and_gets_its_own_length_back(self):
        for length in (1, 3, 4, 5, 8, 9):
            values = [i + 1 for i in range(length)]
            outputs = self.outputs("masked", tensor("x", "FP32", [1, length], values))
            self.assertEqual(outputs["total"]["data"], [sum(values)])
            self.assertEqual(outputs["twice"]["shape"], [1, length])
            self.assertEqual(outputs["twice"]["data"], [2 * value for value in values])
        outputs = self.outputs("masked", tensor("mask", "FP32", [1, 3], [1, 0, 1]), tensor("x", "FP32", [1, 3], [1, 2, 4]))
        self.assertEqual(outputs["total"]["data"], [5])

    def test_the_padded_input_itself_may_not_be_left_out(self):
        response = self.infer("masked", tensor("mask", "FP32", [1, 3], [1, 0, 1]))
        self.assertEqual(response.status, 422)
        self.assertIn(b'\\"x\\"', response.body)

    def test_texts_go_in_and_come_out(self):
        self.assertEqual(self.outputs("labels", tensor("x", "INT64", [2, 2], [0, 1, 2, 3]))["y"]["data"],
                         ["", "one", "a text of more than fifteen bytes", "Zürich"])
        texts = ["", "a text of more than fifteen bytes", "Zürich", "a\u0000b"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for text, output in pool.map(lambda t: (t, self.outputs("string", tensor("x", "BYTES", [1], [t]))), texts * 20):
                self.assertEqual(output["y"]["data"], [text])

    def test_one_bad_index_does_not_fail_those_that_came_with_it(self):
        def ask(index):
            return index, self.infer("lookup", tensor("x", "INT64", [1], [index]))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for index, response in pool.map(ask, [0, 1, 77, 2, 3] * 60):
                if index == 77:
                    self.assertEqual(response.status, 500)
                    continue
                self.assertEqual(response.status, 200, response.body)
                first = response.json()["outputs"][0]["data"][0]
                self.assertEqual(first, (index * 2 * 5 % 17 - 8) / 16)

    def test_what_has_no_room_in_the_memory_of_a_model_is_asked_to_come_again(self):
        response = self.infer("small", tensor("x", "FP32", [5000, 4], [0] * 20000))
        self.assertEqual(response.status, 503, response.body)
        self.assertTrue(response.field("Retry-After"))
        self.assertEqual(self.outputs("small", tensor("x", "FP32", [1, 4], [1, 2, 3, 4]))["y"]["data"], [1, 2, 3, 4])


class Bench(unittest.TestCase):
    def run_bench(self, *words, code=0):
        done = subprocess.run([weir.BINARY, "model", "bench", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_tells_the_cost_of_runs_by_their_rows(self):
        out = json.loads(self.run_bench("--json", "--seconds", "0.5", "--max", "8", MODELS + "/mlp.onnx").stdout)
        self.assertEqual([size["rows"] for size in out["sizes"]], [1, 2, 4, 8])
        self.assertGreater(out["open_ms"], 0)
        self.assertGreater(out["first_run_ms"], out["warm_run_ms"])
        for size in out["sizes"]:
            self.assertGreater(size["runs"], 0)
            self.assertLessEqual(size["p10_us"], size["median_us"])
            self.assertLessEqual(size["median_us"], size["p90_us"])
        self.assertGreater(out["fit"]["b_us"], 0)
        self.assertIsNone(out["why_single"])

    def test_says_why_a_model_runs_singly(self):
        out = self.run_bench("-s", "0.2", MODELS + "/row_mean.onnx").stdout
        self.assertRegex(out, r"Requests run singly: row 1 of 2 comes out otherwise than alone")

    def test_refuses_what_makes_no_sense(self):
        for words in ([], ["--max", "0", "x"], ["--seconds", "-1", "x"], ["--threads", "0", "x"], ["a", "b"], ["--warm-up", "x", "y"]):
            self.run_bench(*words, code=2)
        self.assertIn("no such file", self.run_bench(MODELS + "/there_is_none.onnx", code=1).stderr)

    def test_an_interrupt_ends_it_with_what_there_is(self):
        bench = subprocess.Popen([weir.BINARY, "model", "bench", "--json", "--seconds", "60", MODELS + "/mlp.onnx"],
                                 stdout=subprocess.PIPE, text=True)
        time.sleep(1.5)
        bench.send_signal(signal.SIGINT)
        out, _ = bench.communicate(timeout=20)
        self.assertEqual(bench.returncode, 0)
        self.assertEqual(len(json.loads(out)["sizes"]), 6)


if __name__ == "__main__":
    unittest.main()
