/* SPDX-License-Identifier: Apache-2.0 */
/* The response head, as an upstream client reads it: the status line here, the field lines as in a request.
 *
 * What is refused is more than RFC 9112 asks of a client, because a gateway hands on what it has read: a response that
 * two readers could cut in two ways would poison the connection behind it (response splitting) or the cache before it. */
#include "lib/http/http1.h"

#include "lib/http/http1_lines_int.h"

#define STATUS_BYTES 3

static inline enum err read_head(struct cursor *c);

enum err http1_response_parse(struct http1_parser *parser, enum http_method method, struct slice input,
                              struct http_head *ret_head)
{
    struct slice visible = slice_first(input, parser->limits.head_bytes_max);
    if (UNLIKELY(parser->fault != HTTP1_FAULT_NONE))
        return http1_fault_err(parser->fault);
    if (input.len == 0)
        return ERR_AGAIN;
    struct cursor c = cursor_enter(parser, visible, ret_head);
    TRY(cursor_leave(&c, read_head(&c)));
    enum http1_fault fault = http1_decide_response(ret_head, method);
    return LIKELY(fault == HTTP1_FAULT_NONE) ? ERR_OK : http1_fail(parser, fault);
}

/* Nothing may stand before it: a client that skipped empty lines would take the end of a body that is longer than its
 * length for the beginning of a response. */
static inline enum err read_version(struct cursor *c)
{
    size_t len = (size_t)(c->end - c->mark);
    if (UNLIKELY(len <= VERSION_BYTES || memcmp(c->mark, "HTTP/1.1 ", VERSION_BYTES + 1) != 0)) {
        enum err err = http1_check_version(c->parser, c->mark, len);
        if (err == ERR_AGAIN)
            return err;
        if (err != ERR_OK)
            return http1_fail(c->parser, HTTP1_FAULT_STATUS_LINE_INVALID);
        if (len == VERSION_BYTES)
            return ERR_AGAIN;
        if (c->mark[VERSION_BYTES] != ' ')
            return http1_fail(c->parser, HTTP1_FAULT_STATUS_LINE_INVALID);
    }
    c->head->version_minor = c->mark[VERSION_BYTES - 1] != '0';
    c->mark += VERSION_BYTES + 1;
    c->at = c->mark;
    c->state = STATE_STATUS;
    return ERR_OK;
}

/* RFC 9110 section 15: what is not 100 to 599 is no status. */
static inline enum err read_status(struct cursor *c)
{
    for (; c->at < c->end && c->at < c->mark + STATUS_BYTES; c->at++) {
        bool is_right = c->at == c->mark ? *c->at >= '1' && *c->at <= '5' : scan_is(*c->at, SCAN_DIGIT);
        if (!is_right)
            return http1_fail(c->parser, HTTP1_FAULT_STATUS_INVALID);
    }
    if (c->at == c->end)
        return ERR_AGAIN;
    c->head->status = (uint16_t)((c->mark[0] - '0') * 100 + (c->mark[1] - '0') * 10 + (c->mark[2] - '0'));
    if (c->head->status == 101)
        return http1_fail(c->parser, HTTP1_FAULT_STATUS_SWITCHING);
    c->mark = c->at;
    c->state = STATE_REASON;
    return ERR_OK;
}

/* Dropped: HTTP/2 has none, and nobody may act on it (RFC 9112 section 4). The space before it belongs there even when
 * it is empty, but servers forget it, and no reader is misled. */
static inline enum err read_reason(struct cursor *c)
{
    if (c->at == c->mark && scan_is(*c->at, SCAN_VALUE) && *c->at != ' ')
        return http1_fail(c->parser, HTTP1_FAULT_STATUS_INVALID);
    c->at = c->parser->scan->value(c->from, c->at, c->end);
    TRY(cursor_line_end(c, HTTP1_FAULT_REASON_CHAR));
    c->state = STATE_NAME;
    return ERR_OK;
}

static inline enum err read_head(struct cursor *c)
{
    switch (c->state) {
    case STATE_BLANK:
        TRY(read_version(c));
        __attribute__((fallthrough));
    case STATE_STATUS:
        TRY(read_status(c));
        __attribute__((fallthrough));
    case STATE_REASON:
        TRY(read_reason(c));
        __attribute__((fallthrough));
    default:
        TRY(cursor_fields(c));
    }
    c->state = STATE_DONE;
    return ERR_OK;
}
