/* SPDX-License-Identifier: Apache-2.0 */
/* Links that speak HTTP/1.1: bytes of a server in, events out. The server is a socket of the same thread. */
#include "load/wire.h"

#include "lib/sys/clock.h"
#include "unit/lib/sys/net.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CALLS 4

struct call {
    struct load_exchange exchange;
    struct load_request request;
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
    unsigned heads, ends, failures;
    enum load_failure failure;
    uint16_t status;
    char body[4096];
    size_t body_bytes;
    char token[32]; /* the value of X-Token at the end */
};

static struct loop loop;
static struct load_plan plan;
static struct load_target target;
static struct load_wire *wire;
static struct load_link *link_;
static int listening = -1;
static int server = -1;
static struct call calls[CALLS];
static unsigned ready, closed;
static enum load_failure closed_for;

static struct call *call_of(struct load_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct call, exchange);
}

static void on_head(struct load_exchange *exchange)
{
    call_of(exchange)->heads++;
}

static void on_data(struct load_exchange *exchange, struct slice data)
{
    struct call *call = call_of(exchange);
    assert_true(call->body_bytes + data.len <= sizeof call->body);
    memcpy(call->body + call->body_bytes, data.ptr, data.len);
    call->body_bytes += data.len;
}

static void on_end(struct load_exchange *exchange)
{
    struct call *call = call_of(exchange);
    const struct http_header *token = http_head_find_name(exchange->head, SLICE_LIT("x-token"));
    call->ends++;
    call->status = exchange->head->status;
    assert_true(exchange->sent_ns > 0 && exchange->first_byte_ns >= exchange->sent_ns);
    assert_true(exchange->received_ns >= exchange->first_byte_ns);
    assert_int_equal(exchange->body_bytes, call->body_bytes);
    if (token)
        (void)snprintf(call->token, sizeof call->token, SLICE_FMT, SLICE_ARG(token->value));
}

static void on_failed(struct load_exchange *exchange, enum load_failure failure)
{
    call_of(exchange)->failures++;
    call_of(exchange)->failure = failure;
}

static const struct load_exchange_events events = {on_head, on_data, on_end, on_failed};

static void on_ready(struct load_link *which)
{
    (void)which;
    ready++;
}

static void on_closed(struct load_link *which, enum load_failure failure)
{
    (void)which;
    closed++;
    closed_for = failure;
}

static const struct load_link_events link_events = {on_ready, on_ready, on_closed};

static void turn(void)
{
    load_wire_flush(wire);
    loop_turn(&loop, 20 * NS_PER_MS);
}

static void open_link(void)
{
    assert_int_equal(load_link_open(link_, wire, &target, &target.addresses[0], NULL, &link_events, NULL), ERR_OK);
    assert_int_equal(load_link_room(link_), 0);
    for (int i = 0; i < 100 && !ready; i++)
        turn();
    assert_int_equal(ready, 1);
    server = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server >= 0);
}

static int setup(void **state)
{
    (void)state;
    memset(calls, 0, sizeof calls);
    ready = closed = 0;
    plan = (struct load_plan){.is_kept_alive = true, .pipelining = 1};
    target = (struct load_target){.authority = SLICE_LIT("example.com"), .address_count = 1};
    listening = net_listen(&target.addresses[0]);
    assert_int_equal(loop_init(&loop), ERR_OK);
    assert_int_equal(load_wire_create(&plan, &loop, &wire), ERR_OK);
    link_ = calloc(1, load_link_bytes());
    assert_non_null(link_);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    load_link_close(link_);
    load_wire_destroy(wire);
    loop_deinit(&loop);
    free(link_);
    socket_close(server);
    socket_close(listening);
    server = -1;
    return 0;
}

static struct call *ask(unsigned index, const char *method)
{
    struct call *call = &calls[index];
    call->head.headers = call->headers;
    call->request = (struct load_request){.method = slice_of_text(method), .path = SLICE_LIT("/x?y")};
    call->exchange.events = &events;
    call->exchange.request = &call->request;
    call->exchange.head = &call->head;
    assert_true(load_link_room(link_) > 0);
    load_link_send(link_, &call->exchange);
    return call;
}

static void expect_request(const char *text)
{
    char bytes[4096];
    size_t len = 0;
    for (int i = 0; i < 100 && len < strlen(text); i++) {
        turn();
        ssize_t count = read(server, bytes + len, sizeof bytes - len);
        len += count > 0 ? (size_t)count : 0;
    }
    assert_int_equal(len, strlen(text));
    assert_memory_equal(bytes, text, len);
}

static void answer(const char *text)
{
    assert_int_equal(write(server, text, strlen(text)), strlen(text));
    for (int i = 0; i < 3; i++)
        turn();
}

