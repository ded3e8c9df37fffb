/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as JSON Schema (draft 2020-12): what an editor can check while one types. */
#ifndef WEIR_LIB_OPTIONS_SCHEMA_H
#define WEIR_LIB_OPTIONS_SCHEMA_H

#include "lib/json/writer.h"
#include "lib/options/option.h"

struct option_schema {
    struct json_writer *out;
    /* Members of `properties` that the table's reader takes without a row; may be NULL. */
    void (*add_members)(struct json_writer *out, const struct option_table *table);
};

/* A schema that takes the table as a map. */
void option_schema_write_map(const struct option_schema *schema, const struct option_table *table);
/* The members `properties`, `required` and `additionalProperties` of one. */
void option_schema_write_properties(const struct option_schema *schema, const struct option_table *table);

#endif
