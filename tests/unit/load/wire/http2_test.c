/* SPDX-License-Identifier: Apache-2.0 */
/* Links that speak HTTP/2 and TLS, against a server on the same loop that does what the path says. */
#include "load/wire.h"

#include "lib/sys/clock.h"
#include "lib/tls/session.h"
#include "unit/lib/sys/net.h"
#include "unit/lib/tls/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define CALLS_MAX   64
#define LARGE_BYTES (3u << 20)
#define WAIT_NS     (5 * NS_PER_S)

/* --- the server --------------------------------------------------------------------------------------------------- */

struct answer {
    struct http2_stream stream;
    struct http_head head;
    struct http_header headers[32];
    char memory[4096];
    size_t memory_used;
    size_t received_bytes;
    size_t given_bytes;
    size_t body_bytes;
};

struct server_link {
    struct stream stream;
    struct http2_session *session;
    struct tls_session *tls;
    bool is_dying;
    char in[65536];
    char plain[65536];
    char out[1 << 17];
    char sealed[1 << 18];
};

static struct server {
    struct listener listener;
    struct address address;
    struct http2_context *context;
    struct tls_context *tls; /* NULL: without */
    uint32_t streams_max;
    struct server_link *links[16];
    unsigned link_count;
    struct answer *answers[4 * CALLS_MAX];
    unsigned answer_count;
    unsigned cancelled; /* streams that the client has reset */
} server;

static struct issued ca;
static struct issued certificate;
static struct loop loop;

static struct answer *answer_of(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct answer, stream);
}

static struct http2_stream *server_open(void *owner)
{
    (void)owner;
    assert_true(server.answer_count < ARRAY_LEN(server.answers));
    struct answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    server.answers[server.answer_count++] = answer;
    answer->head.headers = answer->headers;
    answer->stream.head = &answer->head;
    return &answer->stream;
}

static void *server_memory(struct http2_stream *stream, size_t bytes)
{
    struct answer *answer = answer_of(stream);
    if (bytes > sizeof answer->memory - answer->memory_used)
        return NULL;
    answer->memory_used += bytes;
    return answer->memory + answer->memory_used - bytes;
}

static void respond(struct answer *answer, size_t body_bytes)
{
    const struct http2_field fields[] = {{SLICE_LIT("content-type"), SLICE_LIT("text/plain")}};
    answer->body_bytes = body_bytes;
    answer->stream.left_bytes = body_bytes;
    assert_int_equal(http2_respond(&answer->stream, 200, fields, 1, body_bytes > 0), ERR_OK);
}

static void server_head(struct http2_stream *stream, enum err err)
{
    struct slice path = stream->head->target;
    struct answer *answer = answer_of(stream);
    assert_int_equal(err, ERR_OK);
    if (slice_is(path, "/refuse")) {
        http2_reset(stream, HTTP2_REFUSED_STREAM);
    } else if (slice_is(path, "/reset")) {
        respond(answer, 10);
        http2_reset(stream, HTTP2_INTERNAL_ERROR);
    } else if (slice_is(path, "/early")) {
        respond(answer, 5);
    } else if (slice_is(path, "/leave")) {
        http2_shut_down(stream->session, true);
        respond(answer, 2);
    } else if (slice_is(path, "/die")) {
        for (unsigned i = 0; i < server.link_count; i++)
            server.links[i]->is_dying |= server.links[i]->session == stream->session;
    }
}

static void server_data(struct http2_stream *stream, struct slice data)
{
    answer_of(stream)->received_bytes += data.len;
    http2_consumed(stream, data.len);
}

static void server_end(struct http2_stream *stream)
{
    struct slice path = stream->head->target;
    struct answer *answer = answer_of(stream);
    if (slice_is(path, "/ok"))
        respond(answer, 2);
    else if (slice_is(path, "/empty"))
        respond(answer, 0);
    else if (slice_is(path, "/large"))
        respond(answer, LARGE_BYTES);
    else if (slice_is(path, "/echo"))
        respond(answer, answer->received_bytes);
}

static enum err server_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct answer *answer = answer_of(stream);
    size_t bytes = MIN(capacity, answer->body_bytes - answer->given_bytes);
    memset(place, 'x', bytes);
    answer->given_bytes += bytes;
    *ret_bytes = bytes;
    return answer->given_bytes == answer->body_bytes ? ERR_EOF : ERR_OK;
}

