/* SPDX-License-Identifier: Apache-2.0 */
/* Options as rows: what a file of options may say, declared once.
 *
 * A table describes a C struct: for each field its name in YAML, type, bounds, default, and help. fill.h fills the struct
 * from YAML and reports every mistake with its place; page.h and schema.h print reference pages and a JSON Schema from the
 * same rows. */
#ifndef WEIR_LIB_OPTIONS_OPTION_H
#define WEIR_LIB_OPTIONS_OPTION_H

#include "lib/yaml/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_BOOL,     /* bool */
    OPTION_COUNT,    /* uint64_t */
    OPTION_BYTES,    /* uint64_t, written 4096, 16KiB, 10MiB or 1GiB */
    OPTION_DURATION, /* uint64_t nanoseconds, written 250ms, 10s, 5m or 1h */
    OPTION_REAL,     /* double */
    OPTION_TEXT,     /* struct slice, NUL-terminated behind its end */
    OPTION_PATH,     /* struct slice, absolute: relative ones are taken from the file's folder */
    OPTION_CHOICE,   /* uint32_t: index into choices[] */
    OPTION_TEXTS,    /* struct option_list of struct slice */
    OPTION_REALS,    /* struct option_list of double */
    OPTION_COUNTS,   /* struct option_list of uint64_t */
    OPTION_CHOICES,  /* uint32_t: a bit for each of choices[] that is in the list, which is not empty */
    OPTION_SHAPES,   /* struct option_list of struct option_shape: a map of name → list of sizes */
    OPTION_PLACED,   /* struct option_text: a text that is looked into later, so its place is kept */
    OPTION_MEMBERS,  /* struct option_list of struct option_member: a map of name → text */
    OPTION_TREE,     /* const struct yaml_node *: anything; lives as long as the text of the file that was read */
    OPTION_TABLE,    /* the struct of `table`, in place */
    OPTION_TABLES,   /* struct option_list of structs of `table`; of those with OPTION_RESTART, the rows with it */
};

struct option_list {
    void *items;
    uint32_t count;
};

#define OPTION_SHAPE_RANK_MAX 8
struct option_shape {
    struct slice name;
    uint64_t dims[OPTION_SHAPE_RANK_MAX];
    uint32_t rank;
};

struct option_text {
    struct slice text; /* as of OPTION_TEXT */
    struct report_place place;
};

struct option_member {
    struct slice name;
    struct report_place name_place;
    struct option_text value;
};

enum option_flag {
    OPTION_REQUIRED = 1,
    OPTION_RESTART = 2,   /* a reload that changes it is refused */
    OPTION_SHORTHAND = 4, /* a scalar in place of the table's map is the value of this row */
    OPTION_ALONE = 8,     /* of TABLES and TEXTS: an item may stand without a list around it */
};

struct option_table;

struct option {
    const char *name;
    enum option_type type;
    size_t offset;
    const char *fallback; /* the default as it would be written; NULL: empty, zero or false */
    double min;           /* of numbers and durations (in ns); of lists: the fewest items */
    double max;
    unsigned flags;
    const char *const *choices; /* NULL-terminated */
    const struct option_table *table;
    const char *help; /* one sentence */
};

struct option_table {
    const char *name; /* for messages: "limits", "auth" */
    const char *help;
    size_t bytes; /* of the struct */
    size_t
        place; /* offset of the struct report_place that is told where the map stands, which is not the first member; 0: there is none */
    const struct option *rows;
    size_t count;
};

/* The row that a scalar in place of a map gives its value to; NULL: only maps are taken. */
static inline const struct option *option_shorthand(const struct option_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].flags & OPTION_SHORTHAND)
            return &table->rows[i];
    return NULL;
}

#endif
