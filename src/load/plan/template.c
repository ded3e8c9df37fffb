/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with ${...}: pieces, found once. "$${" is "${" itself. */
#include "load/plan/compile_int.h"

#include "lib/json/number.h"

#define PIECES_MAX 256
#define NAMES_MAX  512

struct template_reader {
    struct compile *compile;
    const struct option_text *source;
    struct slice rest;
    enum load_escape escape;
    bool is_in_string; /* of JSON */
    struct load_piece pieces[PIECES_MAX];
    uint32_t count;
};

static enum err take_text(struct template_reader *reader);
static enum err take_value(struct template_reader *reader);
static bool read_value(struct template_reader *reader, struct slice expression, struct load_piece *piece);

static const struct {
    const char *name;
    enum load_piece_kind kind;
} builtins[] = {
    {"uuid", LOAD_PIECE_UUID}, {"random", LOAD_PIECE_RANDOM}, {"sequence", LOAD_PIECE_SEQUENCE},
    {"user", LOAD_PIECE_USER}, {"now", LOAD_PIECE_NOW_MS},    {"iteration", LOAD_PIECE_ITERATION},
};

enum err compile_template(struct compile *compile, const struct option_text *text, enum load_escape escape,
                          struct load_template *ret_template)
{
    struct template_reader reader = {.compile = compile, .source = text, .rest = text->text, .escape = escape};
    while (reader.rest.len) {
        if (reader.count == PIECES_MAX) {
            report_error(compile->report, text->place, "more than %d pieces in one text", PIECES_MAX);
            break;
        }
        TRY(slice_starts(reader.rest, SLICE_LIT("${")) ? take_value(&reader) : take_text(&reader));
    }
    struct load_piece *pieces = arena_alloc_array(compile->arena, reader.count, sizeof *pieces);
    if (!pieces)
        return ERR_NOMEM;
    if (reader.count)
        memcpy(pieces, reader.pieces, reader.count * sizeof *pieces);
    *ret_template = (struct load_template){.pieces = pieces, .count = reader.count};
    return ERR_OK;
}

/* Up to the next ${ that stands for something. */
static enum err take_text(struct template_reader *reader)
{
    char *text = arena_alloc(reader->compile->arena, reader->rest.len + 1);
    size_t len = 0;
    if (!text)
        return ERR_NOMEM;
    while (reader->rest.len) {
        struct slice rest = reader->rest;
        size_t bytes = 1;
        bool is_escape = slice_starts(rest, SLICE_LIT("$${"));
        if (slice_starts(rest, SLICE_LIT("${")))
            break;
        if (is_escape || (reader->is_in_string && rest.ptr[0] == '\\' && rest.len > 1))
            bytes = 2;
        else if (rest.ptr[0] == '"')
            reader->is_in_string = reader->escape == LOAD_ESCAPE_JSON && !reader->is_in_string;
        /* Of "$${" the first byte goes, of all others none. */
        reader->rest = slice_skip(rest, bytes + is_escape);
        memcpy(text + len, rest.ptr + is_escape, bytes);
        len += bytes;
    }
    text[len] = '\0';
    reader->pieces[reader->count++] = (struct load_piece){.kind = LOAD_PIECE_TEXT, .text = slice_of(text, len)};
    return ERR_OK;
}

static enum err take_value(struct template_reader *reader)
{
    bool is_escaped = reader->escape == LOAD_ESCAPE_PATH || reader->is_in_string;
    struct load_piece piece = {.escape = is_escaped ? reader->escape : LOAD_ESCAPE_NONE};
    struct slice expression = slice_skip(reader->rest, 2);
    size_t end = slice_find(expression, '}');
    if (end == expression.len) {
        report_error(reader->compile->report, reader->source->place,
                     "a \"${\" has no \"}\"; \"$${\" is the text itself");
        reader->rest = (struct slice){NULL, 0};
        return ERR_OK;
    }
    reader->rest = slice_skip(expression, end + 1);
    if (read_value(reader, slice_trim(slice_first(expression, end)), &piece))
        reader->pieces[reader->count++] = piece;
    return ERR_OK;
}

