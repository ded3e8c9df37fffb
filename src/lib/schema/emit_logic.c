/* SPDX-License-Identifier: Apache-2.0 */
/* References and what combines schemas; the order in which the rules of a block stand. */
#include "lib/schema/emitter_int.h"

#include <stdlib.h>

static enum err emit_ref(struct emitter *emitter)
{
    const struct schema_node *node = emitter->node;
    struct rule *rule;
    if (!node->ref)
        return ERR_OK;
    TRY(emit_rule(emitter, OP_REF, "$ref", &rule));
    rule->sub.path = rule->pointer;
    return emit_block(emitter, node->ref, &rule->sub.block);
}

static enum err emit_dynamic_ref(struct emitter *emitter)
{
    const struct schema_node *node = emitter->node;
    struct rule *rule;
    if (!node->dynamic_ref)
        return ERR_OK;
    const char *keyword = node->resource->draft == SCHEMA_DRAFT_2020_12 ? "$dynamicRef" : "$recursiveRef";
    TRY(emit_rule(emitter, OP_DYNAMIC_REF, keyword, &rule));
    rule->dynamic.sub.path = rule->pointer;
    return emit_block(emitter, node->dynamic_ref, &rule->dynamic.sub.block);
}

static enum err emit_if(struct emitter *emitter)
{
    static const char *const parts[] = {"if", "then", "else"};
    struct schema_node *node = emitter->node;
    struct rule *rule;
    yyjson_val *condition = keyword_of(node, "if");
    if (!yyjson_is_obj(condition) && !yyjson_is_bool(condition))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_IF, "if", &rule));
    struct sub *subs[] = {&rule->branch.condition, &rule->branch.then, &rule->branch.otherwise};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct slice pointer;
        yyjson_val *value = keyword_of(node, parts[i]);
        if (!yyjson_is_obj(value) && !yyjson_is_bool(value))
            continue;
        TRY(emit_pointer(emitter, parts[i], (struct slice){NULL, 0}, &pointer));
        TRY(emit_sub(emitter, value, pointer, subs[i]));
    }
    return ERR_OK;
}

enum err emit_logic_keywords(struct emitter *emitter)
{
    TRY(emit_subs(emitter, OP_ALL_OF, "allOf"));
    TRY(emit_subs(emitter, OP_ANY_OF, "anyOf"));
    TRY(emit_subs(emitter, OP_ONE_OF, "oneOf"));
    TRY(emit_sub_rule(emitter, OP_NOT, "not"));
    return emit_if(emitter);
}

enum err emit_unevaluated_keywords(struct emitter *emitter)
{
    enum schema_draft draft = emitter->node->resource->draft;
    enum vocabulary vocabulary = draft == SCHEMA_DRAFT_2020_12 ? VOCABULARY_UNEVALUATED : VOCABULARY_APPLICATOR;
    if (draft == SCHEMA_DRAFT_7 || !graph_has_vocabulary(emitter->node, vocabulary))
        return ERR_OK;
    TRY(emit_sub_rule(emitter, OP_UNEVALUATED_ITEMS, "unevaluatedItems"));
    return emit_sub_rule(emitter, OP_UNEVALUATED_PROPERTIES, "unevaluatedProperties");
}

enum err emit_keywords(struct emitter *emitter)
{
    const struct schema_node *node = emitter->node;
    struct rule *rule;
    if (yyjson_is_false(node->value)) {
        TRY(emit_rule(emitter, OP_FALSE, "false schema", &rule));
        rule->pointer = slice_of_text(""); /* it is itself what refuses */
        return ERR_OK;
    }
    if (!yyjson_is_obj(node->value))
        return ERR_OK;
    if (node->ignores_siblings)
        return emit_ref(emitter);
    TRY(emit_value_keywords(emitter));
    TRY(emit_array_keywords(emitter));
    TRY(emit_object_keywords(emitter));
    TRY(emit_ref(emitter));
    TRY(emit_dynamic_ref(emitter));
    if (graph_has_vocabulary(node, VOCABULARY_APPLICATOR))
        TRY(emit_logic_keywords(emitter));
    return emit_unevaluated_keywords(emitter);
}

