/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two halves of the parser: terms (parse.c), and escapes and classes (parse_class.c). */
#ifndef WEIR_LIB_REGEX_PARSER_INT_H
#define WEIR_LIB_REGEX_PARSER_INT_H

#include "lib/regex/tree_int.h"

#define PARSER_DEPTH_MAX 200
#define PARSER_END       UINT32_MAX

/* A reference to a group that may come later; named, or by number. */
struct group_name {
    struct group_name *next;
    struct node *reference; /* NULL: it is the group's own name */
    struct slice name;      /* {NULL, 0}: by number */
    uint32_t group;
    size_t byte;
};

struct parser {
    struct arena *arena;
    struct slice text;
    size_t at;
    bool is_strict;
    uint32_t depth;
    uint32_t group_count;
    struct group_name *names;
    struct group_name *references;
    struct tree tree;
    enum err err; /* of the first thing that went wrong; nothing is parsed after it */
    struct regex_fault *fault;
};

/* Notes what is wrong, the first time; returns NULL. */
void *parser_fail(struct parser *parser, enum err err, size_t byte, const char *what);
/* The next character, or PARSER_END. */
uint32_t parser_peek(const struct parser *parser);
uint32_t parser_next(struct parser *parser);
/* Whether `text` comes next; it is taken. */
bool parser_accept(struct parser *parser, const char *text);
struct node *parser_node(struct parser *parser, enum node_kind kind);

/* Behind "\": a set of one character or of a class; NULL on a fault. What only stands outside of classes (\b, \1, \k) was
 * looked at before. */
bool parse_escape(struct parser *parser, struct charset *set, bool is_in_class, bool *ret_is_char);
/* Behind "[". */
struct node *parse_class(struct parser *parser);
/* Decimal digits; more than fit are clamped. False: there are none. */
bool parse_number(struct parser *parser, uint32_t *ret_number);

#endif
