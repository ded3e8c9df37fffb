// SPDX-License-Identifier: Apache-2.0
// ajv's side: node ajv_run.js MODULES CORPUS NAME compiles one schema and then does what lines of its standard input say,
// each answered by a line of JSON about each document of the schema:
//   check          whether it is valid: {path: bool}
//   warm MS        goes through all documents in turn, parsed and from bytes, until V8 has had the time to optimise
//   measure MS     {path: {parsed_ns, bytes_ns}}, each document for so long, one after the other
"use strict";
const fs = require("fs");
const path = require("path");
const [modules, corpus, name] = process.argv.slice(2);
const from = (module) => require(path.join(modules, module));
const WARM_RUNS = 10000;
const WARM_MAX = 10; // times MS

const row = JSON.parse(fs.readFileSync(path.join(corpus, "index.json"))).find((one) => one.name === name);
const schema = JSON.parse(fs.readFileSync(path.join(corpus, row.schema)));
const entry = {"7": "ajv", "2019-09": "ajv/dist/2019", "2020-12": "ajv/dist/2020"}[row.draft];
const Ajv = from(entry).default;
// strict: only style. allErrors stays off: the first fault ends it, as on the other side.
const ajv = new Ajv({strict: false, logger: false, allErrors: false});
from("ajv-formats").default(ajv);
// The metaschema of a draft is known already.
const validate = (schema.$id && ajv.getSchema(schema.$id)) || ajv.compile(schema);

const documents = [...row.valid, ...row.invalid, ...row.found].map((one) => {
    const bytes = fs.readFileSync(path.join(corpus, one));
    return {path: one, bytes, value: JSON.parse(bytes.toString())};
});
let valid = 0; // so that nobody can say that the outcome is not needed

function runParsed(document) {
    valid += validate(document.value) ? 1 : 0;
}

function runBytes(document) {
    valid += validate(JSON.parse(document.bytes.toString())) ? 1 : 0;
}

function warm(run, ms) {
    const began = performance.now();
    for (let runs = 0; performance.now() - began < ms || (runs < WARM_RUNS && performance.now() - began < ms * WARM_MAX);)
        for (const document of documents) {
            run(document);
            runs++;
        }
}

// Processor time of the process, its collector included.
function measure(run, document, ms) {
    let runs = 0;
    const end = performance.now() + ms;
    const before = process.cpuUsage();
    for (let step = 1; performance.now() < end; step = Math.min(step * 2, 256)) {
        for (let i = 0; i < step; i++)
            run(document);
        runs += step;
    }
    const used = process.cpuUsage(before);
    return (used.user + used.system) * 1000 / runs;
}

function answer(word, ms) {
    if (word === "check")
        return Object.fromEntries(documents.map((one) => [one.path, validate(one.value)]));
    if (word === "warm") {
        warm(runParsed, ms);
        warm(runBytes, ms);
        return {};
    }
    return Object.fromEntries(documents.map((one) => [one.path, {
        parsed_ns: measure(runParsed, one, ms), bytes_ns: measure(runBytes, one, ms)}]));
}

require("readline").createInterface({input: process.stdin}).on("line", (line) => {
    const [word, ms] = line.trim().split(" ");
    process.stdout.write(JSON.stringify(answer(word, Number(ms))) + "\n");
});
