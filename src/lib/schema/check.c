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

static bool is_among(struct check *check, const struct fast_values *values, yyjson_val *value)
{
    uint64_t steps = (uint64_t)check->steps_left;
    bool is_found = false;
    for (uint32_t i = 0; i < values->count && !is_found; i++) {
        yyjson_val *item = values->items[i];
        if (KIND_OF(item) == KIND_OF(value) && (KIND(KIND_OF(value)) & KINDS_INTEGER))
            is_found = item->uni.u64 == value->uni.u64;
        else
            is_found = json_equal(item, value, &steps);
    }
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

static bool check_if(struct check *check, const struct fast_if *branch, yyjson_val *value)
{
    return check_value(check, check_value(check, branch->condition, value) ? branch->then : branch->otherwise, value);
}

/* One step of those that strings have. */
static inline bool run_text(struct check *check, const struct step *step, unsigned op, yyjson_val *value)
{
    switch (op) {
    case FAST_LENGTH:
        return has_length(check, step, value);
    case FAST_TEXTS:
        return names_find(step->texts, value->uni.str, unsafe_yyjson_get_len(value)) != NAMES_NONE;
    case FAST_PATTERN:
        return check_pattern(check, step->regex, string_of(value));
    case FAST_FORMAT:
        return format_matches(step->format, string_of(value));
    default:
        return unsafe_yyjson_get_len(value) > 0;
    }
}

static bool run(struct check *check, const struct step *step, yyjson_val *value)
{
    switch (step->op) {
    case FAST_COUNT:
        return check_count(check, step->object, value);
    case FAST_KNOWN:
        return check_known(check, step->object, value);
    case FAST_CLOSED:
        return check_closed(check, step->object, value);
    case FAST_MEMBERS:
        return check_members(check, step->object, value);
    case FAST_NAMES:
        return check_names(check, step->fast, value);
    case FAST_DEPENDENT:
        return check_dependency(check, step->dependency, value);
    case FAST_ARRAY:
        return check_array(check, step->array, value);
    case FAST_UNIQUE:
        return check_unique(check, value);
    case FAST_CONTAINS:
        return check_contains(check, step->contains, value);
    case FAST_VALUES:
        return is_among(check, step->values, value);
    case FAST_CALL:
        return check_value(check, step->fast, value);
    case FAST_NOT:
        return !check_value(check, step->fast, value);
    case FAST_IF:
        return check_if(check, step->branch, value);
    case FAST_ANY_OF:
        return check_any_of(check, step->choice, value);
    case FAST_ONE_OF:
        return check_one_of(check, step->choice, value);
    case FAST_REST_OF_ITEMS:
        return check_rest_of_items(check, step->unevaluated, value);
    case FAST_REST_OF_MEMBERS:
        return check_rest_of_members(check, step->unevaluated, value);
    case FAST_WAIVED:
        return unsafe_yyjson_get_len(value) == 0 || run_text(check, step, step->waived, value);
    default:
        return false;
    }
}

/* Of containers, and the rest of a stream that has more to it than its own type's steps. */
static bool check_steps(struct check *check, const struct step *step, yyjson_val *value)
{
    if (UNLIKELY(check->depth_left == 0))
        return check_end(check, SCHEMA_OVER_LIMIT);
    if (!check_spend(check, 1))
        return false;
    check->depth_left--;
    bool is_valid;
    do
        is_valid = run(check, step, value);
    while (is_valid && (++step)->op != FAST_END);
    check->depth_left++;
    return is_valid;
}

static bool check_text(struct check *check, const struct step *step, yyjson_val *value)
{
    for (; step->op != FAST_END; step++) {
        if (UNLIKELY(step->op > FAST_NOT_EMPTY))
            return check_steps(check, step, value);
        if (!run_text(check, step, step->op, value))
            return false;
    }
    return true;
}

static bool check_number(struct check *check, const struct step *step, yyjson_val *value)
{
    for (; step->op != FAST_END; step++) {
        bool is_valid;
        switch (step->op) {
        case FAST_INTEGRAL:
            is_valid = (KIND(KIND_OF(value)) & KINDS_INTEGER) || json_is_integer(value);
            break;
        case FAST_BOUNDS:
            is_valid = is_within(step, value);
            break;
        case FAST_EXACT:
            is_valid = is_within_exactly(step->exact, value);
            break;
        case FAST_MULTIPLE:
            is_valid = is_multiple(step, value);
            break;
        default:
            return check_steps(check, step, value);
        }
        if (!is_valid)
            return false;
    }
    return true;
}

const check_function check_functions[8] = {
    [YYJSON_TYPE_NONE] = check_steps, [YYJSON_TYPE_RAW] = check_number, [YYJSON_TYPE_NULL] = check_steps,
    [YYJSON_TYPE_BOOL] = check_steps, [YYJSON_TYPE_NUM] = check_number, [YYJSON_TYPE_STR] = check_text,
    [YYJSON_TYPE_ARR] = check_steps,  [YYJSON_TYPE_OBJ] = check_steps,
};
