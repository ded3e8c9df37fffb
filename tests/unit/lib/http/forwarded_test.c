/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "lib/http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LINES_MAX 4
#define PROXY     "10.0.0.1" /* the peer in all tests; 10.0.0.0/8 and fd00::/8 are trusted */

/* The client that `lines`, one a field, tell. */
static void assert_client(enum http_field field, const char *const *lines, const char *expected)
{
    struct ip_range ranges[2];
    struct http_header headers[2 * LINES_MAX];
    struct http_head head = {.headers = headers};
    struct ip peer;
    char found[IP_TEXT_MAX];
    assert_int_equal(ip_range_parse(SLICE_LIT("10.0.0.0/8"), &ranges[0]), ERR_OK);
    assert_int_equal(ip_range_parse(SLICE_LIT("fd00::/8"), &ranges[1]), ERR_OK);
    assert_int_equal(ip_parse(SLICE_LIT(PROXY), &peer), ERR_OK);
    struct ip_set trusted = ip_set_of(ranges, 2);
    for (size_t i = 0; i < LINES_MAX && lines[i]; i++) {
        headers[head.header_count++] = (struct http_header){.value = slice_of_text(lines[i]), .id = field};
        headers[head.header_count++] = (struct http_header){.value = SLICE_LIT("6.6.6.6"), .id = HTTP_FIELD_ACCEPT};
        head.present |= 1ULL << field;
    }
    struct ip client = forwarded_client(&head, field, &trusted, peer);
    (void)ip_format(&client, found);
    if (strcmp(found, expected) != 0)
        fail_msg("%s gives %s, not %s", lines[0] ? lines[0] : "nothing", found, expected);
}

static void assert_x(const char *line, const char *expected)
{
    assert_client(HTTP_FIELD_X_FORWARDED_FOR, (const char *const[]){line, NULL}, expected);
}

static void assert_f(const char *line, const char *expected)
{
    assert_client(HTTP_FIELD_FORWARDED, (const char *const[]){line, NULL}, expected);
}

static void without_a_field_the_peer_is_the_client(void **state)
{
    (void)state;
    assert_x(NULL, PROXY);
    assert_f(NULL, PROXY);
    assert_x("", PROXY);
    assert_f("", PROXY);
    assert_f(" , ,; ;,", PROXY);
}

static void takes_the_rightmost_address_that_is_not_trusted(void **state)
{
    (void)state;
    assert_x("192.0.2.1", "192.0.2.1");
    assert_x("6.6.6.6, 192.0.2.1", "192.0.2.1");
    assert_x("6.6.6.6, 192.0.2.1, 10.1.1.1,10.2.2.2", "192.0.2.1");
    assert_x("10.3.3.3, 10.2.2.2", "10.3.3.3");
    assert_x("2001:db8::1, fd00::1", "2001:db8::1");
    assert_x("::ffff:192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1");
    assert_f("for=6.6.6.6, for=192.0.2.1", "192.0.2.1");
    assert_f("for=192.0.2.1;proto=http;by=10.0.0.9, For=\"[fd00::1]:80\"", "192.0.2.1");
    assert_f("proto=https; for=192.0.2.1 ; host=\"a, for=6.6.6.6;\"", "192.0.2.1");
}

static void several_fields_are_one_list(void **state)
{
    (void)state;
    assert_client(HTTP_FIELD_X_FORWARDED_FOR, (const char *const[]){"6.6.6.6", "192.0.2.1", "10.0.0.2", NULL},
                  "192.0.2.1");
    assert_client(HTTP_FIELD_FORWARDED, (const char *const[]){"for=6.6.6.6", "for=192.0.2.1", "for=10.0.0.2", NULL},
                  "192.0.2.1");
    assert_client(HTTP_FIELD_FORWARDED, (const char *const[]){"for=6.6.6.6", "for=\"", "for=10.0.0.2", NULL},
                  "10.0.0.2");
}

