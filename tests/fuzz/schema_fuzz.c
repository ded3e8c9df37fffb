/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and documents are made of the input's bytes, from few names and values, so that they have to do with each other.
 * Whatever they are: a check, an explanation and an adaptation without options agree, an explanation of what is invalid
 * has errors, and what an adaptation with options has made of a document is JSON.
 * fuzz-library: lib/schema */
#include "lib/schema/schema.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 20000 };

struct source {
    const uint8_t *data;
    size_t size;
    struct json_writer *writer;
};

static const char *const names[] = {"a", "b", "c", "ab", "a longer name than sixteen", "a longer name than seventee"};
static const char *const texts[] = {"", "a", "ab", "5", "true", "x\xc3\xa9\xe2\x82\xac", "a longer text than sixteen"};
static const char *const patterns[] = {"^a", "b$", "[ab]", "", "^x", "a.*b"};
static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
static const char *const numbers[] = {"0",
                                      "1",
                                      "-1",
                                      "2.5",
                                      "3.0",
                                      "18446744073709551615",
                                      "9007199254740993",
                                      "0.1",
                                      "1e300",
                                      "123456789012345678901234567890"};

static unsigned draw(struct source *source, unsigned count)
{
    if (source->size == 0)
        return 0;
    source->size--;
    return *source->data++ % count;
}

#define DRAW(source, list) slice_of_text((list)[draw(source, ARRAY_LEN(list))])

static void write_value(struct source *source, unsigned depth)
{
    struct json_writer *writer = source->writer;
    switch (draw(source, depth > 3 ? 8 : 12)) {
    case 0:
        json_write_null(writer);
        break;
    case 1:
    case 2:
        json_write_bool(writer, draw(source, 2));
        break;
    case 3:
    case 4:
        json_write_raw(writer, DRAW(source, numbers));
        break;
    case 5:
    case 6:
    case 7:
        json_write_string(writer, DRAW(source, texts));
        break;
    case 8:
    case 9:
        json_write_array_begin(writer);
        for (unsigned count = draw(source, 5); count > 0; count--)
            write_value(source, depth + 1);
        json_write_array_end(writer);
        break;
    default:
        json_write_object_begin(writer);
        for (unsigned count = draw(source, 6); count > 0; count--) {
            json_write_key(writer, DRAW(source, names));
            write_value(source, depth + 1);
        }
        json_write_object_end(writer);
        break;
    }
}

static void write_schema(struct source *source, unsigned depth);

static void write_schemas(struct source *source, unsigned depth, const char *keyword)
{
    json_write_key(source->writer, slice_of_text(keyword));
    json_write_array_begin(source->writer);
    unsigned count = 1 + draw(source, 3);
    for (unsigned i = 0; i < count; i++)
        write_schema(source, depth + 1);
    json_write_array_end(source->writer);
}

static void write_map(struct source *source, unsigned depth, const char *keyword, const char *const *keys,
                      unsigned count)
{
    unsigned first = draw(source, count);
    unsigned used = 1 + draw(source, count - first);
    json_write_key(source->writer, slice_of_text(keyword));
    json_write_object_begin(source->writer);
    for (unsigned i = first; i < MIN(first + used, count); i++) {
        json_write_key(source->writer, slice_of_text(keys[i]));
        write_schema(source, depth + 1);
    }
    json_write_object_end(source->writer);
}

static void write_names(struct source *source)
{
    unsigned first = draw(source, ARRAY_LEN(names));
    json_write_array_begin(source->writer);
    for (unsigned i = first; i < MIN(first + 2, ARRAY_LEN(names)); i++)
        json_write_string(source->writer, slice_of_text(names[i]));
    json_write_array_end(source->writer);
}

static void write_sub(struct source *source, unsigned depth, const char *keyword)
{
    json_write_key(source->writer, slice_of_text(keyword));
    write_schema(source, depth + 1);
}

static void write_count(struct source *source, const char *keyword)
{
    json_write_key(source->writer, slice_of_text(keyword));
    json_write_u64(source->writer, draw(source, 5));
}

static void write_number(struct source *source, const char *keyword)
{
    json_write_key(source->writer, slice_of_text(keyword));
    json_write_raw(source->writer, DRAW(source, numbers));
}

static void write_values(struct source *source)
{
    json_write_array_begin(source->writer);
    for (unsigned count = 1 + draw(source, 5); count > 0; count--)
        write_value(source, 2);
    json_write_array_end(source->writer);
}

