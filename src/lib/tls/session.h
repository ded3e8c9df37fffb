/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS connection without I/O: ciphertext in, plaintext out, and back. One thread at a time.
 *
 * Every call gets a struct tls_io: received bytes to take from, and room for bytes to send. A call may fill the room
 * also when it only reads (handshake, alerts, key updates): send what it wrote, whatever it returned. Input is taken
 * whole unless the call had no more place for plaintext or no more room; what is left in io->in must be offered again
 * first. Between calls the session holds none of the caller's memory, and an idle one holds no buffers of its own. */
#ifndef WEIR_LIB_TLS_SESSION_H
#define WEIR_LIB_TLS_SESSION_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/tls/context.h"

/* A record's header, nonce, content type and tag, rounded up: with less room than this tls_session_write writes
 * nothing. */
#define TLS_ROOM_MIN 64
/* Plaintext of a full record (RFC 8446 section 5.1). */
#define TLS_RECORD_PLAIN_BYTES 16384
/* Room in which so much plaintext fits when it is encrypted, however it stands to what was there before. */
static inline size_t tls_sealed_bytes(size_t plain_bytes)
{
    return plain_bytes + (plain_bytes / TLS_RECORD_PLAIN_BYTES + 2) * TLS_ROOM_MIN;
}
/* Room in which a full record fits. */
#define TLS_RECORD_BYTES_MAX 16640
/* Bytes that the other side may send before the handshake is over. */
#define TLS_HANDSHAKE_BYTES_MAX 65536

struct tls_io {
    struct slice in; /* what was taken is cut off its front */
    bool is_eof;     /* the stream ends behind `in` */
    char *out;
    size_t out_capacity;
    size_t out_bytes; /* raised by what was written */
};

enum tls_alpn { TLS_ALPN_NONE, TLS_ALPN_HTTP1, TLS_ALPN_H2 };

enum tls_name_kind { TLS_NAME_DNS, TLS_NAME_EMAIL, TLS_NAME_URI };
struct tls_name {
    enum tls_name_kind kind;
    struct slice text;
};

/* The verified certificate of the other side. */
struct tls_peer {
    struct slice subject;         /* as in RFC 2253: "CN=a,O=b" */
    struct slice common_name;     /* empty when there is none, or more than one */
    struct slice fingerprint;     /* SHA-256 of the certificate, 64 lower-case hex digits */
    const struct tls_name *names; /* subjectAltName */
    uint32_t name_count;
};

struct tls_session;
struct tls_ticket; /* what a client resumes with */

struct tls_session_options {
    uint64_t now_s; /* since 1970 */
    /* Clients only. */
    struct slice host;         /* name or address literal that the certificate must be for; a name is sent as SNI */
    struct tls_ticket *ticket; /* borrowed for the call; NULL: a full handshake */
};

/* Takes a reference of the context. ERR_NOMEM, or ERR_INVALID for a host that cannot be one. */
MUST_USE enum err tls_session_create(struct tls_context *context, const struct tls_session_options *options,
                                     struct tls_session **ret_session);
/* NULL is accepted. */
void tls_session_destroy(struct tls_session *session);

/* Goes on with the handshake, then decrypts into place.
 * ERR_OK         *ret_bytes of plaintext: as many as there were or fit. 0 only with capacity 0.
 * ERR_AGAIN      more input is needed, or more room (tls_session_wants_room)
 * ERR_EOF        the other side has said that it sends no more (close_notify); writing goes on working
 * ERR_TRUNCATED  the stream has ended without that: what came last may not be all
 * Everything else is a failure that stays; tls_session_reason has the words, io->out the alert.
 * ERR_MISMATCH     plain HTTP on a server's TLS port; nothing of it was taken
 * ERR_UNSUPPORTED  no version, cipher or application protocol in common
 * ERR_DENIED       the other side's certificate is missing or not trusted
 * ERR_CLOSED       the other side has sent an alert
 * ERR_LIMIT        too long a handshake, or too many messages after it
 * ERR_SYNTAX, ERR_NOMEM, ERR_INTERNAL */
MUST_USE enum err tls_session_read(struct tls_session *session, struct tls_io *io, char *place, size_t capacity,
                                   size_t *ret_bytes);
/* Encrypts into io->out as much as there is room for. ERR_OK: all was taken. ERR_AGAIN: the rest has to be offered again,
 * at the same or another place, with more room; or the handshake is not over. Else a failure that stays. */
MUST_USE enum err tls_session_write(struct tls_session *session, struct tls_io *io, struct slice plaintext,
                                    size_t *ret_taken);
/* Says that no more will be written (close_notify), once, after all that was offered has been taken. Nothing is said
 * within a handshake or after a failure. ERR_AGAIN: more room is needed. */
MUST_USE enum err tls_session_close(struct tls_session *session, struct tls_io *io);

/* The handshake is over: plaintext may be written, and what follows may be asked. */
bool tls_session_is_ready(const struct tls_session *session);
/* The last call stopped for want of room. */
bool tls_session_wants_room(const struct tls_session *session);
/* A read has something to say without more input: decrypted bytes are waiting inside, or the end behind those that were
 * given last. */
bool tls_session_has_plaintext(const struct tls_session *session);
/* Why it failed; a static string, empty while it has not. */
const char *tls_session_reason(const struct tls_session *session);

bool tls_session_is_resumed(const struct tls_session *session);
enum tls_alpn tls_session_alpn(const struct tls_session *session);
enum tls_version tls_session_version(const struct tls_session *session);
/* A static string such as "TLS_AES_256_GCM_SHA384". */
const char *tls_session_cipher(const struct tls_session *session);
/* The name the client asked for; empty when it named none. Lives as long as the session. */
struct slice tls_session_host(const struct tls_session *session);
/* NULL when the other side has shown no certificate, or one that was not verified. Lives as long as the session. */
const struct tls_peer *tls_session_peer(const struct tls_session *session);

/* What the server last gave the client to resume with, for one later session; NULL when there is nothing (yet): servers
 * may send it after the handshake. The caller destroys it. */
struct tls_ticket *tls_session_take_ticket(struct tls_session *session);
/* NULL is accepted. */
void tls_ticket_destroy(struct tls_ticket *ticket);

#endif
