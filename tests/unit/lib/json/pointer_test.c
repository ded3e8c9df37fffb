/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/pointer.h"

#include <stdlib.h>

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 16};

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

static yyjson_val *parse(const char *text)
{
    struct json_document document;
    struct json_fault fault;
    assert_int_equal(json_parse(&arena, slice_of_text(text), &limits, &document, &fault), ERR_OK);
    return document.root;
}

/* The document of RFC 6901 section 5. */
static const char rfc[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
                          "\"k\\\"l\":6,\" \":7,\"m~n\":8}";

static void finds_what_rfc_6901_shows(void **state)
{
    (void)state;
    static const struct {
        const char *pointer;
        int number;
    } rows[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3}, {"/g|h", 4},
                {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}};
    yyjson_val *root = parse(rfc);
    assert_ptr_equal(json_pointer_find(root, slice_of_text("")), root);
    assert_true(slice_is(json_text(json_pointer_find(root, slice_of_text("/foo/0"))), "bar"));
    assert_true(yyjson_is_arr(json_pointer_find(root, slice_of_text("/foo"))));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(yyjson_get_int(json_pointer_find(root, slice_of_text(rows[i].pointer))), rows[i].number);
}

static void finds_nothing_where_there_is_none(void **state)
{
    (void)state;
    static const char *const pointers[] = {"foo", "/foo/2",   "/foo/-", "/foo/00", "/foo/01", "/foo/+0", "/foo/",
                                           "/x",  "/foo/0/0", "/m~n",   "/m~2n",   "/m~",     "//",      "/foo/1 "};
    struct json_place place;
    yyjson_val *root = parse(rfc);
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++) {
        struct slice pointer = slice_of_text(pointers[i]);
        if (json_pointer_find(root, pointer) ||
            json_pointer_locate(slice_of_text(rfc), pointer, false, &place) == ERR_OK)
            fail_msg("found: %s", pointers[i]);
    }
}

static void locates_values_and_keys_by_line_and_column(void **state)
{
    (void)state;
    static const char text[] = " {\n  \"a\" : [1, {\"b\": [ ] } ,\n\"x\"],\n  \"\xc3\xa4\\u00e4\\ud83d\\ude00\\n\": "
                               "true,\n \"b\\/\":\n -1 }\n";
    static const struct {
        const char *pointer;
        bool is_key;
        uint32_t line;
        uint32_t column;
    } rows[] = {
        {"", false, 1, 2},
        {"", true, 1, 2},
        {"/a", true, 2, 3},
        {"/a", false, 2, 9},
        {"/a/0", false, 2, 10},
        {"/a/1", false, 2, 13},
        {"/a/1", true, 2, 13},
        {"/a/1/b", true, 2, 14},
        {"/a/1/b", false, 2, 19},
        {"/a/2", false, 3, 1},
        {"/\xc3\xa4\xc3\xa4\xf0\x9f\x98\x80\n", true, 4, 3},
        {"/\xc3\xa4\xc3\xa4\xf0\x9f\x98\x80\n", false, 4, 28},
        {"/b~1", true, 5, 2},
        {"/b~1", false, 6, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_place place;
        struct slice pointer = slice_of_text(rows[i].pointer);
        assert_int_equal(json_pointer_locate(slice_of_text(text), pointer, rows[i].is_key, &place), ERR_OK);
        if (place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("%s (%d): %u:%u", rows[i].pointer, rows[i].is_key, place.line, place.column);
    }
}

static void takes_the_first_of_equal_names(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"\\u0061\":2}";
    struct json_place place;
    assert_int_equal(yyjson_get_int(json_pointer_find(parse(text), slice_of_text("/a"))), 1);
    assert_int_equal(json_pointer_locate(slice_of_text(text), slice_of_text("/a"), false, &place), ERR_OK);
    assert_int_equal(place.byte, 5);
}

static void writes_the_pointer_of_a_value_and_of_a_key(void **state)
{
    (void)state;
    char memory[100];
    yyjson_val *root = parse("{\"x\":[1,[2,{\"a/b\":3,\"~\":4}]],\"y\":{}}");
    static const char *const pointers[] = {"", "/x", "/x/0", "/x/1/0", "/x/1/1", "/x/1/1/a~1b", "/x/1/1/~0", "/y"};
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++) {
        struct text out = text_init(memory, sizeof memory);
        json_pointer_of(root, json_pointer_find(root, slice_of_text(pointers[i])), &out);
        assert_string_equal(out.ptr, pointers[i]);
    }
    struct text out = text_init(memory, sizeof memory);
    json_pointer_of(root, json_pointer_find(root, slice_of_text("/x/1/1/~0")) - 1, &out);
    assert_string_equal(out.ptr, "/x/1/1/~0");
}

/* Text that is no JSON is the caller's mistake, but no reason to read behind it. */
static void stays_inside_of_a_broken_text(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\u00e9\\ud83d\\ude00\": [tru, \"x\\\"\", {\"b\": 1}], \"c\": -1}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct json_place place;
        char *exact = malloc(len ? len : 1);
        memcpy(exact, text, len);
        (void)!json_pointer_locate(slice_of(exact, len), SLICE_LIT("/a\xc3\xa9\xf0\x9f\x98\x80/2/b"), false, &place);
        (void)!json_pointer_locate(slice_of(exact, len), SLICE_LIT("/c"), true, &place);
        free(exact);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        TEST(finds_what_rfc_6901_shows),
        TEST(finds_nothing_where_there_is_none),
        TEST(locates_values_and_keys_by_line_and_column),
        TEST(takes_the_first_of_equal_names),
        TEST(writes_the_pointer_of_a_value_and_of_a_key),
        TEST(stays_inside_of_a_broken_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
