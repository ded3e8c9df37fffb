/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/tls/ends.h"

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

/* OpenSSL's client does not offer one a second time. */
static void gives_another_ticket_to_who_has_resumed(void **state)
{
    (void)state;
    struct tls_context *server = make_server(&(struct tls_server_options){.tickets = &tickets});
    struct tls_context *client = make_client(&(struct tls_client_options){0});
    struct tls_ticket *ticket = get_ticket(server, client);
    for (int i = 0; i < 3; i++) {
        struct pair pair;
        assert_non_null(ticket);
        shake_hands(&pair, server, client, &(struct tls_session_options){.ticket = ticket, .now_s = NOW_S});
        tls_ticket_destroy(ticket);
        assert_true(tls_session_is_resumed(pair.server.session));
        ticket = tls_session_take_ticket(pair.client.session);
        close_ends(&pair);
    }
    tls_ticket_destroy(ticket);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_with_a_ticket),
        cmocka_unit_test(gives_another_ticket_to_who_has_resumed),
        cmocka_unit_test(resumes_at_another_context_of_the_same_secret),
        cmocka_unit_test(keys_of_this_and_the_last_epoch_open_tickets),
        cmocka_unit_test(gives_no_tickets_without_a_secret),
        cmocka_unit_test(tls_1_2_resumes_too),
        cmocka_unit_test(knows_the_client_by_its_certificate),
        cmocka_unit_test(asks_for_certificates_as_told),
        cmocka_unit_test(trusts_what_is_listed),
        cmocka_unit_test(a_ticket_is_good_for_one_rule_of_trust),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
