/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a TLS connection in memory, and the certificates for them. To be included by the one source file of a test. */
#ifndef TESTS_UNIT_LIB_TLS_ENDS_H
#define TESTS_UNIT_LIB_TLS_ENDS_H

#include "lib/tls/session.h"

#include "lib/base/text.h"
#include "unit/lib/tls/certificates.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW_S  1700000000 /* for tickets; certificates live by the real clock */
#define WIRE   TLS_RECORD_BYTES_MAX
#define PIECE  SIZE_MAX
#define HOUR_S 3600

static struct issued ca;
static struct issued other_ca;
static struct issued first;    /* first.example */
static struct issued wild;     /* *.wild.example, exact.example */
static struct issued wild_rsa; /* the same names, RSA */
static struct issued client_pair;
static struct issued stranger; /* a client of other_ca */
UNUSED static struct tls_tickets tickets = {.secret = "a secret of the process", .rotation_s = HOUR_S};

UNUSED static int make_certificates(void **state)
{
    (void)state;
    ca = issue(&(struct issue_options){.common_name = "weir test CA", .is_ca = true});
    other_ca = issue(&(struct issue_options){.common_name = "other CA", .is_ca = true});
    first = issue(&(struct issue_options){.names = "DNS:first.example,IP:127.0.0.1", .issuer = &ca});
    wild = issue(&(struct issue_options){.names = "DNS:*.wild.example,DNS:exact.example", .issuer = &ca});
    wild_rsa = issue(
        &(struct issue_options){.names = "DNS:exact.example,DNS:*.wild.example", .issuer = &ca, .rsa_bits = 2048});
    client_pair =
        issue(&(struct issue_options){.common_name = "acme",
                                      .names = "DNS:client.example,URI:spiffe://example/acme,email:a@b.example",
                                      .issuer = &ca});
    stranger = issue(&(struct issue_options){.common_name = "stranger", .issuer = &other_ca});
    return 0;
}

UNUSED static int drop_certificates(void **state)
{
    (void)state;
    struct issued *all[] = {&ca, &other_ca, &first, &wild, &wild_rsa, &client_pair, &stranger};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        issued_deinit(all[i]);
    return 0;
}

UNUSED static int64_t real_now(void)
{
    return (int64_t)time(NULL);
}

UNUSED static void print_note(void *owner, const struct tls_note *note)
{
    (void)owner;
    print_message("%s\n", note->text);
}

static const struct tls_reporter printer = {print_note, NULL};

UNUSED static struct tls_context *make_server(const struct tls_server_options *options)
{
    const struct tls_pem_pair pairs[] = {first.pem, wild.pem, wild_rsa.pem};
    struct tls_server_options all = *options;
    struct tls_context *context = NULL;
    all.now_s = real_now();
    if (!all.pairs) {
        all.pairs = pairs;
        all.pair_count = ARRAY_LEN(pairs);
    }
    assert_int_equal(tls_context_create_server(&all, &printer, &context), ERR_OK);
    return context;
}

UNUSED static struct tls_context *make_client(const struct tls_client_options *options)
{
    struct tls_client_options all = *options;
    struct tls_context *context = NULL;
    all.now_s = real_now();
    if (all.ca.len == 0)
        all.ca = ca.pem.certificate;
    assert_int_equal(tls_context_create_client(&all, &printer, &context), ERR_OK);
    return context;
}

/* One end: its session, and what it has sent and the other has not yet taken. */
struct end {
    struct tls_session *session;
    char wire[WIRE];
    size_t wire_begin;
    size_t wire_end;
    enum err err;
    char got[64];
    size_t got_bytes;
};

struct pair {
    struct end client;
    struct end server;
};

UNUSED static struct slice on_wire(const struct end *end, size_t most)
{
    return slice_of(end->wire + end->wire_begin, MIN(most, end->wire_end - end->wire_begin));
}

UNUSED static struct tls_io io_of(struct end *end, struct slice in, size_t room)
{
    if (end->wire_begin == end->wire_end)
        end->wire_begin = end->wire_end = 0;
    return (struct tls_io){
        .in = in, .out = end->wire + end->wire_end, .out_capacity = MIN(room, sizeof end->wire - end->wire_end)};
}