static void write_keyword(struct source *source, unsigned depth, unsigned keyword)
{
    static const char *const counts[] = {"maxLength",     "minLength",     "maxItems",    "minItems",
                                         "maxProperties", "minProperties", "minContains", "maxContains"};
    static const char *const bounds[] = {"maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"};
    static const char *const subs[] = {"items", "contains", "additionalProperties", "propertyNames",        "not", "if",
                                       "then",  "else",     "unevaluatedItems",     "unevaluatedProperties"};
    static const char *const lists[] = {"allOf", "anyOf", "oneOf", "prefixItems"};
    struct json_writer *writer = source->writer;
    if (keyword < 8) {
        write_count(source, counts[keyword]);
    } else if (keyword < 12) {
        write_number(source, bounds[keyword - 8]);
    } else if (keyword < 22) {
        write_sub(source, depth, subs[keyword - 12]);
    } else if (keyword < 26) {
        write_schemas(source, depth, lists[keyword - 22]);
    } else if (keyword == 26) {
        write_map(source, depth, "properties", names, ARRAY_LEN(names));
    } else if (keyword == 27) {
        write_map(source, depth, "patternProperties", patterns, ARRAY_LEN(patterns));
    } else if (keyword == 28) {
        write_map(source, depth, "dependentSchemas", names, ARRAY_LEN(names));
    } else if (keyword == 29) {
        json_write_key(writer, SLICE_LIT("required"));
        write_names(source);
    } else if (keyword == 30) {
        json_write_key(writer, SLICE_LIT("enum"));
        write_values(source);
    } else if (keyword == 31) {
        json_write_key(writer, SLICE_LIT("const"));
        write_value(source, 2);
    } else if (keyword == 32) {
        json_write_key(writer, SLICE_LIT("pattern"));
        json_write_string(writer, DRAW(source, patterns));
    } else if (keyword == 33) {
        json_write_key(writer, SLICE_LIT("uniqueItems"));
        json_write_bool(writer, true);
    } else if (keyword == 34) {
        json_write_key(writer, SLICE_LIT("$ref"));
        json_write_string(writer, draw(source, 2) ? SLICE_LIT("#/$defs/a") : SLICE_LIT("#/$defs/b"));
    } else if (keyword == 35) {
        json_write_key(writer, SLICE_LIT("dependentRequired"));
        json_write_object_begin(writer);
        json_write_key(writer, DRAW(source, names));
        write_names(source);
        json_write_object_end(writer);
    } else if (keyword == 36) {
        json_write_key(writer, SLICE_LIT("multipleOf"));
        json_write_raw(writer, draw(source, 2) ? SLICE_LIT("2") : SLICE_LIT("0.1"));
    } else {
        json_write_key(writer, SLICE_LIT("default"));
        write_value(source, 3);
    }
}

static void write_schema(struct source *source, unsigned depth)
{
    unsigned kind = draw(source, 16);
    if (depth > 5 || kind < 2) {
        json_write_bool(source->writer, kind != 1);
        return;
    }
    json_write_object_begin(source->writer);
    if (kind > 9) {
        json_write_key(source->writer, SLICE_LIT("type"));
        json_write_array_begin(source->writer);
        unsigned first = draw(source, ARRAY_LEN(types));
        for (unsigned i = first; i < MIN(first + 3, ARRAY_LEN(types)); i++)
            json_write_string(source->writer, slice_of_text(types[i]));
        json_write_array_end(source->writer);
    }
    uint64_t used = 0;
    for (unsigned count = draw(source, 5); count > 0; count--) {
        unsigned keyword = draw(source, 38);
        if (used >> keyword & 1)
            continue;
        used |= (uint64_t)1 << keyword;
        write_keyword(source, depth, keyword);
    }
    json_write_object_end(source->writer);
}

static bool write_document(struct arena *arena, struct source *source, struct slice *ret_text)
{
    struct json_writer writer = json_writer_in_arena(arena, 1024);
    source->writer = &writer;
    write_value(source, 0);
    return json_writer_finish(&writer, ret_text) == ERR_OK;
}

static bool write_root(struct arena *arena, struct source *source, struct slice *ret_text)
{
    struct json_writer writer = json_writer_in_arena(arena, 4096);
    source->writer = &writer;
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("$defs"));
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("a"));
    write_schema(source, 1);
    json_write_key(&writer, SLICE_LIT("b"));
    write_schema(source, 1);
    json_write_object_end(&writer);
    write_schemas(source, 0, "allOf");
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_text) == ERR_OK;
}

