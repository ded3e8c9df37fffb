/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: the rules around OpenSSL's engine.
 *
 * A record is only begun when it fits into the room there is, so that a write has taken a byte or it has not. What
 * OpenSSL sends before it by itself (the answer to a key update) may still fill the room; then the same bytes must be
 * offered again (`unfinished`). */
#include "lib/tls/session.h"

#include "lib/base/attr.h"
#include "lib/tls/ssl_int.h"

#include <stdlib.h>

#define RECORD_BYTES      16384 /* of plaintext, RFC 8446 section 5.1 */
#define FIRST_BYTE_TLS    0x16  /* a record of the handshake */
#define MESSAGES_LATE_MAX 32    /* key updates, attempts to renegotiate and the like between two pieces of plaintext */

static enum err fail(struct tls_session *session, enum err err, const char *reason)
{
    session->failure = (struct tls_failure){err, reason};
    return err;
}

static enum err set_host(struct tls_session *session, struct slice host)
{
    char text[TLS_HOST_BYTES_MAX + 1];
    if (session->context->is_server || (host.len == 0 && session->context->is_unverified))
        return ERR_OK;
    if (host.len == 0 || host.len > TLS_HOST_BYTES_MAX || slice_find(host, '\0') != host.len)
        return ERR_INVALID;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return tls_ssl_set_host(session, text);
}

enum err tls_session_create(struct tls_context *context, const struct tls_session_options *options,
                            struct tls_session **ret_session)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return ERR_NOMEM;
    session->context = tls_context_ref(context);
    session->now_s = options->now_s;
    enum err err = tls_ssl_open(session, options->ticket);
    if (err == ERR_OK)
        err = set_host(session, options->host);
    if (err == ERR_OK)
        *ret_session = session;
    else
        tls_session_destroy(session);
    return err;
}

void tls_session_destroy(struct tls_session *session)
{
    if (!session)
        return;
    tls_ssl_free_session(session);
    free(session->peer);
    tls_context_unref(session->context);
    free(session);
}

/* RFC 8446 section 5.1: what opens a connection is a handshake record. A letter there is a request by somebody who has
 * the wrong port, and who cannot read an alert. */
static enum err check_first_byte(struct tls_session *session)
{
    if (session->has_input || session->io->in.len == 0)
        return ERR_OK;
    char first = session->io->in.ptr[0];
    session->has_input = true;
    if (session->context->is_server && first >= 'A' && first <= 'Z')
        return fail(session, ERR_MISMATCH, "plain HTTP on a TLS port");
    return ERR_OK;
}

static enum err note_peer(struct tls_session *session)
{
    struct x509_st *certificate = tls_ssl_peer_certificate(session);
    enum err err = certificate ? tls_peer_create(certificate, &session->peer) : ERR_OK;
    return err == ERR_OK ? ERR_OK : fail(session, err, "the certificate's names cannot be read");
}

static enum err shake_hands(struct tls_session *session)
{
    if (session->is_ready)
        return ERR_OK;
    TRY(check_first_byte(session));
    enum err err = tls_ssl_handshake(session);
    if (session->failure.err != ERR_OK)
        return err;
    if (session->handshake_bytes > TLS_HANDSHAKE_BYTES_MAX)
        return fail(session, ERR_LIMIT, "the handshake is too long");
    if (err == ERR_EOF)
        return fail(session, ERR_CLOSED, "closed within the handshake");
    TRY(err);
    session->is_ready = true;
    return note_peer(session);
}

