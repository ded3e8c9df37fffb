/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS connections of one kind have in common: certificates, versions, whom to trust. Immutable once made and
 * counted by references, so that all workers share one and a reload swaps it. Nothing here opens a file or a socket:
 * certificates come as PEM text. */
#ifndef WEIR_LIB_TLS_CONTEXT_H
#define WEIR_LIB_TLS_CONTEXT_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/tls/tickets.h"

/* Records that a session under TLS 1.3 writes with one key before it takes the next. RFC 8446 section 5.5 allows 2^24.5;
 * OpenSSL does not count. TLS 1.2 has no way to the next key short of a new connection. */
#define TLS_KEY_RECORDS (1u << 23)

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

enum tls_client_certificate {
    TLS_CLIENT_CERTIFICATE_NONE,
    TLS_CLIENT_CERTIFICATE_OPTIONAL, /* asked for; one that is not trusted ends the handshake all the same */
    TLS_CLIENT_CERTIFICATE_REQUIRED,
};

/* Certificate, then its intermediates; and the key that belongs to it, without a passphrase. */
struct tls_pem_pair {
    struct slice certificate;
    struct slice key;
};

/* What was found wrong while a context was made. */
enum tls_subject { TLS_SUBJECT_CONTEXT, TLS_SUBJECT_CERTIFICATE, TLS_SUBJECT_KEY, TLS_SUBJECT_CA };
struct tls_note {
    bool is_error; /* else a warning: the context works */
    enum tls_subject subject;
    uint32_t index; /* of the pair */
    const char *text;
};
struct tls_reporter {
    void (*report)(void *owner, const struct tls_note *note);
    void *owner;
};

struct tls_server_options {
    const struct tls_pem_pair *pairs; /* the first is for clients that name no host, or one that nobody has */
    uint32_t pair_count;              /* at least 1 */
    enum tls_version version_min;
    enum tls_client_certificate client_certificate;
    struct slice client_ca;            /* PEM; needed unless client_certificate is NONE */
    const struct tls_tickets *tickets; /* copied; NULL: no resumption */
    bool offers_h2;
    bool is_h2_only;
    int64_t now_s;        /* since 1970: to tell which certificates have expired */
    uint64_t key_records; /* see TLS_KEY_RECORDS; 0: that */
};

struct tls_client_options {
    struct slice ca;                 /* PEM; empty: what the system trusts */
    const struct tls_pem_pair *pair; /* the client's own certificate; NULL: none */
    enum tls_version version_min;
    bool offers_h2;
    bool is_unverified; /* takes any certificate */
    int64_t now_s;
};

struct tls_context;

/* Copies what it needs. ERR_INVALID after at least one error was reported, or ERR_NOMEM. May block for milliseconds:
 * control plane. Pairs with the same names and keys of different kinds (RSA and ECDSA) serve clients by what they can
 * check. */
MUST_USE enum err tls_context_create_server(const struct tls_server_options *options,
                                            const struct tls_reporter *reporter, struct tls_context **ret_context);
MUST_USE enum err tls_context_create_client(const struct tls_client_options *options,
                                            const struct tls_reporter *reporter, struct tls_context **ret_context);
/* Any thread. */
struct tls_context *tls_context_ref(struct tls_context *context);
/* NULL is accepted. Any thread. */
void tls_context_unref(struct tls_context *context);

#endif
