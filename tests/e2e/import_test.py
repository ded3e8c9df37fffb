#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir import openapi: two documents become folders that weir checks and serves, and what they say is enforced."""

import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

DOCUMENTS = os.path.join(weir.ROOT, "tests", "data", "openapi")


def read(path):
    with open(path) as file:
        return file.read()


def run(*arguments, cwd=None):
    return subprocess.run([weir.BINARY, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


class Api(http.server.BaseHTTPRequestHandler):
    """What stands behind: says what reached it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        text = json.dumps({"path": self.path, "method": self.command, "body": body.decode()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *arguments):
        pass


class Imported(unittest.TestCase):
    DOCUMENT = None

    @classmethod
    def setUpClass(cls):
        if cls.DOCUMENT is None:
            raise unittest.SkipTest("what the others share")
        cls.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=cls.api.serve_forever, daemon=True).start()
        cls.server = weir.Server("")
        cls.folder = cls.server.path("made")
        cls.result = run("import", "openapi", os.path.join(DOCUMENTS, cls.DOCUMENT), "--output", cls.folder,
                         "--upstream", "http://127.0.0.1:%d" % cls.api.server_port)
        assert cls.result.returncode == 0, cls.result.stderr
        cls.config = read(os.path.join(cls.folder, "weir.yaml"))
        made = run("keys", "add", "--file", os.path.join(cls.folder, "keys.conf"), "--tenant", "one")
        cls.key = made.stdout.strip()
        for name in ("schemas", "keys.conf"):
            os.rename(os.path.join(cls.folder, name), cls.server.path(name))
        cls.server.write_config(cls.config.replace("127.0.0.1:8080", "127.0.0.1:0"))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.api.shutdown()
        cls.api.server_close()

    def ask(self, method, path, body=None, fields=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        fields = dict(fields or {})
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        connection.request(method, path, body=body, headers=fields)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else None

    def refused(self, status, pointer, *request, **more):
        found, problem = self.ask(*request, **more)
        self.assertEqual(found, status, problem)
        self.assertIn(pointer, json.dumps(problem["errors"]))


class Petstore(Imported):
    DOCUMENT = "petstore-3.0.yaml"

    def keyed(self):
        return {"X-API-Key": self.key}

    def test_is_told_with_places_what_weir_has_no_words_for(self):
        said = self.result.stderr
        for line, words in [(92, "oauth"), (102, "enum without null"), (166, "readOnly"), (172, "beside $ref"),
                            (187, "discriminator"), (204, "no operation refers")]:
            self.assertRegex(said, r"petstore-3.0.yaml:%d:\d+: warning: .*%s" % (line, re.escape(words)))
        self.assertIn("Left out: GET /export.{ending}", self.config)
        self.assertIn('Not checked here: security "oauth" (oauth2)', self.config)

    def test_what_the_document_allows_reaches_the_api(self):
        status, seen = self.ask("GET", "/v2/pets?limit=5&status=sold,pending&born%5Bfrom%5D=2026-01-31")
        self.assertEqual((status, seen["path"].split("?")[0]), (200, "/v2/pets"))
        pet = {"name": "Rex", "status": "sold", "owner": None, "weight_kg": 4.2, "picture": "QUFB",
               "parents": [{"name": "Ada", "status": "sold"}], "toy": {"kind": "ball", "radius": 3}}
        status, seen = self.ask("POST", "/v2/pets", pet, self.keyed())
        self.assertEqual((status, json.loads(seen["body"])), (200, pet))
        merge = {"Content-Type": "application/merge-patch+json"}
        self.assertEqual(self.ask("PATCH", "/v2/pets/7", {"mood": None, "name": None}, merge)[0], 200)
        self.assertEqual(self.ask("PATCH", "/v2/pets/7")[0], 200)

    def test_keys_are_wanted_where_the_document_says_so(self):
        self.assertEqual(self.ask("DELETE", "/v2/pets/7")[0], 401)
        self.assertEqual(self.ask("DELETE", "/v2/pets/7", fields=self.keyed())[0], 200)
        self.assertEqual(self.ask("GET", "/v2/pets/7")[0], 200)

    def test_parameters_are_checked(self):
        self.refused(400, "limit", "GET", "/v2/pets?limit=0")
        self.refused(400, "limit", "GET", "/v2/pets?limit=x")
        self.refused(400, "status", "GET", "/v2/pets?status=sold,lost")
        self.refused(400, "born", "GET", "/v2/pets?born%5Bfrom%5D=yesterday")
        self.refused(400, "pet_id", "GET", "/v2/pets/0")
        self.refused(400, "x-trace-id", "GET", "/v2/pets", fields={"X-Trace-Id": "1"})

    def test_bodies_are_checked(self):
        good = {"name": "Rex", "status": "sold"}
        for pointer, change in [("/name", {"name": ""}), ("/status", {"status": "lost"}), ("/weight_kg", {"weight_kg": 0}),
                                ("/owner", {"owner": {}}), ("/parents", {"parents": [{}]}), ("/picture", {"picture": "?"}),
                                ("/toy", {"toy": {"kind": "ball"}}), ("/more", {"more": 1}), ("/name", {"name": None})]:
            self.refused(422, pointer, "POST", "/v2/pets", dict(good, **change), self.keyed())
        self.refused(422, "/mood", "PATCH", "/v2/pets/7", {"mood": "angry"})

    def test_a_body_that_is_not_json_is_not_checked(self):
        status, seen = self.ask("PUT", "/v2/pets/7/photo", "pixels", dict(self.keyed(), **{"Content-Type": "image/png"}))
        self.assertEqual((status, seen["body"]), (200, '"pixels"'))


class Orders(Imported):
    DOCUMENT = "orders-3.1.json"

    def keyed(self):
        return {"Authorization": "Bearer " + self.key}

    def test_what_the_document_allows_reaches_the_api(self):
        order = {"lines": [{"article": "pen-1", "price": 0.15}], "note": None, "total": 0.15}
        self.assertEqual(self.ask("POST", "/api/v2/orders", order)[0], 401)
        self.assertEqual(self.ask("POST", "/api/v2/orders", order, self.keyed())[0], 200)
        tree = {"data": 1, "children": [{"data": 2}, {"children": []}]}
        self.assertEqual(self.ask("PUT", "/api/v2/trees", tree)[0], 200)
        self.assertEqual(self.ask("GET", "/api/v2/orders/0123ABCD?fields=lines,note&filter=%7B%7D")[0], 200)

    def test_references_lead_to_what_they_meant(self):
        for pointer, order in [("/lines/0/article", {"lines": [{"article": "pen", "price": 1}]}),
                               ("/lines/0/price", {"lines": [{"article": "pen-1", "price": 0.155}]}),
                               ("/total", {"lines": [{"article": "pen-1", "price": 1}], "total": 0}),
                               ("/more", {"lines": [{"article": "pen-1", "price": 1}], "more": 1})]:
            self.refused(422, pointer, "POST", "/api/v2/orders", order, self.keyed())
        self.refused(422, "/children/0/children/0", "PUT", "/api/v2/trees", {"children": [{"children": [{"date": 1}]}]})

    def test_routes_that_would_share_a_name_keep_their_own_schemas(self):
        self.assertEqual(self.ask("GET", "/api/v2/orders/orderId?n=1")[0], 200)
        self.refused(400, "n", "GET", "/api/v2/orders/orderId?n=x")
        self.refused(400, "orderId", "GET", "/api/v2/orders/x")


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-import-")
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copy(os.path.join(DOCUMENTS, "orders-3.1.json"), os.path.join(self.folder, "orders.json"))

    def do(self, *arguments):
        return run("import", "openapi", *arguments, cwd=self.folder)

    def listing(self):
        return sorted(os.listdir(self.folder))

    def test_the_folder_is_named_after_the_document_and_passes_check(self):
        done = self.do("orders.json")
        self.assertEqual((done.returncode, done.stdout),
                         (0, "orders: 4 routes, 9 schemas; next: weir check orders/weir.yaml\n"))
        checked = run("check", "orders/weir.yaml", cwd=self.folder)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_what_is_there_already_is_never_overwritten(self):
        self.assertEqual(self.do("orders.json").returncode, 0)
        with open(os.path.join(self.folder, "orders", "mine"), "w"):
            pass
        again = self.do("orders.json")
        self.assertEqual(again.returncode, 1)
        self.assertIn("orders is there already", again.stderr)
        self.assertEqual(self.do("orders.json", "--force").returncode, 0)
        self.assertEqual(self.listing(), ["orders", "orders.json", "orders.old"])
        self.assertTrue(os.path.exists(os.path.join(self.folder, "orders.old", "mine")))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "orders", "mine")))
        third = self.do("orders.json", "--force")
        self.assertEqual(third.returncode, 1)
        self.assertIn("orders.old is there", third.stderr)
        self.assertEqual(self.listing(), ["orders", "orders.json", "orders.old"])

    def test_a_broken_document_leaves_nothing_behind(self):
        path = os.path.join(self.folder, "orders.json")
        text = read(path).replace("#/components/schemas/Line/properties/price", "#/components/schemas/Nil")
        with open(path, "w") as file:
            file.write(text)
        done = self.do("orders.json")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'orders.json:\d+:\d+: error: "#/components/schemas/Nil" leads to nothing')
        self.assertEqual(self.listing(), ["orders.json"])

    def test_a_schema_that_weir_cannot_compile_leaves_nothing_behind(self):
        document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"post": {
            "requestBody": {"content": {"application/json": {"schema": {"type": "string", "pattern": "a(b"}}}},
            "responses": {"200": {"description": "d"}}}}}}
        with open(os.path.join(self.folder, "bad.json"), "w") as file:
            json.dump(document, file)
        before = self.listing()
        done = self.do("bad.json", "-u", "http://127.0.0.1:9")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("nothing is written", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^bad/schemas/post-a.json:\d+:\d+: error: ")
        self.assertEqual(self.listing(), before)

    def test_wrong_usage_is_said(self):
        for arguments, words in [((), "name an OpenAPI document"), (("a", "b"), "unexpected argument"),
                                 (("orders.json", "--upstream", "ftp://x"), "--upstream takes")]:
            done = self.do(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        missing = self.do("missing.yaml")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("missing.yaml cannot be read", missing.stderr)
        nowhere = self.do("orders.json", "-o", "no/such/folder")
        self.assertEqual(nowhere.returncode, 1)
        self.assertIn("is not there", nowhere.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