/* In pieces of one byte, so that each state is entered with too little. */
static void answer_bytewise(const char *text)
{
    for (; *text; text++) {
        assert_int_equal(write(server, text, 1), 1);
        loop_turn(&loop, 5 * NS_PER_MS);
    }
}

static void expect_body(const struct call *call, uint16_t status, const char *body)
{
    assert_int_equal(call->ends, 1);
    assert_int_equal(call->heads, 1);
    assert_int_equal(call->failures, 0);
    assert_int_equal(call->status, status);
    assert_int_equal(call->body_bytes, strlen(body));
    assert_memory_equal(call->body, body, strlen(body));
}

static void a_request_has_host_and_the_answer_its_body(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "GET");
    assert_int_equal(load_link_room(link_), 0);
    expect_request("GET /x?y HTTP/1.1\r\nHost: example.com\r\n\r\n");
    answer("HTTP/1.1 200 OK\r\nX-Token: abc\r\nContent-Length: 5\r\n\r\nhello");
    expect_body(call, 200, "hello");
    assert_string_equal(call->token, "abc");
    assert_int_equal(load_link_room(link_), 1);
    (void)ask(1, "GET");
    expect_request("GET /x?y HTTP/1.1\r\nHost: example.com\r\n\r\n");
    answer("HTTP/1.1 204 No Content\r\n\r\n");
    expect_body(&calls[1], 204, "");
    assert_int_equal(closed, 0);
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "GET");
    answer_bytewise("HTTP/1.1 200 OK\r\nX-Token: abc\r\nContent-Length: 5\r\n\r\nhello");
    expect_body(call, 200, "hello");
    assert_string_equal(call->token, "abc");
    call = ask(1, "GET");
    answer_bytewise(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Token: def\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    expect_body(call, 200, "abcde");
    assert_string_equal(call->token, "def");
}

static void interim_answers_are_skipped(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "GET");
    answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect_body(call, 200, "ok");
}

static void an_answer_to_head_has_no_body(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "HEAD");
    answer("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    expect_body(call, 200, "");
    assert_int_equal(load_link_room(link_), 1);
}

static void a_body_may_end_with_the_connection(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "GET");
    answer("HTTP/1.1 200 OK\r\nX-Token: abc\r\n\r\nall of ");
    answer("it");
    assert_int_equal(call->ends, 0);
    socket_shutdown_write(server);
    turn();
    expect_body(call, 200, "all of it");
    assert_string_equal(call->token, "abc");
    assert_int_equal(closed, 1);
    assert_int_equal(closed_for, LOAD_FAILURE_NONE);
}

static void a_body_that_is_cut_short_has_failed(void **state)
{
    (void)state;
    open_link();
    struct call *call = ask(0, "GET");
    answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    socket_shutdown_write(server);
    turn();
    assert_int_equal(call->ends, 0);
    assert_int_equal(call->failure, LOAD_FAILURE_CLOSED);
    assert_int_equal(closed_for, LOAD_FAILURE_CLOSED);
}

static void requests_are_pipelined_and_go_out_together(void **state)
{
    (void)state;
    plan.pipelining = 3;
    open_link();
    for (unsigned i = 0; i < 3; i++)
        (void)ask(i, "GET");
    assert_int_equal(load_link_room(link_), 0);
    char expected[256];
    const char *one = "GET /x?y HTTP/1.1\r\nHost: example.com\r\n\r\n";
    (void)snprintf(expected, sizeof expected, "%s%s%s", one, one, one);
    load_wire_flush(wire);
    char bytes[512];
    assert_int_equal(read(server, bytes, sizeof bytes), strlen(expected));
    answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nbHTTP/1.1 200 "
           "OK\r\nX-To");
    expect_body(&calls[0], 200, "a");
    expect_body(&calls[1], 404, "b");
    assert_int_equal(load_link_room(link_), 2);
    answer("ken: c\r\nContent-Length: 1\r\n\r\nc");
    expect_body(&calls[2], 200, "c");
    assert_string_equal(calls[2].token, "c");
}

/* RFC 9112 section 9.6: what comes behind a response with "close" is not looked at. */
static void requests_behind_a_close_may_be_sent_again(void **state)
{
    (void)state;
    plan.pipelining = 3;
    open_link();
    for (unsigned i = 0; i < 3; i++)
        (void)ask(i, "GET");
    answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na");
    expect_body(&calls[0], 200, "a");
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(calls[i].failures, 1);
        assert_int_equal(calls[i].failure, LOAD_FAILURE_NONE);
    }
    assert_int_equal(closed, 1);
    assert_int_equal(closed_for, LOAD_FAILURE_NONE);
    assert_false(load_link_is_open(link_));
}

