/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/accept_encoding.h"

#include "unit/lib/http/head_fixture.h"

static const char *const offers[] = {"br", "gzip", "zstd", "identity"};

static void check(const char *fields, const char *expected)
{
    struct head_fixture fixture;
    int choice = http_accept_encoding_choose(head_of(&fixture, "GET", fields), offers, ARRAY_LEN(offers));
    const char *chosen = choice < 0 ? "none" : offers[choice];
    if (strcmp(chosen, expected) != 0)
        fail_msg("%s: %s, not %s", fields, chosen, expected);
}

/* RFC 9110 section 12.5.3. */
static void chooses_what_is_wanted_most_and_offered_first(void **state)
{
    (void)state;
    check("Accept-Encoding: gzip, deflate, br\r\n", "br");
    check("Accept-Encoding: gzip;q=1.0, br;q=0.5\r\n", "gzip");
    check("Accept-Encoding: GZIP\r\n", "gzip");
    check("Accept-Encoding: x-gzip\r\n", "gzip");
    check("Accept-Encoding: gzip\r\nAccept-Encoding: zstd;q=0.9, br;q=0.1\r\n", "gzip");
    check("Accept-Encoding: gzip ; q=0.5 , zstd\r\n", "zstd");
    check("Accept-Encoding: *\r\n", "br");
    check("Accept-Encoding: *;q=0.5, gzip\r\n", "gzip");
    check("Accept-Encoding: br;q=0, *\r\n", "gzip");
}

static void the_identity_is_acceptable_unless_excluded(void **state)
{
    (void)state;
    check("", "identity");
    check("Accept-Encoding:\r\n", "identity");
    check("Accept-Encoding: compress\r\n", "identity");
    check("Accept-Encoding: gzip;q=0\r\n", "identity");
    check("Accept-Encoding: identity, gzip;q=0.5\r\n", "identity");
    check("Accept-Encoding: gzip;q=0.001\r\n", "gzip");
    check("Accept-Encoding: identity;q=0\r\n", "none");
    check("Accept-Encoding: *;q=0\r\n", "none");
    check("Accept-Encoding: *;q=0, identity;q=0.1\r\n", "identity");
    check("Accept-Encoding: identity;q=0, gzip\r\n", "gzip");
}

static void malformed_elements_are_passed_over(void **state)
{
    (void)state;
    check("Accept-Encoding: br;q=2, gzip\r\n", "gzip");
    check("Accept-Encoding: br;q=, gzip\r\n", "gzip");
    check("Accept-Encoding: b r, gzip\r\n", "gzip");
    check("Accept-Encoding: br;q=\"1\", gzip\r\n", "gzip");
    check("Accept-Encoding: br q=1, gzip\r\n", "gzip");
    check("Accept-Encoding: br;q=0.1234, gzip\r\n", "gzip");
    check("Accept-Encoding: ;q=1, gzip\r\n", "gzip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_what_is_wanted_most_and_offered_first),
        cmocka_unit_test(the_identity_is_acceptable_unless_excluded),
        cmocka_unit_test(malformed_elements_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
