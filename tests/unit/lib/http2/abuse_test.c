/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is talked to in frames made by hand: what RFC 9113 calls malformed, and what is legal and too much. */
#include "unit/lib/http2/peers.h"

static struct peer server;
static struct wire wire;
static struct wire block;

static int set_up(void **state)
{
    (void)state;
    struct http2_limits limits;
    limits_for_tests(&limits);
    limits.streams_max = 10;
    peer_init_with(&server, false, &limits);
    server.now_ns = UINT64_C(1000000000000);
    wire_begin(&wire);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_deinit(&server);
    return 0;
}

static struct slice block_bytes(void)
{
    return slice_of(block.bytes, block.len);
}

static void request(uint32_t stream, uint8_t flags)
{
    block_begin(&block, "GET", "/");
    wire_frame(&wire, 1, flags, stream, block_bytes());
}

/* Hears the frames in `wire` again and again until there is an abuse, or `count` times; returns how often. */
static unsigned hear_again(unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        server.received = http2_receive(server.session, slice_of(wire.bytes, wire.len), server.now_ns);
        if (server.received == ERR_CLOSED)
            return i;
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
    }
    return count;
}

static void expect_calm(enum http2_abuse abuse)
{
    assert_int_equal(server.received, ERR_CLOSED);
    assert_int_equal(server.abuses[abuse], 1);
    assert_int_equal(answer(&server, FRAME_GOAWAY), HTTP2_ENHANCE_YOUR_CALM);
    assert_true(http2_is_over(server.session));
}

static void hear_begin(void)
{
    hear(&server, &wire);
    assert_int_equal(server.received, ERR_OK);
}

/* CVE-2023-44487. */
static void calms_a_rapid_reset(void **state)
{
    (void)state;
    hear_begin();
    uint32_t stream = 1;
    for (; stream < 2001 && server.received == ERR_OK; stream += 2) {
        server.count = 0;
        request(stream, END_STREAM | END_HEADERS);
        wire_frame(&wire, 3, 0, stream, SLICE_LIT("\0\0\0\x08"));
        hear(&server, &wire);
    }
    assert_int_equal(stream / 2, 201);
    expect_calm(HTTP2_ABUSE_RESETS);
}

static void allows_resets_at_a_calm_pace(void **state)
{
    (void)state;
    hear_begin();
    for (uint32_t stream = 1; stream < 2001; stream += 2) {
        server.count = 0;
        server.now_ns += 150000000;
        request(stream, END_STREAM | END_HEADERS);
        wire_frame(&wire, 3, 0, stream, SLICE_LIT("\0\0\0\x08"));
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
        http2_send(server.session, server.wire, sizeof server.wire);
    }
}

static void allows_a_reset_for_each_answered_request(void **state)
{
    (void)state;
    hear_begin();
    for (uint32_t stream = 1; stream < 4001; stream += 4) {
        server.count = 0;
        request(stream, END_STREAM | END_HEADERS);
        request(stream + 2, END_STREAM | END_HEADERS);
        wire_frame(&wire, 3, 0, stream + 2, SLICE_LIT("\0\0\0\x08"));
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
        assert_int_equal(http2_respond(&server.exchanges[0].stream, 204, NULL, 0, false), ERR_OK);
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
    }
}

/* CVE-2025-8671: the client has the server do the resetting. */
static void calms_a_client_that_makes_us_reset(void **state)
{
    (void)state;
    hear_begin();
    uint32_t stream = 1;
    for (; stream < 2001 && server.received == ERR_OK; stream += 2) {
        server.count = 0;
        block_begin(&block, "GET", "/");
        block_add(&block, "te", "everything");
        wire_frame(&wire, 1, END_HEADERS, stream, block_bytes());
        hear(&server, &wire);
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
    }
    assert_in_range(stream / 2, 190, 210);
    assert_int_equal(server.abuses[HTTP2_ABUSE_RESETS], 1);
}

