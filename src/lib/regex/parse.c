/* SPDX-License-Identifier: Apache-2.0 */
/* ECMA-262, section 22.2.1, with [+UnicodeMode, +NamedCaptureGroups]: from the text of a pattern to a tree. Recursion is as
 * deep as groups are, and that has a limit. */
#include "lib/regex/parser_int.h"

#include "lib/base/utf8.h"

#include <stdio.h>

static struct node *parse_choice(struct parser *parser);

void *parser_fail(struct parser *parser, enum err err, size_t byte, const char *what)
{
    if (parser->err != ERR_OK)
        return NULL;
    parser->err = err;
    parser->fault->byte = byte;
    (void)snprintf(parser->fault->what, sizeof parser->fault->what, "%s", what);
    return NULL;
}

/* The character at an offset and how many bytes it has. */
static uint32_t char_at(const struct parser *parser, size_t *ret_bytes)
{
    if (parser->at == parser->text.len)
        return PARSER_END;
    const unsigned char *from = (const unsigned char *)parser->text.ptr + parser->at;
    const unsigned char *to = from;
    *ret_bytes = 1;
    if (*from < 0x80)
        return *from;
    uint32_t code = utf8_take_long(&to);
    *ret_bytes = (size_t)(to - from);
    return code;
}

uint32_t parser_peek(const struct parser *parser)
{
    size_t bytes;
    return char_at(parser, &bytes);
}

uint32_t parser_next(struct parser *parser)
{
    size_t bytes = 0;
    uint32_t code = char_at(parser, &bytes);
    parser->at += bytes;
    return code;
}

bool parser_accept(struct parser *parser, const char *text)
{
    if (!slice_starts(slice_skip(parser->text, parser->at), slice_of_text(text)))
        return false;
    parser->at += strlen(text);
    return true;
}

struct node *parser_node(struct parser *parser, enum node_kind kind)
{
    struct node *node = arena_alloc_zero(parser->arena, sizeof *node);
    if (node)
        node->kind = kind;
    if (node && kind == NODE_SET)
        node->set = arena_alloc_zero(parser->arena, sizeof *node->set);
    if (!node || (kind == NODE_SET && !node->set))
        return parser_fail(parser, ERR_NOMEM, parser->at, "no memory");
    return node;
}

static struct node *parse_char(struct parser *parser, uint32_t low, uint32_t high)
{
    struct node *node = parser_node(parser, NODE_SET);
    if (!node)
        return NULL;
    return charset_add(node->set, parser->arena, low, high) ? node
                                                            : parser_fail(parser, ERR_NOMEM, parser->at, "no memory");
}

/* ".": all but line terminators. */
static struct node *parse_any(struct parser *parser)
{
    static const uint32_t terminators[] = {'\n', '\r', 0x2028, 0x2029};
    struct node *node = parser_node(parser, NODE_SET);
    if (!node)
        return NULL;
    node->set->is_negated = true;
    for (size_t i = 0; i < ARRAY_LEN(terminators); i++)
        if (!charset_add(node->set, parser->arena, terminators[i], terminators[i]))
            return parser_fail(parser, ERR_NOMEM, parser->at, "no memory");
    return charset_finish(node->set, parser->arena) ? node : parser_fail(parser, ERR_NOMEM, parser->at, "no memory");
}

/* "<" is behind us. Letters, digits, "$" and "_", and what is not ASCII: more than the standard's ID_Continue. */
static bool parse_name(struct parser *parser, struct slice *ret_name)
{
    struct slice rest = slice_skip(parser->text, parser->at);
    size_t len = slice_find(rest, '>');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (c < 0x80 && !is_letter && c != '$' && c != '_' && (!is_digit || i == 0))
            len = rest.len;
    }
    if (len == 0 || len == rest.len)
        return parser_fail(parser, ERR_SYNTAX, parser->at, "expected the name of a group and >");
    *ret_name = slice_first(rest, len);
    parser->at += len + 1;
    return true;
}

static struct node *add_reference(struct parser *parser, struct slice name, uint32_t group, size_t byte)
{
    struct node *node = parser_node(parser, NODE_REFERENCE);
    struct group_name *reference = arena_alloc(parser->arena, sizeof *reference);
    if (!node || !reference)
        return parser_fail(parser, ERR_NOMEM, byte, "no memory");
    *reference = (struct group_name){parser->references, node, name, group, byte};
    parser->references = reference;
    parser->tree.has_references = true;
    parser->tree.is_regular = false;
    return node;
}

static struct node *parse_word_edge(struct parser *parser, bool is_negated)
{
    struct node *node = parser_node(parser, NODE_WORD_EDGE);
    parser->tree.is_regular = false;
    if (node)
        node->is_negated = is_negated;
    return node;
}