/* Gives an end at most `piece` bytes of what the other has sent, and room for as many. */
UNUSED static bool feed(struct end *to, struct end *from, size_t piece)
{
    struct slice in = on_wire(from, piece);
    struct tls_io io = io_of(to, in, piece);
    size_t bytes = 0;
    to->err = tls_session_read(to->session, &io, to->got + to->got_bytes, sizeof to->got - to->got_bytes, &bytes);
    to->got_bytes += bytes;
    from->wire_begin += in.len - io.in.len;
    to->wire_end += io.out_bytes;
    return io.out_bytes > 0 || in.len > io.in.len || bytes > 0;
}

UNUSED static void exchange(struct pair *pair, size_t piece)
{
    bool has_moved = true;
    while (has_moved) {
        has_moved = feed(&pair->client, &pair->server, piece);
        has_moved |= feed(&pair->server, &pair->client, piece);
    }
}

UNUSED static void open_ends(struct pair *pair, struct tls_context *server, struct tls_context *client,
                             const struct tls_session_options *options)
{
    struct tls_session_options all = *options;
    if (!all.host.ptr)
        all.host = SLICE_LIT("first.example");
    if (!all.now_s)
        all.now_s = NOW_S;
    *pair = (struct pair){0};
    assert_int_equal(tls_session_create(client, &all, &pair->client.session), ERR_OK);
    assert_int_equal(tls_session_create(server, &all, &pair->server.session), ERR_OK);
}

UNUSED static void close_ends(struct pair *pair)
{
    tls_session_destroy(pair->client.session);
    tls_session_destroy(pair->server.session);
}

UNUSED static void shake_hands(struct pair *pair, struct tls_context *server, struct tls_context *client,
                               const struct tls_session_options *options)
{
    open_ends(pair, server, client, options);
    exchange(pair, PIECE);
}

UNUSED static void assert_ready(const struct pair *pair)
{
    assert_string_equal(tls_session_reason(pair->client.session), "");
    assert_string_equal(tls_session_reason(pair->server.session), "");
    assert_true(tls_session_is_ready(pair->client.session));
    assert_true(tls_session_is_ready(pair->server.session));
}

UNUSED static void say(struct end *end, const char *text)
{
    struct tls_io io = io_of(end, (struct slice){NULL, 0}, PIECE);
    size_t taken = 0;
    assert_int_equal(tls_session_write(end->session, &io, slice_of_text(text), &taken), ERR_OK);
    assert_int_equal(taken, strlen(text));
    end->wire_end += io.out_bytes;
}

UNUSED static void assert_got(struct end *end, const char *text)
{
    assert_int_equal(end->got_bytes, strlen(text));
    assert_memory_equal(end->got, text, end->got_bytes);
    end->got_bytes = 0;
}

/* Raw records from an OpenSSL of the test's own, for what tls_session never sends. */
UNUSED static SSL *raw_client(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_security_level(context, 0);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_min_proto_version(ssl, TLS1_VERSION);
    SSL_set_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
    SSL_set_connect_state(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return ssl;
}

UNUSED static void exchange_raw(SSL *ssl, struct end *server)
{
    char out[WIRE];
    for (int i = 0; i < 8; i++) {
        SSL_do_handshake(ssl);
        int len = BIO_read(SSL_get_wbio(ssl), out, sizeof out);
        struct tls_io io = io_of(server, slice_of(out, len > 0 ? (size_t)len : 0), PIECE);
        size_t bytes = 0;
        server->err = tls_session_read(server->session, &io, server->got, sizeof server->got, &bytes);
        BIO_write(SSL_get_rbio(ssl), server->wire, (int)io.out_bytes);
        if (server->err != ERR_AGAIN && server->err != ERR_OK)
            break;
    }
}

static struct tls_context *plain_server;
static struct tls_context *plain_client;

UNUSED static int make_plain(void **state)
{
    (void)state;
    plain_server = make_server(&(struct tls_server_options){0});
    plain_client = make_client(&(struct tls_client_options){0});
    return 0;
}

UNUSED static int drop_plain(void **state)
{
    (void)state;
    tls_context_unref(plain_server);
    tls_context_unref(plain_client);
    return 0;
}

#endif
