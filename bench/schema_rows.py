# SPDX-License-Identifier: Apache-2.0
"""The rows about JSON Schema: weir schema bench beside ajv over the corpus of bench/schema, and what a contract costs a
request."""

import json
import math
import mmap
import os
import statistics
import struct
import subprocess
import sys

import harness
import servers
from rows import CONNECTIONS, Row, timed

sys.path.insert(0, os.path.join(harness.ROOT, "bench/schema"))
import corpus  # noqa: E402

RUN_MS = 40  # of each document, parsed and again from bytes
WARM_MS = 1000
PARSED_BAR = 5
BYTES_BAR = 3
CHAT_BYTES = 1024
CHAT_BAR_US = 2
CHAT_DEPTH = 8  # requests that are written at once

measured = {}


class Ajv:
    """Node with one schema, in a with statement."""

    def __init__(self, name):
        self.process = harness.spawn(
            [servers.need("node"), os.path.join(harness.ROOT, "bench/schema/ajv_run.js"), corpus.MODULES, corpus.CORPUS, name],
            harness.SERVER_CORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise harness.Void("ajv: " + self.process.stderr.read().strip()[-300:])
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        harness.end(self.process)


def weir(row, seconds, environment=None):
    """{path: what weir schema bench says of the document}."""
    paths = row["valid"] + row["invalid"] + row["found"]
    process = harness.spawn([harness.BINARY, "schema", "bench", "--json", "--seconds", str(seconds), row["schema"], *paths],
                            harness.SERVER_CORE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=corpus.CORPUS, env=dict(os.environ, **(environment or {})))
    output, error = process.communicate(timeout=300)
    if process.returncode != 0:
        raise harness.Void("%s: %s" % (row["name"], error.strip()[-300:]))
    return {sample["instance"]: sample for sample in json.loads(output)["instances"]}


def check_agreement(row, ajv, ours):
    theirs = ajv.ask("check")
    for path, is_valid in theirs.items():
        if ours[path]["valid"] != is_valid:
            raise harness.Void("%s: weir says %s, ajv %s" % (path, ours[path]["valid"], is_valid))
        if "/valid-" in path and not is_valid or "/invalid-" in path and is_valid:
            raise harness.Void("%s is not what its name says" % path)


def measure_schema(settings, row):
    """Rounds of both in turn: sums over the documents."""
    harness.say("    %s" % row["name"])
    rounds = []
    with Ajv(row["name"]) as ajv:
        check_agreement(row, ajv, weir(row, 0.001))
        ajv.ask("warm %d" % WARM_MS)
        for _ in range(settings.pairs):
            theirs = ajv.ask("measure %d" % RUN_MS)
            ours = weir(row, RUN_MS / 1000)
            rounds.append({kind: {"ajv": sum(sample[kind] for sample in theirs.values()),
                                  "weir": sum(ours[path][kind] for path in theirs)}
                           for kind in ("parsed_ns", "bytes_ns")})
    return {"name": row["name"], "draft": row["draft"], "documents": len(theirs), "rounds": rounds,
            "last": {"ajv": theirs, "weir": ours}}


def ratio_of(result, kind):
    return statistics.median(one[kind]["ajv"] / one[kind]["weir"] for one in result["rounds"])


def both_of(result, kind):
    """What a document takes, in the middle of the rounds: ajv, weir."""
    return [statistics.median(one[kind][side] for one in result["rounds"]) / result["documents"]
            for side in ("ajv", "weir")]


def measure_all(settings):
    if not measured:
        try:
            index = corpus.make()
        except corpus.Missing as error:
            raise servers.Missing(str(error))
        results = [measure_schema(settings, row) for row in index]
        harness.say("    %-22s %9s %9s %9s %6s   %9s %9s %6s" % ("ns for each document", "documents", "ajv", "weir", "ratio",
                                                                "ajv bytes", "weir", "ratio"))
        for result in results:
            harness.say("    %-22s %9d %9.0f %9.0f %6.2f   %9.0f %9.0f %6.2f" % (
                result["name"], result["documents"], *both_of(result, "parsed_ns"), ratio_of(result, "parsed_ns"),
                *both_of(result, "bytes_ns"), ratio_of(result, "bytes_ns")))
        measured["results"] = results
    return measured["results"]


def schema_row(settings, kind, bar):
    results = measure_all(settings)
    ratios = {result["name"]: ratio_of(result, kind) for result in results}
    mean = math.exp(statistics.fmean(map(math.log, ratios.values())))
    least, most = min(ratios, key=ratios.get), max(ratios, key=ratios.get)
    detail = "geometric mean over %d schemas, %d documents; %s %.2f to %s %.2f" % (
        len(ratios), sum(result["documents"] for result in results), least, ratios[least], most, ratios[most])
    return Row(mean, bar, "times ajv", detail, results if kind == "parsed_ns" else [ratios], is_most=False)


def schema(settings):
    """A validation of a parsed document by weir schema bench, beside ajv's compiled function, over real schemas and
    documents valid and invalid, formats asserted on both sides."""
    return schema_row(settings, "parsed_ns", PARSED_BAR)


def schema_bytes(settings):
    """The same from bytes: parse and validate, beside JSON.parse and ajv."""
    return schema_row(settings, "bytes_ns", BYTES_BAR)


def schema_allocations(settings):
    """Every malloc of the process while validations go on: what a long run takes more than a short one."""
    try:
        index = corpus.make()
    except corpus.Missing as error:
        raise servers.Missing(str(error))
    path = os.path.join(settings.folder, "schema_allocations")
    environment = {"LD_PRELOAD": harness.malloc_counter(), "MALLOC_COUNT_FILE": path}
    more, rounds = {}, 0
    for row in index:
        counts, done = [], []
        for seconds in (0.002, 0.01):
            harness.write_file(path, "\0" * 4096)
            done.append(sum(sample["rounds"] for sample in weir(row, seconds, environment).values()))
            with open(path, "r+b") as file:
                counts.append(sum(struct.unpack("<3Q", mmap.mmap(file.fileno(), 24)[:24])))
        if not counts[0]:
            raise harness.Void("the counter did not count")
        rounds += done[1] - done[0]
        if counts[1] != counts[0]:
            more[row["name"]] = counts[1] - counts[0]
    detail = "%d in %d validations more" % (sum(more.values()), rounds)
    return Row(abs(sum(more.values())) / rounds, 0, "allocations", detail + (": %s" % more if more else ""), [more])


def chat_request():
    """A request of 1 KiB for a chat completion, and the head that goes with it."""
    def of(padding):
        return json.dumps({"model": "gpt-4o-mini", "messages": [
            {"role": "system", "content": "You are a helpful assistant that answers in one sentence."},
            {"role": "user", "content": "What is the capital of Australia? " + "Give your reasons. " * 5 + "x" * padding},
            {"role": "assistant", "content": "Canberra, since Sydney and Melbourne could not agree."},
            {"role": "user", "content": [{"type": "text", "text": "And how many people live there?"}]}],
            "temperature": 0.7, "top_p": 1, "max_completion_tokens": 256, "stream": False, "user": "user-1234",
            "metadata": {"trace": "0af7651916cd43dd8448eb211c80319c"}})
    body = of(CHAT_BYTES - len(of(0)))
    return ("POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n%s" % (len(body), body))


def validate(settings):
    """CPU time for a POST of a 1 KiB chat request with its schema, less that without a schema: collecting, parsing,
    checking. Several are written at once: otherwise the two servers sleep and wake differently often, which is a microsecond of
    the kernel's."""
    path = os.path.join(harness.ROOT, "bench/schema/schemas/openai-chat.json")
    with servers.Weir(settings.folder, servers.WEIR_CHAT % {"schema": "schema: " + path}, "weir with a schema") as strict, \
            servers.Weir(settings.folder, servers.WEIR_CHAT % {"schema": ""}, "weir without") as plain:
        load = harness.Load(settings.folder, servers.BODY)
        harness.write_file(load.request, chat_request())
        rounds, voids = harness.alternate(settings, {
            server.name: lambda server=server: load.run(server, "--connections", CONNECTIONS, "--depth", CHAT_DEPTH,
                                                       *timed(settings))
            for server in (strict, plain)})
    more = statistics.median(one[strict.name]["server_us"] - one[plain.name]["server_us"] for one in rounds)
    detail = ", ".join("%s %.2f µs" % (server.name, harness.median(rounds, server.name, "server_us"))
                       for server in (strict, plain))
    return Row(more, CHAT_BAR_US, "µs", detail, rounds, voids=voids)


ROWS = {
    "schema": (schema, "JSON Schema, parsed documents"),
    "schema_bytes": (schema_bytes, "JSON Schema, from bytes"),
    "schema_allocations": (schema_allocations, "allocations of a validation"),
    "validate": (validate, "a contract, for a 1 KiB chat request"),
}
