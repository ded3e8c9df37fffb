/* SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: where its bytes go.
 *
 * The receive buffer holds one head at the least. Before a request begins, what is unread moves to its front; while one
 * is in flight everything before `pinned` stays where it is, because the request's slices point there. How long a head
 * may be is settled when the connection is opened: a reload that changes it must not leave a parser and a buffer that
 * disagree. */
#include "pipeline/accept/accept.h"
#include "pipeline/accept/output_int.h"
#include "pipeline/accept/secure_int.h"
#include "pipeline/protocol.h"
#include "pipeline/request.h"

#define BODY_ROOM_BYTES 4096 /* behind the largest head */
#define ROUNDS_MAX      8    /* of output in one turn of the loop: others wait as well */

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_hangup(struct stream *stream);
static bool flush(struct connection *connection);
static void settle(struct connection *connection);
static void end(struct connection *connection);
static void wait_for_next(struct connection *connection);
static void discard(struct connection *connection);
static void drop_input_buffer(struct connection *connection);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = connection_on_sent,
    .on_hangup = on_hangup,
};

static struct connection *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct connection, stream);
}

/* Who sends a PROXY header is not the client: that one is counted when the header is there. */
static bool may_connect(struct worker_listener *listener, const struct address *peer, const struct ip *ip,
                        bool *ret_is_counted)
{
    *ret_is_counted = false;
    if (listener->config->proxy_protocol == PROXY_PROTOCOL_OFF)
        return client_admit(listener->worker, ip, ret_is_counted);
    if (address_is_local(peer) || ip_set_has(&listener->config->proxy_senders, ip))
        return true;
    counter_add(&listener->worker->meter.connections_denied, 1);
    return false;
}

/* A connection that has its place, and nothing else yet. NULL without memory. */
static struct connection *make(struct worker *worker, const struct ip *ip, bool is_counted)
{
    struct connection *connection = slab_acquire(&worker->connections);
    if (!connection) {
        counter_add(&worker->meter.connections_refused, 1);
        places_leave(worker->places, worker->index);
        if (is_counted)
            client_leave(worker, ip);
        return NULL;
    }
    memset(connection, 0, sizeof *connection);
    connection->peer = *ip;
    connection->is_counted = is_counted;
    connection->worker = worker;
    return connection;
}

enum err connection_open(struct worker_listener *listener, int fd, const struct address *peer)
{
    struct worker *worker = listener->worker;
    uint32_t connections_max = worker->is_draining ? UINT32_MAX : (uint32_t)worker->limits.connections;
    struct ip ip = address_ip(peer);
    bool is_counted;
    if (!may_connect(listener, peer, &ip, &is_counted)) {
        socket_close(fd);
        return ERR_OK;
    }
    if (!places_enter(worker->places, connections_max)) {
        if (is_counted)
            client_leave(worker, &ip);
        return ERR_LIMIT;
    }
    struct connection *connection = make(worker, &ip, is_counted);
    if (!connection) {
        socket_close(fd);
        return ERR_OK;
    }
    connection->listener = listener;
    stream_open(&connection->stream, &worker->loop, fd, &handlers);
    timer_init(&connection->timer, connection_on_timer);
    bool has_preface = listener->config->proxy_protocol != PROXY_PROTOCOL_OFF;
    connection->protocol = has_preface ? &protocol_preface : &protocol_http1;
    connection->head_bytes_max = (uint32_t)worker->limits.head_bytes;
    list_add_last(&worker->open_connections, &connection->node);
    worker->connection_count++;
    counter_add(&worker->meter.connections_accepted, 1);
    connection_set_phase(connection, has_preface ? CONNECTION_HEAD : CONNECTION_IDLE);
    enum err err = has_preface ? connection->protocol->open(connection) : connection_begin(connection);
    if (err != ERR_OK || stream_receive_start(&connection->stream) != ERR_OK)
        connection_close(connection);
    return ERR_OK;
}

