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
    struct unique unique;
};

/* By op. */
bool check_count(struct check *check, const struct step *step, yyjson_val *value);
bool check_known(struct check *check, const struct step *step, yyjson_val *value);
bool check_closed(struct check *check, const struct step *step, yyjson_val *value);
bool check_known_few(struct check *check, const struct step *step, yyjson_val *value);
bool check_closed_few(struct check *check, const struct step *step, yyjson_val *value);
bool check_members(struct check *check, const struct step *step, yyjson_val *value);
bool check_names(struct check *check, const struct step *step, yyjson_val *value);
bool check_dependent(struct check *check, const struct step *step, yyjson_val *value);
bool check_array(struct check *check, const struct step *step, yyjson_val *value);
bool check_unique(struct check *check, const struct step *step, yyjson_val *value);
bool check_contains(struct check *check, const struct step *step, yyjson_val *value);
bool check_any_of(struct check *check, const struct step *step, yyjson_val *value);
bool check_one_of(struct check *check, const struct step *step, yyjson_val *value);
bool check_rest_of_items(struct check *check, const struct step *step, yyjson_val *value);
bool check_rest_of_members(struct check *check, const struct step *step, yyjson_val *value);

bool check_pattern(struct check *check, const struct regex *regex, struct slice text);
/* Always false. */
bool check_end(struct check *check, enum schema_outcome stop);

static inline bool check_spend(struct check *check, uint64_t steps)
{
    check->steps_left -= (int64_t)steps; /* there are at most 2^56 of anything in a document */
    return LIKELY(check->steps_left >= 0) || check_end(check, SCHEMA_OVER_LIMIT);
}

/* What is behind a step that has passed. */
static inline bool check_next(struct check *check, const struct step *step, yyjson_val *value)
{
    step++;
    return step->run(check, step, value);
}

/* Around what looks into other schemas or values: bounds the stack. */
static inline bool check_enter(struct check *check, uint64_t steps)
{
    if (UNLIKELY(check->depth_left == 0))
        return check_end(check, SCHEMA_OVER_LIMIT);
    check->depth_left--;
    return check_spend(check, steps);
}

static inline void check_leave(struct check *check)
{
    check->depth_left++;
}

/* A value whose kind is to be looked into. */
static inline bool check_streams(struct check *check, const struct fast *fast, yyjson_val *value)
{
    const struct step *step = fast->streams[value->tag & YYJSON_TYPE_MASK];
    return step->run(check, step, value);
}

static inline bool check_value(struct check *check, const struct fast *fast, yyjson_val *value)
{
    uint32_t kind = KIND(KIND_OF(value));
    if (fast->passes & kind)
        return true;
    return (fast->runs & kind) && check_streams(check, fast, value);
}

#endif
