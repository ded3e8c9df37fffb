/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/tls/ends.h"

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
        cmocka_unit_test_setup_teardown(refuses_garbage_with_a_reason, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(bounds_the_handshake, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(a_damaged_record_ends_the_session, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(refuses_to_renegotiate, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(key_updates_without_data_have_a_limit, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(answers_key_updates_when_there_is_room, make_plain, drop_plain),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
