/* SPDX-License-Identifier: Apache-2.0 */
/* Names that fields.def knows and the names of methods are not copied: they stand in static memory already. Everything
 * else goes into pieces of the caller's memory, several fields to a piece. */
#include "lib/http/http2_head.h"

#include "lib/base/text.h"
#include "lib/http/http1.h"
#include "lib/http/scan.h"

#define PIECE_BYTES 512

static void add_pseudo(struct http2_head *builder, struct slice name, struct slice value);
static void add_field(struct http2_head *builder, struct slice name, struct slice value);
static enum http1_fault decide_request(struct http2_head *builder);
static void join_cookies(struct http2_head *builder);

void http2_head_begin(struct http2_head *builder, struct http_head *head, const struct http2_head_limits *limits,
                      http2_head_memory memory, void *owner)
{
    *builder = (struct http2_head){.head = head, .limits = *limits, .memory = memory, .owner = owner};
    head->status = 0;
    head->is_until_close = false;
    head->is_target_plain = false;
    head->method = HTTP_METHOD_OTHER;
    head->method_text = (struct slice){NULL, 0};
    head->target = (struct slice){NULL, 0};
    head->host = (struct slice){NULL, 0};
    head->version_major = 2;
    head->version_minor = 0;
    head->has_body = false;
    head->is_chunked = false;
    head->has_content_length = false;
    head->is_keep_alive = true;
    head->expects_continue = false;
    head->header_count = 0;
    head->content_length = 0;
    head->present = 0;
    head->repeated = 0;
    head->head_bytes = 0;
}

void http2_head_add(struct http2_head *builder, struct slice name, struct slice value)
{
    builder->plain_bytes += name.len + value.len;
    builder->bytes += name.len + value.len + HTTP2_FIELD_OVERHEAD;
    if (UNLIKELY(builder->fault != HTTP1_FAULT_NONE || builder->is_out_of_memory))
        return;
    if (name.len > 0 && name.ptr[0] == ':')
        add_pseudo(builder, name, value);
    else
        add_field(builder, name, value);
    if (builder->bytes > builder->limits.head_bytes_max && builder->fault == HTTP1_FAULT_NONE)
        builder->fault = HTTP1_FAULT_HEAD_TOO_LARGE;
}

/* A copy in the caller's memory; an empty text gets a pointer too. */
static struct slice keep(struct http2_head *builder, struct slice text)
{
    static const char nothing[1] = "";
    if (text.len == 0)
        return slice_of(nothing, 0);
    if ((size_t)(builder->place_end - builder->place) < text.len) {
        size_t bytes = MAX(text.len, PIECE_BYTES);
        char *piece = builder->memory(builder->owner, bytes);
        if (!piece) {
            builder->is_out_of_memory = true;
            return slice_of(nothing, 0);
        }
        builder->place = piece;
        builder->place_end = piece + bytes;
    }
    char *copy = builder->place;
    memcpy(copy, text.ptr, text.len);
    builder->place += text.len;
    return slice_of(copy, text.len);
}

static void set_method(struct http2_head *builder, struct slice text)
{
    struct http_head *head = builder->head;
    head->method = http_method_parse(text);
    if (head->method == HTTP_METHOD_CONNECT)
        builder->fault = HTTP1_FAULT_METHOD_CONNECT;
    else if (head->method != HTTP_METHOD_OTHER)
        head->method_text = slice_of_text(http_method_name(head->method));
    else if (text.len > HTTP1_METHOD_BYTES_MAX)
        builder->fault = HTTP1_FAULT_METHOD_TOO_LONG;
    else if (!http_is_token(text))
        builder->fault = HTTP1_FAULT_METHOD_INVALID;
    else
        head->method_text = keep(builder, text);
}

static void add_pseudo(struct http2_head *builder, struct slice name, struct slice value)
{
    struct http_head *head = builder->head;
    if (slice_is(name, ":method")) {
        set_method(builder, value);
    } else if (slice_is(name, ":path")) {
        if (value.len > builder->limits.target_bytes_max)
            builder->fault = HTTP1_FAULT_TARGET_TOO_LONG;
        else
            head->target = keep(builder, value);
    } else if (slice_is(name, ":authority")) {
        head->host = keep(builder, value);
    } else if (slice_is(name, ":scheme")) {
        builder->has_scheme =
            slice_equal_nocase(value, SLICE_LIT("http")) || slice_equal_nocase(value, SLICE_LIT("https"));
    } else if (slice_is(name, ":status")) {
        uint64_t status = 0;
        if (value.len == 3 && text_parse_u64(value, &status) == ERR_OK)
            builder->head->status = (uint16_t)status;
    }
}

static void add_field(struct http2_head *builder, struct slice name, struct slice value)
{
    struct http_head *head = builder->head;
    if (head->header_count == builder->limits.header_count_max) {
        builder->fault = HTTP1_FAULT_TOO_MANY_FIELDS;
        return;
    }
    struct http_header *header = &head->headers[head->header_count];
    header->id = http_field_parse(name);
    header->name = header->id == HTTP_FIELD_OTHER ? keep(builder, name) : slice_of_text(http_field_name(header->id));
    header->value = keep(builder, value);
    builder->fault = http_head_note(head, header->id, head->header_count);
    head->header_count++;
}