static void server_close(struct http2_stream *stream, uint32_t code)
{
    (void)stream;
    server.cancelled += code == HTTP2_CANCEL;
}

static const struct http2_events server_events = {
    .on_open = server_open,
    .on_memory = server_memory,
    .on_head = server_head,
    .on_data = server_data,
    .on_end = server_end,
    .on_read = server_read,
    .on_close = server_close,
};

static void server_flush(struct server_link *link)
{
    size_t sent;
    while (!link->stream.unsent.len) {
        size_t bytes = http2_send(link->session, link->out, sizeof link->out);
        if (!bytes)
            return;
        struct slice out = slice_of(link->out, bytes);
        if (link->tls) {
            struct tls_io io = {.out = link->sealed, .out_capacity = sizeof link->sealed};
            size_t taken = 0;
            assert_int_equal(tls_session_write(link->tls, &io, out, &taken), ERR_OK);
            out = slice_of(link->sealed, io.out_bytes);
        }
        (void)!stream_send(&link->stream, out, &sent);
    }
}

static struct server_link *of_server(struct stream *stream)
{
    return CONTAINER_OF(stream, struct server_link, stream);
}

static struct iovec server_buffer(struct stream *stream)
{
    return (struct iovec){of_server(stream)->in, sizeof of_server(stream)->in};
}

static void server_take(struct server_link *link, struct slice input)
{
    struct tls_io io = {.in = input, .out = link->sealed, .out_capacity = sizeof link->sealed};
    enum err err = ERR_OK;
    size_t sent;
    if (!link->tls) {
        (void)!http2_receive(link->session, input, clock_now_ns());
        return;
    }
    while (err == ERR_OK) {
        size_t bytes = 0;
        io.out_bytes = 0;
        err = tls_session_read(link->tls, &io, link->plain, sizeof link->plain, &bytes);
        if (io.out_bytes)
            (void)!stream_send(&link->stream, slice_of(io.out, io.out_bytes), &sent);
        if (bytes)
            (void)!http2_receive(link->session, slice_of(link->plain, bytes), clock_now_ns());
    }
}

static void server_received(struct stream *stream, size_t bytes, enum err err)
{
    struct server_link *link = of_server(stream);
    if (err == ERR_OK) {
        server_take(link, slice_of(link->in, bytes));
        if (!link->tls || tls_session_is_ready(link->tls))
            server_flush(link);
    }
    if (link->is_dying || err != ERR_OK || http2_is_over(link->session))
        stream_close(stream);
}

static void server_sent(struct stream *stream, enum err err)
{
    if (err == ERR_OK)
        server_flush(of_server(stream));
}

static void server_hangup(struct stream *stream)
{
    (void)stream;
}

static const struct stream_handlers server_handlers = {
    .on_buffer = server_buffer, .on_received = server_received, .on_sent = server_sent, .on_hangup = server_hangup};

static bool server_accepted(struct listener *listener, int fd, const struct address *peer)
{
    (void)listener;
    (void)peer;
    struct http2_limits limits;
    struct server_link *link = calloc(1, sizeof *link);
    assert_non_null(link);
    assert_true(server.link_count < ARRAY_LEN(server.links));
    server.links[server.link_count++] = link;
    http2_limits_default(&limits);
    limits.head = (struct http2_head_limits){.head_bytes_max = 8192, .target_bytes_max = 1024, .header_count_max = 32};
    limits.streams_max = server.streams_max;
    const struct http2_options options = {
        .context = server.context, .events = &server_events, .owner = link, .limits = &limits};
    assert_int_equal(http2_create(&options, &link->session), ERR_OK);
    const struct tls_session_options session = {.now_s = clock_wall_ns() / NS_PER_S};
    if (server.tls)
        assert_int_equal(tls_session_create(server.tls, &session, &link->tls), ERR_OK);
    stream_open(&link->stream, &loop, fd, &server_handlers);
    assert_int_equal(stream_receive_start(&link->stream), ERR_OK);
    if (!link->tls)
        server_flush(link);
    return true;
}

/* --- the client --------------------------------------------------------------------------------------------------- */