/* Behind "\". */
static struct node *parse_backslash(struct parser *parser)
{
    size_t byte = parser->at - 1;
    uint32_t c = parser_peek(parser);
    struct slice name = {NULL, 0};
    uint32_t group = 0;
    bool is_char;
    if (c >= '1' && c <= '9') {
        (void)parse_number(parser, &group);
        return add_reference(parser, name, group, byte);
    }
    if (parser_accept(parser, "k<"))
        return parse_name(parser, &name) ? add_reference(parser, name, 0, byte) : NULL;
    if (c == 'b' || c == 'B') {
        (void)parser_next(parser);
        return parse_word_edge(parser, c == 'B');
    }
    struct node *node = parser_node(parser, NODE_SET);
    if (!node || !parse_escape(parser, node->set, false, &is_char))
        return NULL;
    return charset_finish(node->set, parser->arena) ? node : parser_fail(parser, ERR_NOMEM, byte, "no memory");
}

static bool add_name(struct parser *parser, struct slice text, size_t byte)
{
    for (struct group_name *other = parser->names; other; other = other->next)
        if (slice_equal(other->name, text))
            return parser_fail(parser, ERR_SYNTAX, byte, "a second group of that name");
    struct group_name *name = arena_alloc(parser->arena, sizeof *name);
    if (!name)
        return parser_fail(parser, ERR_NOMEM, byte, "no memory");
    *name = (struct group_name){parser->names, NULL, text, parser->group_count, byte};
    parser->names = name;
    return true;
}

/* What stands behind "(" before the choice; NULL: a fault, or a group that captures nothing (*ret_is_plain). */
static struct node *parse_group_head(struct parser *parser, bool *ret_is_plain)
{
    size_t byte = parser->at - 1;
    *ret_is_plain = parser_accept(parser, "?:");
    if (*ret_is_plain)
        return NULL;
    bool is_behind = parser_accept(parser, "?<=") || parser_accept(parser, "?<!");
    if (is_behind || parser_accept(parser, "?=") || parser_accept(parser, "?!")) {
        struct node *look = parser_node(parser, NODE_LOOK);
        parser->tree.is_regular = false;
        if (look) {
            look->is_behind = is_behind;
            look->is_negated = parser->text.ptr[parser->at - 1] == '!';
        }
        return look;
    }
    struct slice name = {NULL, 0};
    bool is_named = parser_accept(parser, "?<");
    if (is_named && !parse_name(parser, &name))
        return NULL;
    if (!is_named && parser_peek(parser) == '?')
        return parser_fail(parser, ERR_SYNTAX, byte, "a kind of group that ECMA-262 does not know");
    struct node *group = parser_node(parser, NODE_GROUP);
    if (!group)
        return NULL;
    group->group = ++parser->group_count;
    return is_named && !add_name(parser, name, byte) ? NULL : group;
}

/* Behind "(". */
static struct node *parse_group(struct parser *parser)
{
    size_t byte = parser->at - 1;
    bool is_plain;
    struct node *head = parse_group_head(parser, &is_plain);
    if (!head && !is_plain)
        return NULL;
    if (++parser->depth > PARSER_DEPTH_MAX)
        return parser_fail(parser, ERR_LIMIT, byte, "groups nested too deep");
    struct node *body = parse_choice(parser);
    parser->depth--;
    if (!body)
        return NULL;
    if (!parser_accept(parser, ")"))
        return parser_fail(parser, ERR_SYNTAX, byte, "missing closing parenthesis");
    if (!head)
        return body;
    head->children = body;
    return head;
}

/* "{2}", "{2,}" or "{2,3}" here; without it nothing is taken. */
static bool parse_braces(struct parser *parser, uint32_t *ret_min, uint32_t *ret_max)
{
    size_t from = parser->at;
    bool is_it = parser_accept(parser, "{") && parse_number(parser, ret_min);
    *ret_max = *ret_min;
    if (is_it && parser_accept(parser, ",") && !parse_number(parser, ret_max))
        *ret_max = REPEAT_NO_MAX;
    is_it = is_it && parser_accept(parser, "}");
    if (!is_it)
        parser->at = from;
    return is_it;
}

static bool parse_quantifier(struct parser *parser, uint32_t *ret_min, uint32_t *ret_max)
{
    *ret_min = 0;
    *ret_max = REPEAT_NO_MAX;
    if (parser_accept(parser, "*"))
        return true;
    if (parser_accept(parser, "+")) {
        *ret_min = 1;
        return true;
    }
    if (parser_accept(parser, "?")) {
        *ret_max = 1;
        return true;
    }
    return parse_braces(parser, ret_min, ret_max);
}

/* A character that is not to be taken for itself. */
static struct node *parse_lone(struct parser *parser, uint32_t c, size_t byte)
{
    uint32_t min = 0;
    uint32_t max;
    parser->at = byte;
    bool repeats = parse_quantifier(parser, &min, &max);
    if (repeats)
        return parser_fail(parser, ERR_SYNTAX, byte, "nothing to repeat");
    if (parser->is_strict)
        return parser_fail(parser, ERR_SYNTAX, byte, "a bracket that needs a \\ before it");
    (void)parser_next(parser);
    return parse_char(parser, c, c);
}

