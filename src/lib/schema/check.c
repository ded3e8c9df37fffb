/* SPDX-License-Identifier: Apache-2.0 */
/* schema_check: yes or no, as fast as can be, and no memory taken but for uniqueItems. */
#include "lib/schema/check_int.h"

#include "lib/json/compare.h"
#include "lib/schema/walk_int.h"

enum schema_outcome schema_check(const struct schema *schema, yyjson_val *document, struct schema_work *work)
{
    if (UNLIKELY(!schema->fast)) {
        struct walk walk = {.schema = schema, .work = work};
        return walk_root(&walk, document);
    }
    struct check check = {
        .steps_left = (int64_t)MIN(work->steps_left, INT64_MAX), .depth_left = SCHEMA_DEPTH_MAX, .work = work};
    bool is_valid = check_value(&check, schema->fast, document);
    work->steps_left = (uint64_t)MAX(check.steps_left, 0);
    if (UNLIKELY(check.stop != SCHEMA_VALID))
        return check.stop;
    return is_valid ? SCHEMA_VALID : SCHEMA_INVALID;
}

RARELY_CALLED bool check_end(struct check *check, enum schema_outcome stop)
{
    check->stop = stop;
    check->steps_left = -1;
    return false;
}

/* Bytes first: there are at most as many characters, and at least a fourth. */
static inline bool has_length(struct check *check, const struct step *step, yyjson_val *value)
{
    size_t bytes = unsafe_yyjson_get_len(value);
    if (bytes < step->length.min)
        return false;
    if (bytes <= step->length.max && (bytes + 3) / 4 >= step->length.min)
        return true;
    if (!check_spend(check, bytes / 64))
        return false;
    uint64_t count = count_code_points(string_of(value));
    return count >= step->length.min && count <= step->length.max;
}

static bool is_within_exactly(const struct fast_exact *exact, yyjson_val *value)
{
    for (uint32_t i = 0; i < exact->count; i++) {
        const struct rule *rule = exact->rules[i];
        int order = json_compare_numbers(value, rule->value);
        if (rule->op == OP_MINIMUM ? order < 0 : rule->op == OP_MAXIMUM ? order > 0 : false)
            return false;
        if (rule->op == OP_EXCLUSIVE_MINIMUM ? order <= 0 : rule->op == OP_EXCLUSIVE_MAXIMUM ? order >= 0 : false)
            return false;
    }
    return true;
}

static inline bool is_within(const struct step *step, yyjson_val *value)
{
    double number;
    switch (KIND_OF(value)) {
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT:
        number = (double)value->uni.u64;
        break;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT:
        number = (double)value->uni.i64;
        break;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL:
        number = value->uni.f64;
        break;
    default:
        return is_within_exactly(step->bounds.exact, value);
    }
    return number >= step->bounds.low && number <= step->bounds.high;
}

static bool is_multiple(const struct step *step, yyjson_val *value)
{
    if (step->multiple.divisor == 0 || !(KIND(KIND_OF(value)) & KINDS_INTEGER))
        return json_is_multiple(value, step->multiple.number);
    bool is_negative = KIND_OF(value) == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT);
    uint64_t size = is_negative ? -(uint64_t)value->uni.i64 : value->uni.u64;
    return size % step->multiple.divisor == 0;
}

