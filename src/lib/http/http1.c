/* SPDX-License-Identifier: Apache-2.0 */
/* The request head, parsed in one pass that can stop at any byte and go on there.
 *
 * Each step reads one element from the cursor and either moves on, or leaves the cursor where the bytes ended and asks
 * for more. What a step decides depends only on bytes before the cursor, so that the outcome cannot depend on how the
 * bytes were split into reads; the fuzz target holds it to that. For the same reason the input is cut at
 * head_bytes_max before anything is looked at: a fault behind the limit does not exist.
 *
 * When the last line is there, the fields that decide framing and routing are read together (http1_decide.c): a request
 * is never partly believed. */
#include "lib/http/http1.h"

#include "lib/http/http1_int.h"

#define VERSION_BYTES 8 /* HTTP/1.1 */

enum state {
    STATE_BLANK, /* before the request line */
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_NAME, /* at the start of a line, or in a name */
    STATE_VALUE,
    STATE_DONE,
};

struct cursor {
    const char *from; /* the start of the input */
    const char *at;   /* the next byte to look at */
    const char *mark; /* the start of the element */
    const char *end;
    struct http1_parser *parser;
    struct http_head *head;
    struct http_header *header; /* the next to fill */
    struct http_header *header_end;
};

static void attach(struct http1_parser *parser, const char *base, struct http_head *head);
static inline enum err read_head(struct cursor *c);

