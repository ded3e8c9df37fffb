/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/accept/secure_int.h"

#include "lib/sys/clock.h"
#include "lib/tls/session.h"
#include "pipeline/worker.h"

#include <stdlib.h>

#define IN_BYTES      32768
#define OUT_BYTES     4096 /* for what TLS says by itself: more waits until that is sent */
#define OUT_BYTES_MAX 65536

struct secure {
    struct tls_session *session;
    struct connection_buffer in;  /* ciphertext received */
    struct connection_buffer out; /* ciphertext to be sent */
    bool is_eof;                  /* the stream ends behind `in` */
    bool has_begun;               /* the client has sent something */
    bool is_counted;              /* among the handshakes that failed */
    bool has_failed;              /* an alert, or an answer in plain, is the last that is sent */
    bool is_stalled;              /* nothing came of the last try to decrypt */
};

static enum err open(struct connection *connection);
static void close(struct connection *connection);
static void work(struct connection *connection);
static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input);
static void on_expired(struct connection *connection);
static void refuse(struct connection *connection);
static void drain(struct connection *connection);

/* The handshake: wants all input, and makes no requests of it. */
static const struct protocol protocol_handshake = {
    .name = "TLS",
    .open = open,
    .close = close,
    .work = work,
    .phase = phase,
    .on_expired = on_expired,
    .refuse = refuse,
    .drain = drain,
};

static void release(struct connection *connection, struct connection_buffer *buffer)
{
    pool_release(&connection->worker->pool, buffer->ptr, buffer->capacity);
    *buffer = (struct connection_buffer){0};
}

/* Makes an empty buffer hold at least so many bytes. */
static bool ensure(struct connection *connection, struct connection_buffer *buffer, size_t bytes)
{
    if (buffer->ptr && buffer->capacity >= bytes)
        return true;
    release(connection, buffer);
    buffer->ptr = pool_acquire(&connection->worker->pool, bytes, &buffer->capacity);
    return buffer->ptr != NULL;
}

enum err secure_open(struct connection *connection, struct tls_context *context)
{
    const struct tls_session_options options = {.now_s = clock_wall_ns() / NS_PER_S};
    struct secure *secure = calloc(1, sizeof *secure);
    if (!secure)
        return ERR_NOMEM;
    if (tls_session_create(context, &options, &secure->session) != ERR_OK) {
        free(secure);
        return ERR_NOMEM;
    }
    secure->in = connection->in;
    connection->in = (struct connection_buffer){0};
    connection->secure = secure;
    connection->protocol = &protocol_handshake;
    return ERR_OK;
}

/* close_notify, if the kernel takes it now: nobody waits for that. It is a promise that nothing is missing, so there is
 * none after a response that was cut short (RFC 8446 section 6.1). */
static void say_last(struct connection *connection)
{
    struct secure *secure = connection->secure;
    char memory[128];
    struct tls_io io = {.out = memory, .out_capacity = sizeof memory};
    size_t sent;
    bool is_whole = secure->out.begin == secure->out.end && connection->out.begin == connection->out.end;
    if (!is_whole || connection->is_resetting || connection->stream.unsent.len)
        return;
    if (tls_session_close(secure->session, &io) == ERR_OK && io.out_bytes > 0)
        (void)!stream_send(&connection->stream, slice_of(memory, io.out_bytes), &sent);
    connection->stream.unsent = (struct slice){NULL, 0};
}

/* Once for each handshake, for the first reason. */
static void count_failure(struct connection *connection, enum tls_failure_reason reason)
{
    struct secure *secure = connection->secure;
    if (secure->is_counted || tls_session_is_ready(secure->session))
        return;
    secure->is_counted = true;
    counter_add(&connection->worker->meter.tls_handshakes_failed[reason], 1);
}

/* Who connects and says nothing, as balancers do to see whether we are there, has not begun a handshake. */
void secure_close(struct connection *connection)
{
    struct secure *secure = connection->secure;
    if (!secure)
        return;
    if (secure->has_begun)
        count_failure(connection, TLS_FAILURE_closed);
    if (secure->has_failed && !connection->stream.unsent.len)
        (void)!secure_send(connection);
    say_last(connection);
    connection->stream.unsent = (struct slice){NULL, 0};
    release(connection, &secure->in);
    release(connection, &secure->out);
    tls_session_destroy(secure->session);
    free(secure);
    connection->secure = NULL;
}

/* Input. */

