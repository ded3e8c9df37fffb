#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contracts: what is refused, reported and edited, and what reaches an upstream; what a hostile client cannot do."""

import gzip
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import http2  # noqa: E402
import weir  # noqa: E402
from upstream import Upstream  # noqa: E402
from upstream_http2 import Http2, serving  # noqa: E402

JSON = {"Content-Type": "application/json"}
HEAD = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
%s
schemas: %s
upstreams:
  - {name: app, servers: ["%s"], %s}
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
USER = {
    "type": "object",
    "required": ["name", "age"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0},
        "password": {"type": "string", "minLength": 8, "writeOnly": True},
    },
}
EDITED = {
    "x-openapi-validation": {"coerceTypes": True, "removeAdditional": True, "applyDefaults": True},
    "type": "object",
    "additionalProperties": False,
    "properties": {"n": {"type": "integer"}, "unit": {"default": "m"}},
}


class Kept:
    """Serves one request after the other, keeps them, and answers what it is told."""

    def __init__(self, body=b"{}", fields="Content-Type: application/json\r\n", status="200 OK"):
        self.messages = []
        self.answer = (body, fields, status)

    def __call__(self, connection):
        while True:
            self.messages.append(connection.request())
            connection.answer(*self.answer)


def served(upstream, routes, schemas, options="connect_time: 2s", settings="schemas", extra=""):
    """`schemas`: file name in the folder of schemas → document."""
    address = upstream.address if upstream else "127.0.0.1:1"
    server = weir.Server(HEAD % (extra, settings, address, options) + "".join("  - %s\n" % route for route in routes))
    os.mkdir(server.path("schemas"))
    for name, schema in schemas.items():
        with open(server.path("schemas/" + name), "w") as file:
            json.dump(schema, file)
    return server


def told(response):
    return [(error.get("parameter", ""), error.get("pointer", ""), error["keyword"]) for error in response.json()["errors"]]


def log_of(server):
    if not os.path.exists(server.path("access.log")):
        return []
    with open(server.path("access.log")) as file:
        return [json.loads(line) for line in file if '"/metrics"' not in line]


POST = '{match: POST /v2/users, public: true, to: {upstream: app}}'