/* One compiler for many inputs, since it has to compile the metaschemas first. */
static struct schema_compiler *take_compiler(struct slice text, struct slice *ret_uri)
{
    enum { INPUTS_MAX = 500 };
    static const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12, .asserts_formats = true};
    static struct schema_compiler *compiler;
    static unsigned inputs;
    static char uri[32];
    if (inputs++ % INPUTS_MAX == 0) {
        schema_compiler_destroy(compiler);
        REQUIRE(schema_compiler_create(&settings, &compiler) == ERR_OK);
    }
    snprintf(uri, sizeof uri, "test:schema-%u", inputs);
    *ret_uri = slice_of_text(uri);
    return schema_compiler_add(compiler, *ret_uri, *ret_uri, text) == ERR_OK ? compiler : NULL;
}

static struct schema *compile(struct schema_compiler *compiler, struct slice uri, const struct schema_options *options)
{
    struct schema *schema = NULL;
    uint32_t count;
    enum err err = schema_compile(compiler, uri, options, &schema);
    (void)schema_compiler_faults(compiler, &count);
    REQUIRE(err == ERR_OK || count > 0);
    return schema;
}

static yyjson_val *parse(struct arena *arena, struct slice text)
{
    static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 64, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    return json_parse(arena, text, &limits, &document, &fault) == ERR_OK ? document.root : NULL;
}

static void compare(const struct schema *schema, yyjson_val *document, struct schema_work *work)
{
    struct schema_errors errors = {.arena = work->scratch, .max = 8};
    struct schema_edits edits = {.arena = work->scratch};
    work->steps_left = STEPS_MAX;
    enum schema_outcome checked = schema_check(schema, document, work);
    work->steps_left = STEPS_MAX;
    enum schema_outcome explained = schema_explain(schema, document, work, &errors);
    work->steps_left = STEPS_MAX;
    enum schema_outcome adapted = schema_adapt(schema, document, work, &edits, NULL);
    if (checked > SCHEMA_INVALID || explained > SCHEMA_INVALID || adapted > SCHEMA_INVALID)
        return;
    REQUIRE(checked == explained && checked == adapted && edits.count == 0);
    REQUIRE((errors.count > 0) == (explained == SCHEMA_INVALID));
}

static void adapt(const struct schema *schema, yyjson_val *document, struct schema_work *work)
{
    struct schema_edits edits = {.arena = work->scratch};
    struct json_writer writer = json_writer_in_arena(work->scratch, 1024);
    struct slice text;
    work->steps_left = STEPS_MAX;
    if (schema_adapt(schema, document, work, &edits, NULL) != SCHEMA_VALID)
        return;
    schema_edits_write(document, &edits, &writer);
    REQUIRE(json_writer_finish(&writer, &text) == ERR_OK);
    REQUIRE(parse(work->scratch, text) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct schema_options all = {.coerce_types = true, .remove_additional = true, .apply_defaults = true};
    struct source source = {data, MIN(size, 2048), NULL};
    struct pool pool;
    struct arena arena;
    struct slice schema_text;
    struct regex_work *regex;
    pool_init(&pool, 0, 256 << 20);
    arena_init(&arena, &pool, 4096, 64 << 20);
    REQUIRE(regex_work_create(10000, &regex) == ERR_OK);
    struct schema_work work = {.scratch = &arena, .regex = regex};
    struct slice uri;
    struct schema_compiler *compiler =
        write_root(&arena, &source, &schema_text) ? take_compiler(schema_text, &uri) : NULL;
    struct schema *plain = compiler ? compile(compiler, uri, NULL) : NULL;
    const struct schema_options about_empty = {.allow_empty_string = size % 2 ? SCHEMA_YES : SCHEMA_NO};
    struct schema *empty = plain ? compile(compiler, uri, &about_empty) : NULL;
    struct schema *adapting = plain ? compile(compiler, uri, &all) : NULL;
    for (unsigned i = 0; i < 4 && plain; i++) {
        struct slice text;
        yyjson_val *document = write_document(&arena, &source, &text) ? parse(&arena, text) : NULL;
        if (!document)
            continue;
        compare(plain, document, &work);
        if (empty)
            compare(empty, document, &work);
        if (adapting)
            adapt(adapting, document, &work);
    }
    schema_unref(plain);
    schema_unref(empty);
    schema_unref(adapting);
    regex_work_destroy(regex);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
