/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes to blocks, breadth first: a block is made when something first refers to its node and gets its rules when
 * its turn comes, so references in circles and chains of any length need no stack. */
#include "lib/schema/emit_int.h"

#include "lib/schema/emitter_int.h"
#include "lib/schema/fast_int.h"

#include <stdlib.h>

enum { PROGRAM_BYTES_MAX = 1 << 30, INSTRUCTIONS_MAX = 1000000 };

static enum err create(struct emitter *emitter);
static enum err emit_all(struct emitter *emitter, struct schema_node *root);
static enum err emit_next(struct emitter *emitter);
static void spread_hiding(struct schema *schema);

enum err emit_program(struct graph *graph, struct schema_node *root, const struct schema_settings *settings,
                      const struct schema_options *options, struct schema **ret_schema)
{
    struct emitter emitter = {
        .graph = graph, .settings = settings, .options = options ? *options : settings->options, .node = root};
    uint32_t faults_before;
    uint32_t faults_after;
    (void)graph_faults(graph, &faults_before);
    TRY(create(&emitter));
    enum err err = emit_all(&emitter, root);
    (void)graph_faults(graph, &faults_after);
    if (err == ERR_OK && faults_after > faults_before)
        err = ERR_INVALID;
    if (err == ERR_OK) {
        spread_hiding(emitter.schema);
        err = emit_check_defaults(&emitter);
        (void)graph_faults(graph, &faults_after);
        if (err == ERR_OK && faults_after > faults_before)
            err = ERR_INVALID;
    }
    for (uint32_t i = 0; i < emitter.schema->block_count; i++)
        emitter.nodes[i]->emitted = NULL;
    free(emitter.nodes);
    map_deinit(&emitter.regexes);
    if (err == ERR_OK)
        err = fast_make(emitter.schema);
    if (err == ERR_LIMIT)
        graph_fault(graph, root, slice_of_text(""), false, "the program of this schema is larger than the limit");
    if (err != ERR_OK) {
        schema_unref(emitter.schema);
        return err;
    }
    *ret_schema = emitter.schema;
    return ERR_OK;
}

static enum err create(struct emitter *emitter)
{
    struct schema *schema = calloc(1, sizeof *schema);
    if (!schema)
        return ERR_NOMEM;
    pool_init(&schema->pool, 0, PROGRAM_BYTES_MAX);
    arena_init(&schema->arena, &schema->pool, 8192, SIZE_MAX);
    atomic_init(&schema->refs, 1);
    emitter->schema = schema;
    emitter->arena = &schema->arena;
    map_init(&emitter->regexes, (struct hash_key){1, 2});
    return ERR_OK;
}

static enum err emit_all(struct emitter *emitter, struct schema_node *root)
{
    struct schema *schema = emitter->schema;
    TRY(emit_options(emitter, root, &schema->options));
    TRY(emit_block(emitter, root, &schema->root));
    bool has_more = true;
    while (has_more) {
        while (emitter->done_count < schema->block_count)
            TRY(emit_next(emitter));
        TRY(emit_candidates(emitter, &has_more));
    }
    return ERR_OK;
}

enum err emit_block(struct emitter *emitter, struct schema_node *node, const struct block **ret_block)
{
    struct schema *schema = emitter->schema;
    if (node->emitted) {
        *ret_block = node->emitted;
        return ERR_OK;
    }
    if (schema->block_count == emitter->capacity) {
        uint32_t capacity = emitter->capacity ? 2 * emitter->capacity : 64;
        struct schema_node **nodes = realloc(emitter->nodes, capacity * sizeof *nodes);
        if (!nodes)
            return ERR_NOMEM;
        emitter->nodes = nodes;
        struct block **blocks = realloc(schema->blocks, capacity * sizeof *blocks);
        if (!blocks)
            return ERR_NOMEM;
        schema->blocks = blocks;
        emitter->capacity = capacity;
    }
    struct block *block = arena_alloc_zero(emitter->arena, sizeof *block);
    if (!block)
        return ERR_NOMEM;
    const struct schema_resource *resource = node->resource;
    struct slice below = slice_skip(node->pointer, MIN(resource->pointer.len, node->pointer.len));
    block->location = arena_printf(emitter->arena, SLICE_FMT "#" SLICE_FMT, SLICE_ARG(resource->uri), SLICE_ARG(below));
    if (!block->location.ptr)
        return ERR_NOMEM;
    block->index = schema->block_count;
    block->resource = node->resource->index;
    emitter->nodes[schema->block_count] = node;
    schema->blocks[schema->block_count++] = block;
    node->emitted = block;
    *ret_block = block;
    return ERR_OK;
}