void http1_parser_init(struct http1_parser *parser, const struct http1_limits *limits)
{
    ASSERT(limits->header_count_max <= HTTP1_HEADER_COUNT_MAX, "an index of a header fits its field");
    ASSERT(limits->head_bytes_max >= HTTP1_HEAD_BYTES_LOWEST, "the shortest request fits");
    *parser = (struct http1_parser){.limits = *limits, .scan = scan_for(cpu_level())};
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

static enum err fail(struct http1_parser *parser, enum http1_fault fault)
{
    parser->fault = fault;
    return http1_fault_err(fault);
}

enum err http1_request_parse(struct http1_parser *parser, struct slice input, struct http_head *ret_head)
{
    struct slice visible = slice_first(input, parser->limits.head_bytes_max);
    if (UNLIKELY(parser->fault != HTTP1_FAULT_NONE))
        return http1_fault_err(parser->fault);
    if (input.len == 0)
        return ERR_AGAIN;
    if (parser->base != input.ptr)
        attach(parser, input.ptr, ret_head);
    struct cursor c = {
        .from = input.ptr,
        .at = input.ptr + parser->offset,
        .mark = input.ptr + parser->mark,
        .end = input.ptr + visible.len,
        .parser = parser,
        .head = ret_head,
        .header = ret_head->headers + ret_head->header_count,
        .header_end = ret_head->headers + parser->limits.header_count_max,
    };
    enum err err = read_head(&c);
    parser->offset = (uint32_t)(c.at - input.ptr);
    parser->mark = (uint32_t)(c.mark - input.ptr);
    ret_head->header_count = (uint16_t)(c.header - ret_head->headers);
    if (LIKELY(err == ERR_OK)) {
        ret_head->head_bytes = parser->offset;
        enum http1_fault fault = http1_decide(ret_head, parser->scan, visible);
        return LIKELY(fault == HTTP1_FAULT_NONE) ? ERR_OK : fail(parser, fault);
    }
    if (err == ERR_AGAIN && visible.len == parser->limits.head_bytes_max)
        return fail(parser, parser->state == STATE_TARGET ? HTTP1_FAULT_TARGET_TOO_LONG : HTTP1_FAULT_HEAD_TOO_LARGE);
    return err;
}

static const char *moved(const char *ptr, const char *from, const char *to)
{
    return to + ((uintptr_t)ptr - (uintptr_t)from);
}

/* All but the two arrays and what every good request sets. One by one: a memset of the struct becomes `rep stos`, which
 * takes longer to start than a header to parse. */
static inline void clear(struct http_head *head)
{
    head->version_major = 1;
    head->method_text = (struct slice){NULL, 0};
    head->target = (struct slice){NULL, 0};
    head->host = (struct slice){NULL, 0};
    head->has_body = false;
    head->is_chunked = false;
    head->has_content_length = false;
    head->header_count = 0;
    head->content_length = 0;
    head->present = 0;
    head->repeated = 0;
}

/* Clears the head before the first byte; later, when the caller moved its buffer, lets the head follow. */
static void attach(struct http1_parser *parser, const char *base, struct http_head *head)
{
    const char *from = parser->base;
    parser->base = base;
    if (!from) {
        clear(head);
        return;
    }
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

/* Takes CR LF; `otherwise` is the fault of a byte that begins no line end. */
static inline enum err read_line_end(struct cursor *c, enum http1_fault otherwise)
{
    if (LIKELY(c->end - c->at >= 2 && memcmp(c->at, "\r\n", 2) == 0)) {
        c->at += 2;
        c->mark = c->at;
        return ERR_OK;
    }
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at == '\n')
        return fail(c->parser, HTTP1_FAULT_BARE_LF);
    if (*c->at != '\r')
        return fail(c->parser, otherwise);
    if (c->end - c->at < 2)
        return ERR_AGAIN;
    return fail(c->parser, HTTP1_FAULT_BARE_CR);
}

static inline enum err skip_blank_lines(struct cursor *c)
{
    for (;;) {
        if (c->at == c->end)
            return ERR_AGAIN;
        if (LIKELY(*c->at != '\r' && *c->at != '\n'))
            break;
        TRY(read_line_end(c, HTTP1_FAULT_BARE_CR));
        if (++c->parser->blank_lines > HTTP1_BLANK_LINES_MAX)
            return fail(c->parser, HTTP1_FAULT_TOO_MANY_BLANK_LINES);
    }
    c->parser->state = STATE_METHOD;
    return ERR_OK;
}

/* `text` is a method and the space behind it. */
static inline bool is_method(struct cursor *c, const char *text, enum http_method method)
{
    size_t len = strlen(text);
    if ((size_t)(c->end - c->mark) < len || memcmp(c->mark, text, len) != 0)
        return false;
    c->head->method_text = slice_of(c->mark, len - 1);
    c->head->method = method;
    c->mark += len;
    c->at = c->mark;
    c->parser->state = STATE_TARGET;
    return true;
}

static inline enum err read_method(struct cursor *c)
{
    if (LIKELY(is_method(c, "GET ", HTTP_METHOD_GET) || is_method(c, "POST ", HTTP_METHOD_POST)))
        return ERR_OK;
    while (c->at < c->end && scan_is(*c->at, SCAN_TCHAR))
        c->at++;
    struct slice text = slice_of(c->mark, (size_t)(c->at - c->mark));
    if (text.len > HTTP1_METHOD_BYTES_MAX)
        return fail(c->parser, HTTP1_FAULT_METHOD_TOO_LONG);
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at != ' ' || text.len == 0)
        return fail(c->parser, HTTP1_FAULT_METHOD_INVALID);
    c->head->method_text = text;
    c->head->method = http_method_parse(text);
    if (c->head->method == HTTP_METHOD_CONNECT)
        return fail(c->parser, HTTP1_FAULT_METHOD_CONNECT);
    c->mark = ++c->at;
    c->parser->state = STATE_TARGET;
    return ERR_OK;
}

static inline enum err read_target(struct cursor *c)
{
    c->at = c->parser->scan->target(c->from, c->at, c->end);
    struct slice text = slice_of(c->mark, (size_t)(c->at - c->mark));
    if (text.len > c->parser->limits.target_bytes_max)
        return fail(c->parser, HTTP1_FAULT_TARGET_TOO_LONG);
    if (c->at == c->end)
        return ERR_AGAIN;
    if (*c->at == '\r' || *c->at == '\n')
        return fail(c->parser, HTTP1_FAULT_VERSION_MISSING);
    if (*c->at != ' ')
        return fail(c->parser, HTTP1_FAULT_TARGET_CHAR);
    if (text.len == 0)
        return fail(c->parser, HTTP1_FAULT_TARGET_INVALID);
    c->head->target = text;
    c->mark = ++c->at;
    c->parser->state = STATE_VERSION;
    return ERR_OK;
}

