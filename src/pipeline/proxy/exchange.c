/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a link, and what it means for the request.
 *
 * The request waits in the stage `proxy` until the head of the response is there or all is lost; flow_resume lets it look
 * again. Later it waits in `respond`, and the same call lets it take more of the body. Where the request has failed
 * meanwhile for a reason of its own (its time is over, its body was malformed), the link is of no use to anyone. */
#include "pipeline/proxy/proxy_int.h"

#define INTERIMS_MAX 16 /* 1xx before a response */

static void take_head(struct exchange *exchange);

/* True when nobody wants what comes. */
static bool is_given_up(struct exchange *exchange)
{
    if (!exchange->request->problem)
        return false;
    link_release(exchange, false);
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
    link_release(exchange, false);
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

void exchange_on_connected(struct exchange *exchange, enum err err)
{
    struct upstream_link *link = exchange->link;
    if (is_given_up(exchange))
        return;
    if (err == ERR_OK) {
        exchange->state = EXCHANGE_READY;
    } else {
        pool_note_failure(exchange->pool, &link->address);
        exchange->connect_err = err;
        link_release(exchange, false);
        exchange->state = EXCHANGE_START;
    }
    flow_resume(exchange->request);
}

struct iovec exchange_on_buffer(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    const struct limits_config *limits = &exchange->request->worker->limits;
    bool is_in_head = exchange->state != EXCHANGE_BODY;
    if (is_given_up(exchange))
        return (struct iovec){0};
    if (!buffer_ensure(exchange, in, is_in_head ? limits->head_bytes + 1 : PROXY_PIECE_BYTES)) {
        exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, "The memory for requests is taken; try again.");
        return (struct iovec){0};
    }
    size_t room = in->capacity - in->end;
    return (struct iovec){in->ptr + in->end, is_in_head ? room : MIN(room, (size_t)PROXY_PIECE_BYTES)};
}

/* A kept connection that was closed just when it was used again says nothing about the upstream. The request may be sent
 * once more if doing it twice is as good as doing it once (RFC 9110 section 9.2.2), and if we still have it all. */
static bool can_repeat(const struct exchange *exchange)
{
    const struct http_head *head = &exchange->request->head;
    bool is_idempotent = head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD ||
                         head->method == HTTP_METHOD_PUT || head->method == HTTP_METHOD_DELETE ||
                         head->method == HTTP_METHOD_OPTIONS || head->method == HTTP_METHOD_TRACE;
    bool is_untouched = exchange->in.begin == exchange->in.end && exchange->interim_count == 0;
    return exchange->link->is_reused && is_idempotent && is_untouched && !head->has_body &&
           exchange->attempts < exchange->pool->upstream->config->tries;
}

static void end_before_head(struct exchange *exchange)
{
    if (can_repeat(exchange)) {
        counter_add(&exchange->request->worker->meter.upstream_retries, 1);
        link_release(exchange, false);
        exchange->wants_fresh = true;
        exchange->state = EXCHANGE_START;
        flow_resume(exchange->request);
        return;
    }
    bool is_silent = exchange->in.begin == exchange->in.end;
    exchange_fail(exchange, PROBLEM_BAD_GATEWAY,
                  is_silent ? "The upstream closed the connection without a response."
                            : "The upstream closed the connection within the head of its response.");
}

/* The end of the connection, which is the end of the body where nothing else says so. */
static void end_in_body(struct exchange *exchange, enum err err)
{
    if (err != ERR_EOF || !exchange->head.is_until_close) {
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, "The upstream broke off its response.");
        return;
    }
    exchange->is_complete = true;
    link_release(exchange, false);
    exchange_leave(exchange);
    flow_resume(exchange->request);
}

