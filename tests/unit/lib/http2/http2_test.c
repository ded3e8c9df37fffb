/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/http2/peers.h"

#include "unit/lib/malloc_count.h"

static struct peer client;
static struct peer server;
static char large[150000];

static int set_up(void **state)
{
    (void)state;
    peer_init(&client, true);
    peer_init(&server, false);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 1000);
    talk(&client, &server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_deinit(&client);
    peer_deinit(&server);
    return 0;
}

static void answer_with(struct exchange *exchange, int status, struct slice body)
{
    struct http2_field fields[] = {{SLICE_LIT("Content-Type"), SLICE_LIT("text/plain")},
                                   {SLICE_LIT("Connection"), SLICE_LIT("close")}};
    exchange->to_send = body;
    exchange->stream.left_bytes = body.len;
    assert_int_equal(http2_respond(&exchange->stream, status, fields, 2, body.ptr != NULL), ERR_OK);
}

static void gives_a_request_as_a_head(void **state)
{
    (void)state;
    ask(&client, "GET", "/a?b=c", (struct slice){NULL, 0});
    talk(&client, &server);
    struct exchange *request = &server.exchanges[0];
    assert_int_equal(request->head_count, 1);
    assert_int_equal(request->head_err, ERR_OK);
    assert_true(request->is_ended);
    assert_int_equal(request->head.method, HTTP_METHOD_GET);
    assert_true(slice_is(request->head.target, "/a?b=c"));
    assert_true(slice_is(request->head.host, "example.org:8080"));
    assert_int_equal(request->head.version_major, 2);
    assert_false(request->head.has_body);
}

static void answers_with_head_body_and_end(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    answer_with(&server.exchanges[0], 200, SLICE_LIT("hello"));
    talk(&server, &client);
    assert_int_equal(asked->head.status, 200);
    assert_memory_equal(asked->body, "hello", 5);
    assert_true(asked->is_ended && asked->is_closed);
    assert_int_equal(asked->close_code, HTTP2_NO_ERROR);
    assert_true(server.exchanges[0].is_closed);
    assert_int_equal(http2_stream_count(server.session), 0);
    assert_int_equal(http2_stream_count(client.session), 0);
}

/* RFC 9113 section 8.2.2. */
static void sends_lower_case_names_and_no_connection_fields(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    answer_with(&server.exchanges[0], 404, (struct slice){NULL, 0});
    talk(&server, &client);
    assert_int_equal(asked->head.header_count, 1);
    assert_true(slice_is(asked->headers[0].name, "content-type"));
    assert_int_equal(asked->head.status, 404);
    assert_true(asked->is_closed);
}

static void leaves_out_what_would_split_a_field(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    struct http2_field fields[] = {{SLICE_LIT("a"), SLICE_LIT("b\r\nc: d")},
                                   {SLICE_LIT("a b"), SLICE_LIT("c")},
                                   {SLICE_LIT("good"), SLICE_LIT("1")}};
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, fields, 3, false), ERR_OK);
    talk(&server, &client);
    assert_int_equal(asked->head.header_count, 1);
    assert_true(slice_is(asked->headers[0].name, "good"));
}

/* The memory of a stream may go as soon as its body was read, although its last frame has not left. */
static void ends_a_released_stream_by_itself(void **state)
{
    (void)state;
    struct exchange *first = ask(&client, "POST", "/", SLICE_LIT("body"));
    struct exchange *second = ask(&client, "POST", "/", slice_of(large, sizeof large));
    second->is_deferred = true;
    talk(&client, &server);
    for (unsigned i = 0; i < 2; i++) {
        struct exchange *request = &server.exchanges[i];
        assert_int_equal(http2_respond(&request->stream, 204, NULL, 0, false), ERR_OK);
        http2_release(&request->stream);
        assert_null(request->stream.session);
        memset(&request->stream, 0xa5, sizeof request->stream);
    }
    talk(&server, &client);
    assert_int_equal(first->head.status, 204);
    assert_true(first->is_closed && second->is_ended);
    second->is_deferred = false;
    http2_resume(&second->stream);
    talk(&client, &server);
    assert_true(second->is_closed);
    assert_int_equal(second->close_code, HTTP2_NO_ERROR);
}

