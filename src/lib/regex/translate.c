/* SPDX-License-Identifier: Apache-2.0 */
/* Every character but letters and digits is written as its number, so nothing of ECMA-262 can mean something else to PCRE2.
 *
 * PCRE2 counts the steps of a match anew for each place where it tries one, so that a search over a long text could take the
 * limit many thousand times. So the search is part of the pattern: there is only one place to try. */
#include "lib/regex/pcre_int.h"

#include "lib/base/buffer.h"
#include "lib/base/text.h"

#include <stdio.h>

/* PCRE2's own limit. */
#define REPEAT_MAX 65535u
/* A repetition that may be longer goes over the text, in the eyes of count_scans. */
#define SCAN_MIN 100u

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
    /* A class stays one thing to PCRE2, which then goes over it in one step. */
    bool is_single = node->children->kind == NODE_SET || node->children->kind == NODE_GROUP;
    put(t, is_single ? "" : "(?:");
    translate(t, node->children);
    put(t, is_single ? "{" : "){");
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

/* Whether a match can only begin where the text does. */
static bool is_anchored(const struct node *node)
{
    const struct node *child = node->children;
    switch (node->kind) {
    case NODE_START:
        return true;
    case NODE_SEQUENCE:
        while (child && (child->kind == NODE_LOOK || child->kind == NODE_WORD_EDGE))
            child = child->next;
        return child && is_anchored(child);
    case NODE_CHOICE:
        while (child && is_anchored(child))
            child = child->next;
        return !child;
    case NODE_GROUP:
        return is_anchored(child);
    case NODE_REPEAT:
        return node->min > 0 && is_anchored(child);
    default:
        return false;
    }
}

/* How many parts may go over any length of the text; one that is itself repeated counts twice. */
static uint32_t count_scans(const struct node *node, bool is_repeated)
{
    uint32_t count = 0;
    if (node->kind == NODE_REPEAT && node->max > SCAN_MIN)
        count = is_repeated ? 2 : 1;
    bool repeats = is_repeated || (node->kind == NODE_REPEAT && node->max > 1);
    for (const struct node *child = node->children; child; child = child->next)
        count += count_scans(child, repeats);
    return count;
}

enum err pcre_translate(struct arena *scratch, const struct tree *tree, struct regex_fault *ret_fault,
                        struct pcre_pattern *ret_pattern)
{
    struct translator t = {.out = buffer_in_arena(scratch, 0), .tree = tree};
    bool is_search = !is_anchored(tree->root);
    if (is_search)
        put(&t, "\\A.*?"); /* the options let "." be any character */
    put(&t, "(?:");
    translate(&t, tree->root);
    put(&t, ")");
    if (t.is_over_limit) {
        *ret_fault = (struct regex_fault){.what = "a repetition of more than 65535"};
        return ERR_LIMIT;
    }
    ret_pattern->is_search = is_search;
    ret_pattern->scans_in_scans = count_scans(tree->root, false) + is_search > 1;
    return buffer_finish(&t.out, &ret_pattern->text);
}
