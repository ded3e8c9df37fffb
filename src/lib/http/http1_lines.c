/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of reading a message's lines that no usual message needs, and the parser's beginning. */
#include "lib/http/http1_lines_int.h"

void http1_parser_init(struct http1_parser *parser, const struct http1_limits *limits)
{
    ASSERT(limits->header_count_max <= HTTP1_HEADER_COUNT_MAX, "an index of a header fits its field");
    ASSERT(limits->head_bytes_max >= HTTP1_HEAD_BYTES_LOWEST, "the shortest request fits");
    *parser = (struct http1_parser){.limits = *limits, .scan = scan_best};
}

void http1_parser_reset(struct http1_parser *parser)
{
    parser->base = NULL;
    parser->offset = 0;
    parser->mark = 0;
    parser->state = STATE_BLANK;
    parser->blank_lines = 0;
    parser->fault = HTTP1_FAULT_NONE;
}

static const char *moved(const char *ptr, const char *from, const char *to)
{
    return to + ((uintptr_t)ptr - (uintptr_t)from);
}

void http1_follow(const struct http1_parser *parser, const char *base, struct http_head *head)
{
    const char *from = parser->base;
    if (head->method_text.ptr)
        head->method_text.ptr = moved(head->method_text.ptr, from, base);
    if (head->target.ptr)
        head->target.ptr = moved(head->target.ptr, from, base);
    /* In STATE_VALUE the name of one more is known. */
    for (unsigned i = 0; i < head->header_count + (unsigned)(parser->state == STATE_VALUE); i++) {
        head->headers[i].name.ptr = moved(head->headers[i].name.ptr, from, base);
        if (i < head->header_count)
            head->headers[i].value.ptr = moved(head->headers[i].value.ptr, from, base);
    }
}

enum err http1_check_version(struct http1_parser *parser, const char *text, size_t text_len)
{
    static const char form[VERSION_BYTES + 1] = "HTTP/1.x";
    size_t len = MIN(text_len, VERSION_BYTES);
    for (size_t i = 0; i < len; i++) {
        char byte = text[i];
        bool is_right = form[i] == 'x' ? scan_is(byte, SCAN_DIGIT) : byte == form[i];
        if (is_right)
            continue;
        bool is_newer = form[i] == '1' && byte >= '2' && byte <= '9';
        return http1_fail(parser, is_newer ? HTTP1_FAULT_VERSION_UNSUPPORTED : HTTP1_FAULT_VERSION_INVALID);
    }
    return len < VERSION_BYTES ? ERR_AGAIN : ERR_OK;
}

enum http1_fault http1_name_fault(char stop, bool is_line_start)
{
    switch (stop) {
    case ' ':
    case '\t':
        return is_line_start ? HTTP1_FAULT_OBS_FOLD : HTTP1_FAULT_SPACE_BEFORE_COLON;
    case '\n':
        return is_line_start ? HTTP1_FAULT_BARE_LF : HTTP1_FAULT_COLON_MISSING;
    case '\r':
        return HTTP1_FAULT_COLON_MISSING;
    default:
        return HTTP1_FAULT_NAME_INVALID;
    }
}
