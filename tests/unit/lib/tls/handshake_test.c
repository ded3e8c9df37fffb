/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/tls/ends.h"

static void handshakes_in_pieces(enum tls_version version, size_t piece)
{
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *client = make_client(&(struct tls_client_options){.version_min = version});
    struct pair pair;
    open_ends(&pair, server, client, &(struct tls_session_options){0});
    exchange(&pair, piece);
    assert_ready(&pair);
    assert_int_equal(tls_session_version(pair.server.session), TLS_VERSION_1_3);
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
            assert_int_equal(tls_session_version(pair.server.session), TLS_VERSION_1_2);
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
    assert_int_equal(tls_session_version(pair.server.session), TLS_VERSION_1_2);
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

static void with_h2_only_refuses_who_offers_only_http1(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.offers_h2 = true, .is_h2_only = true});
    for (int is_h2_offered = 0; is_h2_offered < 2; is_h2_offered++) {
        struct tls_context *client = make_client(&(struct tls_client_options){.offers_h2 = is_h2_offered});
        struct pair pair;
        shake_hands(&pair, server, client, &(struct tls_session_options){0});
        assert_int_equal(tls_session_is_ready(pair.server.session), is_h2_offered);
        assert_int_equal(pair.server.err, is_h2_offered ? ERR_AGAIN : ERR_UNSUPPORTED);
        close_ends(&pair);
        tls_context_unref(client);
    }
    tls_context_unref(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_3_works_in_pieces_of_any_size),
        cmocka_unit_test(a_server_of_1_2_still_takes_it_unless_told_otherwise),
        cmocka_unit_test(refuses_tls_1_1),
        cmocka_unit_test(tls_1_2_in_tiny_pieces),
        cmocka_unit_test(chooses_the_certificate_by_the_name_asked_for),
        cmocka_unit_test(serves_each_client_the_kind_of_key_it_can_check),
        cmocka_unit_test(refuses_a_server_that_the_client_does_not_trust),
        cmocka_unit_test(a_client_must_say_whom_it_expects),
        cmocka_unit_test(agrees_on_the_application_protocol),
        cmocka_unit_test(refuses_protocols_it_does_not_speak),
        cmocka_unit_test(with_h2_only_refuses_who_offers_only_http1),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
