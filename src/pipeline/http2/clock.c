/* SPDX-License-Identifier: Apache-2.0 */
/* How long a stream may take: the same limits that a connection of HTTP/1 has, for each stream by itself.
 *
 * What a stream waits for changes with every frame, and its timer is not moved each time: it goes off after the shortest
 * of the limits, looks at what is waited for then and since when, and at the deadline of that at the latest again. So a
 * limit is kept to within the shortest one. */
#include "pipeline/http2/protocol_int.h"

#include "lib/sys/clock.h"

#define PERIOD_NS_MAX (5 * NS_PER_S) /* also the span over which the rate of a body is taken */
#define PERIOD_NS_MIN (20 * NS_PER_MS)

static void on_timer(struct timer *timer);

static uint64_t run_time_ns(const struct request *request)
{
    return request->route ? request->route->request_time_ns : request->worker->limits.request_time;
}

static uint64_t period_ns(const struct request *request)
{
    const struct limits_config *limits = &request->worker->limits;
    uint64_t shortest_ns =
        MIN(MIN(limits->header_time, limits->body_time), MIN(limits->write_time, run_time_ns(request)));
    return MAX(MIN(shortest_ns, PERIOD_NS_MAX), PERIOD_NS_MIN);
}

static void wait_until(struct http2_exchange *exchange, uint64_t deadline_ns)
{
    struct request *request = exchange->request;
    uint64_t soon_ns = http2_now_ns(exchange) + period_ns(request);
    timer_set(&request->worker->loop.timers, &exchange->timer, MIN(deadline_ns, soon_ns));
}

void http2_clock_start(struct http2_exchange *exchange)
{
    exchange->begin_ns = http2_now_ns(exchange);
    exchange->ready_ns = exchange->begin_ns;
    timer_init(&exchange->timer, on_timer);
    wait_until(exchange, UINT64_MAX);
}

/* A route may have less time than the period that was chosen before it was known. */
void http2_clock_ready(struct http2_exchange *exchange)
{
    exchange->ready_ns = http2_now_ns(exchange);
    if (run_time_ns(exchange->request) < PERIOD_NS_MAX)
        wait_until(exchange, UINT64_MAX);
}

/* Whoever trickles is answered with 408. While nothing is read the rate is not the client's. */
static bool is_body_too_slow(struct http2_exchange *exchange, bool is_reading)
{
    const struct request *request = exchange->request;
    uint64_t span_ns = http2_now_ns(exchange) - exchange->rated_ns;
    if (is_reading && span_ns < PERIOD_NS_MAX)
        return false;
    size_t bytes = request->body_received - exchange->rated_bytes;
    exchange->rated_ns += span_ns;
    exchange->rated_bytes = request->body_received;
    return is_reading && bytes < request->worker->limits.body_rate * (span_ns / NS_PER_S);
}

void http2_clock_measure(struct http2_exchange *exchange)
{
    exchange->taken_ns = http2_now_ns(exchange);
    exchange->taken_bytes = exchange->request->sent_bytes;
}

/* In a span in which there was always something to take. One byte of window now and then is no progress. */
static bool has_taken_enough(const struct http2_exchange *exchange)
{
    const struct limits_config *limits = &exchange->request->worker->limits;
    uint64_t bytes = exchange->request->sent_bytes - exchange->taken_bytes;
    uint64_t span_ns = http2_now_ns(exchange) - exchange->taken_ns;
    return limits_keeps_write_rate(limits, bytes, span_ns);
}

static void on_body_late(struct http2_exchange *exchange)
{
    struct request *request = exchange->request;
    counter_add(&request->worker->meter.http2_streams_timed_out, 1);
    flow_expire(request, PROBLEM_REQUEST_TIMEOUT);
}

static void on_run_late(struct http2_exchange *exchange)
{
    flow_expire(exchange->request, PROBLEM_DEADLINE);
}

/* The client takes nothing, by its windows or by its socket: the stream is given up, and the others go on. */
static void on_write_late(struct http2_exchange *exchange)
{
    struct connection *connection = exchange->owner->connection;
    counter_add(&connection->worker->meter.http2_streams_timed_out, 1);
    bool is_outermost = connection_enter(connection);
    http2_reset(&exchange->stream, HTTP2_CANCEL);
    flow_cancel(exchange->request);
    connection_leave(connection, is_outermost);
}

/* A header block that does not end keeps all other streams from going on. */
static void on_head_late(struct http2_exchange *exchange)
{
    struct connection *connection = exchange->owner->connection;
    counter_add(&connection->worker->meter.connections_timed_out, 1);
    bool is_outermost = connection_enter(connection);
    http2_terminate(exchange->owner->session, HTTP2_ENHANCE_YOUR_CALM);
    connection_leave(connection, is_outermost);
}

/* What is waited for, until when, and what follows if it does not come; the exchange may be gone then. */
struct wait {
    uint64_t deadline_ns;
    void (*on_late)(struct http2_exchange *exchange);
};

static struct wait waits_for(const struct http2_exchange *exchange)
{
    const struct request *request = exchange->request;
    const struct limits_config *limits = &request->worker->limits;
    if (!exchange->stream.has_head)
        return (struct wait){exchange->begin_ns + limits->header_time, on_head_late};
    if (receive_is_reading(request))
        return (struct wait){request->body_since_ns + request->route->body_time_ns, on_body_late};
    if (!request->is_head_sent && run_time_ns(request) == ROUTE_TIME_NONE)
        return (struct wait){UINT64_MAX, NULL};
    if (!request->is_head_sent)
        return (struct wait){exchange->ready_ns + run_time_ns(request), on_run_late};
    if (!exchange->is_done && http2_is_blocked(&exchange->stream))
        return (struct wait){exchange->taken_ns + limits->write_time, on_write_late};
    return (struct wait){UINT64_MAX, NULL};
}

/* The exchange may be gone then. */
static void use_little_window(struct http2_exchange *exchange)
{
    struct connection *connection = exchange->owner->connection;
    bool is_outermost = connection_enter(connection);
    http2_stop_sparing(&exchange->stream);
    connection_leave(connection, is_outermost);
}

static void on_timer(struct timer *timer)
{
    struct http2_exchange *exchange = CONTAINER_OF(timer, struct http2_exchange, timer);
    struct wait wait = waits_for(exchange);
    bool is_late = http2_now_ns(exchange) >= wait.deadline_ns;
    bool is_taking = wait.on_late == on_write_late;
    if (!is_taking || (is_late && has_taken_enough(exchange))) {
        http2_clock_measure(exchange);
        is_late &= !is_taking;
        if (is_taking)
            wait.deadline_ns = exchange->taken_ns + exchange->request->worker->limits.write_time;
    }
    if (is_body_too_slow(exchange, wait.on_late == on_body_late && receive_rate_matters(exchange->request)))
        is_late = true;
    if (is_late) {
        wait_until(exchange, UINT64_MAX); /* what is answered for being late has to be taken in time, too */
        wait.on_late(exchange);
        return;
    }
    wait_until(exchange, wait.deadline_ns);
    if (exchange->stream.is_sparing)
        use_little_window(exchange);
}