class Bodies(unittest.TestCase):
    def test_what_fits_reaches_the_upstream_as_it_is(self):
        kept = Kept()
        body = b'{ "name":"a", "age":3 }'
        with Upstream(kept) as upstream, served(upstream, [POST], {"post-users-v2.json": USER}) as server:
            with weir.Client(server.port) as client:
                self.assertEqual(client.request("POST", "/v2/users", JSON, body).status, 200)
                client.raw(b"POST /v2/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"a\r\n" + body[:10] + b"\r\nd\r\n" + body[10:] + b"\r\n0\r\n\r\n")
                self.assertEqual(client.receive().status, 200)
                client.raw(b"POST /v2/users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 23\r\n\r\n")
                self.assertEqual(client.receive().status, 100)
                client.raw(body)
                self.assertEqual(client.receive().status, 200)
        for message in kept.messages:
            self.assertEqual((message.body, message.field("Content-Length")), (body, "23"))
            self.assertIsNone(message.field("Expect"))

    def test_what_does_not_fit_is_told_in_full_and_reaches_nobody(self):
        kept = Kept()
        with Upstream(kept) as upstream, served(upstream, [POST], {"post-users-v2.json": USER}) as server:
            response = weir.ask(server.port, "POST", "/v2/users", JSON,
                                b'{"name":"","age":-1,"password":"hunter2","nam":1}')
            self.assertEqual((response.status, response.problem()), (422, "invalid-body"))
            self.assertEqual(sorted(told(response)), [("", "/age", "minimum"), ("", "/nam", "additionalProperties"),
                                                      ("", "/name", "minLength"), ("", "/password", "minLength")])
            self.assertNotIn(b"hunter2", response.body)
            age = next(error for error in response.json()["errors"] if error["pointer"] == "/age")
            self.assertEqual((age["found"], age["expected"]), ("-1", "an integer of at least 0"))
            self.assertEqual(age["schema"], "post-users-v2.json#/properties/age/minimum")
            text = weir.ask(server.port, "POST", "/v2/users", dict(JSON, Accept="text/plain"), b'{"name":"a","age":-1}')
            self.assertIn(b"/age: Expected an integer of at least 0, found -1.", text.body)
            for headers, body, status in ((JSON, b'{"name":', 400), (JSON, b'{"name":"a","age":1,"age":2}', 400),
                                          ({"Content-Type": "text/plain"}, b"x", 415), (JSON, b"", 422)):
                self.assertEqual(weir.ask(server.port, "POST", "/v2/users", headers, body).status, status)
            metrics = weir.metrics(server.port)
            self.assertEqual(metrics["weir_contract_refused_total"], 6)
            self.assertEqual(metrics['weir_contract_violations_total{route="POST /v2/users",what="request",action="refused"}'], 6)
        self.assertEqual(kept.messages, [])

    def test_a_report_lets_it_through_and_says_so(self):
        kept = Kept()
        with Upstream(kept) as upstream, \
                served(upstream, [POST], {"post-users-v2.json": USER}, settings="{folder: schemas, mode: report}") as server:
            for body in (b'{"name":"a","age":-1}', b"{", b""):
                self.assertEqual(weir.ask(server.port, "POST", "/v2/users", JSON, body).status, 200)
            self.assertEqual(weir.metrics(server.port)["weir_contract_reported_total"], 3)
            weir.wait_until(lambda: len(log_of(server)) == 3, 5, "the log")
            self.assertEqual([line["contract"] for line in log_of(server)],
                             ["body /age: minimum", "body: invalid JSON", "body: required"])
        self.assertEqual([message.body for message in kept.messages], [b'{"name":"a","age":-1}', b"{", b""])

    def test_a_schema_that_does_not_enforce_lets_bodies_through(self):
        for mode, notes in (("off", [None, None]), ("report", [None, "body: required"])):
            kept = Kept()
            schema = dict(USER, **{"x-openapi-validation": {"mode": mode}})
            with Upstream(kept) as upstream, served(upstream, [POST], {"post-users-v2.json": schema}) as server, \
                    weir.Client(server.port) as client:
                body = b'{"name":"a","age":1}'
                self.assertEqual(client.request("POST", "/v2/users", JSON, body).status, 200)
                self.assertEqual(client.request("POST", "/v2/users", JSON, b"").status, 200)
                weir.wait_until(lambda: len(log_of(server)) == 2, 5, "the log")
                self.assertEqual([line.get("contract") for line in log_of(server)], notes)
            self.assertEqual([message.body for message in kept.messages], [body, b""])

    def test_a_route_for_any_method_misses_bodies_where_the_method_brings_one(self):
        route = "{match: '* /any', public: true, schema: schemas/user.json, to: {upstream: app}}"
        with Upstream(Kept()) as upstream, served(upstream, [route], {"user.json": USER}) as server:
            self.assertEqual([weir.ask(server.port, method, "/any").status for method in ("GET", "DELETE", "POST", "PUT")],
                             [200, 200, 422, 422])

    def test_trailers_do_not_follow_a_collected_body(self):
        taken = []

        def reply(session, stream):
            taken.append((dict(stream.fields).get("trailer"), stream.trailers))
            session.answer(stream, b"{}", fields=[("content-type", "application/json")])
        with Upstream(serving(reply)) as upstream, \
                served(upstream, [POST], {"post-users-v2.json": USER}, options="protocol: http2") as server, \
                weir.Client(server.port) as client:
            client.raw(b"POST /v2/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                       b'14\r\n{"name":"a","age":1}\r\n0\r\nX-T: 1\r\n\r\n')
            self.assertEqual(client.receive().status, 200)
        self.assertEqual(len(taken), 1)
        self.assertFalse(taken[0][0] or taken[0][1], taken)

    def test_an_edited_body_is_what_the_upstream_gets(self):
        sent = b'{"n": "5", "extra": [1]}'
        wanted = b'{"n":5,"unit":"m"}'
        coded = dict(JSON, **{"Content-Encoding": "gzip", "Content-Digest": "sha-256=:AA==:"})
        kept = Kept()
        with Upstream(kept) as upstream, served(upstream, [POST], {"post-users-v2.json": EDITED}) as server:
            self.assertEqual(weir.ask(server.port, "POST", "/v2/users", JSON, sent).status, 200)
            self.assertEqual(weir.ask(server.port, "POST", "/v2/users", coded, gzip.compress(sent)).status, 200)
            self.assertEqual(weir.metrics(server.port)["weir_contract_edited_total"], 2)
        for message in kept.messages:
            self.assertEqual((message.body, message.field("Content-Length")), (wanted, str(len(wanted))))
            self.assertIsNone(message.field("Content-Encoding"))
            self.assertIsNone(message.field("Content-Digest"))

    def test_an_upstream_of_http2_gets_it_whole(self):
        streams = []
        big = json.dumps({"name": "x" * 300000, "age": 1}).encode()

        def reply(session, stream):
            streams.append(stream)
            session.answer(stream)
        with Upstream(serving(reply)) as upstream, \
                served(upstream, [POST], {"post-users-v2.json": USER}, options="protocol: http2") as server:
            for body in (b'{"name":"a","age":3}', big):
                self.assertEqual(weir.ask(server.port, "POST", "/v2/users", JSON, body).status, 200)
                self.assertEqual((bytes(streams[-1].body), streams[-1].field("content-length")), (body, str(len(body))))

    def test_room_at_the_upstream_does_not_fail_a_request_twice(self):
        def serve(connection):
            session = Http2(connection, window=1000, is_holding=True)
            stream = session.head()
            time.sleep(1.5)
            session.give(stream.number, 60000)
            session.until(lambda: stream.reset_code is not None)
        body = json.dumps({"name": "a" * 300000, "age": 1}).encode()
        with Upstream(serve) as upstream, \
                served(upstream, [POST], {"post-users-v2.json": USER}, options="protocol: http2",
                       extra="limits: {total_time: 1s}") as server, \
                http2.Client(server.port, window=0) as client:
            number = client.open("POST", "/v2/users", [("content-type", "application/json")], is_ended=False)
            for at in range(0, len(body), 16384):
                client.frame(http2.DATA, 1 if at + 16384 >= len(body) else 0, number, body[at:at + 16384])
                time.sleep(0.01)
            time.sleep(2)
            client.give(number, 100000)
            stream = client.wait(number)
            self.assertEqual((stream.statuses, stream.reset_code), ([503], None))
            self.assertIn(b"deadline", stream.body)

    def test_a_client_of_http2_is_held_to_it(self):
        kept = Kept()
        with Upstream(kept) as upstream, served(upstream, [POST], {"post-users-v2.json": USER}) as server, \
                http2.Client(server.port) as client:
            good = json.dumps({"name": "x" * 100000, "age": 3}).encode()
            fields = [("content-type", "application/json")]
            for body, status in ((b'{"name":"a","age":3}', 200), (b'{"name":"a","age":-3}', 422), (good, 200)):
                self.assertEqual(client.request("POST", "/v2/users", fields, body).status, status)
        self.assertEqual([message.body for message in kept.messages], [b'{"name":"a","age":3}', good])

    def test_a_large_body_goes_on_whole_to_a_slow_upstream(self):
        body = json.dumps({"name": "x" * 9000000, "age": 1}).encode()
        got = []

        def serve(connection):
            message = connection.head()
            time.sleep(0.3)
            got.append(connection.body(message).body)
            connection.answer()
        with Upstream(serve) as upstream, served(upstream, [POST], {"post-users-v2.json": USER}) as server:
            self.assertEqual(weir.ask(server.port, "POST", "/v2/users", JSON, body).status, 200)
        self.assertEqual(got, [body])

    def test_a_request_with_its_body_in_memory_is_sent_again(self):
        bodies = []

        def serve(connection):
            message = connection.request()
            bodies.append(message.body)
            connection.answer()
            if connection.number == 0:
                connection.head()
                connection.reset()
                return
            while True:
                bodies.append(connection.request().body)
                connection.answer()
        body = b'{"name":"a","age":3}'
        route = "{match: PUT /v2/users, public: true, to: {upstream: app}}"
        with Upstream(serve) as upstream, served(upstream, [route], {"put-users-v2.json": USER}) as server:
            for _ in range(2):
                self.assertEqual(weir.ask(server.port, "PUT", "/v2/users", JSON, body).status, 200)
        self.assertEqual(bodies, [body, body])


PARAMETERS = """[
    {name: id, in: path, required: true, schema: {type: integer, minimum: 1}},
    {name: limit, in: query, required: true, schema: {type: integer, maximum: 100}},
    {name: tags, in: query, explode: false, schema: {type: array, items: {type: string, minLength: 1}}},
    {name: filter, in: query, style: deepObject, schema: {type: object, properties: {price: {type: number}}}},
    {name: pipes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: integer}}},
    {name: spaces, in: query, style: spaceDelimited, explode: false, schema: {type: array, items: {type: integer}}},
    {name: where, in: query, content: {application/json: {schema: {type: object, required: [a]}}}},
    {name: X-Flags, in: header, schema: {type: array, items: {type: boolean}}},
    {name: session, in: cookie, schema: {type: string, minLength: 8}}]"""


class Parameters(unittest.TestCase):
    ROUTE = "{match: 'GET /items/{id}', public: true, parameters: %s, contract: {refuse_unknown_query: true}, " \
            "to: {upstream: app}}" % " ".join(PARAMETERS.split())

    def test_parameters_of_all_places_and_styles(self):
        kept = Kept()
        good = ("/items/7?limit=5&tags=a,b&filter%5Bprice%5D=1.5&pipes=1|2%7C3&spaces=1%202+3"
                "&where=%7B%22a%22:1%7D")
        with Upstream(kept) as upstream, served(upstream, [self.ROUTE], {}) as server:
            fields = {"X-Flags": "true, false", "Cookie": "a=b; session=12345678"}
            self.assertEqual(weir.ask(server.port, "GET", good, fields).status, 200)
            for target, fields, expected in (
                    ("/items/0?limit=5", {}, [("id", "", "minimum")]),
                    ("/items/x?limit=101", {}, [("id", "", "type"), ("limit", "", "maximum")]),
                    ("/items/7", {}, [("limit", "", "required")]),
                    ("/items/7?limit=5&limit=6", {}, [("limit", "", "style")]),
                    ("/items/7?limit=5&tags=a,,b", {}, [("tags", "/1", "minLength")]),
                    ("/items/7?limit=5&filter[price]=x", {}, [("filter", "/price", "type")]),
                    ("/items/7?limit=5&pipes=1|x", {}, [("pipes", "/1", "type")]),
                    ("/items/7?limit=5&where={}", {}, [("where", "", "required")]),
                    ("/items/7?limit=5&where={", {}, [("where", "", "style")]),
                    ("/items/7?limit=5&lmit=5", {}, [("lmit", "", "unknown")]),
                    ("/items/7?limit=5", {"X-Flags": "true, no"}, [("X-Flags", "/1", "type")]),
                    ("/items/7?limit=5", {"Cookie": "session=hunter2"}, [("session", "", "minLength")])):
                response = weir.ask(server.port, "GET", target, fields)
                self.assertEqual((response.status, response.problem()), (400, "invalid-parameters"), target)
                self.assertEqual([(name.lower(), pointer, keyword) for name, pointer, keyword in told(response)],
                                 [(name.lower(), pointer, keyword) for name, pointer, keyword in expected], target)
                self.assertNotIn(b"hunter2", response.body)
        self.assertEqual(len(kept.messages), 1)


class Responses(unittest.TestCase):
    ROUTE = "{match: GET /items, public: true, contract: {responses: %s}, " \
            "responses: {200: schemas/item.json, 4XX: schemas/error.json}, to: {upstream: app}}"
    SCHEMAS = {"item.json": {"required": ["id"]}, "error.json": {"required": ["error"]}}

    def ask(self, mode, kept, expected, settle=True, headers=None):
        with Upstream(kept) as upstream, served(upstream, [self.ROUTE % mode], self.SCHEMAS) as server:
            response = weir.ask(server.port, "GET", "/items", headers)
            self.assertEqual(response.status, expected, response)
            weir.wait_until(lambda: log_of(server), 5, "the log")
            return response, log_of(server)[0], weir.metrics(server.port)

    def test_what_breaks_the_promise_is_held_back(self):
        for body, fields, status, note in (
                (b'{"secret":1}', "Content-Type: application/json\r\nX-Secret: 1\r\n", "200 OK", "response: required"),
                (b'{"id":', "Content-Type: application/json\r\n", "200 OK", "response: invalid JSON"),
                (b"secret", "Content-Type: text/plain\r\n", "200 OK", "response: media type"),
                (b'{"secret":1}', "Content-Type: application/json\r\n", "404 Not Found", "response: required"),
                (gzip.compress(b'{"id":1}'), "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "200 OK",
                 "response: content coding")):
            response, line, metrics = self.ask("enforce", Kept(body, fields, status), 502)
            self.assertEqual(response.problem(), "invalid-upstream-response")
            self.assertNotIn(b"secret", response.body)
            self.assertIsNone(response.field("X-Secret"))
            self.assertIsNone(response.field("Content-Encoding"))
            self.assertEqual(line["contract"], note)
            self.assertEqual(metrics["weir_contract_responses_refused_total"], 1)

    def test_what_keeps_it_goes_through(self):
        for mode in ("enforce", "report"):
            kept = Kept(b'{"id":1}', "Content-Type: application/json\r\nX-Kept: 1\r\n")
            response, line, metrics = self.ask(mode, kept, 200, headers={"Accept-Encoding": "gzip"})
            self.assertEqual((response.body, response.field("X-Kept")), (b'{"id":1}', "1"))
            self.assertNotIn("contract", line)
            self.assertEqual(metrics["weir_contract_responses_total"], 1)
            self.assertEqual(kept.messages[0].all("Accept-Encoding"), ["identity"])

    def test_a_report_only_says_so(self):
        response, line, metrics = self.ask("report", Kept(b'{"no":1}'), 200)
        self.assertEqual(response.body, b'{"no":1}')
        self.assertEqual(line["contract"], "response: required")
        self.assertEqual(metrics["weir_contract_responses_reported_total"], 1)

    def test_a_response_is_looked_at_before_it_is_compressed(self):
        body = json.dumps({"no": ["word"] * 1000}).encode()
        route = self.ROUTE.replace("public: true,", "public: true, chain: [compress],")
        for mode, status in (("report", 200), ("enforce", 502)):
            with Upstream(Kept(body)) as upstream, served(upstream, [route % mode], self.SCHEMAS) as server, \
                    http2.Client(server.port) as client:
                response = client.request("GET", "/items", [("accept-encoding", "gzip")])
                self.assertEqual(response.status, status)
                if mode == "report":
                    self.assertEqual(gzip.decompress(bytes(response.body)), body)
                weir.wait_until(lambda: log_of(server), 5, "the log")
                self.assertEqual(log_of(server)[0]["contract"], "response: required")

    def test_a_chunked_response_is_held_until_it_is_whole(self):
        def serve(connection):
            while True:
                connection.request()
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
                for piece in (b'{"id"', b":", b'"' + b"x" * 100000 + b'"', b"}"):
                    connection.chunk(piece)
                    time.sleep(0.02)
                connection.send(b"0\r\n\r\n")
        response, _, _ = self.ask("enforce", serve, 200)
        self.assertEqual(len(response.body), 100009)
        self.assertEqual(response.field("Content-Length"), "100009")

    def test_parts_are_not_asked_for_and_not_handed_on(self):
        fields = "Content-Type: application/json\r\nContent-Range: bytes 1-5/9\r\n"
        kept = Kept(b'"secr', fields, "206 Partial Content")
        response, line, _ = self.ask("enforce", kept, 502, headers={"Range": "bytes=1-5", "If-Range": '"a"'})
        self.assertNotIn(b"secr", response.body)
        self.assertIsNone(response.field("Content-Range"))
        self.assertEqual((kept.messages[0].field("Range"), kept.messages[0].field("If-Range")), (None, None))
        self.assertEqual(line["contract"], "response: invalid JSON")

    def test_an_empty_response_keeps_no_promise(self):
        _, line, _ = self.ask("enforce", Kept(b""), 502)
        self.assertEqual(line["contract"], "response: no content")
        self.ask("report", Kept(b""), 200)

    def test_a_held_response_has_a_length_and_no_trailers(self):
        def serve(connection):
            while True:
                connection.request()
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kept: 1\r\nTrailer: X-T\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n8\r\n{\"id\":1}\r\n0\r\nX-T: 1\r\n\r\n")
        response, _, _ = self.ask("enforce", serve, 200, headers={"TE": "trailers", "Connection": "TE"})
        self.assertEqual((response.body, response.field("X-Kept"), response.field("Content-Length")),
                         (b'{"id":1}', "1", "8"))
        self.assertIsNone(response.field("Trailer"))

    def test_an_upstream_that_breaks_off_is_no_half_response(self):
        def serve(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.1)
            connection.reset()
        response, _, _ = self.ask("enforce", serve, 502)
        self.assertEqual(response.problem(), "bad-gateway")

    def test_an_upstream_of_http2_is_held_to_it(self):
        def reply(session, stream):
            session.answer(stream, b'{"no":1}' if len(session.streams) > 1 else b'{"id":1}',
                           fields=[("content-type", "application/json")])
        with Upstream(serving(reply)) as upstream, \
                served(upstream, [self.ROUTE % "enforce"], self.SCHEMAS, options="protocol: http2") as server:
            statuses = [weir.ask(server.port, "GET", "/items").status for _ in range(2)]
        self.assertEqual(statuses, [200, 502])

    def test_a_stream_of_events_is_not_waited_for(self):
        def serve(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.chunk(b"data: 1\n\n")
            connection.wait_for_end()
        with Upstream(serve) as upstream, served(upstream, [self.ROUTE % "enforce"], self.SCHEMAS) as server, \
                weir.Client(server.port) as client:
            client.send("GET", "/items")
            data = b""
            while b"data: 1" not in data:
                data += client.socket.recv(4096)
            self.assertEqual(weir.metrics(server.port)["weir_contract_responses_skipped_total"], 1)


class Models(unittest.TestCase):
    """The document that was checked is the one that is decoded, and what a model answers is held to its schema."""

    ROUTE = """{match: POST /v1/mlp, public: true, contract: {responses: enforce}, schema: schemas/in.json,
              responses: {200: schemas/out.json}, to: {model: mlp}}""".replace("\n", "")
    EXTRA = "models: [{name: mlp, path: %s/tests/data/models/mlp.onnx}]" % weir.ROOT
    IN = {"properties": {"inputs": {"items": {"properties": {"data": {"items": {"multipleOf": 0.01}}}}}}}

    def ask(self, data, output):
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 8], "data": data}]}
        with served(None, [self.ROUTE], {"in.json": self.IN, "out.json": {"properties": {"outputs": output}}},
                    extra=self.EXTRA) as server:
            return weir.ask(server.port, "POST", "/v1/mlp", JSON, json.dumps(body).encode().replace(b"1.5", b"1.5" + 30 * b"0"))

    def test_requests_and_responses(self):
        good = [0, 1.5, 2, 3, 4, 5, 6, 7]
        response = self.ask(good, {"minItems": 1})
        self.assertEqual(response.status, 200, response)
        response = self.ask([0.001] + good[1:], True)
        self.assertEqual(told(response), [("", "/inputs/0/data/0", "multipleOf")])
        response = self.ask(good, {"maxItems": 0})
        self.assertEqual((response.status, response.problem()), (500, "invalid-response"))


