#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays the conformance cases of tests/conformance/cases against one server; README.md describes their language.

run.py [WORD...]: only the cases whose category or name contains one of the words.
run.py --sections: how many cases and dialogues cite each section of an RFC; starts no server."""

import collections
import concurrent.futures
import importlib.util
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "support"))
import weir  # noqa: E402

_spec = importlib.util.spec_from_file_location("wire", os.path.join(TESTS, "wire", "run.py"))
wire = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wire)

PLAYERS = 32
SILENCE_SECONDS = 0.15
# Put behind every case: after a case that ends open it is answered, after one that ends closed it never is.
FOLLOWER = b"GET /livez HTTP/1.1\r\nHost: follower\r\n\r\n"
SECTION = r"RFC (\d+) section ([0-9.]*[0-9])"


class Case:
    def __init__(self, category, name, place):
        self.category, self.name, self.place = category, name, place
        self.sections = []
        self.steps = []  # bytes to send, or None for a silence
        self.statuses = []
        self.fields = []  # (is wanted, text)
        self.end = None
        self.is_alone = False     # nothing is sent behind it
        self.is_together = False  # in one piece only


def expand_names(names, text):
    """$NAME stands for what a line `let NAME TEXT` said before."""
    return re.sub(r"\$\{?([A-Z]{2,})\}?", lambda match: names[match.group(1)], text)


def read_case_line(case, names, line):
    verb, _, text = line.partition(" ")
    if verb == "RFC":
        case.sections += re.findall(SECTION, line)
    elif verb == ">":
        data = wire.unescape(expand_names(names, text))
        if case.steps and case.steps[-1] is not None:
            case.steps[-1] += data
        else:
            case.steps.append(data)
    elif verb == "silent":
        case.steps.append(None)
    elif verb == "alone":
        case.is_alone = True
    elif verb == "together":
        case.is_together = True
    elif verb == "=":
        *case.statuses, case.end = text.split()
    elif verb in ("+", "-"):
        case.fields.append((verb == "+", text))
    else:
        raise SystemExit("%s: unknown line %r" % (case.place, line))


def read_cases(path):
    category = os.path.basename(path)[:-len(".cases")]
    cases = []
    names = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("[") and line.endswith("]"):
                cases.append(Case(category, line[1:-1], "%s:%d" % (path, number)))
            elif line.startswith("let "):
                _, name, text = line.split(" ", 2)
                names[name] = expand_names(names, text)
            elif line and not line.startswith("#"):
                read_case_line(cases[-1], names, line)
    for case in cases:
        if not case.sections or not case.steps or case.end not in ("open", "closed", "waiting"):
            raise SystemExit("%s: a case has a section, bytes and an end" % case.place)
    twice = [name for name, count in collections.Counter(case.name for case in cases).items() if count > 1]
    if twice:
        raise SystemExit("%s: names that occur twice: %s" % (path, twice))
    return cases


def all_cases():
    folder = os.path.join(HERE, "cases")
    return [case for name in sorted(os.listdir(folder)) if name.endswith(".cases")
            for case in read_cases(os.path.join(folder, name))]


# One status is "200", "4xx", "400/501"; "200@head" has no body; "12*200" is twelve of them.

def expand(statuses):
    for status in statuses:
        count, _, rest = status.rpartition("*")
        yield from [rest] * int(count or 1)


def take(player, status):
    wanted, _, manner = status.partition("@")
    player.is_head = manner == "head"
    player.take_response()
    got = player.response[0].split(" ")[1]
    if not any(re.fullmatch(one.replace("x", r"\d"), got) for one in wanted.split("/")):
        raise wire.Wrong("expected %s, got %s with %r" % (wanted, got, player.response[2][:200]))
    if got[0] in "45" and player.response[2]:
        import json
        document = json.loads(player.response[2])
        if player.values("Content-Type") != ["application/problem+json"] or document["status"] != int(got):
            raise wire.Wrong("not the problem document of a %s: %r" % (got, player.response))


def check_close(player, case):
    """RFC 9112 section 9.6: who closes says so, and who says so closes."""
    says_close = player.response and "close" in player.values("Connection")
    if case.statuses and case.end in ("open", "closed") and says_close != (case.end == "closed"):
        raise wire.Wrong("Connection is %r" % player.values("Connection"))


def check_fields(player, fields):
    for is_wanted, text in fields:
        if is_wanted:
            wire.expect(player, text)
        elif player.values(text):
            raise wire.Wrong("expected no field %s, got %r" % (text, player.values(text)))


def send(player, data, is_slow):
    for at in range(0, len(data), 1 if is_slow else len(data)):
        player.send(data[at:at + 1] if is_slow else data)


def expect_end(player, case, is_followed):
    if case.end == "open" and is_followed:
        take(player, "200")
        if player.input:
            raise wire.Wrong("expected nothing more, got %r" % player.input[:200])
    elif case.end == "open":
        wire.expect_open(player)
    elif case.end == "closed":
        wire.expect_closed(player)
    else:
        wire.expect_nothing(player, SILENCE_SECONDS)
        if player.is_eof:
            raise wire.Wrong("the server closed where it should wait")


def play_once(port, case, is_slow=False, is_followed=False):
    player = wire.Player(port)
    try:
        for index, data in enumerate(case.steps):
            is_last = index == len(case.steps) - 1
            if data is None:
                wire.expect_nothing(player, SILENCE_SECONDS)
            else:
                send(player, data + (FOLLOWER if is_followed and is_last else b""), is_slow)
        for status in expand(case.statuses):
            take(player, status)
        check_close(player, case)
        check_fields(player, case.fields)
        expect_end(player, case, is_followed)
    finally:
        player.socket.close()


def plays_of(case):
    """(how, arguments). Byte by byte only what is short: the long ones are about limits."""
    yield "as one", {}
    if not case.is_together and sum(len(data or b"") for data in case.steps) <= 1000:
        yield "byte by byte", {"is_slow": True}
    if case.end != "waiting" and not case.is_alone and case.steps[-1] is not None:
        yield "with a request behind", {"is_followed": True}


def play(port, case):
    """(plays, None or why one failed)."""
    count = 0
    for how, arguments in plays_of(case):
        count += 1
        try:
            play_once(port, case, **arguments)
        except (wire.Wrong, OSError, ValueError, KeyError) as error:
            return count, "%s: %s" % (how, error)
    return count, None


def print_sections(cases):
    counts = collections.defaultdict(lambda: [0, 0])
    for case in cases:
        for section in case.sections:
            counts[section][0] += 1
    folder = os.path.join(TESTS, "wire", "dialogues")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            for section in set(re.findall(SECTION, file.read())):
                counts[section][1] += 1
    for (rfc, section), (case_count, dialogue_count) in sorted(
            counts.items(), key=lambda item: (int(item[0][0]), [int(part) for part in item[0][1].split(".")])):
        print("RFC %-5s section %-8s %3d cases, %3d dialogues" % (rfc, section, case_count, dialogue_count))


def run(cases):
    server = wire.make_server()
    tally = collections.defaultdict(lambda: [0, 0, 0])  # cases, plays, failures
    begin = time.monotonic()
    with server, concurrent.futures.ThreadPoolExecutor(PLAYERS) as pool:
        futures = [(case, pool.submit(play, server.port, case)) for case in cases]
        for case, future in futures:
            count, why = future.result()
            sums = tally[case.category]
            sums[0] += 1
            sums[1] += count
            sums[2] += why is not None
            if why:
                print("FAIL %s/%s (%s): %s" % (case.category, case.name, os.path.relpath(case.place), why))
        assert weir.ask(server.port, "GET", "/livez").status == 200, "the server does not answer any more"
    for category, sums in sorted(tally.items()):
        print("%-18s %3d cases, %3d plays, %d failed" % (category, *sums))
    failures = sum(sums[2] for sums in tally.values())
    print("%d plays in %.1f s" % (sum(sums[1] for sums in tally.values()), time.monotonic() - begin))
    print("%d passed, %d failed" % (len(cases) - failures, failures))
    return 1 if failures or not cases else 0


def main(words):
    cases = all_cases()
    if words == ["--sections"]:
        print_sections(cases)
        return 0
    return run([case for case in cases
                if not words or any(word in case.category + "/" + case.name for word in words)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
