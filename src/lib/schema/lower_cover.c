/* SPDX-License-Identifier: Apache-2.0 */
/* unevaluatedProperties and unevaluatedItems.
 *
 * What a schema evaluates is known when it is compiled, but for the question which of its conditional parts apply (anyOf,
 * oneOf, if, dependentSchemas). So nothing is noted while a document is checked. Where no part is conditional, the keyword is
 * an additionalProperties over the names of all parts. Else members are held against the names that are certain, and only
 * when one is left over it is asked which conditions hold, each at most once. */
#include "lib/schema/lower_int.h"

#include <stdlib.h>

enum { COVER_DEPTH_MAX = 64, COVERS_MAX = 4096, LIST_MAX = 256 };

/* A cover under construction. */
struct gathering {
    struct lowering *lowering;
    bool is_object;
    uint32_t depth;
    uint32_t *condition_index;
    struct fast_cover cover;
    const struct names *names[LIST_MAX];
    const struct regex *patterns[LIST_MAX];
    const struct fast *contains[LIST_MAX];
    struct fast_condition conditions[LIST_MAX];
};

static enum err gather(struct gathering *gathering, const struct block *block, bool is_own);

static enum err make_cover(struct lowering *lowering, const struct block *block, bool is_object, bool is_own,
                           uint32_t depth, uint32_t *condition_index, const struct fast_cover **ret_cover);

/* The list, in the program's memory. */
static enum err keep(struct lowering *lowering, const void *items, uint32_t count, size_t size, void *ret_items)
{
    void *copy = arena_alloc_array(lowering->arena, count, size);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, items, count * size);
    memcpy(ret_items, &copy, sizeof copy);
    return ERR_OK;
}

/* False: it is more than is done here, and the walker's. */
static bool has_room(struct gathering *gathering, uint32_t count)
{
    if (count < LIST_MAX && !gathering->lowering->needs_walker)
        return true;
    gathering->lowering->needs_walker = true;
    return false;
}

static bool is_empty(const struct fast_cover *cover)
{
    return !cover->all && cover->prefix_count == 0 && cover->names_count == 0 && cover->pattern_count == 0 &&
           cover->contains_count == 0 && cover->condition_count == 0;
}

static enum err add_condition(struct gathering *gathering, const struct block *condition, struct slice name,
                              bool is_negated, const struct block *block)
{
    struct fast_condition item = {.name = name, .is_negated = is_negated, .index = (*gathering->condition_index)++};
    if (item.index >= FAST_CONDITIONS_MAX)
        gathering->lowering->needs_walker = true;
    if (!has_room(gathering, gathering->cover.condition_count))
        return ERR_OK;
    if (condition && !(item.fast = lower_block(gathering->lowering, condition)))
        return ERR_NOMEM;
    TRY(make_cover(gathering->lowering, block, gathering->is_object, false, gathering->depth + 1,
                   gathering->condition_index, &item.cover));
    if (!is_empty(item.cover))
        gathering->conditions[gathering->cover.condition_count++] = item;
    return ERR_OK;
}

static enum err gather_object(struct gathering *gathering, const struct rule *rule)
{
    struct fast_cover *cover = &gathering->cover;
    if (rule->op == OP_PROPERTIES && has_room(gathering, cover->names_count))
        gathering->names[cover->names_count++] = &rule->properties.members.names;
    for (uint32_t i = 0; rule->op == OP_PATTERN_PROPERTIES && i < rule->patterns.count; i++)
        if (has_room(gathering, cover->pattern_count))
            gathering->patterns[cover->pattern_count++] = rule->patterns.items[i].regex;
    cover->all |= rule->op == OP_ADDITIONAL_PROPERTIES || rule->op == OP_UNEVALUATED_PROPERTIES;
    return ERR_OK;
}

static enum err gather_array(struct gathering *gathering, const struct rule *rule)
{
    struct fast_cover *cover = &gathering->cover;
    if (rule->op == OP_PREFIX_ITEMS)
        cover->prefix_count = MAX(cover->prefix_count, rule->subs.count);
    if (rule->op == OP_CONTAINS && rule->contains.is_mark && has_room(gathering, cover->contains_count)) {
        const struct fast *fast = lower_block(gathering->lowering, rule->contains.sub.block);
        if (!fast)
            return ERR_NOMEM;
        gathering->contains[cover->contains_count++] = fast;
    }
    cover->all |= rule->op == OP_ITEMS || rule->op == OP_UNEVALUATED_ITEMS;
    return ERR_OK;
}

static enum err gather_if(struct gathering *gathering, const struct rule *rule)
{
    const struct block *condition = rule->branch.condition.block;
    const struct slice none = {NULL, 0};
    TRY(add_condition(gathering, condition, none, false, condition));
    if (rule->branch.then.block)
        TRY(add_condition(gathering, condition, none, false, rule->branch.then.block));
    if (rule->branch.otherwise.block)
        TRY(add_condition(gathering, condition, none, true, rule->branch.otherwise.block));
    return ERR_OK;
}

