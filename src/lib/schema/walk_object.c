/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about objects. */
#include "lib/schema/walk_int.h"

static uint64_t count_members(struct walk *walk, yyjson_val *object)
{
    return (uint64_t)((int64_t)unsafe_yyjson_get_len(object) + changes_balance(walk, object));
}

bool rule_max_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_object(frame->value) || count_members(walk, frame->value) <= rule->bound || walk_fail(walk, frame, rule);
}

bool rule_min_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_object(frame->value) || count_members(walk, frame->value) >= rule->bound || walk_fail(walk, frame, rule);
}

static bool has_member(struct walk *walk, yyjson_val *object, struct slice name)
{
    size_t count = unsafe_yyjson_get_len(object);
    if (!walk_spend(walk, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (size_t i = 0; i < count; i++, key = member_next(key))
        if (!is_gone(key) && slice_equal(string_of(key), name))
            return true;
    return changes_find(walk, object, name) != NULL;
}

static bool require(struct walk *walk, const struct frame *frame, const struct rule *rule, struct slice name)
{
    if (has_member(walk, frame->value, name))
        return true;
    struct failure *failure = walk_fail_more(walk, frame, rule);
    if (failure)
        failure->name = name;
    return false;
}

bool rule_required(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    for (uint32_t i = 0; i < rule->required.count; i++) {
        if (require(walk, frame, rule, rule->required.names[i]))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

static bool check_dependency(struct walk *walk, const struct frame *frame, const struct rule *rule,
                             const struct dependency *item)
{
    if (!has_member(walk, frame->value, item->name))
        return true;
    if (item->sub.block)
        return walk_same(walk, &item->sub, frame);
    bool is_valid = true;
    for (uint32_t i = 0; i < item->wanted_count; i++) {
        if (require(walk, frame, rule, item->wanted[i]))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_dependent_required(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    for (uint32_t i = 0; i < rule->dependencies.count; i++) {
        if (check_dependency(walk, frame, rule, &rule->dependencies.items[i]))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_dependent_schemas(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return rule_dependent_required(walk, frame, rule);
}

static bool walk_member(struct walk *walk, const struct sub *sub, const struct frame *frame, yyjson_val *key)
{
    const struct frame next = {.value = key + 1, .move = MOVE_MEMBER, .key = key};
    return walk_sub(walk, sub, frame, &next);
}

/* Adds what is absent and has a default, and checks it like what was there. */
static bool add_defaults(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    bool is_valid = true;
    for (uint32_t i = 0; i < rule->properties.members.names.count; i++) {
        const struct sub *sub = &rule->properties.subs[i];
        struct slice name = rule->properties.members.texts[i];
        if (!sub->block->default_value || has_member(walk, frame->value, name))
            continue;
        yyjson_val *value = changes_add(walk, frame->value, name, sub->block->default_value);
        if (!value)
            return false;
        /* A key in front, for pointers. */
        yyjson_val key = {.tag = name.len << YYJSON_TAG_BIT | YYJSON_TYPE_STR, .uni = {.str = name.ptr}};
        const struct frame next = {.value = value, .move = MOVE_MEMBER, .key = &key};
        is_valid &= walk_sub(walk, sub, frame, &next);
        if (!is_valid && walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    size_t count = unsafe_yyjson_get_len(frame->value);
    if (!walk_spend(walk, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(frame->value);
    for (size_t i = 0; i < count; i++, key = member_next(key)) {
        uint32_t at = is_gone(key)
                          ? NAMES_NONE
                          : names_find(&rule->properties.members.names, key->uni.str, unsafe_yyjson_get_len(key));
        if (at == NAMES_NONE)
            continue;
        mark(walk, i);
        if (walk_member(walk, &rule->properties.subs[at], frame, key))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    if (walk->changes && frame->block->defaults && walk->composite == 0)
        is_valid &= add_defaults(walk, frame, rule);
    return is_valid;
}

bool rule_pattern_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    size_t count = unsafe_yyjson_get_len(frame->value);
    yyjson_val *key = unsafe_yyjson_get_first(frame->value);
    for (size_t i = 0; i < count; i++, key = member_next(key)) {
        for (uint32_t j = 0; j < rule->patterns.count && !is_gone(key); j++) {
            const struct pattern *pattern = &rule->patterns.items[j];
            if (!walk_matches(walk, pattern->regex, string_of(key))) {
                if (walk->stop != SCHEMA_VALID)
                    return false;
                continue;
            }
            mark(walk, i);
            if (walk_member(walk, &pattern->sub, frame, key))
                continue;
            is_valid = false;
            if (walk_ends(walk))
                return false;
        }
    }
    return is_valid;
}

/* Whether properties or patternProperties beside it know the member. */
static bool is_known(struct walk *walk, const struct rule *rule, struct slice name)
{
    const struct rule *properties = rule->additional.properties;
    const struct rule *patterns = rule->additional.patterns;
    if (properties && names_find(&properties->properties.members.names, name.ptr, name.len) != NAMES_NONE)
        return true;
    for (uint32_t i = 0; patterns && i < patterns->patterns.count; i++)
        if (walk_matches(walk, patterns->patterns.items[i].regex, name))
            return true;
    return false;
}

/* A member that is not foreseen, and what to do with it. */
static bool check_extra(struct walk *walk, const struct frame *frame, const struct rule *rule, const struct sub *sub,
                        yyjson_val *key)
{
    if (!is_false(sub->block))
        return walk_member(walk, sub, frame, key);
    if (walk->changes && frame->block->removes && changes_remove(walk, key))
        return true;
    return walk_fail_member(walk, frame, rule, key);
}

bool rule_additional_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    size_t count = unsafe_yyjson_get_len(frame->value);
    if (!walk_spend(walk, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(frame->value);
    for (size_t i = 0; i < count; i++, key = member_next(key)) {
        if (is_gone(key) || is_known(walk, rule, string_of(key)))
            continue;
        mark(walk, i);
        if (check_extra(walk, frame, rule, &rule->additional.sub, key))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_property_names(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    size_t count = unsafe_yyjson_get_len(frame->value);
    yyjson_val *key = unsafe_yyjson_get_first(frame->value);
    for (size_t i = 0; i < count; i++, key = member_next(key)) {
        const struct frame next = {.value = key, .move = MOVE_NAME};
        if (is_gone(key) || walk_sub(walk, &rule->sub, frame, &next))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_unevaluated_properties(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_object(frame->value))
        return true;
    bool is_valid = true;
    size_t count = unsafe_yyjson_get_len(frame->value);
    yyjson_val *key = unsafe_yyjson_get_first(frame->value);
    for (size_t i = 0; i < count; i++, key = member_next(key)) {
        if (is_gone(key) || (walk->marks->words[i / 64] >> (i % 64) & 1))
            continue;
        mark(walk, i);
        if (check_extra(walk, frame, rule, &rule->sub, key))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}
