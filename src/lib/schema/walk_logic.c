/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that apply other schemas to the same value.
 *
 * Of anyOf and oneOf the errors of one branch are told: of the one that came nearest. It is found by what went wrong in
 * each: a value of another type, or another discriminator, is farther off than any number of smaller things. */
#include "lib/schema/walk_int.h"

bool rule_ref(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    return walk_same(walk, &rule->sub, frame);
}

/* The outermost resource of the dynamic scope that has the anchor. */
bool rule_dynamic_ref(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    struct sub sub = rule->dynamic.sub;
    for (const struct frame *at = frame; at && rule->dynamic.candidate_count > 0; at = at->parent) {
        for (uint32_t i = 0; i < rule->dynamic.candidate_count; i++)
            if (rule->dynamic.candidates[i].resource == at->block->resource)
                sub.block = rule->dynamic.candidates[i].block;
        if (!walk_spend(walk, 1))
            return false;
    }
    return walk_same(walk, &sub, frame);
}

bool rule_all_of(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    bool is_valid = true;
    for (uint32_t i = 0; i < rule->subs.count; i++) {
        if (walk_same(walk, &rule->subs.items[i], frame))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
    }
    return is_valid;
}

/* A branch: what it has marked and changed counts only if it is valid. */
static bool try_branch(struct walk *walk, const struct sub *sub, const struct frame *frame)
{
    uint64_t *saved = marks_save(walk);
    uint32_t changes = changes_count(walk);
    if (walk->stop != SCHEMA_VALID)
        return false;
    walk->composite++;
    bool is_valid = walk_same(walk, sub, frame);
    walk->composite--;
    if (!is_valid) {
        marks_restore(walk, saved);
        changes_undo(walk, changes);
    }
    return is_valid;
}

/* How far off a branch was. */
static uint64_t distance(const struct failure *items, uint32_t count, const struct frame *frame)
{
    uint64_t sum = count == 0 ? 1000000 : 0;
    for (uint32_t i = 0; i < count; i++) {
        enum op op = items[i].rule->op;
        bool is_here = items[i].value == frame->value;
        if (is_here && (op == OP_TYPE || op == OP_FALSE))
            sum += 10000;
        else if (op == OP_CONST || op == OP_ENUM)
            sum += 100;
        else
            sum += 1;
    }
    return sum;
}

struct tries {
    uint32_t base; /* the failures from here on are of branches; the one before is the rule's own */
    uint32_t best_count;
    uint64_t best_distance;
    size_t texts_bytes; /* before the rule's own, and behind it */
    size_t own_bytes;
    bool was_cut;
};

static void tries_begin(struct walk *walk, const struct frame *frame, const struct rule *rule, struct tries *ret)
{
    *ret = (struct tries){.best_distance = UINT64_MAX};
    if (!walk->failures)
        return;
    ret->was_cut = walk->failures->is_cut;
    ret->texts_bytes = walk->failures->texts.len;
    (void)walk_fail_more(walk, frame, rule);
    ret->own_bytes = walk->failures->texts.len;
    ret->base = walk->failures->count;
}

/* Keeps the failures of the last branch, or those of an earlier one. */
static void tries_judge(struct walk *walk, const struct frame *frame, struct tries *tries)
{
    struct failures *failures = walk->failures;
    if (!failures)
        return;
    uint32_t start = tries->base + tries->best_count;
    uint32_t count = failures->count - start;
    uint64_t away = distance(failures->items + start, count, frame);
    if (away < tries->best_distance) {
        if (count > 0)
            memmove(failures->items + tries->base, failures->items + start, count * sizeof *failures->items);
        tries->best_count = count;
        tries->best_distance = away;
    }
    failures->count = tries->base + tries->best_count;
}

/* A branch was valid: nothing of this counts. `has_own`: but for the rule's own failure. */
static void tries_drop(struct walk *walk, struct tries *tries, uint32_t before, bool has_own)
{
    if (!walk->failures)
        return;
    walk->failures->count = has_own ? tries->base : before;
    walk->failures->texts.len = has_own ? tries->own_bytes : tries->texts_bytes;
    walk->failures->is_cut = tries->was_cut;
}

bool rule_any_of(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    struct tries tries;
    uint32_t before = walk->failures ? walk->failures->count : 0;
    bool is_valid = false;
    tries_begin(walk, frame, rule, &tries);
    for (uint32_t i = 0; i < rule->subs.count && walk->stop == SCHEMA_VALID; i++) {
        if (!try_branch(walk, &rule->subs.items[i], frame)) {
            tries_judge(walk, frame, &tries);
            continue;
        }
        is_valid = true;
        if (!walk->marks)
            break;
    }
    if (is_valid)
        tries_drop(walk, &tries, before, false);
    else
        marks_all(walk); /* nothing more is to be said of what no branch has seen */
    return is_valid;
}

bool rule_one_of(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    struct tries tries;
    uint32_t before = walk->failures ? walk->failures->count : 0;
    uint64_t matches = 0;
    tries_begin(walk, frame, rule, &tries);
    for (uint32_t i = 0; i < rule->subs.count && walk->stop == SCHEMA_VALID; i++) {
        if (!try_branch(walk, &rule->subs.items[i], frame))
            tries_judge(walk, frame, &tries);
        else if (++matches == 2 && walk_ends(walk))
            return false;
    }
    if (matches == 1)
        tries_drop(walk, &tries, before, false);
    if (matches > 1) {
        tries_drop(walk, &tries, before, true);
        if (walk->failures && tries.base > before)
            walk->failures->items[before].count = matches;
    }
    if (matches == 0)
        marks_all(walk);
    return matches == 1;
}

bool rule_not(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    const struct frame next = {.value = frame->value, .is_name = frame->is_name};
    struct marks *marks = walk->marks;
    uint32_t changes = changes_count(walk);
    walk->marks = NULL;
    bool is_valid = walk_quietly(walk, &rule->sub, frame, &next);
    walk->marks = marks;
    changes_undo(walk, changes);
    return !is_valid || walk_fail(walk, frame, rule);
}

bool rule_if(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    struct failures *failures = walk->failures;
    walk->failures = NULL;
    bool is_met = try_branch(walk, &rule->branch.condition, frame);
    walk->failures = failures;
    const struct sub *sub = is_met ? &rule->branch.then : &rule->branch.otherwise;
    return !sub->block || walk_same(walk, sub, frame);
}
