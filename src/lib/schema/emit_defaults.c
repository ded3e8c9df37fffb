/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults that are added to documents are held against their own schemas when these are compiled: else clients would be
 * told of faults that they have not made. */
#include "lib/schema/emitter_int.h"

#define REGEX_STEPS_MAX 1000000
#define STEPS_MAX       (1ULL << 24)
#define SCRATCH_MAX     ((size_t)64 << 20)

struct checking {
    struct emitter *emitter;
    struct pool pool;
    struct arena scratch;
    struct regex_work *regex;
    bool *is_checked; /* by index of the block */
};

/* As it will be added: with its own defaults and coercions. What takes too many steps is left to the documents. */
static enum err check_default(struct checking *checking, const struct block *block)
{
    const struct schema alone = {.root = block, .hides = checking->emitter->schema->hides};
    struct schema_work work = {.scratch = &checking->scratch, .regex = checking->regex, .steps_left = STEPS_MAX};
    struct schema_edits edits = {.arena = &checking->scratch};
    struct schema_errors errors = {.arena = &checking->scratch, .max = 1};
    regex_work_allow(checking->regex, REGEX_STEPS_MAX);
    enum schema_outcome outcome = schema_adapt(&alone, block->default_value, &work, &edits, &errors);
    if (outcome == SCHEMA_INVALID && errors.count > 0)
        graph_fault(checking->emitter->graph, checking->emitter->nodes[block->index], SLICE_LIT("/default"), false,
                    "this default does not fit its own schema, and with applyDefaults it would be added: " SLICE_FMT,
                    SLICE_ARG(errors.items[0].message));
    arena_reset(&checking->scratch);
    return outcome == SCHEMA_NO_MEMORY ? ERR_NOMEM : ERR_OK;
}

/* Those of members only: no others are added. */
static enum err check_properties(struct checking *checking, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->properties.members.names.count; i++) {
        const struct block *block = rule->properties.subs[i].block;
        if (!block->default_value || checking->is_checked[block->index])
            continue;
        checking->is_checked[block->index] = true;
        TRY(check_default(checking, block));
    }
    return ERR_OK;
}

static enum err check_all(struct checking *checking)
{
    const struct schema *schema = checking->emitter->schema;
    checking->is_checked = arena_alloc_array(checking->emitter->arena, schema->block_count, sizeof(bool));
    if (!checking->is_checked)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < schema->block_count; i++) {
        const struct block *block = schema->blocks[i];
        for (uint32_t j = 0; block->defaults && j < block->rule_count; j++)
            if (block->rules[j].op == OP_PROPERTIES)
                TRY(check_properties(checking, &block->rules[j]));
    }
    return ERR_OK;
}

enum err emit_check_defaults(struct emitter *emitter)
{
    const struct schema *schema = emitter->schema;
    bool has_defaults = false;
    for (uint32_t i = 0; i < schema->block_count; i++)
        has_defaults |= schema->blocks[i]->default_value != NULL;
    if (!has_defaults ||
        schema->has_dynamic) /* what a dynamic reference leads to depends on the document's way to it */
        return ERR_OK;
    struct checking checking = {.emitter = emitter};
    TRY(regex_work_create(REGEX_STEPS_MAX, &checking.regex));
    pool_init(&checking.pool, 1 << 20, SIZE_MAX);
    arena_init(&checking.scratch, &checking.pool, 16384, SCRATCH_MAX);
    enum err err = check_all(&checking);
    arena_reset(&checking.scratch);
    pool_deinit(&checking.pool);
    regex_work_destroy(checking.regex);
    return err;
}
