/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/http1.h"

#include "lib/http/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEADERS_MAX 8
#define HEAD_MAX    400

static const struct http1_limits limits = {.head_bytes_max = HEAD_MAX, .header_count_max = HEADERS_MAX};

struct outcome {
    enum err err;
    enum http1_fault fault;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
};

/* Each piece in an allocation of exactly its size, so that AddressSanitizer sees a byte read past the input. */
static void parse_stepwise(struct slice input, enum http_method method, size_t first, size_t step, enum cpu_level level,
                           struct outcome *out, char **ret_memory)
{
    struct http1_parser parser;
    char *memory = NULL;
    http1_parser_init(&parser, &limits);
    parser.scan = scan_for(level);
    memset(out, 0xa5, sizeof *out); /* what a response before may have left */
    out->head.headers = out->headers;
    out->err = ERR_AGAIN;
    for (size_t len = MIN(first, input.len); out->err == ERR_AGAIN; len = MIN(len + step, input.len)) {
        char *longer = malloc(len ? len : 1);
        assert_non_null(longer);
        memcpy(longer, input.ptr, len);
        out->err = http1_response_parse(&parser, method, slice_of(longer, len), &out->head);
        free(memory);
        memory = longer;
        if (len == input.len)
            break;
    }
    out->fault = parser.fault;
    *ret_memory = memory;
}

static void parse(const char *text, enum http_method method, struct outcome *out, char **ret_memory)
{
    struct slice input = slice_of_text(text);
    parse_stepwise(input, method, input.len, 1, cpu_level(), out, ret_memory);
}

#define OK      "HTTP/1.1 200 OK\r\n"
#define END     "\r\n"
#define TEN     "0123456789"
#define FIFTY   TEN TEN TEN TEN TEN
#define HUNDRED FIFTY FIFTY
#define GET     HTTP_METHOD_GET
#define HEAD    HTTP_METHOD_HEAD

static const struct {
    const char *input;
    enum http1_fault fault;
} refused[] = {
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {" HTTP/1.1 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"http/1.1 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/1.1200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/1.1\t200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/1.1\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/2.0 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/2 200\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/0.9 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/1.10 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"ICY 200 OK\r\n\r\n", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"<html>", HTTP1_FAULT_STATUS_LINE_INVALID},
    {"HTTP/1.1  200 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 20 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 2000 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 200OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 099 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 600 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 +20 OK\r\n\r\n", HTTP1_FAULT_STATUS_INVALID},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", HTTP1_FAULT_REASON_CHAR},
    {"HTTP/1.1 200\x7f\r\n\r\n", HTTP1_FAULT_REASON_CHAR},
    {"HTTP/1.1 200 OK\n\r\n", HTTP1_FAULT_BARE_LF},
    {"HTTP/1.1 200\n", HTTP1_FAULT_BARE_LF},
    {"HTTP/1.1 200 OK\rA: b\r\n\r\n", HTTP1_FAULT_BARE_CR},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", HTTP1_FAULT_STATUS_SWITCHING},

    {OK "A: b\n\r\n", HTTP1_FAULT_BARE_LF},
    {OK "\n", HTTP1_FAULT_BARE_LF},
    {OK "A: b\rc\r\n\r\n", HTTP1_FAULT_BARE_CR},
    {OK "A: b\r\n c\r\n\r\n", HTTP1_FAULT_OBS_FOLD},
    {OK " A: b\r\n\r\n", HTTP1_FAULT_OBS_FOLD},
    {OK "A : b\r\n\r\n", HTTP1_FAULT_SPACE_BEFORE_COLON},
    {OK "A\r\n\r\n", HTTP1_FAULT_COLON_MISSING},
    {OK ": b\r\n\r\n", HTTP1_FAULT_NAME_INVALID},
    {OK "A: \x01\r\n\r\n", HTTP1_FAULT_VALUE_CHAR},
    {OK "A: " HUNDRED HUNDRED HUNDRED HUNDRED "\r\n\r\n", HTTP1_FAULT_HEAD_TOO_LARGE},
    {"HTTP/1.1 200 " HUNDRED HUNDRED HUNDRED HUNDRED "\r\n\r\n", HTTP1_FAULT_HEAD_TOO_LARGE},
    {OK "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nI:\r\nJ:\r\n\r\n", HTTP1_FAULT_TOO_MANY_FIELDS},
    {OK "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", HTTP1_FAULT_FIELD_REPEATED},

    {OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_LENGTH_REPEATED},
    {OK "Content-Length: 5, 5\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {OK "Content-Length: -1\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {OK "Content-Length:\r\n\r\n", HTTP1_FAULT_LENGTH_INVALID},
    {OK "Content-Length: 18446744073709551616\r\n\r\n", HTTP1_FAULT_LENGTH_TOO_LARGE},
    {OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_LENGTH_WITH_CODING},
    {OK "Transfer-Encoding:\r\n\r\n", HTTP1_FAULT_CODING_INVALID},
    {OK "Transfer-Encoding: gzip\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {OK "Transfer-Encoding: identity\r\n\r\n", HTTP1_FAULT_CODING_UNKNOWN},
    {OK "Transfer-Encoding: chunked, gzip\r\n\r\n", HTTP1_FAULT_CODING_AFTER_CHUNKED},
    {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_CODING_CHUNKED_TWICE},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_CODING_IN_HTTP10},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_BODY_FORBIDDEN},
    {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_FAULT_BODY_FORBIDDEN},
    {"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", HTTP1_FAULT_BODY_FORBIDDEN},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP1_FAULT_LENGTH_WITH_CODING},
};

