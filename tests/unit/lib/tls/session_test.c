/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls/session.h"

#include "lib/base/asan.h"
#include "lib/base/text.h"
#include "unit/lib/tls/certificates.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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
static struct tls_tickets tickets = {.secret = "a secret of the process", .rotation_s = HOUR_S};

static int make_certificates(void **state)
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

static int drop_certificates(void **state)
{
    (void)state;
    struct issued *all[] = {&ca, &other_ca, &first, &wild, &wild_rsa, &client_pair, &stranger};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        issued_deinit(all[i]);
    return 0;
}

static int64_t real_now(void)
{
    return (int64_t)time(NULL);
}

static void print_note(void *owner, const struct tls_note *note)
{
    (void)owner;
    print_message("%s\n", note->text);
}

static const struct tls_reporter printer = {print_note, NULL};

static struct tls_context *make_server(const struct tls_server_options *options)
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

static struct tls_context *make_client(const struct tls_client_options *options)
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

static struct slice on_wire(const struct end *end, size_t most)
{
    return slice_of(end->wire + end->wire_begin, MIN(most, end->wire_end - end->wire_begin));
}

static struct tls_io io_of(struct end *end, struct slice in, size_t room)
{
    if (end->wire_begin == end->wire_end)
        end->wire_begin = end->wire_end = 0;
    return (struct tls_io){
        .in = in, .out = end->wire + end->wire_end, .out_capacity = MIN(room, sizeof end->wire - end->wire_end)};
}

/* Gives an end at most `piece` bytes of what the other has sent, and room for as many. */
static bool feed(struct end *to, struct end *from, size_t piece)
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

static void exchange(struct pair *pair, size_t piece)
{
    bool has_moved = true;
    while (has_moved) {
        has_moved = feed(&pair->client, &pair->server, piece);
        has_moved |= feed(&pair->server, &pair->client, piece);
    }
}