const struct protocol *connection_first_protocol(const struct connection *connection)
{
    return listen_speaks(connection->listener->config, LISTEN_HTTP1) ? &protocol_http1 : &protocol_http2;
}

enum err connection_begin(struct connection *connection)
{
    struct tls_context *tls = connection->listener->config->tls_context;
    if (tls) {
        TRY(secure_open(connection, tls));
        connection_set_phase(connection, CONNECTION_HANDSHAKE);
        return ERR_OK;
    }
    connection->protocol = connection_first_protocol(connection);
    return connection->protocol->open(connection);
}

NOT_INLINE void connection_close(struct connection *connection)
{
    struct worker *worker = connection->worker;
    if (connection->is_processing) {
        connection->is_broken = true;
        return;
    }
    connection->in.begin = connection->in.end; /* nobody reads the rest */
    if (connection->open_requests)
        counter_add(&worker->meter.connections_lost, 1);
    connection->protocol->close(connection);
    secure_close(connection);
    if (connection->is_resetting)
        stream_reset(&connection->stream);
    stream_close(&connection->stream);
    timer_cancel(&connection->timer);
    drop_input_buffer(connection);
    connection_drop_output(connection);
    list_remove(&connection->node);
    worker->connection_count--;
    if (connection->is_counted)
        client_leave(worker, &connection->peer);
    slab_release(&worker->connections, connection);
    places_leave(worker->places, worker->index);
    worker_connection_closed(worker);
}

void connection_turn(struct connection *connection, const struct protocol *protocol)
{
    ASSERT(connection->open_requests == 0, "a request is answered in the protocol that it came in");
    connection->protocol->close(connection);
    connection->protocol = protocol;
    if (protocol->open(connection) == ERR_OK)
        protocol->work(connection);
    else
        connection_close(connection);
}

void connection_drain(struct connection *connection)
{
    connection->protocol->drain(connection);
}

/* Nothing is unsent, and yet the client is waited for: the kernel calls its buffer writable only when a part of it has been
 * taken. */
static RARELY_CALLED void yield(struct connection *connection)
{
    if (connection->phase != CONNECTION_WRITE)
        connection_set_phase(connection, CONNECTION_WRITE);
    stream_yield(&connection->stream);
}

/* True when there is more to do at once. */
static bool go_round(struct connection *connection)
{
    connection->has_more_output = false;
    if (UNLIKELY(connection->secure) && !connection->is_broken)
        secure_read(connection);
    if (LIKELY(!connection->is_broken))
        connection->protocol->work(connection);
    connection->is_processing = false;
    if (LIKELY(!connection->is_broken))
        return flush(connection);
    connection_close(connection);
    return false;
}

static NOT_INLINE void go_on(struct connection *connection)
{
    for (int round = 2; round <= ROUNDS_MAX; round++) {
        connection->is_processing = true;
        if (!go_round(connection))
            return;
    }
    yield(connection);
}

static CALLS_INLINE void end_bracket(struct connection *connection)
{
    if (UNLIKELY(go_round(connection)))
        go_on(connection);
}

void connection_leave(struct connection *connection, bool is_outermost)
{
    if (is_outermost)
        end_bracket(connection);
}

/* Within a bracket its end may be at work already, and has passed what has changed: one more round looks at it. */
void connection_process(struct connection *connection)
{
    if (connection->is_processing) {
        connection->has_more_output = true;
        return;
    }
    connection->is_processing = true;
    end_bracket(connection);
}

/* Input. */

static size_t input_capacity(const struct connection *connection)
{
    return connection->head_bytes_max + BODY_ROOM_BYTES;
}

static bool ensure_input_buffer(struct connection *connection)
{
    struct connection_buffer *in = &connection->in;
    struct worker *worker = connection->worker;
    size_t wanted = input_capacity(connection);
    if (!in->ptr)
        in->ptr = pool_spare_take(&worker->in_spare, wanted, &in->capacity);
    if (!in->ptr)
        in->ptr = pool_acquire(&worker->pool, wanted, &in->capacity);
    return in->ptr != NULL;
}