static bool hides(const struct schema_node *node)
{
    return yyjson_is_true(keyword_of(node, "writeOnly")) || yyjson_is_true(keyword_of(node, "x-secret")) ||
           slice_is(json_text(keyword_of(node, "format")), "password");
}

static enum err emit_next(struct emitter *emitter)
{
    struct schema *schema = emitter->schema;
    struct block *block = schema->blocks[emitter->done_count];
    emitter->node = emitter->nodes[emitter->done_count++];
    emitter->rule_count = 0;
    struct schema_options options;
    TRY(emit_options(emitter, emitter->node, &options));
    block->allow_empty = options.allow_empty_string;
    block->coerces = options.coerce_types;
    block->removes = options.remove_additional;
    block->defaults = options.apply_defaults;
    block->is_hidden = hides(emitter->node);
    schema->hides |= block->is_hidden;
    schema->adapts |= block->coerces || block->removes || block->defaults;
    yyjson_val *value = keyword_of(emitter->node, "default");
    if (value && block->defaults)
        TRY(emit_copy(emitter->arena, value, &block->default_value));
    TRY(emit_keywords(emitter));
    struct rule *rules = arena_alloc_array(emitter->arena, emitter->rule_count, sizeof *rules);
    if (!rules)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < emitter->rule_count; i++) {
        rules[i] = emitter->rules[i];
        block->has_unevaluated |= rules[i].op == OP_UNEVALUATED_ITEMS || rules[i].op == OP_UNEVALUATED_PROPERTIES;
        /* The rules of properties are told to that of additionalProperties where they stood while they were made. */
        if (rules[i].op == OP_ADDITIONAL_PROPERTIES) {
            if (rules[i].additional.properties)
                rules[i].additional.properties = rules + (rules[i].additional.properties - emitter->rules);
            if (rules[i].additional.patterns)
                rules[i].additional.patterns = rules + (rules[i].additional.patterns - emitter->rules);
        }
    }
    block->rules = rules;
    block->rule_count = emitter->rule_count;
    schema->rule_count += emitter->rule_count;
    uint32_t rules_max = emitter->settings->instructions_max ? emitter->settings->instructions_max : INSTRUCTIONS_MAX;
    return schema->rule_count > rules_max ? ERR_LIMIT : ERR_OK;
}

enum err emit_sub(struct emitter *emitter, yyjson_val *value, struct slice pointer, struct sub *ret_sub)
{
    struct schema_node *node = graph_subschema(emitter->graph, emitter->node, value);
    if (!node)
        return ERR_INTERNAL;
    ret_sub->path = pointer;
    return emit_block(emitter, node, &ret_sub->block);
}

enum err emit_rule(struct emitter *emitter, enum op op, const char *keyword, struct rule **ret_rule)
{
    struct rule *rule = &emitter->rules[emitter->rule_count++];
    *rule = (struct rule){.op = op, .keyword = slice_of_text(keyword)};
    *ret_rule = rule;
    return emit_pointer(emitter, keyword, (struct slice){NULL, 0}, &rule->pointer);
}

enum err emit_pointer(struct emitter *emitter, const char *keyword, struct slice token, struct slice *ret_pointer)
{
    size_t capacity = strlen(keyword) + 2 * token.len + 3;
    char *memory = arena_alloc_at(emitter->arena, capacity, 1);
    if (!memory)
        return ERR_NOMEM;
    struct text pointer = text_init(memory, capacity);
    json_pointer_add(&pointer, slice_of_text(keyword));
    if (token.ptr)
        json_pointer_add(&pointer, token);
    *ret_pointer = text_slice(&pointer);
    return ERR_OK;
}