static void open_ends(struct pair *pair, struct tls_context *server, struct tls_context *client,
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

static void close_ends(struct pair *pair)
{
    tls_session_destroy(pair->client.session);
    tls_session_destroy(pair->server.session);
}

static void shake_hands(struct pair *pair, struct tls_context *server, struct tls_context *client,
                        const struct tls_session_options *options)
{
    open_ends(pair, server, client, options);
    exchange(pair, PIECE);
}

static void assert_ready(const struct pair *pair)
{
    assert_string_equal(tls_session_reason(pair->client.session), "");
    assert_string_equal(tls_session_reason(pair->server.session), "");
    assert_true(tls_session_is_ready(pair->client.session));
    assert_true(tls_session_is_ready(pair->server.session));
}

static void say(struct end *end, const char *text)
{
    struct tls_io io = io_of(end, (struct slice){NULL, 0}, PIECE);
    size_t taken = 0;
    assert_int_equal(tls_session_write(end->session, &io, slice_of_text(text), &taken), ERR_OK);
    assert_int_equal(taken, strlen(text));
    end->wire_end += io.out_bytes;
}

static void assert_got(struct end *end, const char *text)
{
    assert_int_equal(end->got_bytes, strlen(text));
    assert_memory_equal(end->got, text, end->got_bytes);
    end->got_bytes = 0;
}

/* Raw records from an OpenSSL of the test's own, for what tls_session never sends. */
static SSL *raw_client(int version)
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

static void count_updates(int is_sent, int version, int kind, const void *data, size_t bytes, SSL *ssl, void *owner)
{
    (void)version;
    (void)ssl;
    if (!is_sent && kind == SSL3_RT_HANDSHAKE && bytes > 0 && *(const unsigned char *)data == SSL3_MT_KEY_UPDATE)
        ++*(int *)owner;
}

static void exchange_raw(SSL *ssl, struct end *server)
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

static void handshakes_in_pieces(enum tls_version version, size_t piece)
{
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *client = make_client(&(struct tls_client_options){.version_min = version});
    struct pair pair;
    open_ends(&pair, server, client, &(struct tls_session_options){0});
    exchange(&pair, piece);
    assert_ready(&pair);
    assert_string_equal(tls_session_version(pair.server.session), "TLSv1.3");
    say(&pair.client, "hello");
    say(&pair.server, "world");
    exchange(&pair, piece);
    assert_got(&pair.server, "hello");
    assert_got(&pair.client, "world");
    close_ends(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

static void tls_1_3_works_in_pieces_of_any_size(void **state)
{
    (void)state;
    const size_t pieces[] = {1, 2, 7, 100, 1000, PIECE};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        handshakes_in_pieces(TLS_VERSION_1_3, pieces[i]);
}

static void a_server_of_1_2_still_takes_it_unless_told_otherwise(void **state)
{
    (void)state;
    for (int version_min = TLS_VERSION_1_2; version_min <= TLS_VERSION_1_3; version_min++) {
        struct tls_context *server =
            make_server(&(struct tls_server_options){.version_min = (enum tls_version)version_min});
        struct pair pair = {0};
        SSL *ssl = raw_client(TLS1_2_VERSION);
        assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
        exchange_raw(ssl, &pair.server);
        assert_int_equal(pair.server.err, version_min == TLS_VERSION_1_2 ? ERR_AGAIN : ERR_UNSUPPORTED);
        if (version_min == TLS_VERSION_1_2) {
            assert_string_equal(tls_session_version(pair.server.session), "TLSv1.2");
            assert_non_null(strstr(tls_session_cipher(pair.server.session), "ECDHE"));
            assert_non_null(strstr(tls_session_cipher(pair.server.session), "GCM"));
        }
        SSL_free(ssl);
        close_ends(&pair);
        tls_context_unref(server);
    }
}

static void refuses_tls_1_1(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    struct pair pair = {0};
    SSL *ssl = raw_client(TLS1_1_VERSION);
    assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    assert_int_equal(pair.server.err, ERR_UNSUPPORTED);
    assert_string_equal(tls_session_reason(pair.server.session), "unsupported protocol");
    SSL_free(ssl);
    close_ends(&pair);
    tls_context_unref(server);
}

static void tls_1_2_in_tiny_pieces(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    struct pair pair = {0};
    SSL *ssl = raw_client(TLS1_2_VERSION);
    char byte;
    assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    for (int i = 0; i < 20000 && !(SSL_is_init_finished(ssl) && tls_session_is_ready(pair.server.session)); i++) {
        SSL_do_handshake(ssl);
        bool is_there = BIO_read(SSL_get_wbio(ssl), &byte, 1) == 1;
        struct tls_io io = io_of(&pair.server, slice_of(&byte, is_there), 1);
        size_t bytes = 0;
        assert_int_equal(tls_session_read(pair.server.session, &io, pair.server.got, 1, &bytes), ERR_AGAIN);
        assert_int_equal(io.in.len, 0);
        BIO_write(SSL_get_rbio(ssl), pair.server.wire, (int)io.out_bytes);
    }
    assert_true(SSL_is_init_finished(ssl) && tls_session_is_ready(pair.server.session));
    assert_string_equal(tls_session_version(pair.server.session), "TLSv1.2");
    SSL_free(ssl);
    close_ends(&pair);
    tls_context_unref(server);
}

/* The client's own check of the host name proves which certificate it was given. */
static void chooses_the_certificate_by_the_name_asked_for(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    const struct {
        const char *host;
        bool is_served;
    } cases[] = {
        {"first.example", true},   {"FIRST.example", true}, {"a.wild.example", true},
        {"exact.example", true},   {"wild.example", false}, {"a.b.wild.example", false},
        {"nobody.example", false}, {"127.0.0.1", true},     {"127.0.0.2", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair pair;
        shake_hands(&pair, server, client, &(struct tls_session_options){.host = slice_of_text(cases[i].host)});
        assert_int_equal(tls_session_is_ready(pair.client.session), cases[i].is_served);
        assert_int_equal(pair.client.err, cases[i].is_served ? ERR_AGAIN : ERR_DENIED);
        if (cases[i].is_served && i < 4) {
            struct slice host = tls_session_host(pair.server.session);
            assert_true(slice_equal_nocase(host, slice_of_text(cases[i].host)));
        } else if (!cases[i].is_served) {
            assert_non_null(strstr(tls_session_reason(pair.client.session), "mismatch"));
            assert_int_equal(pair.server.err, ERR_CLOSED);
        }
        close_ends(&pair);
    }
    tls_context_unref(server);
    tls_context_unref(client);
}

static void serves_each_client_the_kind_of_key_it_can_check(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    const char *kinds[] = {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct pair pair = {0};
        SSL *ssl = raw_client(TLS1_2_VERSION);
        SSL_set_tlsext_host_name(ssl, "exact.example");
        SSL_set_cipher_list(ssl, kinds[i]);
        assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
        exchange_raw(ssl, &pair.server);
        assert_int_equal(pair.server.err, ERR_AGAIN);
        assert_string_equal(tls_session_cipher(pair.server.session), kinds[i]);
        SSL_free(ssl);
        close_ends(&pair);
    }
    tls_context_unref(server);
}

static void refuses_a_server_that_the_client_does_not_trust(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    struct tls_context *client = make_client(&(struct tls_client_options){.ca = other_ca.pem.certificate});
    struct tls_context *careless = make_client(&(struct tls_client_options){.is_unverified = true});
    struct pair pair;
    shake_hands(&pair, server, client, &(struct tls_session_options){0});
    assert_int_equal(pair.client.err, ERR_DENIED);
    assert_string_equal(tls_session_reason(pair.client.session), "unable to get local issuer certificate");
    assert_int_equal(pair.server.err, ERR_CLOSED);
    assert_string_equal(tls_session_reason(pair.server.session), "tlsv1 alert unknown ca");
    close_ends(&pair);
    shake_hands(&pair, server, careless, &(struct tls_session_options){0});
    assert_ready(&pair);
    assert_null(tls_session_peer(pair.client.session)); /* shown, but not verified */
    close_ends(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
    tls_context_unref(careless);
}

static void a_client_must_say_whom_it_expects(void **state)
{
    (void)state;
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    struct tls_session *session = NULL;
    const struct slice bad[] = {{NULL, 0}, SLICE_LIT("a\0b")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(tls_session_create(client, &(struct tls_session_options){.host = bad[i]}, &session),
                         ERR_INVALID);
    tls_context_unref(client);
}

static void agrees_on_the_application_protocol(void **state)
{
    (void)state;
    const struct {
        bool server_h2;
        bool client_h2;
        enum tls_alpn expected;
    } cases[] = {{true, true, TLS_ALPN_H2},
                 {true, false, TLS_ALPN_HTTP1},
                 {false, true, TLS_ALPN_HTTP1},
                 {false, false, TLS_ALPN_HTTP1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_context *server = make_server(&(struct tls_server_options){.offers_h2 = cases[i].server_h2});
        struct tls_context *client = make_client(&(struct tls_client_options){.offers_h2 = cases[i].client_h2});
        struct pair pair;
        shake_hands(&pair, server, client, &(struct tls_session_options){0});
        assert_ready(&pair);
        assert_int_equal(tls_session_alpn(pair.server.session), cases[i].expected);
        assert_int_equal(tls_session_alpn(pair.client.session), cases[i].expected);
        close_ends(&pair);
        tls_context_unref(server);
        tls_context_unref(client);
    }
}

/* RFC 7301 section 3.2. */
static void refuses_protocols_it_does_not_speak(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.offers_h2 = true});
    const unsigned char smtp[] = "\x04smtp";
    struct pair pair = {0};
    SSL *ssl = raw_client(TLS1_3_VERSION);
    SSL_set_alpn_protos(ssl, smtp, sizeof smtp - 1);
    assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    assert_int_equal(pair.server.err, ERR_UNSUPPORTED);
    assert_string_equal(tls_session_reason(pair.server.session), "no application protocol");
    SSL_free(ssl);
    close_ends(&pair);
    /* Whoever offers none gets the old one. */
    ssl = raw_client(TLS1_3_VERSION);
    assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    assert_true(tls_session_is_ready(pair.server.session));
    assert_int_equal(tls_session_alpn(pair.server.session), TLS_ALPN_NONE);
    SSL_free(ssl);
    tls_session_destroy(pair.server.session);
    tls_context_unref(server);
}

/* Tickets. */

static struct tls_ticket *get_ticket(struct tls_context *server, struct tls_context *client)
{
    struct pair pair;
    shake_hands(&pair, server, client, &(struct tls_session_options){0});
    assert_ready(&pair);
    assert_false(tls_session_is_resumed(pair.server.session));
    struct tls_ticket *ticket = tls_session_take_ticket(pair.client.session);
    close_ends(&pair);
    return ticket;
}

/* Destroys the ticket. */
static bool resumes(struct tls_context *server, struct tls_context *client, struct tls_ticket *ticket, uint64_t now_s)
{
    struct pair pair;
    assert_non_null(ticket);
    shake_hands(&pair, server, client, &(struct tls_session_options){.ticket = ticket, .now_s = now_s});
    tls_ticket_destroy(ticket);
    assert_ready(&pair);
    bool is_resumed = tls_session_is_resumed(pair.server.session);
    assert_int_equal(tls_session_is_resumed(pair.client.session), is_resumed);
    say(&pair.client, "still there?");
    exchange(&pair, PIECE);
    assert_got(&pair.server, "still there?");
    close_ends(&pair);
    return is_resumed;
}

static void resumes_with_a_ticket(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    assert_true(resumes(server, client, get_ticket(server, client), NOW_S));
    tls_context_unref(server);
    tls_context_unref(client);
}

static void resumes_at_another_context_of_the_same_secret(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *again = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_tickets others = {.secret = "another secret", .rotation_s = HOUR_S};
    struct tls_context *foreign = make_server(&(struct tls_server_options){.tickets = &others});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    assert_true(resumes(again, client, get_ticket(server, client), NOW_S));
    assert_false(resumes(foreign, client, get_ticket(server, client), NOW_S));
    tls_context_unref(server);
    tls_context_unref(again);
    tls_context_unref(foreign);
    tls_context_unref(client);
}

static void keys_of_this_and_the_last_epoch_open_tickets(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    assert_true(resumes(server, client, get_ticket(server, client), NOW_S + HOUR_S));
    assert_false(resumes(server, client, get_ticket(server, client), NOW_S + 2 * HOUR_S));
    assert_false(resumes(server, client, get_ticket(server, client), NOW_S - HOUR_S)); /* the clock went back */
    tls_context_unref(server);
    tls_context_unref(client);
}

static void gives_no_tickets_without_a_secret(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){0});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    assert_null(get_ticket(server, client));
    tls_context_unref(server);
    tls_context_unref(client);
}

static void tls_1_2_resumes_too(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    const struct tls_session_options options = {.now_s = NOW_S};
    SSL_SESSION *ticket = NULL;
    for (int round = 0; round < 2; round++) {
        struct pair pair = {0};
        SSL *ssl = raw_client(TLS1_2_VERSION);
        if (ticket)
            SSL_set_session(ssl, ticket);
        assert_int_equal(tls_session_create(server, &options, &pair.server.session), ERR_OK);
        exchange_raw(ssl, &pair.server);
        assert_true(tls_session_is_ready(pair.server.session));
        assert_int_equal(tls_session_is_resumed(pair.server.session), round == 1);
        SSL_SESSION_free(ticket);
        ticket = SSL_get1_session(ssl);
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(ssl);
        close_ends(&pair);
    }
    SSL_SESSION_free(ticket);
    tls_context_unref(server);
}

/* Client certificates. */

static struct tls_context *make_strict(enum tls_client_certificate rule, const struct issued *trusted)
{
    return make_server(&(struct tls_server_options){
        .client_certificate = rule, .client_ca = trusted->pem.certificate, .tickets = &tickets});
}

static void knows_the_client_by_its_certificate(void **state)
{
    (void)state;
    struct tls_context *server = make_strict(TLS_CLIENT_CERTIFICATE_REQUIRED, &ca);
    struct tls_context *client = make_client(&(struct tls_client_options){.pair = &client_pair.pem});
    struct pair pair;
    shake_hands(&pair, server, client, &(struct tls_session_options){0});
    assert_ready(&pair);
    const struct tls_peer *peer = tls_session_peer(pair.server.session);
    assert_non_null(peer);
    assert_true(slice_is(peer->subject, "O=weir test,CN=acme"));
    assert_true(slice_is(peer->common_name, "acme"));
    assert_int_equal(peer->name_count, 3);
    assert_int_equal(peer->names[0].kind, TLS_NAME_DNS);
    assert_true(slice_is(peer->names[0].text, "client.example"));
    assert_int_equal(peer->names[1].kind, TLS_NAME_URI);
    assert_true(slice_is(peer->names[1].text, "spiffe://example/acme"));
    assert_int_equal(peer->names[2].kind, TLS_NAME_EMAIL);
    assert_true(slice_is(peer->names[2].text, "a@b.example"));
    unsigned char digest[32];
    char hex[64];
    X509_digest(client_pair.certificate, EVP_sha256(), digest, NULL);
    text_format_hex(hex, slice_of(digest, sizeof digest));
    assert_true(slice_equal(peer->fingerprint, slice_of(hex, sizeof hex)));
    /* Also when the session is resumed, in which no certificate is sent. */
    struct tls_ticket *ticket = tls_session_take_ticket(pair.client.session);
    close_ends(&pair);
    shake_hands(&pair, server, client, &(struct tls_session_options){.ticket = ticket});
    assert_true(tls_session_is_resumed(pair.server.session));
    assert_non_null(tls_session_peer(pair.server.session));
    assert_true(slice_is(tls_session_peer(pair.server.session)->common_name, "acme"));
    tls_ticket_destroy(ticket);
    close_ends(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

/* In TLS 1.3 a client is done before it hears that it was refused. */
static void asks_for_certificates_as_told(void **state)
{
    (void)state;
    const struct {
        enum tls_client_certificate rule;
        const struct issued *shown;
        enum err expected;
        const char *reason;
    } cases[] = {
        {TLS_CLIENT_CERTIFICATE_NONE, NULL, ERR_AGAIN, ""},
        {TLS_CLIENT_CERTIFICATE_NONE, &stranger, ERR_AGAIN, ""},
        {TLS_CLIENT_CERTIFICATE_OPTIONAL, NULL, ERR_AGAIN, ""},
        {TLS_CLIENT_CERTIFICATE_OPTIONAL, &client_pair, ERR_AGAIN, ""},
        {TLS_CLIENT_CERTIFICATE_OPTIONAL, &stranger, ERR_DENIED, "unable to get local issuer certificate"},
        {TLS_CLIENT_CERTIFICATE_REQUIRED, NULL, ERR_DENIED, "peer did not return a certificate"},
        {TLS_CLIENT_CERTIFICATE_REQUIRED, &client_pair, ERR_AGAIN, ""},
        {TLS_CLIENT_CERTIFICATE_REQUIRED, &stranger, ERR_DENIED, "unable to get local issuer certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_context *server = make_strict(cases[i].rule, &ca);
        struct tls_context *client =
            make_client(&(struct tls_client_options){.pair = cases[i].shown ? &cases[i].shown->pem : NULL});
        struct pair pair;
        shake_hands(&pair, server, client, &(struct tls_session_options){0});
        assert_int_equal(pair.server.err, cases[i].expected);
        assert_string_equal(tls_session_reason(pair.server.session), cases[i].reason);
        bool is_known = cases[i].rule != TLS_CLIENT_CERTIFICATE_NONE && cases[i].shown == &client_pair;
        assert_int_equal(tls_session_peer(pair.server.session) != NULL, is_known);
        close_ends(&pair);
        tls_context_unref(server);
        tls_context_unref(client);
    }
}

/* Whoever is listed is trusted, and not only roots: an intermediate, or the one certificate that is meant. */
static void trusts_what_is_listed(void **state)
{
    (void)state;
    struct issued middle = issue(&(struct issue_options){.common_name = "middle", .issuer = &ca, .is_ca = true});
    struct issued below = issue(&(struct issue_options){.common_name = "below", .issuer = &middle});
    struct issued alone = issue(&(struct issue_options){.common_name = "alone"});
    const struct {
        const struct issued *trusted;
        const struct issued *shown;
        enum err expected;
    } cases[] = {{&middle, &below, ERR_AGAIN}, {&alone, &alone, ERR_AGAIN},
                 {&below, &below, ERR_AGAIN},  {&middle, &alone, ERR_DENIED},
                 {&alone, &below, ERR_DENIED}, {&ca, &below, ERR_DENIED}}; /* the middle is missing */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_context *server = make_strict(TLS_CLIENT_CERTIFICATE_REQUIRED, cases[i].trusted);
        struct tls_context *client = make_client(&(struct tls_client_options){.pair = &cases[i].shown->pem});
        struct pair pair;
        shake_hands(&pair, server, client, &(struct tls_session_options){0});
        assert_int_equal(pair.server.err, cases[i].expected);
        close_ends(&pair);
        tls_context_unref(server);
        tls_context_unref(client);
    }
    issued_deinit(&middle);
    issued_deinit(&below);
    issued_deinit(&alone);
}

/* Otherwise a ticket would carry a client past a rule that it was never checked by. */
static void a_ticket_is_good_for_one_rule_of_trust(void **state)
{
    (void)state;
    struct tls_context *lax = make_strict(TLS_CLIENT_CERTIFICATE_NONE, &ca);
    struct tls_context *optional = make_strict(TLS_CLIENT_CERTIFICATE_OPTIONAL, &ca);
    struct tls_context *strict = make_strict(TLS_CLIENT_CERTIFICATE_REQUIRED, &other_ca);
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    assert_false(resumes(optional, client, get_ticket(lax, client), NOW_S));
    struct tls_ticket *ticket = get_ticket(optional, client);
    struct pair pair;
    shake_hands(&pair, strict, client, &(struct tls_session_options){.ticket = ticket});
    assert_int_equal(pair.server.err, ERR_DENIED);
    tls_ticket_destroy(ticket);
    close_ends(&pair);
    tls_context_unref(lax);
    tls_context_unref(optional);
    tls_context_unref(strict);
    tls_context_unref(client);
}

/* Endings. */

static struct tls_context *plain_server;
static struct tls_context *plain_client;

static int make_plain(void **state)
{
    (void)state;
    plain_server = make_server(&(struct tls_server_options){0});
    plain_client = make_client(&(struct tls_client_options){0});
    return 0;
}

static int drop_plain(void **state)
{
    (void)state;
    tls_context_unref(plain_server);
    tls_context_unref(plain_client);
    return 0;
}

static void tells_an_end_from_a_cut(void **state)
{
    (void)state;
    struct pair pair;
    shake_hands(&pair, plain_server, plain_client, &(struct tls_session_options){0});
    struct tls_io io = {.is_eof = true};
    size_t bytes = 0;
    assert_int_equal(tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes), ERR_TRUNCATED);
    say(&pair.server, "anyone?"); /* it was only the other direction */
    close_ends(&pair);
}

static void cuts_within_the_handshake_are_cuts(void **state)
{
    (void)state;
    struct pair pair;
    open_ends(&pair, plain_server, plain_client, &(struct tls_session_options){0});
    feed(&pair.client, &pair.server, PIECE);
    struct tls_io io = io_of(&pair.server, on_wire(&pair.client, 50), PIECE);
    io.is_eof = true;
    size_t bytes = 0;
    assert_int_equal(tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes), ERR_TRUNCATED);
    close_ends(&pair);
}

static void each_side_ends_for_itself(void **state)
{
    (void)state;
    struct pair pair;
    shake_hands(&pair, plain_server, plain_client, &(struct tls_session_options){0});
    say(&pair.client, "last words");
    struct tls_io io = io_of(&pair.client, (struct slice){NULL, 0}, PIECE);
    assert_int_equal(tls_session_close(pair.client.session, &io), ERR_OK);
    pair.client.wire_end += io.out_bytes;
    size_t once = pair.client.wire_end;
    io = io_of(&pair.client, (struct slice){NULL, 0}, PIECE);
    assert_int_equal(tls_session_close(pair.client.session, &io), ERR_OK);
    assert_int_equal(io.out_bytes, 0);
    assert_int_equal(pair.client.wire_end, once);
    feed(&pair.server, &pair.client, PIECE);
    assert_int_equal(pair.server.err, ERR_OK);
    assert_got(&pair.server, "last words");
    assert_true(tls_session_has_plaintext(pair.server.session)); /* the end */
    feed(&pair.server, &pair.client, PIECE);
    assert_int_equal(pair.server.err, ERR_EOF);
    assert_false(tls_session_has_plaintext(pair.server.session));
    say(&pair.server, "answer");
    feed(&pair.client, &pair.server, PIECE);
    assert_got(&pair.client, "answer");
    io = io_of(&pair.server, (struct slice){NULL, 0}, PIECE);
    assert_int_equal(tls_session_close(pair.server.session, &io), ERR_OK);
    pair.server.wire_end += io.out_bytes;
    feed(&pair.client, &pair.server, PIECE);
    assert_int_equal(pair.client.err, ERR_EOF);
    close_ends(&pair);
}

/* Hostile input. */

static void assert_refused(struct slice input, enum err expected, const char *reason)
{
    struct pair pair = {0};
    size_t bytes = 0;
    assert_int_equal(tls_session_create(plain_server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    struct tls_io io = io_of(&pair.server, input, PIECE);
    assert_int_equal(tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes), expected);
    assert_string_equal(tls_session_reason(pair.server.session), reason);
    /* It stays so, and no more is taken. */
    io = io_of(&pair.server, input, PIECE);
    assert_int_equal(tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes), expected);
    assert_int_equal(io.in.len, input.len);
    assert_int_equal(tls_session_write(pair.server.session, &io, SLICE_LIT("x"), &bytes), expected);
    assert_int_equal(tls_session_close(pair.server.session, &io), ERR_OK);
    close_ends(&pair);
}

static void refuses_garbage_with_a_reason(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("GET / HTTP/1.1\r\n"), ERR_MISMATCH, "plain HTTP on a TLS port");
    assert_refused(SLICE_LIT("PRI * HTTP/2.0\r\n"), ERR_MISMATCH, "plain HTTP on a TLS port");
    assert_refused(SLICE_LIT("\x16\x03\x01\xff\xff\x01............"), ERR_SYNTAX, "packet length too long");
    assert_refused(SLICE_LIT("\x17\x03\x03\x00\x05hello"), ERR_SYNTAX, "unexpected message");
    assert_refused(SLICE_LIT("\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"), ERR_SYNTAX, "unexpected message");
    assert_refused(SLICE_LIT("\0\0\0\0\0\0\0\0\0\0\0"), ERR_SYNTAX, "wrong version number");
}

static void bounds_the_handshake(void **state)
{
    (void)state;
    struct pair pair = {0};
    enum err err = ERR_AGAIN;
    size_t sent = 0;
    /* A ClientHello of 128 KiB, in records of 1 KiB. */
    char record[5 + 1024] = "\x16\x03\x01\x04\x00\x01\x01\xff\xff\x03\x03";
    assert_int_equal(tls_session_create(plain_server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    while (err == ERR_AGAIN && sent < 4 * TLS_HANDSHAKE_BYTES_MAX) {
        struct tls_io io = io_of(&pair.server, slice_of(record, sizeof record), PIECE);
        size_t bytes = 0;
        err = tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes);
        sent += sizeof record;
        memset(record + 5, 'a', sizeof record - 5);
    }
    assert_true(err == ERR_LIMIT || err == ERR_SYNTAX);
    assert_true(sent <= TLS_HANDSHAKE_BYTES_MAX + sizeof record);
    close_ends(&pair);
}

static void a_damaged_record_ends_the_session(void **state)
{
    (void)state;
    struct pair pair;
    shake_hands(&pair, plain_server, plain_client, &(struct tls_session_options){0});
    say(&pair.client, "hello");
    pair.client.wire[pair.client.wire_end - 1] ^= 1;
    feed(&pair.server, &pair.client, PIECE);
    assert_int_equal(pair.server.err, ERR_SYNTAX);
    assert_true(pair.server.wire_end > pair.server.wire_begin); /* an alert */
    assert_int_equal(pair.server.got_bytes, 0);
    close_ends(&pair);
}

static enum err write_raw(SSL *ssl, struct end *server)
{
    char out[WIRE];
    int len = BIO_read(SSL_get_wbio(ssl), out, sizeof out);
    assert_true(len > 0);
    struct tls_io io = io_of(server, slice_of(out, (size_t)len), PIECE);
    size_t bytes = 0;
    enum err err = tls_session_read(server->session, &io, server->got, sizeof server->got, &bytes);
    server->got_bytes = err == ERR_OK ? bytes : 0;
    BIO_write(SSL_get_rbio(ssl), server->wire, (int)io.out_bytes);
    return err;
}

static void refuses_to_renegotiate(void **state)
{
    (void)state;
    struct pair pair = {0};
    char byte;
    SSL *ssl = raw_client(TLS1_2_VERSION);
    assert_int_equal(tls_session_create(plain_server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    assert_true(tls_session_is_ready(pair.server.session));
    assert_int_equal(SSL_renegotiate(ssl), 1);
    SSL_do_handshake(ssl);
    assert_int_equal(write_raw(ssl, &pair.server), ERR_AGAIN);
    assert_true(SSL_read(ssl, &byte, 1) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    SSL_free(ssl);
    close_ends(&pair);
}

static void key_updates_without_data_have_a_limit(void **state)
{
    (void)state;
    struct pair pair = {0};
    SSL *ssl = raw_client(TLS1_3_VERSION);
    enum err err = ERR_AGAIN;
    char byte;
    assert_int_equal(tls_session_create(plain_server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    for (int i = 0; i < 100; i++) { /* with data between them they may go on for ever */
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        assert_int_equal(SSL_write(ssl, "x", 1), 1);
        assert_int_equal(write_raw(ssl, &pair.server), ERR_OK);
        assert_int_equal(pair.server.got_bytes, 1);
        assert_true(SSL_read(ssl, &byte, 1) <= 0);
    }
    int rounds = 0;
    for (; rounds < 100 && err == ERR_AGAIN; rounds++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(ssl);
        err = write_raw(ssl, &pair.server);
        SSL_read(ssl, &byte, 1);
    }
    assert_int_equal(err, ERR_LIMIT);
    assert_true(rounds < 50);
    SSL_free(ssl);
    close_ends(&pair);
}

/* Large transfers. */

#define TRANSFER_BYTES 3000000

static char byte_at(size_t index)
{
    return (char)(index * 31 + index / 251);
}

struct transfer {
    struct end *from;
    struct end *to;
    char *data;
    char *copy;
    size_t written;
    size_t read;
};

static void transfer_some(struct transfer *transfer, size_t offer, size_t room, size_t place)
{
    struct end *from = transfer->from;
    struct tls_io io = io_of(from, (struct slice){NULL, 0}, room);
    size_t taken = 0;
    struct slice rest = slice_of(transfer->data + transfer->written, TRANSFER_BYTES - transfer->written);
    enum err err = tls_session_write(from->session, &io, slice_first(rest, offer), &taken);
    assert_true(err == ERR_OK || (err == ERR_AGAIN && tls_session_wants_room(from->session)));
    transfer->written += taken;
    from->wire_end += io.out_bytes;

    struct slice in = on_wire(from, SIZE_MAX);
    io = (struct tls_io){.in = in};
    size_t bytes = 0;
    err = tls_session_read(transfer->to->session, &io, transfer->copy + transfer->read,
                           MIN(place, TRANSFER_BYTES - transfer->read), &bytes);
    assert_true(err == ERR_OK || err == ERR_AGAIN);
    assert_true(io.in.len == 0 || bytes > 0); /* what is left waits for place, and for nothing else */
    transfer->read += bytes;
    from->wire_begin += in.len - io.in.len;
}

static void large_transfers_survive_little_room_and_place(void **state)
{
    (void)state;
    const size_t places[] = {7, 100, 5000, 16384, 100000};
    struct transfer transfer = {.data = malloc(TRANSFER_BYTES), .copy = malloc(TRANSFER_BYTES)};
    for (size_t i = 0; i < TRANSFER_BYTES; i++)
        transfer.data[i] = byte_at(i);
    for (int round = 0; round < 2; round++) {
        struct pair pair;
        shake_hands(&pair, plain_server, plain_client, &(struct tls_session_options){0});
        transfer.from = round ? &pair.server : &pair.client;
        transfer.to = round ? &pair.client : &pair.server;
        transfer.written = transfer.read = 0;
        memset(transfer.copy, 0, TRANSFER_BYTES);
        for (size_t turn = 0; transfer.read < TRANSFER_BYTES; turn++) {
            assert_true(turn < TRANSFER_BYTES);
            transfer_some(&transfer, turn % 3 ? 100000 : 10000, turn % 5 ? 9000 + turn % 8000 : turn % 90,
                          places[turn % ARRAY_LEN(places)]);
        }
        assert_memory_equal(transfer.data, transfer.copy, TRANSFER_BYTES);
        close_ends(&pair);
    }
    free(transfer.data);
    free(transfer.copy);
}

static void takes_the_next_key_after_so_many_records(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.key_records = 5});
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct pair pair = {0};
        SSL *ssl = raw_client(version);
        char text[8];
        int updates = 0;
        assert_int_equal(tls_session_create(server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
        exchange_raw(ssl, &pair.server);
        SSL_set_msg_callback(ssl, count_updates);
        SSL_set_msg_callback_arg(ssl, &updates);
        for (int i = 0; i < 31; i++) {
            size_t taken = 0;
            struct tls_io io = {.out = pair.server.wire, .out_capacity = WIRE};
            assert_int_equal(tls_session_write(pair.server.session, &io, SLICE_LIT("x"), &taken), ERR_OK);
            BIO_write(SSL_get_rbio(ssl), pair.server.wire, (int)io.out_bytes);
            assert_int_equal(SSL_read(ssl, text, sizeof text), 1);
        }
        assert_int_equal(updates, version == TLS1_3_VERSION ? 6 : 0);
        SSL_free(ssl);
        close_ends(&pair);
    }
    tls_context_unref(server);
}

/* A key update that cannot be answered for want of room holds up the record behind it, and nothing is lost. */
static void answers_key_updates_when_there_is_room(void **state)
{
    (void)state;
    struct pair pair = {0};
    SSL *ssl = raw_client(TLS1_3_VERSION);
    char text[8];
    assert_int_equal(tls_session_create(plain_server, &(struct tls_session_options){0}, &pair.server.session), ERR_OK);
    exchange_raw(ssl, &pair.server);
    SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    assert_int_equal(SSL_write(ssl, "a", 1), 1);
    char out[WIRE];
    int len = BIO_read(SSL_get_wbio(ssl), out, sizeof out);
    struct tls_io io = {.in = slice_of(out, (size_t)len), .out = pair.server.wire, .out_capacity = 3};
    size_t bytes = 0;
    enum err err = tls_session_read(pair.server.session, &io, pair.server.got, 10, &bytes);
    assert_true(err == ERR_OK || (err == ERR_AGAIN && tls_session_wants_room(pair.server.session)));
    size_t taken = 0;
    BIO_write(SSL_get_rbio(ssl), pair.server.wire, (int)io.out_bytes);
    for (int i = 0; i < 100 && taken == 0; i++) {
        struct tls_io more = {.out = pair.server.wire, .out_capacity = i < 90 ? 2 : WIRE};
        err = tls_session_write(pair.server.session, &more, SLICE_LIT("reply"), &taken);
        BIO_write(SSL_get_rbio(ssl), pair.server.wire, (int)more.out_bytes);
    }
    assert_int_equal(err, ERR_OK);
    assert_int_equal(SSL_read(ssl, text, sizeof text), 5);
    assert_memory_equal(text, "reply", 5);
    SSL_free(ssl);
    close_ends(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_3_works_in_pieces_of_any_size),
        cmocka_unit_test(a_server_of_1_2_still_takes_it_unless_told_otherwise),
        cmocka_unit_test(tls_1_2_in_tiny_pieces),
        cmocka_unit_test(refuses_tls_1_1),
        cmocka_unit_test(chooses_the_certificate_by_the_name_asked_for),
        cmocka_unit_test(serves_each_client_the_kind_of_key_it_can_check),
        cmocka_unit_test(refuses_a_server_that_the_client_does_not_trust),
        cmocka_unit_test(a_client_must_say_whom_it_expects),
        cmocka_unit_test(agrees_on_the_application_protocol),
        cmocka_unit_test(refuses_protocols_it_does_not_speak),
        cmocka_unit_test(resumes_with_a_ticket),
        cmocka_unit_test(resumes_at_another_context_of_the_same_secret),
        cmocka_unit_test(keys_of_this_and_the_last_epoch_open_tickets),
        cmocka_unit_test(gives_no_tickets_without_a_secret),
        cmocka_unit_test(tls_1_2_resumes_too),
        cmocka_unit_test(knows_the_client_by_its_certificate),
        cmocka_unit_test(asks_for_certificates_as_told),
        cmocka_unit_test(trusts_what_is_listed),
        cmocka_unit_test(takes_the_next_key_after_so_many_records),
        cmocka_unit_test(a_ticket_is_good_for_one_rule_of_trust),
        cmocka_unit_test_setup_teardown(tells_an_end_from_a_cut, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(cuts_within_the_handshake_are_cuts, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(each_side_ends_for_itself, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(refuses_garbage_with_a_reason, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(bounds_the_handshake, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(a_damaged_record_ends_the_session, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(refuses_to_renegotiate, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(key_updates_without_data_have_a_limit, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(large_transfers_survive_little_room_and_place, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(answers_key_updates_when_there_is_room, make_plain, drop_plain),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
