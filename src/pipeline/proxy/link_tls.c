/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on a link: between the stream, which moves ciphertext, and the protocol, which knows of plaintext only.
 *
 * What the protocol sends is encrypted whole into a buffer of ours, so a send takes all or fails. What comes is decrypted
 * straight into the protocol's buffer, as long as it wants some; the rest waits as ciphertext. A callback may close the
 * link, so it is held while one is on the stack. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/tls/session.h"

#include <stdlib.h>

#define IN_BYTES    32768
#define HELLO_BYTES 4096

struct link_tls {
    struct tls_session *session;
    struct exchange_buffer in;  /* ciphertext received */
    struct exchange_buffer out; /* ciphertext that the stream sends */
    bool is_eof;                /* the stream ends behind `in` */
    bool is_wanted;             /* plaintext is */
};

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void pump(struct upstream_link *link);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
};

static struct upstream_link *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct upstream_link, stream);
}

/* Without its port. */
static struct slice server_host(const struct upstream_link *link)
{
    const struct proxy_target *target = pool_find(link->pool, &link->address);
    struct slice name = link->pool->upstream->config->tls_name;
    struct slice host = target ? target->server->authority : (struct slice){NULL, 0};
    if (name.len)
        return name;
    if (host.len && host.ptr[0] == '[')
        return slice_of(host.ptr + 1, slice_find(host, ']') - 1);
    return slice_first(host, slice_find(host, ':'));
}

enum err link_tls_begin(struct upstream_link *link)
{
    const struct tls_session_options options = {.now_s = clock_wall_ns() / NS_PER_S, .host = server_host(link)};
    struct link_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return ERR_NOMEM;
    link->tls = tls;
    TRY(tls_session_create(link->pool->upstream->tls, &options, &tls->session));
    link->stream.handlers = &handlers;
    tls->is_wanted = true;
    TRY(stream_receive_start(&link->stream));
    pump(link);
    return ERR_OK;
}

/* close_notify, if the kernel takes it now: nobody waits for that. */
static void say_last(struct upstream_link *link)
{
    char memory[128];
    struct tls_io io = {.out = memory, .out_capacity = sizeof memory};
    size_t sent;
    if (link->stream.is_connecting || link->stream.unsent.len || !link->is_ready)
        return;
    if (tls_session_close(link->tls->session, &io) == ERR_OK && io.out_bytes > 0)
        (void)!stream_send(&link->stream, slice_of(memory, io.out_bytes), &sent);
}

void link_tls_end(struct upstream_link *link)
{
    struct link_tls *tls = link->tls;
    if (!tls)
        return;
    if (tls->session)
        say_last(link);
    link->stream.unsent = (struct slice){NULL, 0};
    link_buffer_drop(link, &tls->in);
    link_buffer_drop(link, &tls->out);
    tls_session_destroy(tls->session);
    free(tls);
    link->tls = NULL;
}

/* Output. */

/* What is in `out`, whoever wrote it there. */
static enum err send_out(struct upstream_link *link)
{
    struct exchange_buffer *out = &link->tls->out;
    size_t sent;
    if (link->stream.unsent.len)
        return ERR_AGAIN;
    if (out->end == 0) {
        link_buffer_drop(link, out);
        return ERR_OK;
    }
    enum err err = stream_send(&link->stream, slice_of(out->ptr, out->end), &sent);
    out->end = 0;
    if (err == ERR_OK)
        link_buffer_drop(link, out);
    return err;
}

enum err link_tls_send(struct upstream_link *link, struct slice bytes)
{
    struct exchange_buffer *out = &link->tls->out;
    size_t taken = 0;
    if (!link_buffer_ensure(link, out, tls_sealed_bytes(bytes.len)))
        return ERR_NOMEM;
    struct tls_io io = {.out = out->ptr, .out_capacity = out->capacity};
    enum err err = tls_session_write(link->tls->session, &io, bytes, &taken);
    out->end = io.out_bytes;
    if (err != ERR_OK || taken < bytes.len)
        return err == ERR_OK || err == ERR_AGAIN ? ERR_INTERNAL : err;
    return send_out(link);
}

static void on_sent(struct stream *stream, enum err err)
{
    struct upstream_link *link = of_stream(stream);
    link_buffer_drop(link, &link->tls->out);
    if (err != ERR_OK && !link->is_ready) {
        link_fail(link, err);
        return;
    }
    if (link->is_ready) {
        link_hold(link);
        link->protocol->on_sent(link, err);
        if (!link_let_go(link))
            return;
    }
    pump(link);
}

