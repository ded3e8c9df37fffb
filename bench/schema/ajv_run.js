// SPDX-License-Identifier: Apache-2.0
// ajv's side: node ajv_run.js MODULES CORPUS NAME compiles one schema and then does what lines of its standard input say,
// each answered by a line of JSON:
//   check                           whether each document of the schema is valid: {path: bool}
//   parsed|bytes WARM_MS RUN_MS PATH…   so many ns for a validation, over and over through the documents in turn
"use strict";
const fs = require("fs");
const path = require("path");
const [modules, corpus, name] = process.argv.slice(2);
const from = (module) => require(path.join(modules, module));

const row = JSON.parse(fs.readFileSync(path.join(corpus, "index.json"))).find((one) => one.name === name);
const schema = JSON.parse(fs.readFileSync(path.join(corpus, row.schema)));
const entry = {"7": "ajv", "2019-09": "ajv/dist/2019", "2020-12": "ajv/dist/2020"}[row.draft];
const Ajv = from(entry).default;
// strict: only style. allErrors stays off: the first fault ends it, as on the other side.
const ajv = new Ajv({strict: false, logger: false, allErrors: false});
from("ajv-formats").default(ajv);
// The metaschema of a draft is known already.
const validate = ajv.getSchema(schema.$id || "") || ajv.compile(schema);

function passesUntil(pass, ms) {
    const began = process.hrtime.bigint();
    const end = began + BigInt(Math.round(ms * 1e6));
    let passes = 0;
    for (let step = 1; process.hrtime.bigint() < end; step = Math.min(step * 2, 64)) {
        for (let i = 0; i < step; i++)
            pass();
        passes += step;
    }
    return passes;
}

function measure(mode, warmMs, runMs, paths) {
    const texts = paths.map((one) => fs.readFileSync(path.join(corpus, one)));
    const documents = texts.map((text) => JSON.parse(text.toString()));
    let valid = 0;
    const pass = mode === "parsed"
        ? () => { for (let i = 0; i < documents.length; i++) valid += validate(documents[i]) ? 1 : 0; }
        : () => { for (let i = 0; i < texts.length; i++) valid += validate(JSON.parse(texts[i].toString())) ? 1 : 0; };
    passesUntil(pass, warmMs);
    valid = 0;
    const before = process.cpuUsage();
    const passes = passesUntil(pass, runMs);
    const used = process.cpuUsage(before);
    return {ns: (used.user + used.system) * 1000 / passes / paths.length, passes, valid: valid / passes};
}

function answer(words) {
    const [mode, warmMs, runMs, ...paths] = words;
    if (mode === "parsed" || mode === "bytes")
        return measure(mode, +warmMs, +runMs, paths);
    const all = [...row.valid, ...row.invalid, ...row.found];
    return Object.fromEntries(all.map((one) => [one, validate(JSON.parse(fs.readFileSync(path.join(corpus, one))))]));
}

require("readline").createInterface({input: process.stdin}).on("line", (line) => {
    process.stdout.write(JSON.stringify(answer(line.trim().split(" "))) + "\n");
});
