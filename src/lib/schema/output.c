/* SPDX-License-Identifier: Apache-2.0 */
/* The output forms of the standard: JSON Schema core, section 12.4.1 "Flag" and 12.4.2 "Basic". */
#include "lib/schema/schema.h"

static void write_member(struct json_writer *writer, const char *name, struct slice text)
{
    json_write_key(writer, slice_of_text(name));
    json_write_string(writer, text);
}

static void write_unit(struct json_writer *writer, const struct schema_error *error)
{
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("valid"));
    json_write_bool(writer, false);
    write_member(writer, "keywordLocation", error->path);
    write_member(writer, "absoluteKeywordLocation", error->location);
    write_member(writer, "instanceLocation", error->instance);
    write_member(writer, "error", error->message);
    json_write_object_end(writer);
}

void schema_write_output(enum schema_output form, bool is_valid, const struct schema_errors *errors,
                         struct json_writer *writer)
{
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("valid"));
    json_write_bool(writer, is_valid);
    if (form == SCHEMA_OUTPUT_BASIC && !is_valid) {
        json_write_key(writer, SLICE_LIT("errors"));
        json_write_array_begin(writer);
        for (uint32_t i = 0; i < errors->count; i++)
            write_unit(writer, &errors->items[i]);
        json_write_array_end(writer);
    }
    json_write_object_end(writer);
}
