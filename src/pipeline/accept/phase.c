/* SPDX-License-Identifier: Apache-2.0 */
/* How long a connection may take.
 *
 * It is always in one phase, and the phase fixes the deadline: a client may idle for a minute but not take a minute over
 * a head. Moving a deadline back costs one store (timer.h), so phases change freely with each request. */
#include "lib/sys/clock.h"
#include "pipeline/accept/accept.h"
#include "pipeline/flow.h"
#include "pipeline/protocol.h"
#include "pipeline/request.h"

#define BODY_GRACE_NS   (5 * NS_PER_S)
#define DISCARD_TIME_NS (2 * NS_PER_S)
#define DRAIN_TIME_NS   (200 * NS_PER_MS) /* for a request that is on its way when draining begins */

static void begin_phase(struct connection *connection);
static uint64_t phase_time_ns(const struct connection *connection);
static bool is_body_in_time(struct connection *connection);
static void on_write_timer(struct connection *connection);

void connection_set_phase(struct connection *connection, enum connection_phase phase)
{
    struct loop *loop = connection->stream.watch.loop;
    const struct worker *worker = connection->worker;
    connection->phase = (uint8_t)phase;
    connection->phase_begin_ns = loop->now_ns;
    connection->seen_bytes = 0;
    if (UNLIKELY(phase != CONNECTION_IDLE)) {
        begin_phase(connection);
        return;
    }
    uint64_t time_ns = worker->is_draining ? DRAIN_TIME_NS : worker->limits.idle_time;
    timer_set(&loop->timers, &connection->timer, loop->now_ns + time_ns);
}

/* Of a phase in which there is something to do. */
static NOT_INLINE void begin_phase(struct connection *connection)
{
    struct loop *loop = connection->stream.watch.loop;
    if (connection->phase == CONNECTION_WRITE)
        connection->seen_bytes = stream_taken_bytes(&connection->stream);
    else if (connection->request)
        connection->seen_bytes = connection->request->body_received;
    uint64_t time_ns = phase_time_ns(connection);
    if (time_ns == UINT64_MAX)
        timer_cancel(&connection->timer);
    else
        timer_set(&loop->timers, &connection->timer, loop->now_ns + time_ns);
}

static uint64_t phase_time_ns(const struct connection *connection)
{
    const struct limits_config *limits = &connection->worker->limits;
    const struct request *request = connection->request;
    switch ((enum connection_phase)connection->phase) {
    case CONNECTION_NONE:
    case CONNECTION_IDLE:
        return limits->idle_time;
    case CONNECTION_HANDSHAKE:
        return connection->worker->is_draining ? DRAIN_TIME_NS : limits->handshake_time;
    case CONNECTION_HEAD:
        return limits->header_time;
    case CONNECTION_BODY:
        return MIN(limits->body_time, BODY_GRACE_NS);
    case CONNECTION_RUN:
        return request && request->route ? request->route->request_time_ns : limits->request_time;
    case CONNECTION_STREAM:
        return UINT64_MAX;
    case CONNECTION_WRITE:
        return limits->write_time;
    case CONNECTION_DISCARD:
        return DISCARD_TIME_NS;
    }
    return limits->idle_time;
}

void connection_on_timer(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, timer);
    switch ((enum connection_phase)connection->phase) {
    case CONNECTION_BODY:
        if (!is_body_in_time(connection))
            connection->protocol->on_expired(connection);
        return;
    case CONNECTION_HANDSHAKE:
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
    case CONNECTION_RUN:
    case CONNECTION_STREAM:
        connection->protocol->on_expired(connection);
        return;
    case CONNECTION_WRITE:
        on_write_timer(connection);
        return;
    case CONNECTION_NONE:
    case CONNECTION_DISCARD:
        connection_close(connection);
        return;
    }
}

/* The body's rate is looked at every BODY_GRACE_NS: whoever trickles is answered with 408. */
static bool is_body_in_time(struct connection *connection)
{
    const struct limits_config *limits = &connection->worker->limits;
    const struct request *request = connection->request;
    uint64_t now_ns = connection->stream.watch.loop->now_ns;
    uint64_t passed_ns = now_ns - request->body_since_ns;
    uint64_t period_ns = now_ns - connection->phase_begin_ns;
    uint64_t got_bytes = request->body_received - connection->seen_bytes;
    if (passed_ns >= limits->body_time)
        return false;
    bool is_slow = period_ns >= BODY_GRACE_NS && got_bytes < limits->body_rate * (period_ns / NS_PER_S);
    if (is_slow && receive_rate_matters(request))
        return false;
    connection->phase_begin_ns = now_ns;
    connection->seen_bytes = request->body_received;
    uint64_t next_ns = MIN(BODY_GRACE_NS, limits->body_time - passed_ns);
    timer_set(&connection->stream.watch.loop->timers, &connection->timer, now_ns + next_ns);
    return true;
}

/* A response that is being taken, if slowly, is worth waiting for. What counts is what the client's system has taken: ours
 * alone may hold a minute's worth of a slow line, and would show no progress in that time. In this phase something was
 * waiting all the time. A client that does not read would not see the end of the connection either, and the kernel would
 * keep what it was sent for minutes: so it is reset. */
static void on_write_timer(struct connection *connection)
{
    const struct limits_config *limits = &connection->worker->limits;
    uint64_t taken_bytes = stream_taken_bytes(&connection->stream) - connection->seen_bytes;
    if (limits_keeps_write_rate(limits, taken_bytes, limits->write_time)) {
        connection_set_phase(connection, CONNECTION_WRITE);
        return;
    }
    counter_add(&connection->worker->meter.connections_timed_out, 1);
    connection->is_resetting = true;
    connection_close(connection);
}