static bool is_among_integers(const struct fast_values *values, yyjson_val *value)
{
    uint32_t low = 0;
    uint32_t high = values->integer_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = fast_compare_integers(values->items[middle], value);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_among(struct check *check, const struct fast_values *values, yyjson_val *value)
{
    uint64_t steps = (uint64_t)MAX(check->steps_left, 0);
    bool is_found = false;
    uint32_t first = 0;
    if (KIND(KIND_OF(value)) & KINDS_INTEGER) {
        if (is_among_integers(values, value))
            return true;
        first = values->integer_count;
    }
    for (uint32_t i = first; i < values->count && !is_found; i++)
        is_found = json_equal(values->items[i], value, &steps);
    check->steps_left = (int64_t)steps;
    if (steps == 0)
        return check_end(check, SCHEMA_OVER_LIMIT);
    return is_found;
}

bool check_pattern(struct check *check, const struct regex *regex, struct slice text)
{
    if (!check_spend(check, 1 + text.len / 64))
        return false;
    enum regex_outcome outcome = regex_match(regex, text, check->work->regex);
    if (UNLIKELY(outcome == REGEX_LIMIT))
        return check_end(check, SCHEMA_OVER_LIMIT);
    return outcome == REGEX_YES;
}

static bool check_stream_end(struct check *check, const struct step *step, yyjson_val *value)
{
    (void)check;
    (void)step;
    (void)value;
    return true;
}

static bool check_length(struct check *check, const struct step *step, yyjson_val *value)
{
    return has_length(check, step, value) && check_next(check, step, value);
}

static inline bool is_text(const struct step *step, yyjson_val *value)
{
    return names_find(step->texts, value->uni.str, unsafe_yyjson_get_len(value)) != NAMES_NONE;
}

static bool check_texts(struct check *check, const struct step *step, yyjson_val *value)
{
    return is_text(step, value) && check_next(check, step, value);
}

static bool check_pattern_step(struct check *check, const struct step *step, yyjson_val *value)
{
    return check_pattern(check, step->regex, string_of(value)) && check_next(check, step, value);
}

static bool check_format(struct check *check, const struct step *step, yyjson_val *value)
{
    return format_matches(step->format, string_of(value)) && check_next(check, step, value);
}

static bool check_not_empty(struct check *check, const struct step *step, yyjson_val *value)
{
    return unsafe_yyjson_get_len(value) > 0 && check_next(check, step, value);
}

/* A step of strings that "" passes. */
static bool check_waived(struct check *check, const struct step *step, yyjson_val *value)
{
    bool is_valid = unsafe_yyjson_get_len(value) == 0;
    if (is_valid)
        return check_next(check, step, value);
    if (step->waived == FAST_LENGTH)
        is_valid = has_length(check, step, value);
    else if (step->waived == FAST_TEXTS)
        is_valid = is_text(step, value);
    else if (step->waived == FAST_PATTERN)
        is_valid = check_pattern(check, step->regex, string_of(value));
    else
        is_valid = format_matches(step->format, string_of(value));
    return is_valid && check_next(check, step, value);
}

static bool check_integral(struct check *check, const struct step *step, yyjson_val *value)
{
    return ((KIND(KIND_OF(value)) & KINDS_INTEGER) || json_is_integer(value)) && check_next(check, step, value);
}

static bool check_bounds(struct check *check, const struct step *step, yyjson_val *value)
{
    return is_within(step, value) && check_next(check, step, value);
}

static bool check_exact(struct check *check, const struct step *step, yyjson_val *value)
{
    return is_within_exactly(step->exact, value) && check_next(check, step, value);
}

static bool check_multiple(struct check *check, const struct step *step, yyjson_val *value)
{
    return is_multiple(step, value) && check_next(check, step, value);
}

static bool check_values(struct check *check, const struct step *step, yyjson_val *value)
{
    return is_among(check, step->values, value) && check_next(check, step, value);
}

static bool check_call(struct check *check, const struct step *step, yyjson_val *value)
{
    if (!check_enter(check, 1) || !check_value(check, step->fast, value))
        return false;
    check_leave(check);
    return check_next(check, step, value);
}

static bool check_not(struct check *check, const struct step *step, yyjson_val *value)
{
    if (!check_enter(check, 1))
        return false;
    uint32_t depth = check->depth_left;
    if (check_value(check, step->fast, value))
        return false;
    check->depth_left = depth + 1;
    return check_next(check, step, value);
}

static bool check_if(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_if *branch = step->branch;
    if (!check_enter(check, 1))
        return false;
    uint32_t depth = check->depth_left;
    bool is_met = check_value(check, branch->condition, value);
    check->depth_left = depth;
    if (!check_value(check, is_met ? branch->then : branch->otherwise, value))
        return false;
    check_leave(check);
    return check_next(check, step, value);
}

const check_function check_functions[FAST_OP_COUNT] = {
    [FAST_END] = check_stream_end,
    [FAST_LENGTH] = check_length,
    [FAST_TEXTS] = check_texts,
    [FAST_PATTERN] = check_pattern_step,
    [FAST_FORMAT] = check_format,
    [FAST_NOT_EMPTY] = check_not_empty,
    [FAST_INTEGRAL] = check_integral,
    [FAST_BOUNDS] = check_bounds,
    [FAST_EXACT] = check_exact,
    [FAST_MULTIPLE] = check_multiple,
    [FAST_VALUES] = check_values,
    [FAST_COUNT] = check_count,
    [FAST_KNOWN] = check_known,
    [FAST_CLOSED] = check_closed,
    [FAST_KNOWN_FEW] = check_known_few,
    [FAST_CLOSED_FEW] = check_closed_few,
    [FAST_MEMBERS] = check_members,
    [FAST_NAMES] = check_names,
    [FAST_DEPENDENT] = check_dependent,
    [FAST_ARRAY] = check_array,
    [FAST_UNIQUE] = check_unique,
    [FAST_CONTAINS] = check_contains,
    [FAST_CALL] = check_call,
    [FAST_NOT] = check_not,
    [FAST_IF] = check_if,
    [FAST_ANY_OF] = check_any_of,
    [FAST_ONE_OF] = check_one_of,
    [FAST_REST_OF_ITEMS] = check_rest_of_items,
    [FAST_REST_OF_MEMBERS] = check_rest_of_members,
    [FAST_WAIVED] = check_waived,
};
