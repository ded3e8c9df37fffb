/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/json.h"
#include "lib/json/writer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/malloc_count.h"
#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 16};

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(64 << 20);
}

static yyjson_val *parse(const char *text)
{
    struct json_document document;
    struct json_fault fault;
    assert_int_equal(json_parse(&arena, slice_of_text(text), &limits, &document, &fault), ERR_OK);
    return document.root;
}

/* The text is put into memory of its exact size, so that AddressSanitizer sees a read behind it. */
static enum err parse_exact(struct slice text, const struct json_limits *how, struct json_fault *ret_fault)
{
    struct json_document document;
    char *exact = malloc(text.len ? text.len : 1);
    assert_non_null(exact);
    if (text.len)
        memcpy(exact, text.ptr, text.len);
    enum err err = json_parse(&arena, slice_of(exact, text.len), how, &document, ret_fault);
    free(exact);
    return err;
}

static void reads_every_kind_of_value(void **state)
{
    (void)state;
    yyjson_val *root = parse("{\"a\":[1,-2,3.5,true,null],\"b\":\"\\u00e9\\n\\u0000x\"}");
    yyjson_val *list = json_get(root, SLICE_LIT("a"));
    assert_string_equal(json_kind(root), "an object");
    assert_string_equal(json_kind(list), "an array");
    assert_string_equal(json_kind(yyjson_arr_get(list, 0)), "a number");
    assert_string_equal(json_kind(yyjson_arr_get(list, 3)), "a boolean");
    assert_string_equal(json_kind(yyjson_arr_get(list, 4)), "null");
    assert_string_equal(json_kind(json_get(root, SLICE_LIT("b"))), "a string");
    assert_string_equal(json_kind(json_get(root, SLICE_LIT("c"))), "nothing");
    assert_true(yyjson_get_real(yyjson_arr_get(list, 2)) == 3.5);
    assert_true(slice_equal(json_text(json_get(root, SLICE_LIT("b"))), SLICE_LIT("\xc3\xa9\n\0x")));
    assert_null(json_text(list).ptr);
    assert_null(json_text(NULL).ptr);
}

static void leaves_the_text_as_it_is(void **state)
{
    (void)state;
    char text[] = "[\"a\\nb\", \"c\\u0041\"]";
    char before[sizeof text];
    memcpy(before, text, sizeof text);
    assert_true(slice_is(json_text(yyjson_arr_get(parse(text), 1)), "cA"));
    assert_memory_equal(text, before, sizeof text);
}

static void refuses_what_rfc_8259_does_not_allow(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[1,]",
        "{\"a\":1,}",
        "[1 2]",
        "{a:1}",
        "{'a':1}",
        "[NaN]",
        "[Infinity]",
        "[-inf]",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[1e]",
        "[0x10]",
        "[1e999]",
        "//c\n[]",
        "[/*c*/]",
        "[] []",
        "[]x",
        "[\"a",
        "[\"\t\"]",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\ud800\"]",
        "[\"\\udc00\\ud800\"]",
        "\xef\xbb\xbf[]",
        "[\"\xff\"]",
        "[\"\xc0\x80\"]",
        "[\"\xed\xa0\x80\"]",
        "[\"\xf4\x90\x80\x80\"]",
        "tru",
        "nul",
        "[",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        " ",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json_fault fault = {0};
        if (parse_exact(slice_of_text(bad[i]), &limits, &fault) != ERR_SYNTAX)
            fail_msg("accepted: %s", bad[i]);
        assert_true(fault.byte <= strlen(bad[i]));
        assert_true(fault.line >= 1 && fault.column >= 1);
        assert_true(strlen(fault.what) > 0);
    }
}

static void accepts_a_bare_scalar_and_space_around(void **state)
{
    (void)state;
    assert_int_equal(yyjson_get_int(parse(" \t\r\n7 \n")), 7);
    assert_true(yyjson_is_null(parse("null")));
    assert_true(slice_is(json_text(parse("\"\"")), ""));
}