static enum err gather_rule(struct gathering *gathering, const struct rule *rule)
{
    switch (rule->op) {
    case OP_REF:
        return gather(gathering, rule->sub.block, false);
    case OP_DYNAMIC_REF:
        return gather(gathering, rule->dynamic.sub.block, false);
    case OP_ALL_OF:
        for (uint32_t i = 0; i < rule->subs.count; i++)
            TRY(gather(gathering, rule->subs.items[i].block, false));
        return ERR_OK;
    case OP_ANY_OF:
    case OP_ONE_OF:
        for (uint32_t i = 0; i < rule->subs.count; i++)
            TRY(add_condition(gathering, rule->subs.items[i].block, (struct slice){NULL, 0}, false,
                              rule->subs.items[i].block));
        return ERR_OK;
    case OP_IF:
        return gather_if(gathering, rule);
    case OP_DEPENDENT_SCHEMAS:
        for (uint32_t i = 0; i < rule->dependencies.count; i++)
            if (rule->dependencies.items[i].sub.block)
                TRY(add_condition(gathering, NULL, rule->dependencies.items[i].name, false,
                                  rule->dependencies.items[i].sub.block));
        return ERR_OK;
    default:
        return gathering->is_object ? gather_object(gathering, rule) : gather_array(gathering, rule);
    }
}

static enum err gather(struct gathering *gathering, const struct block *block, bool is_own)
{
    if (gathering->depth == COVER_DEPTH_MAX || ++gathering->lowering->covers > COVERS_MAX) {
        gathering->lowering->needs_walker = true;
        return ERR_OK;
    }
    gathering->depth++;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < block->rule_count && err == ERR_OK; i++) {
        enum op op = block->rules[i].op;
        bool is_asking = op == OP_UNEVALUATED_ITEMS || op == OP_UNEVALUATED_PROPERTIES;
        if (!is_own || !is_asking)
            err = gather_rule(gathering, &block->rules[i]);
    }
    gathering->depth--;
    return err;
}

/* From the lists, to the program's memory. */
static enum err finish(struct gathering *gathering, struct fast_cover *cover)
{
    struct lowering *lowering = gathering->lowering;
    *cover = gathering->cover;
    TRY(keep(lowering, gathering->names, cover->names_count, sizeof gathering->names[0], &cover->names));
    TRY(keep(lowering, gathering->patterns, cover->pattern_count, sizeof gathering->patterns[0], &cover->patterns));
    TRY(keep(lowering, gathering->contains, cover->contains_count, sizeof gathering->contains[0], &cover->contains));
    return keep(lowering, gathering->conditions, cover->condition_count, sizeof gathering->conditions[0],
                &cover->conditions);
}

static enum err make_cover(struct lowering *lowering, const struct block *block, bool is_object, bool is_own,
                           uint32_t depth, uint32_t *condition_index, const struct fast_cover **ret_cover)
{
    struct fast_cover *cover = arena_alloc_zero(lowering->arena, sizeof *cover);
    struct gathering *gathering = cover ? calloc(1, sizeof *gathering) : NULL;
    if (!gathering)
        return ERR_NOMEM;
    gathering->lowering = lowering;
    gathering->is_object = is_object;
    gathering->depth = depth;
    gathering->condition_index = condition_index;
    enum err err = gather(gathering, block, is_own);
    if (err == ERR_OK)
        err = finish(gathering, cover);
    free(gathering);
    *ret_cover = cover;
    return err;
}

/* Whether the table of members at hand is all that evaluates. */
static bool is_table_enough(const struct builder *builder, const struct fast_cover *cover)
{
    return cover->condition_count == 0 && !builder->has_calls && builder->depth == 1 && !builder->rest;
}

static void close_table(struct builder *builder, const struct fast *fast)
{
    for (struct lower_name *name = builder->first_name; name; name = name->next)
        name->is_declared = name->block_count > 0;
    for (struct lower_pattern *item = builder->patterns; item; item = item->next)
        item->pattern.declares = true;
    builder->rest = fast;
}

enum err lower_unevaluated_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    bool is_object = rule->op == OP_UNEVALUATED_PROPERTIES;
    uint32_t conditions = 0;
    const struct fast_cover *cover;
    struct fast_unevaluated *unevaluated = arena_alloc_zero(builder->lowering->arena, sizeof *unevaluated);
    const struct fast *fast = lower_block(builder->lowering, rule->sub.block);
    if (!unevaluated || !fast)
        return ERR_NOMEM;
    TRY(make_cover(builder->lowering, block, is_object, true, 0, &conditions, &cover));
    if (cover->all)
        return ERR_OK;
    if (is_object && is_table_enough(builder, cover)) {
        close_table(builder, fast);
        return ERR_OK;
    }
    *unevaluated = (struct fast_unevaluated){cover, fast};
    const struct step step = {.op = is_object ? FAST_REST_OF_MEMBERS : FAST_REST_OF_ITEMS, .unevaluated = unevaluated};
    return lower_step(builder, is_object ? KIND_OBJ : KIND_ARR, &step);
}