static void report_unknown_name(struct template_reader *reader, struct slice name)
{
    struct compile *compile = reader->compile;
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
        names[count++] = builtins[i].name;
    for (uint32_t i = 0; i < compile->variable_count; i++)
        if (compile->is_set[i])
            names[count++] = compile->variables[i].ptr;
    for (uint32_t d = 0; d < compile->plan->data_count; d++)
        for (uint32_t c = 0; c < compile->data[d].column_count && count < NAMES_MAX; c++) {
            struct slice both = arena_printf(compile->arena, SLICE_FMT "." SLICE_FMT, SLICE_ARG(compile->data[d].name),
                                             SLICE_ARG(compile->data[d].columns[c]));
            names[count] = both.ptr;
            count += both.ptr != NULL;
        }
    const struct report_unknown unknown = {
        .kind = "value",
        .name = name,
        .owner = "${...}",
        .nearest = text_nearest(name, names, count),
        .otherwise = "nothing sets it before this step: there are `variables`, what earlier steps extract, NAME.COLUMN "
                     "of `data`, uuid, random(1, 6), sequence, user, iteration and now"};
    report_unknown(compile->report, reader->source->place, &unknown);
}

static bool read_int(struct slice text, int64_t *ret_value)
{
    uint64_t value;
    bool is_negative = text.len && text.ptr[0] == '-';
    if (text_parse_u64(is_negative ? slice_skip(text, 1) : text, &value) != ERR_OK || value > INT64_MAX)
        return false;
    *ret_value = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* "(1, 6)" behind random. */
static bool read_bounds(struct template_reader *reader, struct slice arguments, struct load_piece *piece)
{
    bool is_call = arguments.len > 1 && arguments.ptr[0] == '(' && arguments.ptr[arguments.len - 1] == ')';
    struct slice rest = is_call ? slice_of(arguments.ptr + 1, arguments.len - 2) : (struct slice){NULL, 0};
    struct slice low = slice_trim(slice_cut(&rest, ','));
    if (is_call && read_int(low, &piece->low) && read_int(slice_trim(rest), &piece->high) && piece->low <= piece->high)
        return true;
    report_error(reader->compile->report, reader->source->place,
                 "random takes the least and the greatest whole number, such as ${random(1, 6)}");
    return false;
}

static bool read_column(struct template_reader *reader, struct slice expression, struct load_piece *piece)
{
    struct slice column = expression;
    struct slice name = slice_cut(&column, '.');
    for (uint32_t d = 0; column.ptr && d < reader->compile->plan->data_count; d++) {
        const struct load_data *data = &reader->compile->data[d];
        for (uint32_t c = 0; slice_equal(data->name, name) && c < data->column_count; c++) {
            if (!slice_equal(data->columns[c], column))
                continue;
            piece->kind = LOAD_PIECE_COLUMN;
            piece->data = d;
            piece->variable = c;
            return true;
        }
    }
    return false;
}

static bool read_value(struct template_reader *reader, struct slice expression, struct load_piece *piece)
{
    struct compile *compile = reader->compile;
    size_t word = slice_find(expression, '(');
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (!slice_is(slice_first(expression, word), builtins[i].name))
            continue;
        piece->kind = builtins[i].kind;
        if (piece->kind == LOAD_PIECE_RANDOM)
            return read_bounds(reader, slice_skip(expression, word), piece);
        if (word == expression.len)
            return true;
    }
    for (uint32_t i = 0; i < compile->variable_count; i++) {
        if (!compile->is_set[i] || !slice_equal(compile->variables[i], expression))
            continue;
        piece->kind = LOAD_PIECE_VARIABLE;
        piece->variable = i;
        return true;
    }
    if (read_column(reader, expression, piece))
        return true;
    report_unknown_name(reader, expression);
    return false;
}

uint32_t compile_variable(struct compile *compile, struct slice name, struct report_place place)
{
    for (uint32_t i = 0; i < compile->variable_count; i++)
        if (slice_equal(compile->variables[i], name))
            return i;
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
        if (slice_is(name, builtins[i].name))
            report_error(compile->report, place, "\"%s\" is a value of its own and cannot be a variable",
                         builtins[i].name);
    if (compile->variable_count == LOAD_VARIABLES_MAX) {
        report_error(compile->report, place, "more than %d variables", LOAD_VARIABLES_MAX);
        return UINT32_MAX;
    }
    compile->variables[compile->variable_count] = name;
    return compile->variable_count++;
}
