#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir load by several processes: a controller and agents, what they count together, and what happens when one goes."""

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
import hdr_text  # noqa: E402
import timed_server  # noqa: E402
import weir  # noqa: E402

TOKEN = "correct horse battery staple"
SLOW = weir.SLOWNESS


class Agent:
    def __init__(self, *arguments, folder="/", listen="127.0.0.1:0"):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([weir.BINARY, "load", "agent", "--listen", listen, *arguments], cwd=folder,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        self.address = line.removeprefix("listening on ").strip()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def kill(self):
        self.process.kill()
        self.end()

    def end(self):
        code = self.process.wait(timeout=30 * SLOW)
        self.process.stdout.close()
        return code


class Case(unittest.TestCase):
    delay = 0.01

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-agents-test-")
        self.server = timed_server.Server(self.delay)
        self.agents = []

    def tearDown(self):
        for agent in self.agents:
            if agent.process.returncode is None:
                agent.kill()
            agent.log.close()
        self.server.stop()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def start_agents(self, count, *arguments):
        self.agents += [Agent(*arguments) for _ in range(count)]
        return self.agents

    def start(self, *words, agents=None, json_name="results.json"):
        command = [weir.BINARY, "load", "--json", self.path(json_name)]
        agents = self.agents if agents is None else agents
        if agents:
            command += ["--agents", ",".join(getattr(agent, "address", agent) for agent in agents)]
        return subprocess.Popen(command + list(words), cwd=self.folder.name, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run_load(self, *words, agents=None, seconds=60, json_name="results.json"):
        process = self.start(*words, agents=agents, json_name=json_name)
        output, errors = process.communicate(timeout=seconds * SLOW)
        return process.returncode, output, errors

    def results(self, json_name="results.json"):
        with open(self.path(json_name)) as file:
            return json.load(file)

    def wait_for_load(self, requests=50):
        before = self.server.requests
        weir.wait_until(lambda: self.server.requests >= before + requests, 30, "load to arrive")

    def remark(self, results, code):
        return [remark["text"] for remark in results["remarks"] if remark["code"] == code]


# The machine that runs this may be busy with other things: whether a run is valid is another test's question.
LENIENT = ["--max-lag", "10s", "--max-errors", "1"]


class Together(Case):
    def check_sum(self, results):
        """The whole is the sum of its parts, bucket by bucket."""
        whole = results["totals"]
        parts = [part["record"] for part in results["parts"]]
        for i, series in enumerate(whole["series"]):
            for name in ("due", "sent", "answered", "response_bytes"):
                self.assertEqual(series[name], sum(part["series"][i][name] for part in parts), name)
            for name in ("latency", "service"):
                counts = hdr_text.add(*(hdr_text.counts_of(part["series"][i][name]) for part in parts))
                self.assertEqual(hdr_text.counts_of(series[name]), counts, name)
        for name in ("lag", "wait", "connect"):
            counts = hdr_text.add(*(hdr_text.counts_of(part[name]) for part in parts))
            self.assertEqual(hdr_text.counts_of(whole[name]), counts, name)
        self.assertEqual(whole["cpu_ns"], sum(part["cpu_ns"] for part in parts))

    def test_two_agents_do_what_one_process_does_at_double_rate(self):
        self.start_agents(2)
        words = ["--rate", "400", "--duration", "3s", "--warm-up", "500ms", *LENIENT, self.server.url]
        code, output, errors = self.run_load(*words)
        self.assertEqual(code, 0, output + errors)
        together = self.results()
        code, output, errors = self.run_load(*words, agents=[], json_name="alone.json")
        self.assertEqual(code, 0, output + errors)
        alone = self.results("alone.json")
        self.check_sum(together)
        self.assertEqual([part["lost"] for part in together["parts"]], [False, False])
        for name in ("due", "sent", "answered"):
            self.assertEqual(together["totals"]["series"][0][name], alone["totals"]["series"][0][name], name)
        self.assertEqual(together["totals"]["series"][0]["due"], 1200)
        self.assertEqual([part["record"]["series"][0]["due"] for part in together["parts"]], [600, 600])
        self.assertEqual(together["span_ns"], alone["span_ns"])
        self.assertAlmostEqual(len(together["intervals"]), len(alone["intervals"]), delta=1)
        for results in (together, alone):
            latency = results["summary"]["all"]["latency"]
            self.assertGreaterEqual(latency["min_ns"], 10e6)
            if not SLOW > 1:
                self.assertLess(latency["p50_ns"], 40e6)
        self.assertTrue(self.remark(together, "clock")[0].startswith("2 agents began within "))
        self.assertIn("agent " + self.agents[0].address, output + self.run_load(*words)[1])

    def test_poisson_arrivals_are_the_same_ones(self):
        self.start_agents(2)
        words = ["--rate", "300", "--arrival", "poisson", "--seed", "7", "--duration", "2s", *LENIENT, self.server.url]
        self.assertEqual(self.run_load(*words)[0], 0)
        self.assertEqual(self.run_load(*words, agents=[], json_name="alone.json")[0], 0)
        together, alone = self.results(), self.results("alone.json")
        self.check_sum(together)
        self.assertEqual(together["totals"]["iterations_due"], alone["totals"]["iterations_due"])

    def test_users_and_connections_are_shared_out(self):
        self.start_agents(2)
        code, output, errors = self.run_load("-c", "5", "-d", "1s", *LENIENT, self.server.url)
        self.assertEqual(code, 0, output + errors)
        results = self.results()
        self.check_sum(results)
        self.assertEqual(sorted(part["record"]["connects"] for part in results["parts"]), [2, 3])
        self.assertEqual(self.server.connections, 5)

    def test_an_agent_needs_no_files(self):
        self.server.keep = 100
        self.write("rows.csv", "name,city\n" + "".join("n%d,c%d\n" % (i, i) for i in range(10)))
        self.write("body.json", '{"from": "the body\'s file"}')
        plan = self.write("plan.yaml", """
url: %s
data:
  - {name: rows, file: rows.csv}
steps:
  - {request: "GET /by-name?name=${rows.name}"}
  - {request: POST /with-body, body_file: body.json}
load: {rate: 20, duration: 2s}
""" % self.server.url)
        self.start_agents(2)
        code, output, errors = self.run_load(*LENIENT, plan)
        self.assertEqual(code, 0, output + errors)
        self.check_sum(self.results())
        self.assertIn('{"from": "the body\'s file"}', self.server.bodies)
        names = {head.split()[1] for head in self.server.heads if head.startswith("GET /by-name")}
        self.assertEqual(names, {"/by-name?name=n%d" % i for i in range(10)})

    def test_thresholds_are_judged_by_all_together(self):
        self.start_agents(2)
        words = ["--rate", "100", "--duration", "1s", *LENIENT]
        self.assertEqual(self.run_load(*words, "-T", "p99 < 1ms", self.server.url)[0], 3)
        self.assertEqual(self.run_load(*words, "-T", "p99 < 20s", self.server.url)[0], 0)


class Knee(Case):
    def test_agents_search_the_knee_together(self):
        server = timed_server.Server(service=0.02)  # 50 a second
        self.addCleanup(server.stop)
        self.start_agents(2)
        code, output, errors = self.run_load("--find-knee", "p50 < 2s", "--from", "30", "--to", "90", "--probe", "1s",
                                             "--warm-up", "100ms", "--arrival", "constant", *LENIENT, server.url,
                                             seconds=120)
        self.assertEqual(code, 0, output + errors)
        results = self.results()
        self.assertEqual(results["end"], "found", output)
        self.assertLess(abs(results["rate"] / 50 - 1), 0.2, output)


class Loss(Case):
    def test_the_share_of_an_agent_that_is_killed_is_told(self):
        self.start_agents(2)
        process = self.start("--rate", "200", "--duration", "6s", "--interval", "250ms", *LENIENT, self.server.url)
        self.wait_for_load(300)
        self.agents[1].kill()
        output, errors = process.communicate(timeout=60 * SLOW)
        self.assertEqual(process.returncode, 0, output + errors)
        results = self.results()
        self.assertTrue(results["valid"])
        left, lost = results["parts"]
        self.assertEqual([left["lost"], lost["lost"]], [False, True])
        self.assertEqual(left["record"]["series"][0]["due"], 600)
        self.assertGreater(lost["record"]["series"][0]["due"], 0)
        self.assertLess(lost["record"]["series"][0]["due"], 600)
        self.assertGreater(lost["lost_ns"], 0)
        self.assertLess(lost["lost_ns"], 6e9)
        Together.check_sum(self, results)
        text, = self.remark(results, "agent_lost")
        self.assertIn("agent %s was lost" % self.agents[1].address, text)
        self.assertIn("share of 50 % is missing", text)
        self.assertIn("agent_lost", output)
        self.assertIn("LOST after", output)

    def test_an_agent_that_is_stopped_by_its_user_says_so(self):
        self.start_agents(2)
        process = self.start("--rate", "200", "--duration", "30s", *LENIENT, self.server.url)
        self.wait_for_load()
        for agent in self.agents:
            agent.process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30 * SLOW)
        for agent in self.agents:
            self.assertEqual(agent.end(), 0)
        texts = self.remark(self.results(), "agent_lost")
        self.assertEqual(len(texts), 2, output + errors)
        self.assertIn("it was told to end", texts[0])

    def test_load_ends_when_the_controller_is_killed(self):
        self.start_agents(1)
        process = self.start("--rate", "200", "--duration", "60s", *LENIENT, self.server.url)
        self.wait_for_load()
        process.kill()
        process.communicate()
        weir.wait_until(lambda: "its test ends here" in self.agents[0].said(), 3, "the agent to notice")
        time.sleep(0.2)
        before = self.server.requests
        time.sleep(0.5)
        self.assertEqual(self.server.requests, before)
        code, output, errors = self.run_load("--rate", "50", "--duration", "1s", *LENIENT, self.server.url)
        self.assertEqual(code, 0, output + errors)

    def test_load_ends_when_the_controller_hangs(self):
        self.start_agents(1)
        process = self.start("--rate", "200", "--duration", "60s", *LENIENT, self.server.url)
        self.wait_for_load()
        process.send_signal(signal.SIGSTOP)
        weir.wait_until(lambda: "it is silent" in self.agents[0].said(), 9, "the agent to notice")
        process.kill()
        process.communicate()

    def test_ctrl_c_ends_all_with_results(self):
        self.start_agents(2)
        process = self.start("--rate", "200", "--duration", "60s", *LENIENT, self.server.url)
        self.wait_for_load()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20 * SLOW)
        self.assertEqual(process.returncode, 130, output + errors)
        results = self.results()
        self.assertTrue(results["cancelled"])
        self.assertEqual([part["lost"] for part in results["parts"]], [False, False])
        self.assertGreater(results["totals"]["series"][0]["answered"], 0)
        Together.check_sum(self, results)


