/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/writer.h"

#include "lib/json/number.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(32 << 20);
}

static void assert_text(const struct json_writer *writer, const char *expected)
{
    struct slice text;
    assert_int_equal(json_writer_finish(writer, &text), ERR_OK);
    if (!slice_is(text, expected))
        fail_msg("%.*s is not %s", SLICE_ARG(text), expected);
}

static void puts_commas_where_they_belong(void **state)
{
    (void)state;
    struct json_writer w = json_writer_in_arena(&arena, 1);
    json_write_object_begin(&w);
    json_write_key(&w, SLICE_LIT("a"));
    json_write_array_begin(&w);
    json_write_array_end(&w);
    json_write_key(&w, SLICE_LIT("b"));
    json_write_array_begin(&w);
    json_write_u64(&w, 1);
    json_write_object_begin(&w);
    json_write_object_end(&w);
    json_write_null(&w);
    json_write_bool(&w, true);
    json_write_raw(&w, SLICE_LIT("{\"x\":1}"));
    json_write_array_end(&w);
    json_write_key(&w, SLICE_LIT("c"));
    json_write_bool(&w, false);
    json_write_object_end(&w);
    assert_text(&w, "{\"a\":[],\"b\":[1,{},null,true,{\"x\":1}],\"c\":false}");
}

static void integers_reach_their_ends(void **state)
{
    (void)state;
    struct json_writer w = json_writer_in_arena(&arena, 0);
    json_write_array_begin(&w);
    json_write_u64(&w, UINT64_MAX);
    json_write_i64(&w, INT64_MIN);
    json_write_i64(&w, INT64_MAX);
    json_write_i64(&w, 0);
    json_write_array_end(&w);
    assert_text(&w, "[18446744073709551615,-9223372036854775808,9223372036854775807,0]");
}

static void floats_without_a_word_in_json_are_null(void **state)
{
    (void)state;
    const float values[] = {1.0F, NAN, -0.1F, INFINITY};
    struct json_writer w = json_writer_in_arena(&arena, 0);
    json_write_array_begin(&w);
    json_write_f32(&w, 0.1F);
    json_write_f64(&w, 0.1);
    json_write_f32(&w, -INFINITY);
    json_write_f64(&w, NAN);
    json_write_f32_array(&w, values, 4);
    json_write_f32_array(&w, values, 0);
    json_write_array_end(&w);
    assert_text(&w, "[0.1,0.1,null,null,[1.0,null,-0.1,null],[]]");
}

