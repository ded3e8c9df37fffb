/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/csv.h"

static enum err read_quoted(struct csv *csv, struct arena *arena, struct slice *ret_field);

struct csv csv_of(struct slice text)
{
    struct slice mark = SLICE_LIT("\xef\xbb\xbf"); /* which spreadsheets write */
    return (struct csv){.rest = slice_starts(text, mark) ? slice_skip(text, mark.len) : text, .line = 1};
}

/* Takes the end of a line; the end of the text is one too. */
static bool take_line_end(struct csv *csv)
{
    if (csv->rest.len == 0)
        return true;
    size_t bytes = csv->rest.ptr[0] == '\n'                                                    ? 1
                   : csv->rest.len > 1 && csv->rest.ptr[0] == '\r' && csv->rest.ptr[1] == '\n' ? 2
                                                                                               : 0;
    csv->rest = slice_skip(csv->rest, bytes);
    csv->line += bytes > 0;
    return bytes > 0;
}

static struct slice read_plain(struct csv *csv)
{
    size_t len = 0;
    struct slice rest = csv->rest;
    while (len < rest.len && rest.ptr[len] != ',' && rest.ptr[len] != '\n' && rest.ptr[len] != '"' &&
           !(rest.ptr[len] == '\r' && len + 1 < rest.len && rest.ptr[len + 1] == '\n'))
        len++;
    csv->rest = slice_skip(rest, len);
    return slice_first(rest, len);
}

enum err csv_next(struct csv *csv, struct arena *arena, struct slice *ret_field, bool *ret_is_last)
{
    /* An empty line is no record. */
    while (!csv->is_within && csv->rest.len && take_line_end(csv))
        ;
    if (!csv->is_within && csv->rest.len == 0)
        return ERR_EOF;
    if (csv->rest.len && csv->rest.ptr[0] == '"')
        TRY(read_quoted(csv, arena, ret_field));
    else
        *ret_field = read_plain(csv);
    csv->is_within = csv->rest.len && csv->rest.ptr[0] == ',';
    if (csv->is_within)
        csv->rest = slice_skip(csv->rest, 1);
    else if (!take_line_end(csv))
        return ERR_SYNTAX;
    *ret_is_last = !csv->is_within;
    return ERR_OK;
}

static enum err read_quoted(struct csv *csv, struct arena *arena, struct slice *ret_field)
{
    struct slice rest = slice_skip(csv->rest, 1);
    size_t end = 0, pairs = 0;
    for (; end < rest.len; end++) {
        bool is_pair = rest.ptr[end] == '"' && end + 1 < rest.len && rest.ptr[end + 1] == '"';
        if (rest.ptr[end] == '"' && !is_pair)
            break;
        pairs += is_pair;
        end += is_pair;
    }
    if (end == rest.len)
        return ERR_SYNTAX;
    struct slice raw = slice_first(rest, end);
    char *text = pairs ? arena_alloc(arena, raw.len) : NULL;
    if (pairs && !text)
        return ERR_NOMEM;
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        csv->line += raw.ptr[i] == '\n';
        if (!pairs)
            continue;
        text[len++] = raw.ptr[i];
        i += raw.ptr[i] == '"';
    }
    csv->rest = slice_skip(rest, end + 1);
    *ret_field = pairs ? slice_of(text, len) : raw;
    return ERR_OK;
}