static void calms_a_client_beyond_its_streams(void **state)
{
    (void)state;
    hear_begin();
    uint32_t stream = 1;
    for (; stream < 2001 && server.received == ERR_OK; stream += 2) {
        request(stream, END_HEADERS);
        hear(&server, &wire);
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
    }
    assert_int_equal(server.count, 10);
    assert_int_equal(server.abuses[HTTP2_ABUSE_RESETS], 1);
}

/* CVE-2024-28182 and its family. */
static void calms_a_flood_of_continuations(void **state)
{
    (void)state;
    block_begin(&block, "GET", "/");
    wire_frame(&wire, 1, END_STREAM, 1, block_bytes());
    hear_begin();
    block.len = 0;
    block_add(&block, "a", "b");
    wire_frame(&wire, 9, 0, 1, block_bytes());
    assert_int_equal(hear_again(100), 9);
    expect_calm(HTTP2_ABUSE_CONTINUATIONS);
}

static void calms_a_flood_of_empty_continuations(void **state)
{
    (void)state;
    block_begin(&block, "GET", "/");
    wire_frame(&wire, 1, END_STREAM, 1, block_bytes());
    hear_begin();
    wire_frame(&wire, 9, 0, 1, (struct slice){NULL, 0});
    assert_int_equal(hear_again(100), 9);
    expect_calm(HTTP2_ABUSE_CONTINUATIONS);
}

/* One indexed byte unpacks to four thousand. */
static void calms_a_header_bomb(void **state)
{
    (void)state;
    static char value[3900];
    memset(value, 'x', sizeof value);
    block_begin(&block, "GET", "/");
    /* Literal with indexing, RFC 7541 section 6.2.1: "bomb" and a value of 127 + 3773 bytes. */
    wire_add(&block, SLICE_LIT("\x40\x04"
                               "bomb\x7f\xbd\x1d"));
    wire_add(&block, slice_of(value, sizeof value));
    for (unsigned i = 0; i < 12000; i++)
        wire_add(&block, SLICE_LIT("\xbe"));
    wire_frame(&wire, 1, END_STREAM | END_HEADERS, 1, block_bytes());
    hear(&server, &wire);
    expect_calm(HTTP2_ABUSE_HEADER_BYTES);
    assert_true(server.exchanges[0].memory_used <= 8192);
}

static void calms_a_flood_of_settings(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 4, 0, 0, (struct slice){NULL, 0});
    assert_in_range(hear_again(1000), 25, 40);
    expect_calm(HTTP2_ABUSE_SETTINGS);
}

static void calms_a_flood_of_pings(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 6, 0, 0, SLICE_LIT("12345678"));
    assert_int_equal(hear_again(1000), 201);
    expect_calm(HTTP2_ABUSE_PINGS);
}

static void allows_pings_at_a_calm_pace(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 6, 0, 0, SLICE_LIT("12345678"));
    for (unsigned i = 0; i < 1000; i++) {
        server.now_ns += 200000000;
        assert_int_equal(hear_again(1), 1);
        assert_int_equal(server.received, ERR_OK);
    }
}

static void calms_a_flood_of_empty_data(void **state)
{
    (void)state;
    request(1, END_HEADERS);
    hear_begin();
    wire_frame(&wire, 0, 0, 1, (struct slice){NULL, 0});
    assert_int_equal(hear_again(1000), 201);
    expect_calm(HTTP2_ABUSE_EMPTY_FRAMES);
}

static void calms_a_flood_of_padding(void **state)
{
    (void)state;
    request(1, END_HEADERS);
    hear_begin();
    wire_frame(&wire, 0, 8, 1, SLICE_LIT("\x03\0\0\0"));
    assert_int_equal(hear_again(1000), 201);
    expect_calm(HTTP2_ABUSE_EMPTY_FRAMES);
}

static void calms_a_flood_of_unknown_frames(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 0x77, 0, 0, SLICE_LIT("grease"));
    assert_int_equal(hear_again(1000), 201);
    expect_calm(HTTP2_ABUSE_EMPTY_FRAMES);
}