void exchange_on_received(struct exchange *exchange, size_t bytes, enum err err)
{
    if (is_given_up(exchange))
        return;
    if (err != ERR_OK && exchange->state == EXCHANGE_BODY) {
        end_in_body(exchange, err);
    } else if (err != ERR_OK) {
        end_before_head(exchange);
    } else {
        exchange->in.end += bytes;
        link_set_timer(exchange->link);
        if (exchange->state != EXCHANGE_BODY)
            take_head(exchange);
        else if (body_take(exchange))
            flow_resume(exchange->request);
        else
            exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(exchange->chunked.fault));
    }
}

/* The head of the response that counts is at the front of `in`. */
static void take_response(struct exchange *exchange)
{
    enum err err = head_make_response(exchange);
    if (err != ERR_OK) {
        exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, "The memory for requests is taken; try again.");
        return;
    }
    exchange->in.begin += exchange->head.head_bytes;
    exchange->left_bytes = exchange->head.content_length;
    exchange->state = EXCHANGE_BODY;
    link_set_timer(exchange->link);
    if (body_take(exchange))
        flow_resume(exchange->request);
    else
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(exchange->chunked.fault));
}

/* RFC 9110 section 15.2: 100 answers our question; the others are dropped, as HTTP/1.0 has none and few clients look. */
static void take_interim(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    size_t rest = in->end - in->begin - exchange->head.head_bytes;
    memmove(in->ptr, in->ptr + in->begin + exchange->head.head_bytes, rest);
    in->begin = 0;
    in->end = rest;
    exchange->interim_count++;
    if (exchange->head.status == 100 && exchange->is_expecting)
        exchange->state = EXCHANGE_CONTINUED;
    http1_parser_reset(&exchange->parser);
}

static void take_head(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    while (in->begin < in->end) {
        struct slice input = slice_of(in->ptr + in->begin, in->end - in->begin);
        enum err err = http1_response_parse(&exchange->parser, exchange->request->head.method, input, &exchange->head);
        if (err == ERR_AGAIN)
            break;
        if (err != ERR_OK) {
            exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(exchange->parser.fault));
            return;
        }
        if (exchange->head.status >= 200) {
            take_response(exchange);
            return;
        }
        if (exchange->interim_count == INTERIMS_MAX) {
            exchange_fail(exchange, PROBLEM_BAD_GATEWAY, "The upstream sends one interim response after the other.");
            return;
        }
        take_interim(exchange);
    }
    if (exchange->state == EXCHANGE_CONTINUED)
        flow_resume(exchange->request);
}

/* What has waited for the send goes on: more in our buffer, then more of the body. */
void exchange_on_sent(struct exchange *exchange, enum err err)
{
    struct request *request = exchange->request;
    if (is_given_up(exchange))
        return;
    link_set_timer(exchange->link);
    if (err != ERR_OK) {
        body_break_off(exchange);
    } else {
        body_flush(exchange);
    }
    if (request->is_body_blocked && !exchange->link->stream.unsent.len)
        flow_body_wanted(request);
}

/* An upstream that waits for the client's body is not late. */
static bool is_waiting_for_client(const struct exchange *exchange)
{
    const struct upstream_link *link = exchange->link;
    if (exchange->state == EXCHANGE_BODY)
        return !link_is_receiving(link);
    return exchange->state == EXCHANGE_HEAD && !exchange->is_sent && !exchange->is_expecting &&
           !link->stream.unsent.len;
}

void exchange_on_timeout(struct exchange *exchange)
{
    if (is_given_up(exchange))
        return;
    if (is_waiting_for_client(exchange)) {
        link_set_timer(exchange->link);
        return;
    }
    if (exchange->state == EXCHANGE_HEAD && exchange->is_expecting) {
        exchange->state = EXCHANGE_CONTINUED; /* RFC 9110 section 10.1.1: not to wait for ever */
        flow_resume(exchange->request);
        return;
    }
    counter_add(&exchange->request->worker->meter.upstream_timeouts, 1);
    if (exchange->state == EXCHANGE_CONNECTING) {
        exchange_on_connected(exchange, ERR_TIMEOUT);
        return;
    }
    exchange_fail(exchange, PROBLEM_GATEWAY_TIMEOUT, "The upstream did not answer in time.");
}
