/* SPDX-License-Identifier: Apache-2.0 */
/* The door to openssl/ssl.h.
 *
 * A session's BIO reads from and writes to the struct tls_io of the call that is under way, so ciphertext goes from the
 * caller's memory into the record buffer and back, and nowhere else. OpenSSL gives record buffers back when they are
 * empty (SSL_MODE_RELEASE_BUFFERS).
 */
#include "lib/tls/ssl_int.h"

#include "lib/base/attr.h"
#include "lib/tls/tickets_int.h"

#include <openssl/ssl.h>

#define CHAIN_DEPTH_MAX 8
#define CHAIN_BYTES_MAX 32768

/* Mozilla's "intermediate" without finite-field Diffie-Hellman, which is slow and which every client of TLS 1.2 with
 * ECDHE can do without. AES first unless the client would rather have ChaCha20 (no AES in hardware). */
static const char ciphers_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";
static const unsigned char alpn_offer[] = "\x02h2\x08http/1.1";
#define ALPN_OFFER_H2_BYTES 3

static struct tls_session *session_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* The BIO. */

static int bio_read(BIO *bio, char *out, size_t capacity, size_t *ret_bytes)
{
    struct tls_session *session = BIO_get_data(bio);
    struct tls_io *io = session->io;
    BIO_clear_retry_flags(bio);
    size_t bytes = io ? MIN(capacity, io->in.len) : 0;
    if (bytes == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, io->in.ptr, bytes);
    io->in = slice_skip(io->in, bytes);
    if (!session->is_ready)
        session->handshake_bytes += bytes;
    *ret_bytes = bytes;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t wanted, size_t *ret_bytes)
{
    struct tls_session *session = BIO_get_data(bio);
    struct tls_io *io = session->io;
    BIO_clear_retry_flags(bio);
    size_t bytes = io ? MIN(wanted, io->out_capacity - io->out_bytes) : 0;
    if (bytes == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(io->out + io->out_bytes, data, bytes);
    io->out_bytes += bytes;
    *ret_bytes = bytes;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* Of no kind of its own: numbers for kinds run out after some hundred reloads. */
enum err tls_ssl_prepare(struct tls_context *context)
{
    context->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "memory of the caller");
    bool is_ok = context->bio_method && BIO_meth_set_read_ex(context->bio_method, bio_read) &&
                 BIO_meth_set_write_ex(context->bio_method, bio_write) &&
                 BIO_meth_set_ctrl(context->bio_method, bio_control);
    return is_ok ? ERR_OK : ERR_NOMEM;
}

/* What OpenSSL asks while a handshake runs. */

static int on_server_name(SSL *ssl, int *alert, void *owner)
{
    struct tls_context *context = owner;
    (void)alert;
    uint32_t slot = tls_names_find(&context->names, slice_of_text(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)));
    if (slot == TLS_NOBODY)
        return SSL_TLSEXT_ERR_NOACK;
    if (slot > 0)
        SSL_set_SSL_CTX(ssl, context->slots[slot]);
    return SSL_TLSEXT_ERR_OK;
}

static struct slice find_protocol(struct slice offered, struct slice wanted)
{
    while (offered.len > 0) {
        size_t len = MIN((size_t)(uint8_t)offered.ptr[0], offered.len - 1);
        struct slice name = slice_of(offered.ptr + 1, len);
        if (slice_equal(name, wanted))
            return name;
        offered = slice_skip(offered, 1 + len);
    }
    return (struct slice){NULL, 0};
}

/* No overlap ends the handshake (RFC 7301 section 3.2): otherwise bytes of another protocol could be passed off as HTTP
 * under our certificate. */