static void calms_a_flood_of_priorities(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 2, 0, 1, SLICE_LIT("\0\0\0\0\x10"));
    assert_int_equal(hear_again(1000), 201);
    expect_calm(HTTP2_ABUSE_PRIORITIES);
}

static void calms_a_flood_of_window_updates(void **state)
{
    (void)state;
    hear_begin();
    wire_frame(&wire, 8, 0, 0, SLICE_LIT("\0\0\0\x01"));
    assert_int_equal(hear_again(2000), 1001);
    expect_calm(HTTP2_ABUSE_WINDOW_UPDATES);
}

/* The body leaves a byte at a time: ten bytes and a system call for each that the client lets through. */
static void calms_a_client_that_opens_its_window_by_one_byte(void **state)
{
    (void)state;
    static char body[5000];
    wire_frame(&wire, 4, 0, 0, SLICE_LIT("\0\x04\0\0\0\0"));
    request(1, END_STREAM | END_HEADERS);
    hear_begin();
    server.exchanges[0].to_send = slice_of(body, sizeof body);
    server.exchanges[0].stream.left_bytes = sizeof body;
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, NULL, 0, true), ERR_OK);
    wire_frame(&wire, 8, 0, 1, SLICE_LIT("\0\0\0\x01"));
    assert_int_equal(hear_again(5000), 1005); /* four for the head of the response */
    expect_calm(HTTP2_ABUSE_WINDOW_UPDATES);
}

static size_t open_window(const char increment[4])
{
    wire_frame(&wire, 8, 0, 1, slice_of(increment, 4));
    hear(&server, &wire);
    assert_int_equal(server.received, ERR_OK);
    return http2_send(server.session, server.wire, sizeof server.wire);
}

/* RFC 1122 section 4.2.3.4: or a client that gives back each piece by itself cuts its window to shreds. */
static void spares_a_little_window_until_there_is_more(void **state)
{
    (void)state;
    static char body[200000];
    request(1, END_STREAM | END_HEADERS);
    hear_begin();
    struct http2_stream *stream = &server.exchanges[0].stream;
    server.exchanges[0].to_send = slice_of(body, sizeof body);
    stream->left_bytes = sizeof body;
    assert_int_equal(http2_respond(stream, 200, NULL, 0, true), ERR_OK);
    while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
        continue;
    wire_frame(&wire, 8, 0, 0, SLICE_LIT("\0\x10\0\0"));
    hear(&server, &wire);
    assert_true(http2_is_blocked(stream));
    assert_int_equal(open_window("\0\0\0\x64"), 0);
    assert_true(stream->is_sparing && http2_is_blocked(stream));
    assert_int_equal(open_window("\0\0\x02\0"), 9 + 100 + 512);
    assert_false(stream->is_sparing);
    assert_int_equal(open_window("\0\0\0\x64"), 0);
    http2_stop_sparing(stream);
    assert_int_equal(http2_send(server.session, server.wire, sizeof server.wire), 9 + 100);
    assert_int_equal(open_window("\0\0\0\x64"), 0);
}

/* A reader of many small events updates its windows after each, and does nothing wrong: gRPC's own library up to four times. */
static void allows_four_window_updates_for_each_frame_of_ours(void **state)
{
    (void)state;
    static char body[20000];
    request(1, END_STREAM | END_HEADERS);
    hear_begin();
    server.exchanges[0].to_send = slice_of(body, sizeof body);
    server.exchanges[0].stream.left_bytes = UINT64_MAX;
    server.exchanges[0].read_bytes_max = 5;
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, NULL, 0, true), ERR_OK);
    for (unsigned i = 0; i < 3000; i++) {
        http2_resume(&server.exchanges[0].stream);
        server.exchanges[0].is_deferred = false;
        http2_send(server.session, server.wire, HTTP2_SEND_BYTES_MOST);
        for (unsigned k = 0; k < 4; k++)
            wire_frame(&wire, 8, 0, k % 2, SLICE_LIT("\0\0\0\x05"));
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
    }
}

