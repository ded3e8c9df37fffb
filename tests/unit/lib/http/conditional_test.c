/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/conditional.h"

#include "unit/lib/http/head_fixture.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AT     "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"
#define AT_S   784111777

static void check(const char *method, const char *fields, const char *etag, enum http_condition expected)
{
    struct head_fixture fixture;
    struct http_validators validators = {.etag = slice_of_text(etag), .modified_s = AT_S, .has_modified = true};
    enum http_condition condition = http_condition_check(head_of(&fixture, method, fields), &validators);
    if (condition != expected)
        fail_msg("%s with %s against %s: %d", method, fields, etag, condition);
}

#define PROCEED      HTTP_CONDITION_PROCEED
#define NOT_MODIFIED HTTP_CONDITION_NOT_MODIFIED
#define FAILED       HTTP_CONDITION_FAILED

static void if_match_compares_strongly(void **state)
{
    (void)state;
    check("GET", "If-Match: \"a\"\r\n", "\"a\"", PROCEED);
    check("GET", "If-Match: \"b\"\r\n", "\"a\"", FAILED);
    check("GET", "If-Match: W/\"a\"\r\n", "\"a\"", FAILED);
    check("GET", "If-Match: W/\"a\"\r\n", "W/\"a\"", FAILED);
    check("GET", "If-Match: \"b\", \"a\"\r\n", "\"a\"", PROCEED);
    check("GET", "If-Match: \"b\"\r\nIf-Match: \"a\"\r\n", "\"a\"", PROCEED);
    check("PUT", "If-Match: *\r\n", "\"a\"", PROCEED);
    check("GET", "If-Match: *\r\n", "", PROCEED);
    check("GET", "If-Match: \"a\"\r\n", "", FAILED);
}

static void if_none_match_compares_weakly(void **state)
{
    (void)state;
    check("GET", "If-None-Match: \"a\"\r\n", "\"a\"", NOT_MODIFIED);
    check("HEAD", "If-None-Match: W/\"a\"\r\n", "\"a\"", NOT_MODIFIED);
    check("GET", "If-None-Match: \"a\"\r\n", "W/\"a\"", NOT_MODIFIED);
    check("GET", "If-None-Match: \"b\"\r\n", "\"a\"", PROCEED);
    check("GET", "If-None-Match: ,, \"b\" ,\t\"a\"\r\n", "\"a\"", NOT_MODIFIED);
    check("GET", "If-None-Match: *\r\n", "\"a\"", NOT_MODIFIED);
    check("PUT", "If-None-Match: *\r\n", "\"a\"", FAILED);
    check("POST", "If-None-Match: \"a\"\r\n", "\"a\"", FAILED);
}

static void an_entity_tag_may_hold_commas_and_backslashes(void **state)
{
    (void)state;
    check("GET", "If-None-Match: \"x,y\", \"a\\\"\r\n", "\"a\\\"", NOT_MODIFIED);
    check("GET", "If-None-Match: \"x,y\", \"a\\\"\r\n", "\"x,y\"", NOT_MODIFIED);
    check("GET", "If-None-Match: \"x,y\"\r\n", "\"y\"", PROCEED);
}

static void malformed_entity_tags_match_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"a",        "\"a",     "w/\"a\"",  "\"a\"\"a\"",
                                      "W/ \"a\"", "\"a b\"", "*, \"b\"", "b \"a\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char fields[64];
        (void)snprintf(fields, sizeof fields, "If-Match: %s\r\n", bad[i]);
        check("GET", fields, "\"c\"", FAILED);
        (void)snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", bad[i]);
        check("GET", fields, "\"a b\"", PROCEED);
    }
    assert_true(http_etag_is_valid(SLICE_LIT("W/\"\"")));
    assert_false(http_etag_is_valid(SLICE_LIT("\"a\" ")));
    assert_false(http_etag_is_valid(SLICE_LIT("")));
}