struct call {
    struct load_exchange exchange;
    struct load_request request;
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
    enum load_failure failure;
    bool is_over;
    size_t received_bytes;
    uint16_t status;
};

static struct client {
    struct load_plan plan;
    struct load_target target;
    struct load_wire *wire;
    struct load_link *link;
    struct call *calls;
    unsigned ready_count, closed_count, over_count;
    enum load_failure closed_for;
    unsigned again_count; /* calls that each sends once more when it is over */
    bool closes_on_end, cancels_on_data, closes_on_data;
} client;

static struct call *call_of(struct load_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct call, exchange);
}

static void call_head(struct load_exchange *exchange)
{
    call_of(exchange)->status = exchange->head->status;
}

static void call_data(struct load_exchange *exchange, struct slice data)
{
    struct call *call = call_of(exchange);
    call->received_bytes += data.len;
    assert_true(exchange->received_ns >= exchange->sent_ns && exchange->received_ns <= clock_now_ns());
    if (client.cancels_on_data) {
        load_exchange_cancel(exchange);
        call->is_over = true;
        client.over_count++;
    }
    if (client.closes_on_data)
        load_link_close(client.link);
}

static void call_over(struct call *call, enum load_failure failure)
{
    assert_null(call->exchange.link);
    call->failure = failure;
    call->is_over = true;
    client.over_count++;
    if (client.closes_on_end)
        load_link_close(client.link);
    else if (client.again_count && load_link_room(client.link)) {
        client.again_count--;
        load_link_send(client.link, &call->exchange);
    }
}

static void call_end(struct load_exchange *exchange)
{
    const struct http_header *type = http_head_find(exchange->head, HTTP_FIELD_CONTENT_TYPE);
    assert_true(type && slice_is(type->value, "text/plain"));
    call_over(call_of(exchange), LOAD_FAILURE_NONE);
}

static void call_failed(struct load_exchange *exchange, enum load_failure failure)
{
    call_over(call_of(exchange), failure);
}

static const struct load_exchange_events call_events = {
    .on_head = call_head, .on_data = call_data, .on_end = call_end, .on_failed = call_failed};

static void link_ready(struct load_link *link)
{
    assert_ptr_equal(load_link_owner(link), &client);
    client.ready_count++;
}

static void link_room(struct load_link *link)
{
    (void)link;
}

static void link_closed(struct load_link *link, enum load_failure failure)
{
    assert_false(load_link_is_open(link));
    client.closed_count++;
    client.closed_for = failure;
}

static const struct load_link_events link_events = {
    .on_ready = link_ready, .on_room = link_room, .on_closed = link_closed};

static void flush_client(struct loop *turned)
{
    (void)turned;
    load_wire_flush(client.wire);
}

static void turn_until(const unsigned *count, unsigned wanted)
{
    uint64_t end_ns = clock_now_ns() + WAIT_NS;
    while (*count < wanted) {
        assert_true(clock_now_ns() < end_ns);
        loop_turn(&loop, NS_PER_MS);
    }
}

static void turn_a_while(void)
{
    for (int i = 0; i < 20; i++)
        loop_turn(&loop, NS_PER_MS);
}

static void open_link(void)
{
    assert_int_equal(
        load_link_open(client.link, client.wire, &client.target, &server.address, NULL, &link_events, &client), ERR_OK);
}

static void begin(void)
{
    assert_int_equal(load_wire_create(&client.plan, &loop, &client.wire), ERR_OK);
    open_link();
    turn_until(&client.ready_count, 1);
}

static struct call *send_call(unsigned index, const char *path, struct slice body)
{
    struct call *call = &client.calls[index];
    assert_true(index < CALLS_MAX);
    *call = (struct call){.request = {.method = body.len ? SLICE_LIT("POST") : SLICE_LIT("GET"),
                                      .path = slice_of_text(path),
                                      .body = body},
                          .exchange = {.events = &call_events}};
    call->head.headers = call->headers;
    call->exchange.head = &call->head;
    call->exchange.request = &call->request;
    assert_true(load_link_room(client.link) > 0);
    load_link_send(client.link, &call->exchange);
    return call;
}

