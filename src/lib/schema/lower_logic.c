/* SPDX-License-Identifier: Apache-2.0 */
/* References and what combines schemas. What applies always (a reference, each of allOf) goes into the streams at hand if
 * it fits: not when it is on the way here already, not when it would be a second with additionalProperties, not when it
 * asks for what is evaluated, which is its own affair. */
#include "lib/schema/lower_int.h"

static const struct rule *rule_of(const struct block *block, enum op op)
{
    for (uint32_t i = 0; i < block->rule_count; i++)
        if (block->rules[i].op == op)
            return &block->rules[i];
    return NULL;
}

static bool can_inline(const struct builder *builder, const struct block *block)
{
    for (uint32_t i = 0; i < builder->depth; i++)
        if (builder->inlined[i] == block)
            return false;
    const struct rule *properties = rule_of(block, OP_PROPERTIES);
    uint32_t names = properties ? properties->properties.members.names.count : 0;
    if (builder->depth == INLINE_DEPTH_MAX || builder->rules + block->rule_count > INLINE_RULES_MAX ||
        builder->name_count + names > INLINE_NAMES_MAX || block->has_unevaluated)
        return false;
    return !rule_of(block, OP_ADDITIONAL_PROPERTIES) || !builder->rest;
}

static enum err apply(struct builder *builder, const struct block *block)
{
    if (can_inline(builder, block))
        return lower_rules(builder, block);
    const struct step step = {.op = FAST_CALL, .fast = lower_block(builder->lowering, block)};
    builder->has_calls = true;
    return step.fast ? lower_step(builder, KINDS_ALL, &step) : ERR_NOMEM;
}

static enum err lower_choice(struct builder *builder, enum fast_op op, const struct rule *rule)
{
    struct fast_choice *choice = arena_alloc_zero(builder->lowering->arena, sizeof *choice);
    const struct fast **branches = arena_alloc_array(builder->lowering->arena, rule->subs.count, sizeof *branches);
    if (!choice || !branches)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < rule->subs.count; i++)
        if (!(branches[i] = lower_block(builder->lowering, rule->subs.items[i].block)))
            return ERR_NOMEM;
    choice->branches = branches;
    choice->count = rule->subs.count;
    const struct step step = {.op = (uint8_t)op, .choice = choice};
    return lower_step(builder, KINDS_ALL, &step);
}

static enum err lower_if(struct builder *builder, const struct rule *rule)
{
    struct lowering *lowering = builder->lowering;
    if (!rule->branch.then.block && !rule->branch.otherwise.block)
        return ERR_OK;
    struct fast_if *branch = arena_alloc_zero(lowering->arena, sizeof *branch);
    if (!branch)
        return ERR_NOMEM;
    branch->condition = lower_block(lowering, rule->branch.condition.block);
    branch->then = rule->branch.then.block ? lower_block(lowering, rule->branch.then.block) : lowering->any;
    branch->otherwise =
        rule->branch.otherwise.block ? lower_block(lowering, rule->branch.otherwise.block) : lowering->any;
    if (!branch->condition || !branch->then || !branch->otherwise)
        return ERR_NOMEM;
    const struct step step = {.op = FAST_IF, .branch = branch};
    return lower_step(builder, KINDS_ALL, &step);
}

enum err lower_logic_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    struct step step = {.op = FAST_NOT};
    (void)block;
    switch (rule->op) {
    case OP_REF:
        return apply(builder, rule->sub.block);
    case OP_DYNAMIC_REF:
        return apply(builder, rule->dynamic.sub.block);
    case OP_ALL_OF:
        for (uint32_t i = 0; i < rule->subs.count; i++)
            TRY(apply(builder, rule->subs.items[i].block));
        return ERR_OK;
    case OP_ANY_OF:
        return lower_choice(builder, FAST_ANY_OF, rule);
    case OP_ONE_OF:
        return lower_choice(builder, FAST_ONE_OF, rule);
    case OP_IF:
        return lower_if(builder, rule);
    default:
        step.fast = lower_block(builder->lowering, rule->sub.block);
        return step.fast ? lower_step(builder, KINDS_ALL, &step) : ERR_NOMEM;
    }
}
