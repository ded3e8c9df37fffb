#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the peers give equal answers: the same status, the same members, the same label, nearly the same confidence.

Prints a table. Exit code: 0 when all that are installed agree, 1 when one does not, 2 for a misuse. `--install` installs
what is missing before; without, peers that are not there are told and passed over."""

import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import services  # noqa: E402  (finds harness and servers)
import harness  # noqa: E402
import install  # noqa: E402
import routes  # noqa: E402

MEMBERS = ["confidence", "latency_ms", "model", "model_version", "result"]
JSON_TOLERANCE = 1e-5
# Decoders of JPEG may differ in the last bit of a pixel, and resizers in how they round.
IMAGE_TOLERANCE = 0.002


class Case:
    def __init__(self, name, route, status, body=None, media_type=None, result=None, tolerance=JSON_TOLERANCE):
        self.name = name
        self.route = route
        self.status = status  # None: any 4xx
        self.body = body
        self.media_type = media_type
        self.result = result
        self.tolerance = tolerance


def refused(name, body, media_type=routes.JSON):
    return Case(name, routes.CLASSIFY, None, body, media_type)


def image(name, result):
    kind = "image/png" if name.endswith("png") else "image/jpeg"
    return Case(name, routes.IMAGE, 200, routes.image(name), kind, result, IMAGE_TOLERANCE)


def numbers(*values):
    return Case("numbers %g…" % values[0], routes.CLASSIFY, 200, routes.document(data=list(values)), routes.JSON)


CASES = [
    Case("plain", routes.PLAIN, 200),
    numbers(5.1, 3.5, 1.4, 0.2, -1.25, 0.75, 2.5, -0.5),
    numbers(0, 0, 0, 0, 0, 0, 0, 0),
    numbers(-7.75, 3, -2, 1e-3, 12.5, -0.125, 4, 100),
    refused("no JSON", b'{"inputs":['),
    refused("no inputs", b'{}'),
    refused("unknown member", b'{"inputs":[{"name":"x","shape":[1,8],"datatype":"FP32","data":[1,1,1,1,1,1,1,1],"more":1}]}'),
    refused("seven numbers", routes.document(data=[1] * 7)),
    refused("a text for a number", routes.document(data=[1, 1, 1, "1", 1, 1, 1, 1])),
    refused("a number too large", routes.document(data=[1, 1, 1, 101, 1, 1, 1, 1])),
    refused("another datatype", routes.document(datatype="INT32")),
    refused("another shape", routes.document(shape=[1, 9])),
    image("upside-down-1.jpg", "180"),
    image("upright-1.jpg", "0"),
    image("upright-2.png", "0"),
    image("upside-down-2.png", "180"),
    image("upside-down-4.jpg", "180"),
    Case("no image", routes.IMAGE, None, b"this is no image", "image/jpeg"),
]


def ask(service, case):
    route = case.route
    return service.send(route.method, route.path, case.body if case.body is not None else route.body,
                        case.media_type or route.media_type)


def judge(case, status, document, reference):
    """What stands in the table, and whether it is as it should be. `reference` is the answer of the first peer."""
    if case.status is None:
        return str(status), 400 <= status < 500
    if status != case.status:
        return "%d!" % status, False
    if case.route is routes.PLAIN:
        return "200" if document == {"status": "ok"} else "other body!", document == {"status": "ok"}
    if sorted(document) != MEMBERS:
        return "members %s!" % ", ".join(sorted(document)), False
    text = "%s %.6f" % (document["result"], document["confidence"])
    is_right = (document["result"] == (case.result or reference["result"])
                and abs(document["confidence"] - reference["confidence"]) <= case.tolerance
                and all(document[name] == reference[name] for name in ("model", "model_version")))
    return text if is_right else text + "!", is_right


def is_right_inference(status, document):
    return status == 200 and sorted(document) == MEMBERS


def is_right(route, status, document):
    """For whoever waits for a server."""
    return document == {"status": "ok"} if route is routes.PLAIN else is_right_inference(status, document)


def answers(service):
    """{name of a case: (status, document)} of one peer, running."""
    first = routes.BY_NAME[service.routes[-1]]
    service.wait(first, lambda status, document: is_right(first, status, document))
    return {case.name: ask(service, case) for case in CASES if case.route.name in service.routes}


def compare(names):
    """(rows, names of the peers that do not agree). The first peer that serves a route is what others are held against."""
    heard = {}
    os.makedirs(harness.BUILD, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=harness.BUILD) as folder:
        for name in names:
            with services.BY_NAME[name](folder, rank=harness.ORDINARY) as service:
                heard[name] = answers(service)
    rows, wrong = [], set()
    for case in CASES:
        row = [case.name]
        reference = next((said[case.name][1] for said in heard.values() if case.name in said), None)
        for name in names:
            if case.name not in heard[name]:
                row.append("–")
                continue
            text, is_equal = judge(case, *heard[name][case.name], reference)
            row.append(text)
            if not is_equal:
                wrong.add(name)
        rows.append(row)
    return rows, sorted(wrong)


def table(names, rows):
    lines = [["", *names], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names) + 1)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", help="only these: " + ", ".join(services.BY_NAME))
    parser.add_argument("--install", action="store_true", help="install what is missing before")
    options = parser.parse_args()
    for name in options.peers:
        if name not in services.BY_NAME:
            parser.error("no peer is called %s" % name)
    wanted = options.peers or [name for name, service in services.BY_NAME.items() if service.is_peer]
    skipped = install.install(wanted) if options.install else {
        name: why for name in wanted if (why := services.BY_NAME[name].missing())}
    names = [name for name in wanted if name not in skipped]
    for name, why in skipped.items():
        print("skip %s: %s" % (name, why))
    rows, wrong = compare(names)
    print(table(names, rows))
    print("numbers within %g, images within %g" % (JSON_TOLERANCE, IMAGE_TOLERANCE))
    if wrong:
        print("not equal: %s" % ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
