/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/lower_int.h"

#include <stdlib.h>

static enum err lower_item(struct lowering *lowering, const struct lower_item *item);
static const struct block *resolve(const struct block *block);

static const uint32_t stream_kinds[STREAM_COUNT] = {
    [STREAM_OTHER] = KIND_NULL | KINDS_BOOLEAN,
    [STREAM_NUMBER] = KINDS_NUMBER,
    [STREAM_STRING] = KINDS_STRING,
    [STREAM_ARRAY] = KIND_ARR,
    [STREAM_OBJECT] = KIND_OBJ,
};

static const uint8_t stream_of_type[8] = {
    [YYJSON_TYPE_RAW] = STREAM_NUMBER, [YYJSON_TYPE_NUM] = STREAM_NUMBER, [YYJSON_TYPE_STR] = STREAM_STRING,
    [YYJSON_TYPE_ARR] = STREAM_ARRAY,  [YYJSON_TYPE_OBJ] = STREAM_OBJECT,
};

/* "" is refused as a value and not as a name: what applies to both cannot tell, and is left to the walker. */
static bool needs_walker(const struct schema *schema)
{
    bool refuses_empty = false;
    bool has_names = false;
    for (uint32_t i = 0; i < schema->block_count; i++) {
        const struct block *block = schema->blocks[i];
        refuses_empty |= block->allow_empty == SCHEMA_NO;
        for (uint32_t j = 0; j < block->rule_count; j++)
            has_names |= block->rules[j].op == OP_PROPERTY_NAMES;
    }
    return schema->has_dynamic || (refuses_empty && has_names);
}

enum err fast_make(struct schema *schema)
{
    if (needs_walker(schema))
        return ERR_OK;
    struct lowering lowering = {.schema = schema, .arena = &schema->arena};
    lowering.end = &lowering.first;
    lowering.any = arena_alloc_zero(lowering.arena, sizeof *lowering.any);
    if (!lowering.any)
        return ERR_NOMEM;
    lowering.any->passes = KINDS_ALL;
    const struct fast *root = lower_block(&lowering, schema->root);
    if (!root)
        return ERR_NOMEM;
    for (const struct lower_item *item = lowering.first; item; item = item->next)
        TRY(lower_item(&lowering, item));
    TRY(lower_refine(&lowering));
    schema->fast = lowering.needs_walker ? NULL : root;
    return ERR_OK;
}

static struct lower_item *add_item(struct lowering *lowering)
{
    struct lower_item *item = arena_alloc_zero(lowering->arena, sizeof *item);
    struct fast *fast = arena_alloc_zero(lowering->arena, sizeof *fast);
    if (!item || !fast)
        return NULL;
    item->fast = fast;
    *lowering->end = item;
    lowering->end = &item->next;
    return item;
}

const struct fast *lower_block(struct lowering *lowering, const struct block *block)
{
    struct block *target = (struct block *)resolve(block);
    if (target->fast)
        return target->fast;
    struct lower_item *item = add_item(lowering);
    if (!item)
        return NULL;
    item->block = target;
    target->fast = item->fast;
    return item->fast;
}

const struct fast *lower_blocks(struct lowering *lowering, const struct block *const *blocks, uint32_t count)
{
    if (count == 1)
        return lower_block(lowering, blocks[0]);
    struct lower_item *item = add_item(lowering);
    if (!item)
        return NULL;
    item->blocks = blocks;
    item->block_count = count;
    return item->fast;
}

/* A block that only refers to another is that other. */
static const struct block *resolve(const struct block *block)
{
    for (unsigned i = 0; i < 64 && block->rule_count == 1; i++) {
        if (block->rules[0].op == OP_REF)
            block = block->rules[0].sub.block;
        else if (block->rules[0].op == OP_DYNAMIC_REF)
            block = block->rules[0].dynamic.sub.block;
        else if (block->rules[0].op == OP_ALL_OF && block->rules[0].subs.count == 1)
            block = block->rules[0].subs.items[0].block;
        else
            break;
    }
    return block;
}

enum err lower_step(struct builder *builder, uint32_t kinds, const struct step *step)
{
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        struct lower_stream *stream = &builder->streams[i];
        if (!(stream_kinds[i] & kinds))
            continue;
        if (stream->count == stream->capacity) {
            uint32_t capacity = stream->capacity ? 2 * stream->capacity : 8;
            struct step *grown = realloc(stream->items, capacity * sizeof *grown);
            if (!grown)
                return ERR_NOMEM;
            stream->items = grown;
            stream->capacity = capacity;
        }
        stream->items[stream->count++] = *step;
    }
    return ERR_OK;
}