/* Input. */

/* What is here already is looked at in a later turn, and not from within the caller; unless pump() is the caller's own. */
enum err link_tls_receive_start(struct upstream_link *link)
{
    struct link_tls *tls = link->tls;
    bool has_some = tls->in.begin != tls->in.end || tls_session_has_plaintext(tls->session);
    if (tls->is_wanted)
        return ERR_OK;
    tls->is_wanted = true;
    TRY(stream_receive_start(&link->stream));
    if (has_some && link->holds == 0 && !link->stream.unsent.len && !link->stream.is_yielding)
        stream_yield(&link->stream);
    return ERR_OK;
}

void link_tls_receive_stop(struct upstream_link *link)
{
    link->tls->is_wanted = false;
    stream_receive_stop(&link->stream);
}

bool link_tls_is_receiving(const struct upstream_link *link)
{
    return link->tls->is_wanted;
}

bool link_tls_chose_http2(const struct upstream_link *link)
{
    return tls_session_alpn(link->tls->session) == TLS_ALPN_H2;
}

static struct iovec on_buffer(struct stream *stream)
{
    struct upstream_link *link = of_stream(stream);
    struct exchange_buffer *in = &link->tls->in;
    if (!in->ptr && !link_buffer_ensure(link, in, IN_BYTES)) {
        link_fail(link, ERR_NOMEM);
        return (struct iovec){0};
    }
    if (in->begin > 0) {
        memmove(in->ptr, in->ptr + in->begin, in->end - in->begin);
        in->end -= in->begin;
        in->begin = 0;
    }
    return (struct iovec){in->ptr + in->end, in->capacity - in->end};
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct upstream_link *link = of_stream(stream);
    link_note_received(link, bytes);
    if (err == ERR_IO) {
        link_fail(link, err);
        return;
    }
    link->tls->in.end += bytes;
    link->tls->is_eof |= err == ERR_EOF;
    pump(link);
}

static void on_hangup(struct stream *stream)
{
    (void)stream;
}

/* Where plaintext goes. Nothing: nobody wants any, or the link is gone. */
static struct iovec place_for(struct upstream_link *link)
{
    return link->is_ready ? link->protocol->on_buffer(link) : (struct iovec){NULL, 0};
}

/* One step of the handshake or of decrypting. ERR_AGAIN when it needs more from the stream. */
static enum err step(struct upstream_link *link, struct iovec place, size_t *ret_bytes)
{
    struct link_tls *tls = link->tls;
    bool can_send = !link->stream.unsent.len;
    if (can_send && !link_buffer_ensure(link, &tls->out, HELLO_BYTES))
        return ERR_NOMEM;
    struct slice before = slice_of(tls->in.ptr + tls->in.begin, tls->in.end - tls->in.begin);
    struct tls_io io = {.in = before, .is_eof = tls->is_eof};
    if (can_send) {
        io.out = tls->out.ptr;
        io.out_capacity = tls->out.capacity;
    }
    enum err err = tls_session_read(tls->session, &io, place.iov_base, place.iov_len, ret_bytes);
    tls->in.begin += before.len - io.in.len;
    if (tls->in.begin == tls->in.end)
        link_buffer_drop(link, &tls->in);
    if (can_send) {
        tls->out.end = io.out_bytes;
        enum err sending = send_out(link);
        if (sending != ERR_OK && sending != ERR_AGAIN && err == ERR_AGAIN)
            return sending;
    }
    return err;
}

/* Everything that can be done with what is here. */
static void pump(struct upstream_link *link)
{
    link_hold(link);
    while (!link->is_closed && link->tls->is_wanted) {
        size_t bytes = 0;
        struct iovec place = place_for(link);
        if (link->is_closed || (link->is_ready && place.iov_len == 0))
            break;
        enum err err = step(link, place, &bytes);
        if (!link->is_ready && tls_session_is_ready(link->tls->session))
            link_ready(link);
        else if (err == ERR_AGAIN && tls_session_wants_room(link->tls->session) && !link->stream.unsent.len)
            continue;
        else if (err == ERR_AGAIN)
            break;
        else if (err == ERR_OK && bytes > 0)
            link->protocol->on_received(link, bytes, ERR_OK);
        else if (err != ERR_OK)
            link_fail(link, err);
    }
    (void)link_let_go(link);
}
