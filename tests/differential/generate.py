# SPDX-License-Identifier: Apache-2.0
"""Random schemas and documents that have a chance to meet: few names, few texts, few numbers, every keyword."""

import random

DRAFTS = ("7", "2019-09", "2020-12")
META = {"7": "http://json-schema.org/draft-07/schema#", "2019-09": "https://json-schema.org/draft/2019-09/schema",
        "2020-12": "https://json-schema.org/draft/2020-12/schema"}
NAMES = ("a", "b", "c", "aa", "ab", "é", "")
TEXTS = ("", "a", "b", "ab", "ba", "aab", "é", "éa", "\U0001f600", "1", "a1")
NUMBERS = (0, 1, -1, 2, 3, 5, 1.0, 1.5, -0.5, 2.0, 10, 1e3, 9007199254740993, -0.0, 0.25, 2**63, 2**64, 2**64 + 1, -2**63 - 1,
           12345678901234567890123, 24691357802469135780246)
DIVISORS = (1, 2, 0.5, 3, 2**63, 12345678901234567890123)
PATTERNS = ("^a", "b$", "^[ab]+$", "a|b", "^$", "^.$", "1", "é", "^a*$", "^(a|é)", "[^a]", "a{2}", "^\\d+$", "^.{2,3}$")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
DEFINITIONS = 3


def document(rng, depth=3):
    kind = rng.random()
    if depth == 0 or kind < 0.45:
        return rng.choice((rng.choice(TEXTS), rng.choice(NUMBERS), rng.choice(NUMBERS), None, True, False, rng.choice(TEXTS)))
    if kind < 0.65:
        return [document(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 3, 4)))]
    return {rng.choice(NAMES): document(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 3, 4)))}


