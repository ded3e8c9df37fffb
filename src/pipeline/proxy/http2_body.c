/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in HTTP/2: windows hold up whoever is ahead.
 *
 * Of the request's body one piece waits in `out` until the codec pulls it; the client is read again when it has. It stays
 * there until the response begins, as long as all of it fits, so that a server that refuses the request can be asked
 * again. Of the response's body, what the client does not take at once waits in `in`, and its window is given back only as
 * it is taken. */
#include "pipeline/proxy/proxy_int.h"

static size_t sink_write(struct body_sink *sink, struct slice bytes);
static void sink_end(struct body_sink *sink);
static enum err source_read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);

void http2_body_init(struct exchange *exchange)
{
    exchange->sink = (struct body_sink){.write = sink_write, .end = sink_end};
    exchange->source = (struct body_source){.read = source_read};
    exchange->stream = (struct http2_stream){.head = &exchange->head};
    exchange->is_pulled = false;
}

/* The request. */

/* Room behind what waits; what was sent already makes place for it at last. */
static size_t room_in(struct exchange *exchange, size_t wanted)
{
    struct exchange_buffer *out = &exchange->out;
    if (out->capacity - out->end < wanted && out->begin > 0) {
        memmove(out->ptr, out->ptr + out->begin, out->end - out->begin);
        out->end -= out->begin;
        out->begin = 0;
        exchange->is_out_cut = true;
    }
    return out->capacity - out->end;
}

static size_t sink_write(struct body_sink *sink, struct slice bytes)
{
    struct exchange *exchange = CONTAINER_OF(sink, struct exchange, sink);
    struct exchange_buffer *out = &exchange->out;
    if (exchange->has_left)
        return bytes.len;
    if (!buffer_ensure(exchange, out, PROXY_PIECE_BYTES)) {
        (void)request_fail_memory(exchange->request);
        return 0;
    }
    size_t taken = MIN(room_in(exchange, bytes.len), bytes.len);
    memcpy(out->ptr + out->end, bytes.ptr, taken);
    out->end += taken;
    receive_note_progress(exchange->request);
    if (exchange->link && exchange->stream.session) {
        http2_exchange_wait(exchange);
        http2_resume(&exchange->stream);
        http2_link_is_due(exchange->link);
    }
    return taken;
}

/* What the codec takes, which asks for them where nothing may fail. A body that was collected goes on with its length and
 * without trailers, as it does in HTTP/1: they spoke of what the client sent. */
static bool keep_trailers(struct exchange *exchange)
{
    struct request *request = exchange->request;
    struct response_field *chosen;
    uint32_t count;
    if (trailers_of_request(exchange, &chosen, &count) != ERR_OK)
        return false;
    exchange->out_trailers = arena_alloc_array(&request->arena, count, sizeof(struct http2_field));
    if (!exchange->out_trailers) {
        (void)request_fail_memory(request);
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        exchange->out_trailers[i] = (struct http2_field){chosen[i].name, chosen[i].value};
    exchange->out_trailer_count = count;
    return true;
}

static void sink_end(struct body_sink *sink)
{
    struct exchange *exchange = CONTAINER_OF(sink, struct exchange, sink);
    if (!exchange->is_collected && !keep_trailers(exchange))
        return;
    exchange->is_sent = true;
    if (!exchange->link || !exchange->stream.session)
        return;
    http2_resume(&exchange->stream);
    http2_link_is_due(exchange->link);
}

/* From within the codec: nothing that could end the request is called here. */
enum err http2_body_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = exchange_of_stream(stream);
    struct exchange_buffer *out = &exchange->out;
    size_t bytes = MIN(out->end - out->begin, capacity);
    if (bytes > 0)
        memcpy(place, out->ptr + out->begin, bytes);
    out->begin += bytes;
    *ret_bytes = bytes;
    bool is_empty = out->begin == out->end;
    if (is_empty && exchange->state == EXCHANGE_BODY) {
        buffer_drop(exchange, out);
        exchange->is_out_cut = true;
    }
    if (is_empty && exchange->is_sent) {
        exchange->is_pulled = true;
        if (exchange->out_trailer_count)
            TRY(http2_send_trailers(stream, exchange->out_trailers, exchange->out_trailer_count));
        return ERR_EOF;
    }
    if (bytes > 0 && !list_is_linked(&exchange->taken_node))
        list_add_last(&exchange->link->http2.taken, &exchange->taken_node);
    return bytes > 0 ? ERR_OK : ERR_AGAIN;
}

/* The response. */

/* What is left of the request's body is of no use to anyone. */
void http2_body_complete(struct exchange *exchange)
{
    exchange->is_complete = true;
    bool is_sent = exchange->is_pulled || !exchange->request->head.has_body;
    link_leave(exchange, is_sent && !exchange->is_dirty);
    exchange_leave(exchange);
    buffer_drop(exchange, &exchange->out);
}

static bool keep(struct exchange *exchange)
{
    struct slice arrived = exchange->arrived;
    exchange->arrived = (struct slice){NULL, 0};
    return arrived.len == 0 || buffer_add(exchange, &exchange->in, arrived);
}

void http2_body_received(struct http2_stream *stream, struct slice data)
{
    struct exchange *exchange = exchange_of_stream(stream);
    if (exchange_is_given_up(exchange))
        return;
    http2_exchange_wait(exchange);
    http2_exchange_heard(exchange, &exchange->link->http2);
    if (exchange->arrived.len == 0 && exchange->in.begin == exchange->in.end) {
        exchange->arrived = data;
        return;
    }
    if (!keep(exchange) || !buffer_add(exchange, &exchange->in, data))
        exchange_fail_memory(exchange);
}

void http2_body_keep(struct exchange *exchange)
{
    if (!keep(exchange))
        exchange_fail_memory(exchange);
}

void http2_body_ended(struct http2_stream *stream)
{
    struct exchange *exchange = exchange_of_stream(stream);
    if (exchange_is_given_up(exchange))
        return;
    if (trailers_of_response(exchange) == ERR_LIMIT) {
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(HTTP1_FAULT_TRAILERS_TOO_LARGE));
        return;
    }
    http2_exchange_heard(exchange, &exchange->link->http2);
    http2_body_complete(exchange);
}

static enum err source_read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = CONTAINER_OF(source, struct exchange, source);
    struct exchange_buffer *in = &exchange->in;
    bool is_held = in->begin < in->end;
    struct slice here = is_held ? slice_of(in->ptr + in->begin, in->end - in->begin) : exchange->arrived;
    size_t bytes = MIN(here.len, capacity);
    if (bytes == 0)
        return exchange->is_complete ? ERR_EOF : exchange->failure ? exchange->failure : ERR_AGAIN;
    memcpy(place, here.ptr, bytes);
    *ret_bytes = bytes;
    if (!is_held)
        exchange->arrived = slice_skip(here, bytes);
    else if ((in->begin += bytes) == in->end)
        buffer_drop(exchange, in);
    http2_consumed(&exchange->stream, bytes);
    if (exchange->link)
        http2_link_is_due(exchange->link);
    return ERR_OK;
}