static void moves_large_bodies_both_ways_through_small_buffers(void **state)
{
    (void)state;
    struct slice body = slice_of(large, sizeof large);
    struct exchange *asked = ask(&client, "POST", "/", body);
    size_t piece = HTTP2_SEND_BYTES_MOST;
    while (pass(&client, &server, piece) + pass(&server, &client, piece) > 0)
        continue;
    struct exchange *request = &server.exchanges[0];
    assert_true(request->is_ended);
    assert_int_equal(request->body_bytes, body.len);
    assert_memory_equal(request->body, large, body.len);
    answer_with(request, 200, body);
    while (pass(&client, &server, piece + 100) + pass(&server, &client, piece + 100) > 0)
        continue;
    assert_int_equal(asked->body_bytes, body.len);
    assert_memory_equal(asked->body, large, body.len);
    assert_true(asked->is_closed);
}

static void gives_no_window_back_before_the_body_is_consumed(void **state)
{
    (void)state;
    ask(&client, "POST", "/", slice_of(large, sizeof large));
    pass(&client, &server, WIRE_BYTES);
    struct exchange *request = &server.exchanges[0];
    request->body_bytes = 0; /* what came so far was consumed */
    request->is_holding = true;
    talk(&client, &server);
    size_t held = request->stream.unconsumed_bytes;
    assert_in_range(held, 1, HTTP2_WINDOW_BYTES_MIN);
    assert_true(http2_is_blocked(&client.exchanges[0].stream));
    size_t before = request->body_bytes;
    talk(&client, &server);
    assert_int_equal(request->body_bytes, before);
    request->is_holding = false;
    http2_consumed(&request->stream, held);
    talk(&server, &client);
    assert_true(request->is_ended);
}

/* What a stream held of the connection's window comes back with its end, or the connection would starve. */
static void gives_the_connections_window_back_with_the_stream(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct exchange *asked = ask(&client, "POST", "/", slice_of(large, 60000));
        asked->is_deferred = true; /* the head goes first, so that the server can hold from the first byte on */
        talk(&client, &server);
        server.exchanges[i].is_holding = true;
        asked->is_deferred = false;
        http2_resume(&asked->stream);
        talk(&client, &server);
        assert_int_equal(server.exchanges[i].body_bytes, 60000);
        if (i % 2)
            http2_reset(&server.exchanges[i].stream, HTTP2_CANCEL);
        else
            answer_with(&server.exchanges[i], 200, (struct slice){NULL, 0});
        talk(&server, &client);
        assert_true(asked->is_closed);
    }
}

static void waits_for_a_body_that_is_not_there_yet(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    server.exchanges[0].is_deferred = true;
    answer_with(&server.exchanges[0], 200, SLICE_LIT("later"));
    talk(&server, &client);
    assert_int_equal(asked->head.status, 200);
    assert_int_equal(asked->body_bytes, 0);
    assert_false(http2_wants_to_send(server.session));
    server.exchanges[0].is_deferred = false;
    http2_resume(&server.exchanges[0].stream);
    talk(&server, &client);
    assert_int_equal(asked->body_bytes, 5);
    assert_true(asked->is_closed);
}

static void sends_interim_responses_and_trailers(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "POST", "/", SLICE_LIT("body"));
    asked->trailer = (struct http2_field){SLICE_LIT("x-sum"), SLICE_LIT("1")};
    talk(&client, &server);
    struct exchange *request = &server.exchanges[0];
    assert_string_equal(request->trailers, "x-sum=1;");
    struct http2_field link = {SLICE_LIT("link"), SLICE_LIT("</a>")};
    assert_int_equal(http2_inform(&request->stream, 103, &link, 1), ERR_OK);
    talk(&server, &client);
    assert_int_equal(asked->head.status, 103);
    request->trailer = (struct http2_field){SLICE_LIT("X-Rest"), SLICE_LIT("2")};
    answer_with(request, 200, SLICE_LIT("x"));
    talk(&server, &client);
    assert_int_equal(asked->head_count, 2);
    assert_int_equal(asked->head.status, 200);
    assert_string_equal(asked->trailers, "x-rest=2;");
    assert_true(asked->is_closed);
}

