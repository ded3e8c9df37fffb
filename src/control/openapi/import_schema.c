/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as JSON Schema 2020-12. Those of OpenAPI 3.1 nearly are; those of 3.0 are a dialect of their own, whose words are
 * said in the other's: nullable, exclusiveMinimum as a flag, example, and references whose siblings mean nothing.
 *
 * Sources: OpenAPI 3.0.3, section 4.7.24; OpenAPI 3.1.1, section 4.8.24 and its appendix on migration. */
#include "control/openapi/import_int.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

struct member {
    yyjson_val *schema; /* that it is of */
    struct slice key;
    yyjson_val *value;
};

typedef void (*write_member)(struct import *in, const struct member *member, struct json_writer *out);

static void write_members(struct import *in, yyjson_val *schema, struct json_writer *out);

/* ---- members whose values are schemas ----------------------------------------------------------------------------------- */

static void write_one(struct import *in, const struct member *member, struct json_writer *out)
{
    size_t mark = import_enter(in, member->key);
    json_write_key(out, member->key);
    import_write_schema(in, member->value, out);
    import_leave(in, mark);
}

static void write_list(struct import *in, const struct member *member, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *item;
    size_t mark = import_enter(in, member->key);
    json_write_key(out, member->key);
    json_write_array_begin(out);
    if (!yyjson_is_arr(member->value))
        import_error(in, NULL, "\"" SLICE_FMT "\" is a list of schemas, found %s", SLICE_ARG(member->key),
                     json_kind(member->value));
    yyjson_arr_foreach(import_list(member->value), at, count, item)
    {
        size_t inner = import_enter_index(in, at);
        import_write_schema(in, item, out);
        import_leave(in, inner);
    }
    json_write_array_end(out);
    import_leave(in, mark);
}

static void write_map(struct import *in, const struct member *member, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    size_t mark = import_enter(in, member->key);
    json_write_key(out, member->key);
    json_write_object_begin(out);
    if (!yyjson_is_obj(member->value))
        import_error(in, NULL, "\"" SLICE_FMT "\" is a map of schemas, found %s",
                     SLICE_ARG(slice_first(member->key, 50)), json_kind(member->value));
    yyjson_obj_foreach(import_object(member->value), at, count, key, value)
    {
        size_t inner = import_enter(in, json_text(key));
        json_write_key(out, json_text(key));
        import_write_schema(in, value, out);
        import_leave(in, inner);
    }
    json_write_object_end(out);
    import_leave(in, mark);
}

/* ---- members that say something else in 3.0 ----------------------------------------------------------------------------- */

static bool is_true(yyjson_val *schema, const char *key)
{
    return yyjson_is_true(json_get(schema, slice_of_text(key)));
}

static bool is_nullable(const struct import *in, yyjson_val *schema)
{
    return in->is_3_0 && is_true(schema, "nullable");
}

static void write_type(struct import *in, const struct member *member, struct json_writer *out)
{
    json_write_key(out, member->key);
    if (!is_nullable(in, member->schema) || !yyjson_is_str(member->value)) {
        json_write_value(out, member->value);
        return;
    }
    json_write_array_begin(out);
    json_write_value(out, member->value);
    json_write_string(out, SLICE_LIT("null"));
    json_write_array_end(out);
}

/* "nullable" lets null through the type, and through nothing else: an enum has to name it. Nobody writes that, so it is taken
 * as meant. */
static void write_enum(struct import *in, const struct member *member, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *item;
    bool has_null = false;
    json_write_key(out, member->key);
    if (!is_nullable(in, member->schema) || !yyjson_is_arr(member->value)) {
        json_write_value(out, member->value);
        return;
    }
    json_write_array_begin(out);
    yyjson_arr_foreach(import_list(member->value), at, count, item)
    {
        has_null |= yyjson_is_null(item);
        json_write_value(out, item);
    }
    if (!has_null) {
        json_write_null(out);
        import_note(in, "enum",
                    "\"nullable\" stands beside an enum without null, which would refuse it: null is added");
    }
    json_write_array_end(out);
}

/* minimum and maximum, which a flag beside them makes exclusive: in 3.0, and in JSON Schema up to draft 4, which some documents
 * of 3.1 still have. */
static void write_bound(struct import *in, const struct member *member, struct json_writer *out)
{
    (void)in;
    bool is_minimum = slice_is(member->key, "minimum");
    const char *exclusive = is_minimum ? "exclusiveMinimum" : "exclusiveMaximum";
    bool is_exclusive = is_true(member->schema, exclusive);
    json_write_key(out, is_exclusive ? slice_of_text(exclusive) : member->key);
    json_write_value(out, member->value);
}

