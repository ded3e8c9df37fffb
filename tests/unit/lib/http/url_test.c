/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
static void splits_the_four_forms(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum url_form form;
        const char *authority;
        const char *path;
        const char *query; /* NULL: none */
    } rows[] = {
        {"/", URL_ORIGIN, "", "/", NULL},
        {"/a?b?c", URL_ORIGIN, "", "/a", "b?c"},
        {"/?", URL_ORIGIN, "", "/", ""},
        {"//a/b", URL_ORIGIN, "", "//a/b", NULL},
        {"*", URL_ASTERISK, "", "", NULL},
        {"a:80", URL_AUTHORITY, "a:80", "", NULL},
        {"http://a", URL_ABSOLUTE, "a", "/", NULL},
        {"HTTPS://a:1/b?c", URL_ABSOLUTE, "a:1", "/b", "c"},
        {"http://[::1]?q", URL_ABSOLUTE, "[::1]", "/", "q"},
        {"/{|}[]^`\\", URL_ORIGIN, "", "/{|}[]^`\\", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url_target target;
        assert_int_equal(url_target_parse(slice_of_text(rows[i].target), &target), ERR_OK);
        assert_int_equal(target.form, rows[i].form);
        assert_true(slice_is(target.authority, rows[i].authority));
        assert_true(slice_is(target.path, rows[i].path));
        assert_int_equal(target.has_query, rows[i].query != NULL);
        assert_true(slice_is(target.query, rows[i].query ? rows[i].query : ""));
    }
}

static void refuses_other_targets(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/a b",
        "/\x01",
        "/\x7f",
        "/\xc3\xa9",
        "/#a",
        "/<",
        "/\"",
        "http:/a",
        "http://",
        "http:///a",
        "ftp://a/",
        "http://a@b/",
        "http://a:b/",
        "a/b",
        "http://a b/",
        "javascript:alert(1)",
        "**",
        "a",
        "a:",
        "[::1]",
        "?a",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct url_target target;
        if (url_target_parse(slice_of_text(bad[i]), &target) != ERR_SYNTAX)
            fail_msg("accepted %s", bad[i]);
    }
}

static void makes_one_path_of_many(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *canonical;
    } rows[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/%61%2D%7e", "/a-~"},
        {"/%c3%a9", "/%C3%A9"},
        {"/a%20b", "/a%20b"},
        {"/%25", "/%25"},
        {"/%2561", "/%2561"},
        {"/{a}", "/%7Ba%7D"},
        {"/a:b@c;d,e!", "/a:b@c;d,e!"},
        {"/.", "/"},
        {"/./", "/"},
        {"/a/.", "/a/"},
        {"/a/..", "/"},
        {"/a/../b", "/b"},
        {"/a/b/../../c", "/c"},
        {"/a/%2e%2E/b", "/b"},
        {"/a/.%2e/b", "/b"},
        {"/a/b/c/./../../g", "/a/g"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"//", "//"},
        {"//a", "//a"},
        {"/a//b", "/a//b"},
        {"/a//..", "/a/"},
        {"//..", "/"},
        {"/a/", "/a/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];
        struct slice path;
        assert_int_equal(url_path_normalize(slice_of_text(rows[i].path), out, sizeof out, &path), ERR_OK);
        if (!slice_is(path, rows[i].canonical))
            fail_msg("%s: " SLICE_FMT, rows[i].path, SLICE_ARG(path));
        char again[64];
        struct slice same;
        assert_int_equal(url_path_normalize(path, again, sizeof again, &same), ERR_OK);
        assert_true(slice_equal(path, same));
    }
}

static void refuses_paths_that_can_be_read_two_ways(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "a",      "*",     "/%",       "/%4",   "/%4g",    "/%g4",       "/a%2fb",
        "/a%2Fb", "/a%5cb", "/a\\b", "/%00",     "/%0a",  "/%1f",    "/%7f",       "/\x01",
        "/\xc3",  "/..",    "/../",  "/a/../..", "/./..", "/%2e%2e", "/a/../../b", "/.%2E/",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char out[64];
        struct slice path = {NULL, 7};
        if (url_path_normalize(slice_of_text(bad[i]), out, sizeof out, &path) != ERR_SYNTAX || path.len != 7)
            fail_msg("accepted %s", bad[i]);
    }
}

