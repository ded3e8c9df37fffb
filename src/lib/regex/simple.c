/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/regex/simple_int.h"

#include "lib/base/utf8.h"

#include <stdlib.h>

/* The parts of a pattern, one after the other, without the groups around them. */
struct parts {
    const struct node **items;
    uint32_t count;
    uint32_t capacity;
};

static bool collect(struct arena *scratch, const struct node *node, struct parts *parts)
{
    if (node->kind == NODE_SEQUENCE || node->kind == NODE_GROUP) {
        for (const struct node *child = node->children; child; child = child->next)
            if (!collect(scratch, child, parts))
                return false;
        return true;
    }
    if (parts->count == parts->capacity) {
        uint32_t capacity = parts->capacity ? 2 * parts->capacity : 16;
        const struct node **items = arena_alloc_array(scratch, capacity, sizeof(struct node *));
        if (!items)
            return false;
        if (parts->count > 0)
            memcpy(items, parts->items, parts->count * sizeof(struct node *));
        parts->items = items;
        parts->capacity = capacity;
    }
    parts->items[parts->count++] = node;
    return true;
}

static bool are_chars(const struct parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++)
        if (parts->items[i]->kind != NODE_SET || !charset_is_char(parts->items[i]->set))
            return false;
    return true;
}

static enum err build_literal(const struct parts *parts, struct simple *simple)
{
    char *text = malloc(4 * (size_t)parts->count + 1);
    size_t len = 0;
    if (!text)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < parts->count; i++)
        len += utf8_put(text + len, parts->items[i]->set->ranges[0].low);
    simple->kind = SIMPLE_LITERAL;
    simple->literal = slice_of(text, len);
    return ERR_OK;
}

static const struct node *without_groups(const struct node *node)
{
    while (node->kind == NODE_GROUP)
        node = node->children;
    return node;
}

static enum err build_run(const struct node *node, struct simple *simple)
{
    const struct node *body = node->kind == NODE_REPEAT ? without_groups(node->children) : node;
    if (body->kind != NODE_SET || body->set->properties)
        return ERR_OK;
    const struct charset *set = body->set;
    struct char_range *ranges = malloc((set->count + 1) * sizeof ranges[0]);
    if (!ranges)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < set->count; i++) {
        for (uint32_t code = set->ranges[i].low; code <= set->ranges[i].high && code < 0x80; code++)
            simple->ascii[code] = 1;
        if (set->ranges[i].high >= 0x80)
            ranges[simple->range_count++] = (struct char_range){MAX(set->ranges[i].low, 0x80u), set->ranges[i].high};
    }
    simple->kind = SIMPLE_RUN;
    simple->min = node->kind == NODE_REPEAT ? node->min : 1;
    simple->max = node->kind == NODE_REPEAT ? node->max : 1;
    simple->ranges = ranges;
    return ERR_OK;
}

enum err simple_build(struct arena *scratch, const struct tree *tree, struct simple *ret_simple)
{
    struct simple simple = {.kind = SIMPLE_NONE};
    struct parts parts = {.count = 0};
    enum err err = ERR_OK;
    if (!collect(scratch, tree->root, &parts))
        return ERR_NOMEM;
    if (parts.count > 0 && parts.items[0]->kind == NODE_START) {
        simple.is_at_start = true;
        parts.items++;
        parts.count--;
    }
    if (parts.count > 0 && parts.items[parts.count - 1]->kind == NODE_END) {
        simple.is_at_end = true;
        parts.count--;
    }
    if (are_chars(&parts))
        err = build_literal(&parts, &simple);
    else if (parts.count == 1 && simple.is_at_start && simple.is_at_end)
        err = build_run(parts.items[0], &simple);
    if (err == ERR_OK)
        *ret_simple = simple;
    return err;
}

void simple_free(struct simple *simple)
{
    free((void *)simple->literal.ptr);
    free(simple->ranges);
}

static bool match_literal(const struct simple *simple, struct slice text)
{
    struct slice literal = simple->literal;
    if (text.len < literal.len)
        return false;
    if (simple->is_at_start && simple->is_at_end)
        return slice_equal(text, literal);
    if (simple->is_at_start)
        return slice_starts(text, literal);
    if (simple->is_at_end)
        return slice_equal(slice_skip(text, text.len - literal.len), literal);
    return literal.len == 0 || memmem(text.ptr, text.len, literal.ptr, literal.len);
}

static bool has_char(const struct simple *simple, uint32_t code)
{
    for (uint32_t i = 0; i < simple->range_count && code >= simple->ranges[i].low; i++)
        if (code <= simple->ranges[i].high)
            return true;
    return false;
}

static bool match_run(const struct simple *simple, struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    size_t more = 0; /* bytes that are not the first of their character */
    while (at < end) {
        if (LIKELY(*at < 0x80)) {
            if (!simple->ascii[*at++])
                return false;
            continue;
        }
        const unsigned char *from = at;
        if (!has_char(simple, utf8_take_long(&at)))
            return false;
        more += (size_t)(at - from) - 1;
    }
    size_t count = text.len - more;
    return count >= simple->min && (count <= simple->max || simple->max == REPEAT_NO_MAX);
}

bool simple_match(const struct simple *simple, struct slice text)
{
    return simple->kind == SIMPLE_LITERAL ? match_literal(simple, text) : match_run(simple, text);
}