/* Whoever waits for a message opens windows for it, and may be answered without one. */
static void allows_four_window_updates_for_each_answer_without_a_body(void **state)
{
    (void)state;
    for (uint32_t id = 1; id < 4001; id += 2) {
        request(id, END_STREAM | END_HEADERS);
        for (unsigned k = 0; k < 4; k++)
            wire_frame(&wire, 8, 0, k % 2 ? id : 0, SLICE_LIT("\0\0\0\x05"));
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
        assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, NULL, 0, false), ERR_OK);
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
        assert_true(server.exchanges[0].is_closed);
        server.count = 0;
    }
}

/* They may be under way for long, and those for many small frames come at once then; more than a burst is not kept for
 * later, whatever has left. */
static void allows_the_window_updates_for_many_frames_to_come_late(void **state)
{
    (void)state;
    static char body[20000];
    request(1, END_STREAM | END_HEADERS);
    hear_begin();
    server.exchanges[0].to_send = slice_of(body, sizeof body);
    server.exchanges[0].stream.left_bytes = UINT64_MAX;
    server.exchanges[0].read_bytes_max = 5;
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, NULL, 0, true), ERR_OK);
    for (unsigned i = 0; i < 2000; i++) {
        http2_resume(&server.exchanges[0].stream);
        server.exchanges[0].is_deferred = false;
        http2_send(server.session, server.wire, HTTP2_SEND_BYTES_MOST);
    }
    wire_frame(&wire, 8, 0, 0, SLICE_LIT("\0\0\0\x05"));
    assert_in_range(hear_again(5000), 2001, 2010); /* and for the few that leave meanwhile */
    expect_calm(HTTP2_ABUSE_WINDOW_UPDATES);
}

/* RST_STREAM frames for streams over the limit pile up when the client does not read. */
static void calms_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct http2_limits limits;
    limits_for_tests(&limits);
    limits.resets = 1000000;
    limits.settings = 1000000;
    limits.queued_frames = 500;
    peer_deinit(&server);
    peer_init_with(&server, false, &limits);
    hear_begin();
    for (unsigned i = 0; i < 2000 && server.received == ERR_OK; i++) {
        wire_frame(&wire, 4, 0, 0, (struct slice){NULL, 0});
        hear(&server, &wire);
    }
    expect_calm(HTTP2_ABUSE_QUEUED_FRAMES);
}

static void answers_a_too_large_head_and_goes_on(void **state)
{
    (void)state;
    static char value[101];
    memset(value, 'x', sizeof value - 1);
    block_begin(&block, "GET", "/");
    for (unsigned i = 0; i < 29; i++)
        block_add(&block, "x-long", value);
    block_add(&block, "x-long", value);
    wire_frame(&wire, 1, END_STREAM | END_HEADERS, 1, block_bytes());
    request(3, END_STREAM | END_HEADERS);
    hear_begin();
    assert_int_equal(server.exchanges[0].head_err, ERR_LIMIT);
    assert_int_equal(http1_fault_status(server.exchanges[0].stream.fault), 431);
    assert_int_equal(server.exchanges[1].head_err, ERR_OK);
}

static void says_when_there_is_no_memory_for_a_head(void **state)
{
    (void)state;
    static char value[101];
    memset(value, 'x', sizeof value - 1);
    server.memory_bytes_max = 64;
    block_begin(&block, "GET", "/");
    block_add(&block, "x-long", value);
    wire_frame(&wire, 1, END_STREAM | END_HEADERS, 1, block_bytes());
    hear_begin();
    assert_int_equal(server.exchanges[0].head_err, ERR_NOMEM);
    assert_int_equal(server.exchanges[0].stream.fault, HTTP1_FAULT_NONE);
}

struct malformed {
    const char *name;
    const char *value;
};

