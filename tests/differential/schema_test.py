#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random schemas against random documents, here and with python3-jsonschema: the two have to agree.

    schema_test.py SCHEMA_LINES [--seconds N] [--seed N] [--peer jsonschema|jsonschema_rs]

The environment's SCHEMA_SECONDS says for how long (20 s), SCHEMA_SEED where to begin. What disagrees is made small and
shown. Where the other side is known to be wrong, known.jsonl has an example with the reason, and its keywords are avoided
(avoids); an example on which both agree by now is an error, so that the list may only shrink."""

import argparse
import copy
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generate  # noqa: E402

KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.jsonl")
SHOWN_MAX = 5
sys.setrecursionlimit(4000)


class Weir:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, draft, schema, documents):
        line = json.dumps({"draft": draft, "schema": schema, "documents": documents})
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n")
        except BrokenPipeError:
            answer = ""
        if not answer and documents:
            sys.exit("weir ended with %s at %s" % (self.process.wait(), line))
        return answer


class Jsonschema:
    """Debian 12's python3-jsonschema, 4.10: its unevaluatedProperties and unevaluatedItems are unlike the standard's."""
    name = "jsonschema"

    @staticmethod
    def avoids(draft, words):
        return "unevaluatedProperties" in words or "unevaluatedItems" in words

    def __init__(self):
        import jsonschema
        from jsonschema import validators
        self.makers = {"7": validators.Draft7Validator, "2019-09": validators.Draft201909Validator,
                       "2020-12": validators.Draft202012Validator}
        self.refusal = jsonschema.SchemaError

    def validator(self, draft, schema):
        """What has is_valid; None where it is no schema."""
        try:
            self.makers[draft].check_schema(schema)
        except self.refusal:
            return None
        return self.makers[draft](schema)


class JsonschemaRs:
    """jsonschema-rs, which is no package of Debian's: by hand, and much faster."""
    name = "jsonschema_rs"

    @staticmethod
    def avoids(draft, words):
        return draft == "2019-09" and "unevaluatedItems" in words and "contains" in words

    def __init__(self):
        import jsonschema_rs
        self.makers = {"7": jsonschema_rs.Draft7Validator, "2019-09": jsonschema_rs.Draft201909Validator,
                       "2020-12": jsonschema_rs.Draft202012Validator}

    def validator(self, draft, schema):
        try:
            return self.makers[draft](schema)
        except ValueError:
            return None


PEERS = {one.name: one for one in (Jsonschema, JsonschemaRs)}


def answers(peer, draft, schema, documents):
    """The other side's answer in the same letters; ? where it cannot say, None where it takes it for no schema."""
    validator = peer.validator(draft, schema)
    if not validator:
        return None
    letters = ""
    for document in documents:
        try:
            letters += "v" if validator.is_valid(document) else "i"
        except Exception:  # its own faults are not what is looked for
            letters += "?"
    return letters


def disagreement(weir, peer, draft, schema, document):
    ours = weir.ask(draft, schema, [document])
    theirs = answers(peer, draft, schema, [document])
    return (ours, theirs) if theirs in ("v", "i") and ours in ("v", "i", "l", "x") and ours != theirs else None


def smaller(value):
    """Values with a little less in them."""
    if isinstance(value, dict):
        for key in value:
            yield {other: member for other, member in value.items() if other != key}
        for key in value:
            for member in smaller(value[key]):
                yield dict(value, **{key: member})
    elif isinstance(value, list):
        for at in range(len(value)):
            yield value[:at] + value[at + 1:]
        for at in range(len(value)):
            for item in smaller(value[at]):
                yield value[:at] + [item] + value[at + 1:]


def shrink(weir, peer, draft, schema, document):
    wanted = disagreement(weir, peer, draft, schema, document)
    changed = True
    while changed:
        changed = False
        for other in smaller(schema):
            if disagreement(weir, peer, draft, other, document) == wanted:
                schema, changed = other, True
                break
        for other in smaller(document):
            if disagreement(weir, peer, draft, schema, other) == wanted:
                document, changed = other, True
                break
    return schema, document


def check_known(weir, peer):
    faults = 0
    with open(KNOWN, encoding="utf-8") as file:
        for line in file:
            known = json.loads(line)
            if known["peer"] != peer.name:
                continue
            found = disagreement(weir, peer, known["draft"], known["schema"], known["document"])
            if not found or found[0] != ("v" if known["valid"] else "i"):
                print("listed in known.jsonl, but %s: %s" % (found or "both agree", line.strip()))
                faults += 1
    return faults


def compare(weir, peer, seed):
    """How many documents, and those that disagree."""
    draft, schema, documents = generate.case(seed)
    if peer.avoids(draft, set(keywords(schema))):
        return 0, []
    ours = weir.ask(draft, schema, documents)
    theirs = answers(peer, draft, schema, documents)
    if ours.startswith("!") or theirs is None:
        return 1, [(draft, schema, documents[0], ours, theirs)] if ours.startswith("!") != (theirs is None) else []
    return len(documents), [(draft, schema, document, ours[at], theirs[at]) for at, document in enumerate(documents)
                            if theirs[at] != "?" and ours[at] != theirs[at]]


def keywords(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from keywords(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from keywords(item)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SCHEMA_SECONDS", 20)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SCHEMA_SEED", 0)))
    parser.add_argument("--peer", choices=PEERS, default="jsonschema")
    parser.add_argument("--shown", type=int, default=SHOWN_MAX)
    return parser.parse_args()


def show(weir, peer, seed, draft, schema, document, ours, theirs):
    if len(ours) == 1 and theirs:
        schema, document = shrink(weir, peer, draft, copy.deepcopy(schema), document)
    print("seed %d, draft %s: weir says %s, %s says %s\n  schema   %s\n  document %s" % (
        seed, draft, ours, peer.name, theirs, json.dumps(schema, ensure_ascii=False),
        json.dumps(document, ensure_ascii=False)))


def main():
    options = parse()
    try:
        peer = PEERS[options.peer]()
    except ImportError:
        print("skipped: no %s for this Python (setup/setup.sh --test installs python3-jsonschema)" % options.peer)
        return 77
    weir = Weir(options.binary)
    faults = check_known(weir, peer)
    seed, cases, documents, shown = options.seed, 0, 0, 0
    end = time.monotonic() + options.seconds
    while time.monotonic() < end and shown < options.shown:
        count, found = compare(weir, peer, seed)
        if found:
            show(weir, peer, seed, *found[0])
        shown += bool(found)
        faults += len(found)
        cases, documents, seed = cases + 1, documents + count, seed + 1
    print("%d schemas, %d documents, from seed %d; %d disagreements" % (cases, documents, options.seed, faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
