/* SPDX-License-Identifier: Apache-2.0 */
/* The request head, parsed in one pass that can stop at any byte and go on there: the request line here, the steps that
 * every message shares in http1_lines_int.h.
 *
 * When the last line is there, the fields that decide framing and routing are read together (http1_decide.c): a request
 * is never partly believed. */
#include "lib/http/http1.h"

#include "lib/http/http1_lines_int.h"

ALWAYS_INLINE enum err read_head(struct cursor *c);

enum err http1_request_parse(struct http1_parser *parser, struct slice input, struct http_head *ret_head)
{
    struct slice visible = slice_first(input, parser->limits.head_bytes_max);
    if (UNLIKELY(parser->fault != HTTP1_FAULT_NONE))
        return http1_fault_err(parser->fault);
    if (input.len == 0)
        return ERR_AGAIN;
    struct cursor c = cursor_enter(parser, visible, ret_head);
    TRY(cursor_leave(&c, read_head(&c)));
    enum http1_fault fault = http1_decide(ret_head, c.last_block);
    return LIKELY(fault == HTTP1_FAULT_NONE) ? ERR_OK : http1_fail(parser, fault);
}

ALWAYS_INLINE enum err skip_blank_lines(struct cursor *c)
{
    for (;;) {
        if (c->at == c->end)
            return ERR_AGAIN;
        if (LIKELY((unsigned char)*c->at > '\r' || (*c->at != '\r' && *c->at != '\n')))
            break;
        TRY(cursor_line_end(c, HTTP1_FAULT_BARE_CR));
        if (++c->parser->blank_lines > HTTP1_BLANK_LINES_MAX)
            return http1_fail(c->parser, HTTP1_FAULT_TOO_MANY_BLANK_LINES);
    }
    c->state = STATE_METHOD;
    return ERR_OK;
}

/* `text` is a method and the space behind it. */
ALWAYS_INLINE bool is_method(struct cursor *c, const char *text, enum http_method method)
{
    size_t len = strlen(text);
    if ((size_t)(c->end - c->mark) < len || memcmp(c->mark, text, len) != 0)
        return false;
    c->head->method_text = slice_of(c->mark, len - 1);
    c->head->method = method;
    c->mark += len;
    c->at = c->mark;
    c->state = STATE_TARGET;
    return true;
}

ALWAYS_INLINE enum err read_method(struct cursor *c)
{
    if (LIKELY(is_method(c, "GET ", HTTP_METHOD_GET) || is_method(c, "POST ", HTTP_METHOD_POST)))
        return ERR_OK;
    while (c->at < c->end && scan_is(*c->at, SCAN_TCHAR))
        c->at++;
    struct slice text = slice_of(c->mark, (size_t)(c->at - c->mark));
    if (text.len > HTTP1_METHOD_BYTES_MAX)
        return http1_fail(c->parser, HTTP1_FAULT_METHOD_TOO_LONG);
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at != ' ' || text.len == 0)
        return http1_fail(c->parser, HTTP1_FAULT_METHOD_INVALID);
    c->head->method_text = text;
    c->head->method = http_method_parse(text);
    if (c->head->method == HTTP_METHOD_CONNECT)
        return http1_fail(c->parser, HTTP1_FAULT_METHOD_CONNECT);
    c->mark = ++c->at;
    c->state = STATE_TARGET;
    return ERR_OK;
}

/* Nearly every target is a path of few kinds of characters, which needs no second look by whoever wants it canonical. */
ALWAYS_INLINE bool is_plain_target(struct cursor *c)
{
    if (c->at != c->mark)
        return false;
    c->at = scan_inside(scan_outside_plain_path, c->at, c->last_block);
    return LIKELY(c->at < c->end && *c->at == ' ' && *c->mark == '/');
}

ALWAYS_INLINE enum err check_target_end(struct cursor *c, struct slice text)
{
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at == '\r' || *c->at == '\n')
        return http1_fail(c->parser, HTTP1_FAULT_VERSION_MISSING);
    if (*c->at != ' ')
        return http1_fail(c->parser, HTTP1_FAULT_TARGET_CHAR);
    return text.len > 0 ? ERR_OK : http1_fail(c->parser, HTTP1_FAULT_TARGET_INVALID);
}

ALWAYS_INLINE enum err read_target(struct cursor *c)
{
    c->head->is_target_plain = is_plain_target(c);
    if (UNLIKELY(!c->head->is_target_plain))
        c->at = c->parser->scan->target(c->from, c->at, c->end);
    struct slice text = slice_of(c->mark, (size_t)(c->at - c->mark));
    if (text.len > c->parser->limits.target_bytes_max)
        return http1_fail(c->parser, HTTP1_FAULT_TARGET_TOO_LONG);
    if (UNLIKELY(!c->head->is_target_plain))
        TRY(check_target_end(c, text));
    c->head->target = text;
    c->mark = ++c->at;
    c->state = STATE_VERSION;
    return ERR_OK;
}

ALWAYS_INLINE enum err read_version(struct cursor *c)
{
    if (LIKELY(c->end - c->mark > VERSION_BYTES && memcmp(c->mark, "HTTP/1.1", VERSION_BYTES) == 0)) {
        c->head->version_minor = 1;
    } else {
        TRY(http1_check_version(c->parser, c->mark, (size_t)(c->end - c->mark)));
        c->head->version_minor = c->mark[VERSION_BYTES - 1] != '0';
    }
    c->at = c->mark + VERSION_BYTES;
    TRY(cursor_line_end(c, HTTP1_FAULT_VERSION_INVALID));
    c->state = STATE_NAME;
    return ERR_OK;
}

ALWAYS_INLINE enum err read_head(struct cursor *c)
{
    switch (c->state) {
    case STATE_BLANK:
        TRY(skip_blank_lines(c));
        __attribute__((fallthrough));
    case STATE_METHOD:
        TRY(read_method(c));
        __attribute__((fallthrough));
    case STATE_TARGET:
        TRY(read_target(c));
        __attribute__((fallthrough));
    case STATE_VERSION:
        TRY(read_version(c));
        __attribute__((fallthrough));
    default:
        TRY(cursor_fields(c));
    }
    c->state = STATE_DONE;
    return ERR_OK;
}