static void a_link_for_one_request_waits_for_the_server_to_close_it(void **state)
{
    (void)state;
    plan.is_kept_alive = false;
    open_link();
    (void)ask(0, "GET");
    expect_request("GET /x?y HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
    answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    expect_body(&calls[0], 200, "a");
    assert_int_equal(load_link_room(link_), 0);
    assert_int_equal(closed, 0);
    socket_shutdown_write(server);
    turn();
    assert_int_equal(closed, 1);
    assert_int_equal(closed_for, LOAD_FAILURE_NONE);
}

static void what_is_no_http_fails_the_exchange(void **state)
{
    (void)state;
    const char *wrong[] = {"hello\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"};
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        ready = closed = 0;
        socket_close(server);
        open_link();
        (void)ask(i, "GET");
        answer(wrong[i]);
        assert_int_equal(calls[i].failure, LOAD_FAILURE_PROTOCOL);
        assert_int_equal(calls[i].ends, 0);
        assert_int_equal(closed_for, LOAD_FAILURE_PROTOCOL);
    }
}

static void an_answer_that_nobody_asked_for_closes_the_link(void **state)
{
    (void)state;
    open_link();
    answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(closed, 1);
    assert_int_equal(closed_for, LOAD_FAILURE_PROTOCOL);
}

static void an_exchange_that_is_given_up_closes_the_link(void **state)
{
    (void)state;
    plan.pipelining = 2;
    open_link();
    struct call *call = ask(0, "GET");
    (void)ask(1, "GET");
    turn();
    load_exchange_cancel(&call->exchange);
    assert_int_equal(call->failures + call->ends, 0);
    assert_int_equal(calls[1].failure, LOAD_FAILURE_CLOSED);
    assert_int_equal(closed, 1);
}

static void an_idle_link_that_is_closed_is_in_order(void **state)
{
    (void)state;
    open_link();
    socket_shutdown_write(server);
    turn();
    assert_int_equal(closed, 1);
    assert_int_equal(closed_for, LOAD_FAILURE_NONE);
}

static void nobody_listening_is_a_failed_connection(void **state)
{
    (void)state;
    socket_close(listening);
    listening = -1;
    assert_int_equal(load_link_open(link_, wire, &target, &target.addresses[0], NULL, &link_events, NULL), ERR_OK);
    for (int i = 0; i < 100 && !closed; i++)
        turn();
    assert_int_equal(closed_for, LOAD_FAILURE_CONNECT);
}

static void a_link_comes_from_the_address_it_is_told(void **state)
{
    (void)state;
    struct address source = {.len = sizeof source.v4};
    struct address peer = {.len = sizeof peer.v4};
    source.v4.sin_family = AF_INET;
    source.v4.sin_addr.s_addr = htonl(0x7f000009);
    assert_int_equal(load_link_open(link_, wire, &target, &target.addresses[0], &source, &link_events, NULL), ERR_OK);
    for (int i = 0; i < 100 && !ready; i++)
        turn();
    server = accept4(listening, &peer.any, &peer.len, SOCK_CLOEXEC);
    assert_int_equal(ntohl(peer.v4.sin_addr.s_addr), 0x7f000009);
}

/* The server answers a large request before it has read it: the rest is in the way of all others. */
static void an_answer_before_the_request_was_sent_ends_the_link(void **state)
{
    (void)state;
    size_t bytes = (size_t)16 << 20;
    char *large = calloc(1, bytes);
    open_link();
    struct call *call = &calls[0];
    call->head.headers = call->headers;
    call->request = (struct load_request){.method = SLICE_LIT("POST"), .http1 = slice_of(large, bytes)};
    call->exchange = (struct load_exchange){.events = &events, .request = &call->request, .head = &call->head};
    load_link_send(link_, &call->exchange);
    answer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    expect_body(call, 413, "");
    assert_int_equal(closed, 1);
    free(large);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_has_host_and_the_answer_its_body),
        TEST(an_answer_may_come_byte_by_byte),
        TEST(interim_answers_are_skipped),
        TEST(an_answer_to_head_has_no_body),
        TEST(a_body_may_end_with_the_connection),
        TEST(a_body_that_is_cut_short_has_failed),
        TEST(requests_are_pipelined_and_go_out_together),
        TEST(requests_behind_a_close_may_be_sent_again),
        TEST(a_link_for_one_request_waits_for_the_server_to_close_it),
        TEST(what_is_no_http_fails_the_exchange),
        TEST(an_answer_that_nobody_asked_for_closes_the_link),
        TEST(an_exchange_that_is_given_up_closes_the_link),
        TEST(an_idle_link_that_is_closed_is_in_order),
        TEST(nobody_listening_is_a_failed_connection),
        TEST(a_link_comes_from_the_address_it_is_told),
        TEST(an_answer_before_the_request_was_sent_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