/* Which resources the program enters, so far: by their index. */
static enum err mark_entered(const struct schema *schema, bool **ret_entered, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->block_count; i++)
        count = MAX(count, schema->blocks[i]->resource + 1);
    bool *entered = calloc(count ? count : 1, sizeof *entered);
    if (!entered)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < schema->block_count; i++)
        entered[schema->blocks[i]->resource] = true;
    *ret_entered = entered;
    *ret_count = count;
    return ERR_OK;
}

static const struct rule *dynamic_rule_of(const struct block *block)
{
    for (uint32_t i = 0; i < block->rule_count; i++)
        if (block->rules[i].op == OP_DYNAMIC_REF)
            return &block->rules[i];
    return NULL;
}

/* The anchors of a name in resources that the program enters: the same for all references by that name. */
struct anchors {
    struct slice name;
    const struct candidate *candidates;
    uint32_t count;
    struct anchors *next;
};

static enum err collect_anchors(struct emitter *emitter, const bool *entered, uint32_t entered_count, struct slice name,
                                struct anchors **list)
{
    struct schema_node *const *nodes;
    uint32_t count = graph_dynamic_anchors(emitter->graph, name, &nodes);
    struct candidate *candidates = arena_alloc_array(emitter->arena, count, sizeof *candidates);
    struct anchors *anchors = arena_alloc_zero(emitter->arena, sizeof *anchors);
    if (!candidates || !anchors)
        return ERR_NOMEM;
    *anchors = (struct anchors){.name = name, .candidates = candidates, .next = *list};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t resource = nodes[i]->resource->index;
        if (resource >= entered_count || !entered[resource])
            continue;
        candidates[anchors->count].resource = resource;
        TRY(emit_block(emitter, nodes[i], &candidates[anchors->count++].block));
    }
    *list = anchors;
    return ERR_OK;
}

/* The outermost resource of the dynamic scope is always the root's: when it has the anchor, there is nothing to search. */
static void settle(struct schema *schema, struct rule *rule)
{
    for (uint32_t i = 0; i < rule->dynamic.candidate_count; i++) {
        if (rule->dynamic.candidates[i].resource != schema->root->resource)
            continue;
        rule->dynamic.sub.block = rule->dynamic.candidates[i].block;
        rule->dynamic.candidate_count = 0;
        return;
    }
}

static enum err emit_marked(struct emitter *emitter, const bool *entered, uint32_t entered_count)
{
    struct schema *schema = emitter->schema;
    struct anchors *list = NULL;
    uint32_t count = schema->block_count;
    for (uint32_t i = 0; i < count; i++) {
        struct rule *rule = (struct rule *)dynamic_rule_of(schema->blocks[i]);
        struct slice name = emitter->nodes[i]->dynamic_anchor;
        if (!rule || !name.ptr)
            continue;
        struct anchors *anchors = list;
        while (anchors && !slice_equal(anchors->name, name))
            anchors = anchors->next;
        if (!anchors) {
            TRY(collect_anchors(emitter, entered, entered_count, name, &list));
            anchors = list;
        }
        rule->dynamic.candidates = anchors->candidates;
        rule->dynamic.candidate_count = anchors->count;
        settle(schema, rule);
        schema->has_dynamic |= rule->dynamic.candidate_count > 0;
    }
    return ERR_OK;
}

enum err emit_candidates(struct emitter *emitter, bool *ret_added)
{
    struct schema *schema = emitter->schema;
    uint32_t count = schema->block_count;
    bool *entered;
    uint32_t entered_count;
    schema->has_dynamic = false;
    TRY(mark_entered(schema, &entered, &entered_count));
    enum err err = emit_marked(emitter, entered, entered_count);
    free(entered);
    *ret_added = schema->block_count > count;
    return err;
}