static int on_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len, const unsigned char *offered,
                   unsigned int offered_bytes, void *owner)
{
    static const struct slice names[] = {SLICE_LIT("h2"), SLICE_LIT("http/1.1"), SLICE_LIT("http/1.0")};
    const struct tls_context *context = owner;
    (void)ssl;
    size_t end = context->is_h2_only ? 1 : ARRAY_LEN(names);
    for (size_t i = context->offers_h2 ? 0 : 1; i < end; i++) {
        struct slice name = find_protocol(slice_of(offered, offered_bytes), names[i]);
        if (name.len > 0) {
            *ret_name = (const unsigned char *)name.ptr;
            *ret_len = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Clients use a ticket of TLS 1.3 once (RFC 8446 appendix C.4; OpenSSL sees to it): one that was good for this connection is
 * followed by another for the next. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                         int is_sealing)
{
    const struct tls_session *session = session_of(ssl);
    const struct tls_ticket_seal seal = {
        .name = name, .iv = iv, .cipher = cipher, .mac = mac, .is_sealing = is_sealing == 1};
    int answer = tls_ticket_seal(&session->context->tickets, session->now_s, &seal);
    return answer == 1 && !seal.is_sealing && SSL_version(ssl) == TLS1_3_VERSION ? 2 : answer;
}

/* A client has been given something to resume with. 1: we keep it. */
static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct tls_session *session = session_of(ssl);
    SSL_SESSION_free(session->ticket);
    session->ticket = ticket;
    return 1;
}

static void on_message(int is_ours, int version, int kind, const void *data, size_t bytes, SSL *ssl, void *owner)
{
    struct tls_session *session = session_of(ssl);
    (void)version;
    (void)data;
    (void)bytes;
    (void)owner;
    if (session->is_ready && kind == (is_ours ? SSL3_RT_ALERT : SSL3_RT_HANDSHAKE))
        session->messages_late++;
}

/* Contexts. */

static enum err report_openssl(const struct tls_reporter *reporter, const char *what)
{
    struct tls_failure failure = tls_failure_take();
    if (failure.err == ERR_NOMEM)
        return ERR_NOMEM;
    tls_report_error(reporter, "%s: %s", what, failure.reason);
    return ERR_INVALID;
}

static bool set_common(SSL_CTX *slot, enum tls_version version_min)
{
    SSL_CTX_set_mode(slot,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(slot, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                  SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_max_cert_list(slot, CHAIN_BYTES_MAX);
    SSL_CTX_set_verify_depth(slot, CHAIN_DEPTH_MAX);
    SSL_CTX_set_msg_callback(slot, on_message);
    return SSL_CTX_set_min_proto_version(slot, version_min == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(slot, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(slot, ciphers_1_2) == 1 && SSL_CTX_set_ciphersuites(slot, ciphers_1_3) == 1 &&
           SSL_CTX_set1_groups_list(slot, groups) == 1;
}

/* No cache, which would be shared and locked: what can be resumed is in tickets, or nowhere. */
static void set_tickets(SSL_CTX *slot, const struct tls_tickets *tickets)
{
    SSL_CTX_set_session_cache_mode(slot, SSL_SESS_CACHE_OFF);
    if (tickets) {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(slot, on_ticket_key);
        SSL_CTX_set_timeout(slot, (long)tickets->rotation_s);
    } else {
        SSL_CTX_set_options(slot, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(slot, 0);
    }
}

enum err tls_ssl_name_trust(const struct tls_server_options *options, struct tls_trust *trust)
{
    struct slice ca = options->client_ca;
    if (EVP_Digest(ca.ptr, ca.len, trust->session_kind, NULL, EVP_sha256(), NULL) != 1)
        return ERR_INTERNAL;
    trust->session_kind[0] ^= (unsigned char)options->client_certificate;
    return ERR_OK;
}

static enum err set_trust(SSL_CTX *slot, const struct tls_server_options *options, const struct tls_trust *trust)
{
    if (SSL_CTX_set_session_id_context(slot, trust->session_kind, sizeof trust->session_kind) != 1)
        return ERR_NOMEM;
    if (options->client_certificate == TLS_CLIENT_CERTIFICATE_NONE)
        return ERR_OK;
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(trust->names);
    if (!names)
        return ERR_NOMEM;
    bool is_required = options->client_certificate == TLS_CLIENT_CERTIFICATE_REQUIRED;
    SSL_CTX_set_client_CA_list(slot, names);
    SSL_CTX_set1_cert_store(slot, trust->store);
    SSL_CTX_set_verify(slot, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return ERR_OK;
}

enum err tls_ssl_use_certificate(SSL_CTX *slot, const struct tls_certificate *certificate, uint32_t index,
                                 const struct tls_reporter *reporter)
{
    if (SSL_CTX_use_cert_and_key(slot, certificate->leaf, certificate->key, certificate->chain, 0) == 1)
        return ERR_OK;
    struct tls_failure failure = tls_failure_take();
    struct tls_note note = {.is_error = true, .subject = TLS_SUBJECT_CERTIFICATE, .index = index};
    tls_report(reporter, &note, "holds a certificate that cannot be used: %s", failure.reason);
    return ERR_INVALID;
}

enum err tls_ssl_add_server_slot(struct tls_context *context, const struct tls_server_options *options,
                                 const struct tls_trust *trust, const struct tls_reporter *reporter)
{
    SSL_CTX *slot = SSL_CTX_new(TLS_server_method());
    if (!slot)
        return report_openssl(reporter, "TLS cannot be set up");
    context->slots[context->slot_count++] = slot;
    if (!set_common(slot, options->version_min))
        return report_openssl(reporter, "TLS cannot be set up");
    set_tickets(slot, options->tickets);
    SSL_CTX_set_alpn_select_cb(slot, on_alpn, context);
    SSL_CTX_set_tlsext_servername_callback(slot, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(slot, context);
    return set_trust(slot, options, trust);
}

enum err tls_ssl_add_client_slot(struct tls_context *context, const struct tls_client_options *options,
                                 const struct tls_trust *trust, const struct tls_reporter *reporter)
{
    const unsigned char *offer = options->offers_h2 ? alpn_offer : alpn_offer + ALPN_OFFER_H2_BYTES;
    unsigned int offer_bytes = (unsigned int)(alpn_offer + sizeof alpn_offer - 1 - offer);
    SSL_CTX *slot = SSL_CTX_new(TLS_client_method());
    if (!slot)
        return report_openssl(reporter, "TLS cannot be set up");
    context->slots[context->slot_count++] = slot;
    if (!set_common(slot, options->version_min) || SSL_CTX_set_alpn_protos(slot, offer, offer_bytes) != 0)
        return report_openssl(reporter, "TLS cannot be set up");
    SSL_CTX_set_session_cache_mode(slot, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(slot, on_ticket);
    SSL_CTX_set_verify(slot, context->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (trust->store)
        SSL_CTX_set1_cert_store(slot, trust->store);
    else if (!context->is_unverified && SSL_CTX_set_default_verify_paths(slot) != 1)
        return report_openssl(reporter, "the system's certificates cannot be read");
    return ERR_OK;
}

void tls_ssl_free_context(struct tls_context *context)
{
    for (uint32_t i = 0; i < context->slot_count; i++)
        SSL_CTX_free(context->slots[i]);
    BIO_meth_free(context->bio_method);
}

/* Sessions. */

enum err tls_ssl_open(struct tls_session *session, struct tls_ticket *ticket)
{
    BIO *bio = BIO_new(session->context->bio_method);
    session->ssl = SSL_new(session->context->slots[0]);
    if (!session->ssl || !bio) {
        BIO_free(bio);
        return ERR_NOMEM;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    if (SSL_set_app_data(session->ssl, session) != 1)
        return ERR_NOMEM;
    if (session->context->is_server)
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    if (ticket && SSL_set_session(session->ssl, (SSL_SESSION *)ticket) != 1)
        tls_failure_clear(); /* a full handshake then */
    return ERR_OK;
}

enum err tls_ssl_set_host(struct tls_session *session, const char *host)
{
    bool is_literal = false;
    bool is_set = tls_subject_expect(SSL_get0_param(session->ssl), host, &is_literal) == ERR_OK &&
                  (is_literal || SSL_set_tlsext_host_name(session->ssl, host) == 1);
    tls_failure_clear();
    return is_set ? ERR_OK : ERR_NOMEM;
}

/* OpenSSL takes a session that was not closed for one that must not be resumed, as SSL 3 wanted it. RFC 5246 section
 * 7.2.1 does not. */
void tls_ssl_free_session(struct tls_session *session)
{
    if (session->ssl)
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    SSL_SESSION_free(session->ticket);
}

/* "certificate verify failed" helps nobody. */
static enum err note_failure(struct tls_session *session)
{
    session->failure = tls_failure_take();
    long verdict = SSL_get_verify_result(session->ssl);
    if (session->failure.err == ERR_DENIED && verdict != X509_V_OK)
        session->failure.reason = X509_verify_cert_error_string(verdict);
    return session->failure.err;
}

static enum err result_of(struct tls_session *session, int returned)
{
    switch (SSL_get_error(session->ssl, returned)) {
    case SSL_ERROR_NONE:
        return ERR_OK;
    case SSL_ERROR_WANT_WRITE:
        session->wants_room = true;
        return ERR_AGAIN;
    case SSL_ERROR_WANT_READ:
        return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_EOF;
    default:
        return note_failure(session);
    }
}

enum err tls_ssl_handshake(struct tls_session *session)
{
    tls_failure_clear();
    return result_of(session, SSL_do_handshake(session->ssl));
}

enum err tls_ssl_read(struct tls_session *session, char *place, size_t capacity, size_t *ret_bytes)
{
    tls_failure_clear();
    return result_of(session, SSL_read_ex(session->ssl, place, capacity, ret_bytes));
}

enum err tls_ssl_write(struct tls_session *session, struct slice bytes, size_t *ret_taken)
{
    tls_failure_clear();
    return result_of(session, SSL_write_ex(session->ssl, bytes.ptr, bytes.len, ret_taken));
}

/* It cannot fail in a way that matters: what is written next goes with the old key. */
void tls_ssl_change_key(struct tls_session *session)
{
    if (SSL_version(session->ssl) == TLS1_3_VERSION && SSL_key_update(session->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
        tls_failure_clear();
}

/* 0 and 1 both mean that the alert has gone out. */
enum err tls_ssl_close(struct tls_session *session)
{
    tls_failure_clear();
    int returned = SSL_shutdown(session->ssl);
    return returned >= 0 ? ERR_OK : result_of(session, returned);
}

struct x509_st *tls_ssl_peer_certificate(const struct tls_session *session)
{
    bool is_verified = !session->context->is_unverified && SSL_get_verify_result(session->ssl) == X509_V_OK;
    return is_verified ? SSL_get0_peer_certificate(session->ssl) : NULL;
}

bool tls_ssl_has_pending(const struct tls_session *session)
{
    return SSL_pending(session->ssl) > 0;
}

bool tls_session_is_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

enum tls_alpn tls_session_alpn(const struct tls_session *session)
{
    const unsigned char *name = NULL;
    unsigned int len = 0;
    SSL_get0_alpn_selected(session->ssl, &name, &len);
    if (len == 0)
        return TLS_ALPN_NONE;
    return slice_is(slice_of(name, len), "h2") ? TLS_ALPN_H2 : TLS_ALPN_HTTP1;
}

enum tls_version tls_session_version(const struct tls_session *session)
{
    return SSL_version(session->ssl) == TLS1_3_VERSION ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
}

const char *tls_session_cipher(const struct tls_session *session)
{
    return SSL_get_cipher_name(session->ssl);
}

struct slice tls_session_host(const struct tls_session *session)
{
    return slice_of_text(SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name));
}

struct tls_ticket *tls_session_take_ticket(struct tls_session *session)
{
    struct tls_ticket *ticket = (struct tls_ticket *)session->ticket;
    session->ticket = NULL;
    return ticket;
}

void tls_ticket_destroy(struct tls_ticket *ticket)
{
    SSL_SESSION_free((SSL_SESSION *)ticket);
}