static void fault_says_line_and_column_in_characters(void **state)
{
    (void)state;
    struct json_fault fault;
    assert_int_equal(parse_exact(SLICE_LIT("{\n  \"\xc3\xa9\xe2\x82\xac\": !\n}"), &limits, &fault), ERR_SYNTAX);
    assert_int_equal(fault.line, 2);
    assert_int_equal(fault.column, 9);
    assert_int_equal(fault.byte, 13);
    assert_int_equal(parse_exact(SLICE_LIT(""), &limits, &fault), ERR_SYNTAX);
    assert_int_equal(fault.byte, 0);
    assert_int_equal(fault.line, 1);
    assert_int_equal(fault.column, 1);
    assert_int_equal(parse_exact(SLICE_LIT("[1,\n2,\n"), &limits, &fault), ERR_SYNTAX);
    assert_int_equal(fault.line, 3);
    assert_int_equal(fault.column, 1);
}

static void refuses_more_bytes_than_the_limit(void **state)
{
    (void)state;
    struct json_fault fault;
    struct json_limits small = {.bytes_max = 3, .depth_max = 1};
    assert_int_equal(parse_exact(SLICE_LIT("[1]"), &small, &fault), ERR_OK);
    assert_int_equal(parse_exact(SLICE_LIT("[11]"), &small, &fault), ERR_LIMIT);
    assert_int_equal(fault.byte, 3);
}

static void depth_limit_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t depth;
        size_t first_byte_of_depth; /* where the deepest level opens */
    } cases[] = {
        {"1", 0, 0},
        {"[]", 1, 0},
        {"[1,2,3]", 1, 0},
        {"[[]]", 2, 1},
        {"[1,2,{}]", 2, 5},
        {"{\"[[[\":[\"]\\\"[[\"]}", 2, 7},
        {"[[[1],2],{\"a\":{}},[[[]]]]", 4, 20},
        {"{\"a\":{\"b\":[{\"c\":1}]},\"d\":[[]]}", 4, 11},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (uint32_t depth = 1; depth < 6; depth++) {
            struct json_fault fault;
            struct json_limits how = {.bytes_max = 100, .depth_max = depth};
            enum err err = parse_exact(slice_of_text(cases[i].text), &how, &fault);
            assert_int_equal(err, cases[i].depth <= depth ? ERR_OK : ERR_LIMIT);
            if (err != ERR_OK && depth + 1 == cases[i].depth)
                assert_int_equal(fault.byte, cases[i].first_byte_of_depth);
        }
    }
}

static void very_deep_text_is_refused_not_a_crash(void **state)
{
    (void)state;
    enum { DEPTH = 500000 };
    char *deep = malloc(2 * DEPTH);
    struct json_fault fault;
    assert_non_null(deep);
    memset(deep, '[', DEPTH);
    memset(deep + DEPTH, ']', DEPTH);
    struct json_limits how = {.bytes_max = 2 * DEPTH, .depth_max = JSON_DEPTH_MAX};
    assert_int_equal(parse_exact(slice_of(deep, 2 * DEPTH), &how, &fault), ERR_LIMIT);
    assert_int_equal(fault.byte, JSON_DEPTH_MAX);
    free(deep);
}

static void first_of_two_equal_keys_is_found(void **state)
{
    (void)state;
    assert_int_equal(yyjson_get_int(json_get(parse("{\"a\":1,\"b\":2,\"a\":3}"), SLICE_LIT("a"))), 1);
    assert_null(json_get(parse("[1]"), SLICE_LIT("a")));
    assert_null(json_get(NULL, SLICE_LIT("a")));
    assert_int_equal(yyjson_get_int(json_get(parse("{\"\":5}"), (struct slice){NULL, 0})), 5);
}

static void duplicate_keys_are_refused_where_asked(void **state)
{
    (void)state;
    struct json_fault fault;
    struct json_limits strict = {.bytes_max = 1 << 20, .depth_max = 8, .refuse_duplicate_keys = true};
    assert_int_equal(parse_exact(SLICE_LIT("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":2}]}"), &strict, &fault),
                     ERR_OK);
    assert_int_equal(parse_exact(SLICE_LIT("[1,{\"a\":1,\n \"b\":2, \"\\u0061\":3}]"), &strict, &fault), ERR_EXISTS);
    assert_int_equal(fault.line, 2);
    assert_int_equal(fault.column, 9);
    assert_int_equal(parse_exact(SLICE_LIT("{\"x\":{\"\":1,\"\":2}}"), &strict, &fault), ERR_EXISTS);
    assert_int_equal(fault.byte, 11);
    assert_int_equal(parse_exact(SLICE_LIT("[[],{},[{\"k\":[],\"k\":[]}]]"), &strict, &fault), ERR_EXISTS);
}

