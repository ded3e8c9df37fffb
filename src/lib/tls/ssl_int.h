/* SPDX-License-Identifier: Apache-2.0 */
/* What context.c and session.c know, and what they ask of OpenSSL: its types go by the names of their structs, its
 * results are enum err. The functions are in ssl.c, the door. */
#ifndef WEIR_LIB_TLS_SSL_INT_H
#define WEIR_LIB_TLS_SSL_INT_H

#include "lib/tls/certificate_int.h"
#include "lib/tls/context.h"
#include "lib/tls/failure_int.h"
#include "lib/tls/names_int.h"
#include "lib/tls/session.h"

#include <stdatomic.h>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct bio_method_st;

#define TLS_SESSION_KIND_BYTES 32

struct tls_context {
    _Atomic uint32_t refs;
    struct bio_method_st *bio_method;
    struct ssl_ctx_st **slots; /* a server's: one for each set of names; a client's: one */
    uint32_t slot_count;
    struct tls_names names; /* owners are indices of slots */
    struct tls_tickets tickets;
    uint64_t key_records;
    bool is_server;
    bool offers_h2;
    bool is_h2_only;
    bool is_unverified;
};

struct tls_session {
    struct ssl_st *ssl;
    struct tls_context *context; /* one reference */
    struct tls_io *io;           /* of the call under way */
    uint64_t now_s;
    size_t handshake_bytes; /* received before it was over */
    uint64_t records;       /* written with the current key */
    size_t unfinished;      /* bytes of a write that OpenSSL wants to be offered again */
    uint32_t messages_late; /* since the last plaintext */
    bool is_ready;
    bool has_input; /* the first byte was seen */
    bool wants_room;
    bool is_ending; /* the last read has given plaintext, and the next will say that there is no more */
    bool has_closed;
    struct tls_failure failure;    /* ERR_OK while there is none */
    struct tls_peer *peer;         /* NULL: none */
    struct ssl_session_st *ticket; /* NULL: none */
};

/* Whom a server trusts. A ticket must not carry a client past another rule than the one it was verified by: the rule
 * names the kind of session that a ticket is good for. */
struct tls_trust {
    struct x509_store_st *store;
    struct stack_st_X509_NAME *names;
    unsigned char session_kind[TLS_SESSION_KIND_BYTES];
};

/* Contexts. ERR_INVALID after an error was reported, or ERR_NOMEM. */
MUST_USE enum err tls_ssl_prepare(struct tls_context *context);
MUST_USE enum err tls_ssl_name_trust(const struct tls_server_options *options, struct tls_trust *trust);
MUST_USE enum err tls_ssl_add_server_slot(struct tls_context *context, const struct tls_server_options *options,
                                          const struct tls_trust *trust, const struct tls_reporter *reporter);
MUST_USE enum err tls_ssl_add_client_slot(struct tls_context *context, const struct tls_client_options *options,
                                          const struct tls_trust *trust, const struct tls_reporter *reporter);
MUST_USE enum err tls_ssl_use_certificate(struct ssl_ctx_st *slot, const struct tls_certificate *certificate,
                                          uint32_t index, const struct tls_reporter *reporter);
void tls_ssl_free_context(struct tls_context *context);

/* Sessions. Between the calls of the library's user session->io is NULL. */
MUST_USE enum err tls_ssl_open(struct tls_session *session, struct tls_ticket *ticket);
/* The certificate must be for it. ERR_INVALID, ERR_NOMEM. */
MUST_USE enum err tls_ssl_set_host(struct tls_session *session, const char *host);
void tls_ssl_free_session(struct tls_session *session);
/* ERR_OK, ERR_AGAIN (wants_room says for what), ERR_EOF; else the failure is set. */
MUST_USE enum err tls_ssl_handshake(struct tls_session *session);
MUST_USE enum err tls_ssl_read(struct tls_session *session, char *place, size_t capacity, size_t *ret_bytes);
MUST_USE enum err tls_ssl_write(struct tls_session *session, struct slice bytes, size_t *ret_taken);
/* The next record is written with a new key, if the version has a way to one. */
void tls_ssl_change_key(struct tls_session *session);
MUST_USE enum err tls_ssl_close(struct tls_session *session);
/* Decrypted bytes are waiting inside. */
bool tls_ssl_has_pending(const struct tls_session *session);
/* NULL when the other side has shown none, or it was not verified. Borrowed. */
struct x509_st *tls_ssl_peer_certificate(const struct tls_session *session);

#endif
