/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files diff*.c. */
#ifndef WEIR_CONTROL_OPENAPI_DIFF_INT_H
#define WEIR_CONTROL_OPENAPI_DIFF_INT_H

#include "control/openapi/diff.h"
#include "lib/base/map.h"

#define WHERE_BYTES   2048
#define DIFF_REFS_MAX 32

/* Two values with the same meaning in both documents. */
struct pair {
    yyjson_val *before;
    yyjson_val *after;
};

enum direction { DIRECTION_REQUEST, DIRECTION_RESPONSE };

struct diff {
    struct arena *arena;
    struct pair roots;
    struct differences *found;
    struct text where;         /* of what is compared at the moment */
    struct map seen;           /* pairs of schemas, so that recursive ones end */
    struct map targets_before; /* by "$ref", as objects are searched from their beginning */
    struct map targets_after;
    struct map equal;      /* pairs of schemas behind references that are known to be equal */
    struct slice dangling; /* the first reference of the document before that leads nowhere */
    uint32_t depth;
    bool refuses_query;   /* the operation as it is now takes only parameters that are declared */
    uint64_t equal_steps; /* left for all comparisons of diff_equal.c */
    enum err err;         /* the first failure sticks */
};

/* printf behind `where`; the returned length goes to diff_leave. */
size_t diff_enter(struct diff *diff, const char *format, ...) PRINTF_LIKE(2, 3);
void diff_leave(struct diff *diff, size_t where_len);
void diff_add(struct diff *diff, bool is_breaking, const char *format, ...) PRINTF_LIKE(3, 4);
/* The beginning of a name, for `where`. */
struct slice diff_shown(struct slice name);
/* What the "$ref" of a value leads to, within the root; NULL when it has none, or one that leads nowhere. */
yyjson_val *diff_target(struct diff *diff, yyjson_val *root, yyjson_val *value);
/* What "$ref"s lead to, whatever stands beside them; the value itself when they lead nowhere. Not for schemas. */
yyjson_val *diff_resolve(struct diff *diff, yyjson_val *root, yyjson_val *value);
static inline struct pair diff_resolve_pair(struct diff *diff, struct pair pair)
{
    return (struct pair){diff_resolve(diff, diff->roots.before, pair.before),
                         diff_resolve(diff, diff->roots.after, pair.after)};
}
/* The members of that name. */
static inline struct pair pair_get(struct pair pair, const char *name)
{
    struct slice key = slice_of_text(name);
    return (struct pair){json_get(pair.before, key), json_get(pair.after, key)};
}
/* Equal as JSON Schema has it; NULL is equal to NULL only. */
bool pair_is_equal(struct pair pair);

/* diff_equal.c. What "$ref"s that stand alone lead to. */
yyjson_val *diff_resolve_schema(struct diff *diff, yyjson_val *root, yyjson_val *schema);
/* Equal in what they demand, references followed. */
bool diff_schemas_are_equal(struct diff *diff, struct pair schemas);
/* The same of the values of a keyword. */
bool diff_keywords_are_equal(struct diff *diff, const char *name, struct pair values);

/* diff_validation.c. */
void diff_validations(struct diff *diff, struct pair operations);
bool diff_refuses_unknown_query(yyjson_val *operation);

/* diff_schema.c. A value that is NULL stands for a schema that allows everything. */
void diff_schemas(struct diff *diff, struct pair schemas, enum direction direction);

#endif
