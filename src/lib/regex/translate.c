/* SPDX-License-Identifier: Apache-2.0 */
/* Every character but letters and digits is written as its number, so nothing of ECMA-262 can mean something else to PCRE2. */
#include "lib/regex/pcre_int.h"

#include "lib/base/buffer.h"
#include "lib/base/text.h"

#include <stdio.h>

/* PCRE2's own limit. */
#define REPEAT_MAX 65535u

struct translator {
    struct buffer out;
    const struct tree *tree;
    bool is_over_limit;
};

static void translate(struct translator *t, const struct node *node);

static void put(struct translator *t, const char *text)
{
    buffer_add(&t->out, slice_of_text(text));
}

static void put_number(struct translator *t, uint64_t number)
{
    char digits[20];
    buffer_add(&t->out, slice_of(digits, text_format_u64(digits, number)));
}

static void put_char(struct translator *t, uint32_t code)
{
    bool is_letter = (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
    if (is_letter || (code >= '0' && code <= '9')) {
        buffer_add_byte(&t->out, (char)code);
        return;
    }
    char text[16];
    (void)snprintf(text, sizeof text, "\\x{%x}", code);
    put(t, text);
}

static void translate_set(struct translator *t, const struct charset *set)
{
    if (charset_is_char(set)) {
        put_char(t, set->ranges[0].low);
        return;
    }
    if (set->count == 0 && !set->properties) {
        put(t, "(?:(?!))"); /* no character at all */
        return;
    }
    put(t, set->is_negated ? "[^" : "[");
    for (uint32_t i = 0; i < set->count; i++) {
        put_char(t, set->ranges[i].low);
        if (set->ranges[i].high == set->ranges[i].low)
            continue;
        put(t, "-");
        put_char(t, set->ranges[i].high);
    }
    for (const struct char_property *property = set->properties; property; property = property->next) {
        put(t, property->is_negated ? "\\P{" : "\\p{");
        buffer_add(&t->out, property->name);
        put(t, "}");
    }
    put(t, "]");
}

static void translate_within(struct translator *t, const char *head, const struct node *node)
{
    put(t, head);
    for (const struct node *child = node->children; child; child = child->next) {
        if (node->kind == NODE_CHOICE && child != node->children)
            put(t, "|");
        translate(t, child);
    }
    put(t, ")");
}

static void translate_repeat(struct translator *t, const struct node *node)
{
    bool is_endless = node->max == REPEAT_NO_MAX;
    if (node->min > REPEAT_MAX || (!is_endless && node->max > REPEAT_MAX))
        t->is_over_limit = true;
    put(t, "(?:");
    translate(t, node->children);
    put(t, "){");
    put_number(t, node->min);
    put(t, ",");
    if (!is_endless)
        put_number(t, node->max);
    put(t, node->is_lazy ? "}?" : "}");
}

static void translate(struct translator *t, const struct node *node)
{
    static const char *const looks[] = {"(?=", "(?!", "(?<=", "(?<!"};
    switch (node->kind) {
    case NODE_SET:
        translate_set(t, node->set);
        break;
    case NODE_SEQUENCE:
    case NODE_CHOICE:
        translate_within(t, "(?:", node);
        break;
    case NODE_REPEAT:
        translate_repeat(t, node);
        break;
    case NODE_GROUP:
        translate_within(t, t->tree->has_references ? "(" : "(?:", node);
        break;
    case NODE_LOOK:
        translate_within(t, looks[2 * node->is_behind + node->is_negated], node);
        break;
    case NODE_REFERENCE:
        put(t, "\\g{");
        put_number(t, node->group);
        put(t, "}");
        break;
    case NODE_START:
        put(t, "\\A");
        break;
    case NODE_END:
        put(t, "\\z");
        break;
    case NODE_WORD_EDGE:
        put(t, node->is_negated ? "\\B" : "\\b");
    }
}

enum err pcre_translate(struct arena *scratch, const struct tree *tree, struct regex_fault *ret_fault,
                        struct slice *ret_pattern)
{
    struct translator t = {.out = buffer_in_arena(scratch, 0), .tree = tree};
    translate(&t, tree->root);
    if (t.is_over_limit) {
        *ret_fault = (struct regex_fault){.what = "a repetition of more than 65535"};
        return ERR_LIMIT;
    }
    return buffer_finish(&t.out, ret_pattern);
}