static void one_duplicate_among_many_keys_is_found(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    struct json_fault fault;
    struct json_limits strict = {.bytes_max = 1 << 20, .depth_max = 8, .refuse_duplicate_keys = true};
    for (int twin = -1; twin < KEYS; twin += 613) {
        struct text text = text_init(malloc(KEYS * 20), KEYS * 20);
        size_t second = 0;
        for (int i = 0; i < KEYS; i++) {
            second = text.len;
            text_printf(&text, "%s\"k%d\":0", i ? "," : "{", i * 7919 % 3001);
        }
        second = text.len + 1;
        if (twin >= 0)
            text_printf(&text, ",\"k%d\":0", twin * 7919 % 3001);
        text_add(&text, SLICE_LIT("}"));
        assert_false(text.is_cut);
        assert_int_equal(parse_exact(text_slice(&text), &strict, &fault), twin < 0 ? ERR_OK : ERR_EXISTS);
        if (twin >= 0)
            assert_int_equal(fault.byte, second);
        free(text.ptr);
    }
}

static void dense_text_grows_its_values_once(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    char *text = malloc(2 * COUNT + 1);
    struct json_document document;
    struct json_fault fault;
    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + 2 * i, i ? ",1" : "[1", 2);
    text[2 * COUNT] = ']';
    struct slice all = slice_of(text, 2 * COUNT + 1);
    assert_int_equal(json_parse(&arena, all, &limits, &document, &fault), ERR_OK);
    assert_int_equal(document.values_count, COUNT + 1);
    /* The copy, the first guess of a sixth, and one and a half times what it took. */
    assert_true(arena.used_bytes < all.len + (all.len / 6 + 100) * 16 + COUNT * 24 + 10000);
    free(text);
}

static void exhausted_arena_is_nomem(void **state)
{
    (void)state;
    struct json_document document;
    struct json_fault fault;
    char text[2000];
    memset(text, '[', sizeof text / 2);
    memset(text + sizeof text / 2, ']', sizeof text / 2);
    for (size_t bytes = 64; bytes < 6000; bytes += 128) {
        struct arena small;
        arena_init(&small, &pool, 1024, bytes);
        assert_int_equal(json_parse(&small, slice_of(text, sizeof text), &limits, &document, &fault), ERR_NOMEM);
        assert_true(strlen(fault.what) > 0);
        arena_reset(&small);
    }
}

static void parsing_never_mallocs(void **state)
{
    (void)state;
    if (!MALLOC_COUNT_WORKS)
        skip();
    struct json_limits strict = {.bytes_max = 1000, .depth_max = 8, .refuse_duplicate_keys = true};
    struct json_document document;
    struct json_fault fault;
    struct slice text =
        SLICE_LIT("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"data\":[1.5,1e300]}],\"\\u0061\":\"b\"}");
    assert_int_equal(json_parse(&arena, text, &strict, &document, &fault), ERR_OK);
    arena_reset(&arena);
    unsigned long before = malloc_count;
    assert_int_equal(json_parse(&arena, text, &strict, &document, &fault), ERR_OK);
    assert_int_equal(malloc_count - before, 0);
}

static void pointer_escapes_tilde_and_slash(void **state)
{
    (void)state;
    char memory[64];
    struct text pointer = text_init(memory, sizeof memory);
    json_pointer_add(&pointer, SLICE_LIT("a/b"));
    json_pointer_add(&pointer, SLICE_LIT("~m~/"));
    json_pointer_add_index(&pointer, 17);
    json_pointer_add(&pointer, SLICE_LIT(""));
    assert_string_equal(pointer.ptr, "/a~1b/~0m~0~1/17/");
}

