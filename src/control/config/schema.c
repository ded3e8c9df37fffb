/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's JSON Schema, made from the option rows. It says what an editor can check while one types; what
 * needs the whole file (names, orders, files) is said by `weir check`. */
#include "control/config/reference.h"

#include "control/config/option_tables.h"
#include "control/config/scalar_int.h"
#include "lib/json/writer.h"
#include "pipeline/middleware.h"

static void write_option(struct json_writer *out, const struct option *row);
static void write_properties(struct json_writer *out, const struct option_table *table);
static void write_extra(struct json_writer *out, const struct option_table *table);
static void write_map(struct json_writer *out, const struct option_table *table);
static void write_map_or_shorthand(struct json_writer *out, const struct option_table *table);
static void write_table(struct json_writer *out, const struct option_table *table);
static void write_chain(struct json_writer *out);
static void write_required(struct json_writer *out, const struct option_table *table);

static void write_text(struct json_writer *out, const char *key, const char *value)
{
    json_write_key(out, slice_of_text(key));
    json_write_string(out, slice_of_text(value));
}

static void write_number(struct json_writer *out, const char *key, double value)
{
    json_write_key(out, slice_of_text(key));
    if (value >= 0 && value < 9e15 && value == (double)(uint64_t)value)
        json_write_u64(out, (uint64_t)value);
    else
        json_write_f64(out, value);
}

static void write_flag(struct json_writer *out, const char *key, bool value)
{
    json_write_key(out, slice_of_text(key));
    json_write_bool(out, value);
}

enum err config_schema_write(struct arena *arena, struct slice *ret_schema)
{
    struct json_writer out = json_writer_in_arena(arena, 32768);
    json_write_object_begin(&out);
    write_text(&out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    write_text(&out, "title", "weir configuration");
    json_write_key(&out, SLICE_LIT("$defs"));
    json_write_object_begin(&out);
    json_write_key(&out, SLICE_LIT("chain"));
    write_chain(&out);
    json_write_key(&out, SLICE_LIT("route"));
    write_map(&out, &option_table_route);
    json_write_key(&out, SLICE_LIT("pipeline"));
    write_map(&out, &option_table_pipeline);
    json_write_key(&out, SLICE_LIT("step"));
    write_map(&out, &option_table_pipeline_step);
    json_write_key(&out, SLICE_LIT("answer"));
    write_map(&out, &option_table_pipeline_answer);
    json_write_object_end(&out);
    write_text(&out, "type", "object");
    write_properties(&out, &option_table_config);
    json_write_object_end(&out);
    return json_writer_finish(&out, ret_schema);
}

/* The keys `min` and `max` of the kind that the type has. */
static void write_bounds(struct json_writer *out, const struct option *row, const char *min, const char *max)
{
    if (!option_is_bounded(row))
        return;
    write_number(out, min, row->min);
    if (row->max >= row->min)
        write_number(out, max, row->max);
}

static void write_pattern(struct json_writer *out, const char *pattern)
{
    json_write_key(out, SLICE_LIT("type"));
    json_write_array_begin(out);
    json_write_string(out, SLICE_LIT("string"));
    json_write_string(out, SLICE_LIT("integer"));
    json_write_array_end(out);
    write_text(out, "pattern", pattern);
    write_number(out, "minimum", 0);
}

static void write_items(struct json_writer *out, const struct option *row, const char *const *types)
{
    write_text(out, "type", "array");
    json_write_key(out, SLICE_LIT("items"));
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("type"));
    json_write_array_begin(out);
    for (; *types; types++)
        json_write_string(out, slice_of_text(*types));
    json_write_array_end(out);
    json_write_object_end(out);
    write_bounds(out, row, "minItems", "maxItems");
}

/* What a plain scalar of YAML is read as. */
static void write_choice(struct json_writer *out, struct slice choice)
{
    if (slice_is(choice, "true") || slice_is(choice, "false"))
        json_write_raw(out, choice);
    else
        json_write_string(out, choice);
}

static void write_choices(struct json_writer *out, const struct option *row)
{
    json_write_key(out, SLICE_LIT("enum"));
    json_write_array_begin(out);
    for (size_t i = 0; row->choices[i]; i++)
        write_choice(out, slice_of_text(row->choices[i]));
    json_write_array_end(out);
}

static void write_shapes(struct json_writer *out, const struct option *row)
{
    static const char *const integers[] = {"integer", NULL};
    static const struct option dims = {.max = OPTION_SHAPE_RANK_MAX};
    write_text(out, "type", "object");
    json_write_key(out, SLICE_LIT("additionalProperties"));
    json_write_object_begin(out);
    write_items(out, &dims, integers);
    json_write_object_end(out);
    write_bounds(out, row, "minProperties", "maxProperties");
}

static void write_table_list(struct json_writer *out, const struct option *row)
{
    write_text(out, "type", "array");
    json_write_key(out, SLICE_LIT("items"));
    write_map_or_shorthand(out, row->table);
    write_bounds(out, row, "minItems", "maxItems");
}

static void write_tables(struct json_writer *out, const struct option *row)
{
    if (!(row->flags & OPTION_ALONE)) {
        write_table_list(out, row);
        return;
    }
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    write_table_list(out, row);
    json_write_object_end(out);
    write_map_or_shorthand(out, row->table);
    json_write_array_end(out);
}

