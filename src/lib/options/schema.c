/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options/schema.h"

#include "lib/options/scalar.h"

static void write_option(const struct option_schema *schema, const struct option *row);
static void write_map_or_shorthand(const struct option_schema *schema, const struct option_table *table);
static void write_table(const struct option_schema *schema, const struct option_table *table);
static void write_required(struct json_writer *out, const struct option_table *table);

static void write_number(struct json_writer *out, const char *key, double value)
{
    json_write_key(out, slice_of_text(key));
    if (value >= 0 && value < 9e15 && value == (double)(uint64_t)value)
        json_write_u64(out, (uint64_t)value);
    else
        json_write_f64(out, value);
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
    json_write_member_string(out, "pattern", slice_of_text(pattern));
    write_number(out, "minimum", 0);
}

static void write_types(struct json_writer *out, const char *const *types)
{
    json_write_key(out, SLICE_LIT("type"));
    json_write_array_begin(out);
    for (; *types; types++)
        json_write_string(out, slice_of_text(*types));
    json_write_array_end(out);
}

static void write_items(struct json_writer *out, const struct option *row, const char *const *types)
{
    json_write_member_string(out, "type", SLICE_LIT("array"));
    json_write_key(out, SLICE_LIT("items"));
    json_write_object_begin(out);
    write_types(out, types);
    json_write_object_end(out);
    write_bounds(out, row, "minItems", "maxItems");
}

static void write_texts(struct json_writer *out, const struct option *row, const char *const *types)
{
    if (!(row->flags & OPTION_ALONE)) {
        write_items(out, row, types);
        return;
    }
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    write_items(out, row, types);
    json_write_object_end(out);
    json_write_object_begin(out);
    write_types(out, types);
    json_write_object_end(out);
    json_write_array_end(out);
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
    json_write_member_string(out, "type", SLICE_LIT("object"));
    json_write_key(out, SLICE_LIT("additionalProperties"));
    json_write_object_begin(out);
    write_items(out, &dims, integers);
    json_write_object_end(out);
    write_bounds(out, row, "minProperties", "maxProperties");
}

static void write_table_list(const struct option_schema *schema, const struct option *row)
{
    struct json_writer *out = schema->out;
    json_write_member_string(out, "type", SLICE_LIT("array"));
    json_write_key(out, SLICE_LIT("items"));
    write_map_or_shorthand(schema, row->table);
    write_bounds(out, row, "minItems", "maxItems");
}

static void write_tables(const struct option_schema *schema, const struct option *row)
{
    struct json_writer *out = schema->out;
    if (!(row->flags & OPTION_ALONE)) {
        write_table_list(schema, row);
        return;
    }
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    write_table_list(schema, row);
    json_write_object_end(out);
    write_map_or_shorthand(schema, row->table);
    json_write_array_end(out);
}

/* YAML's plain scalars are texts to us where a text is wanted: 0 is as good a label as "0". */
static void write_type(const struct option_schema *schema, const struct option *row)
{
    struct json_writer *out = schema->out;
    static const char *const scalars[] = {"string", "number", "boolean", NULL};
    static const char *const numbers[] = {"number", NULL};
    static const char *const integers[] = {"integer", NULL};
    switch (row->type) {
    case OPTION_BOOL:
        json_write_member_string(out, "type", SLICE_LIT("boolean"));
        break;
    case OPTION_COUNT:
        json_write_member_string(out, "type", SLICE_LIT("integer"));
        write_bounds(out, row, "minimum", "maximum");
        break;
    case OPTION_BYTES:
        write_pattern(out, "^[0-9]+(KiB|MiB|GiB)?$");
        break;
    case OPTION_DURATION:
        write_pattern(out, "^(0|([0-9]+(us|ms|s|m|h))+)$");
        break;
    case OPTION_REAL:
        json_write_member_string(out, "type", SLICE_LIT("number"));
        write_bounds(out, row, "minimum", "maximum");
        break;
    case OPTION_TEXT:
    case OPTION_PLACED:
    case OPTION_PATH:
        write_types(out, scalars);
        write_bounds(out, row, "minLength", "maxLength");
        break;
    case OPTION_CHOICE:
        write_choices(out, row);
        break;
    case OPTION_TEXTS:
        write_texts(out, row, scalars);
        break;
    case OPTION_MEMBERS:
        json_write_member_string(out, "type", SLICE_LIT("object"));
        json_write_key(out, SLICE_LIT("additionalProperties"));
        json_write_object_begin(out);
        write_types(out, scalars);
        json_write_object_end(out);
        write_bounds(out, row, "minProperties", "maxProperties");
        break;
    case OPTION_TREE:
        break;
    case OPTION_REALS:
        write_items(out, row, numbers);
        break;
    case OPTION_COUNTS:
        write_items(out, row, integers);
        break;
    case OPTION_CHOICES:
        json_write_member_string(out, "type", SLICE_LIT("array"));
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
        write_table(schema, row->table);
        break;
    case OPTION_TABLES:
        write_tables(schema, row);
        break;
    }
}

static void write_option(const struct option_schema *schema, const struct option *row)
{
    struct json_writer *out = schema->out;
    json_write_key(out, slice_of_text(row->name));
    json_write_object_begin(out);
    json_write_member_string(out, "description", slice_of_text(row->help));
    write_type(schema, row);
    json_write_object_end(out);
}

void option_schema_write_properties(const struct option_schema *schema, const struct option_table *table)
{
    struct json_writer *out = schema->out;
    json_write_key(out, SLICE_LIT("properties"));
    json_write_object_begin(out);
    for (size_t i = 0; i < table->count; i++)
        write_option(schema, &table->rows[i]);
    if (schema->add_members)
        schema->add_members(out, table);
    json_write_object_end(out);
    write_required(out, table);
    json_write_member_bool(out, "additionalProperties", false);
}

void option_schema_write_map(const struct option_schema *schema, const struct option_table *table)
{
    struct json_writer *out = schema->out;
    json_write_object_begin(out);
    json_write_member_string(out, "description", slice_of_text(table->help));
    json_write_member_string(out, "type", SLICE_LIT("object"));
    option_schema_write_properties(schema, table);
    json_write_object_end(out);
}

/* The members of a schema that takes the table as a map, or as the value of its shorthand. */
static void write_table(const struct option_schema *schema, const struct option_table *table)
{
    struct json_writer *out = schema->out;
    const struct option *shorthand = option_shorthand(table);
    if (!shorthand) {
        json_write_member_string(out, "type", SLICE_LIT("object"));
        option_schema_write_properties(schema, table);
        return;
    }
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    json_write_member_string(out, "description", slice_of_text(shorthand->help));
    write_type(schema, shorthand);
    json_write_object_end(out);
    option_schema_write_map(schema, table);
    json_write_array_end(out);
}

static void write_map_or_shorthand(const struct option_schema *schema, const struct option_table *table)
{
    struct json_writer *out = schema->out;
    if (!option_shorthand(table)) {
        option_schema_write_map(schema, table);
        return;
    }
    json_write_object_begin(out);
    write_table(schema, table);
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