/* Who wants them must not take a part of them for all. */
static void says_when_trailers_are_larger_than_a_head(void **state)
{
    (void)state;
    static char value[20000];
    memset(value, 'x', sizeof value);
    struct exchange *asked = ask(&client, "POST", "/", SLICE_LIT("body"));
    asked->trailer = (struct http2_field){SLICE_LIT("x-sum"), slice_of(value, sizeof value)};
    talk(&client, &server);
    assert_string_equal(server.exchanges[0].trailers, "=;");
    assert_true(server.exchanges[0].is_ended);
}

/* Many clients show no answer when they are told to stop sending. */
static void drops_what_comes_behind_an_early_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) { /* more than the connection's window */
        struct exchange *asked = ask(&client, "POST", "/", slice_of(large, sizeof large));
        asked->is_deferred = true;
        talk(&client, &server);
        answer_with(&server.exchanges[i], 413, SLICE_LIT("too large"));
        pass(&server, &client, WIRE_BYTES);
        http2_release(&server.exchanges[i].stream);
        assert_true(asked->is_ended);
        assert_false(asked->is_closed);
        asked->is_deferred = false;
        http2_resume(&asked->stream);
        talk(&client, &server);
        assert_true(asked->is_closed);
        assert_int_equal(asked->close_code, HTTP2_NO_ERROR);
        assert_int_equal(asked->to_send.len, 0);
        assert_int_equal(server.exchanges[i].body_bytes, 0);
    }
}

/* Else it would wait for a window that nobody gives. */
static void lets_a_client_end_whose_body_was_held_when_it_was_answered(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "POST", "/", slice_of(large, sizeof large));
    asked->is_deferred = true;
    talk(&client, &server);
    server.exchanges[0].is_holding = true;
    asked->is_deferred = false;
    http2_resume(&asked->stream);
    talk(&client, &server);
    assert_true(asked->to_send.len > 0);
    answer_with(&server.exchanges[0], 413, SLICE_LIT("too large"));
    pass(&server, &client, WIRE_BYTES);
    assert_true(asked->is_ended);
    http2_release(&server.exchanges[0].stream);
    talk(&server, &client);
    assert_int_equal(asked->to_send.len, 0);
    assert_true(asked->is_closed);
    assert_int_equal(asked->close_code, HTTP2_NO_ERROR);
}

/* RFC 9113 section 8.1. */
static void tells_a_client_to_stop_that_sends_much_behind_the_answer(void **state)
{
    (void)state;
    struct http2_limits limits;
    limits_for_tests(&limits);
    limits.discard_bytes = 50000;
    peer_deinit(&server);
    peer_init_with(&server, false, &limits);
    peer_deinit(&client);
    peer_init(&client, true);
    struct exchange *asked = ask(&client, "POST", "/", slice_of(large, sizeof large));
    asked->is_deferred = true;
    talk(&client, &server);
    answer_with(&server.exchanges[0], 413, SLICE_LIT("too large"));
    pass(&server, &client, WIRE_BYTES);
    http2_release(&server.exchanges[0].stream);
    asked->is_deferred = false;
    http2_resume(&asked->stream);
    talk(&client, &server);
    assert_int_equal(asked->head.status, 413);
    assert_int_equal(asked->body_bytes, 9);
    assert_true(asked->is_ended && asked->is_closed);
    assert_int_equal(asked->close_code, HTTP2_NO_ERROR);
    assert_in_range(asked->to_send.len, 1, sizeof large - 50000);
}