static void if_modified_since_is_for_reading_only(void **state)
{
    (void)state;
    check("GET", "If-Modified-Since: " BEFORE "\r\n", "\"a\"", PROCEED);
    check("GET", "If-Modified-Since: " AT "\r\n", "\"a\"", NOT_MODIFIED);
    check("HEAD", "If-Modified-Since: " AFTER "\r\n", "\"a\"", NOT_MODIFIED);
    check("POST", "If-Modified-Since: " AFTER "\r\n", "\"a\"", PROCEED);
    check("GET", "If-Modified-Since: yesterday\r\n", "\"a\"", PROCEED);
}

static void if_unmodified_since_fails_what_changed(void **state)
{
    (void)state;
    check("GET", "If-Unmodified-Since: " BEFORE "\r\n", "\"a\"", FAILED);
    check("GET", "If-Unmodified-Since: " AT "\r\n", "\"a\"", PROCEED);
    check("PUT", "If-Unmodified-Since: " AFTER "\r\n", "\"a\"", PROCEED);
    check("PUT", "If-Unmodified-Since: never\r\n", "\"a\"", PROCEED);
}

/* RFC 9110 section 13.2.2. */
static void entity_tags_come_before_dates(void **state)
{
    (void)state;
    check("GET", "If-Match: \"a\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", "\"a\"", PROCEED);
    check("GET", "If-None-Match: \"b\"\r\nIf-Modified-Since: " AFTER "\r\n", "\"a\"", PROCEED);
    check("GET", "If-None-Match: \"a\"\r\nIf-Modified-Since: " BEFORE "\r\n", "\"a\"", NOT_MODIFIED);
    check("GET", "If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n", "\"a\"", FAILED);
    check("GET", "If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n", "\"a\"", NOT_MODIFIED);
    check("GET", "If-Unmodified-Since: " AFTER "\r\nIf-Modified-Since: " AFTER "\r\n", "\"a\"", NOT_MODIFIED);
    check("GET", "", "\"a\"", PROCEED);
}

static void dates_mean_nothing_without_a_date(void **state)
{
    (void)state;
    struct head_fixture fixture;
    struct http_validators validators = {.etag = SLICE_LIT("\"a\"")};
    static const char *const fields[] = {"If-Modified-Since: " AFTER "\r\n", "If-Unmodified-Since: " BEFORE "\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_int_equal(http_condition_check(head_of(&fixture, "GET", fields[i]), &validators), PROCEED);
    assert_false(http_range_applies(head_of(&fixture, "GET", "If-Range: " AT "\r\n"), &validators));
}

static void if_range_wants_the_very_same(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        const char *etag;
        bool applies;
    } rows[] = {
        {"", "\"a\"", true},
        {"If-Range: \"a\"\r\n", "\"a\"", true},
        {"If-Range: \"b\"\r\n", "\"a\"", false},
        {"If-Range: W/\"a\"\r\n", "W/\"a\"", false},
        {"If-Range: W/\"a\"\r\n", "\"a\"", false},
        {"If-Range: " AT "\r\n", "\"a\"", true},
        {"If-Range: " AFTER "\r\n", "\"a\"", false},
        {"If-Range: " BEFORE "\r\n", "\"a\"", false},
        {"If-Range: \r\n", "\"a\"", false},
        {"If-Range: *\r\n", "\"a\"", false},
        {"If-Range: \"a\", \"b\"\r\n", "\"a\"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_fixture fixture;
        struct http_validators validators = {
            .etag = slice_of_text(rows[i].etag), .modified_s = AT_S, .has_modified = true};
        assert_int_equal(http_range_applies(head_of(&fixture, "GET", rows[i].fields), &validators), rows[i].applies);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_match_compares_strongly),
        cmocka_unit_test(if_none_match_compares_weakly),
        cmocka_unit_test(an_entity_tag_may_hold_commas_and_backslashes),
        cmocka_unit_test(malformed_entity_tags_match_nothing),
        cmocka_unit_test(if_modified_since_is_for_reading_only),
        cmocka_unit_test(if_unmodified_since_fails_what_changed),
        cmocka_unit_test(entity_tags_come_before_dates),
        cmocka_unit_test(dates_mean_nothing_without_a_date),
        cmocka_unit_test(if_range_wants_the_very_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
