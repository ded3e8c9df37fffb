/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about values that hold nothing. Each says yes to what it is not about. */
#include "lib/json/compare.h"
#include "lib/schema/walk_int.h"

bool rule_false(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return walk_fail(walk, frame, rule);
}

static bool fits_type(yyjson_val *value, const struct rule *rule)
{
    uint32_t kind = KIND(KIND_OF(value));
    return (rule->type.kinds & kind) || ((rule->type.fractions & kind) && json_is_integer(value));
}

bool rule_type(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (fits_type(frame->value, rule))
        return true;
    if (walk->changes && frame->block->coerces && !frame->is_name && changes_coerce(walk, frame->value, rule))
        return true;
    return walk_fail(walk, frame, rule);
}

bool rule_empty(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_string(frame->value) || unsafe_yyjson_get_len(frame->value) > 0 || frame->is_name)
        return true;
    return walk_fail(walk, frame, rule);
}

static bool is_equal(struct walk *walk, yyjson_val *a, yyjson_val *b)
{
    bool answer = json_equal(a, b, &walk->work->steps_left);
    if (walk->work->steps_left == 0)
        walk->stop = SCHEMA_OVER_LIMIT;
    return answer;
}

bool rule_enum(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    yyjson_val *item = unsafe_yyjson_get_first(rule->value);
    for (size_t i = unsafe_yyjson_get_len(rule->value); i > 0; i--, item = unsafe_yyjson_get_next(item))
        if (is_equal(walk, frame->value, item))
            return true;
    return walk_fail(walk, frame, rule);
}

bool rule_const(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return is_equal(walk, frame->value, rule->value) || walk_fail(walk, frame, rule);
}

bool rule_multiple_of(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !json_is_number(frame->value) || json_is_multiple(frame->value, rule->value) || walk_fail(walk, frame, rule);
}

bool rule_maximum(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !json_is_number(frame->value) || json_compare_numbers(frame->value, rule->value) <= 0 ||
           walk_fail(walk, frame, rule);
}

bool rule_exclusive_maximum(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !json_is_number(frame->value) || json_compare_numbers(frame->value, rule->value) < 0 ||
           walk_fail(walk, frame, rule);
}

bool rule_minimum(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !json_is_number(frame->value) || json_compare_numbers(frame->value, rule->value) >= 0 ||
           walk_fail(walk, frame, rule);
}

bool rule_exclusive_minimum(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !json_is_number(frame->value) || json_compare_numbers(frame->value, rule->value) > 0 ||
           walk_fail(walk, frame, rule);
}

bool rule_max_length(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_string(frame->value) || unsafe_yyjson_get_len(frame->value) <= rule->bound)
        return true;
    return count_code_points(string_of(frame->value)) <= rule->bound || walk_fail(walk, frame, rule);
}

bool rule_min_length(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_string(frame->value) || count_code_points(string_of(frame->value)) >= rule->bound ||
           walk_fail(walk, frame, rule);
}

bool rule_pattern(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_string(frame->value) || walk_matches(walk, rule->pattern.regex, string_of(frame->value)) ||
           walk_fail(walk, frame, rule);
}

bool rule_format(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_string(frame->value) || format_matches(rule->format, string_of(frame->value)) ||
           walk_fail(walk, frame, rule);
}