static void write_exclusive(struct import *in, const struct member *member, struct json_writer *out)
{
    if (yyjson_is_bool(member->value)) {
        if (!in->is_3_0)
            import_note(in, member->key.ptr, "\"" SLICE_FMT "\" is a number in OpenAPI 3.1; read as the flag of 3.0",
                        SLICE_ARG(member->key));
        return;
    }
    json_write_key(out, member->key);
    json_write_value(out, member->value);
}

static void write_example(struct import *in, const struct member *member, struct json_writer *out)
{
    (void)in;
    if (json_get(member->schema, SLICE_LIT("examples")))
        return;
    json_write_key(out, SLICE_LIT("examples"));
    json_write_array_begin(out);
    json_write_value(out, member->value);
    json_write_array_end(out);
}

static void write_format(struct import *in, const struct member *member, struct json_writer *out)
{
    struct slice format = json_text(member->value);
    if (in->is_3_0 && slice_is(format, "binary") && !json_get(member->schema, SLICE_LIT("contentMediaType"))) {
        json_write_key(out, SLICE_LIT("contentMediaType"));
        json_write_string(out, SLICE_LIT("application/octet-stream"));
        return;
    }
    if (in->is_3_0 && slice_is(format, "byte") && !json_get(member->schema, SLICE_LIT("contentEncoding"))) {
        json_write_key(out, SLICE_LIT("contentEncoding"));
        json_write_string(out, SLICE_LIT("base64"));
    }
    json_write_key(out, member->key);
    json_write_value(out, member->value);
}

/* A property that is read only need not be sent though it is required (OpenAPI, "readOnly"). Requests and responses share the
 * schema, so it is required of neither. */
static void write_required(struct import *in, const struct member *member, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *item;
    yyjson_val *properties = json_get(member->schema, SLICE_LIT("properties"));
    json_write_key(out, member->key);
    if (!yyjson_is_arr(member->value)) {
        if (in->is_3_0 && yyjson_is_bool(member->value)) {
            import_note(in, "required",
                        "\"required\" of a schema is a list of names; this flag means nothing, left out");
            json_write_array_begin(out);
            json_write_array_end(out);
        } else {
            json_write_value(out, member->value);
        }
        return;
    }
    json_write_array_begin(out);
    yyjson_arr_foreach(import_list(member->value), at, count, item)
    {
        struct slice name = json_text(item);
        if (!is_true(json_get(properties, name), "readOnly")) {
            json_write_value(out, item);
            continue;
        }
        import_note(in, "required",
                    "\"" SLICE_FMT
                    "\" is required and readOnly, so requests need not have it; since responses share the schema, "
                    "it is required of neither",
                    SLICE_ARG(slice_first(name, IMPORT_QUOTE_BYTES)));
    }
    json_write_array_end(out);
}

/* ---- members that are left out -------------------------------------------------------------------------------------------- */

static void leave_out_nullable(struct import *in, const struct member *member, struct json_writer *out)
{
    (void)out;
    if (!in->is_3_0)
        import_note(in, "nullable", "\"nullable\" means nothing in OpenAPI 3.1, left out; write type: [..., \"null\"]");
    else if (!yyjson_is_bool(member->value))
        import_note(in, "nullable", "\"nullable\" is true or false, left out");
}

static void leave_out_discriminator(struct import *in, const struct member *member, struct json_writer *out)
{
    (void)member, (void)out;
    import_note(in, "discriminator",
                "\"discriminator\" only hints at which of oneOf or anyOf to try; they decide without it, left out");
}

static void leave_out_id(struct import *in, const struct member *member, struct json_writer *out)
{
    (void)out;
    import_note(in, member->key.ptr,
                "\"" SLICE_FMT "\" is left out: files find each other by their paths, and all are %s",
                SLICE_ARG(member->key), "JSON Schema 2020-12");
}

/* ---- references ------------------------------------------------------------------------------------------------------------ */

static void write_reference(struct import *in, const struct member *member, struct json_writer *out)
{
    struct slice target = import_reference(in, json_text(member->value), member->key.ptr);
    if (!target.ptr)
        return;
    json_write_key(out, member->key);
    json_write_string(out, target);
}

/* OpenAPI 3.0, section 4.7.23: "This object cannot be extended with additional properties". */
static void note_siblings(struct import *in, yyjson_val *schema)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(import_object(schema), at, count, key, value)
    {
        struct slice name = json_text(key);
        (void)value;
        if (slice_is(name, "$ref"))
            continue;
        import_note(in, name.ptr,
                    "\"" SLICE_FMT "\" beside $ref means nothing in OpenAPI 3.0, left out; in 3.1 it would count",
                    SLICE_ARG(slice_first(name, IMPORT_QUOTE_BYTES)));
    }
}

