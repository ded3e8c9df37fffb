/* SPDX-License-Identifier: Apache-2.0 */
/* Built from the end to the beginning: each part is made knowing what comes behind it, so nothing has to be patched. */
#include "lib/regex/nfa_int.h"

struct builder {
    struct nfa nfa;
    struct arena *arena;
    enum err err;
};

#define NO_NODE UINT16_MAX

static uint16_t build(struct builder *builder, const struct node *node, uint16_t next);

static uint16_t add_node(struct builder *builder, enum nfa_kind kind, uint16_t next, uint16_t other)
{
    struct nfa *nfa = &builder->nfa;
    if (nfa->node_count == NFA_NODES_MAX)
        builder->err = ERR_LIMIT;
    if (builder->err != ERR_OK)
        return NO_NODE;
    nfa->nodes[nfa->node_count] = (struct nfa_node){.kind = (uint8_t)kind, .next = next, .other = other};
    return (uint16_t)nfa->node_count++;
}

static bool are_equal(const struct charset *a, const struct charset *b)
{
    return a->count == b->count && (a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof a->ranges[0]) == 0);
}

static uint8_t find_set(struct builder *builder, const struct charset *set)
{
    struct nfa *nfa = &builder->nfa;
    for (uint32_t i = 0; i < nfa->set_count; i++)
        if (nfa->sets[i] == set || are_equal(nfa->sets[i], set))
            return (uint8_t)i;
    if (nfa->set_count == NFA_SETS_MAX) {
        builder->err = ERR_LIMIT;
        return 0;
    }
    nfa->sets[nfa->set_count] = set;
    return (uint8_t)nfa->set_count++;
}

static uint16_t build_set(struct builder *builder, const struct node *node, uint16_t next)
{
    uint8_t set = find_set(builder, node->set);
    uint16_t made = add_node(builder, NFA_SET, next, NO_NODE);
    if (made != NO_NODE)
        builder->nfa.nodes[made].set = set;
    return made;
}

static uint16_t build_sequence(struct builder *builder, const struct node *node, uint16_t next)
{
    uint32_t count = 0;
    for (const struct node *child = node->children; child; child = child->next)
        count++;
    const struct node **children = arena_alloc_array(builder->arena, count, sizeof(struct node *));
    if (!children)
        builder->err = ERR_NOMEM;
    if (builder->err != ERR_OK)
        return NO_NODE;
    count = 0;
    for (const struct node *child = node->children; child; child = child->next)
        children[count++] = child;
    for (; count > 0; count--)
        next = build(builder, children[count - 1], next);
    return next;
}

static uint16_t build_choice(struct builder *builder, const struct node *node, uint16_t next)
{
    uint16_t entry = NO_NODE;
    for (const struct node *child = node->children; child; child = child->next) {
        uint16_t branch = build(builder, child, next);
        entry = child == node->children ? branch : add_node(builder, NFA_SPLIT, branch, entry);
    }
    return entry;
}

static uint16_t build_repeat(struct builder *builder, const struct node *node, uint16_t next)
{
    uint16_t entry = next;
    if (node->max == REPEAT_NO_MAX) {
        entry = add_node(builder, NFA_SPLIT, NO_NODE, next);
        uint16_t body = build(builder, node->children, entry);
        if (builder->err == ERR_OK)
            builder->nfa.nodes[entry].next = body;
    } else {
        for (uint32_t i = node->min; i < node->max && builder->err == ERR_OK; i++)
            entry = add_node(builder, NFA_SPLIT, build(builder, node->children, entry), next);
    }
    for (uint32_t i = 0; i < node->min && builder->err == ERR_OK; i++)
        entry = build(builder, node->children, entry);
    return entry;
}

static uint16_t build(struct builder *builder, const struct node *node, uint16_t next)
{
    if (++builder->nfa.steps > NFA_STEPS_MAX)
        builder->err = ERR_LIMIT;
    if (builder->err != ERR_OK)
        return NO_NODE;
    switch (node->kind) {
    case NODE_SET:
        return build_set(builder, node, next);
    case NODE_SEQUENCE:
        return build_sequence(builder, node, next);
    case NODE_CHOICE:
        return build_choice(builder, node, next);
    case NODE_REPEAT:
        return build_repeat(builder, node, next);
    case NODE_GROUP:
        return build(builder, node->children, next);
    case NODE_START:
        return add_node(builder, NFA_START, next, NO_NODE);
    case NODE_END:
        return add_node(builder, NFA_END, next, NO_NODE);
    default:
        builder->err = ERR_LIMIT;
        return NO_NODE;
    }
}

enum err nfa_build(struct arena *scratch, const struct tree *tree, struct nfa *ret_nfa)
{
    struct builder builder = {.arena = scratch};
    builder.nfa.nodes = arena_alloc_array(scratch, NFA_NODES_MAX, sizeof builder.nfa.nodes[0]);
    builder.nfa.sets = arena_alloc_array(scratch, NFA_SETS_MAX, sizeof builder.nfa.sets[0]);
    if (!builder.nfa.nodes || !builder.nfa.sets)
        return ERR_NOMEM;
    uint16_t match = add_node(&builder, NFA_MATCH, NO_NODE, NO_NODE);
    builder.nfa.entry = build(&builder, tree->root, match);
    if (builder.err == ERR_OK)
        *ret_nfa = builder.nfa;
    return builder.err;
}

void nfa_close(const struct nfa *nfa, uint32_t node, bool is_start, bool is_end, struct nfa_bits *bits)
{
    struct nfa_bits seen = {{0}};
    uint16_t stack[NFA_NODES_MAX + 1]; /* each node pushes at most two and is looked at once: one more than nodes */
    uint32_t depth = 0;
    stack[depth++] = (uint16_t)node;
    while (depth > 0) {
        uint16_t at = stack[--depth];
        const struct nfa_node *it = &nfa->nodes[at];
        if (nfa_bits_has(&seen, at))
            continue;
        seen.words[at / 64] |= UINT64_C(1) << at % 64;
        if (it->kind == NFA_SPLIT)
            stack[depth++] = it->other;
        if (it->kind == NFA_SPLIT || (it->kind == NFA_START && is_start) || (it->kind == NFA_END && is_end))
            stack[depth++] = it->next;
        else if (it->kind != NFA_START)
            bits->words[at / 64] |= UINT64_C(1) << at % 64;
    }
}