/* keeps_numbers: what is a number, what stays text. */
static void keeps_the_numbers_that_no_double_is_worth(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_kept;
    } rows[] = {
        {"0", false},
        {"-0", false},
        {"0.0", false},
        {"-0.0e5", false},
        {"0.1", false},
        {"1.000000000000000000000000", false},
        {"123456789012345e100", false},
        {"0.30000000000000004", false},
        {"1.7976931348623157e308", false},
        {"5e-324", false},
        {"18446744073709551615", false},
        {"-9223372036854775808", false},
        {"9007199254740993", false},
        {"9007199254740993.0", true},
        {"18446744073709551616", true},
        {"-9223372036854775809", true},
        {"1e400", true},
        {"-1e-400", true},
        {"0.1000000000000000055511151231257827", true},
        {"0.300000000000000044", true},
        {"1.2345678901234e-320", true},
    };
    const struct json_limits keeping = {.bytes_max = 1000, .depth_max = 8, .keeps_numbers = true};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_document kept;
        struct json_document plain;
        struct json_fault fault;
        struct slice text = slice_of_text(rows[i].text);
        assert_int_equal(json_parse(&arena, text, &keeping, &kept, &fault), ERR_OK);
        if (yyjson_is_raw(kept.root) != rows[i].is_kept)
            fail_msg("%s", rows[i].text);
        assert_true(json_is_number(kept.root));
        assert_string_equal(json_kind(kept.root), "a number");
        if (rows[i].is_kept) {
            assert_true(slice_equal(json_raw(kept.root), text));
            continue;
        }
        assert_int_equal(json_parse(&arena, text, &limits, &plain, &fault), ERR_OK);
        assert_int_equal(yyjson_get_tag(plain.root), yyjson_get_tag(kept.root));
        assert_true(plain.root->uni.u64 == kept.root->uni.u64);
    }
}

static void keeps_numbers_without_touching_anything_else(void **state)
{
    (void)state;
    const struct json_limits keeping = {
        .bytes_max = 1000, .depth_max = 2, .refuse_duplicate_keys = true, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    static const char text[] = "{\"1e999\":[1e999,\"2\",3],\"b\":-1e999}";
    assert_int_equal(json_parse(&arena, SLICE_LIT(text), &keeping, &document, &fault), ERR_OK);
    yyjson_val *list = json_get(document.root, SLICE_LIT("1e999"));
    assert_true(slice_is(json_raw(yyjson_arr_get(list, 0)), "1e999"));
    assert_true(slice_is(json_text(yyjson_arr_get(list, 1)), "2"));
    assert_int_equal(yyjson_get_int(yyjson_arr_get(list, 2)), 3);
    struct slice written;
    struct json_writer writer = json_writer_in_arena(&arena, 0);
    json_write_value(&writer, document.root);
    assert_int_equal(json_writer_finish(&writer, &written), ERR_OK);
    assert_true(slice_is(written, text));
    static const char *const bad[] = {"[01]", "[1.]", "[1e]", "[-]", "[.5]", "[+1]", "[1e5", "[NaN]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse_exact(slice_of_text(bad[i]), &keeping, &fault), ERR_SYNTAX);
    assert_int_equal(parse_exact(SLICE_LIT("[[[1e999]]]"), &keeping, &fault), ERR_LIMIT);
    assert_int_equal(parse_exact(SLICE_LIT("{\"a\":1e999,\"a\":1}"), &keeping, &fault), ERR_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_numbers_that_no_double_is_worth, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(keeps_numbers_without_touching_anything_else, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(reads_every_kind_of_value, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(leaves_the_text_as_it_is, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(refuses_what_rfc_8259_does_not_allow, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(accepts_a_bare_scalar_and_space_around, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(fault_says_line_and_column_in_characters, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(refuses_more_bytes_than_the_limit, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(depth_limit_is_exact, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(very_deep_text_is_refused_not_a_crash, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(first_of_two_equal_keys_is_found, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(duplicate_keys_are_refused_where_asked, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(one_duplicate_among_many_keys_is_found, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(dense_text_grows_its_values_once, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(exhausted_arena_is_nomem, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(parsing_never_mallocs, make_arena, drop_arena),
        cmocka_unit_test(pointer_escapes_tilde_and_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