static int set_up(bool is_tls)
{
    server = (struct server){.listener = {.on_accepted = server_accepted}, .streams_max = 100};
    client = (struct client){.calls = calloc(CALLS_MAX, sizeof *client.calls), .link = calloc(1, load_link_bytes())};
    client.target = (struct load_target){.is_tls = is_tls,
                                         .host = SLICE_LIT("127.0.0.1"),
                                         .authority = SLICE_LIT("127.0.0.1"),
                                         .protocol = LOAD_HTTP2,
                                         .ca = ca.pem.certificate};
    client.plan = (struct load_plan){
        .targets = &client.target, .target_count = 1, .is_kept_alive = true, .streams_max = CALLS_MAX, .pipelining = 1};
    assert_int_equal(loop_init(&loop), ERR_OK);
    loop.on_turn = flush_client;
    assert_int_equal(http2_context_create(1 << 20, SIZE_MAX / 2, &server.context), ERR_OK);
    const struct tls_tickets tickets = {.secret = "a secret", .rotation_s = 3600};
    const struct tls_server_options options = {.pairs = &certificate.pem,
                                               .pair_count = 1,
                                               .offers_h2 = true,
                                               .tickets = &tickets,
                                               .now_s = (int64_t)(clock_wall_ns() / NS_PER_S)};
    const struct tls_reporter silent = {0};
    if (is_tls)
        assert_int_equal(tls_context_create_server(&options, &silent, &server.tls), ERR_OK);
    int fd = net_listen(&server.address);
    assert_int_equal(listener_start(&server.listener, &loop, fd), ERR_OK);
    return 0;
}

static int set_up_plain(void **state)
{
    (void)state;
    return set_up(false);
}

static int set_up_tls(void **state)
{
    (void)state;
    return set_up(true);
}

static int tear_down(void **state)
{
    (void)state;
    load_link_close(client.link);
    load_wire_destroy(client.wire);
    listener_stop(&server.listener);
    for (unsigned i = 0; i < server.link_count; i++) {
        stream_close(&server.links[i]->stream);
        http2_destroy(server.links[i]->session);
        tls_session_destroy(server.links[i]->tls);
        free(server.links[i]);
    }
    for (unsigned i = 0; i < server.answer_count; i++)
        free(server.answers[i]);
    http2_context_destroy(server.context);
    tls_context_unref(server.tls);
    loop_deinit(&loop);
    free(client.calls);
    free(client.link);
    return 0;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static void carries_many_exchanges_at_once(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < CALLS_MAX; i++)
        (void)send_call(i, "/ok", (struct slice){0});
    assert_int_equal(load_link_room(client.link), 0);
    turn_until(&client.over_count, CALLS_MAX);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        assert_int_equal(client.calls[i].failure, LOAD_FAILURE_NONE);
        assert_int_equal(client.calls[i].status, 200);
        assert_int_equal(client.calls[i].exchange.body_bytes, 2);
        assert_true(client.calls[i].exchange.first_byte_ns >= client.calls[i].exchange.sent_ns);
    }
    assert_int_equal(load_link_room(client.link), CALLS_MAX);
    assert_int_equal(server.link_count, 1);
}

static void sends_again_from_within_an_end(void **state)
{
    (void)state;
    begin();
    client.again_count = 50;
    (void)send_call(0, "/ok", (struct slice){0});
    (void)send_call(1, "/empty", (struct slice){0});
    turn_until(&client.over_count, 52);
}

static void takes_bodies_larger_than_any_window(void **state)
{
    (void)state;
    begin();
    char *body = calloc(1, LARGE_BYTES);
    assert_non_null(body);
    struct call *down = send_call(0, "/large", (struct slice){0});
    struct call *up = send_call(1, "/echo", slice_of(body, LARGE_BYTES));
    turn_until(&client.over_count, 2);
    assert_int_equal(down->failure, LOAD_FAILURE_NONE);
    assert_int_equal(down->received_bytes, LARGE_BYTES);
    assert_int_equal(up->failure, LOAD_FAILURE_NONE);
    assert_int_equal(up->received_bytes, LARGE_BYTES);
    free(body);
}

static void keeps_to_what_the_server_takes_at_a_time(void **state)
{
    (void)state;
    server.streams_max = 3;
    begin();
    assert_int_equal(load_link_room(client.link), 3);
    for (unsigned i = 0; i < 3; i++)
        (void)send_call(i, "/ok", (struct slice){0});
    assert_int_equal(load_link_room(client.link), 0);
    turn_until(&client.over_count, 3);
    assert_int_equal(load_link_room(client.link), 3);
}

