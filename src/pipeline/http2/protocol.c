/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on a connection: many requests at a time, each a stream.
 *
 * lib/http2 makes events of what is received; each is handled at once, which may run a request through all of its stages.
 * What is to be sent is pulled when all input has been looked at, so that the frames of all streams leave in one send. A
 * client's bytes are always read, also while it takes none of ours: what it may have under way is bounded by windows
 * and by the number of its streams, and what it may make us say by limits of the codec. */
#include "pipeline/http2/protocol_int.h"

#include "lib/sys/clock.h"
#include "pipeline/http2_shared.h"

#define SEND_PIECE_BYTES   4096
#define WAITING_HIGH_BYTES 65536             /* no more is pulled while so much waits to be sent */
#define DRAIN_TIME_NS      (200 * NS_PER_MS) /* for streams that were opened before the client heard of it */

static enum err open(struct connection *connection);
static void close(struct connection *connection);
static void work(struct connection *connection);
static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input);
static void on_expired(struct connection *connection);
static void refuse(struct connection *connection);
static void drain(struct connection *connection);

const struct protocol protocol_http2 = {
    .name = "HTTP/2",
    .open = open,
    .close = close,
    .work = work,
    .phase = phase,
    .on_expired = on_expired,
    .refuse = refuse,
    .drain = drain,
    .receive = http2_pipe_receive,
    .respond = http2_pipe_respond,
    .inform = http2_pipe_inform,
    .detach = http2_pipe_detach,
    .abort = http2_pipe_abort,
};

static void on_abuse(void *owner, enum http2_abuse abuse);
static void begin_draining(struct http2_connection *self);
static void on_drain_timer(struct timer *timer);
static void say_last(struct connection *connection);
static void pull(struct http2_connection *self);
static void cancel_all(struct http2_connection *self);

static const struct http2_events events = {
    .on_open = http2_pipe_open,
    .on_memory = http2_pipe_memory,
    .on_head = http2_pipe_head,
    .on_data = http2_pipe_data,
    .on_trailer = http2_pipe_trailer,
    .on_end = http2_pipe_end,
    .on_read = http2_pipe_read,
    .on_close = http2_pipe_close,
    .on_abuse = on_abuse,
};

static enum err open(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct http2_context *context;
    TRY(http2_worker_init(worker));
    TRY(http2_shared_context(worker, &context));
    struct http2_connection *self = slab_acquire(&worker->http2->connections);
    if (!self)
        return ERR_NOMEM;
    *self =
        (struct http2_connection){.connection = connection, .header_count_max = (uint16_t)worker->limits.header_count};
    list_init(&self->exchanges);
    list_init(&self->undelivered);
    list_init(&self->done);
    timer_init(&self->drain_timer, on_drain_timer);
    struct http2_limits limits;
    http2_shared_limits(&worker->limits, &limits);
    struct http2_options options = {.context = context, .events = &events, .owner = self, .limits = &limits};
    if (http2_create(&options, &self->session) != ERR_OK) {
        slab_release(&worker->http2->connections, self);
        return ERR_NOMEM;
    }
    connection->protocol_state = self;
    counter_add(&worker->meter.http2_connections, 1);
    if (worker->is_draining)
        begin_draining(self);
    return ERR_OK;
}

static void close(struct connection *connection)
{
    struct http2_connection *self = connection->protocol_state;
    if (!self)
        return;
    cancel_all(self);
    timer_cancel(&self->drain_timer);
    http2_destroy(self->session);
    slab_release(&connection->worker->http2->connections, self);
    connection->protocol_state = NULL;
}

/* A response that is complete in the send buffer is not cancelled: the request ends as it would have. */
static void cancel_all(struct http2_connection *self)
{
    http2_pipe_finish(self);
    while (!list_is_empty(&self->exchanges))
        flow_cancel(CONTAINER_OF(self->exchanges.next, struct http2_exchange, node)->request);
}

