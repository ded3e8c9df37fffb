/* SPDX-License-Identifier: Apache-2.0 */
/* A request begins with the first field of its head and leaves when its response is complete in the send buffer, or when
 * its stream is reset by whichever side. */
#include "pipeline/http2/protocol_int.h"

/* Refused streams were not looked at: a client may send them again (RFC 9113 section 8.7). */
struct http2_stream *http2_pipe_open(void *owner)
{
    struct http2_connection *self = owner;
    struct connection *connection = self->connection;
    struct worker *worker = connection->worker;
    struct request *request = request_acquire(connection, self->header_count_max);
    struct http2_exchange *exchange = request ? arena_alloc_zero(&request->arena, sizeof *exchange) : NULL;
    if (!exchange) {
        counter_add(&worker->meter.http2_streams_refused, 1);
        if (request) {
            connection->open_requests--;
            request_release(request);
        }
        return NULL;
    }
    exchange->request = request;
    exchange->owner = self;
    exchange->stream.head = &request->head;
    request->http2 = exchange;
    request->head = (struct http_head){.headers = request->head.headers};
    list_add_last(&self->exchanges, &exchange->node);
    http2_clock_start(exchange);
    if (++connection->request_count >= worker->limits.connection_requests) {
        http2_shut_down(self->session, true);
        connection_close_after(connection);
    }
    return &exchange->stream;
}

void *http2_pipe_memory(struct http2_stream *stream, size_t bytes)
{
    return arena_alloc(&http2_exchange_of(stream)->request->arena, bytes);
}

void http2_pipe_head(struct http2_stream *stream, enum err err)
{
    struct http2_exchange *exchange = http2_exchange_of(stream);
    struct request *request = exchange->request;
    exchange->ready_ns = http2_now_ns(exchange);
    request->received_bytes = request->head.head_bytes;
    request->stage = STAGE_route;
    request->is_timed = request->head.has_body || loop_is_watched_closely(&request->worker->loop);
    request->stage_begin_ns = exchange->ready_ns;
    if (err != ERR_OK) {
        const struct http_head kept = {.version_major = 2, .has_body = request->head.has_body, .is_keep_alive = true};
        parse_refuse(request, &kept, stream->fault);
        err = ERR_SYNTAX;
    } else {
        err = parse_target(request);
    }
    if (err != ERR_OK) {
        counter_add(&request->worker->meter.requests_malformed, 1);
        request->stage = STAGE_format;
    }
    flow_start(request);
}

/* A stream that ends before its response does was given up by the client, or broke a rule. */
void http2_pipe_close(struct http2_stream *stream, uint32_t code)
{
    struct http2_exchange *exchange = http2_exchange_of(stream);
    if (exchange->is_done)
        return;
    if (!stream->has_head && code != HTTP2_CANCEL)
        counter_add(&exchange->request->worker->meter.requests_malformed, 1);
    flow_cancel(exchange->request);
}

/* Its stream ends by itself when the response is complete; else the client hears that nothing comes of it. */
void http2_pipe_detach(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    if (exchange->is_done)
        http2_release(&exchange->stream);
    else
        http2_reset(&exchange->stream, HTTP2_CANCEL);
    if (exchange->owner->active == exchange)
        exchange->owner->active = NULL;
    timer_cancel(&exchange->timer);
    list_remove(&exchange->node);
    list_remove(&exchange->undelivered_node);
    list_remove(&exchange->done_node);
    pool_release(&request->worker->pool, exchange->held, exchange->held_capacity);
    request->http2 = NULL;
}

void http2_pipe_abort(struct request *request)
{
    http2_reset(&request->http2->stream, HTTP2_INTERNAL_ERROR);
}
