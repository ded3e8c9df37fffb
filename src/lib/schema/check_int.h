/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of schema_check share. */
#ifndef WEIR_LIB_SCHEMA_CHECK_INT_H
#define WEIR_LIB_SCHEMA_CHECK_INT_H

#include "lib/schema/fast_int.h"

struct check {
    int64_t steps_left; /* below 0: that was it, and every answer is no */
    uint32_t depth_left;
    enum schema_outcome stop; /* SCHEMA_VALID, or why it ended */
    struct schema_work *work;
};

/* By yyjson's type: the steps of a stream, one after the other. */
typedef bool (*check_function)(struct check *check, const struct step *step, yyjson_val *value);
extern const check_function check_functions[8];

bool check_count(struct check *check, const struct fast_object *object, yyjson_val *value);
bool check_known(struct check *check, const struct fast_object *object, yyjson_val *value);
bool check_closed(struct check *check, const struct fast_object *object, yyjson_val *value);
bool check_members(struct check *check, const struct fast_object *object, yyjson_val *value);
bool check_names(struct check *check, const struct fast *fast, yyjson_val *value);
bool check_dependency(struct check *check, const struct fast_dependency *dependency, yyjson_val *value);
bool check_array(struct check *check, const struct fast_array *array, yyjson_val *value);
bool check_unique(struct check *check, yyjson_val *value);
bool check_contains(struct check *check, const struct fast_contains *contains, yyjson_val *value);
bool check_any_of(struct check *check, const struct fast_choice *choice, yyjson_val *value);
bool check_one_of(struct check *check, const struct fast_choice *choice, yyjson_val *value);
bool check_rest_of_items(struct check *check, const struct fast_unevaluated *unevaluated, yyjson_val *value);
bool check_rest_of_members(struct check *check, const struct fast_unevaluated *unevaluated, yyjson_val *value);
bool check_pattern(struct check *check, const struct regex *regex, struct slice text);
/* Always false. */
bool check_end(struct check *check, enum schema_outcome stop);

static inline bool check_spend(struct check *check, uint64_t steps)
{
    check->steps_left -= (int64_t)steps; /* there are at most 2^56 of anything in a document */
    return LIKELY(check->steps_left >= 0) || check_end(check, SCHEMA_OVER_LIMIT);
}

/* A value whose kind is to be looked into. */
static inline bool check_streams(struct check *check, const struct fast *fast, yyjson_val *value)
{
    unsigned type = value->tag & YYJSON_TYPE_MASK;
    return check_functions[type](check, fast->streams[type], value);
}

static inline bool check_value(struct check *check, const struct fast *fast, yyjson_val *value)
{
    uint32_t kind = KIND(KIND_OF(value));
    if (fast->passes & kind)
        return true;
    return (fast->runs & kind) && check_streams(check, fast, value);
}

#endif
