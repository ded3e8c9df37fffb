/* SPDX-License-Identifier: Apache-2.0 */
#include "control/repository/text_format.h"

struct parser {
    struct slice text;
    size_t at;
    uint32_t line;
    size_t line_begin;
    struct arena *arena;
    struct field_fault *fault;
    char *unescaped; /* the text that is being read; NULL: there was none so far */
};

/* Fields as they are added. */
struct chain {
    const struct field **end;
};

static enum err parse_fields(struct parser *parser, char close, unsigned depth, const struct field **ret_first);

static char peek(const struct parser *parser)
{
    return parser->at < parser->text.len ? parser->text.ptr[parser->at] : '\0';
}

static bool is_at_end(const struct parser *parser)
{
    return parser->at >= parser->text.len;
}

static struct report_place place_of(const struct parser *parser)
{
    return (struct report_place){parser->line, (uint32_t)(parser->at - parser->line_begin + 1)};
}

static enum err refuse(struct parser *parser, const char *expected)
{
    parser->fault->place = place_of(parser);
    text_printf(parser->fault->words, "expected %s, found ", expected);
    if (is_at_end(parser))
        text_add(parser->fault->words, SLICE_LIT("the end of the file"));
    else if (peek(parser) > ' ' && peek(parser) < 127)
        text_printf(parser->fault->words, "\"%c\"", peek(parser));
    else
        text_printf(parser->fault->words, "the byte 0x%02x", (unsigned char)peek(parser));
    return ERR_SYNTAX;
}

/* Spaces and comments. */
static void skip(struct parser *parser)
{
    bool is_comment = false;
    for (; !is_at_end(parser); parser->at++) {
        char c = peek(parser);
        if (c == '\n') {
            parser->line++;
            parser->line_begin = parser->at + 1;
            is_comment = false;
        } else if (c == '#') {
            is_comment = true;
        } else if (!is_comment && c != ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\v') {
            return;
        }
    }
}

static bool take(struct parser *parser, char c)
{
    if (is_at_end(parser) || peek(parser) != c)
        return false;
    parser->at++;
    skip(parser);
    return true;
}

static bool is_word_byte(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '+' || c == '-';
}

static bool is_name_begin(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || c == '_';
}

static struct slice take_word(struct parser *parser)
{
    size_t begin = parser->at;
    while (is_word_byte(peek(parser)))
        parser->at++;
    return slice_of(parser->text.ptr + begin, parser->at - begin);
}

/* --- texts ----------------------------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    char lower = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

/* A number behind the backslash: at most `digits` of them. */
static enum err parse_code(struct parser *parser, int base, unsigned digits, char *out)
{
    unsigned value = 0;
    unsigned count = 0;
    for (; count < digits && digit_of(peek(parser)) < base; count++, parser->at++)
        value = value * (unsigned)base + (unsigned)digit_of(peek(parser));
    if (count == 0 || value > 255)
        return refuse(parser, "a byte in digits behind the backslash");
    *out = (char)value;
    return ERR_OK;
}

static enum err parse_escape(struct parser *parser, char *out)
{
    static const char letters[] = "abfnrtv\\'\"?";
    static const char meanings[] = "\a\b\f\n\r\t\v\\'\"?";
    char c = peek(parser);
    if (c >= '0' && c <= '7')
        return parse_code(parser, 8, 3, out);
    if (c == 'x' || c == 'X') {
        parser->at++;
        return parse_code(parser, 16, 2, out);
    }
    const char *letter = c ? strchr(letters, c) : NULL;
    if (!letter)
        return refuse(parser, "an escape such as \\n, \\\" or \\x41 (\\u is not taken: write the letter itself)");
    *out = meanings[letter - letters];
    parser->at++;
    return ERR_OK;
}

/* One quoted piece, to the end of `out`. */
static enum err parse_piece(struct parser *parser, char *out, size_t *len)
{
    char quote = peek(parser);
    parser->at++;
    while (!is_at_end(parser) && peek(parser) != quote && peek(parser) != '\n') {
        char c = peek(parser);
        parser->at++;
        if (c == '\\')
            TRY(parse_escape(parser, &c));
        out[(*len)++] = c;
    }
    if (!take(parser, quote))
        return refuse(parser, "the quote that ends the text");
    return ERR_OK;
}