enum body { NONE, LENGTH, CHUNKED, UNTIL_CLOSE };

/* RFC 9112 section 6.3, case by case; then whether the connection can be used again. */
static const struct {
    const char *input;
    enum http_method method;
    int status;
    enum body body;
    bool is_keep_alive;
} accepted[] = {
    {OK "Content-Length: 5\r\n\r\nhello", GET, 200, LENGTH, true},
    {OK "Content-Length: 0\r\n\r\n", GET, 200, NONE, true},
    {OK "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", GET, 200, CHUNKED, true},
    {OK END, GET, 200, UNTIL_CLOSE, false},
    {OK "Connection: keep-alive\r\n\r\n", GET, 200, UNTIL_CLOSE, false},
    {OK "Content-Length: 5\r\nConnection: a, close\r\n\r\n", GET, 200, LENGTH, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", GET, 200, LENGTH, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", GET, 200, LENGTH, true},
    {"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\n", GET, 200, LENGTH, true},
    {OK "Content-Length: 5\r\n\r\n", HEAD, 200, NONE, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n", HEAD, 200, NONE, true},
    {OK END, HEAD, 200, NONE, true},
    {OK "Connection: close\r\n\r\n", HEAD, 200, NONE, false},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", GET, 304, NONE, true},
    {"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", GET, 304, NONE, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", GET, 204, NONE, true},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", GET, 204, NONE, true},
    {"HTTP/1.1 100 Continue\r\n\r\n", GET, 100, NONE, true},
    {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", GET, 103, NONE, true},
    {"HTTP/1.1 599 \r\n\r\n", GET, 599, UNTIL_CLOSE, false},
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", GET, 200, LENGTH, true},
    {"HTTP/1.1 200 \xc3\xa9 \t!\r\nContent-Length: 1\r\n\r\n", GET, 200, LENGTH, true},
    {OK "Set-Cookie: a\r\nSet-Cookie: b\r\nVary:\r\nContent-Length:  5\t\r\n\r\n", GET, 200, LENGTH, true},
};

static void refuses_each_fault_by_name(void **state)
{
    (void)state;
    bool is_seen[HTTP1_FAULT_COUNT] = {false};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct outcome out;
        char *memory;
        parse(refused[i].input, GET, &out, &memory);
        if (out.fault != refused[i].fault)
            fail_msg("%s: got %s, expected %s", refused[i].input, http1_fault_name(out.fault),
                     http1_fault_name(refused[i].fault));
        assert_int_equal(out.err, http1_fault_err(out.fault));
        is_seen[out.fault] = true;
        free(memory);
    }
    for (int fault = HTTP1_FAULT_STATUS_LINE_INVALID; fault < HTTP1_FAULT_SCHEME_INVALID; fault++)
        if (!is_seen[fault])
            fail_msg("no input shows %s", http1_fault_name((enum http1_fault)fault));
}

static enum body body_of(const struct http_head *head)
{
    if (!head->has_body)
        return NONE;
    assert_int_equal(head->is_chunked + head->is_until_close + (head->content_length > 0), 1);
    return head->is_chunked ? CHUNKED : head->is_until_close ? UNTIL_CLOSE : LENGTH;
}

static void decides_where_the_body_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome out;
        char *memory;
        parse(accepted[i].input, accepted[i].method, &out, &memory);
        if (out.err != ERR_OK || body_of(&out.head) != accepted[i].body ||
            out.head.is_keep_alive != accepted[i].is_keep_alive || out.head.status != accepted[i].status)
            fail_msg("%s: %s, status %d, body %d", accepted[i].input, http1_fault_name(out.fault), out.head.status,
                     body_of(&out.head));
        free(memory);
    }
}