enum err secure_buffer(struct connection *connection, struct iovec *ret_room)
{
    struct connection_buffer *in = &connection->secure->in;
    if (!in->ptr && !ensure(connection, in, IN_BYTES))
        return ERR_NOMEM;
    if (in->begin > 0) {
        memmove(in->ptr, in->ptr + in->begin, in->end - in->begin);
        in->end -= in->begin;
        in->begin = 0;
    }
    *ret_room = (struct iovec){in->ptr + in->end, in->capacity - in->end};
    return ERR_OK;
}

void secure_received(struct connection *connection, size_t bytes)
{
    connection->secure->in.end += bytes;
    connection->secure->has_begun = true;
}

/* A call of the session will come to something: there is input, here or inside, or it has stopped for want of room. */
static bool has_work(const struct secure *secure)
{
    return secure->in.begin != secure->in.end || tls_session_has_plaintext(secure->session) ||
           tls_session_wants_room(secure->session);
}

bool secure_end_input(struct connection *connection)
{
    struct secure *secure = connection->secure;
    secure->is_eof = true;
    return !has_work(secure);
}

bool secure_has_input(const struct connection *connection)
{
    const struct secure *secure = connection->secure;
    return has_work(secure) && !secure->is_stalled && !secure->has_failed;
}

/* A client that speaks plain HTTP to this port cannot read an alert. */
static void answer_in_plain(struct secure *secure)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: 132\r\n"
        "Connection: close\r\n\r\n"
        "{\"type\":\"urn:weir:problem:bad-request\",\"title\":\"The request is malformed\",\"status\":400,"
        "\"detail\":\"This port speaks TLS: use https.\"}\n";
    if (secure->out.capacity - secure->out.end < sizeof answer - 1)
        return;
    memcpy(secure->out.ptr + secure->out.end, answer, sizeof answer - 1);
    secure->out.end += sizeof answer - 1;
}

static enum tls_failure_reason reason_of(enum err err)
{
    switch (err) {
    case ERR_MISMATCH:
        return TLS_FAILURE_plain_http;
    case ERR_UNSUPPORTED:
        return TLS_FAILURE_nothing_in_common;
    case ERR_DENIED:
        return TLS_FAILURE_client_certificate;
    case ERR_CLOSED:
        return TLS_FAILURE_alert;
    case ERR_NOMEM:
    case ERR_INTERNAL:
        return TLS_FAILURE_internal;
    default:
        return TLS_FAILURE_malformed;
    }
}

/* Nothing that is not encrypted may follow, and nothing can be: what waits is dropped, the alert goes out, and what the
 * client still sends is read for a moment so that it arrives. */
static void fail(struct connection *connection, enum err err)
{
    struct secure *secure = connection->secure;
    secure->has_failed = true;
    count_failure(connection, reason_of(err));
    if (err == ERR_MISMATCH)
        answer_in_plain(secure);
    connection->in.begin = connection->in.end;
    connection->out.begin = connection->out.end;
    connection_close_after(connection);
    if (connection->open_requests)
        connection_close(connection);
}

static void note_input(struct connection *connection, enum err err, size_t bytes)
{
    if (err == ERR_OK)
        connection_delivered(connection, bytes);
    else if (err == ERR_EOF || err == ERR_TRUNCATED)
        connection_end_input(connection);
    else if (err != ERR_AGAIN)
        fail(connection, err);
}

NOT_INLINE void secure_read(struct connection *connection)
{
    struct secure *secure = connection->secure;
    struct iovec place = {NULL, 0};
    bool is_ready = tls_session_is_ready(secure->session);
    bool has_some = has_work(secure) || secure->is_eof || !is_ready;
    bool wants_input;
    (void)connection->protocol->phase(connection, &wants_input);
    secure->is_stalled = true;
    if (!wants_input || !has_some || secure->has_failed)
        return;
    if (is_ready) {
        place = connection_place(connection);
        if (place.iov_len == 0)
            return;
    }
    bool can_send = !connection->stream.unsent.len;
    if (can_send && !ensure(connection, &secure->out, OUT_BYTES)) {
        connection_close(connection);
        return;
    }
    struct slice before = slice_of(secure->in.ptr + secure->in.begin, secure->in.end - secure->in.begin);
    struct tls_io io = {.in = before, .is_eof = secure->is_eof};
    if (can_send) {
        io.out = secure->out.ptr + secure->out.end;
        io.out_capacity = secure->out.capacity - secure->out.end;
    }
    size_t bytes = 0;
    enum err err = tls_session_read(secure->session, &io, place.iov_base, place.iov_len, &bytes);
    secure->in.begin += before.len - io.in.len;
    secure->out.end += io.out_bytes;
    secure->is_stalled = bytes == 0 && io.in.len == before.len && io.out_bytes == 0;
    if (secure->in.begin == secure->in.end)
        release(connection, &secure->in);
    note_input(connection, err, bytes);
}