enum err http2_head_end_request(struct http2_head *builder, bool has_body)
{
    builder->head->has_body = has_body;
    builder->head->head_bytes = builder->plain_bytes;
    if (builder->fault == HTTP1_FAULT_NONE && !builder->is_out_of_memory)
        builder->fault = decide_request(builder);
    if (builder->fault == HTTP1_FAULT_NONE && builder->head->repeated >> HTTP_FIELD_COOKIE & 1)
        join_cookies(builder);
    if (builder->fault != HTTP1_FAULT_NONE)
        return http1_fault_err(builder->fault);
    return builder->is_out_of_memory ? ERR_NOMEM : ERR_OK;
}

/* RFC 9110 section 15, as in HTTP/1; RFC 9113 section 8.6 has no 101. */
static enum http1_fault decide_status(const struct http_head *head)
{
    if (head->status < 100 || head->status > 599)
        return HTTP1_FAULT_STATUS_INVALID;
    return head->status == 101 ? HTTP1_FAULT_STATUS_SWITCHING : HTTP1_FAULT_NONE;
}

enum err http2_head_end_response(struct http2_head *builder, bool has_body)
{
    builder->head->has_body = has_body;
    builder->head->head_bytes = builder->plain_bytes;
    if (builder->fault == HTTP1_FAULT_NONE)
        builder->fault = decide_status(builder->head);
    if (builder->fault == HTTP1_FAULT_NONE && !builder->is_out_of_memory)
        builder->fault = http_head_read_length(builder->head);
    if (builder->fault != HTTP1_FAULT_NONE)
        return http1_fault_err(builder->fault);
    return builder->is_out_of_memory ? ERR_NOMEM : ERR_OK;
}

/* :path is a path, or "*" with OPTIONS (RFC 9113 section 8.3.1); an absolute URL is HTTP/1's. */
static enum http1_fault decide_target(const struct http2_head *builder)
{
    const struct http_head *head = builder->head;
    struct slice target = head->target;
    if (head->method_text.len == 0)
        return HTTP1_FAULT_METHOD_INVALID;
    if (!builder->has_scheme)
        return HTTP1_FAULT_SCHEME_INVALID;
    if (slice_is(target, "*"))
        return head->method == HTTP_METHOD_OPTIONS ? HTTP1_FAULT_NONE : HTTP1_FAULT_TARGET_INVALID;
    if (!slice_starts(target, SLICE_LIT("/")))
        return HTTP1_FAULT_TARGET_INVALID;
    const char *end = target.ptr + target.len;
    return scan_best->target(target.ptr, target.ptr, end) == end ? HTTP1_FAULT_NONE : HTTP1_FAULT_TARGET_CHAR;
}

/* RFC 9113 section 8.3.1: a Host that says something else than :authority is malformed. */
static enum http1_fault decide_host(struct http_head *head)
{
    const struct http_header *host = http_head_find(head, HTTP_FIELD_HOST);
    if (!host && !head->host.ptr)
        return HTTP1_FAULT_AUTHORITY_MISSING;
    if (!head->host.ptr)
        head->host = host->value;
    else if (host && !slice_equal_nocase(host->value, head->host))
        return HTTP1_FAULT_HOST_DIFFERS;
    return http_is_authority(head->host) ? HTTP1_FAULT_NONE : HTTP1_FAULT_HOST_INVALID;
}

static enum http1_fault decide_request(struct http2_head *builder)
{
    struct http_head *head = builder->head;
    bool has_body = head->has_body;
    enum http1_fault fault = decide_target(builder);
    if (fault == HTTP1_FAULT_NONE)
        fault = decide_host(head);
    if (fault == HTTP1_FAULT_NONE)
        fault = http_head_read_length(head);
    head->has_body = has_body; /* the end of the stream decides, not the length; the codec compares the two */
    if (fault == HTTP1_FAULT_NONE)
        fault = http_head_read_expectation(head);
    return fault;
}

static struct slice joined_cookie(struct http2_head *builder)
{
    const struct http_head *head = builder->head;
    const struct http_header *end = head->headers + head->header_count;
    size_t bytes = 0;
    for (const struct http_header *header = head->headers; header < end; header++)
        if (header->id == HTTP_FIELD_COOKIE)
            bytes += header->value.len + 2;
    char *memory = builder->memory(builder->owner, bytes);
    if (!memory) {
        builder->is_out_of_memory = true;
        return (struct slice){NULL, 0};
    }
    char *place = memory;
    for (const struct http_header *header = head->headers; header < end; header++) {
        if (header->id != HTTP_FIELD_COOKIE || header->value.len == 0)
            continue;
        if (place > memory) {
            memcpy(place, "; ", 2);
            place += 2;
        }
        memcpy(place, header->value.ptr, header->value.len);
        place += header->value.len;
    }
    return slice_of(memory, (size_t)(place - memory));
}

/* RFC 9113 section 8.2.3: crumbs become one value, with "; " between them, before anyone else sees them.
 * Empty ones are left out: a value has no space at its end. */
static void join_cookies(struct http2_head *builder)
{
    struct http_head *head = builder->head;
    struct slice value = joined_cookie(builder);
    if (builder->is_out_of_memory)
        return;
    uint16_t count = 0;
    head->headers[head->first[HTTP_FIELD_COOKIE]].value = value;
    for (uint16_t i = 0; i < head->header_count; i++)
        if (head->headers[i].id != HTTP_FIELD_COOKIE || i == head->first[HTTP_FIELD_COOKIE])
            head->headers[count++] = head->headers[i];
    head->header_count = count;
    head->repeated &= ~(UINT64_C(1) << HTTP_FIELD_COOKIE);
    while (count-- > 0)
        head->first[head->headers[count].id] = count;
}