enum err emit_pointer_index(struct emitter *emitter, const char *keyword, size_t index, struct slice *ret_pointer)
{
    *ret_pointer = arena_printf(emitter->arena, "/%s/%zu", keyword, index);
    return ret_pointer->ptr ? ERR_OK : ERR_NOMEM;
}

enum err emit_text(struct emitter *emitter, struct slice text, struct slice *ret_copy)
{
    *ret_copy = arena_copy(emitter->arena, text);
    return ret_copy->ptr ? ERR_OK : ERR_NOMEM;
}

enum err emit_regex(struct emitter *emitter, struct slice pattern, struct slice pointer, bool is_key,
                    const struct regex **ret_regex)
{
    struct regex *known = map_find(&emitter->regexes, pattern);
    if (known) {
        *ret_regex = known;
        return ERR_OK;
    }
    struct regex_fault fault = {0};
    struct regex_list *item = arena_alloc_zero(emitter->arena, sizeof *item);
    if (!item)
        return ERR_NOMEM;
    enum err err = regex_compile(pattern, &fault, &item->regex);
    if (err == ERR_SYNTAX || err == ERR_LIMIT || err == ERR_UNSUPPORTED) {
        graph_fault(emitter->graph, emitter->node, pointer, is_key,
                    "this is no regular expression%s: \"%.*s\": %s at its byte %zu",
                    err == ERR_UNSUPPORTED ? " that weir can look for" : " (ECMA-262)", (int)MIN(pattern.len, 60),
                    pattern.ptr, fault.what, fault.byte);
        *ret_regex = NULL; /* nothing is run; what else is wrong is to be told too */
        return ERR_OK;
    }
    TRY(err);
    item->next = emitter->schema->regexes;
    emitter->schema->regexes = item;
    *ret_regex = item->regex;
    struct slice key;
    TRY(emit_text(emitter, pattern, &key));
    return map_add(&emitter->regexes, key, item->regex);
}

/* A value and all below it stand one after the other, and containers tell offsets and no addresses. */
enum err emit_copy(struct arena *arena, yyjson_val *value, yyjson_val **ret_copy)
{
    size_t count = (size_t)(unsafe_yyjson_get_next(value) - value);
    yyjson_val *copy = arena_alloc_array(arena, count, sizeof *copy);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, value, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        if (!is_string(&copy[i]) && !unsafe_yyjson_is_raw(&copy[i]))
            continue;
        struct slice text = arena_copy(arena, string_of(&copy[i]));
        if (!text.ptr)
            return ERR_NOMEM;
        copy[i].uni.str = text.ptr;
    }
    *ret_copy = copy;
    return ERR_OK;
}

static bool has_hidden(const struct sub *subs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (subs[i].block && subs[i].block->is_hidden)
            return true;
    return false;
}

/* Whether a rule applies something hidden to the same value. */
static bool rule_hides(const struct rule *rule)
{
    switch (rule->op) {
    case OP_REF:
        return rule->sub.block->is_hidden;
    case OP_DYNAMIC_REF:
        return rule->dynamic.sub.block->is_hidden;
    case OP_ALL_OF:
    case OP_ANY_OF:
    case OP_ONE_OF:
        return has_hidden(rule->subs.items, rule->subs.count);
    case OP_IF:
        return has_hidden(&rule->branch.then, 1) || has_hidden(&rule->branch.otherwise, 1);
    default:
        return false;
    }
}

/* What one of its parts hides, a block hides as a whole. */
static void spread_hiding(struct schema *schema)
{
    bool is_changed = true;
    while (is_changed) {
        is_changed = false;
        for (uint32_t i = 0; i < schema->block_count; i++) {
            struct block *block = schema->blocks[i];
            for (uint32_t j = 0; j < block->rule_count && !block->is_hidden; j++) {
                block->is_hidden = rule_hides(&block->rules[j]);
                is_changed |= block->is_hidden;
            }
        }
    }
}