static void fails_what_is_reset_alone(void **state)
{
    (void)state;
    begin();
    struct call *reset = send_call(0, "/reset", (struct slice){0});
    struct call *refused = send_call(1, "/refuse", (struct slice){0});
    struct call *right = send_call(2, "/ok", (struct slice){0});
    turn_until(&client.over_count, 3);
    assert_int_equal(reset->failure, LOAD_FAILURE_RESET);
    assert_int_equal(refused->failure, LOAD_FAILURE_RESET);
    assert_int_equal(right->failure, LOAD_FAILURE_NONE);
    assert_true(load_link_is_open(client.link));
}

static void ends_when_the_answer_has_even_if_the_request_has_not(void **state)
{
    (void)state;
    begin();
    char *body = calloc(1, LARGE_BYTES);
    assert_non_null(body);
    struct call *early = send_call(0, "/early", slice_of(body, LARGE_BYTES));
    turn_until(&client.over_count, 1);
    assert_int_equal(early->failure, LOAD_FAILURE_NONE);
    assert_int_equal(early->received_bytes, 5);
    (void)send_call(1, "/ok", (struct slice){0});
    turn_until(&client.over_count, 2);
    free(body);
}

static void leaves_when_the_server_says_goaway(void **state)
{
    (void)state;
    begin();
    struct call *hung = send_call(0, "/hang", (struct slice){0});
    struct call *last = send_call(1, "/leave", (struct slice){0});
    struct call *late = send_call(2, "/ok", (struct slice){0});
    turn_until(&client.over_count, 2);
    assert_int_equal(last->failure, LOAD_FAILURE_NONE);
    assert_int_equal(late->failure, LOAD_FAILURE_NONE); /* either answered, or named as not looked at */
    assert_int_equal(load_link_room(client.link), 0);
    assert_int_equal(client.closed_count, 0);
    load_exchange_cancel(&hung->exchange);
    turn_until(&client.closed_count, 1);
    assert_int_equal(client.closed_for, LOAD_FAILURE_NONE);
}

static void fails_all_when_the_server_closes(void **state)
{
    (void)state;
    begin();
    struct call *hung = send_call(0, "/hang", (struct slice){0});
    struct call *last = send_call(1, "/die", (struct slice){0});
    turn_until(&client.closed_count, 1);
    assert_int_equal(client.closed_for, LOAD_FAILURE_CLOSED);
    assert_int_equal(hung->failure, LOAD_FAILURE_CLOSED);
    assert_int_equal(last->failure, LOAD_FAILURE_CLOSED);
}

static void cancels_by_resetting_the_stream(void **state)
{
    (void)state;
    begin();
    struct call *hung = send_call(0, "/hang", (struct slice){0});
    turn_a_while();
    load_exchange_cancel(&hung->exchange);
    (void)send_call(1, "/ok", (struct slice){0});
    turn_until(&client.over_count, 1);
    turn_a_while();
    assert_false(hung->is_over);
    assert_int_equal(server.cancelled, 1);
    assert_true(load_link_is_open(client.link));
}

static void may_be_cancelled_from_within_data(void **state)
{
    (void)state;
    begin();
    client.cancels_on_data = true;
    (void)send_call(0, "/large", (struct slice){0});
    turn_until(&client.over_count, 1);
    client.cancels_on_data = false;
    (void)send_call(1, "/ok", (struct slice){0});
    turn_until(&client.over_count, 2);
    assert_int_equal(client.calls[1].failure, LOAD_FAILURE_NONE);
}

static void may_be_closed_from_within_any_event(void **state)
{
    (void)state;
    begin();
    client.closes_on_end = true;
    for (unsigned i = 0; i < 8; i++)
        (void)send_call(i, "/ok", (struct slice){0});
    turn_until(&client.over_count, 8);
    assert_false(load_link_is_open(client.link));
    assert_int_equal(client.closed_count, 0);
    client.closes_on_end = false;
    open_link();
    turn_until(&client.ready_count, 2);
    client.closes_on_data = true;
    for (unsigned i = 0; i < 8; i++)
        (void)send_call(i, "/large", (struct slice){0});
    turn_until(&client.over_count, 16);
    client.closes_on_data = false;
    open_link();
    turn_until(&client.ready_count, 3);
    (void)send_call(0, "/ok", (struct slice){0});
    turn_until(&client.over_count, 17);
    assert_int_equal(client.calls[0].failure, LOAD_FAILURE_NONE);
}