/* RFC 9113 sections 8.2 and 8.3: a stream error each, and the connection goes on. */
static void resets_malformed_requests(void **state)
{
    (void)state;
    static const struct malformed rows[] = {
        {"Upper", "x"},          {"connection", "close"}, {"transfer-encoding", "chunked"},
        {"upgrade", "h2c"},      {"keep-alive", "1"},     {"proxy-connection", "x"},
        {"te", "gzip"},          {":path", "/again"},     {":unknown", "x"},
        {"a", "b\r\nc: d"},      {"a", " leading"},       {"a b", "c"},
        {"content-length", "x"},
    };
    hear_begin();
    while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
        continue;
    for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
        block_begin(&block, "POST", "/");
        block_add(&block, rows[i].name, rows[i].value);
        wire_frame(&wire, 1, END_HEADERS, 1 + 2 * i, block_bytes());
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
        int64_t code = answer(&server, FRAME_RST_STREAM);
        if (code != HTTP2_PROTOCOL_ERROR)
            fail_msg("%s: %s: %d", rows[i].name, rows[i].value, (int)code);
        assert_int_equal(server.exchanges[i].head_count, 0);
        assert_true(server.exchanges[i].is_closed);
    }
}

static void resets_a_body_that_is_not_as_long_as_announced(void **state)
{
    (void)state;
    block_begin(&block, "POST", "/");
    block_add(&block, "content-length", "3");
    wire_frame(&wire, 1, END_HEADERS, 1, block_bytes());
    wire_frame(&wire, 0, END_STREAM, 1, SLICE_LIT("ab"));
    hear_begin();
    assert_int_equal(server.exchanges[0].head.content_length, 3);
    assert_false(server.exchanges[0].is_ended);
    assert_int_equal(answer(&server, FRAME_RST_STREAM), HTTP2_PROTOCOL_ERROR);
}

static void expect_end(enum http2_code code)
{
    hear(&server, &wire);
    assert_int_equal(server.received, ERR_CLOSED);
    assert_int_equal(answer(&server, FRAME_GOAWAY), code);
}

/* RFC 9113 section 5.1: half-closed (remote), closed. */
static void ends_a_connection_for_data_behind_the_end(void **state)
{
    (void)state;
    request(1, END_STREAM | END_HEADERS);
    wire_frame(&wire, 0, 0, 1, SLICE_LIT("more"));
    expect_end(HTTP2_STREAM_CLOSED);
}

static void ends_a_connection_for_a_head_behind_a_reset(void **state)
{
    (void)state;
    request(1, END_HEADERS);
    wire_frame(&wire, 3, 0, 1, SLICE_LIT("\0\0\0\x08"));
    request(1, END_STREAM | END_HEADERS);
    expect_end(HTTP2_STREAM_CLOSED);
}

/* RFC 9113 section 5.1.1. */
static void ends_a_connection_for_a_stream_that_was_passed_over(void **state)
{
    (void)state;
    request(5, END_STREAM | END_HEADERS);
    request(3, END_STREAM | END_HEADERS);
    expect_end(HTTP2_PROTOCOL_ERROR);
}

static void allows_streams_that_end_in_any_order(void **state)
{
    (void)state;
    hear_begin();
    for (uint32_t stream = 1; stream < 2000; stream += 4) {
        server.count = 0;
        request(stream, END_HEADERS);
        request(stream + 2, END_HEADERS);
        wire_frame(&wire, 0, END_STREAM, stream + 2, SLICE_LIT("x"));
        wire_frame(&wire, 0, END_STREAM, stream, SLICE_LIT("x"));
        hear(&server, &wire);
        assert_int_equal(server.received, ERR_OK);
        for (unsigned i = 0; i < 2; i++) {
            assert_true(server.exchanges[i].is_ended);
            assert_int_equal(http2_respond(&server.exchanges[i].stream, 204, NULL, 0, false), ERR_OK);
        }
        while (http2_send(server.session, server.wire, sizeof server.wire) > 0)
            continue;
    }
}

