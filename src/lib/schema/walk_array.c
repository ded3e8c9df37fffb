/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about arrays. */
#include "lib/schema/walk_int.h"

bool rule_max_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_array(frame->value) || unsafe_yyjson_get_len(frame->value) <= rule->bound ||
           walk_fail(walk, frame, rule);
}

bool rule_min_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return !is_array(frame->value) || unsafe_yyjson_get_len(frame->value) >= rule->bound ||
           walk_fail(walk, frame, rule);
}

bool rule_unique_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    uint64_t first;
    uint64_t second;
    if (!is_array(frame->value))
        return true;
    enum schema_outcome outcome = unique_items(frame->value, walk->work, &walk->unique, &first, &second);
    if (outcome == SCHEMA_VALID)
        return true;
    if (outcome != SCHEMA_INVALID) {
        walk->stop = outcome;
        return false;
    }
    struct failure *failure = walk_fail_more(walk, frame, rule);
    if (failure) {
        failure->count = first;
        failure->other = second;
    }
    return false;
}

static bool walk_item(struct walk *walk, const struct sub *sub, const struct frame *frame, yyjson_val *item,
                      size_t index)
{
    const struct frame next = {.value = item, .move = MOVE_ITEM, .index = index};
    return walk_sub(walk, sub, frame, &next);
}

bool rule_prefix_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_array(frame->value))
        return true;
    bool is_valid = true;
    yyjson_val *item = unsafe_yyjson_get_first(frame->value);
    size_t count = MIN(unsafe_yyjson_get_len(frame->value), rule->subs.count);
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        mark(walk, i);
        if (walk_item(walk, &rule->subs.items[i], frame, item, i))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_array(frame->value))
        return true;
    bool is_valid = true;
    bool is_refused = is_false(rule->items.sub.block);
    yyjson_val *item = unsafe_yyjson_get_first(frame->value);
    size_t count = unsafe_yyjson_get_len(frame->value);
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        if (i < rule->items.from)
            continue;
        mark(walk, i);
        if (is_refused ? walk_fail_item(walk, frame, rule, item, i) : walk_item(walk, &rule->items.sub, frame, item, i))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

bool rule_contains(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_array(frame->value))
        return true;
    uint64_t found = 0;
    yyjson_val *item = unsafe_yyjson_get_first(frame->value);
    size_t count = unsafe_yyjson_get_len(frame->value);
    for (size_t i = 0; i < count && walk->stop == SCHEMA_VALID; i++, item = unsafe_yyjson_get_next(item)) {
        const struct frame next = {.value = item, .move = MOVE_ITEM, .index = i};
        uint32_t changes = changes_count(walk);
        if (!walk_quietly(walk, &rule->contains.sub, frame, &next)) {
            changes_undo(walk, changes);
            continue;
        }
        found++;
        if (rule->contains.is_mark)
            mark(walk, i);
    }
    if (walk->stop != SCHEMA_VALID)
        return false;
    if (found >= rule->contains.min && found <= rule->contains.max)
        return true;
    struct failure *failure = walk_fail_more(walk, frame, rule);
    if (failure)
        failure->count = found;
    return false;
}

bool rule_unevaluated_items(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    if (!is_array(frame->value))
        return true;
    bool is_valid = true;
    bool is_refused = is_false(rule->sub.block);
    yyjson_val *item = unsafe_yyjson_get_first(frame->value);
    size_t count = unsafe_yyjson_get_len(frame->value);
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        if (walk->marks->words[i / 64] >> (i % 64) & 1)
            continue;
        mark(walk, i);
        if (is_refused ? walk_fail_item(walk, frame, rule, item, i) : walk_item(walk, &rule->sub, frame, item, i))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}
