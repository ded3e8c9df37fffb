/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/tls/ends.h"

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

static void count_updates(int is_sent, int version, int kind, const void *data, size_t bytes, SSL *ssl, void *owner)
{
    (void)version;
    (void)ssl;
    if (!is_sent && kind == SSL3_RT_HANDSHAKE && bytes > 0 && *(const unsigned char *)data == SSL3_MT_KEY_UPDATE)
        ++*(int *)owner;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_an_end_from_a_cut, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(cuts_within_the_handshake_are_cuts, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(each_side_ends_for_itself, make_plain, drop_plain),
        cmocka_unit_test_setup_teardown(large_transfers_survive_little_room_and_place, make_plain, drop_plain),
        cmocka_unit_test(takes_the_next_key_after_so_many_records),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