static void work(struct connection *connection)
{
    struct http2_connection *self = connection->protocol_state;
    struct slice input = connection_input(connection);
    if (input.len > 0) {
        connection_consume(connection, input.len);
        if (http2_receive(self->session, input, connection->worker->loop.now_ns) != ERR_OK)
            connection->is_closing = true;
    }
    http2_pipe_deliver(self);
    pull(self);
    if (!http2_is_over(self->session))
        return;
    cancel_all(self);
    connection_close_after(connection);
}

/* Into a small buffer first, so that an answer does not cost a large one; all that follows into one that need not grow. */
static void pull(struct http2_connection *self)
{
    struct connection *connection = self->connection;
    struct connection_buffer *out = &connection->out;
    size_t piece = SEND_PIECE_BYTES;
    while (http2_wants_to_send(self->session) && connection->stream.unsent.len == 0) {
        if (connection_unsent(connection) >= WAITING_HIGH_BYTES - HTTP2_SEND_BYTES_MOST) {
            connection->has_more_output = true;
            return;
        }
        if (!connection_reserve(connection, piece)) {
            connection_close(connection);
            return;
        }
        size_t bytes = http2_send(self->session, out->ptr + out->end, out->capacity - out->end);
        out->end += bytes;
        http2_pipe_finish(self);
        if (bytes == 0 && http2_send_room(self->session) <= piece)
            return;
        piece = MAX(WAITING_HIGH_BYTES - connection_unsent(connection), http2_send_room(self->session));
    }
}

static void on_abuse(void *owner, enum http2_abuse abuse)
{
    struct http2_connection *self = owner;
    struct worker_meter *meter = &self->connection->worker->meter;
    switch (abuse) {
#define ABUSE(name, field, fallback, what, more)                                                                       \
    case HTTP2_ABUSE_##name:                                                                                           \
        counter_add(&meter->http2_calmed_##field, 1);                                                                  \
        break;
#include "lib/http2/abuses.def"
#undef ABUSE
    case HTTP2_ABUSE_COUNT:
        break;
    }
}

/* Streams have clocks of their own (clock.c). */
static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input)
{
    const struct http2_connection *self = connection->protocol_state;
    *ret_wants_input = true;
    if (connection->stream.unsent.len > 0)
        return CONNECTION_WRITE;
    if (!http2_is_greeted(self->session))
        return CONNECTION_HEAD;
    return connection->open_requests > 0 || self->is_draining ? CONNECTION_STREAM : CONNECTION_IDLE;
}

/* Whoever does not finish the preface need not be answered; an idle client hears that it was idle for too long. */
static void on_expired(struct connection *connection)
{
    if (connection->phase == CONNECTION_IDLE) {
        say_last(connection);
        return;
    }
    counter_add(&connection->worker->meter.connections_timed_out, 1);
    connection_close(connection);
}

/* GOAWAY by itself: no stream was taken, ENHANCE_YOUR_CALM. */
static void refuse(struct connection *connection)
{
    connection_refuse(connection, SLICE_LIT("\0\0\x08\x07\0\0\0\0\0"
                                            "\0\0\0\0\0\0\0\x0b"));
}

static void begin_draining(struct http2_connection *self)
{
    struct loop *loop = self->connection->stream.watch.loop;
    self->is_draining = true;
    http2_shut_down(self->session, false);
    timer_set(&loop->timers, &self->drain_timer, loop->now_ns + DRAIN_TIME_NS);
}

/* RFC 9113 section 6.8: a GOAWAY that names no last stream, then, when streams that were under way have had the time to
 * arrive, the one that counts. */
static void drain(struct connection *connection)
{
    struct http2_connection *self = connection->protocol_state;
    if (self->is_draining)
        return;
    begin_draining(self);
    connection_process(connection);
}

/* GOAWAY with the last stream that was taken: the connection ends with what is in flight. */
static void say_last(struct connection *connection)
{
    struct http2_connection *self = connection->protocol_state;
    bool is_outermost = connection_enter(connection);
    http2_shut_down(self->session, true);
    connection_close_after(connection);
    connection_leave(connection, is_outermost);
}

static void on_drain_timer(struct timer *timer)
{
    say_last(CONTAINER_OF(timer, struct http2_connection, drain_timer)->connection);
}