/* RFC 9113 section 6.3; RFC 7540 section 5.3.1. */
static void ends_a_connection_for_a_senseless_priority(void **state)
{
    (void)state;
    wire_frame(&wire, 2, 0, 3, SLICE_LIT("\0\0\0\x01\x10"));
    hear_begin();
    wire_frame(&wire, 2, 0, 3, SLICE_LIT("\x80\0\0\x03\x10"));
    expect_end(HTTP2_PROTOCOL_ERROR);
}

static void ends_a_connection_for_the_priority_of_no_stream(void **state)
{
    (void)state;
    wire_frame(&wire, 2, 0, 0, SLICE_LIT("\0\0\0\x01\x10"));
    expect_end(HTTP2_PROTOCOL_ERROR);
}

static void ends_a_connection_without_a_preface(void **state)
{
    (void)state;
    wire.len = 0;
    wire_add(&wire, SLICE_LIT("GET / HTTP/1.1\r\n\r\n"));
    hear(&server, &wire);
    assert_int_equal(server.received, ERR_CLOSED);
    assert_int_equal(answer(&server, FRAME_GOAWAY), HTTP2_PROTOCOL_ERROR);
    assert_true(http2_is_over(server.session));
}

static void says_the_same_of_bytes_that_come_one_by_one(void **state)
{
    (void)state;
    block_begin(&block, "POST", "/");
    block_add(&block, "cookie", "a=b");
    block_add(&block, "x-other", "1");
    block_add(&block, "cookie", "c=d");
    wire_frame(&wire, 1, END_HEADERS, 1, block_bytes());
    wire_frame(&wire, 0, END_STREAM, 1, SLICE_LIT("body"));
    for (size_t i = 0; i < wire.len; i++)
        assert_int_equal(http2_receive(server.session, slice_of(wire.bytes + i, 1), 0), ERR_OK);
    struct exchange *got = &server.exchanges[0];
    assert_true(got->is_ended);
    assert_memory_equal(got->body, "body", 4);
    assert_int_equal(got->head.header_count, 2);
    assert_true(slice_is(http_head_value(&got->head, HTTP_FIELD_COOKIE), "a=b; c=d"));
    assert_true(slice_is(got->head.host, "a.example"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(calms_a_rapid_reset),
        TEST(allows_resets_at_a_calm_pace),
        TEST(allows_a_reset_for_each_answered_request),
        TEST(calms_a_client_that_makes_us_reset),
        TEST(calms_a_client_beyond_its_streams),
        TEST(calms_a_flood_of_continuations),
        TEST(calms_a_flood_of_empty_continuations),
        TEST(calms_a_header_bomb),
        TEST(calms_a_flood_of_settings),
        TEST(calms_a_flood_of_pings),
        TEST(allows_pings_at_a_calm_pace),
        TEST(calms_a_flood_of_empty_data),
        TEST(calms_a_flood_of_padding),
        TEST(calms_a_flood_of_unknown_frames),
        TEST(calms_a_flood_of_priorities),
        TEST(calms_a_flood_of_window_updates),
        TEST(calms_a_client_that_opens_its_window_by_one_byte),
        TEST(spares_a_little_window_until_there_is_more),
        TEST(allows_four_window_updates_for_each_frame_of_ours),
        TEST(allows_four_window_updates_for_each_answer_without_a_body),
        TEST(allows_the_window_updates_for_many_frames_to_come_late),
        TEST(calms_a_client_that_does_not_read),
        TEST(answers_a_too_large_head_and_goes_on),
        TEST(says_when_there_is_no_memory_for_a_head),
        TEST(resets_malformed_requests),
        TEST(resets_a_body_that_is_not_as_long_as_announced),
        TEST(ends_a_connection_for_data_behind_the_end),
        TEST(ends_a_connection_for_a_head_behind_a_reset),
        TEST(ends_a_connection_for_a_stream_that_was_passed_over),
        TEST(allows_streams_that_end_in_any_order),
        TEST(ends_a_connection_for_a_senseless_priority),
        TEST(ends_a_connection_for_the_priority_of_no_stream),
        TEST(ends_a_connection_without_a_preface),
        TEST(says_the_same_of_bytes_that_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
