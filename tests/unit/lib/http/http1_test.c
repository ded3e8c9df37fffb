/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/http1.h"

#include "lib/base/cpu.h"
#include "lib/http/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEADERS_MAX 8
#define HEAD_MAX    400
#define TARGET_MAX  100

static const struct http1_limits limits = {
    .head_bytes_max = HEAD_MAX, .target_bytes_max = TARGET_MAX, .header_count_max = HEADERS_MAX};

struct outcome {
    enum err err;
    enum http1_fault fault;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
};

/* Feeds ever longer pieces, each from a fresh allocation of exactly its size: a byte read past the input is an error
 * of AddressSanitizer, and every pointer of the call before dangles. */
static void parse_stepwise(struct slice input, size_t first, size_t step, enum cpu_level level, struct outcome *out,
                           char **ret_memory)
{
    struct http1_parser parser;
    char *memory = NULL;
    http1_parser_init(&parser, &limits);
    parser.scan = scan_for(level);
    memset(out, 0xa5, sizeof *out); /* what a request before may have left */
    out->head.headers = out->headers;
    out->err = ERR_AGAIN;
    for (size_t len = MIN(first, input.len); out->err == ERR_AGAIN; len = MIN(len + step, input.len)) {
        char *longer = malloc(len ? len : 1);
        assert_non_null(longer);
        memcpy(longer, input.ptr, len);
        out->err = http1_request_parse(&parser, slice_of(longer, len), &out->head);
        free(memory);
        memory = longer;
        if (len == input.len)
            break;
    }
    out->fault = parser.fault;
    *ret_memory = memory;
}

static void parse(const char *text, struct outcome *out, char **ret_memory)
{
    struct slice input = slice_of_text(text);
    parse_stepwise(input, input.len, 1, cpu_level(), out, ret_memory);
}

static void expect_slice(struct slice got, const char *expected)
{
    if (!slice_is(got, expected))
        fail_msg("got '" SLICE_FMT "', expected '%s'", SLICE_ARG(got), expected);
}

#define HOST    "Host: a\r\n"
#define GET     "GET / HTTP/1.1\r\n" HOST
#define POST    "POST / HTTP/1.1\r\n" HOST
#define END     "\r\n"
#define TEN     "0123456789"
#define FIFTY   TEN TEN TEN TEN TEN
#define HUNDRED FIFTY FIFTY