static void makes_a_link_for_each_request_where_none_is_kept(void **state)
{
    (void)state;
    client.plan.is_kept_alive = false;
    begin();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(load_link_room(client.link), 1);
        (void)send_call(i, "/ok", (struct slice){0});
        turn_until(&client.closed_count, i + 1);
        assert_int_equal(client.calls[i].failure, LOAD_FAILURE_NONE);
        assert_int_equal(client.closed_for, LOAD_FAILURE_NONE);
        open_link();
        turn_until(&client.ready_count, i + 2);
        assert_int_equal(load_link_is_resumed(client.link), client.target.is_tls);
    }
}

static void resumes_no_session_where_that_is_not_wanted(void **state)
{
    (void)state;
    client.plan.is_kept_alive = false;
    client.target.is_not_resumed = true;
    begin();
    (void)send_call(0, "/ok", (struct slice){0});
    turn_until(&client.closed_count, 1);
    open_link();
    turn_until(&client.ready_count, 2);
    assert_false(load_link_is_resumed(client.link));
}

static void says_why_a_certificate_is_not_trusted(void **state)
{
    (void)state;
    client.target.ca = (struct slice){0};
    assert_int_equal(load_wire_create(&client.plan, &loop, &client.wire), ERR_OK);
    open_link();
    turn_until(&client.closed_count, 1);
    assert_int_equal(client.closed_for, LOAD_FAILURE_TLS);
    assert_true(strlen(load_wire_reason(client.wire)) > 0);
    assert_int_equal(client.ready_count, 0);
}

static void takes_any_certificate_where_that_is_said(void **state)
{
    (void)state;
    client.target.ca = (struct slice){0};
    client.target.is_unverified = true;
    begin();
    (void)send_call(0, "/ok", (struct slice){0});
    turn_until(&client.over_count, 1);
}

static void refuses_a_server_without_http2(void **state)
{
    (void)state;
    client.target.protocol = LOAD_HTTP1;
    assert_int_equal(load_wire_create(&client.plan, &loop, &client.wire), ERR_OK);
    client.target.protocol = LOAD_HTTP2; /* what was offered to the server is HTTP/1.1 only */
    open_link();
    turn_until(&client.closed_count, 1);
    assert_int_equal(client.closed_for, LOAD_FAILURE_PROTOCOL);
}

static int make_certificates(void **state)
{
    (void)state;
    ca = issue(&(struct issue_options){.common_name = "weir test CA", .is_ca = true});
    certificate = issue(&(struct issue_options){.names = "IP:127.0.0.1", .issuer = &ca});
    return 0;
}

static int drop_certificates(void **state)
{
    (void)state;
    issued_deinit(&ca);
    issued_deinit(&certificate);
    return 0;
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)
#define TLS(name)   cmocka_unit_test_setup_teardown(name, set_up_tls, tear_down)
#define BOTH(name)  PLAIN(name), TLS(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(carries_many_exchanges_at_once),
        BOTH(sends_again_from_within_an_end),
        BOTH(takes_bodies_larger_than_any_window),
        BOTH(keeps_to_what_the_server_takes_at_a_time),
        BOTH(fails_what_is_reset_alone),
        BOTH(ends_when_the_answer_has_even_if_the_request_has_not),
        BOTH(leaves_when_the_server_says_goaway),
        BOTH(fails_all_when_the_server_closes),
        BOTH(cancels_by_resetting_the_stream),
        BOTH(may_be_cancelled_from_within_data),
        BOTH(may_be_closed_from_within_any_event),
        BOTH(makes_a_link_for_each_request_where_none_is_kept),
        TLS(resumes_no_session_where_that_is_not_wanted),
        TLS(says_why_a_certificate_is_not_trusted),
        TLS(takes_any_certificate_where_that_is_said),
        TLS(refuses_a_server_without_http2),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
