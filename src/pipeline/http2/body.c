/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request. Bytes go from the receive buffer to where they are wanted: into memory of the announced size, or
 * that doubles up to the limit, or into a sink. What nobody can take yet is held, and its window is not given back: a
 * client may have http2_stream_window bytes under way for each stream, and that is what can be held for it. */
#include "pipeline/http2/protocol_int.h"

#define UNKNOWN_BYTES_FIRST 16384
#define HELD_BYTES_FIRST    16384

static enum verdict begin(struct request *request);
static enum verdict take(struct request *request, struct slice bytes, size_t *ret_taken);
static bool hold(struct http2_exchange *exchange, struct slice bytes);

/* Calls whoever waits for the body. The request may have ended on return. */
static void wake(struct request *request)
{
    if (!receive_is_reading(request) || request->is_running)
        return;
    if (request->stage == STAGE_receive)
        flow_resume(request);
    else if (http2_pipe_receive(request) == VERDICT_FAIL)
        flow_fail(request);
}

void http2_pipe_data(struct http2_stream *stream, struct slice data)
{
    struct http2_exchange *exchange = http2_exchange_of(stream);
    struct http2_connection *self = exchange->owner;
    self->active = exchange;
    exchange->arrived = data;
    wake(exchange->request);
    if (!self->active)
        return;
    self->active = NULL;
    data = exchange->arrived;
    exchange->arrived = (struct slice){NULL, 0};
    if (data.len > 0 && !hold(exchange, data)) {
        http2_reset(stream, HTTP2_ENHANCE_YOUR_CALM);
        flow_cancel(exchange->request);
    }
}

void http2_pipe_trailer(struct http2_stream *stream, struct slice name, struct slice value)
{
    struct request *request = http2_exchange_of(stream)->request;
    if (request->route && request->route->is_streamed)
        trailers_add_field(&request->trailers, &request->arena, name, value);
}

void http2_pipe_end(struct http2_stream *stream)
{
    struct http2_exchange *exchange = http2_exchange_of(stream);
    http2_clock_ready(exchange);
    if (!exchange->request->head.has_body)
        return;
    if (!list_is_linked(&exchange->undelivered_node))
        list_add_last(&exchange->owner->undelivered, &exchange->undelivered_node);
}

/* Each is looked at once; the list is made anew of those that are still not wanted. */
void http2_pipe_deliver(struct http2_connection *self)
{
    LIST_EACH(node, &self->undelivered)
    {
        wake(CONTAINER_OF(node, struct http2_exchange, undelivered_node)->request);
    }
}

/* Behind what is held already. */
static bool hold(struct http2_exchange *exchange, struct slice bytes)
{
    struct pool *pool = &exchange->request->worker->pool;
    size_t waiting = exchange->held_end - exchange->held_begin;
    if (exchange->held_capacity - exchange->held_end < bytes.len) {
        size_t capacity;
        char *memory = pool_acquire(pool, MAX(waiting + bytes.len, (size_t)HELD_BYTES_FIRST), &capacity);
        if (!memory)
            return false;
        if (waiting)
            memcpy(memory, exchange->held + exchange->held_begin, waiting);
        pool_release(pool, exchange->held, exchange->held_capacity);
        exchange->held = memory;
        exchange->held_capacity = capacity;
        exchange->held_begin = 0;
        exchange->held_end = waiting;
    }
    memcpy(exchange->held + exchange->held_end, bytes.ptr, bytes.len);
    exchange->held_end += bytes.len;
    if (!list_is_linked(&exchange->undelivered_node))
        list_add_last(&exchange->owner->undelivered, &exchange->undelivered_node);
    return true;
}

static enum verdict take_held(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    size_t taken = 0;
    if (!exchange->held)
        return VERDICT_NEXT;
    struct slice held = slice_of(exchange->held + exchange->held_begin, exchange->held_end - exchange->held_begin);
    enum verdict verdict = take(request, held, &taken);
    exchange->held_begin += taken;
    if (exchange->held_begin == exchange->held_end) {
        pool_release(&request->worker->pool, exchange->held, exchange->held_capacity);
        exchange->held = NULL;
        exchange->held_capacity = exchange->held_begin = exchange->held_end = 0;
    }
    return verdict;
}

enum verdict http2_pipe_receive(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    if (!request->has_begun_body) {
        request->has_begun_body = true;
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    enum verdict verdict = take_held(request);
    if (verdict == VERDICT_NEXT && !exchange->held) {
        size_t taken = 0;
        verdict = take(request, exchange->arrived, &taken);
        exchange->arrived = slice_skip(exchange->arrived, taken);
    }
    if (verdict != VERDICT_NEXT)
        return verdict;
    if (exchange->held || exchange->arrived.len > 0 || !exchange->stream.has_ended)
        return VERDICT_WAIT;
    list_remove(&exchange->undelivered_node);
    if (!request->sink)
        request->body = slice_of(request->body_memory, request->body_received);
    return receive_end(request);
}

static enum verdict begin(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    const struct http_head *head = &request->head;
    exchange->rated_ns = http2_now_ns(exchange);
    if (!request->sink) {
        request->body_capacity = head->has_content_length ? head->content_length : UNKNOWN_BYTES_FIRST;
        request->body_memory = receive_alloc(request, request->body_capacity);
        if (!request->body_memory)
            return request_fail_memory(request);
    }
    bool has_some = exchange->held || exchange->arrived.len > 0 || exchange->stream.has_ended;
    if (head->expects_continue && !has_some && !request->is_head_sent &&
        http2_inform(&exchange->stream, 100, NULL, 0) != ERR_OK)
        return request_fail_memory(request);
    return VERDICT_NEXT;
}

/* NEXT when the body may go on; *ret_taken of `bytes` are no longer wanted where they are. */
static enum verdict take(struct request *request, struct slice bytes, size_t *ret_taken)
{
    size_t taken = bytes.len;
    if (bytes.len == 0)
        return VERDICT_NEXT;
    if (bytes.len > request->route->body_bytes_max - MIN(request->body_received, request->route->body_bytes_max))
        return receive_too_large(request);
    if (request->sink) {
        taken = request->sink->write(request->sink, bytes);
        request->is_body_blocked = taken < bytes.len;
    } else {
        if (!receive_reserve(request, bytes.len))
            return request_fail_memory(request);
        memcpy(request->body_memory + request->body_received, bytes.ptr, bytes.len);
    }
    if (request->problem)
        return VERDICT_FAIL;
    request->body_received += taken;
    *ret_taken = taken;
    http2_consumed(&request->http2->stream, taken);
    return VERDICT_NEXT;
}