static struct node *parse_atom(struct parser *parser)
{
    size_t byte = parser->at;
    uint32_t c = parser_next(parser);
    switch (c) {
    case '^':
        return parser_node(parser, NODE_START);
    case '$':
        return parser_node(parser, NODE_END);
    case '(':
        return parse_group(parser);
    case '[':
        return parse_class(parser);
    case '.':
        return parse_any(parser);
    case '\\':
        return parse_backslash(parser);
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']':
        return parse_lone(parser, c, byte);
    default:
        return parse_char(parser, c, c);
    }
}

/* What the grammar lets nobody repeat; in a group of its own it may be. */
static bool is_bare_assertion(const struct parser *parser, const struct node *node, size_t from)
{
    bool is_assertion =
        node->kind == NODE_START || node->kind == NODE_END || node->kind == NODE_LOOK || node->kind == NODE_WORD_EDGE;
    return is_assertion && !slice_starts(slice_skip(parser->text, from), SLICE_LIT("(?:"));
}

static struct node *parse_term(struct parser *parser)
{
    size_t from = parser->at;
    struct node *atom = parse_atom(parser);
    uint32_t min = 0;
    uint32_t max;
    if (!atom)
        return NULL;
    size_t byte = parser->at;
    if (!parse_quantifier(parser, &min, &max))
        return atom;
    if (is_bare_assertion(parser, atom, from))
        return parser_fail(parser, ERR_SYNTAX, byte, "nothing to repeat");
    if (max < min)
        return parser_fail(parser, ERR_SYNTAX, byte, "a repetition whose maximum is less than its minimum");
    struct node *repeat = parser_node(parser, NODE_REPEAT);
    if (!repeat)
        return NULL;
    repeat->children = atom;
    repeat->min = min;
    repeat->max = max;
    repeat->is_lazy = parser_accept(parser, "?");
    return repeat;
}

static struct node *parse_sequence(struct parser *parser)
{
    struct node *sequence = parser_node(parser, NODE_SEQUENCE);
    if (!sequence)
        return NULL;
    struct node **end = &sequence->children;
    for (uint32_t c; (c = parser_peek(parser)) != PARSER_END && c != '|' && c != ')'; end = &(*end)->next)
        if (!(*end = parse_term(parser)))
            return NULL;
    bool is_single = sequence->children && !sequence->children->next;
    return is_single ? sequence->children : sequence;
}

static struct node *parse_choice(struct parser *parser)
{
    struct node *first = parse_sequence(parser);
    if (!first || parser_peek(parser) != '|')
        return first;
    struct node *choice = parser_node(parser, NODE_CHOICE);
    if (!choice)
        return NULL;
    choice->children = first;
    for (struct node *last = first; parser_accept(parser, "|"); last = last->next)
        if (!(last->next = parse_sequence(parser)))
            return NULL;
    return choice;
}

/* Groups may be referred to before they begin, so that is looked at in the end. */
static bool resolve(struct parser *parser)
{
    for (struct group_name *reference = parser->references; reference; reference = reference->next) {
        uint32_t group = reference->group;
        for (struct group_name *name = parser->names; name && reference->name.ptr; name = name->next)
            if (slice_equal(name->name, reference->name))
                group = name->group;
        if (group == 0 || group > parser->group_count)
            return parser_fail(parser, ERR_SYNTAX, reference->byte, "a reference to a group that is not there");
        reference->reference->group = group;
    }
    return true;
}

/* The byte at which well-formed UTF-8 ends. */
static size_t measure_text(struct slice text)
{
    size_t at = 0;
    for (int len; at < text.len && (len = utf8_measure(slice_skip(text, at))) > 0;)
        at += (size_t)len;
    return at;
}

enum err tree_parse(struct arena *arena, struct slice pattern, bool is_strict, struct regex_fault *ret_fault,
                    struct tree *ret_tree)
{
    struct parser parser = {.arena = arena, .text = pattern, .is_strict = is_strict, .fault = ret_fault};
    parser.tree.is_regular = true;
    size_t well_formed = measure_text(pattern);
    if (well_formed < pattern.len)
        (void)parser_fail(&parser, ERR_SYNTAX, well_formed, "not well-formed UTF-8");
    else
        parser.tree.root = parse_choice(&parser);
    if (parser.err == ERR_OK && parser.at < pattern.len)
        (void)parser_fail(&parser, ERR_SYNTAX, parser.at, "a closing parenthesis without an opening one");
    if (parser.err == ERR_OK && resolve(&parser))
        *ret_tree = parser.tree;
    return parser.err;
}
