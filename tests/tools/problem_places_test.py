#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every PROBLEM_x in src/pipeline stands in a file whose place its row in errors.def names.

What a route's documentation says that it may answer is made of these rows: a problem that arises where no row says so
would be an undocumented answer.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The longest prefix counts. Several places: the problem has to name one of them.
PLACES = {
    "parse/target.c": "AT_HEAD",
    "parse/receive.c": "AT_BODY",
    "parse/content_coding.c": "AT_BODY",
    "parse/": "AT_HEAD",
    "http1/": "AT_HEAD",
    "http2/": "AT_HEAD",
    "chain/": "AT_HEAD",  # X-Weir-Skip of debug routes
    "route/": "AT_ROUTING",
    "body_json.c": "AT_CONTRACT AT_TENSORS AT_IMAGE AT_REPOSITORY",
    "request.c": "AT_BODY",  # memory, which bodies take
    "model_find.c": "AT_MODEL_NAME AT_MODEL",
    "negotiate.c": "AT_RUN",
    "decode/image.c": "AT_IMAGE",
    "decode/form.c": "AT_IMAGE",
    "decode/body_json.c": "AT_IMAGE AT_TENSORS",
    "decode/tensors": "AT_TENSORS",
    "decode/stage.c": "AT_IMAGE AT_TENSORS AT_RUN",
    "cache/": "AT_RUN",
    "graph": "AT_PIPELINE",
    "image_body.c": "AT_IMAGE",
    "shared_regions.c": "AT_SHARED_MEMORY",
    "setting.c": "AT_SETTINGS",
    "trace_change.c": "AT_SETTINGS",
    "sequence/": "AT_RUN",
    "schedule/": "AT_RUN",
    "infer/": "AT_RUN",
    "format/": "AT_RUN",
    "proxy/collect.c": "AT_RESPONSE AT_PROXY",
    "proxy/": "AT_PROXY",
    "files/content.c": "AT_FILES AT_ASSET",
    "files/": "AT_FILES",
    "endpoint/metrics.c": "AT_METRICS",
    "endpoint/debug.c": "AT_METRICS",
    "endpoint/openapi.c": "AT_OPENAPI",
    "endpoint/render.c": "AT_METRICS AT_OPENAPI AT_REPOSITORY",
    "endpoint/schemas.c": "AT_SCHEMAS",
    "endpoint/v2_logging.c": "AT_SETTINGS",
    "endpoint/v2_trace.c": "AT_SETTINGS",
    "endpoint/v2_shared_memory.c": "AT_SHARED_MEMORY AT_CUDA",
    "outputs.c": "AT_RUN",
    "endpoint/v2_repository.c": "AT_REPOSITORY",
    "validate/": "AT_CONTRACT AT_PARAMETERS AT_RESPONSE",
    "middleware/auth.c": "AT_AUTH",
    "middleware/normalize_image.c": "AT_IMAGE",
    "middleware/format_output.c": "AT_SCORES",
}
# What only looks at a problem that another place has named, or makes one of a number.
READERS = {"problem.c", "problem.h", "middleware/outcome_int.h", "middleware/access_log.c"}
NAMES_OF_NONE = {"NONE", "COUNT", "TYPE_PREFIX"}


def rows():
    text = (ROOT / "src/pipeline/errors.def").read_text(encoding="utf-8")
    return {name: set(places.split(" | "))
            for name, places in re.findall(r"^PROBLEM\((\w+),.*, ([A-Z_| ]+)\)$", text, re.MULTILINE)}


def places_of(path):
    prefixes = [prefix for prefix in PLACES if path.startswith(prefix)]
    return set(PLACES[max(prefixes, key=len)].split()) if prefixes else set()


def main():
    faults = []
    known = rows()
    pipeline = ROOT / "src/pipeline"
    for file in sorted(pipeline.rglob("*.[ch]")):
        path = str(file.relative_to(pipeline))
        if path in READERS or path.startswith("grpc/"):  # no document tells of remote procedures
            continue
        for name in sorted(set(re.findall(r"\bPROBLEM_([A-Z][A-Z0-9_]+)\b", file.read_text(encoding="utf-8")))):
            if name in NAMES_OF_NONE or name.endswith("_H"):
                continue
            allowed = places_of(path) | {"AT_ANY", "AT_NO_RESPONSE"}
            if not known.get(name, set()) & allowed:
                faults.append(f"src/pipeline/{path}: PROBLEM_{name} arises here, but its row in errors.def names "
                              f"{' | '.join(sorted(known.get(name, {'nothing'})))}")
    print("\n".join(faults) or f"{len(known)} problems")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
