/* SPDX-License-Identifier: Apache-2.0 */
/* What of heads and trailers goes through, in both directions, without a socket: fields of one hop (RFC 9110 section 7.6.1),
 * Max-Forwards and Via (7.6.2, 7.6.3), trailers (6.5), interim responses (15.2), responses without content (15.3.6). */
#include "pipeline/proxy/proxy_int.h"

#include "pipeline/protocol.h"
#include "unit/pipeline/stand.h"

static struct upstream_config upstream_config;
static struct upstream upstream = {.config = &upstream_config};
static struct proxy_pool pool = {.upstream = &upstream};
static struct upstream_link link_;
static struct http_header headers[20];
static struct exchange exchange;
static char reply[2048];

/* What the client was told before the response: "103 a=b;" */
static char informed[512];
static enum err inform(struct request *request, int status, const struct response_field *fields, uint32_t count)
{
    (void)request;
    size_t len = strlen(informed);
    len += (size_t)snprintf(informed + len, sizeof informed - len, "%d ", status);
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(informed + len, sizeof informed - len, SLICE_FMT "=" SLICE_FMT ";",
                                SLICE_ARG(fields[i].name), SLICE_ARG(fields[i].value));
    return status == 102 ? ERR_BUSY : ERR_OK;
}
static const struct protocol protocol = {.name = "fake", .inform = inform};

static void end(void)
{
    if (exchange.request)
        buffer_drop(&exchange, &exchange.out);
    exchange = (struct exchange){0};
}

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.config->via_name = SLICE_LIT("me");
    stand.config->via_lines[VIA_HTTP10] = SLICE_LIT("Via: 1.0 me\r\n");
    stand.config->via_lines[VIA_HTTP11] = SLICE_LIT("Via: 1.1 me\r\n");
    stand.config->via_lines[VIA_HTTP2] = SLICE_LIT("Via: 2 me\r\n");
    stand.connection.protocol = &protocol;
    upstream_config =
        (struct upstream_config){.forwarded = UPSTREAM_FORWARDED_OFF, .response_time = 30, .silence_time = 60};
    informed[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    end();
    stand_deinit(&stand);
    return 0;
}

static struct request *begin(const char *head)
{
    end();
    struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
    exchange = (struct exchange){.request = request, .pool = &pool, .link = &link_, .head.headers = headers};
    request->exchange = &exchange;
    return request;
}

/* The head for the upstream begins and ends with what is the same for all. */
static void expect_written(const char *fields, const char *expected)
{
    char head[1024];
    char whole[1024];
    snprintf(head, sizeof head, "GET /x HTTP/1.1\r\nHost: a\r\n%s", fields);
    snprintf(whole, sizeof whole, "GET /x HTTP/1.1\r\nHost: a\r\n%s\r\n", expected);
    begin(head);
    assert_int_equal(http1_head_write(&exchange), ERR_OK);
    exchange.out.ptr[exchange.out.end] = '\0';
    assert_string_equal(exchange.out.ptr, whole);
}

static void fields_of_one_hop_stay_behind(void **state)
{
    (void)state;
    expect_written(
        "Connection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Foo: 2\r\nUpgrade: h2c\r\nX: y\r\n",
        "X: y\r\nVia: 1.1 me\r\n");
    expect_written("X_Y: 1\r\nTrailer: X\r\nTE: gzip\r\nX-Y: 2\r\n", "X-Y: 2\r\nVia: 1.1 me\r\n");
}

static void a_collected_body_goes_on_with_its_length(void **state)
{
    (void)state;
    struct request *request =
        begin("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
              "Content-Encoding: gzip\r\nContent-Digest: sha-256=:AA==:\r\nTrailer: X\r\n");
    request->body = SLICE_LIT("{\"a\":1}");
    request->is_body_complete = request->is_body_rewritten = true;
    exchange.is_collected = true;
    assert_int_equal(http1_head_write(&exchange), ERR_OK);
    exchange.out.ptr[exchange.out.end] = '\0';
    assert_string_equal(exchange.out.ptr, "POST /x HTTP/1.1\r\nHost: a\r\nVia: 1.1 me\r\nContent-Length: 7\r\n\r\n");
    assert_false(exchange.is_expecting || exchange.is_chunked);
}

static void te_is_ours_and_says_trailers_or_nothing(void **state)
{
    (void)state;
    expect_written("TE: gzip;q=1, trailers\r\nConnection: TE\r\n", "Via: 1.1 me\r\nTE: trailers\r\nConnection: TE\r\n");
}

static void hops_are_counted_and_named(void **state)
{
    (void)state;
    expect_written("Via: 1.0 a\r\nMax-Forwards: 3\r\n", "Via: 1.0 a\r\nMax-Forwards: 3\r\nVia: 1.1 me\r\n");
    begin("OPTIONS /x HTTP/1.0\r\nHost: a\r\nMax-Forwards: 3\r\n");
    assert_int_equal(http1_head_write(&exchange), ERR_OK);
    exchange.out.ptr[exchange.out.end] = '\0';
    assert_string_equal(exchange.out.ptr, "OPTIONS /x HTTP/1.1\r\nHost: a\r\nVia: 1.0 me\r\nMax-Forwards: 2\r\n\r\n");
}