enum err lower_rules(struct builder *builder, const struct block *block)
{
    builder->inlined[builder->depth++] = block;
    builder->rules += block->rule_count;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < block->rule_count && err == ERR_OK; i++)
        err = lower_rule(builder, block, &block->rules[i]);
    builder->depth--;
    return err;
}

enum err lower_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    switch (rule->op) {
    case OP_FALSE:
        builder->allowed = 0;
        return ERR_OK;
    case OP_MAX_ITEMS:
    case OP_MIN_ITEMS:
    case OP_UNIQUE_ITEMS:
    case OP_PREFIX_ITEMS:
    case OP_ITEMS:
    case OP_CONTAINS:
        return lower_array_rule(builder, block, rule);
    case OP_MAX_PROPERTIES:
    case OP_MIN_PROPERTIES:
    case OP_REQUIRED:
    case OP_DEPENDENT_REQUIRED:
    case OP_PROPERTIES:
    case OP_PATTERN_PROPERTIES:
    case OP_ADDITIONAL_PROPERTIES:
    case OP_PROPERTY_NAMES:
    case OP_DEPENDENT_SCHEMAS:
        return lower_object_rule(builder, block, rule);
    case OP_REF:
    case OP_DYNAMIC_REF:
    case OP_ALL_OF:
    case OP_ANY_OF:
    case OP_ONE_OF:
    case OP_NOT:
    case OP_IF:
        return lower_logic_rule(builder, block, rule);
    case OP_UNEVALUATED_ITEMS:
    case OP_UNEVALUATED_PROPERTIES:
        return lower_unevaluated_rule(builder, block, rule);
    default:
        return lower_value_rule(builder, block, rule);
    }
}

/* All steps must agree, so any order is right. */
static void sort_steps(struct step *steps, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct step step = steps[i];
        uint32_t at = i;
        for (; at > 0 && steps[at - 1].op > step.op; at--)
            steps[at] = steps[at - 1];
        steps[at] = step;
    }
}

static enum err write_streams(struct builder *builder, struct fast *fast)
{
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        const struct lower_stream *stream = &builder->streams[i];
        uint32_t kinds = stream_kinds[i] & builder->allowed;
        if (stream->count == 0) {
            fast->passes |= kinds;
            continue;
        }
        struct step *steps = arena_alloc_array(builder->lowering->arena, stream->count + 1, sizeof *steps);
        if (!steps)
            return ERR_NOMEM;
        memcpy(steps, stream->items, stream->count * sizeof *steps);
        sort_steps(steps, stream->count);
        for (unsigned type = 0; type < ARRAY_LEN(fast->streams); type++)
            if (stream_of_type[type] == i)
                fast->streams[type] = steps;
        fast->runs |= kinds;
    }
    return ERR_OK;
}

static enum err build(struct builder *builder, const struct lower_item *item)
{
    if (item->block) {
        TRY(lower_rules(builder, item->block));
    } else {
        for (uint32_t i = 0; i < item->block_count; i++) {
            const struct step step = {.op = FAST_CALL, .fast = lower_block(builder->lowering, item->blocks[i])};
            if (!step.fast)
                return ERR_NOMEM;
            TRY(lower_step(builder, KINDS_ALL, &step));
        }
    }
    TRY(lower_values_end(builder));
    TRY(lower_object_end(builder));
    return write_streams(builder, item->fast);
}

static enum err lower_item(struct lowering *lowering, const struct lower_item *item)
{
    struct builder builder = {
        .lowering = lowering,
        .allowed = KINDS_ALL,
        .length_max = UINT64_MAX,
        .low = -__builtin_inf(),
        .high = __builtin_inf(),
        .members_max = UINT64_MAX,
    };
    builder.names_end = &builder.first_name;
    builder.patterns_end = &builder.patterns;
    map_init(&builder.names, (struct hash_key){3, 4});
    enum err err = build(&builder, item);
    for (unsigned i = 0; i < STREAM_COUNT; i++)
        free(builder.streams[i].items);
    map_deinit(&builder.names);
    return err;
}