static const struct {
    const char *input;
    enum http1_fault fault;
} refused[] = {
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", HTTP1_FAULT_BARE_LF},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP1_FAULT_BARE_LF},
    {GET "\n", HTTP1_FAULT_BARE_LF},
    {"\nGET / HTTP/1.1\r\n", HTTP1_FAULT_BARE_LF},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", HTTP1_FAULT_BARE_CR},
    {GET "A: b\rc\r\n\r\n", HTTP1_FAULT_BARE_CR},
    {GET "A: b\r\r\n\r\n", HTTP1_FAULT_BARE_CR},
    {GET "\r\r\n", HTTP1_FAULT_BARE_CR},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n", HTTP1_FAULT_TOO_MANY_BLANK_LINES},

    {" GET / HTTP/1.1\r\n", HTTP1_FAULT_METHOD_INVALID},
    {"G\"T / HTTP/1.1\r\n", HTTP1_FAULT_METHOD_INVALID},
    {"GET\t/ HTTP/1.1\r\n", HTTP1_FAULT_METHOD_INVALID},
    {"GET\r\n", HTTP1_FAULT_METHOD_INVALID},
    {"\x16\x03\x01\x02", HTTP1_FAULT_METHOD_INVALID},
    {TEN TEN TEN "abc / HTTP/1.1\r\n", HTTP1_FAULT_METHOD_TOO_LONG},
    {"CONNECT a:1 HTTP/1.1\r\n", HTTP1_FAULT_METHOD_CONNECT},

    {"GET  / HTTP/1.1\r\n", HTTP1_FAULT_TARGET_INVALID},
    {"GET a HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET a:80 HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET * HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"OPTIONS ** HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET http:///x HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET http://u:p@a/ HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET http:/a HTTP/1.1\r\n" HOST END, HTTP1_FAULT_TARGET_INVALID},
    {"GET /\t HTTP/1.1\r\n", HTTP1_FAULT_TARGET_CHAR},
    {"GET /#a HTTP/1.1\r\n", HTTP1_FAULT_TARGET_CHAR},
    {"GET /<a HTTP/1.1\r\n", HTTP1_FAULT_TARGET_CHAR},
    {"GET /\x7f HTTP/1.1\r\n", HTTP1_FAULT_TARGET_CHAR},
    {"GET /\xc3\xa9 HTTP/1.1\r\n", HTTP1_FAULT_TARGET_CHAR},
    {"GET /" HUNDRED " HTTP/1.1\r\n", HTTP1_FAULT_TARGET_TOO_LONG},
    {"GET /" HUNDRED "\x01", HTTP1_FAULT_TARGET_TOO_LONG},
    {"GET /\r\n", HTTP1_FAULT_VERSION_MISSING},
    {"GET /\n", HTTP1_FAULT_VERSION_MISSING},
    {"GET / \r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / HTTP/1.1 \r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / HTTP/1.11\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / http/1.1\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / HTTP/0.9\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / HTTP/1.x\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / HTTP/11.1\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"GET / x HTTP/1.1\r\n", HTTP1_FAULT_VERSION_INVALID},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP1_FAULT_VERSION_UNSUPPORTED},
    {"GET / HTTP/3.0\r\n", HTTP1_FAULT_VERSION_UNSUPPORTED},

    {GET "A: " HUNDRED HUNDRED HUNDRED HUNDRED "\r\n\r\n", HTTP1_FAULT_HEAD_TOO_LARGE},
    {GET "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nI:\r\n\r\n", HTTP1_FAULT_TOO_MANY_FIELDS},
    {GET "A: b\r\n c\r\n\r\n", HTTP1_FAULT_OBS_FOLD},
    {GET "A: b\r\n\tc\r\n\r\n", HTTP1_FAULT_OBS_FOLD},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP1_FAULT_OBS_FOLD},
    {GET "A : b\r\n\r\n", HTTP1_FAULT_SPACE_BEFORE_COLON},
    {GET "Content-Length\t: 5\r\n\r\n", HTTP1_FAULT_SPACE_BEFORE_COLON},
    {GET "A\r\n\r\n", HTTP1_FAULT_COLON_MISSING},
    {GET "A\n\r\n", HTTP1_FAULT_COLON_MISSING},
    {GET ": b\r\n\r\n", HTTP1_FAULT_NAME_INVALID},
    {GET "A(: b\r\n\r\n", HTTP1_FAULT_NAME_INVALID},
    {GET "A\x01: b\r\n\r\n", HTTP1_FAULT_NAME_INVALID},
    {GET "\xc3\xa9: b\r\n\r\n", HTTP1_FAULT_NAME_INVALID},
    {GET "A: b\x01\r\n\r\n", HTTP1_FAULT_VALUE_CHAR},
    {GET "A: b\x7f\r\n\r\n", HTTP1_FAULT_VALUE_CHAR},
    {GET "A: \x0b\r\n\r\n", HTTP1_FAULT_VALUE_CHAR},
    {GET "Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n", HTTP1_FAULT_FIELD_REPEATED},
    {GET "Authorization: a\r\nAuthorization: a\r\n\r\n", HTTP1_FAULT_FIELD_REPEATED},

    {"GET / HTTP/1.1\r\n\r\n", HTTP1_FAULT_HOST_MISSING},
    {"GET http://a/ HTTP/1.1\r\n\r\n", HTTP1_FAULT_HOST_MISSING},
    {GET "host: a\r\n\r\n", HTTP1_FAULT_HOST_REPEATED},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET http://a/ HTTP/1.1\r\nHost: \r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HTTP1_FAULT_HOST_INVALID},
    {"GET / HTTP/1.0\r\nHost: ?\r\n\r\n", HTTP1_FAULT_HOST_INVALID},

    {POST "Content-Length: \r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: +5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: -5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: 0x5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: 5 5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: 5, 5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: 5.0\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_LENGTH_REPEATED},
    {POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", HTTP1_FAULT_LENGTH_REPEATED},
    {POST "Content-Length: 18446744073709551616\r\n\r\n", HTTP1_FAULT_LENGTH_TOO_LARGE},
    {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_LENGTH_WITH_CODING},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_LENGTH_WITH_CODING},
    {POST "Transfer-Encoding:\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: ,chunked\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: chunked,\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: chunked;a=b\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: chunked chunked\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {POST "Transfer-Encoding: identity\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", HTTP1_FAULT_CODING_AFTER_CHUNKED},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", HTTP1_FAULT_CODING_AFTER_CHUNKED},
    {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", HTTP1_FAULT_CODING_CHUNKED_TWICE},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n", HTTP1_FAULT_CODING_CHUNKED_TWICE},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_CODING_IN_HTTP10},
    {POST "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_EXPECTATION_UNKNOWN},
    {POST "Expect: 100-continue, x\r\n\r\n", HTTP1_FAULT_EXPECTATION_UNKNOWN},
};

static const char *const accepted[] = {
    GET END,
    POST "Content-Length: 5\r\n\r\nhello",
    POST "Content-Length:0005\r\n\r\nhello",
    POST "Transfer-Encoding: \tChunked \r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.2\r\nHost: [::1]:8080\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nhOST:a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: example.com:\r\n\r\n",
    "GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
    "get /{}[|]^`\\ HTTP/1.1\r\nHost: a\r\n\r\n",
    GET "A:\r\nB: \t \r\nC: \"x\" \xff\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
    POST "Expect: 100-Continue\r\nContent-Length: 5\r\nConnection: a, Close\r\n\r\nhello",
};

static void refuses_each_fault_by_name(void **state)
{
    (void)state;
    bool is_seen[HTTP1_FAULT_COUNT] = {false};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct outcome out;
        char *memory;
        parse(refused[i].input, &out, &memory);
        if (out.fault != refused[i].fault)
            fail_msg("%s: got %s, expected %s", refused[i].input, http1_fault_name(out.fault),
                     http1_fault_name(refused[i].fault));
        assert_int_equal(out.err, http1_fault_err(out.fault));
        is_seen[out.fault] = true;
        free(memory);
    }
    for (int fault = HTTP1_FAULT_NONE + 1; fault < HTTP1_FAULT_CHUNK_SIZE; fault++)
        if (!is_seen[fault])
            fail_msg("no input shows %s", http1_fault_name((enum http1_fault)fault));
}

static void expect_same(const struct outcome *a, const char *a_memory, const struct outcome *b, const char *b_memory)
{
    assert_int_equal(a->err, b->err);
    assert_int_equal(a->fault, b->fault);
    if (a->err != ERR_OK)
        return;
    assert_int_equal(a->head.header_count, b->head.header_count);
    assert_int_equal(a->head.head_bytes, b->head.head_bytes);
    assert_int_equal(a->head.method, b->head.method);
    assert_int_equal(a->head.content_length, b->head.content_length);
    assert_int_equal(a->head.is_chunked, b->head.is_chunked);
    assert_int_equal(a->head.is_keep_alive, b->head.is_keep_alive);
    assert_int_equal(a->head.target.ptr - a_memory, b->head.target.ptr - b_memory);
    assert_int_equal(a->head.target.len, b->head.target.len);
    assert_true(slice_equal(a->head.host, b->head.host));
    assert_true(slice_equal(a->head.method_text, b->head.method_text));
    assert_true(a->head.present == b->head.present && a->head.repeated == b->head.repeated);
    for (int field = 0; field < HTTP_FIELD_COUNT; field++)
        if (http_head_find(&a->head, (enum http_field)field))
            assert_int_equal(a->head.first[field], b->head.first[field]);
    for (size_t i = 0; i < a->head.header_count; i++) {
        assert_int_equal(a->headers[i].name.ptr - a_memory, b->headers[i].name.ptr - b_memory);
        assert_int_equal(a->headers[i].name.len, b->headers[i].name.len);
        assert_int_equal(a->headers[i].value.ptr - a_memory, b->headers[i].value.ptr - b_memory);
        assert_int_equal(a->headers[i].value.len, b->headers[i].value.len);
        assert_int_equal(a->headers[i].id, b->headers[i].id);
    }
}

static void expect_split_invariance(const char *text, enum err expected)
{
    struct slice input = slice_of_text(text);
    struct outcome whole, split;
    char *whole_memory, *split_memory;
    parse(text, &whole, &whole_memory);
    assert_int_equal(whole.err, expected);
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
        parse_stepwise(input, 0, 1, (enum cpu_level)level, &split, &split_memory);
        expect_same(&whole, whole_memory, &split, split_memory);
        free(split_memory);
        for (size_t at = 0; at <= input.len; at++) {
            parse_stepwise(input, at, input.len, (enum cpu_level)level, &split, &split_memory);
            expect_same(&whole, whole_memory, &split, split_memory);
            free(split_memory);
        }
    }
    free(whole_memory);
}

