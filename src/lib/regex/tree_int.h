/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern as a tree: what the parser makes of its text, and what both matchers are made of. */
#ifndef WEIR_LIB_REGEX_TREE_INT_H
#define WEIR_LIB_REGEX_TREE_INT_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/regex/regex.h"

#define CHAR_MAX_CODE 0x10ffffu
#define REPEAT_NO_MAX UINT32_MAX

struct char_range {
    uint32_t low;
    uint32_t high;
};

/* A property of Unicode that only PCRE2 has tables for. */
struct char_property {
    struct char_property *next;
    struct slice name; /* as PCRE2 writes it, such as "Lu" or "scx:Greek" */
    bool is_negated;
};

/* Characters; after charset_finish the ranges are in order, do not touch, and have no halves of surrogate pairs. */
struct charset {
    struct char_range *ranges;
    uint32_t count;
    uint32_t capacity;
    struct char_property *properties;
    bool is_negated; /* after charset_finish only where there are properties */
    uint32_t index;  /* for whoever numbers the sets of a tree */
};

enum node_kind {
    NODE_SET,
    NODE_SEQUENCE,  /* of children; without any: the empty text */
    NODE_CHOICE,    /* of children, at least two */
    NODE_REPEAT,    /* of the one child */
    NODE_GROUP,     /* that captures the one child */
    NODE_LOOK,      /* ahead or behind at the one child */
    NODE_REFERENCE, /* back to a group */
    NODE_START,
    NODE_END,
    NODE_WORD_EDGE,
};

struct node {
    enum node_kind kind;
    struct node *children;
    struct node *next; /* among its parent's children */
    struct charset *set;
    uint32_t min; /* of a repetition */
    uint32_t max; /* REPEAT_NO_MAX: any number */
    bool is_lazy;
    bool is_negated; /* of looks and word edges */
    bool is_behind;
    uint32_t group;
};

struct tree {
    struct node *root;
    bool has_references; /* else no group needs to capture */
    bool is_regular;     /* nothing but sets, sequences, choices, repetitions, groups, starts and ends */
};

/* `is_strict` is the grammar with flag u to the letter. Else what schemas have and nobody can misread is taken as well:
 * "\" before punctuation that needs none, "-" beside a class escape, and "]", "{" and "}" that begin and end nothing.
 * ERR_SYNTAX, ERR_LIMIT with a fault; ERR_NOMEM. */
MUST_USE enum err tree_parse(struct arena *arena, struct slice pattern, bool is_strict, struct regex_fault *ret_fault,
                             struct tree *ret_tree);

/* Both false: over the arena's limit. */
bool charset_add(struct charset *set, struct arena *arena, uint32_t low, uint32_t high);
bool charset_finish(struct charset *set, struct arena *arena);
static inline bool charset_is_char(const struct charset *set)
{
    return set->count == 1 && !set->properties && set->ranges[0].low == set->ranges[0].high;
}
/* \d, \s, \w or, in upper case, all but them. */
bool charset_add_class(struct charset *set, struct arena *arena, char class);
/* \p{name} or \p{name=value}. Not in the tables of the standard: *ret_is_known is false. */
bool charset_add_property(struct charset *set, struct arena *arena, struct slice name, struct slice value,
                          bool is_negated, bool *ret_is_known);

#endif