/* YAML's plain scalars are texts to us where a text is wanted: 0 is as good a label as "0". */
static void write_type(struct json_writer *out, const struct option *row)
{
    static const char *const scalars[] = {"string", "number", "boolean", NULL};
    static const char *const numbers[] = {"number", NULL};
    static const char *const integers[] = {"integer", NULL};
    switch (row->type) {
    case OPTION_BOOL:
        write_text(out, "type", "boolean");
        break;
    case OPTION_COUNT:
        write_text(out, "type", "integer");
        write_bounds(out, row, "minimum", "maximum");
        break;
    case OPTION_BYTES:
        write_pattern(out, "^[0-9]+(KiB|MiB|GiB)?$");
        break;
    case OPTION_DURATION:
        write_pattern(out, "^(0|[0-9]+(us|ms|s|m|h))$");
        break;
    case OPTION_REAL:
        write_text(out, "type", "number");
        write_bounds(out, row, "minimum", "maximum");
        break;
    case OPTION_TEXT:
    case OPTION_PATH:
        json_write_key(out, SLICE_LIT("type"));
        json_write_array_begin(out);
        for (size_t i = 0; scalars[i]; i++)
            json_write_string(out, slice_of_text(scalars[i]));
        json_write_array_end(out);
        write_bounds(out, row, "minLength", "maxLength");
        break;
    case OPTION_CHOICE:
        write_choices(out, row);
        break;
    case OPTION_TEXTS:
        write_items(out, row, scalars);
        break;
    case OPTION_REALS:
        write_items(out, row, numbers);
        break;
    case OPTION_COUNTS:
        write_items(out, row, integers);
        break;
    case OPTION_CHOICES:
        write_text(out, "type", "array");
        json_write_key(out, SLICE_LIT("items"));
        json_write_object_begin(out);
        write_choices(out, row);
        json_write_object_end(out);
        write_number(out, "minItems", 1);
        break;
    case OPTION_SHAPES:
        write_shapes(out, row);
        break;
    case OPTION_TABLE:
        write_table(out, row->table);
        break;
    case OPTION_TABLES:
        write_tables(out, row);
        break;
    }
}

static void write_option(struct json_writer *out, const struct option *row)
{
    json_write_key(out, slice_of_text(row->name));
    json_write_object_begin(out);
    write_text(out, "description", row->help);
    write_type(out, row);
    json_write_object_end(out);
}

static void write_properties(struct json_writer *out, const struct option_table *table)
{
    json_write_key(out, SLICE_LIT("properties"));
    json_write_object_begin(out);
    for (size_t i = 0; i < table->count; i++)
        write_option(out, &table->rows[i]);
    write_extra(out, table);
    json_write_object_end(out);
    write_required(out, table);
    write_flag(out, "additionalProperties", false);
}

static void write_reference(struct json_writer *out, const char *key, const char *target)
{
    json_write_key(out, slice_of_text(key));
    json_write_object_begin(out);
    write_text(out, "$ref", target);
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
    write_text(out, "type", "array");
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

static void write_map(struct json_writer *out, const struct option_table *table)
{
    json_write_object_begin(out);
    write_text(out, "description", table->help);
    write_text(out, "type", "object");
    write_properties(out, table);
    json_write_object_end(out);
}

/* The members of a schema that takes the table as a map, or as the value of its shorthand. */
static void write_table(struct json_writer *out, const struct option_table *table)
{
    const struct option *shorthand = option_shorthand(table);
    if (!shorthand) {
        write_text(out, "type", "object");
        write_properties(out, table);
        return;
    }
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    write_text(out, "description", shorthand->help);
    write_type(out, shorthand);
    json_write_object_end(out);
    write_map(out, table);
    json_write_array_end(out);
}

static void write_map_or_shorthand(struct json_writer *out, const struct option_table *table)
{
    if (!option_shorthand(table)) {
        write_map(out, table);
        return;
    }
    json_write_object_begin(out);
    write_table(out, table);
    json_write_object_end(out);
}

static bool has_required(const struct option_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].flags & OPTION_REQUIRED)
            return true;
    return false;
}

static void write_required(struct json_writer *out, const struct option_table *table)
{
    if (!has_required(table))
        return;
    json_write_key(out, SLICE_LIT("required"));
    json_write_array_begin(out);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].flags & OPTION_REQUIRED)
            json_write_string(out, slice_of_text(table->rows[i].name));
    json_write_array_end(out);
}

/* The options of a middleware, or nothing: `name:` alone stands for its defaults. */
static void write_middleware(struct json_writer *out, const struct middleware *middleware)
{
    json_write_key(out, slice_of_text(middleware->name));
    json_write_object_begin(out);
    write_text(out, "description", middleware->help);
    json_write_key(out, SLICE_LIT("type"));
    json_write_array_begin(out);
    json_write_string(out, SLICE_LIT("object"));
    json_write_string(out, SLICE_LIT("null"));
    json_write_array_end(out);
    if (middleware->options)
        write_properties(out, middleware->options);
    else
        write_number(out, "maxProperties", 0);
    json_write_object_end(out);
}

static void write_chain(struct json_writer *out)
{
    json_write_object_begin(out);
    write_text(out, "type", "array");
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
    write_text(out, "type", "object");
    write_number(out, "minProperties", 1);
    write_number(out, "maxProperties", 1);
    json_write_key(out, SLICE_LIT("properties"));
    json_write_object_begin(out);
    for (size_t i = 0; i < middleware_count; i++)
        write_middleware(out, middlewares[i]);
    json_write_object_end(out);
    write_flag(out, "additionalProperties", false);
    json_write_object_end(out);
    json_write_array_end(out);
    json_write_object_end(out);
    json_write_object_end(out);
}
