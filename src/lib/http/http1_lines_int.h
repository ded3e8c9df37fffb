/* SPDX-License-Identifier: Apache-2.0 */
/* What a request head and a response head have in common: the cursor over the lines of a message, and the field lines.
 *
 * Each step reads one element from the cursor and either moves on, or leaves the cursor where the bytes ended and asks
 * for more. What a step decides depends only on bytes before the cursor, so that the outcome cannot depend on how the
 * bytes were split into reads; the fuzz targets hold it to that. For the same reason the input is cut at
 * head_bytes_max before anything is looked at: a fault behind the limit does not exist.
 *
 * The steps are inlined by force because http1.c and http1_response.c each want one function without a call in it: with
 * one, the cursor lives in memory and not in registers, which costs 130 instructions for three fields. */
#ifndef WEIR_LIB_HTTP_HTTP1_LINES_INT_H
#define WEIR_LIB_HTTP_HTTP1_LINES_INT_H

#include "lib/http/fields_int.h"
#include "lib/http/http1.h"
#include "lib/http/http1_int.h"

#define VERSION_BYTES 8 /* HTTP/1.1 */

enum http1_state {
    STATE_BLANK, /* before the first line */
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_STATUS,
    STATE_REASON,
    STATE_NAME, /* at the start of a line, or in a name */
    STATE_VALUE,
    STATE_DONE,
};

struct cursor {
    const char *from; /* the start of the input */
    const char *at;   /* the next byte to look at */
    const char *mark; /* the start of the element */
    const char *end;
    const char *last_block; /* of scan_last_block */
    enum http1_state state;
    uint32_t header_count;
    struct http_header *header; /* the next to fill */
    struct http_header *header_end;
    struct http1_parser *parser;
    struct http_head *head;
};

/* Lets a head that was begun follow its input, which the caller has moved to `base`. */
void http1_follow(const struct http1_parser *parser, const char *base, struct http_head *head);
/* The bytes of a version up to the first wrong one. */
MUST_USE enum err http1_check_version(struct http1_parser *parser, const char *text, size_t text_len);
/* Why a name cannot end in `stop`. */
enum http1_fault http1_name_fault(char stop, bool is_line_start);

ALWAYS_INLINE enum err http1_fail(struct http1_parser *parser, enum http1_fault fault)
{
    parser->fault = fault;
    return http1_fault_err(fault);
}

/* All but the arrays, the length, and which fields are where: a head that is refused is answered, too, and must tell nothing
 * of the one that had its memory before. One by one: a memset of the struct becomes `rep stos`, which
 * takes longer to start than a header to parse. */
ALWAYS_INLINE void http1_head_clear(struct http_head *head)
{
    head->method = HTTP_METHOD_OTHER;
    head->method_text = (struct slice){NULL, 0};
    head->target = (struct slice){NULL, 0};
    head->host = (struct slice){NULL, 0};
    head->present = 0;
    head->repeated = 0;
    head->content_length = 0;
    head->status = 0;
    head->header_count = 0;
    head->version_major = 1;
    head->version_minor = 0;
    head->has_body = false;
    head->is_chunked = false;
    head->is_until_close = false;
    head->has_content_length = false;
    head->is_target_plain = false;
    head->expects_continue = false;
    head->is_keep_alive = false;
}

/* Where the call before stopped. `visible` is not empty, and cut at head_bytes_max. */
ALWAYS_INLINE struct cursor cursor_enter(struct http1_parser *parser, struct slice visible, struct http_head *head)
{
    if (parser->base != visible.ptr) {
        if (LIKELY(!parser->base))
            http1_head_clear(head);
        else
            http1_follow(parser, visible.ptr, head);
        parser->base = visible.ptr;
    }
    return (struct cursor){
        .from = visible.ptr,
        .at = visible.ptr + parser->offset,
        .mark = visible.ptr + parser->mark,
        .end = visible.ptr + visible.len,
        .last_block = scan_last_block(parser->scan, visible.ptr, visible.ptr + visible.len),
        .state = (enum http1_state)parser->state,
        .header_count = head->header_count,
        .header = head->headers + head->header_count,
        .header_end = head->headers + parser->limits.header_count_max,
        .parser = parser,
        .head = head,
    };
}

/* Notes where this call stops; `err` is how. */
ALWAYS_INLINE enum err cursor_leave(struct cursor *c, enum err err)
{
    struct http1_parser *parser = c->parser;
    parser->offset = (uint32_t)(c->at - c->from);
    parser->mark = (uint32_t)(c->mark - c->from);
    parser->state = (uint8_t)c->state;
    c->head->header_count = (uint16_t)c->header_count;
    if (LIKELY(err == ERR_OK))
        c->head->head_bytes = parser->offset;
    else if (err == ERR_AGAIN && (size_t)(c->end - c->from) == parser->limits.head_bytes_max)
        return http1_fail(parser, c->state == STATE_TARGET ? HTTP1_FAULT_TARGET_TOO_LONG : HTTP1_FAULT_HEAD_TOO_LARGE);
    return err;
}

