/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/check_int.h"
#include "lib/schema/walk_int.h"

bool check_array(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_array *array = step->array;
    size_t count = unsafe_yyjson_get_len(value);
    if (count < array->min || count > array->max || !check_enter(check, count))
        return false;
    yyjson_val *item = unsafe_yyjson_get_first(value);
    size_t i = 0;
    for (; i < count && i < array->prefix_count; i++, item = unsafe_yyjson_get_next(item))
        if (!check_value(check, array->prefix[i], item))
            return false;
    const struct fast *rest = array->rest;
    for (; rest && i < count; i++, item = unsafe_yyjson_get_next(item))
        if (!check_value(check, rest, item))
            return false;
    check_leave(check);
    return check_next(check, step, value);
}

bool check_unique(struct check *check, const struct step *step, yyjson_val *value)
{
    uint64_t first;
    uint64_t second;
    check->work->steps_left = (uint64_t)MAX(check->steps_left, 0);
    enum schema_outcome outcome = unique_items(value, check->work, &check->unique, &first, &second);
    check->steps_left = (int64_t)check->work->steps_left;
    if (outcome == SCHEMA_VALID)
        return check_next(check, step, value);
    return outcome == SCHEMA_INVALID ? false : check_end(check, outcome);
}

/* Whether a value fits, where it is no fault if it does not. */
static bool fits(struct check *check, const struct fast *fast, yyjson_val *value)
{
    uint32_t depth = check->depth_left;
    bool is_valid = check_value(check, fast, value);
    check->depth_left = depth;
    return is_valid;
}

bool check_contains(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_contains *contains = step->contains;
    size_t count = unsafe_yyjson_get_len(value);
    uint64_t found = 0;
    if (!check_enter(check, count))
        return false;
    yyjson_val *item = unsafe_yyjson_get_first(value);
    for (; count > 0 && (found < contains->min || contains->max != UINT64_MAX);
         count--, item = unsafe_yyjson_get_next(item))
        found += fits(check, contains->fast, item);
    check_leave(check);
    return found >= contains->min && found <= contains->max && check_next(check, step, value);
}

/* ---- unevaluated... -------------------------------------------------------------------------------------------------------- */

/* The member or item that is left over, and what is known of conditions by now. */
struct asking {
    struct check *check;
    yyjson_val *value;
    yyjson_val *key;  /* NULL: of an array */
    yyjson_val *item; /* of an array */
    size_t index;
    uint64_t known;
    uint64_t held;
};

static bool has_member(yyjson_val *object, struct slice name)
{
    size_t count = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (; count > 0; count--, key = member_next(key))
        if (slice_equal(string_of(key), name))
            return true;
    return false;
}

static bool holds(struct asking *asking, const struct fast_condition *condition)
{
    uint64_t bit = (uint64_t)1 << condition->index;
    if (!(asking->known & bit)) {
        bool is_met = condition->fast ? fits(asking->check, condition->fast, asking->value)
                                      : is_object(asking->value) && has_member(asking->value, condition->name);
        asking->known |= bit;
        if (is_met != condition->is_negated)
            asking->held |= bit;
    }
    return asking->held & bit;
}

static bool covers_itself(struct asking *asking, const struct fast_cover *cover)
{
    if (cover->all)
        return true;
    if (!asking->key) {
        if (asking->index < cover->prefix_count)
            return true;
        for (uint32_t i = 0; i < cover->contains_count; i++)
            if (fits(asking->check, cover->contains[i], asking->item))
                return true;
        return false;
    }
    struct slice name = string_of(asking->key);
    for (uint32_t i = 0; i < cover->names_count; i++)
        if (names_find(cover->names[i], name.ptr, name.len) != NAMES_NONE)
            return true;
    for (uint32_t i = 0; i < cover->pattern_count; i++)
        if (check_pattern(asking->check, cover->patterns[i], name))
            return true;
    return false;
}

/* As deep as COVER_DEPTH_MAX lets covers be. */
static bool covers(struct asking *asking, const struct fast_cover *cover)
{
    if (!check_spend(asking->check, 1))
        return false;
    if (covers_itself(asking, cover))
        return true;
    for (uint32_t i = 0; i < cover->condition_count; i++)
        if (holds(asking, &cover->conditions[i]) && covers(asking, cover->conditions[i].cover))
            return true;
    return false;
}

bool check_rest_of_items(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_unevaluated *unevaluated = step->unevaluated;
    struct asking asking = {.check = check, .value = value};
    size_t count = unsafe_yyjson_get_len(value);
    if (!check_enter(check, count))
        return false;
    asking.item = unsafe_yyjson_get_first(value);
    for (; asking.index < count; asking.index++, asking.item = unsafe_yyjson_get_next(asking.item))
        if (!covers(&asking, unevaluated->cover) && !check_value(check, unevaluated->fast, asking.item))
            return false;
    check_leave(check);
    return check_next(check, step, value);
}

bool check_rest_of_members(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_unevaluated *unevaluated = step->unevaluated;
    struct asking asking = {.check = check, .value = value};
    size_t count = unsafe_yyjson_get_len(value);
    if (!check_enter(check, count))
        return false;
    asking.key = unsafe_yyjson_get_first(value);
    for (; count > 0; count--, asking.key = member_next(asking.key))
        if (!covers(&asking, unevaluated->cover) && !check_value(check, unevaluated->fast, asking.key + 1))
            return false;
    check_leave(check);
    return check_next(check, step, value);
}