/* Pieces beside each other are one text. */
static enum err parse_text(struct parser *parser, struct field *field)
{
    size_t len = 0;
    if (!parser->unescaped)
        parser->unescaped = arena_alloc(parser->arena, parser->text.len);
    if (!parser->unescaped)
        return ERR_NOMEM;
    while (peek(parser) == '"' || peek(parser) == '\'')
        TRY(parse_piece(parser, parser->unescaped, &len));
    field->kind = FIELD_TEXT;
    field->text = arena_copy(parser->arena, slice_of(parser->unescaped, len));
    return field->text.ptr ? ERR_OK : ERR_NOMEM;
}

/* --- values ---------------------------------------------------------------------------------------------------------- */

static enum err parse_message(struct parser *parser, char close, unsigned depth, struct field *field)
{
    if (depth >= TEXT_FORMAT_DEPTH_MAX)
        return refuse(parser, "less depth: messages are nested too deeply here");
    field->kind = FIELD_MESSAGE;
    return parse_fields(parser, close, depth + 1, &field->first);
}

static enum err parse_word(struct parser *parser, struct field *field)
{
    bool is_negative = peek(parser) == '-';
    size_t begin = parser->at;
    if (take(parser, '-') && parser->at > begin + 1)
        return refuse(parser, "a number right behind the \"-\"");
    struct slice word = take_word(parser);
    if (!word.len)
        return refuse(parser, "a value");
    field->kind = FIELD_WORD;
    field->text = slice_of(word.ptr - is_negative, word.len + is_negative);
    skip(parser);
    return ERR_OK;
}

static enum err parse_value(struct parser *parser, const struct field *pattern, unsigned depth, struct chain *chain)
{
    struct field *field = arena_alloc(parser->arena, sizeof *field);
    if (!field)
        return ERR_NOMEM;
    *field = *pattern;
    field->place = place_of(parser);
    enum err err;
    if (take(parser, '{'))
        err = parse_message(parser, '}', depth, field);
    else if (take(parser, '<'))
        err = parse_message(parser, '>', depth, field);
    else if (peek(parser) == '"' || peek(parser) == '\'')
        err = parse_text(parser, field);
    else
        err = parse_word(parser, field);
    *chain->end = field;
    chain->end = &field->next;
    return err;
}

static enum err parse_values(struct parser *parser, const struct field *pattern, unsigned depth, struct chain *chain)
{
    if (!take(parser, '['))
        return parse_value(parser, pattern, depth, chain);
    if (take(parser, ']'))
        return ERR_OK;
    do
        TRY(parse_value(parser, pattern, depth, chain));
    while (take(parser, ','));
    return take(parser, ']') ? ERR_OK : refuse(parser, "\",\" or \"]\"");
}

static enum err parse_field(struct parser *parser, unsigned depth, struct chain *chain)
{
    struct field pattern = {.name_place = place_of(parser)};
    if (!is_name_begin(peek(parser)))
        return refuse(parser,
                      peek(parser) == '[' ? "the name of a field (extensions are not taken)" : "the name of a field");
    pattern.name = take_word(parser);
    skip(parser);
    bool has_colon = take(parser, ':');
    char c = peek(parser);
    if (!has_colon && c != '{' && c != '<' && c != '[')
        return refuse(parser, "\":\" and a value, or a message in \"{\" and \"}\"");
    TRY(parse_values(parser, &pattern, depth, chain));
    if (!take(parser, ','))
        (void)take(parser, ';');
    return ERR_OK;
}

/* Up to `close`, or to the end of the text for '\0'. */
static enum err parse_fields(struct parser *parser, char close, unsigned depth, const struct field **ret_first)
{
    struct chain chain = {.end = ret_first};
    while (close ? !take(parser, close) : !is_at_end(parser)) {
        if (is_at_end(parser))
            return refuse(parser, close == '}' ? "\"}\"" : "\">\"");
        TRY(parse_field(parser, depth, &chain));
    }
    return ERR_OK;
}

enum err text_format_parse(struct slice text, struct arena *arena, struct field_fault *fault,
                           const struct field **ret_root)
{
    struct parser parser = {.text = text, .line = 1, .arena = arena, .fault = fault};
    struct field *root = arena_alloc_zero(arena, sizeof *root);
    if (!root)
        return ERR_NOMEM;
    if (text.len > TEXT_FORMAT_BYTES_MAX)
        return ERR_LIMIT;
    root->kind = FIELD_MESSAGE;
    root->place = (struct report_place){1, 1};
    skip(&parser);
    TRY(parse_fields(&parser, '\0', 0, &root->first));
    *ret_root = root;
    return ERR_OK;
}