/* Makes room without touching what is pinned. */
static NOT_INLINE void compact(struct connection_buffer *in)
{
    size_t unread = in->end - in->begin;
    if (unread && in->end < in->capacity)
        return;
    if (unread)
        memmove(in->ptr + in->pinned, in->ptr + in->begin, unread);
    in->begin = in->pinned;
    in->end = in->begin + unread;
}

static RARELY_CALLED void give_up_input(struct connection *connection)
{
    if (connection->open_requests) {
        connection_close(connection);
        return;
    }
    bool is_outermost = connection_enter(connection);
    connection->protocol->refuse(connection);
    connection_leave(connection, is_outermost);
}

static struct iovec direct_buffer(const struct connection *connection)
{
    const struct protocol *protocol = connection->protocol;
    return protocol->direct_buffer ? protocol->direct_buffer(connection) : (struct iovec){NULL, 0};
}

struct iovec connection_place(struct connection *connection)
{
    struct connection_buffer *in = &connection->in;
    struct iovec direct = direct_buffer(connection);
    if (direct.iov_len)
        return direct;
    if (!ensure_input_buffer(connection)) {
        give_up_input(connection);
        return (struct iovec){0};
    }
    if (in->begin != in->pinned)
        compact(in);
    return (struct iovec){in->ptr + in->end, in->capacity - in->end};
}

static NOT_INLINE struct iovec secure_place(struct connection *connection)
{
    struct iovec room = {0};
    if (secure_buffer(connection, &room) != ERR_OK)
        give_up_input(connection);
    return room;
}

/* What an idle connection receives goes into a spare buffer, if there is one. */
static struct iovec on_buffer(struct stream *stream)
{
    struct connection *connection = of_stream(stream);
    struct connection_buffer *in = &connection->in;
    struct worker *worker = connection->worker;
    if (UNLIKELY(connection->phase == CONNECTION_DISCARD))
        return (struct iovec){worker->discarded, sizeof worker->discarded};
    if (UNLIKELY(connection->secure))
        return secure_place(connection);
    if (LIKELY(connection->phase == CONNECTION_IDLE && !in->ptr)) {
        in->ptr = pool_spare_take(&worker->in_spare, input_capacity(connection), &in->capacity);
        if (LIKELY(in->ptr))
            return (struct iovec){in->ptr, in->capacity};
    }
    return connection_place(connection);
}

void connection_delivered(struct connection *connection, size_t bytes)
{
    if (direct_buffer(connection).iov_len)
        connection->protocol->direct_received(connection, bytes);
    else
        connection->in.end += bytes;
}

void connection_end_input(struct connection *connection)
{
    connection->is_eof = true;
    connection->is_closing = true;
    if (connection->open_requests || !connection->out.ptr)
        connection_close(connection);
}

/* A client may end TLS with something still to be decrypted. */
static RARELY_CALLED void on_received_end(struct connection *connection, enum err err)
{
    if (connection->phase == CONNECTION_DISCARD || err == ERR_IO) {
        connection_close(connection);
    } else if (!connection->secure || secure_end_input(connection)) {
        connection_end_input(connection);
    } else {
        secure_received(connection, 0);
        connection_process(connection);
    }
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct connection *connection = of_stream(stream);
    if (UNLIKELY(err != ERR_OK)) {
        on_received_end(connection, err);
        return;
    }
    if (UNLIKELY(connection->phase == CONNECTION_DISCARD))
        return;
    counter_add(&connection->worker->meter.received_bytes, bytes);
    if (UNLIKELY(connection->secure))
        secure_received(connection, bytes);
    else if (LIKELY(connection->phase == CONNECTION_IDLE))
        connection->in.end += bytes; /* on_buffer's choice */
    else
        connection_delivered(connection, bytes);
    connection_process(connection);
}

