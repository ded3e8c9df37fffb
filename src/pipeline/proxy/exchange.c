/* SPDX-License-Identifier: Apache-2.0 */
/* What a request that is with an upstream comes to, whatever is spoken there.
 *
 * The request waits in the stage `proxy` until the head of the response is there or all is lost; flow_resume lets it look
 * again. Later it waits in `respond`, and the same call lets it take more of the body. Where the request has failed
 * meanwhile for a reason of its own (its time is over, its body was malformed), the link is of no use to anyone. */
#include "pipeline/proxy/proxy_int.h"

#define INTERIMS_MAX 16 /* 1xx before a response */

bool exchange_is_given_up(struct exchange *exchange)
{
    if (!exchange->request->problem)
        return false;
    link_leave(exchange, false);
    return true;
}

void exchange_leave(struct exchange *exchange)
{
    if (exchange->has_left)
        return;
    exchange->has_left = true;
    exchange->pool->in_flight--;
    gauge_add(&exchange->request->worker->meter.upstream_in_flight, -1);
}

void exchange_fail(struct exchange *exchange, enum problem problem, const char *why)
{
    struct worker *worker = exchange->request->worker;
    counter_add(&worker->meter.upstream_failures, 1);
    link_leave(exchange, false);
    exchange_leave(exchange);
    if (exchange->request->stage != STAGE_proxy) {
        exchange->failure = ERR_CLOSED;
    } else {
        exchange->state = EXCHANGE_FAILED;
        exchange->problem = problem;
        exchange->why = why;
    }
    flow_resume(exchange->request);
}

void exchange_fail_memory(struct exchange *exchange)
{
    exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, "The memory for requests is taken; try again.");
}

void exchange_on_connected(struct exchange *exchange, enum err err)
{
    if (exchange_is_given_up(exchange))
        return;
    if (err == ERR_OK) {
        exchange->state = EXCHANGE_READY;
    } else {
        pool_note_failure(exchange->pool, &exchange->link->address);
        exchange->connect_err = err;
        link_leave(exchange, false);
        exchange->state = EXCHANGE_START;
    }
    flow_resume(exchange->request);
}

bool exchange_is_idempotent(const struct exchange *exchange)
{
    enum http_method method = exchange->request->head.method;
    return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD || method == HTTP_METHOD_PUT ||
           method == HTTP_METHOD_DELETE || method == HTTP_METHOD_OPTIONS;
}

/* What became of the first attempt says nothing about the next. What has come of the request's body is still in `out`. */
bool exchange_repeat(struct exchange *exchange)
{
    if (exchange->attempts >= exchange->pool->upstream->config->tries)
        return false;
    counter_add(&exchange->request->worker->meter.upstream_retries, 1);
    link_leave(exchange, false);
    if (exchange->is_collected) {
        exchange->has_begun_body = false;
        exchange->is_sent = false;
        exchange->is_out_cut = false;
        exchange->request->is_body_blocked = false;
    }
    if (exchange->has_begun_body)
        exchange->out.begin = 0;
    else
        buffer_drop(exchange, &exchange->out);
    exchange->is_write_broken = false;
    exchange->repeat_count++;
    exchange->state = EXCHANGE_START;
    flow_resume(exchange->request);
    return true;
}

/* The request's body. */

/* In pieces, because a link with TLS takes all that it is given. */
static enum verdict give_collected(struct exchange *exchange)
{
    struct request *request = exchange->request;
    struct body_sink *sink = &exchange->sink;
    size_t taken = 1;
    while (exchange->body_left.len && taken && !request->problem) {
        taken = sink->write(sink, slice_first(exchange->body_left, PROXY_PIECE_BYTES));
        exchange->body_left = slice_skip(exchange->body_left, taken);
    }
    request->is_body_blocked = exchange->body_left.len > 0;
    if (!request->problem && !request->is_body_blocked)
        sink->end(sink);
    if (request->problem)
        return VERDICT_FAIL;
    return request->is_body_blocked ? VERDICT_WAIT : VERDICT_NEXT;
}