static void ports_and_brackets_are_no_part_of_the_address(void **state)
{
    (void)state;
    assert_x("192.0.2.1:1234", "192.0.2.1");
    assert_x("[2001:db8::1]:1234", "2001:db8::1");
    assert_x("[2001:db8::1]", "2001:db8::1");
    assert_f("for=\"192.0.2.1:1234\"", "192.0.2.1");
    assert_f("for=\"192.0.2.1:_port\"", "192.0.2.1");
    assert_f("for=\"[2001:db8::1]:1234\"", "2001:db8::1");
    assert_f("for=\"[2001:db8::1]\"", "2001:db8::1");
    assert_f("for=\"192.0.2.1\"", "192.0.2.1");
}

static void what_cannot_be_read_ends_the_walk_at_the_address_before(void **state)
{
    static const char *const bad[] = {
        "unknown",     "_hidden", "a",         "1.2.3",  "1.2.3.4.5",       "01.2.3.4", "1.2.3.4:x", "1.2.3.4:99999",
        "[::1",        "::1]",    "[1.2.3.4]", "[::1]x", "1.2.3.4 5.6.7.8", "::1%eth0", "127.1",     "\"1.2.3.4\"",
        "for=1.2.3.4", ":",       "[]",        "[:]:"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char line[128];
        assert_x(bad[i], PROXY);
        (void)snprintf(line, sizeof line, "6.6.6.6, %s, 10.0.0.2", bad[i]);
        assert_x(line, "10.0.0.2");
    }
}

static void nothing_of_a_malformed_forwarded_line_is_believed(void **state)
{
    static const char *const bad[] = {
        "for",
        "for=",
        "=1.2.3.4",
        "for =1.2.3.4",
        "for= 1.2.3.4",
        "for=1.2.3.4:80",
        "for=[::1]",
        "for=\"1.2.3.4",
        "for=1.2.3.4;for=1.2.3.4",
        "for=1.2.3.4 for=1.2.3.4",
        "for=\"1.2.3.4\"x",
        "for=1.2.3.4, @",
        "x, for=1.2.3.4",
        "for=\", for=1.2.3.4",
        "for=\", for=\"[2001:db8::1]:80\"",
        "for=1.2.3.4\"",
        "for=\"\\\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_f(bad[i], PROXY);
}

static void forwarded_elements_without_an_address_end_the_walk(void **state)
{
    static const char *const bad[] = {"proto=http",
                                      "for=unknown",
                                      "for=_x",
                                      "for=\"\"",
                                      "for=\"2001:db8::1\"",
                                      "for=\"1\\.2.3.4\"",
                                      "for=\"[2001:db8::1]:_\"",
                                      "for=\"1.2.3.4:_a!\""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "for=6.6.6.6, %s, for=10.0.0.2", bad[i]);
        assert_f(line, "10.0.0.2");
    }
}

static void a_chain_without_an_end_is_not_followed_to_it(void **state)
{
    static char line[FORWARDED_HOPS_MAX * 32];
    (void)state;
    for (int trusted = FORWARDED_HOPS_MAX - 1; trusted <= FORWARDED_HOPS_MAX; trusted++) {
        const char *expected = trusted < FORWARDED_HOPS_MAX ? "192.0.2.1" : "10.1.1.0";
        int len = snprintf(line, sizeof line, "192.0.2.1");
        for (int i = 0; i < trusted; i++)
            len += snprintf(line + len, sizeof line - (size_t)len, ", 10.1.1.%d", i);
        assert_x(line, expected);
        len = snprintf(line, sizeof line, "for=192.0.2.1");
        for (int i = 0; i < trusted; i++)
            len += snprintf(line + len, sizeof line - (size_t)len, ", for=10.1.1.%d", i);
        assert_f(line, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_field_the_peer_is_the_client),
        cmocka_unit_test(takes_the_rightmost_address_that_is_not_trusted),
        cmocka_unit_test(several_fields_are_one_list),
        cmocka_unit_test(ports_and_brackets_are_no_part_of_the_address),
        cmocka_unit_test(what_cannot_be_read_ends_the_walk_at_the_address_before),
        cmocka_unit_test(nothing_of_a_malformed_forwarded_line_is_believed),
        cmocka_unit_test(forwarded_elements_without_an_address_end_the_walk),
        cmocka_unit_test(a_chain_without_an_end_is_not_followed_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