ALWAYS_INLINE bool cursor_is_line_end(const struct cursor *c)
{
    return c->at + 1 < c->end && memcmp(c->at, "\r\n", 2) == 0;
}

/* Takes CR LF; `otherwise` is the fault of a byte that begins no line end. */
ALWAYS_INLINE enum err cursor_line_end(struct cursor *c, enum http1_fault otherwise)
{
    if (LIKELY(cursor_is_line_end(c))) {
        c->at += 2;
        c->mark = c->at;
        return ERR_OK;
    }
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at == '\n')
        return http1_fail(c->parser, HTTP1_FAULT_BARE_LF);
    if (*c->at != '\r')
        return http1_fail(c->parser, otherwise);
    if (c->end - c->at < 2)
        return ERR_AGAIN;
    return http1_fail(c->parser, HTTP1_FAULT_BARE_CR);
}

/* Takes a known name of less than a block, which then needs no look at each of its characters, up to its colon. The
 * cursor is at the start of a line. */
ALWAYS_INLINE bool cursor_known_name(struct cursor *c, enum http_field *ret_field)
{
    if (UNLIKELY(c->at > c->last_block))
        return false;
    unsigned colons = scan_colons(c->at);
    if (UNLIKELY(!colons || !http_field_find(c->at, scan_lowest(colons), ret_field)))
        return false;
    c->at += scan_lowest(colons);
    return true;
}

/* Any other name, from the cursor on, up to its colon. */
ALWAYS_INLINE enum err cursor_other_name(struct cursor *c, enum http_field *ret_field)
{
    c->at = c->parser->scan->tchar(c->from, c->at, c->end);
    if (c->at == c->end)
        return ERR_AGAIN;
    if (UNLIKELY(*c->at != ':' || c->at == c->mark))
        return http1_fail(c->parser, http1_name_fault(*c->at, c->at == c->mark));
    *ret_field = http_field_parse(slice_of(c->mark, (size_t)(c->at - c->mark)));
    return ERR_OK;
}

/* `is_begun`: a call before has seen some of it. */
ALWAYS_INLINE enum err cursor_name(struct cursor *c, bool is_begun)
{
    enum http_field field = HTTP_FIELD_OTHER;
    if (UNLIKELY(c->header == c->header_end))
        return http1_fail(c->parser, HTTP1_FAULT_TOO_MANY_FIELDS);
    if (is_begun || UNLIKELY(!cursor_known_name(c, &field)))
        TRY(cursor_other_name(c, &field));
    c->header->name = slice_of(c->mark, (size_t)(c->at - c->mark));
    c->header->id = field;
    enum http1_fault fault = http_head_note(c->head, field, c->header_count);
    if (UNLIKELY(fault != HTTP1_FAULT_NONE))
        return http1_fail(c->parser, fault);
    c->mark = ++c->at;
    c->state = STATE_VALUE;
    return ERR_OK;
}

/* Nearly every value has one space before it and none behind. A line end follows it, so that there is a byte behind a
 * space. */
ALWAYS_INLINE struct slice cursor_trim(struct slice value)
{
    const char *text = value.ptr;
    bool is_usual = text[0] == ' ' && (unsigned char)text[1] > ' ' && (unsigned char)text[value.len - 1] > ' ';
    return LIKELY(is_usual) ? slice_skip(value, 1) : slice_trim(value);
}

ALWAYS_INLINE enum err cursor_value(struct cursor *c)
{
    c->at = scan_inside(scan_outside_printable, c->at, c->last_block);
    if (UNLIKELY(!cursor_is_line_end(c)))
        c->at = c->parser->scan->value(c->from, c->at, c->end);
    struct slice value = slice_of(c->mark, (size_t)(c->at - c->mark));
    TRY(cursor_line_end(c, HTTP1_FAULT_VALUE_CHAR));
    c->header->value = cursor_trim(value);
    c->header++;
    c->header_count++;
    c->state = STATE_NAME;
    return ERR_OK;
}

/* Where a call before stopped within a line, the rest of that line. */
ALWAYS_INLINE enum err cursor_begun_field(struct cursor *c)
{
    if (c->state == STATE_NAME)
        TRY(cursor_name(c, true));
    return cursor_value(c);
}

ALWAYS_INLINE enum err cursor_fields(struct cursor *c)
{
    if (UNLIKELY(c->state == STATE_VALUE || c->at != c->mark))
        TRY(cursor_begun_field(c));
    for (;;) {
        if (UNLIKELY(c->at == c->end))
            return ERR_AGAIN;
        if (*c->at == '\r')
            return cursor_line_end(c, HTTP1_FAULT_BARE_CR);
        TRY(cursor_name(c, false));
        TRY(cursor_value(c));
    }
}

#endif
