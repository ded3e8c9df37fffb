/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's JSON Schema, made from the option rows. It says what an editor can check while one types; what
 * needs the whole file (names, orders, files) is said by `weir check`. */
#include "control/config/reference.h"

#include "control/config/option_tables.h"
#include "lib/options/schema.h"
#include "pipeline/middleware.h"

static void write_extra(struct json_writer *out, const struct option_table *table);
static void write_chain(const struct option_schema *schema);

enum err config_schema_write(struct arena *arena, struct slice *ret_schema)
{
    struct json_writer out = json_writer_in_arena(arena, 32768);
    const struct option_schema schema = {.out = &out, .add_members = write_extra};
    json_write_object_begin(&out);
    json_write_member_string(&out, "$schema", SLICE_LIT("https://json-schema.org/draft/2020-12/schema"));
    json_write_member_string(&out, "title", SLICE_LIT("weir configuration"));
    json_write_key(&out, SLICE_LIT("$defs"));
    json_write_object_begin(&out);
    json_write_key(&out, SLICE_LIT("chain"));
    write_chain(&schema);
    json_write_key(&out, SLICE_LIT("route"));
    option_schema_write_map(&schema, &option_table_route);
    json_write_key(&out, SLICE_LIT("pipeline"));
    option_schema_write_map(&schema, &option_table_pipeline);
    json_write_key(&out, SLICE_LIT("step"));
    option_schema_write_map(&schema, &option_table_pipeline_step);
    json_write_key(&out, SLICE_LIT("answer"));
    option_schema_write_map(&schema, &option_table_pipeline_answer);
    json_write_object_end(&out);
    json_write_member_string(&out, "type", SLICE_LIT("object"));
    option_schema_write_properties(&schema, &option_table_config);
    json_write_object_end(&out);
    return json_writer_finish(&out, ret_schema);
}

static void write_reference(struct json_writer *out, const char *key, const char *target)
{
    json_write_key(out, slice_of_text(key));
    json_write_object_begin(out);
    json_write_member_string(out, "$ref", slice_of_text(target));
    json_write_object_end(out);
}

/* Schemas within them are JSON Schema, which has a schema of its own: what stands there is checked by weir check. */
static void write_contract(struct json_writer *out)
{
    json_write_key(out, SLICE_LIT("parameters"));
    json_write_raw(out,
                   SLICE_LIT("{\"description\":\"OpenAPI Parameter Objects, or a file of them\",\"type\":[\"string\","
                             "\"array\"],\"items\":{\"type\":\"object\"}}"));
    json_write_key(out, SLICE_LIT("responses"));
    json_write_raw(out,
                   SLICE_LIT("{\"description\":\"Files with JSON Schemas of responses, by status\",\"type\":\"object\","
                             "\"patternProperties\":{\"^([1-5]([0-9][0-9]|XX)|default)$\":{\"type\":\"string\"}},"
                             "\"additionalProperties\":false}"));
}

static void write_raw_member(struct json_writer *out, const char *key, const char *schema)
{
    json_write_key(out, slice_of_text(key));
    json_write_raw(out, slice_of_text(schema));
}

static void write_list(struct json_writer *out, const char *key, const char *of)
{
    json_write_key(out, slice_of_text(key));
    json_write_object_begin(out);
    json_write_member_string(out, "type", SLICE_LIT("array"));
    write_reference(out, "items", of);
    json_write_object_end(out);
}

/* What the loader reads without a row. */
static void write_extra(struct json_writer *out, const struct option_table *table)
{
    if (table == &option_table_config || table == &option_table_route)
        write_reference(out, "chain", "#/$defs/chain");
    if (table == &option_table_route)
        write_contract(out);
    if (table == &option_table_pipeline) {
        write_list(out, "steps", "#/$defs/step");
        write_list(out, "answer", "#/$defs/answer");
    }
    if (table == &option_table_pipeline_step)
        write_raw_member(out, "in",
                         "{\"type\":[\"string\",\"object\"],\"additionalProperties\":{\"type\":\"string\"}}");
    if (table == &option_table_pipeline_step)
        write_raw_member(out, "with", "{\"type\":\"object\"}");
    if (table == &option_table_pipeline_answer)
        write_raw_member(out, "each", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}");
    if (table != &option_table_config)
        return;
    write_list(out, "pipelines", "#/$defs/pipeline");
    write_list(out, "routes", "#/$defs/route");
}

/* The options of a middleware, or nothing: `name:` alone stands for its defaults. */
static void write_middleware(const struct option_schema *schema, const struct middleware *middleware)
{
    struct json_writer *out = schema->out;
    json_write_key(out, slice_of_text(middleware->name));
    json_write_object_begin(out);
    json_write_member_string(out, "description", slice_of_text(middleware->help));
    json_write_key(out, SLICE_LIT("type"));
    json_write_array_begin(out);
    json_write_string(out, SLICE_LIT("object"));
    json_write_string(out, SLICE_LIT("null"));
    json_write_array_end(out);
    if (middleware->options)
        option_schema_write_properties(schema, middleware->options);
    else
        json_write_member_u64(out, "maxProperties", 0);
    json_write_object_end(out);
}

static void write_chain(const struct option_schema *schema)
{
    struct json_writer *out = schema->out;
    json_write_object_begin(out);
    json_write_member_string(out, "type", SLICE_LIT("array"));
    json_write_key(out, SLICE_LIT("items"));
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("oneOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("enum"));
    json_write_array_begin(out);
    for (size_t i = 0; i < middleware_count; i++)
        json_write_string(out, slice_of_text(middlewares[i]->name));
    json_write_array_end(out);
    json_write_object_end(out);
    json_write_object_begin(out);
    json_write_member_string(out, "type", SLICE_LIT("object"));
    json_write_member_u64(out, "minProperties", 1);
    json_write_member_u64(out, "maxProperties", 1);
    json_write_key(out, SLICE_LIT("properties"));
    json_write_object_begin(out);
    for (size_t i = 0; i < middleware_count; i++)
        write_middleware(schema, middlewares[i]);
    json_write_object_end(out);
    json_write_member_bool(out, "additionalProperties", false);
    json_write_object_end(out);
    json_write_array_end(out);
    json_write_object_end(out);
    json_write_object_end(out);
}