void connection_consume(struct connection *connection, size_t bytes)
{
    struct connection_buffer *in = &connection->in;
    ASSERT(bytes <= in->end - in->begin, "only received bytes can be consumed");
    in->begin += bytes;
}

void connection_pin(struct connection *connection, bool is_pinned)
{
    connection->in.pinned = is_pinned ? connection->in.begin : 0;
}

size_t connection_room(const struct connection *connection)
{
    return connection->in.capacity - connection->in.begin;
}

enum err connection_park_input(struct connection *connection, struct request *request)
{
    struct connection_buffer old = connection->in;
    if (!old.ptr)
        return ERR_OK;
    ASSERT(request->block_count < REQUEST_BLOCKS_MAX, "a request keeps few receive buffers");
    request->blocks[request->block_count++] = (struct request_block){old.ptr, old.capacity};
    connection->in = (struct connection_buffer){0};
    size_t unread = old.end - old.begin;
    if (unread == 0)
        return ERR_OK;
    if (!ensure_input_buffer(connection))
        return ERR_NOMEM;
    memcpy(connection->in.ptr, old.ptr + old.begin, unread);
    connection->in.end = unread;
    return ERR_OK;
}

/* While a request runs nobody reads. A client that closes then has gone, as far as anyone can tell: nginx sees it so
 * too. One that is only taking the rest of its last response may well have half-closed. */
static void on_hangup(struct stream *stream)
{
    struct connection *connection = of_stream(stream);
    connection->is_eof = true;
    connection->is_closing = true;
    if (connection->open_requests || !stream->unsent.len)
        connection_close(connection);
}

/* Output. */

/* Sends what is there and sets what is waited for next; may close the connection. True when all is sent and there is
 * more to come, or more to be decrypted. */
static bool flush(struct connection *connection)
{
    enum err err = connection_send_all(connection);
    if (LIKELY(err == ERR_OK)) {
        bool is_over = connection->is_closing && !connection->open_requests;
        if (connection->has_more_output || (connection->secure && !is_over && secure_has_input(connection)))
            return true;
        settle(connection);
    } else if (err == ERR_AGAIN) {
        wait_for_next(connection);
    } else {
        connection_close(connection);
    }
    return false;
}

static void settle(struct connection *connection)
{
    if (connection->out.ptr)
        connection_drop_output(connection);
    if (UNLIKELY(connection->is_closing && !connection->open_requests))
        end(connection);
    else
        wait_for_next(connection);
}

static RARELY_CALLED void end(struct connection *connection)
{
    if ((connection->needs_discard || connection->secure) && !connection->is_eof)
        discard(connection);
    else
        connection_close(connection);
}

/* A head, a body and a run have one deadline each, however often we come by. */
static void wait_for_next(struct connection *connection)
{
    bool wants_input;
    enum connection_phase phase = connection->protocol->phase(connection, &wants_input);
    if (phase == CONNECTION_IDLE)
        drop_input_buffer(connection);
    if (connection->phase != phase)
        connection_set_phase(connection, phase);
    if (!wants_input)
        stream_receive_stop(&connection->stream);
    else if (stream_receive_start(&connection->stream) != ERR_OK)
        connection_close(connection);
}

/* Closing a socket with unread input resets it, and the reset may overtake the response on its way to the client. So
 * send FIN, read and drop for a moment, then close (RFC 9112 section 9.6). Under TLS there is always something to come:
 * the client's close_notify. */
static void discard(struct connection *connection)
{
    if (connection->phase == CONNECTION_DISCARD)
        return;
    drop_input_buffer(connection);
    secure_close(connection);
    socket_shutdown_write(connection->stream.watch.fd);
    connection_set_phase(connection, CONNECTION_DISCARD);
    if (stream_receive_start(&connection->stream) != ERR_OK)
        connection_close(connection);
}

static void drop_input_buffer(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct connection_buffer *in = &connection->in;
    pool_spare_release(&worker->in_spare, &worker->pool, in->ptr, in->capacity, SIZE_MAX);
    *in = (struct connection_buffer){0};
}