class Maker:
    """One schema. References lead to later definitions, or anywhere from below a member or an item, so that none goes
    round in a circle without the document getting smaller."""

    def __init__(self, rng, draft):
        self.rng = rng
        self.draft = draft
        self.is_7 = draft == "7"
        self.is_2020 = draft == "2020-12"
        self.level = 0          # of the definition that is being made; 0: the root
        self.is_below = False   # inside a member or an item

    def make(self):
        definitions = {}
        for level in range(DEFINITIONS, 0, -1):
            self.level = level
            definitions["d%d" % level] = self.schema(2)
        self.level = 0
        schema = self.schema(3)
        if isinstance(schema, bool) or (self.is_7 and "$ref" in schema):
            schema = {"allOf": [schema]}
        schema["$schema"] = META[self.draft]
        schema["definitions" if self.is_7 else "$defs"] = definitions
        if self.draft == "2020-12" and self.rng.random() < 0.2:
            schema["$dynamicAnchor"] = "node"
        if self.draft == "2019-09" and self.rng.random() < 0.2:
            schema["$recursiveAnchor"] = True
        return schema

    def schema(self, depth):
        chance = self.rng.random()
        if chance < 0.08 or depth < 0:
            return chance < 0.05
        schema = {}
        for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4))):
            self.rng.choice(self.makers(depth))(schema, depth - 1)
        if self.is_7 and "$ref" in schema:
            return {"$ref": schema["$ref"]}
        return schema

    def makers(self, depth):
        simple = [self.type, self.enum, self.const, self.number, self.text, self.counts, self.required, self.pattern,
                  self.unique, self.dependencies]
        if depth <= 0:
            return simple
        nested = [self.properties, self.properties, self.pattern_properties, self.additional, self.items, self.items,
                  self.contains, self.names, self.branch, self.combined, self.combined, self.negated, self.reference,
                  self.dependent]
        return simple + nested + ([] if self.is_7 else [self.unevaluated] * 3)

    def below(self, depth):
        before, self.is_below = self.is_below, True
        schema = self.schema(depth)
        self.is_below = before
        return schema

    def pick(self, *choices):
        return self.rng.choice(choices)

    def type(self, schema, _):
        schema["type"] = self.pick(*TYPES) if self.rng.random() < 0.6 else self.rng.sample(TYPES, self.pick(2, 3))

    def enum(self, schema, _):
        values = []
        for _ in range(self.pick(1, 2, 4)):
            value = document(self.rng, 2)
            if not any(same(value, other) for other in values):
                values.append(value)
        schema["enum"] = values

    def const(self, schema, _):
        schema["const"] = document(self.rng, 2)

    def number(self, schema, _):
        keyword = self.pick("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
        schema[keyword] = self.pick(*(DIVISORS if keyword == "multipleOf" else NUMBERS))

    def text(self, schema, _):
        schema[self.pick("minLength", "maxLength")] = self.pick(0, 1, 2, 3)

    def counts(self, schema, _):
        schema[self.pick("minItems", "maxItems", "minProperties", "maxProperties")] = self.pick(0, 1, 2, 3, 2.0)

    def required(self, schema, _):
        schema["required"] = self.rng.sample(NAMES, self.pick(1, 1, 2))

    def pattern(self, schema, _):
        schema["pattern"] = self.pick(*PATTERNS)

    def unique(self, schema, _):
        schema["uniqueItems"] = self.rng.random() < 0.9

    def dependencies(self, schema, _):
        schema["dependencies" if self.is_7 else "dependentRequired"] = {
            self.pick(*NAMES): self.rng.sample(NAMES, self.pick(0, 1, 2)) for _ in range(self.pick(1, 2))}

    def dependent(self, schema, depth):
        keyword = "dependencies" if self.is_7 else "dependentSchemas"
        schema[keyword] = {self.pick(*NAMES): self.schema(depth) for _ in range(self.pick(1, 2))}

    def properties(self, schema, depth):
        schema["properties"] = {self.pick(*NAMES): self.below(depth) for _ in range(self.pick(1, 2, 3))}

    def pattern_properties(self, schema, depth):
        schema["patternProperties"] = {self.pick(*PATTERNS): self.below(depth) for _ in range(self.pick(1, 2))}

    def additional(self, schema, depth):
        schema["additionalProperties"] = False if self.rng.random() < 0.5 else self.below(depth)

    def names(self, schema, depth):
        schema["propertyNames"] = self.below(depth)

    def items(self, schema, depth):
        chance = self.rng.random()
        several = [self.below(depth) for _ in range(self.pick(1, 2, 3))]
        if chance < 0.5:
            schema["items"] = self.below(depth)
        elif self.is_2020:
            schema["prefixItems"] = several
        else:
            schema["items"] = several
            if self.rng.random() < 0.5:
                schema["additionalItems"] = self.below(depth)

    def contains(self, schema, depth):
        schema["contains"] = self.below(depth)
        if not self.is_7 and self.rng.random() < 0.5:
            schema[self.pick("minContains", "maxContains")] = self.pick(0, 1, 2)

    def branch(self, schema, depth):
        schema["if"] = self.schema(depth)
        for keyword in self.pick(("then",), ("else",), ("then", "else")):
            schema[keyword] = self.schema(depth)

    def combined(self, schema, depth):
        schema[self.pick("allOf", "anyOf", "oneOf")] = [self.schema(depth) for _ in range(self.pick(1, 2, 3))]

    def negated(self, schema, depth):
        schema["not"] = self.schema(depth)

    def unevaluated(self, schema, depth):
        keyword = self.pick("unevaluatedProperties", "unevaluatedItems")
        schema[keyword] = False if self.rng.random() < 0.6 else self.below(depth)

    def reference(self, schema, _):
        first = 1 if self.is_below else self.level + 1
        if self.is_below and self.rng.random() < 0.4:
            keyword, target = {"7": ("$ref", "#"), "2019-09": (self.pick("$ref", "$recursiveRef"), "#"),
                               "2020-12": (self.pick("$ref", "$dynamicRef"), "#")}[self.draft]
            schema[keyword] = target
        elif first <= DEFINITIONS:
            schema["$ref"] = "#/%s/d%d" % ("definitions" if self.is_7 else "$defs", self.rng.randint(first, DEFINITIONS))


def same(a, b):
    """Equal as JSON Schema compares."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) in (int, float) and type(b) in (int, float) and a == b or type(a) is type(b) and a == b


def case(seed):
    """(draft, schema, documents) of a seed."""
    rng = random.Random(seed)
    draft = DRAFTS[seed % 3]
    schema = Maker(rng, draft).make()
    documents = [document(rng) for _ in range(12)]
    return draft, schema, documents
