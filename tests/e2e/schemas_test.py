#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Schemas are replaced while requests run: by a change of their files, and by the endpoint `schemas`."""

import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 1
schemas: {schemas}
routes:
  - {match: "POST /v2/users", public: true, to: {endpoint: livez}}
  - {match: "GET,POST /admin/schemas", public: true, to: {endpoint: schemas}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
GOOD = '{"type": "object"}'
BAD = '{\n  "type": "objekt"\n}'
USERS = "schemas/post-users-v2.json"


def put(server, name, text):
    """As editors do: beside it, then renamed over it."""
    path = server.path(name)
    with open(path + "~", "w") as file:
        file.write(text)
    os.rename(path + "~", path)


def make(schema=GOOD, schemas="schemas"):
    server = weir.Server(CONFIG.replace("{schemas}", schemas))
    os.makedirs(server.path("schemas"))
    put(server, USERS, schema)
    return server


def state(server):
    return weir.ask(server.port, "GET", "/admin/schemas").json()


def hash_of(server, index=0):
    return state(server)["schemas"][index]["sha256"]


def values(server):
    return weir.metrics(server.port)


def reload(server):
    return weir.ask(server.port, "POST", "/admin/schemas")


class Replacing(unittest.TestCase):
    def wait_for(self, condition, what):
        weir.wait_until(condition, 10, what)

    def test_a_file_that_changes_is_taken(self):
        with make() as server:
            before = state(server)["schemas"][0]
            self.assertEqual((before["route"], before["part"], before["mode"]), ("POST /v2/users", "body", "enforce"))
            self.assertEqual(before["file"], "post-users-v2.json")
            self.assertEqual(values(server)["weir_schemas"], 1)
            put(server, USERS, '{"type": "object", "minProperties": 1}')
            self.wait_for(lambda: hash_of(server) != before["sha256"], "the new schema")
            after = state(server)["schemas"][0]
            self.assertGreater(after["loaded"], before["loaded"])
            self.assertEqual(values(server)['weir_schemas_reloads_total{result="success"}'], 1)
            self.assertEqual(values(server)['weir_config_reloads_total{result="success"}'], 0)

    def test_a_file_written_in_place_is_taken_and_one_in_a_folder_below(self):
        server = make('{"$ref": "sub/user.json"}')
        os.makedirs(server.path("schemas/sub"))
        put(server, "schemas/sub/user.json", GOOD)
        with server:
            before = values(server)['weir_schemas_reloads_total{result="success"}']
            with open(server.path("schemas/sub/user.json"), "w") as file:
                file.write('{"type": "array"}')
            self.wait_for(lambda: values(server)['weir_schemas_reloads_total{result="success"}'] > before, "the change")

    def test_a_file_that_appears_is_bound(self):
        with make() as server:
            self.assertEqual(len(state(server)["schemas"]), 1)
            put(server, "schemas/post-users-v2.response-404.json", "true")
            self.wait_for(lambda: len(state(server)["schemas"]) == 2, "the response")
            self.assertEqual(state(server)["schemas"][1]["part"], "response 404")
            self.assertEqual(state(server)["schemas"][1]["mode"], "off")

    def test_a_bad_schema_keeps_the_old_one_and_says_so(self):
        with make() as server:
            good = hash_of(server)
            begin = len(server.lines)
            put(server, USERS, BAD)
            self.wait_for(lambda: state(server)["stale"], "the fault")
            server.wait_for_line(r"post-users-v2\.json:2:11: error: \"type\"", begin=begin)
            self.assertEqual(hash_of(server), good)
            ready = weir.ask(server.port, "GET", "/readyz")
            self.assertEqual((ready.status, ready.json()["status"]), (200, "ready"))
            self.assertIn("post-users-v2.json:2:11", ready.json()["detail"])
            self.assertNotIn("/", ready.json()["detail"])  # folders are for the operator only
            self.assertEqual(values(server)["weir_schemas_last_reload_successful"], 0)
            self.assertEqual(values(server)['weir_schemas_reloads_total{result="failure"}'], 1)
            put(server, USERS, GOOD)
            self.wait_for(lambda: not state(server)["stale"], "the end of it")
            self.assertEqual(weir.ask(server.port, "GET", "/readyz").json(), {"status": "ready"})
            self.assertEqual(values(server)["weir_schemas_last_reload_successful"], 1)

    def test_a_schema_that_goes_does_not_open_its_route_until_sighup(self):
        with make() as server:
            good = hash_of(server)
            begin = len(server.lines)
            os.rename(server.path(USERS), server.path("elsewhere"))
            self.wait_for(lambda: state(server)["stale"], "the fault")
            self.assertEqual(hash_of(server), good)
            server.wait_for_line(USERS + r": error: this file is gone, .* bodies of POST /v2/users;.*SIGHUP", begin=begin)
            self.assertEqual(weir.ask(server.port, "POST", "/v2/users", {"Content-Type": "application/json"},
                                      b"[]").status, 422)
            self.assertIn("is gone", weir.ask(server.port, "GET", "/readyz").json()["detail"])
            self.assertEqual(values(server)["weir_schemas_last_reload_successful"], 0)
            self.assertIn("is gone", reload(server).json()["errors"][0]["detail"])
            os.rename(server.path("elsewhere"), server.path(USERS))
            self.wait_for(lambda: not state(server)["stale"], "the end of it")
            os.rename(server.path(USERS), server.path("elsewhere"))
            self.wait_for(lambda: state(server)["stale"], "the fault again")
            begin = len(server.lines)
            server.reload()
            self.assertTrue(server.find_line(USERS + r": warning: bodies of POST /v2/users", begin), server.lines)
            self.assertEqual(state(server), {"stale": False, "schemas": []})

    def test_parameters_and_responses_that_go_are_refused_and_an_empty_list_is_not(self):
        server = make(schemas="{folder: schemas, watch: false}")
        parameters, response = "schemas/post-users-v2.parameters.json", "schemas/post-users-v2.response.json"
        put(server, parameters, '[{"name": "a", "in": "query", "schema": {"type": "integer"}}]')
        put(server, response, GOOD)
        with server:
            for name, what in ((parameters, "parameters"), (response, "responses")):
                os.rename(server.path(name), server.path("elsewhere"))
                answer = reload(server)
                self.assertEqual(answer.status, 422, answer)
                self.assertIn("nothing would check %s of" % what, answer.json()["errors"][0]["detail"])
                os.rename(server.path("elsewhere"), server.path(name))
                self.assertEqual(reload(server).json(), {"status": "unchanged"})
            put(server, parameters, "[]")
            self.assertEqual(reload(server).json(), {"status": "reloaded"})

    def test_whoever_asks_while_the_server_shuts_down_is_told_so(self):
        server = make(schemas="{folder: schemas, watch: false}")
        server.write_config(CONFIG.replace("{schemas}", "{folder: schemas, watch: false}") + "shutdown: {delay: 1s}\n")
        with server:
            server.signal(signal.SIGTERM)
            server.wait_for_line("shutting down")
            response = reload(server)
            self.assertEqual((response.status, response.problem()), (503, "overloaded"), response)
            self.assertEqual(server.wait(), 0)

    def test_faults_are_told_with_names_from_the_folder_of_schemas(self):
        server = make('{"$ref": "common/address.json"}', "{folder: schemas, watch: false}")
        os.makedirs(server.path("schemas/common"))
        put(server, "schemas/common/address.json", GOOD)
        with server:
            for fault, name in ((BAD, "common/address.json:2:11: "),
                                ('{"$ref": "gone.json"}', "common/address.json:1:10: "),
                                ('{"$ref": "../away.json#/a"}', "common/address.json:1:10: ")):
                put(server, "schemas/common/address.json", fault)
                told = reload(server).json()["errors"][0]["detail"]
                self.assertTrue(told.startswith(name), told)
                detail = weir.ask(server.port, "GET", "/readyz").json()["detail"]
                self.assertIn(name, detail)
                for text in (told, detail, state(server)["detail"]):
                    self.assertNotIn(server.folder, text)
                    self.assertNotIn("file:", text)
                self.assertNotIn("schemas/", detail)

    def test_a_warning_is_said_once(self):
        server = make(schemas="{folder: schemas, watch: false}")
        put(server, "schemas/get-nothing.json", GOOD)
        with server:
            self.assertTrue(server.find_line("get-nothing.json: warning"), server.lines)
            self.assertEqual(reload(server).json(), {"status": "unchanged"})
            begin = len(server.lines)
            put(server, "schemas/post-user.json", GOOD)
            self.assertEqual(reload(server).json(), {"status": "unchanged"})
            server.wait_for_line("post-user.json: warning", begin=begin)  # a misspelt name changes nothing else
            begin = len(server.lines)
            put(server, USERS, '{"type": "array"}')
            self.assertEqual(reload(server).json(), {"status": "reloaded"})
            put(server, "schemas/get-less.json", GOOD)
            put(server, USERS, GOOD)
            self.assertEqual(reload(server).json(), {"status": "reloaded"})
            server.wait_for_line("get-less.json: warning", begin=begin)
            self.assertFalse(server.find_line("get-nothing.json", begin), server.lines)

    def test_a_log_beside_a_file_of_parameters_makes_no_reloads(self):
        server = make()
        put(server, "it.parameters.json", "[]")
        server.write_config(CONFIG.replace("{schemas}", "schemas").replace(
            "public: true, to: {endpoint: livez}", "public: true, parameters: it.parameters.json, to: {endpoint: livez}"))
        with server:
            put(server, USERS, BAD)
            self.wait_for(lambda: state(server)["stale"], "the fault")
            for _ in range(10):
                put(server, "weir.log", "a line of the log, such as weir writes")
                time.sleep(0.1)
            time.sleep(0.5)
            self.assertEqual(values(server)['weir_schemas_reloads_total{result="failure"}'], 1)
            put(server, USERS, GOOD)
            self.wait_for(lambda: not state(server)["stale"], "the end of it")
            put(server, "it.parameters.json", "[")
            self.wait_for(lambda: state(server)["stale"], "the fault in the parameters")

    def test_a_folder_that_is_replaced_is_watched_again(self):
        server = make()
        os.makedirs(server.path("two"))
        put(server, "two/post-users-v2.json", '{"type": "array"}')
        with server:
            before = hash_of(server)
            os.rename(server.path("schemas"), server.path("away"))
            self.wait_for(lambda: state(server)["stale"], "the fault")
            os.rename(server.path("two"), server.path("schemas"))
            self.wait_for(lambda: hash_of(server) != before, "the other folder")
            before = hash_of(server)
            put(server, USERS, GOOD)
            self.wait_for(lambda: hash_of(server) != before, "a change in it")

    def test_a_reload_of_the_configuration_with_good_schemas_ends_it_too(self):
        with make(schemas="{folder: schemas, watch: false}") as server:
            put(server, USERS, BAD)
            self.assertEqual(reload(server).status, 422)
            server.reload(is_good=False)
            self.assertTrue(state(server)["stale"])
            put(server, USERS, GOOD)
            server.reload()
            self.assertFalse(state(server)["stale"])

    def test_the_endpoint_reads_them_anew_and_tells_the_outcome(self):
        with make(schemas="{folder: schemas, watch: false}") as server:
            self.assertEqual(reload(server).json(), {"status": "unchanged"})
            before = hash_of(server)
            put(server, USERS, '{"type": "array"}')
            time.sleep(0.5)
            self.assertEqual(hash_of(server), before, "nobody watches")
            self.assertEqual(reload(server).json(), {"status": "reloaded"})
            self.assertNotEqual(hash_of(server), before)
            put(server, USERS, BAD)
            response = reload(server)
            self.assertEqual((response.status, response.problem()), (422, "invalid-schemas"), response)
            self.assertRegex(response.json()["errors"][0]["detail"], r"^post-users-v2\.json:2:11: \"type\"")
            self.assertEqual(weir.ask(server.port, "PUT", "/admin/schemas").status, 405)

    def test_many_may_ask_at_once_and_one_may_go_away(self):
        with make(schemas="{folder: schemas, watch: false}") as server:
            gone = weir.Client(server.port)
            gone.send("POST", "/admin/schemas")
            gone.close(is_reset=True)
            outcomes = []
            threads = [threading.Thread(target=lambda: outcomes.append(reload(server).status)) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(outcomes, [200] * 20)

    def test_the_text_of_the_configuration_stays_until_sighup(self):
        with make() as server:
            server.write_config("nonsense: [")
            before = hash_of(server)
            put(server, USERS, '{"type": "array"}')
            self.wait_for(lambda: hash_of(server) != before, "the new schema")
            self.assertFalse(state(server)["stale"])

    def test_no_request_fails_during_20_swaps(self):
        faults = []
        counts = [0] * 4
        is_over = threading.Event()
        body = b'{"name": "a"}'
        fields = {"Content-Type": "application/json"}

        def load(server, index):
            try:
                with weir.Client(server.port) as kept:
                    while not is_over.is_set():
                        if index % 2:
                            response = kept.request("POST", "/v2/users", fields, body)
                        else:
                            response = weir.ask(server.port, "POST", "/v2/users", fields, body)
                        assert response.status == 200, response
                        counts[index] += 1
            except BaseException as error:
                faults.append(repr(error))

        with make() as server:
            threads = [threading.Thread(target=load, args=(server, i)) for i in range(len(counts))]
            for thread in threads:
                thread.start()
            for i in range(20):
                put(server, USERS, '{"type": "object", "maxProperties": %d}' % (i + 1))
                response = reload(server)
                assert response.status == 200, response
            is_over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(faults, [])
            self.assertGreaterEqual(values(server)['weir_schemas_reloads_total{result="success"}'], 20)
            print("%d requests during 20 swaps, RSS %.1f MiB"
                  % (sum(counts), weir.status_kib(server.pid, "VmRSS") / 1024))
            self.assertGreater(sum(counts), 1000 if not weir.SANITIZER else 100)


class Starting(unittest.TestCase):
    def test_a_server_does_not_start_with_a_bad_schema(self):
        server = make(BAD)
        for command in ("serve", "check"):
            result = subprocess.run([weir.BINARY, command, server.config_path], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True, timeout=30 * weir.SLOWNESS)
            self.assertEqual(result.returncode, 1, result)
            self.assertRegex(result.stderr, r"schemas/post-users-v2\.json:2:11: error: \"type\"")
        server.remove()


if __name__ == "__main__":
    unittest.main(verbosity=1)