static void expect_same(const struct outcome *a, const char *a_memory, const struct outcome *b, const char *b_memory)
{
    assert_int_equal(a->err, b->err);
    assert_int_equal(a->fault, b->fault);
    if (a->err != ERR_OK)
        return;
    assert_int_equal(a->head.status, b->head.status);
    assert_int_equal(a->head.head_bytes, b->head.head_bytes);
    assert_int_equal(a->head.header_count, b->head.header_count);
    assert_int_equal(a->head.content_length, b->head.content_length);
    assert_int_equal(a->head.has_body, b->head.has_body);
    assert_int_equal(a->head.is_keep_alive, b->head.is_keep_alive);
    for (size_t i = 0; i < a->head.header_count; i++) {
        assert_int_equal(a->headers[i].name.ptr - a_memory, b->headers[i].name.ptr - b_memory);
        assert_true(slice_equal(a->headers[i].name, b->headers[i].name));
        assert_int_equal(a->headers[i].value.ptr - a_memory, b->headers[i].value.ptr - b_memory);
        assert_true(slice_equal(a->headers[i].value, b->headers[i].value));
    }
}

static void expect_split_invariance(const char *text, enum http_method method)
{
    struct slice input = slice_of_text(text);
    struct outcome whole, split;
    char *whole_memory, *split_memory;
    parse(text, method, &whole, &whole_memory);
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++)
        for (size_t at = 0; at <= input.len; at++) {
            parse_stepwise(input, method, at, at == 0 ? 1 : input.len, (enum cpu_level)level, &split, &split_memory);
            expect_same(&whole, whole_memory, &split, split_memory);
            free(split_memory);
        }
    free(whole_memory);
}

static void gives_one_outcome_however_the_bytes_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        expect_split_invariance(accepted[i].input, accepted[i].method);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect_split_invariance(refused[i].input, GET);
}

static void asks_for_more_at_every_prefix(void **state)
{
    (void)state;
    struct slice input = slice_of_text("HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 3\r\n\r\n");
    for (size_t len = 0; len <= input.len; len++) {
        struct outcome out;
        char *memory;
        parse_stepwise(slice_first(input, len), GET, len, 1, cpu_level(), &out, &memory);
        assert_int_equal(out.err, len < input.len ? ERR_AGAIN : ERR_OK);
        free(memory);
    }
}

static void goes_on_behind_interim_responses(void **state)
{
    (void)state;
    struct slice input = slice_of_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                                       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    static const int statuses[] = {100, 103, 200};
    struct http_header headers[HEADERS_MAX];
    struct http_head head = {.headers = headers};
    struct http1_parser parser;
    http1_parser_init(&parser, &limits);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        assert_int_equal(http1_response_parse(&parser, HTTP_METHOD_POST, input, &head), ERR_OK);
        assert_int_equal(head.status, statuses[i]);
        input = slice_skip(input, head.head_bytes);
        http1_parser_reset(&parser);
    }
    assert_true(slice_is(input, "hi"));
}

static void stays_refused(void **state)
{
    (void)state;
    struct http_header headers[HEADERS_MAX];
    struct http_head head = {.headers = headers};
    struct http1_parser parser;
    http1_parser_init(&parser, &limits);
    assert_int_equal(http1_response_parse(&parser, GET, SLICE_LIT("HTTP/3"), &head), ERR_SYNTAX);
    assert_int_equal(http1_response_parse(&parser, GET, SLICE_LIT(OK END), &head), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_fault_by_name),
        cmocka_unit_test(decides_where_the_body_ends),
        cmocka_unit_test(gives_one_outcome_however_the_bytes_are_split),
        cmocka_unit_test(asks_for_more_at_every_prefix),
        cmocka_unit_test(goes_on_behind_interim_responses),
        cmocka_unit_test(stays_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