/* The bytes of a version up to the first wrong one. */
static enum err check_version(struct http1_parser *parser, const char *text, size_t text_len)
{
    static const char form[VERSION_BYTES + 1] = "HTTP/1.x";
    size_t len = MIN(text_len, VERSION_BYTES);
    for (size_t i = 0; i < len; i++) {
        char byte = text[i];
        bool is_right = form[i] == 'x' ? scan_is(byte, SCAN_DIGIT) : byte == form[i];
        if (is_right)
            continue;
        bool is_newer = form[i] == '1' && byte >= '2' && byte <= '9';
        return fail(parser, is_newer ? HTTP1_FAULT_VERSION_UNSUPPORTED : HTTP1_FAULT_VERSION_INVALID);
    }
    return len < VERSION_BYTES ? ERR_AGAIN : ERR_OK;
}

static inline enum err read_version(struct cursor *c)
{
    if (LIKELY(c->end - c->mark > VERSION_BYTES && memcmp(c->mark, "HTTP/1.1", VERSION_BYTES) == 0)) {
        c->head->version_minor = 1;
    } else {
        TRY(check_version(c->parser, c->mark, (size_t)(c->end - c->mark)));
        c->head->version_minor = c->mark[VERSION_BYTES - 1] != '0';
    }
    c->at = c->mark + VERSION_BYTES;
    TRY(read_line_end(c, HTTP1_FAULT_VERSION_INVALID));
    c->parser->state = STATE_NAME;
    return ERR_OK;
}

static enum http1_fault name_fault(char stop, bool is_line_start)
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

/* Notes where a field is first found; RFC 9112 sections 3.2 and 6.3 on those that may not come twice. */
static inline enum err note_field(struct cursor *c, enum http_field field)
{
    struct http_head *head = c->head;
    uint64_t bit = UINT64_C(1) << field;
    if (LIKELY(!(head->present & bit))) {
        head->present |= bit;
        head->first[field] = (uint16_t)(c->header - head->headers);
        return ERR_OK;
    }
    head->repeated |= bit;
    if (!http_field_is_single(field))
        return ERR_OK;
    return fail(c->parser, field == HTTP_FIELD_HOST             ? HTTP1_FAULT_HOST_REPEATED
                           : field == HTTP_FIELD_CONTENT_LENGTH ? HTTP1_FAULT_LENGTH_REPEATED
                                                                : HTTP1_FAULT_FIELD_REPEATED);
}

static inline enum err read_name(struct cursor *c)
{
    if (c->header == c->header_end)
        return fail(c->parser, HTTP1_FAULT_TOO_MANY_FIELDS);
    c->at = c->parser->scan->tchar(c->from, c->at, c->end);
    if (c->at == c->end)
        return ERR_AGAIN;
    if (UNLIKELY(*c->at != ':' || c->at == c->mark))
        return fail(c->parser, name_fault(*c->at, c->at == c->mark));
    c->header->name = slice_of(c->mark, (size_t)(c->at - c->mark));
    c->header->id = http_field_parse(c->header->name);
    TRY(note_field(c, c->header->id));
    c->mark = ++c->at;
    c->parser->state = STATE_VALUE;
    return ERR_OK;
}

/* Nearly every value has one space before it and none behind. */
static inline struct slice trim(struct slice value)
{
    bool is_usual = value.len >= 2 && value.ptr[0] == ' ' && (unsigned char)value.ptr[1] > ' ' &&
                    (unsigned char)value.ptr[value.len - 1] > ' ';
    return LIKELY(is_usual) ? slice_skip(value, 1) : slice_trim(value);
}

static inline enum err read_value(struct cursor *c)
{
    c->at = c->parser->scan->value(c->from, c->at, c->end);
    struct slice value = slice_of(c->mark, (size_t)(c->at - c->mark));
    TRY(read_line_end(c, HTTP1_FAULT_VALUE_CHAR));
    c->header++->value = trim(value);
    c->parser->state = STATE_NAME;
    return ERR_OK;
}

static inline enum err read_fields(struct cursor *c)
{
    for (;;) {
        if (c->parser->state == STATE_NAME) {
            if (c->at == c->end)
                return ERR_AGAIN;
            if (*c->at == '\r' && c->at == c->mark)
                return read_line_end(c, HTTP1_FAULT_BARE_CR);
            TRY(read_name(c));
        }
        TRY(read_value(c));
    }
}

static inline enum err read_head(struct cursor *c)
{
    switch (c->parser->state) {
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
        TRY(read_fields(c));
    }
    c->parser->state = STATE_DONE;
    return ERR_OK;
}