static int status_of(const struct request *request)
{
    return request->problem ? problem_row(request->problem)->status : 0;
}

static void expect_admitted(const char *head, enum verdict verdict, int status)
{
    struct request *request = begin(head);
    assert_int_equal(gateway_admit(request), verdict);
    assert_int_equal(status_of(request), status);
}

static void what_may_not_go_on_is_answered(void **state)
{
    (void)state;
    expect_admitted("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 you\r\nMax-Forwards: 0\r\n", VERDICT_NEXT, 0);
    expect_admitted("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 you, 1.0 ME\r\n", VERDICT_FAIL, 508);
    expect_admitted("TRACE / HTTP/1.1\r\nHost: a\r\n", VERDICT_FAIL, 501);
    expect_admitted("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, WebSocket\r\n", VERDICT_FAIL,
                    501);
    expect_admitted("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n", VERDICT_NEXT, 0);
    expect_admitted("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n", VERDICT_FAIL, 400);
    stand.config->via_name = (struct slice){NULL, 0};
    expect_admitted("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 me\r\n", VERDICT_NEXT, 0);
}

/* Parses a response as if it had come, in a buffer that is wanted for other things at once. */
static void receive(const char *text)
{
    struct http1_parser parser;
    snprintf(reply, sizeof reply, "%s\r\n", text);
    http1_parser_init(&parser, &(struct http1_limits){1024, 0, 20});
    assert_int_equal(http1_response_parse(&parser, exchange.request->head.method, slice_of_text(reply), &exchange.head),
                     ERR_OK);
}

/* As "a=b;" for each field. */
static const char *list(const struct response_field *fields, uint32_t count)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, SLICE_FMT "=" SLICE_FMT ";", SLICE_ARG(fields[i].name),
                                SLICE_ARG(fields[i].value));
    return text;
}

static void expect_made(const char *head, const char *request, int status, const char *expected)
{
    struct response *response = &begin(request)->response;
    receive(head);
    assert_int_equal(head_make_response(&exchange, reply), ERR_OK);
    memset(reply, 'x', sizeof reply);
    assert_int_equal(response->status, status);
    assert_string_equal(list(response->fields, response->field_count), expected);
}

#define GET_REQUEST "GET / HTTP/1.1\r\nHost: a\r\n"
#define TE_REQUEST  "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n"

static void fields_of_a_response_outlive_its_buffer(void **state)
{
    (void)state;
    expect_made("HTTP/1.1 201 Yes\r\nConnection: x-mine\r\nX-Mine: 1\r\nDate: d\r\nContent-Type: a/b\r\n"
                "Content-Length: 5\r\nKeep-Alive: 5\r\nX_Y: 2\r\n",
                GET_REQUEST, 201, "Date=d;X_Y=2;Via=1.1 me;");
    const struct response *response = &exchange.request->response;
    assert_true(slice_is(response->content_type, "a/b"));
    assert_true(response->has_date && response->has_length && response->source);
    assert_int_equal(response->source_bytes, 5);
}

static void trailer_is_announced_where_trailers_can_follow(void **state)
{
    (void)state;
    const char *chunked = "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n";
    expect_made(chunked, TE_REQUEST, 200, "Trailer=X;Via=1.1 me;");
    expect_made(chunked, GET_REQUEST, 200, "Via=1.1 me;");
    expect_made("HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 5\r\n", TE_REQUEST, 200, "Via=1.1 me;");
    expect_made("HTTP/1.0 200 OK\r\n", TE_REQUEST, 200, "Via=1.0 me;");
}

static void a_205_has_no_content(void **state)
{
    (void)state;
    static const char *const heads[] = {"HTTP/1.1 205 R\r\nContent-Length: 5\r\n", "HTTP/1.1 205 R\r\n",
                                        "HTTP/1.1 205 R\r\nTransfer-Encoding: chunked\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        expect_made(heads[i], GET_REQUEST, 205, "Via=1.1 me;");
        assert_true(exchange.request->response.has_length);
        assert_int_equal(exchange.request->response.source_bytes, 0);
        assert_true(exchange.is_dirty && !exchange.head.has_body);
    }
    expect_made("HTTP/1.1 205 R\r\nContent-Length: 0\r\n", GET_REQUEST, 205, "Via=1.1 me;");
    assert_false(exchange.is_dirty);
}

static void a_status_without_content_has_no_source(void **state)
{
    (void)state;
    expect_made("HTTP/1.1 204 N\r\n", GET_REQUEST, 204, "Via=1.1 me;");
    assert_null(exchange.request->response.source);
    expect_made("HTTP/1.1 304 N\r\nContent-Length: 5\r\n", GET_REQUEST, 304, "Via=1.1 me;");
    assert_null(exchange.request->response.source);
}