static void tells_a_client_to_stop_that_waits_for_100(void **state)
{
    (void)state;
    struct exchange *asked = exchange_new(&client);
    struct http2_field expect = {SLICE_LIT("expect"), SLICE_LIT("100-continue")};
    struct http2_request request = {.method = SLICE_LIT("POST"),
                                    .scheme = SLICE_LIT("http"),
                                    .path = SLICE_LIT("/"),
                                    .authority = SLICE_LIT("a"),
                                    .fields = &expect,
                                    .count = 1,
                                    .has_body = true};
    asked->is_deferred = true;
    assert_int_equal(http2_request(client.session, &asked->stream, &request), ERR_OK);
    talk(&client, &server);
    assert_true(server.exchanges[0].head.expects_continue);
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 417, NULL, 0, false), ERR_OK);
    http2_release(&server.exchanges[0].stream);
    talk(&server, &client);
    assert_int_equal(asked->head.status, 417);
    assert_true(asked->is_closed);
    assert_int_equal(asked->close_code, HTTP2_NO_ERROR);
}

static void hears_that_the_client_cancels(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    http2_reset(&asked->stream, HTTP2_CANCEL);
    talk(&client, &server);
    assert_true(server.exchanges[0].is_closed);
    assert_int_equal(server.exchanges[0].close_code, HTTP2_CANCEL);
    assert_false(asked->is_closed); /* who gives up hears no more of it */
    assert_null(server.exchanges[0].stream.session);
    assert_int_equal(http2_respond(&server.exchanges[0].stream, 200, NULL, 0, false), ERR_CLOSED);
}

static void does_not_read_the_body_of_a_stream_that_was_given_up(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    struct exchange *request = &server.exchanges[0];
    answer_with(request, 200, slice_of(large, sizeof large));
    http2_send(server.session, server.wire, 17000);
    request->is_broken = true;
    http2_reset(&request->stream, HTTP2_INTERNAL_ERROR);
    memset(&request->stream, 0xa5, sizeof request->stream);
    pass(&server, &client, WIRE_BYTES);
    assert_false(asked->is_closed && asked->close_code == HTTP2_NO_ERROR);
}

static void resets_the_stream_when_its_source_breaks(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    server.exchanges[0].is_broken = true;
    answer_with(&server.exchanges[0], 200, SLICE_LIT("never"));
    talk(&server, &client);
    assert_true(asked->is_closed && server.exchanges[0].is_closed);
    assert_int_equal(asked->close_code, HTTP2_INTERNAL_ERROR);
}

static void refuses_a_stream_that_cannot_be_opened(void **state)
{
    (void)state;
    server.refuse_after = 1;
    struct exchange *first = ask(&client, "GET", "/", (struct slice){NULL, 0});
    struct exchange *second = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    assert_false(first->is_closed);
    assert_true(second->is_closed);
    assert_int_equal(second->close_code, HTTP2_REFUSED_STREAM);
}

static void lets_no_more_streams_in_than_announced(void **state)
{
    (void)state;
    unsigned count = 0;
    for (; http2_can_request(client.session); count++)
        ask(&client, "GET", "/", (struct slice){NULL, 0});
    assert_int_equal(count, 100);
    talk(&client, &server);
    assert_int_equal(http2_stream_count(server.session), 100);
    struct exchange *more = exchange_new(&client);
    struct http2_request request = {.method = SLICE_LIT("GET"), .path = SLICE_LIT("/")};
    assert_int_equal(http2_request(client.session, &more->stream, &request), ERR_BUSY);
    answer_with(&server.exchanges[0], 204, (struct slice){NULL, 0});
    talk(&server, &client);
    assert_true(http2_can_request(client.session));
}

/* Two large responses share the connection: neither waits for the end of the other. */
static void serves_streams_side_by_side(void **state)
{
    (void)state;
    ask(&client, "GET", "/1", (struct slice){NULL, 0});
    ask(&client, "GET", "/2", (struct slice){NULL, 0});
    talk(&client, &server);
    answer_with(&server.exchanges[0], 200, slice_of(large, sizeof large));
    answer_with(&server.exchanges[1], 200, slice_of(large, sizeof large));
    pass(&server, &client, WIRE_BYTES);
    assert_true(client.exchanges[0].body_bytes > 16000 && client.exchanges[1].body_bytes > 16000);
    talk(&client, &server);
    assert_true(client.exchanges[0].is_closed && client.exchanges[1].is_closed);
}

