/* SPDX-License-Identifier: Apache-2.0 */
/* From a tree to a C struct, by the rows of a table. */
#ifndef WEIR_LIB_OPTIONS_FILL_H
#define WEIR_LIB_OPTIONS_FILL_H

#include "lib/options/option.h"
#include "lib/yaml/yaml.h"

struct fill {
    struct report *report;
    struct arena *arena;   /* for what the struct points to */
    struct arena *scratch; /* for the load only */
    struct slice folder;   /* absolute; of the file */
    /* The reader's word on which part of a value is wrong; NULL: the value as a whole. */
    const struct yaml_node *fault;
};

/* What is filled, and from where. */
struct fill_job {
    const struct option_table *table;
    const struct yaml_node *node; /* a map, or NULL or YAML_NULL: nothing was written */
    struct report_place place;    /* for what is missing; line 0: nothing is asked for */
    const char *const *others;    /* NULL-terminated names that the caller reads itself; may be NULL */
};

/* Fills the zeroed struct `out`, defaults included. What is wrong goes to the report, and the field keeps its default.
 * ERR_NOMEM. */
MUST_USE enum err fill_table(struct fill *fill, const struct fill_job *job, void *out);

/* One value by its row, for `field`, which has its default. ERR_INVALID: not what the row takes (a TABLE reports by itself);
 * ERR_NOMEM. */
MUST_USE enum err fill_value(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);

/* "found" in messages: the text "x", a list, a map, nothing. */
void yaml_describe(const struct yaml_node *node, struct text *out);

#endif
