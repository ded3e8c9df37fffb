/* SPDX-License-Identifier: Apache-2.0 */
/* Via and Max-Forwards as a gateway reads them: RFC 9110 sections 7.6.3 and 7.6.2. */
#include "lib/http/hops.h"

#include "lib/http/http1.h"

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
static char text[1024];

static struct http_head parse(const char *method, const char *fields)
{
    struct http1_parser parser;
    struct http_head head = {.headers = headers};
    (void)snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);
    http1_parser_init(&parser, &limits);
    assert_int_equal(http1_request_parse(&parser, slice_of_text(text), &head), ERR_OK);
    return head;
}

static void expect_been(const char *fields, bool expected)
{
    struct http_head head = parse("GET", fields);
    if (hops_have_been(&head, SLICE_LIT("me")) != expected)
        fail_msg("%s: %s", fields, expected ? "not found" : "found");
}

static void a_recipient_is_found_wherever_it_stands(void **state)
{
    (void)state;
    expect_been("Via: 1.1 me\r\n", true);
    expect_been("Via: 1.1 a\r\nVia: 1.0 b, HTTP/2 ME\r\n", true);
    expect_been("Via: , ,1.1 \t me (weir),1.1 b\r\n", true);
    expect_been("Via: 1.1 me(x)\r\n", true);
    expect_been("Via: 1.1 a (b, (c, \\) d)), 1.1 me\r\n", true);
    expect_been("Via: 1.1 a ), 1.1 me\r\n", true);
}

static void nobody_else_is_taken_for_it(void **state)
{
    (void)state;
    expect_been("", false);
    expect_been("Via: \r\n", false);
    expect_been("Via: me\r\n", false);
    expect_been("Via: me 1.1\r\n", false);
    expect_been("Via: 1.1 meme, 1.1 m, 1.1 me:80, 1.1 a me\r\n", false);
    expect_been("X-Via: 1.1 me\r\n", false);
}

static void comments_name_nobody(void **state)
{
    (void)state;
    expect_been("Via: 1.1 a (1.1 me)\r\n", false);
    expect_been("Via: 1.1 a (b, 1.1 me, c)\r\n", false);
    expect_been("Via: 1.1 a (b (c), 1.1 me\r\n", false);
    expect_been("Via: 1.1 a (b \\), 1.1 me, c)\r\n", false);
    expect_been("Via: 1.1 (me) a\r\n", false);
    expect_been("Via: 1.1 a (\\\r\n", false);
}

static void expect_left(const char *method, const char *fields, enum err expected_err, uint32_t expected)
{
    struct http_head head = parse(method, fields);
    uint32_t left = 77;
    assert_int_equal(hops_left(&head, &left), expected_err);
    assert_int_equal(left, expected_err == ERR_OK ? expected : 77);
}

static void the_count_is_a_number_or_nothing(void **state)
{
    (void)state;
    expect_left("OPTIONS", "Max-Forwards: 0\r\n", ERR_OK, 0);
    expect_left("TRACE", "max-forwards: 0010\r\n", ERR_OK, 10);
    expect_left("OPTIONS", "Max-Forwards: 4294967295\r\n", ERR_OK, UINT32_MAX);
    expect_left("OPTIONS", "Max-Forwards: 4294967296\r\n", ERR_OK, UINT32_MAX);
    expect_left("OPTIONS", "Max-Forwards: 18446744073709551617\r\n", ERR_OK, UINT32_MAX);
    expect_left("OPTIONS", "Max-Forwards: \r\n", ERR_SYNTAX, 0);
    expect_left("OPTIONS", "Max-Forwards: -1\r\n", ERR_SYNTAX, 0);
    expect_left("OPTIONS", "Max-Forwards: 1 1\r\n", ERR_SYNTAX, 0);
    expect_left("OPTIONS", "Max-Forwards: 5x\r\n", ERR_SYNTAX, 0);
}

static void other_methods_are_not_bounded(void **state)
{
    (void)state;
    expect_left("GET", "Max-Forwards: 0\r\n", ERR_NOT_FOUND, 0);
    expect_left("POST", "Max-Forwards: x\r\n", ERR_NOT_FOUND, 0);
    expect_left("OPTIONS", "X-Max-Forwards: 0\r\n", ERR_NOT_FOUND, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recipient_is_found_wherever_it_stands),
        cmocka_unit_test(nobody_else_is_taken_for_it),
        cmocka_unit_test(comments_name_nobody),
        cmocka_unit_test(the_count_is_a_number_or_nothing),
        cmocka_unit_test(other_methods_are_not_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