static void shuts_down_after_the_streams_on_their_way(void **state)
{
    (void)state;
    struct exchange *first = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    http2_shut_down(server.session, false);
    struct exchange *on_its_way = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    assert_int_equal(client.goaways, 1);
    assert_int_equal(client.goaway_code, HTTP2_NO_ERROR);
    assert_false(http2_can_request(client.session));
    assert_int_equal(server.count, 2);
    http2_shut_down(server.session, true);
    talk(&server, &client);
    assert_int_equal(client.goaways, 2);
    assert_false(http2_is_over(server.session));
    answer_with(&server.exchanges[0], 200, SLICE_LIT("a"));
    answer_with(&server.exchanges[1], 200, SLICE_LIT("b"));
    talk(&server, &client);
    assert_true(first->is_closed && on_its_way->is_closed);
    assert_true(http2_is_over(server.session));
}

static void closes_streams_silently_with_the_session(void **state)
{
    (void)state;
    struct exchange *asked = ask(&client, "GET", "/", (struct slice){NULL, 0});
    talk(&client, &server);
    http2_destroy(client.session);
    client.session = NULL;
    assert_null(asked->stream.session);
    assert_false(asked->is_closed);
    http2_resume(&asked->stream);
    http2_reset(&asked->stream, HTTP2_CANCEL);
}

/* The data path promise: once warm no request reaches malloc. */
static void takes_no_memory_from_the_system_once_warm(void **state)
{
    (void)state;
    unsigned long before = 0;
    uint64_t asked_before = 0;
    for (unsigned i = 0; i < 200; i++) {
        if (i == 100) {
            before = malloc_count;
            asked_before = http2_context_mallocs(server.context) + http2_context_mallocs(client.context);
        }
        struct exchange *asked = ask(&client, "POST", "/path/that/is/new", slice_of(large, 30000));
        talk(&client, &server);
        answer_with(&server.exchanges[0], 200, slice_of(large, 20000));
        talk(&server, &client);
        assert_true(asked->is_closed);
        client.count = 0;
        server.count = 0;
    }
    assert_int_equal(http2_context_mallocs(server.context) + http2_context_mallocs(client.context), asked_before);
    assert_int_equal(malloc_count, before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gives_a_request_as_a_head),
        TEST(answers_with_head_body_and_end),
        TEST(sends_lower_case_names_and_no_connection_fields),
        TEST(leaves_out_what_would_split_a_field),
        TEST(ends_a_released_stream_by_itself),
        TEST(moves_large_bodies_both_ways_through_small_buffers),
        TEST(gives_no_window_back_before_the_body_is_consumed),
        TEST(gives_the_connections_window_back_with_the_stream),
        TEST(waits_for_a_body_that_is_not_there_yet),
        TEST(sends_interim_responses_and_trailers),
        TEST(says_when_trailers_are_larger_than_a_head),
        TEST(drops_what_comes_behind_an_early_answer),
        TEST(lets_a_client_end_whose_body_was_held_when_it_was_answered),
        TEST(tells_a_client_to_stop_that_sends_much_behind_the_answer),
        TEST(tells_a_client_to_stop_that_waits_for_100),
        TEST(hears_that_the_client_cancels),
        TEST(does_not_read_the_body_of_a_stream_that_was_given_up),
        TEST(resets_the_stream_when_its_source_breaks),
        TEST(refuses_a_stream_that_cannot_be_opened),
        TEST(lets_no_more_streams_in_than_announced),
        TEST(serves_streams_side_by_side),
        TEST(shuts_down_after_the_streams_on_their_way),
        TEST(closes_streams_silently_with_the_session),
        TEST(takes_no_memory_from_the_system_once_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
