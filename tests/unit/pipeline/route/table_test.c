/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/route.h"

#define ROUTES_MAX 16

struct fixture {
    struct pool pool;
    struct arena arena;
    struct route routes[ROUTES_MAX];
    struct route *pointers[ROUTES_MAX];
    uint32_t count;
    struct route_table *table;
    char fault_memory[256];
    struct text fault;
};

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    pool_init(&fixture.pool, 0, 1 << 24);
    arena_init(&fixture.arena, &fixture.pool, 4096, 1 << 20);
    fixture.fault = text_init(fixture.fault_memory, sizeof fixture.fault_memory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_reset(&fixture.arena);
    pool_deinit(&fixture.pool);
    return 0;
}

static void add(const char *host, const char *method, const char *pattern, const char *name)
{
    struct route *route = &fixture.routes[fixture.count];
    *route = (struct route){.host = slice_of_text(host),
                            .method = slice_of_text(method),
                            .pattern = slice_of_text(pattern),
                            .name = slice_of_text(name)};
    fixture.pointers[fixture.count++] = route;
}

static enum err build(void)
{
    return route_table_build(&fixture.arena, fixture.pointers, fixture.count, &fixture.fault, &fixture.table);
}

static struct route_match find(const char *host, const char *method, const char *path)
{
    struct route_match match = {0};
    struct http_head head = {.host = slice_of_text(host), .method_text = slice_of_text(method)};
    head.method = http_method_parse(head.method_text);
    route_table_find(fixture.table, &head, slice_of_text(path), &match);
    return match;
}

static void expect(const char *host, const char *method, const char *path, const char *name)
{
    struct route_match match = find(host, method, path);
    if (!name) {
        assert_null(match.route);
        return;
    }
    assert_non_null(match.route);
    assert_string_equal(match.route->name.ptr, name);
}

static void prefers_literal_over_parameter_over_rest(void **state)
{
    (void)state;
    add("", "GET", "/a/{rest...}", "rest");
    add("", "GET", "/a/{id}", "param");
    add("", "GET", "/a/me", "literal");
    assert_int_equal(build(), ERR_OK);
    expect("h", "GET", "/a/me", "literal");
    expect("h", "GET", "/a/you", "param");
    expect("h", "GET", "/a/you/more", "rest");
    expect("h", "GET", "/a/", "rest");
    expect("h", "GET", "/a", NULL);
}

static void comes_back_from_a_literal_that_leads_nowhere(void **state)
{
    (void)state;
    add("", "GET", "/a/b/c", "literal");
    add("", "GET", "/a/{x}/d", "param");
    assert_int_equal(build(), ERR_OK);
    expect("h", "GET", "/a/b/d", "param");
    expect("h", "GET", "/a/b/c", "literal");
    expect("h", "GET", "/a/b/e", NULL);
}

static void gives_parameters_by_name(void **state)
{
    (void)state;
    add("", "POST", "/v2/models/{model}/versions/{version}/infer", "infer");
    add("", "GET", "/files/{path...}", "files");
    assert_int_equal(build(), ERR_OK);
    struct route_match match = find("h", "POST", "/v2/models/m1/versions/3/infer");
    assert_true(slice_is(route_param(&match, "model"), "m1"));
    assert_true(slice_is(route_param(&match, "version"), "3"));
    assert_int_equal(route_param(&match, "other").len, 0);
    match = find("h", "GET", "/files/a/b/c");
    assert_true(slice_is(route_param(&match, "path"), "a/b/c"));
}

static void keeps_slashes_apart(void **state)
{
    (void)state;
    add("", "GET", "/a/b", "ab");
    add("", "GET", "/{x}/b", "param");
    assert_int_equal(build(), ERR_OK);
    expect("h", "GET", "/a//b", NULL);
    expect("h", "GET", "//b", NULL); /* a parameter is never empty */
    expect("h", "GET", "/a/b/", NULL);
    expect("h", "GET", "*", NULL);
    expect("h", "GET", "", NULL);
}

static void says_which_methods_a_path_takes(void **state)
{
    (void)state;
    add("", "GET", "/x", "get");
    add("", "POST", "/x", "post");
    add("", "POST", "/y", "only");
    assert_int_equal(build(), ERR_OK);
    struct route_match match = find("h", "DELETE", "/x");
    assert_null(match.route);
    assert_true(slice_is(match.allow, "GET, POST, HEAD"));
    match = find("h", "HEAD", "/y");
    assert_null(match.route);
    assert_true(slice_is(match.allow, "POST"));
    match = find("h", "DELETE", "/z");
    assert_int_equal(match.allow.len, 0);
}

static void answers_head_by_get_and_star_by_any_method(void **state)
{
    (void)state;
    add("", "GET", "/x", "get");
    add("", "*", "/any", "any");
    add("", "PUT", "/any", "put");
    assert_int_equal(build(), ERR_OK);
    expect("h", "HEAD", "/x", "get");
    expect("h", "BREW", "/any", "any");
    expect("h", "PUT", "/any", "put");
    expect("h", "get", "/x", NULL);
}

static void prefers_the_routes_of_the_host(void **state)
{
    (void)state;
    add("", "GET", "/x", "any host");
    add("api.example", "GET", "/x", "api");
    add("api.example", "POST", "/only", "post");
    add("", "GET", "/only", "get");
    assert_int_equal(build(), ERR_OK);
    expect("api.example", "GET", "/x", "api");
    expect("www.example", "GET", "/x", "any host");
    expect("api.example", "GET", "/only", "get");
    expect("", "GET", "/x", "any host");
}