static void trailers_go_on_but_for_those_of_heads(void **state)
{
    (void)state;
    static const char text[] = "X-Sum: 1\r\nHost: b\r\nx-mine: 2\r\nX_Y: 3\r\nProxy-X: 4\r\nETag: 5\r\n\r\n";
    struct response_field *fields;
    uint32_t count;
    struct request *request =
        begin("POST / HTTP/1.1\r\nHost: a\r\nConnection: x-mine\r\nTransfer-Encoding: chunked\r\n");
    trailers_add(&request->trailers, &request->arena, slice_of(text, sizeof text - 1));
    assert_int_equal(trailers_of_request(&exchange, &fields, &count), ERR_OK);
    assert_string_equal(list(fields, count), "X-Sum=1;ETag=5;");
    receive("HTTP/1.1 200 OK\r\nConnection: x-mine\r\nTransfer-Encoding: chunked\r\n");
    assert_int_equal(head_make_response(&exchange, reply), ERR_OK);
    memset(reply, 'x', sizeof reply);
    trailers_add(&exchange.trailers, &request->arena, slice_of(text, sizeof text - 1));
    assert_int_equal(trailers_of_response(&exchange), ERR_OK);
    assert_string_equal(list(request->response.trailers, request->response.trailer_count), "X-Sum=1;X_Y=3;ETag=5;");
}

static void trailers_are_counted(void **state)
{
    (void)state;
    struct response_field *fields;
    uint32_t count;
    for (uint64_t extra = 0; extra < 2; extra++) {
        struct request *request = begin("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n");
        for (uint64_t i = 0; i < request->worker->limits.header_count + extra; i++) {
            trailers_add_field(&request->trailers, &request->arena, SLICE_LIT("x"), SLICE_LIT("1"));
            trailers_add_field(&exchange.trailers, &request->arena, SLICE_LIT("cookie"), SLICE_LIT("1"));
        }
        assert_int_equal(trailers_of_request(&exchange, &fields, &count), extra ? ERR_LIMIT : ERR_OK);
        assert_int_equal(status_of(request), extra ? 431 : 0);
        assert_int_equal(trailers_of_response(&exchange), extra ? ERR_LIMIT : ERR_OK);
        assert_int_equal(request->response.trailer_count, 0);
    }
}

static void interim_responses_go_on_but_for_100(void **state)
{
    (void)state;
    begin(GET_REQUEST);
    receive("HTTP/1.1 103 E\r\nLink: a\r\nConnection: x-mine\r\nX-Mine: 1\r\nContent-Length: 0\r\nTrailer: b\r\n");
    assert_true(exchange_take_interim(&exchange));
    assert_true(exchange.has_informed);
    exchange.has_informed = false;
    receive("HTTP/1.1 102 P\r\n");
    assert_true(exchange_take_interim(&exchange));
    assert_false(exchange.has_informed); /* this one was dropped */
    receive("HTTP/1.1 100 C\r\n");
    assert_true(exchange_take_interim(&exchange));
    assert_int_equal(exchange.state, EXCHANGE_START);
    assert_string_equal(informed, "103 Link=a;102 ");
    exchange.is_expecting = true;
    assert_true(exchange_take_interim(&exchange));
    assert_int_equal(exchange.state, EXCHANGE_CONTINUED);
}

static void interim_responses_are_bounded(void **state)
{
    (void)state;
    begin(GET_REQUEST);
    receive("HTTP/1.1 102 P\r\n");
    for (int i = 0; i < 16; i++)
        assert_true(exchange_take_interim(&exchange));
    assert_false(exchange_take_interim(&exchange));
}

static void none_comes_behind_the_response(void **state)
{
    (void)state;
    begin(GET_REQUEST)->is_head_sent = true;
    receive("HTTP/1.1 103 E\r\nLink: a\r\n");
    assert_true(exchange_take_interim(&exchange));
    assert_string_equal(informed, "");
}

static void what_may_be_sent_twice(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        bool is_idempotent;
    } rows[] = {{"GET", true},     {"HEAD", true},  {"PUT", true},    {"DELETE", true},
                {"OPTIONS", true}, {"POST", false}, {"PATCH", false}, {"get", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[64];
        snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: a\r\n", rows[i].method);
        begin(head);
        assert_int_equal(exchange_is_idempotent(&exchange), rows[i].is_idempotent);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fields_of_one_hop_stay_behind),
        TEST(a_collected_body_goes_on_with_its_length),
        TEST(te_is_ours_and_says_trailers_or_nothing),
        TEST(hops_are_counted_and_named),
        TEST(what_may_not_go_on_is_answered),
        TEST(fields_of_a_response_outlive_its_buffer),
        TEST(trailer_is_announced_where_trailers_can_follow),
        TEST(a_205_has_no_content),
        TEST(a_status_without_content_has_no_source),
        TEST(trailers_go_on_but_for_those_of_heads),
        TEST(trailers_are_counted),
        TEST(interim_responses_go_on_but_for_100),
        TEST(interim_responses_are_bounded),
        TEST(none_comes_behind_the_response),
        TEST(what_may_be_sent_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