/* Output. */

static enum err encrypt(struct connection *connection)
{
    struct secure *secure = connection->secure;
    struct connection_buffer *plain = &connection->out;
    struct connection_buffer *out = &secure->out;
    size_t waiting = plain->end - plain->begin;
    if (waiting == 0)
        return ERR_OK;
    if (out->begin == out->end) {
        out->begin = out->end = 0;
        if (!ensure(connection, out, MIN(tls_sealed_bytes(waiting), (size_t)OUT_BYTES_MAX)))
            return ERR_NOMEM;
    }
    struct tls_io io = {.out = out->ptr + out->end, .out_capacity = out->capacity - out->end};
    size_t taken = 0;
    enum err err = tls_session_write(secure->session, &io, slice_of(plain->ptr + plain->begin, waiting), &taken);
    plain->begin += taken;
    out->end += io.out_bytes;
    return err == ERR_AGAIN ? ERR_OK : err;
}

NOT_INLINE enum err secure_send(struct connection *connection)
{
    struct connection_buffer *out = &connection->secure->out;
    for (;;) {
        if (!connection->secure->has_failed)
            TRY(encrypt(connection));
        if (out->begin == out->end) {
            release(connection, out);
            return ERR_OK;
        }
        size_t sent = 0;
        enum err err = stream_send(&connection->stream, slice_of(out->ptr + out->begin, out->end - out->begin), &sent);
        counter_add(&connection->worker->meter.sent_bytes, sent);
        out->begin += sent;
        TRY(err);
    }
}

void secure_sent(struct connection *connection)
{
    struct connection_buffer *out = &connection->secure->out;
    counter_add(&connection->worker->meter.sent_bytes, out->end - out->begin);
    release(connection, out);
}

/* The handshake as a protocol. */

static enum err open(struct connection *connection)
{
    (void)connection;
    return ERR_OK;
}

static void close(struct connection *connection)
{
    (void)connection;
}

/* Who offers nothing gets what the listener speaks to those in plain text that say nothing either. */
static const struct protocol *agreed_protocol(const struct connection *connection)
{
    enum tls_alpn alpn = tls_session_alpn(connection->secure->session);
    if (alpn == TLS_ALPN_NONE)
        return connection_first_protocol(connection);
    return alpn == TLS_ALPN_H2 ? &protocol_http2 : &protocol_http1;
}

/* Gives way when it is done. */
static void work(struct connection *connection)
{
    struct secure *secure = connection->secure;
    if (!secure || !tls_session_is_ready(secure->session) || secure->has_failed)
        return;
    counter_add(&connection->worker->meter.tls_handshakes, 1);
    if (tls_session_is_resumed(secure->session))
        counter_add(&connection->worker->meter.tls_resumed, 1);
    secure->is_stalled = false;
    connection->tls = tls_session_version(secure->session) == TLS_VERSION_1_3 ? CONNECTION_TLS_1_3 : CONNECTION_TLS_1_2;
    connection_turn(connection, agreed_protocol(connection));
}

static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input)
{
    *ret_wants_input = !connection->stream.unsent.len;
    return CONNECTION_HANDSHAKE;
}

static void on_expired(struct connection *connection)
{
    counter_add(&connection->worker->meter.connections_timed_out, 1);
    count_failure(connection, TLS_FAILURE_timeout);
    connection_close(connection);
}

/* There is no memory, and no way yet to say so. */
static void refuse(struct connection *connection)
{
    counter_add(&connection->worker->meter.connections_refused, 1);
    connection_close(connection);
}

static void drain(struct connection *connection)
{
    connection_set_phase(connection, CONNECTION_HANDSHAKE);
}

/* Questions. */

bool connection_is_secure(const struct connection *connection)
{
    return connection->secure != NULL;
}

const struct tls_peer *connection_tls_peer(const struct connection *connection)
{
    return connection->secure ? tls_session_peer(connection->secure->session) : NULL;
}
