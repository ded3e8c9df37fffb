/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HEADERS_MAX 16

static const struct http1_limits limits = {
    .head_bytes_max = 2048, .target_bytes_max = 256, .header_count_max = HEADERS_MAX};
static struct http_header headers[HEADERS_MAX];

static struct http_head parse(const char *text)
{
    struct http1_parser parser;
    struct http_head head = {.headers = headers};
    http1_parser_init(&parser, &limits);
    assert_int_equal(http1_request_parse(&parser, slice_of_text(text), &head), ERR_OK);
    return head;
}

/* The names that go on, each followed by a space. */
static void expect_forwarded(const char *fields, uint64_t also, const char *expected)
{
    char text[1024];
    char names[512];
    size_t len = 0;
    struct forward_filter filter;
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    struct http_head head = parse(text);
    forward_filter_init(&filter, &head, also);
    for (size_t i = 0; i < head.header_count; i++)
        if (!forward_is_dropped(&filter, &headers[i]))
            len += (size_t)snprintf(names + len, sizeof names - len, SLICE_FMT " ", SLICE_ARG(headers[i].name));
    names[len] = '\0';
    assert_string_equal(names, expected);
}

static void hop_by_hop_fields_stay_behind(void **state)
{
    (void)state;
    expect_forwarded("Connection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                     "Proxy-Connection: x\r\nproxy-authorization: x\r\nPROXY-Authenticate: x\r\nProxy: x\r\n"
                     "Transfer-Encoding: chunked\r\nProxyx: y\r\nProx: y\r\n",
                     0, "Host Proxyx Prox ");
}

static void what_connection_names_stays_behind(void **state)
{
    (void)state;
    expect_forwarded(
        "Connection: close, X-A ,, cookie\r\nx-a: 1\r\nCookie: b\r\nX-B: 2\r\nconnection: x-b\r\nX-C: 3\r\n", 0,
        "Host X-C ");
    expect_forwarded("Connection: \"x-a\", close\r\nx-a: 1\r\n", 0, "Host x-a ");
}

static void what_the_caller_writes_stays_behind(void **state)
{
    (void)state;
    expect_forwarded(
        "X-Forwarded-For: 1\r\nForwarded: for=1\r\nX-Forwarded-Host: b\r\nX-Forwarded-Proto: x\r\nA: b\r\n",
        FORWARD_ORIGIN_BITS | FORWARD_BIT(HTTP_FIELD_HOST), "A ");
}

static void expect_written(void (*write)(struct http1_writer *, const struct forward_origin *),
                           struct forward_origin origin, const char *expected)
{
    char memory[512];
    struct http1_writer writer;
    http1_writer_init(&writer, memory, sizeof memory);
    write(&writer, &origin);
    assert_false(writer.is_cut || writer.is_refused);
    if (!slice_is(slice_of(writer.ptr, writer.len), expected))
        fail_msg("wrote '%.*s', expected '%s'", (int)writer.len, writer.ptr, expected);
}

static void nobody_before_is_believed_unless_told(void **state)
{
    (void)state;
    struct forward_origin origin = {.client = SLICE_LIT("192.0.2.1"), .host = SLICE_LIT("a:8080")};
    expect_written(forward_write_x, origin,
                   "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a:8080\r\n");
    expect_written(forward_write_forwarded, origin, "Forwarded: for=192.0.2.1;host=\"a:8080\";proto=http\r\n");
}

static void believed_gateways_are_kept_and_added_to(void **state)
{
    (void)state;
    struct http_head head =
        parse("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: \r\n"
              "X-Forwarded-For: 203.0.113.4, x\r\nX-Forwarded-Proto: https\r\nForwarded: for=_b\r\n\r\n");
    struct forward_origin origin = {
        .before = &head, .client = SLICE_LIT("2001:db8::1"), .host = SLICE_LIT("a"), .is_secure = false};
    expect_written(forward_write_x, origin,
                   "X-Forwarded-For: 198.51.100.7, 203.0.113.4, x, 2001:db8::1\r\nX-Forwarded-Proto: https\r\n"
                   "X-Forwarded-Host: a\r\n");
    expect_written(forward_write_forwarded, origin,
                   "Forwarded: for=_b, for=\"[2001:db8::1]\";host=\"a\";proto=http\r\n");
}

static void a_client_without_address_is_unknown(void **state)
{
    (void)state;
    struct forward_origin origin = {.is_secure = true};
    expect_written(forward_write_x, origin, "X-Forwarded-For: unknown\r\nX-Forwarded-Proto: https\r\n");
    expect_written(forward_write_forwarded, origin, "Forwarded: for=unknown;proto=https\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_by_hop_fields_stay_behind),
        cmocka_unit_test(what_connection_names_stays_behind),
        cmocka_unit_test(what_the_caller_writes_stays_behind),
        cmocka_unit_test(nobody_before_is_believed_unless_told),
        cmocka_unit_test(believed_gateways_are_kept_and_added_to),
        cmocka_unit_test(a_client_without_address_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