/* ---- a schema ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    write_member write;
} rows[] = {
    {"$dynamicRef", write_reference},
    {"$id", leave_out_id},
    {"$ref", write_reference},
    {"$schema", leave_out_id},
    {"additionalProperties", write_one},
    {"allOf", write_list},
    {"anyOf", write_list},
    {"contains", write_one},
    {"contentSchema", write_one},
    {"$defs", write_map},
    {"definitions", write_map},
    {"dependentSchemas", write_map},
    {"discriminator", leave_out_discriminator},
    {"else", write_one},
    {"enum", write_enum},
    {"example", write_example},
    {"exclusiveMaximum", write_exclusive},
    {"exclusiveMinimum", write_exclusive},
    {"format", write_format},
    {"if", write_one},
    {"items", write_one},
    {"maximum", write_bound},
    {"minimum", write_bound},
    {"not", write_one},
    {"nullable", leave_out_nullable},
    {"oneOf", write_list},
    {"patternProperties", write_map},
    {"prefixItems", write_list},
    {"properties", write_map},
    {"propertyNames", write_one},
    {"required", write_required},
    {"then", write_one},
    {"type", write_type},
    {"unevaluatedItems", write_one},
    {"unevaluatedProperties", write_one},
};

static void write_members(struct import *in, yyjson_val *schema, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(import_object(schema), at, count, key, value)
    {
        struct member member = {.schema = schema, .key = json_text(key), .value = value};
        size_t row = 0;
        while (row < ARRAY_LEN(rows) && !slice_is(member.key, rows[row].key))
            row++;
        if (row < ARRAY_LEN(rows)) {
            rows[row].write(in, &member, out);
        } else {
            json_write_key(out, member.key);
            json_write_value(out, value);
        }
    }
}

/* Whether null has to be let in from outside: there is no type that it could stand beside. */
static bool wants_wrapper(const struct import *in, yyjson_val *schema)
{
    return is_nullable(in, schema) && !json_get(schema, SLICE_LIT("type")) && !json_get(schema, SLICE_LIT("$ref")) &&
           yyjson_obj_size(schema) > 1;
}

/* What stands between the braces. */
static void write_inside(struct import *in, yyjson_val *schema, struct json_writer *out)
{
    yyjson_val *reference = json_get(schema, SLICE_LIT("$ref"));
    if (reference && in->is_3_0) {
        const struct member member = {.schema = schema, .key = SLICE_LIT("$ref"), .value = reference};
        write_reference(in, &member, out);
        note_siblings(in, schema);
        return;
    }
    if (!wants_wrapper(in, schema)) {
        write_members(in, schema, out);
        return;
    }
    import_note(in, "nullable", "\"nullable\" without \"type\" is read as: this, or null");
    json_write_key(out, SLICE_LIT("anyOf"));
    json_write_array_begin(out);
    json_write_object_begin(out);
    write_members(in, schema, out);
    json_write_object_end(out);
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("type"));
    json_write_string(out, SLICE_LIT("null"));
    json_write_object_end(out);
    json_write_array_end(out);
}

static bool check_kind(struct import *in, yyjson_val *schema)
{
    if (yyjson_is_obj(schema) || yyjson_is_bool(schema))
        return true;
    import_error(in, NULL, "a schema is an object, found %s", json_kind(schema));
    return false;
}

void import_write_schema(struct import *in, yyjson_val *schema, struct json_writer *out)
{
    if (!check_kind(in, schema) || yyjson_is_bool(schema)) {
        json_write_bool(out, !yyjson_is_false(schema));
        return;
    }
    json_write_object_begin(out);
    write_inside(in, schema, out);
    json_write_object_end(out);
}

void import_add_schema(struct import *in, struct slice path, yyjson_val *schema)
{
    struct json_writer out = json_writer_in_arena(in->arena, 0);
    json_write_object_begin(&out);
    json_write_key(&out, SLICE_LIT("$schema"));
    json_write_string(&out, SLICE_LIT(DIALECT));
    if (check_kind(in, schema) && yyjson_is_obj(schema))
        write_inside(in, schema, &out);
    if (yyjson_is_false(schema)) {
        json_write_key(&out, SLICE_LIT("not"));
        json_write_bool(&out, true);
    }
    json_write_object_end(&out);
    in->schema_count++;
    import_add_json(in, path, &out);
}