static void escapes_what_must_be_and_nothing_else(void **state)
{
    (void)state;
    struct json_writer w = json_writer_in_arena(&arena, 0);
    json_write_string(&w, SLICE_LIT("\"\\/\b\f\n\r\t\x01\x1f \x7f\0'<>"));
    assert_text(&w, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f \x7f\\u0000'<>\"");
}

/* The special byte at every place of the words that are looked at together. */
static void finds_a_special_byte_at_every_position(void **state)
{
    (void)state;
    static const char *const specials[][2] = {{"\"", "\\\""},      {"\\", "\\\\"},           {"\n", "\\n"},
                                              {"\x1f", "\\u001f"}, {"\xc3\xa9", "\xc3\xa9"}, {"\xff", "\xef\xbf\xbd"}};
    for (size_t s = 0; s < ARRAY_LEN(specials); s++) {
        for (size_t at = 0; at < 20; at++) {
            char in[40];
            char expected[60];
            struct text source = text_init(in, sizeof in);
            struct text wanted = text_init(expected, sizeof expected);
            text_printf(&source, "%.*s%s!x ~", (int)at, "abcdefghijklmnopqrst", specials[s][0]);
            text_printf(&wanted, "\"%.*s%s!x ~\"", (int)at, "abcdefghijklmnopqrst", specials[s][1]);
            struct json_writer w = json_writer_in_arena(&arena, 0);
            json_write_string(&w, text_slice(&source));
            assert_text(&w, wanted.ptr);
        }
    }
}

#define BAD "\xef\xbf\xbd"

static void each_malformed_part_becomes_one_replacement(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}, /* well-formed */
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
        {"\x80", BAD},
        {"a\xc3", "a" BAD},
        {"\xe2\x82", BAD},
        {"\xe2\x82z", BAD "z"},
        {"\xf0\x9f\x98", BAD},
        {"\xc0\x80", BAD BAD},                 /* overlong */
        {"\xe0\x80\x80", BAD BAD BAD},         /* overlong */
        {"\xed\xa0\x80", BAD BAD BAD},         /* surrogate */
        {"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* above U+10FFFF */
        {"\xf5\xfe\xff", BAD BAD BAD},
        {"\xc3\xc3\xa9", BAD "\xc3\xa9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[64];
        struct text wanted = text_init(expected, sizeof expected);
        text_printf(&wanted, "\"%s\"", cases[i][1]);
        struct json_writer w = json_writer_in_arena(&arena, 0);
        json_write_string(&w, slice_of_text(cases[i][0]));
        assert_text(&w, wanted.ptr);
    }
}

static void memory_of_the_caller_is_used_to_its_last_byte(void **state)
{
    (void)state;
    const float values[] = {0.5F, 123456.79F};
    const char expected[] = "[[0.5,123456.79],\"x\\n\"]";
    for (size_t capacity = 0; capacity < sizeof expected + 4; capacity++) {
        char *memory = malloc(capacity ? capacity : 1); /* exact, for AddressSanitizer */
        struct slice text = SLICE_LIT("untouched");
        struct json_writer w = json_writer_in_memory(memory, capacity);
        json_write_array_begin(&w);
        json_write_f32_array(&w, values, 2);
        json_write_string(&w, SLICE_LIT("x\n"));
        json_write_array_end(&w);
        if (capacity < sizeof expected - 1) {
            assert_int_equal(json_writer_finish(&w, &text), ERR_LIMIT);
            assert_true(slice_is(text, "untouched"));
        } else {
            assert_text(&w, expected);
        }
        free(memory);
    }
}

static void arena_over_its_limit_is_nomem(void **state)
{
    (void)state;
    struct arena small;
    struct slice text;
    arena_init(&small, &pool, 1024, 2048);
    struct json_writer w = json_writer_in_arena(&small, 16);
    json_write_array_begin(&w);
    for (int i = 0; i < 1000; i++)
        json_write_u64(&w, 12345);
    json_write_array_end(&w);
    assert_int_equal(json_writer_finish(&w, &text), ERR_NOMEM);
    arena_reset(&small);
}

static void nesting_too_deep_is_reported_at_the_end(void **state)
{
    (void)state;
    struct slice text;
    for (int depth = JSON_WRITER_DEPTH_MAX; depth <= JSON_WRITER_DEPTH_MAX + 1; depth++) {
        struct json_writer w = json_writer_in_arena(&arena, 0);
        for (int i = 0; i < depth; i++) {
            if (i % 2) {
                json_write_object_begin(&w);
                json_write_key(&w, SLICE_LIT("k"));
            } else {
                json_write_array_begin(&w);
            }
        }
        json_write_null(&w);
        for (int i = depth - 1; i >= 0; i--) {
            if (i % 2)
                json_write_object_end(&w);
            else
                json_write_array_end(&w);
        }
        assert_int_equal(json_writer_finish(&w, &text), depth <= JSON_WRITER_DEPTH_MAX ? ERR_OK : ERR_LIMIT);
    }
}

static void document_is_written_back_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":[1,-2,3.5,1e300,true,false,null,[],{},[[{}]]],\"\":{\"b\":\"\\u0000\"},\"c\":[{\"d\":{}},\"\"]}",
        "[]",
        "{}",
        "7",
        "\"x\"",
        "[[],[]]",
        "[{\"a\":[]},{\"b\":{}},1]",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct json_limits limits = {.bytes_max = 1000, .depth_max = 10};
        struct json_document document;
        struct json_fault fault;
        assert_int_equal(json_parse(&arena, slice_of_text(texts[i]), &limits, &document, &fault), ERR_OK);
        struct json_writer w = json_writer_in_arena(&arena, 0);
        json_write_value(&w, document.root);
        assert_text(&w, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(puts_commas_where_they_belong, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(integers_reach_their_ends, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(floats_without_a_word_in_json_are_null, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(escapes_what_must_be_and_nothing_else, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(finds_a_special_byte_at_every_position, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(each_malformed_part_becomes_one_replacement, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(memory_of_the_caller_is_used_to_its_last_byte, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(arena_over_its_limit_is_nomem, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(nesting_too_deep_is_reported_at_the_end, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(document_is_written_back_as_it_was, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
