#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document as it is served and printed, and the page that shows it."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
openapi: {title: Lines, version: 2.1.0, servers: [https://lines.example.net]}
chain: [request_id]
models:
  - name: lines
    path: %(models)s/text-orientation.onnx
    warm_up: {x: [1, 3, 48, 192]}
routes:
  - match: POST /v1/lines
    public: true
    chain:
      - normalize_image: {size: [192, 48], mean: [0.5], std: [0.5], field: line}
      - format_output: {labels: ["0", "180"], top_k: 2}
    to: {model: lines}
  - match: POST /v1/secret
    chain:
      - auth: {keys: keys.conf, header: x_api_key}
    to: {model: lines}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "GET /pages/{path...}", public: true, to: {files: .}}
  - {match: "* /else/{rest...}", public: true, to: {proxy: "http://127.0.0.1:9"}}
  - {match: "GET /v1/lines/{number}", host: lines.example.net, public: true, to: {endpoint: livez}}
  - {match: /api, public: true, to: {endpoint: openapi}}
"""


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG % {"models": weir.MODELS})
        subprocess.run([weir.BINARY, "keys", "add", "--file", cls.server.path("keys.conf"), "--tenant", "one"],
                       check=True, capture_output=True)
        cls.server.start()
        cls.document = json.loads(cls.get("/api/openapi.json")[2])

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @classmethod
    def get(cls, path, fields=None):
        connection = http.client.HTTPConnection("127.0.0.1", cls.server.port, timeout=30)
        connection.request("GET", path, headers=fields or {})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers, body

    def operation(self, method, path):
        return self.document["paths"][path][method]

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def test_every_route_is_an_operation(self):
        found = {(method, path) for path, item in self.document["paths"].items() for method in item}
        self.assertLessEqual({
            ("post", "/v1/lines"), ("post", "/v1/secret"), ("get", "/v2"), ("post", "/v2/models/{model}/infer"),
            ("get", "/metrics"), ("get", "/pages/{path}"), ("put", "/else/{rest}"), ("get", "/v1/lines/{number}"),
            ("get", "/api/openapi.json"), ("get", "/api/docs"), ("get", "/livez"), ("get", "/readyz")}, found)

    def test_operation_ids_are_unique(self):
        ids = [operation["operationId"] for item in self.document["paths"].values() for operation in item.values()]
        self.assertEqual(len(ids), len(set(ids)))

    def test_every_reference_leads_somewhere(self):
        for reference in re.findall(r'"\$ref":\s*"([^"]*)"', json.dumps(self.document)):
            self.assertTrue(self.resolve({"$ref": reference}), reference)

    def test_security_is_what_auth_accepts(self):
        self.assertEqual(self.operation("post", "/v1/lines")["security"], [])
        self.assertEqual(self.operation("post", "/v1/secret")["security"], [{"apiKey": []}])
        self.assertEqual(list(self.document["components"]["securitySchemes"]), ["apiKey"])
        self.assertIn("401", self.operation("post", "/v1/secret")["responses"])
        self.assertNotIn("401", self.operation("post", "/v1/lines")["responses"])

    def test_bodies_are_what_decode_takes(self):
        content = self.operation("post", "/v1/lines")["requestBody"]["content"]
        self.assertEqual(set(content), {"application/json", "multipart/form-data", "image/jpeg", "image/png",
                                        "image/webp", "application/octet-stream"})
        self.assertEqual(content["application/json"]["schema"]["required"], ["line"])

    def test_answers_are_what_format_output_writes(self):
        schema = self.operation("post", "/v1/lines")["responses"]["200"]["content"]["application/json"]["schema"]
        self.assertEqual(schema["properties"]["result"]["enum"], ["0", "180"])
        self.assertEqual(schema["properties"]["candidates"]["maxItems"], 2)
        self.assertIn("request_id", schema["required"])

    def test_tensors_are_the_model_s(self):
        operation = self.operation("post", "/v2/models/{model}/infer")
        self.assertEqual(operation["parameters"][0]["schema"]["enum"], ["lines"])
        schema = self.resolve(operation["requestBody"]["content"]["application/json"]["schema"])
        tensor = schema["properties"]["inputs"]["items"]["properties"]
        self.assertEqual((tensor["name"]["const"], tensor["datatype"]["const"]), ("x", "FP32"))
        self.assertEqual(tensor["shape"]["prefixItems"][1], {"const": 3})

    def test_hosts_and_rests_are_noted(self):
        self.assertIn("lines.example.net", self.operation("get", "/v1/lines/{number}")["description"])
        self.assertIn("segments", self.operation("get", "/pages/{path}")["parameters"][0]["description"])

    def test_info_is_from_the_options(self):
        self.assertEqual(self.document["info"]["title"], "Lines")
        self.assertEqual(self.document["servers"], [{"url": "https://lines.example.net"}])

    def test_unchanged_documents_are_not_sent_again(self):
        _, headers, _ = self.get("/api/openapi.json")
        status, _, body = self.get("/api/openapi.json", {"If-None-Match": headers["ETag"]})
        self.assertEqual((status, body), (304, b""))

    def test_yaml_is_the_same_document(self):
        status, headers, body = self.get("/api/openapi.yaml")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/yaml"))
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        self.assertEqual(yaml.safe_load(body), self.document)

    def test_the_command_prints_what_is_served(self):
        printed = subprocess.run([weir.BINARY, "openapi", self.server.config_path], check=True, capture_output=True)
        self.assertEqual(json.loads(printed.stdout), self.document)

    def test_the_page_asks_no_other_host(self):
        status, headers, page = self.get("/api/docs")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        parts = re.findall(rb'(?:src|href)="([^"]*)"', page)
        self.assertIn(b"docs/swagger-ui-bundle.js", parts)
        for part in parts:
            self.assertNotIn(b"//", part)
            if part.startswith(b"docs/"):
                self.assertEqual(self.get("/api/" + part.decode())[0], 200, part)
        self.assertIn(b"url=../docs", self.get("/api/docs/")[2])


USER = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"boss": {"$ref": "#"}, "id": {"$ref": "#/definitions/id"}},
        "definitions": {"id": {"type": "integer"}}}


class Contracts(unittest.TestCase):
    """What the command says of a configuration with schemas."""

    def setUp(self):
        self.server = weir.Server("""
listen: [127.0.0.1:0]
schemas: schemas
routes:
  - match: POST /v2/users/{id}
    public: true
    parameters: [{name: id, in: path, required: true, schema: {type: integer, minimum: 1}}]
    responses:
      "201": {description: Made, schema: schemas/user.json}
    to: {proxy: "http://127.0.0.1:9"}
""")
        self.addCleanup(shutil.rmtree, self.server.folder, True)
        os.mkdir(self.server.path("schemas"))
        self.write("user.json", USER)
        self.write("post-users-id-v2.json", {"title": "New user", "type": "object", "required": ["name"],
                                             "properties": {"name": {"type": "string"}, "by": {"$ref": "user.json"}}})

    def write(self, name, schema):
        with open(self.server.path("schemas/" + name), "w", encoding="utf-8") as file:
            json.dump(schema, file)

    def run_weir(self, *arguments):
        return subprocess.run([weir.BINARY, "openapi", *arguments, self.server.config_path], capture_output=True, text=True)

    def test_schemas_are_components_that_refer_to_each_other(self):
        document = json.loads(self.run_weir().stdout)
        operation = document["paths"]["/v2/users/{id}"]["post"]
        schemas = document["components"]["schemas"]
        self.assertEqual(operation["parameters"][0]["schema"], {"type": "integer", "minimum": 1})
        self.assertEqual(operation["requestBody"]["content"]["application/json"]["schema"],
                         {"$ref": "#/components/schemas/New_user"})
        self.assertEqual(schemas["New_user"]["properties"]["by"], {"$ref": "#/components/schemas/user"})
        self.assertEqual(schemas["user"]["properties"]["boss"], {"$ref": "#/components/schemas/user"})
        self.assertEqual(schemas["id"], {"type": "integer"})
        self.assertIn("201", operation["responses"])
        self.assertNotIn("default", operation["responses"])
        self.assertEqual(operation["x-openapi-validation"]["mode"], "enforce")

    def test_models_may_be_left_out(self):
        self.server.write_config("""
models: [{name: gone, path: gone.onnx}]
routes: [{match: /v2, public: true, to: {endpoint: v2}}]
""")
        with open(self.server.path("gone.onnx"), "wb") as file:
            file.write(b"this is no model")
        self.assertIn("--no-models", self.run_weir().stderr)
        document = json.loads(self.run_weir("--no-models").stdout)
        self.assertIn("InferenceRequest", document["components"]["schemas"])

    def test_a_schema_that_changes_is_told_as_it_is_enforced(self):
        self.server.write_config("""
listen: [127.0.0.1:0]
workers: 1
schemas: schemas
routes:
  - {match: "POST /v2/users/{id}", public: true, to: {proxy: "http://127.0.0.1:9"}}
  - {match: /, public: true, to: {endpoint: openapi}}
""")
        with self.server.start() as server:
            def document():
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                connection.request("GET", "/openapi.json")
                body = connection.getresponse().read()
                connection.close()
                return json.loads(body)
            self.assertNotIn("nick", document()["components"]["schemas"]["New_user"]["properties"])
            self.write("post-users-id-v2.json", {"title": "New user", "properties": {"nick": {"type": "string"}}})
            weir.wait_until(lambda: "nick" in document()["components"]["schemas"]["New_user"]["properties"], 10,
                            "the new schema")

    def test_what_is_written_can_be_imported_and_breaks_nothing(self):
        before = self.server.path("before.json")
        folder = self.server.path("imported")
        self.assertEqual(self.run_weir("-o", before).returncode, 0)
        subprocess.run([weir.BINARY, "import", "openapi", "-o", folder, "-u", "http://127.0.0.1:9", before], check=True,
                       capture_output=True)
        result = subprocess.run([weir.BINARY, "openapi", "--check", before, os.path.join(folder, "weir.yaml")],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_check_tells_what_breaks(self):
        before = self.server.path("before.yaml")
        self.assertEqual(self.run_weir("--yaml", "-o", before).returncode, 0)
        same = self.run_weir("--check", before)
        self.assertEqual((same.returncode, same.stdout), (0, ""))
        self.write("user.json", dict(USER, properties={**USER["properties"], "name": {"type": "string"}}))
        wider = self.run_weir("--check", before)
        self.assertEqual(wider.returncode, 0)
        self.assertIn("/name: is new", wider.stdout)
        self.assertEqual(self.run_weir("--check", before, "--fail-on", "any").returncode, 1)
        self.write("user.json", dict(USER, required=["id"]))
        narrower = self.run_weir("--check", before)
        self.assertEqual(narrower.returncode, 1)
        self.assertIn("breaking: POST /v2/users/{id}, request body application/json #/by/id: is required now",
                      narrower.stdout)

    def test_check_says_where_a_document_is_broken(self):
        with open(self.server.path("broken.yaml"), "w", encoding="utf-8") as file:
            file.write("paths:\n  /a: 1\n  /a: 2\n")
        result = self.run_weir("--check", self.server.path("broken.yaml"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("broken.yaml:3:3: error:", result.stderr)

    def test_check_takes_nothing_but_an_openapi_document(self):
        dangling = {"openapi": "3.1.0", "paths": {"/v2/users/{id}": {"post": {"requestBody": {"content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Lost"}}}}}}}}
        for text, words in [("[]", "is an object"), ("{}", 'lacks "openapi"'), ("a: 1", 'lacks "openapi"'),
                            ('{"swagger": "2.0", "paths": {}}', "swagger2openapi"),
                            ('{"openapi": "3.0.1", "paths": []}', '"paths" is an object'),
                            (json.dumps(dangling), "leads nowhere: #/components/schemas/Lost")]:
            with open(self.server.path("other"), "w", encoding="utf-8") as file:
                file.write(text)
            result = self.run_weir("--check", self.server.path("other"))
            self.assertEqual((result.returncode, result.stdout), (1, ""), text)
            self.assertIn(words, result.stderr)

    def test_what_cannot_be_printed_is_a_failure(self):
        before = self.server.path("before.json")
        self.assertEqual(self.run_weir("-o", before).returncode, 0)
        self.write("user.json", {"title": "Another"})
        for arguments in (["openapi", self.server.config_path], ["openapi", "--check", before, self.server.config_path],
                          ["check", self.server.config_path], ["schema", "--help"], ["--help"], ["--version"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = subprocess.run([weir.BINARY, *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                                        check=False)
            self.assertEqual(result.returncode, 1, arguments)

    def test_flags_that_do_not_go_together_are_refused(self):
        for flags in (("--json", "--yaml"), ("--fail-on", "any"), ("--check", "x", "--yaml"),
                      ("--check", "x", "--fail-on", "all")):
            self.assertEqual(self.run_weir(*flags).returncode, 2, flags)


if __name__ == "__main__":
    unittest.main()
