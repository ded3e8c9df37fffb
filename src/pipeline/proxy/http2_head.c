/* SPDX-License-Identifier: Apache-2.0 */
/* Heads in HTTP/2. Of the request, what HTTP/1.1 would be sent, but for what the frames say. Of the response, fields in
 * the arena of the request. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/base/text.h"

#define OWN_FIELDS_MAX 12 /* of head_write_own, framing, te */
#define LENGTH_BYTES   20

struct fields {
    struct http2_field *items;
    size_t count;
};

static void add(struct fields *fields, struct slice name, struct slice value)
{
    fields->items[fields->count++] = (struct http2_field){name, value};
}

static void add_clients(struct fields *fields, const struct request *request)
{
    const struct http_head *head = &request->head;
    struct forward_filter filter;
    head_filter_init(&filter, request, 0);
    for (uint32_t i = 0; i < head->header_count; i++)
        if (!head_is_dropped(&filter, &head->headers[i]))
            add(fields, head->headers[i].name, head->headers[i].value);
}

/* What a gateway says of the client goes on from what was there. */
static size_t origin_bytes(const struct http_head *head)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < head->header_count; i++)
        if (FORWARD_ORIGIN_BITS >> head->headers[i].id & 1)
            bytes += head->headers[i].value.len + 2;
    return bytes;
}

/* Ours are written as the lines that HTTP/1.1 has, and taken apart. */
static enum err add_own(struct fields *fields, const struct exchange *exchange)
{
    struct arena *arena = &exchange->request->arena;
    size_t capacity = head_own_bytes(exchange) + origin_bytes(&exchange->request->head);
    char *memory = arena_alloc(arena, capacity);
    struct http1_writer writer;
    if (!memory)
        return ERR_NOMEM;
    http1_writer_init(&writer, memory, capacity);
    head_write_own(&writer, exchange);
    if (writer.is_cut || writer.is_refused)
        return ERR_LIMIT;
    struct slice rest = slice_of(memory, writer.len);
    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\r');
        struct slice name = slice_cut(&line, ':');
        add(fields, name, slice_trim(line));
        rest = slice_skip(rest, 1);
    }
    return ERR_OK;
}

static void add_framing(struct fields *fields, struct exchange *exchange, char length[LENGTH_BYTES])
{
    const struct http_head *head = &exchange->request->head;
    exchange->is_expecting = head->expects_continue && !exchange->has_begun_body && !exchange->is_collected;
    exchange->is_sent |= !head->has_body;
    if (exchange_has_length(exchange) || (!head->has_body && http_method_wants_body(head->method))) {
        size_t digits = text_format_u64(length, exchange_body_bytes(exchange));
        add(fields, SLICE_LIT("content-length"), slice_of(length, digits));
    }
    if (exchange->is_expecting)
        add(fields, SLICE_LIT("expect"), SLICE_LIT("100-continue"));
    if (trailers_are_wanted(head)) /* the one thing that TE may say in HTTP/2 (RFC 9113 section 8.2.2) */
        add(fields, SLICE_LIT("te"), SLICE_LIT("trailers"));
}

enum err http2_head_send(struct exchange *exchange)
{
    struct request *request = exchange->request;
    const struct http_head *head = &request->head;
    struct fields fields = {
        .items = arena_alloc_array(&request->arena, head->header_count + OWN_FIELDS_MAX, sizeof(struct http2_field))};
    struct slice target = head_target(request);
    char length[LENGTH_BYTES];
    if (!fields.items || !target.ptr)
        return ERR_NOMEM;
    add_clients(&fields, request);
    TRY(add_own(&fields, exchange));
    add_framing(&fields, exchange, length);
    exchange->stream.left_bytes = exchange_has_length(exchange) ? exchange_body_bytes(exchange) : UINT64_MAX;
    const struct http2_request message = {
        .method = head->method_text,
        .scheme = exchange->link->tls ? SLICE_LIT("https") : SLICE_LIT("http"),
        .authority = head_host(exchange),
        .path = target,
        .fields = fields.items,
        .count = fields.count,
        .has_body = head->has_body,
    };
    return http2_request(exchange->link->http2.session, &exchange->stream, &message);
}

/* The response. */

void *http2_head_memory_of(struct http2_stream *stream, size_t bytes)
{
    return arena_alloc(&exchange_of_stream(stream)->request->arena, bytes);
}

static void take_response(struct exchange *exchange)
{
    if (head_make_response(exchange, NULL) != ERR_OK) {
        exchange_fail_memory(exchange);
        return;
    }
    exchange->state = EXCHANGE_BODY;
    http2_exchange_wait(exchange);
    http2_exchange_heard(exchange, &exchange->link->http2);
    if (!exchange->head.has_body)
        http2_body_complete(exchange);
}

void http2_head_received(struct http2_stream *stream, enum err err)
{
    struct exchange *exchange = exchange_of_stream(stream);
    if (exchange_is_given_up(exchange))
        return;
    if (err == ERR_NOMEM) {
        exchange_fail_memory(exchange);
    } else if (err != ERR_OK) {
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(stream->fault));
    } else if (exchange->head.status >= 200) {
        take_response(exchange);
    } else if (exchange_take_interim(exchange)) {
        http2_exchange_wait(exchange);
        exchange_after_interims(exchange);
    }
}

void http2_trailer_received(struct http2_stream *stream, struct slice name, struct slice value)
{
    struct exchange *exchange = exchange_of_stream(stream);
    trailers_add_field(&exchange->trailers, &exchange->request->arena, name, value);
}
