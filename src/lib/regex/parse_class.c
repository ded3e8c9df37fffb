/* SPDX-License-Identifier: Apache-2.0 */
/* ECMA-262, section 22.2.1: CharacterEscape, CharacterClassEscape and CharacterClass, with [+UnicodeMode]. */
#include "lib/regex/parser_int.h"

#include "lib/base/text.h"

static bool is_ascii_letter(uint32_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* Up to 8 digits of base 16. */
static bool parse_hex(struct parser *parser, size_t digits, uint32_t *ret_code)
{
    uint64_t code;
    struct slice text = slice_first(slice_skip(parser->text, parser->at), digits);
    if (text.len < digits || digits == 0 || digits > 8 || text_parse_hex(text, &code) != ERR_OK)
        return false;
    parser->at += digits;
    *ret_code = (uint32_t)code;
    return true;
}

/* Behind "\u". */
static bool parse_unicode(struct parser *parser, uint32_t *ret_code)
{
    size_t byte = parser->at - 2;
    if (parser_accept(parser, "{")) {
        struct slice rest = slice_skip(parser->text, parser->at);
        size_t digits = slice_find(rest, '}');
        while (digits > 6 && parser_accept(parser, "0"))
            digits--;
        if (digits == rest.len || !parse_hex(parser, digits, ret_code) || *ret_code > CHAR_MAX_CODE)
            return parser_fail(parser, ERR_SYNTAX, byte, "expected \\u{...} with a character up to 10FFFF");
        return parser_accept(parser, "}");
    }
    uint32_t low;
    if (!parse_hex(parser, 4, ret_code))
        return parser_fail(parser, ERR_SYNTAX, byte, "expected four hexadecimal digits behind \\u");
    size_t behind = parser->at;
    if (*ret_code < 0xd800 || *ret_code > 0xdbff)
        return true;
    if (parser_accept(parser, "\\u") && parse_hex(parser, 4, &low) && low >= 0xdc00 && low <= 0xdfff)
        *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
    else
        parser->at = behind;
    return true;
}

/* What may stand behind "\" and means itself. */
static bool is_identity(const struct parser *parser, uint32_t c, bool is_in_class)
{
    if (c == 0 || c >= 0x80)
        return false;
    if (strchr("^$\\.*+?()[]{}|/", (int)c) || (is_in_class && c == '-'))
        return true;
    return !parser->is_strict && c > ' ' && c != 0x7f && !is_ascii_letter(c) && !is_digit(c);
}

static bool parse_char_escape(struct parser *parser, uint32_t c, bool is_in_class, uint32_t *ret_code)
{
    static const char names[] = "fnrtv";
    static const char codes[] = "\f\n\r\t\v";
    size_t byte = parser->at - 2;
    const char *name = c > 0 && c < 0x80 ? strchr(names, (int)c) : NULL;
    *ret_code = c;
    if (name) {
        *ret_code = (unsigned char)codes[name - names];
        return true;
    }
    if (c == '0' && !is_digit(parser_peek(parser))) {
        *ret_code = 0;
        return true;
    }
    if (c == 'c' && is_ascii_letter(parser_peek(parser))) {
        *ret_code = parser_next(parser) % 32;
        return true;
    }
    if (c == 'x' && parse_hex(parser, 2, ret_code))
        return true;
    if (c == 'u')
        return parse_unicode(parser, ret_code);
    if (c == 'b' && is_in_class) {
        *ret_code = '\b';
        return true;
    }
    if (is_identity(parser, c, is_in_class))
        return true;
    return parser_fail(parser, ERR_SYNTAX, byte, "an escape that ECMA-262 does not know");
}

/* Behind "\p" or "\P". */
static bool parse_property(struct parser *parser, struct charset *set, bool is_negated)
{
    size_t byte = parser->at - 2;
    struct slice rest = slice_skip(parser->text, parser->at);
    size_t end = slice_find(rest, '}');
    if (end == rest.len || rest.ptr[0] != '{')
        return parser_fail(parser, ERR_SYNTAX, byte, "expected a property in braces, such as \\p{Letter}");
    struct slice value = slice_first(slice_skip(rest, 1), end - 1);
    struct slice name = slice_cut(&value, '=');
    bool is_known;
    parser->at += end + 1;
    parser->tree.is_regular = false;
    if (!charset_add_property(set, parser->arena, name, value, is_negated, &is_known))
        return parser_fail(parser, ERR_NOMEM, byte, "no memory");
    return is_known || parser_fail(parser, ERR_SYNTAX, byte, "a property that ECMA-262 does not know");
}

bool parse_escape(struct parser *parser, struct charset *set, bool is_in_class, bool *ret_is_char)
{
    size_t byte = parser->at - 1;
    uint32_t c = parser_next(parser);
    if (c == PARSER_END)
        return parser_fail(parser, ERR_SYNTAX, byte, "nothing behind the last \\");
    *ret_is_char = false;
    if (c == 'p' || c == 'P')
        return parse_property(parser, set, c == 'P');
    if (c > 0 && c < 0x80 && strchr("dDsSwW", (int)c))
        return charset_add_class(set, parser->arena, (char)c) || parser_fail(parser, ERR_NOMEM, byte, "no memory");
    *ret_is_char = true;
    uint32_t code;
    if (!parse_char_escape(parser, c, is_in_class, &code))
        return false;
    return charset_add(set, parser->arena, code, code) || parser_fail(parser, ERR_NOMEM, byte, "no memory");
}

/* One side of a range, or an element of its own. *ret_code is that of a character. */
static bool parse_class_atom(struct parser *parser, struct charset *set, bool *ret_is_char, uint32_t *ret_code)
{
    uint32_t c = parser_next(parser);
    struct charset escaped = {.is_negated = false};
    if (c == PARSER_END)
        return parser_fail(parser, ERR_SYNTAX, parser->at, "missing ] at the end of a class");
    *ret_is_char = true;
    *ret_code = c;
    if (c != '\\')
        return true;
    size_t before = parser->at;
    if (!parse_escape(parser, &escaped, true, ret_is_char))
        return false;
    if (*ret_is_char) {
        *ret_code = escaped.count ? escaped.ranges[0].low : 0xd800; /* half of a pair */
        return true;
    }
    bool ignored;
    parser->at = before;
    return parse_escape(parser, set, true, &ignored);
}

/* An element or a range of a class. */
static bool parse_class_part(struct parser *parser, struct charset *set)
{
    size_t byte = parser->at;
    bool low_is_char;
    bool high_is_char;
    uint32_t low;
    uint32_t high;
    if (!parse_class_atom(parser, set, &low_is_char, &low))
        return false;
    size_t dash = parser->at;
    bool is_range = parser_accept(parser, "-") && parser_peek(parser) != ']';
    if (!is_range || (!parser->is_strict && !low_is_char)) {
        parser->at = dash;
        return !low_is_char || charset_add(set, parser->arena, low, low) ||
               parser_fail(parser, ERR_NOMEM, byte, "no memory");
    }
    if (!parse_class_atom(parser, set, &high_is_char, &high))
        return false;
    if (low_is_char && high_is_char && low > high)
        return parser_fail(parser, ERR_SYNTAX, byte, "a range whose end comes before its beginning");
    if (low_is_char && high_is_char)
        return charset_add(set, parser->arena, low, high) || parser_fail(parser, ERR_NOMEM, byte, "no memory");
    if (parser->is_strict)
        return parser_fail(parser, ERR_SYNTAX, byte, "a range that begins or ends with a class");
    return (charset_add(set, parser->arena, '-', '-') && charset_add(set, parser->arena, low, low)) ||
           parser_fail(parser, ERR_NOMEM, byte, "no memory");
}

struct node *parse_class(struct parser *parser)
{
    struct node *node = parser_node(parser, NODE_SET);
    if (!node)
        return NULL;
    node->set->is_negated = parser_accept(parser, "^");
    while (!parser_accept(parser, "]"))
        if (!parse_class_part(parser, node->set))
            return NULL;
    if (!charset_finish(node->set, parser->arena))
        return parser_fail(parser, ERR_NOMEM, parser->at, "no memory");
    return node;
}

bool parse_number(struct parser *parser, uint32_t *ret_number)
{
    size_t from = parser->at;
    uint32_t number = 0;
    while (is_digit(parser_peek(parser))) {
        uint32_t digit = parser_next(parser) - '0';
        number = number > (UINT32_MAX - 10) / 10 ? UINT32_MAX - 1 : number * 10 + digit;
    }
    *ret_number = number;
    return parser->at > from;
}
