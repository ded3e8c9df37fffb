/* SPDX-License-Identifier: Apache-2.0 */
/* Hands a request on to the upstream of its route and waits for the head of the response. Bodies go through in both
 * directions while they come. What is spoken with the upstream is the affair of the link (struct upstream_protocol).
 *
 * An upstream is asked only for what HTTP has in every version: a request to switch protocols is refused. */
#include "pipeline/proxy/proxy_int.h"

static enum verdict begin(struct request *request);
static enum verdict fail(struct exchange *exchange);
static enum verdict find_link(struct exchange *exchange);
static void end(void *exchange);

enum verdict stage_proxy(struct request *request)
{
    if (LIKELY(!request->route->upstream))
        return VERDICT_NEXT;
    if (!request->exchange) {
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    struct exchange *exchange = request->exchange;
    if (exchange->state == EXCHANGE_START) {
        enum verdict verdict = find_link(exchange);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    if (exchange->state == EXCHANGE_READY)
        return exchange->link->protocol->send(exchange);
    if (exchange->state == EXCHANGE_CONTINUED)
        return exchange->link->protocol->send_body(exchange);
    if (exchange->state == EXCHANGE_FAILED)
        return fail(exchange);
    return exchange->state == EXCHANGE_BODY ? collect_response(exchange) : VERDICT_WAIT;
}

/* A body that is malformed in its first bytes fails with the head already in the response. */
static enum verdict fail(struct exchange *exchange)
{
    struct request *request = exchange->request;
    if (request->response.source)
        proxy_drop_response(request);
    if (exchange->problem == PROBLEM_OUT_OF_MEMORY)
        request->retry_after_s = 1;
    return request_fail(request, exchange->problem, "%s", exchange->why);
}

void proxy_drop_response(struct request *request)
{
    struct response *response = &request->response;
    response->source = NULL;
    response->has_length = false;
    response->has_date = false;
    response->trailer_count = 0;
    response->field_count = request->exchange->field_count;
}

static struct exchange *make_exchange(struct request *request)
{
    const struct limits_config *limits = &request->worker->limits;
    struct exchange *exchange = arena_alloc_zero(&request->arena, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->head.headers = arena_alloc(&request->arena, limits->header_count * sizeof(struct http_header));
    if (!exchange->head.headers)
        return NULL;
    exchange->request = request;
    exchange->begin_ns = request->worker->loop.now_ns;
    exchange->pool = pool_of(request);
    exchange->is_collected = request->head.has_body && request->is_body_complete;
    timer_init(&exchange->timer, http2_exchange_on_timer);
    return exchange;
}

static enum verdict begin(struct request *request)
{
    struct worker *worker = request->worker;
    struct proxy_pool *pool = pool_of(request);
    enum verdict verdict = gateway_admit(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    if (pool->in_flight >= pool->upstream->config->in_flight) {
        counter_add(&worker->meter.upstream_refused, 1);
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OVERLOADED, "Too many requests are with the upstream; try again.");
    }
    struct exchange *exchange = make_exchange(request);
    if (!exchange)
        return request_fail_memory(request);
    request->exchange = exchange;
    request_on_release(request, end, exchange);
    pool->in_flight++;
    counter_add(&worker->meter.upstream_requests, 1);
    gauge_add(&worker->meter.upstream_in_flight, 1);
    return VERDICT_NEXT;
}

/* The request is over, for whatever reason: an upstream that is still at work hears of it by the end of its connection. */
static void end(void *context)
{
    struct exchange *exchange = context;
    link_leave(exchange, false);
    list_remove(&exchange->heard_node);
    buffer_drop(exchange, &exchange->in);
    buffer_drop(exchange, &exchange->out);
    exchange_leave(exchange);
}

static enum verdict fail_to_connect(struct exchange *exchange, enum err err)
{
    struct request *request = exchange->request;
    counter_add(&request->worker->meter.upstream_failures, 1);
    if (err == ERR_NOMEM || err == ERR_BUSY) {
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OVERLOADED, "There are no connections left to the upstream; try again.");
    }
    if (err == ERR_TIMEOUT)
        return request_fail(request, PROBLEM_GATEWAY_TIMEOUT, "Connecting to the upstream took too long.");
    if (err == ERR_DENIED)
        return request_fail(request, PROBLEM_UPSTREAM_UNREACHABLE, "The upstream's certificate is not trusted.");
    if (err == ERR_MISMATCH)
        return request_fail(request, PROBLEM_BAD_GATEWAY, "The upstream does not speak HTTP/2.");
    if (pool_size(exchange->pool) == 0)
        return request_fail(request, PROBLEM_UPSTREAM_UNREACHABLE, "The upstream's name has no address.");
    return request_fail(request, PROBLEM_UPSTREAM_UNREACHABLE, "No connection to the upstream could be made.");
}

static enum verdict find_link(struct exchange *exchange)
{
    struct proxy_pool *pool = exchange->pool;
    enum err err = exchange->connect_err;
    for (;;) {
        struct proxy_target *target = pool_pick(pool);
        uint32_t failed_count = exchange->attempts - exchange->repeat_count;
        if (!target || exchange->attempts >= pool->upstream->config->tries || failed_count >= pool_size(pool))
            return fail_to_connect(exchange, err);
        exchange->attempts++;
        struct upstream_link *link = link_find(exchange, target);
        if (link) {
            link_enter(link, exchange);
            exchange->state = link->is_open ? EXCHANGE_READY : EXCHANGE_CONNECTING;
            return VERDICT_NEXT;
        }
        err = link_connect(exchange, target);
        if (err == ERR_OK) {
            exchange->state = EXCHANGE_CONNECTING;
            return VERDICT_NEXT;
        }
        if (err != ERR_NOMEM && err != ERR_BUSY)
            pool_note_failure(pool, &target->address);
    }
}