static void keeps_within_its_memory(void **state)
{
    (void)state;
    struct slice path = SLICE_LIT("/a/%c3%a9{");
    struct slice out;
    for (size_t capacity = 0; capacity <= 12; capacity++) {
        char *memory = malloc(capacity ? capacity : 1);
        assert_non_null(memory);
        assert_int_equal(url_path_normalize(path, memory, capacity, &out), capacity < 12 ? ERR_LIMIT : ERR_OK);
        free(memory);
    }
}

static void walks_queries(void **state)
{
    (void)state;
    struct slice rest = SLICE_LIT("&a=1&&b&c=d=e&=f&");
    static const char *const expected[][2] = {{"a", "1"}, {"b", ""}, {"c", "d=e"}, {"", "f"}};
    struct slice name;
    struct slice value;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(url_query_next(&rest, &name, &value));
        assert_true(slice_is(name, expected[i][0]));
        assert_true(slice_is(value, expected[i][1]));
    }
    assert_false(url_query_next(&rest, &name, &value));
}

static void decodes_percents(void **state)
{
    (void)state;
    char out[32];
    struct slice text;
    assert_int_equal(url_percent_decode(SLICE_LIT("a+b%20%C3%a9%00"), true, out, &text), ERR_OK);
    assert_true(slice_equal(text, slice_of("a b \xc3\xa9\0", 7)));
    assert_int_equal(url_percent_decode(SLICE_LIT("a+b"), false, out, &text), ERR_OK);
    assert_true(slice_is(text, "a+b"));
    static const char *const bad[] = {"%", "%1", "%1g", "%%41", "a%"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(url_percent_decode(slice_of_text(bad[i]), true, out, &text), ERR_SYNTAX);
}

/* Random targets of few letters, so that dots, slashes, escapes and forbidden bytes meet. */
static void the_short_way_says_what_the_long_way_says(void **state)
{
    (void)state;
    static const char letters[] = "aaaaZ9-~//..??%4:@*&\\\"{\x80";
    uint64_t random = 88172645463325252;
    unsigned canonical_count = 0;
    for (unsigned round = 0; round < 200000; round++) {
        char text[40] = "/";
        size_t len = 1 + round % (sizeof text - 1);
        for (size_t i = 1; i < len; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text[i] = letters[random % (round % 3 ? 13 : sizeof letters - 1)];
        }
        struct slice path;
        struct slice query;
        struct slice normal;
        char memory[3 * sizeof text];
        struct url_target target;
        if (!url_target_is_canonical(slice_of(text, len), &path, &query))
            continue;
        canonical_count++;
        assert_int_equal(url_target_parse(slice_of(text, len), &target), ERR_OK);
        assert_int_equal(url_path_normalize(target.path, memory, sizeof memory, &normal), ERR_OK);
        assert_true(target.form == URL_ORIGIN && slice_equal(normal, path));
        assert_true(slice_equal(target.query, query) && target.has_query == (query.ptr != NULL));
    }
    assert_true(canonical_count > 20000);
}

static void the_short_way_takes_usual_targets(void **state)
{
    (void)state;
    static const char *const usual[] = {"/",   "/livez",        "/v2/models/a/infer",   "/a/b.png", "/a?b=c%20/.",
                                        "//a", "/a;b=1/c:d@e!", "/style.min.css?v=1.2", "/a../b",   "/a.b.c.d/e.f.g?"};
    static const char *const others[] = {"",     "*",     "a",     "http://a/b", "/.", "/a/..", "/.well-known",
                                         "/%41", "/a\"b", "/a?b c"};
    struct slice path;
    struct slice query;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        assert_true(url_target_is_canonical(slice_of_text(usual[i]), &path, &query));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(url_target_is_canonical(slice_of_text(others[i]), &path, &query));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_the_four_forms),
        cmocka_unit_test(refuses_other_targets),
        cmocka_unit_test(makes_one_path_of_many),
        cmocka_unit_test(refuses_paths_that_can_be_read_two_ways),
        cmocka_unit_test(keeps_within_its_memory),
        cmocka_unit_test(walks_queries),
        cmocka_unit_test(decodes_percents),
        cmocka_unit_test(the_short_way_says_what_the_long_way_says),
        cmocka_unit_test(the_short_way_takes_usual_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