enum verdict exchange_give_body(struct exchange *exchange)
{
    if (exchange->is_collected) {
        exchange->body_left = exchange->request->body;
        return give_collected(exchange);
    }
    exchange->request->sink = &exchange->sink;
    return flow_receive(exchange->request);
}

enum verdict exchange_go_on_with_body(struct exchange *exchange)
{
    if (!exchange->request->is_body_blocked)
        return VERDICT_NEXT;
    if (exchange->is_collected)
        return give_collected(exchange);
    flow_body_wanted(exchange->request);
    return VERDICT_WAIT;
}

void exchange_wake_body(struct exchange *exchange)
{
    struct request *request = exchange->request;
    if (request->problem)
        return; /* it has failed already, and is on its way out */
    if (exchange_go_on_with_body(exchange) == VERDICT_FAIL)
        flow_fail(request);
}

/* 100 answers our question, and nobody else's. */
bool exchange_take_interim(struct exchange *exchange)
{
    if (exchange->interim_count == INTERIMS_MAX) {
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, "The upstream sends one interim response after the other.");
        return false;
    }
    exchange->interim_count++;
    if (exchange->head.status != 100)
        interim_hand_on(exchange);
    else if (exchange->is_expecting)
        exchange->state = EXCHANGE_CONTINUED;
    return true;
}

void exchange_after_interims(struct exchange *exchange)
{
    bool is_due = exchange->state == EXCHANGE_CONTINUED || exchange->has_informed;
    exchange->has_informed = false;
    if (is_due)
        flow_resume(exchange->request);
}

uint64_t exchange_time_ns(const struct exchange *exchange)
{
    const struct upstream_config *config = exchange->pool->upstream->config;
    if (exchange->state == EXCHANGE_BODY)
        return config->silence_time;
    return exchange->is_expecting ? MIN(config->response_time, PROXY_CONTINUE_NS) : config->response_time;
}

void exchange_on_timeout(struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_HEAD && exchange->is_expecting) {
        exchange->state = EXCHANGE_CONTINUED; /* RFC 9110 section 10.1.1: not to wait for ever */
        flow_resume(exchange->request);
        return;
    }
    counter_add(&exchange->request->worker->meter.upstream_timeouts, 1);
    exchange_fail(exchange, PROBLEM_GATEWAY_TIMEOUT, "The upstream did not answer in time.");
}

/* Buffers. */

bool buffer_ensure(struct exchange *exchange, struct exchange_buffer *buffer, size_t bytes)
{
    if (buffer->ptr)
        return buffer->capacity >= bytes;
    *buffer = (struct exchange_buffer){0};
    buffer->ptr = pool_acquire(&exchange->request->worker->pool, bytes, &buffer->capacity);
    return buffer->ptr != NULL;
}

void buffer_drop(struct exchange *exchange, struct exchange_buffer *buffer)
{
    pool_release(&exchange->request->worker->pool, buffer->ptr, buffer->capacity);
    *buffer = (struct exchange_buffer){0};
}

bool buffer_add(struct exchange *exchange, struct exchange_buffer *buffer, struct slice bytes)
{
    struct pool *pool = &exchange->request->worker->pool;
    size_t waiting = buffer->end - buffer->begin;
    if (buffer->capacity - buffer->end < bytes.len) {
        struct exchange_buffer larger = {.end = waiting};
        larger.ptr = pool_acquire(pool, MAX(waiting + bytes.len, (size_t)PROXY_PIECE_BYTES), &larger.capacity);
        if (!larger.ptr)
            return false;
        if (waiting)
            memcpy(larger.ptr, buffer->ptr + buffer->begin, waiting);
        buffer_drop(exchange, buffer);
        *buffer = larger;
    }
    memcpy(buffer->ptr + buffer->end, bytes.ptr, bytes.len);
    buffer->end += bytes.len;
    return true;
}