class Hostile(unittest.TestCase):
    """Whatever comes, the worker answers, and goes on with others."""

    DOUBLING = {
        "$defs": {"a": {"type": "object", "anyOf": [{"properties": {"x": {"$ref": "#/$defs/a"}}},
                                                    {"maxProperties": 5, "additionalProperties": {"$ref": "#/$defs/a"}}]}},
        "anyOf": [{"$ref": "#/$defs/a"}, {"type": "array"}, {"type": "string"}],
    }
    ROUTE = "{match: POST /x, public: true, to: {upstream: app}}"

    def test_work_and_depth_and_size_are_bounded(self):
        deep = b'{"x":' * 60 + b"1" + b"}" * 60
        many = b"[" + b",".join(b"%d" % i for i in range(1400000)) + b"]"
        with Upstream(Kept()) as upstream, served(upstream, [self.ROUTE], {"post-x.json": self.DOUBLING}) as server:
            for body, status, slug in ((deep, 422, "validation-limit"), (b"[" * 100000, 400, "invalid-json"),
                                       (many, 200, None), (b'"' + b"x" * (10 << 20) + b'"', 413, "body-too-large")):
                begin = time.monotonic()
                response = weir.ask(server.port, "POST", "/x", JSON, body)
                self.assertEqual(response.status, status, response)
                if slug:
                    self.assertEqual(response.problem(), slug)
                self.assertLess(time.monotonic() - begin, 5 * weir.SLOWNESS)
                self.assertEqual(weir.ask(server.port, "POST", "/x", JSON, b'{"y":1}').status, 200)
            self.assertEqual(weir.metrics(server.port)["weir_contract_over_limit_total"], 1)

    def test_a_pattern_that_backtracks_meets_its_limit(self):
        schema = {"pattern": "^(a+)+\\1$"}
        with Upstream(Kept()) as upstream, served(upstream, [self.ROUTE], {"post-x.json": schema}) as server:
            begin = time.monotonic()
            response = weir.ask(server.port, "POST", "/x", JSON, b'"' + b"a" * 5000 + b'!"')
            self.assertEqual(response.problem(), "validation-limit")
            self.assertLess(time.monotonic() - begin, 2 * weir.SLOWNESS)

    def test_a_client_that_goes_away_leaves_nothing(self):
        body = json.dumps({"name": "x" * 2000000, "age": 1}).encode()
        with Upstream(Kept()) as upstream, served(upstream, [POST], {"post-users-v2.json": USER}) as server:
            for part in (10, 100000, len(body)):
                with weir.Client(server.port) as client:
                    client.raw(weir.request_bytes("POST", "/v2/users", JSON, body)[:200 + part])
                    client.close(is_reset=True)
            weir.wait_until(lambda: weir.metrics(server.port)["weir_requests_in_flight"] <= 1, 5, "their end")
            self.assertEqual(weir.ask(server.port, "POST", "/v2/users", JSON, b'{"name":"a","age":1}').status, 200)


if __name__ == "__main__":
    unittest.main()
