# SPDX-License-Identifier: Apache-2.0
"""Documents that a loop makes better than a person: long, regular, the same ones every time."""

import copy


def number(seed):
    """0..1, by a linear congruence."""
    return (seed * 1103515245 + 12345) % 2147483648 / 2147483648


def ring(seed, corners):
    points = [[round(-180 + 360 * number(seed + corner), 6), round(-90 + 180 * number(seed + corner + 1), 6)]
              for corner in range(corners)]
    return points + [points[0]]


def feature(seed):
    kinds = ({"type": "Point", "coordinates": ring(seed, 1)[0]}, {"type": "LineString", "coordinates": ring(seed, 20)},
             {"type": "Polygon", "coordinates": [ring(seed, 40), ring(seed + 50, 10)]},
             {"type": "MultiPolygon", "coordinates": [[ring(seed, 12)], [ring(seed + 20, 12)]]})
    return {"type": "Feature", "id": seed, "geometry": kinds[seed % 4],
            "properties": {"name": "place %d" % seed, "population": int(1e6 * number(seed)), "capital": seed % 5 == 0}}


def geojson():
    large = {"type": "FeatureCollection", "bbox": [-180, -90, 180, 90], "features": [feature(seed) for seed in range(40)]}
    small = feature(2)
    bad = copy.deepcopy(large)
    bad["features"][30]["geometry"]["coordinates"][0][5] = ["a", "b"]
    odd = copy.deepcopy(small)
    odd["geometry"]["type"] = "Circle"
    return [large, small, feature(0)["geometry"]], [bad, odd, {"type": "Feature"}]


def component(seed):
    name = "package-%d" % seed
    return {"type": "library", "bom-ref": "pkg:npm/%s@1.%d.0" % (name, seed), "group": "@scope" if seed % 3 else "org",
            "name": name, "version": "1.%d.0" % seed, "scope": "required" if seed % 2 else "optional",
            "hashes": [{"alg": "SHA-256", "content": "%064x" % (seed * 7919 + 1)}],
            "licenses": [{"license": {"id": ("MIT", "Apache-2.0", "ISC", "BSD-3-Clause")[seed % 4]}}],
            "purl": "pkg:npm/%s@1.%d.0" % (name, seed),
            "externalReferences": [{"type": "website", "url": "https://example.org/%s" % name},
                                   {"type": "vcs", "url": "git+https://example.org/%s.git" % name}],
            "properties": [{"name": "cdx:npm:package:path", "value": "node_modules/" + name}]}


def cyclonedx():
    components = [component(seed) for seed in range(30)]
    bill = {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
            "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "version": 1,
            "metadata": {"timestamp": "2026-05-17T10:00:00Z",
                         "tools": {"components": [{"type": "application", "name": "tool", "version": "1.0"}]},
                         "component": {"type": "application", "bom-ref": "app", "name": "app", "version": "1.0.0"}},
            "components": components,
            "dependencies": [{"ref": one["bom-ref"], "dependsOn": [other["bom-ref"] for other in components[at + 1:at + 4]]}
                             for at, one in enumerate(components)]}
    small = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components[:1]}
    bad = copy.deepcopy(bill)
    bad["components"][25]["hashes"][0]["content"] = "xyz"
    unknown = copy.deepcopy(bill)
    unknown["components"][3]["colour"] = "red"
    return [bill, small], [bad, unknown, dict(small, bomFormat="Other"), dict(small, version=0)]


def finding(seed):
    return {"ruleId": "rule-%d" % (seed % 5), "ruleIndex": seed % 5, "level": ("error", "warning", "note")[seed % 3],
            "message": {"text": "Finding %d" % seed},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/lib/file%d.c" % seed, "uriBaseId": "%ROOT%"},
                                                "region": {"startLine": seed + 1, "startColumn": 5, "endColumn": 20,
                                                           "snippet": {"text": "int x = %d;" % seed}}}}],
            "partialFingerprints": {"primaryLocationLineHash": "%016x:1" % (seed * 6364136223846793005 % 2**64)}}


def sarif():
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
           "runs": [{"tool": {"driver": {"name": "lint", "version": "1.2.3", "informationUri": "https://example.org/lint",
                                         "rules": [{"id": "rule-%d" % rule, "name": "Rule%d" % rule,
                                                    "shortDescription": {"text": "a rule"},
                                                    "defaultConfiguration": {"level": "warning"},
                                                    "properties": {"tags": ["a", "b"]}} for rule in range(5)]}},
                     "columnKind": "utf16CodeUnits", "results": [finding(seed) for seed in range(40)],
                     "invocations": [{"executionSuccessful": True, "startTimeUtc": "2026-05-17T10:00:00.000Z"}]}]}
    small = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "lint"}}, "results": []}]}
    bad = copy.deepcopy(log)
    bad["runs"][0]["results"][35]["level"] = "fatal"
    unknown = copy.deepcopy(log)
    unknown["runs"][0]["results"][2]["where"] = 1
    return [log, small], [bad, unknown, {"version": "2.1.0"}, {"version": "2.0.0", "runs": []}]


DOCUMENTS = {"cyclonedx": cyclonedx, "geojson": geojson, "sarif": sarif}