static void gives_one_outcome_however_the_bytes_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        expect_split_invariance(accepted[i], ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect_split_invariance(refused[i].input, http1_fault_err(refused[i].fault));
}

static void refuses_nul_anywhere_but_in_the_body(void **state)
{
    (void)state;
    static const char text[] = "GET /x HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char input[sizeof text];
        memcpy(input, text, sizeof text);
        input[at] = '\0';
        struct outcome out;
        char *memory;
        parse_stepwise(slice_of(input, sizeof text - 1), sizeof text, 1, cpu_level(), &out, &memory);
        assert_int_not_equal(out.err, ERR_OK);
        assert_int_not_equal(out.err, ERR_AGAIN);
        free(memory);
    }
}

static void asks_for_more_at_every_prefix(void **state)
{
    (void)state;
    struct slice input = slice_of_text("\r\nPOST /v1?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    for (size_t len = 0; len <= input.len; len++) {
        struct outcome out;
        char *memory;
        parse_stepwise(slice_first(input, len), len, 1, cpu_level(), &out, &memory);
        assert_int_equal(out.err, len < input.len ? ERR_AGAIN : ERR_OK);
        free(memory);
    }
}

static void reads_what_a_browser_sends(void **state)
{
    (void)state;
    struct outcome out;
    char *memory;
    parse("GET /a/b?c=d HTTP/1.1\r\n"
          "Host: localhost:8080\r\n"
          "Connection: keep-alive\r\n"
          "Accept:   text/html,*/*;q=0.8 \t\r\n"
          "Cookie: a=1\r\n"
          "X-Other: 1\r\n"
          "cookie: b=2\r\n"
          "x-other: 2\r\n\r\n",
          &out, &memory);
    assert_int_equal(out.err, ERR_OK);
    assert_int_equal(out.head.method, HTTP_METHOD_GET);
    assert_int_equal(out.head.version_minor, 1);
    assert_true(out.head.is_keep_alive);
    assert_false(out.head.has_body);
    assert_false(out.head.expects_continue);
    expect_slice(out.head.target, "/a/b?c=d");
    expect_slice(out.head.host, "localhost:8080");
    expect_slice(http_head_value(&out.head, HTTP_FIELD_ACCEPT), "text/html,*/*;q=0.8");
    assert_null(http_head_find(&out.head, HTTP_FIELD_RANGE));
    assert_null(http_head_value(&out.head, HTTP_FIELD_RANGE).ptr);
    const struct http_header *cookie = http_head_find(&out.head, HTTP_FIELD_COOKIE);
    expect_slice(cookie->value, "a=1");
    cookie = http_head_find_next(&out.head, cookie);
    expect_slice(cookie->value, "b=2");
    assert_null(http_head_find_next(&out.head, cookie));
    const struct http_header *other = http_head_find_name(&out.head, SLICE_LIT("X-OTHER"));
    expect_slice(other->value, "1");
    expect_slice(http_head_find_next(&out.head, other)->value, "2");
    assert_null(http_head_find_name(&out.head, SLICE_LIT("x-othe")));
    free(memory);
}