/* A port is not part of the name, a name's letters have no case, and the dot of the DNS's root changes nothing. */
static void knows_a_host_however_it_is_written(void **state)
{
    (void)state;
    add("", "GET", "/x", "any host");
    add("api.example", "GET", "/x", "api");
    add("[::1]", "GET", "/x", "six");
    assert_int_equal(build(), ERR_OK);
    expect("API.Example:8080", "GET", "/x", "api");
    expect("api.example.:80", "GET", "/x", "api");
    expect("api.example:", "GET", "/x", "api");
    expect("api.example..", "GET", "/x", "any host");
    expect("api.example8080", "GET", "/x", "any host");
    expect("[::1]:8080", "GET", "/x", "six");
    expect("[::1]", "GET", "/x", "six");
}

/* The methods of a path that are no method of RFC 9110, and the one that takes the others. */
static void finds_methods_of_any_name(void **state)
{
    (void)state;
    add("", "PURGE", "/x", "purge");
    add("", "HEAD", "/x", "head");
    add("", "GET", "/x", "get");
    add("", "*", "/x", "other");
    add("", "PURGE", "/y", "only purge");
    assert_int_equal(build(), ERR_OK);
    expect("h", "PURGE", "/x", "purge");
    expect("h", "HEAD", "/x", "head");
    expect("h", "GET", "/x", "get");
    expect("h", "LINK", "/x", "other");
    expect("h", "DELETE", "/x", "other");
    expect("h", "LINK", "/y", NULL);
    expect("h", "PURGE", "/y", "only purge");
}

/* Paths are told apart by their ends first: those that have the same ends, or the same bytes in another length. */
static void tells_paths_apart_that_look_alike(void **state)
{
    (void)state;
    add("", "GET", "/aaaaaaa-x-aaaaaaaa", "x");
    add("", "GET", "/aaaaaaa-y-aaaaaaaa", "y");
    add("", "GET", "/aaa", "three");
    add("", "GET", "/", "root");
    assert_int_equal(build(), ERR_OK);
    expect("h", "GET", "/aaaaaaa-x-aaaaaaaa", "x");
    expect("h", "GET", "/aaaaaaa-y-aaaaaaaa", "y");
    expect("h", "GET", "/aaaaaaa-z-aaaaaaaa", NULL);
    expect("h", "GET", "/aaa", "three");
    expect("h", "GET", "/aaaa", NULL);
    expect("h", "GET", "/aa", NULL);
    expect("h", "GET", "/a", NULL);
    expect("h", "GET", "/", "root");
}

static void refuses_two_routes_that_match_the_same(void **state)
{
    (void)state;
    add("", "GET", "/a/{x}", "GET /a/{x}");
    add("", "GET", "/a/{y}", "GET /a/{y}");
    assert_int_equal(build(), ERR_EXISTS);
    assert_string_equal(fixture.fault_memory, "\"GET /a/{x}\" and \"GET /a/{y}\" match the same requests");
}

static void refuses_broken_patterns(void **state)
{
    (void)state;
    static const char *const patterns[] = {"x",  "",    "/{",  "/{}",    "/a{b}",  "/{a-b}", "/{...}", "/{a...}/b",
                                           "/}", "/a%", "/%4", "/%4x/b", "/a%2fb", "/./a",   "/a/..",  "/%2e%2E"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        fixture.count = 0;
        add("", "GET", patterns[i], patterns[i]);
        assert_int_equal(build(), ERR_SYNTAX);
    }
}

/* Paths come in canonical form: what may be written plainly has no escape, but ":" and "%3A" are two spellings. */
static void finds_a_literal_however_it_is_spelled(void **state)
{
    (void)state;
    add("", "GET", "/m/x:ask", "ask");
    add("", "GET", "/m/caf%C3%A9/%61", "escaped");
    add("", "GET", "/m/na\xc3\xafve", "raw");
    add("", "GET", "/m/%253A", "escaped escape");
    add("", "GET", "/m/100%25", "percent");
    add("", "GET", "/m/{rest...}", "rest");
    assert_int_equal(build(), ERR_OK);
    expect("h", "GET", "/m/x:ask", "ask");
    expect("h", "GET", "/m/x%3Aask", "ask");
    expect("h", "GET", "/m/x%3A", "rest");
    expect("h", "GET", "/m/x%3Aasks", "rest");
    expect("h", "GET", "/m/x%253Aask", "rest");
    expect("h", "GET", "/m/caf%C3%A9/a", "escaped");
    expect("h", "GET", "/m/na%C3%AFve", "raw");
    expect("h", "GET", "/m/%3A", "rest");
    expect("h", "GET", "/m/:", "rest");
    expect("h", "GET", "/m/%253A", "escaped escape");
    expect("h", "GET", "/m/100%25", "percent");
    fixture.count = 0;
    add("", "GET", "/x:y", "one");
    add("", "GET", "/x%3Ay", "the other");
    assert_int_equal(build(), ERR_EXISTS);
}

static void bounds_segments_and_parameters(void **state)
{
    (void)state;
    add("", "GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", "eight");
    assert_int_equal(build(), ERR_OK);
    struct route_match match = find("h", "GET", "/1/2/3/4/5/6/7/8");
    assert_int_equal(match.param_count, ROUTE_PARAMS_MAX);
    fixture.count = 0;
    add("", "GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "nine");
    assert_int_equal(build(), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prefers_literal_over_parameter_over_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(comes_back_from_a_literal_that_leads_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_parameters_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_slashes_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_which_methods_a_path_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_head_by_get_and_star_by_any_method, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefers_the_routes_of_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_a_host_however_it_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_methods_of_any_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_paths_apart_that_look_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_two_routes_that_match_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_broken_patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_a_literal_however_it_is_spelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_segments_and_parameters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