class Refused(Case):
    def refused(self, *words, agents=None):
        began = time.monotonic()
        code, output, errors = self.run_load(*words, "--rate", "10", "-d", "1s", self.server.url, agents=agents)
        self.assertEqual(code, 1, output + errors)
        self.assertLess(time.monotonic() - began, 15 * SLOW)
        self.assertEqual(self.server.requests, 0)
        return errors

    def test_the_token(self):
        token = self.write("token", TOKEN + "\n")
        wrong = self.write("wrong", TOKEN + "!\n")
        self.start_agents(2, "--token-file", token)
        self.assertIn("it wants a token: --token-file", self.refused())
        self.assertIn("it does not know the token", self.refused("--token-file", wrong))
        code, output, errors = self.run_load("--token-file", token, "--rate", "50", "-d", "1s", *LENIENT,
                                             self.server.url)
        self.assertEqual(code, 0, output + errors)
        self.assertNotIn(TOKEN, self.agents[0].said())

    def test_a_token_is_needed_beyond_the_loopback(self):
        process = subprocess.run([weir.BINARY, "load", "agent", "--listen", "0.0.0.0:0"], capture_output=True,
                                 text=True, timeout=10 * SLOW)
        self.assertEqual(process.returncode, 2)
        self.assertIn("name a --token-file", process.stderr)
        short = self.write("short", "secret\n")
        process = subprocess.run([weir.BINARY, "load", "agent", "--listen", "127.0.0.1:0", "--token-file", short],
                                 capture_output=True, text=True, timeout=10 * SLOW)
        self.assertEqual(process.returncode, 1)
        self.assertIn("at least 16 characters", process.stderr)

    def test_a_plan_that_the_agent_cannot_do(self):
        self.start_agents(1)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        code, _, errors = self.run_load("--rate", "10", "-d", "1s", "http://127.0.0.1:%d/" % port)
        self.assertEqual(code, 1)
        self.assertIn("agent %s: it cannot do this test: " % self.agents[0].address, errors)

    def test_nobody_listens(self):
        self.start_agents(1)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = "127.0.0.1:%d" % closed.getsockname()[1]
        errors = self.refused(agents=[self.agents[0], address])
        self.assertIn("agent %s: nobody listens there" % address, errors)

    def test_an_agent_that_is_still_starting_is_waited_for(self):
        self.start_agents(1)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = "127.0.0.1:%d" % closed.getsockname()[1]
        later = threading.Timer(0.7, lambda: self.agents.append(Agent(listen=address)))
        later.start()
        code, _, errors = self.run_load("--rate", "20", "-d", "1s", *LENIENT, self.server.url,
                                        agents=[self.agents[0].address, address])
        later.join()
        self.assertEqual((code, len(self.agents)), (0, 2), errors)

    def test_an_agent_is_named_once_and_has_an_address_of_its_own(self):
        self.start_agents(1)
        address = self.agents[0].address
        code, _, errors = self.run_load("http://127.0.0.1:1/", agents=[address, address])
        self.assertEqual((code, errors.splitlines()[0]), (2, "weir load: --agents names %s twice" % address))
        second = subprocess.run([weir.BINARY, "load", "agent", "--listen", address], capture_output=True, text=True,
                                timeout=60 * weir.SLOWNESS, check=False)
        self.assertEqual((second.returncode, second.stderr), (1, "weir load agent: something listens on %s already\n" % address))

    def speak(self, line):
        """An agent that says one line, and then nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(line)
                    while connection.recv(4096):
                        pass
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def test_an_agent_that_never_answers(self):
        self.assertIn("no answer in time", self.refused(agents=[self.speak(b"")]))

    def test_an_agent_of_another_version(self):
        greeting = {"type": "greeting", "protocol": 99, "version": "9.9", "nonce": "0" * 64, "needs_token": False}
        errors = self.refused(agents=[self.speak(json.dumps(greeting).encode() + b"\n")])
        self.assertIn("it is weir 9.9, protocol 99; this is weir ", errors)

    def test_what_is_no_agent(self):
        self.assertIn("what no agent of weir says", self.refused(agents=[self.speak(b"220 mail.example ESMTP\r\n")]))

    def test_another_controller_is_told_that_it_is_busy(self):
        self.start_agents(1)
        process = self.start("--rate", "50", "--duration", "60s", *LENIENT, self.server.url)
        self.wait_for_load(20)
        code, _, errors = self.run_load("--rate", "10", "-d", "1s", self.server.url, json_name="other.json")
        self.assertEqual(code, 1)
        self.assertIn("this agent is busy with the test of 127.0.0.1:", errors)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20 * SLOW)

    def test_addresses_that_are_none(self):
        for address in ("127.0.0.1", ":", "unix:/tmp/x", "", "127.0.0.1:0"):
            with self.subTest(address=address):
                self.assertEqual(self.run_load("--rate", "10", self.server.url, agents=[address])[0], 2)


if __name__ == "__main__":
    unittest.main()