static void parses_pipelined_requests_one_after_another(void **state)
{
    (void)state;
    struct slice input = slice_of_text("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                                       "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n"
                                       "\r\nDELETE /3 HTTP/1.0\r\n\r\n");
    static const char *const targets[] = {"/1", "/2", "/3"};
    struct http_header headers[HEADERS_MAX];
    struct http_head head = {.headers = headers};
    struct http1_parser parser;
    http1_parser_init(&parser, &limits);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        assert_int_equal(http1_request_parse(&parser, input, &head), ERR_OK);
        expect_slice(head.target, targets[i]);
        input = slice_skip(input, head.head_bytes + head.content_length);
        http1_parser_reset(&parser);
    }
    assert_int_equal(input.len, 0);
    assert_int_equal(http1_request_parse(&parser, input, &head), ERR_AGAIN);
}

static void takes_the_host_of_an_absolute_target(void **state)
{
    (void)state;
    struct outcome out;
    char *memory;
    parse("GET http://b:1/x HTTP/1.1\r\nHost: a\r\n\r\n", &out, &memory);
    assert_int_equal(out.err, ERR_OK);
    expect_slice(out.head.host, "b:1");
    free(memory);
}

static void decides_keep_alive_by_version_and_connection(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        bool is_keep_alive;
    } rows[] = {
        {GET END, true},
        {GET "Connection: close\r\n\r\n", false},
        {GET "Connection: x, CLOSE ,y\r\n\r\n", false},
        {GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {GET "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome out;
        char *memory;
        parse(rows[i].input, &out, &memory);
        assert_int_equal(out.err, ERR_OK);
        assert_int_equal(out.head.is_keep_alive, rows[i].is_keep_alive);
        free(memory);
    }
}

static void owes_a_100_only_for_a_body_in_http11(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        bool expects_continue;
    } rows[] = {
        {POST "Expect: 100-CONTINUE\r\nContent-Length: 5\r\n\r\n", true},
        {POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
        {POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
        {POST "Expect: 100-continue\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome out;
        char *memory;
        parse(rows[i].input, &out, &memory);
        assert_int_equal(out.err, ERR_OK);
        assert_int_equal(out.head.expects_continue, rows[i].expects_continue);
        free(memory);
    }
}

static void decides_framing(void **state)
{
    (void)state;
    struct outcome out;
    char *memory;
    parse(POST "Content-Length: 18446744073709551615\r\n\r\n", &out, &memory);
    assert_int_equal(out.err, ERR_OK);
    assert_true(out.head.has_body && out.head.has_content_length && !out.head.is_chunked);
    assert_true(out.head.content_length == UINT64_MAX);
    free(memory);
    parse(POST "Content-Length: 0\r\n\r\n", &out, &memory);
    assert_true(!out.head.has_body && out.head.has_content_length);
    free(memory);
    parse(POST "transfer-encoding: CHUNKED\r\n\r\n", &out, &memory);
    assert_true(out.head.has_body && out.head.is_chunked && !out.head.has_content_length);
    free(memory);
}

static void accepts_a_head_of_exactly_the_limit(void **state)
{
    (void)state;
    char input[HEAD_MAX + 2];
    static const char start[] = GET "A: ";
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t len = HEAD_MAX + extra;
        memset(input, 'x', sizeof input);
        memcpy(input, start, sizeof start - 1);
        memcpy(input + len - 4, "\r\n\r\n", 4);
        struct outcome out;
        char *memory;
        parse_stepwise(slice_of(input, len), len, 1, cpu_level(), &out, &memory);
        assert_int_equal(out.fault, extra ? HTTP1_FAULT_HEAD_TOO_LARGE : HTTP1_FAULT_NONE);
        free(memory);
    }
}

/* A response is made of it all the same: with a method of HEAD it would have no content. */
static void tells_nothing_of_a_head_before_when_it_is_refused(void **state)
{
    (void)state;
    struct outcome out;
    char *memory;
    parse("\x16 / HTTP/1.1\r\n", &out, &memory);
    assert_int_equal(out.err, ERR_SYNTAX);
    assert_int_equal(out.head.method, HTTP_METHOD_OTHER);
    assert_int_equal(out.head.method_text.len + out.head.target.len + out.head.host.len, 0);
    assert_int_equal(out.head.header_count + out.head.present + out.head.repeated, 0);
    assert_false(out.head.has_body || out.head.is_chunked || out.head.expects_continue || out.head.is_keep_alive);
    free(memory);
}

static void stays_refused(void **state)
{
    (void)state;
    struct http_header headers[HEADERS_MAX];
    struct http_head head = {.headers = headers};
    struct http1_parser parser;
    http1_parser_init(&parser, &limits);
    assert_int_equal(http1_request_parse(&parser, SLICE_LIT("GET / HTTP/2.0"), &head), ERR_UNSUPPORTED);
    assert_int_equal(http1_request_parse(&parser, SLICE_LIT("GET / HTTP/2.0\r\n"), &head), ERR_UNSUPPORTED);
    assert_int_equal(http1_fault_status(parser.fault), 505);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_fault_by_name),
        cmocka_unit_test(gives_one_outcome_however_the_bytes_are_split),
        cmocka_unit_test(refuses_nul_anywhere_but_in_the_body),
        cmocka_unit_test(asks_for_more_at_every_prefix),
        cmocka_unit_test(reads_what_a_browser_sends),
        cmocka_unit_test(parses_pipelined_requests_one_after_another),
        cmocka_unit_test(takes_the_host_of_an_absolute_target),
        cmocka_unit_test(decides_keep_alive_by_version_and_connection),
        cmocka_unit_test(owes_a_100_only_for_a_body_in_http11),
        cmocka_unit_test(decides_framing),
        cmocka_unit_test(accepts_a_head_of_exactly_the_limit),
        cmocka_unit_test(tells_nothing_of_a_head_before_when_it_is_refused),
        cmocka_unit_test(stays_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