/* Asking OpenSSL once more to hear that there is nothing more costs a record buffer taken and given back. */
static enum err receive(struct tls_session *session, char *place, size_t capacity, size_t *ret_bytes)
{
    enum err err = ERR_OK;
    while (*ret_bytes < capacity && err == ERR_OK) {
        size_t bytes = 0;
        err = tls_ssl_read(session, place + *ret_bytes, capacity - *ret_bytes, &bytes);
        *ret_bytes += bytes;
        if (*ret_bytes > 0 && session->io->in.len == 0 && !tls_ssl_has_pending(session))
            break;
    }
    session->is_ending = *ret_bytes > 0 && err != ERR_OK && err != ERR_AGAIN;
    if (*ret_bytes > 0)
        session->messages_late = 0;
    else if (session->messages_late > MESSAGES_LATE_MAX && session->failure.err == ERR_OK)
        return fail(session, ERR_LIMIT, "too many messages without data");
    return *ret_bytes > 0 ? ERR_OK : err;
}

enum err tls_session_read(struct tls_session *session, struct tls_io *io, char *place, size_t capacity,
                          size_t *ret_bytes)
{
    size_t bytes = 0;
    session->is_ending = false;
    TRY(session->failure.err);
    session->io = io;
    session->wants_room = false;
    enum err err = shake_hands(session);
    if (err == ERR_OK)
        err = receive(session, place, capacity, &bytes);
    session->io = NULL;
    if (err == ERR_AGAIN && !session->wants_room && io->is_eof)
        err = ERR_TRUNCATED;
    if (err == ERR_OK)
        *ret_bytes = bytes;
    return err;
}

/* How much the next record may hold; 0: there is no room for one. */
static size_t record_bytes(const struct tls_session *session, size_t waiting)
{
    size_t room = session->io->out_capacity - session->io->out_bytes;
    if (session->unfinished > 0)
        return session->unfinished;
    return room <= TLS_ROOM_MIN ? 0 : MIN(MIN(waiting, (size_t)RECORD_BYTES), room - TLS_ROOM_MIN);
}

static enum err send(struct tls_session *session, struct slice plaintext, size_t *ret_taken)
{
    while (*ret_taken < plaintext.len) {
        struct slice rest = slice_skip(plaintext, *ret_taken);
        size_t wanted = record_bytes(session, rest.len);
        size_t taken = 0;
        if (wanted == 0) {
            session->wants_room = true;
            return ERR_AGAIN;
        }
        ASSERT(wanted <= rest.len, "what was not taken is offered again");
        if (session->records >= session->context->key_records && session->unfinished == 0) {
            tls_ssl_change_key(session);
            session->records = 0;
        }
        enum err err = tls_ssl_write(session, slice_first(rest, wanted), &taken);
        session->unfinished = err == ERR_AGAIN ? wanted : 0;
        TRY(err);
        session->records++;
        *ret_taken += taken;
    }
    return ERR_OK;
}

enum err tls_session_write(struct tls_session *session, struct tls_io *io, struct slice plaintext, size_t *ret_taken)
{
    size_t taken = 0;
    TRY(session->failure.err);
    if (!session->is_ready)
        return ERR_AGAIN;
    session->io = io;
    session->wants_room = false;
    enum err err = send(session, plaintext, &taken);
    session->io = NULL;
    *ret_taken = taken;
    return err;
}

enum err tls_session_close(struct tls_session *session, struct tls_io *io)
{
    if (session->failure.err != ERR_OK || !session->is_ready || session->has_closed)
        return ERR_OK;
    if (session->unfinished > 0)
        return ERR_AGAIN;
    session->io = io;
    session->wants_room = false;
    enum err err = tls_ssl_close(session);
    session->io = NULL;
    session->has_closed = err == ERR_OK;
    return err;
}

bool tls_session_is_ready(const struct tls_session *session)
{
    return session->is_ready;
}

bool tls_session_has_plaintext(const struct tls_session *session)
{
    return tls_ssl_has_pending(session) || session->is_ending;
}

bool tls_session_wants_room(const struct tls_session *session)
{
    return session->wants_room;
}

const char *tls_session_reason(const struct tls_session *session)
{
    return session->failure.reason ? session->failure.reason : "";
}

const struct tls_peer *tls_session_peer(const struct tls_session *session)
{
    return session->peer;
}
