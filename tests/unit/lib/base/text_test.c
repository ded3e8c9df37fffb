/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/text.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void u64_takes_digits_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "+1", "-1", " 1", "1 ", "0x1", "1.0", "1e3", "a"};
    uint64_t value = 17;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(text_parse_u64(slice_of_text(bad[i]), &value), ERR_SYNTAX);
    assert_int_equal(value, 17);
    assert_int_equal(text_parse_u64(SLICE_LIT("007"), &value), ERR_OK);
    assert_int_equal(value, 7);
}

static void u64_reaches_its_largest_value_and_not_beyond(void **state)
{
    (void)state;
    uint64_t value = 17;
    assert_int_equal(text_parse_u64(SLICE_LIT("18446744073709551616"), &value), ERR_LIMIT);
    assert_int_equal(text_parse_u64(SLICE_LIT("99999999999999999999"), &value), ERR_LIMIT);
    assert_int_equal(value, 17);
    assert_int_equal(text_parse_u64(SLICE_LIT("18446744073709551615"), &value), ERR_OK);
    assert_true(value == UINT64_MAX);
}

static void hex_reaches_its_largest_value_and_not_beyond(void **state)
{
    (void)state;
    uint64_t value = 17;
    assert_int_equal(text_parse_hex(SLICE_LIT(""), &value), ERR_SYNTAX);
    assert_int_equal(text_parse_hex(SLICE_LIT("0x1"), &value), ERR_SYNTAX);
    assert_int_equal(text_parse_hex(SLICE_LIT("g"), &value), ERR_SYNTAX);
    assert_int_equal(text_parse_hex(SLICE_LIT("10000000000000000"), &value), ERR_LIMIT);
    assert_int_equal(value, 17);
    assert_int_equal(text_parse_hex(SLICE_LIT("fFfFfFfFfFfFfFfF"), &value), ERR_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(text_parse_hex(SLICE_LIT("0000000000000000000000001a"), &value), ERR_OK);
    assert_int_equal(value, 26);
}

static void u64_is_formatted_without_nul(void **state)
{
    (void)state;
    char out[24];
    memset(out, '#', sizeof out);
    assert_int_equal(text_format_u64(out, 0), 1);
    assert_memory_equal(out, "0#", 2);
    assert_int_equal(text_format_u64(out, UINT64_MAX), 20);
    assert_memory_equal(out, "18446744073709551615#", 21);
}

static void hex_round_trips(void **state)
{
    (void)state;
    char out[8];
    char back[4];
    text_format_hex(out, slice_of("\x00\x7f\x80\xff", 4));
    assert_memory_equal(out, "007f80ff", 8);
    assert_int_equal(text_decode_hex(slice_of(out, 8), back), ERR_OK);
    assert_memory_equal(back, "\x00\x7f\x80\xff", 4);
    assert_int_equal(text_decode_hex(SLICE_LIT("7F"), back), ERR_OK);
    assert_memory_equal(back, "\x7f", 1);
    assert_int_equal(text_decode_hex(SLICE_LIT("123"), back), ERR_SYNTAX);
    assert_int_equal(text_decode_hex(SLICE_LIT("1g"), back), ERR_SYNTAX);
    assert_int_equal(text_decode_hex(SLICE_LIT(""), back), ERR_OK);
}

static void hex_is_right_for_each_byte_at_each_place(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++)
        for (int byte = 0; byte < 256; byte++) {
            char bytes[40];
            char out[81];
            char expected[81] = "";
            for (size_t i = 0; i < len; i++) {
                bytes[i] = (char)(byte + 37 * (int)i);
                snprintf(expected + 2 * i, 3, "%02x", (unsigned)(unsigned char)bytes[i]);
            }
            out[2 * len] = '\0';
            text_format_hex(out, slice_of(bytes, len));
            assert_string_equal(out, expected);
        }
}

static void nearest_name_is_a_slip_away(void **state)
{
    (void)state;
    static const char *const names[] = {"listen", "models", "routes", "limits", "chain", "x"};
    static const char *const cases[][2] = {
        {"listne", "listen"}, {"model", "models"}, {"rotues", "routes"}, {"limit", "limits"}, {"chian", "chain"},
        {"CHAIN", NULL},      {"telemetry", NULL}, {"", NULL},           {"y", NULL},         {"x", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *nearest = text_nearest(slice_of_text(cases[i][0]), names, ARRAY_LEN(names));
        if (cases[i][1])
            assert_string_equal(nearest, cases[i][1]);
        else
            assert_null(nearest);
    }
}

static void nearest_name_ignores_what_is_too_long_to_compare(void **state)
{
    (void)state;
    char name[80];
    memset(name, 'a', sizeof name);
    name[79] = '\0';
    const char *const names[] = {name};
    assert_null(text_nearest(slice_of(name, 79), names, 1));
    assert_null(text_nearest(slice_of(name, 63), names, 1));
    name[63] = '\0';
    assert_non_null(text_nearest(slice_of(name, 63), names, 1));
}

static void text_is_cut_where_its_memory_ends(void **state)
{
    (void)state;
    char memory[8];
    struct text text = text_init(memory, sizeof memory);
    text_add(&text, SLICE_LIT("abc"));
    text_add(&text, (struct slice){NULL, 0});
    text_add(&text, SLICE_LIT("defg"));
    assert_false(text.is_cut);
    assert_string_equal(text.ptr, "abcdefg");
    text_add(&text, SLICE_LIT("h"));
    assert_true(text.is_cut);
    assert_string_equal(text.ptr, "abcdefg");
    assert_true(slice_is(text_slice(&text), "abcdefg"));
}

static void printf_into_text_is_cut_too(void **state)
{
    (void)state;
    char memory[8];
    struct text text = text_init(memory, sizeof memory);
    text_printf(&text, "%s", "1234567");
    assert_false(text.is_cut);
    text = text_init(memory, sizeof memory);
    text_printf(&text, "%d-", 12);
    text_printf(&text, "%d", 34567);
    assert_true(text.is_cut);
    assert_string_equal(text.ptr, "12-3456");
    assert_int_equal(text.len, 7);
    text_printf(&text, "%s", "x");
    assert_int_equal(text.len, 7);
}

static void text_of_capacity_one_is_empty(void **state)
{
    (void)state;
    char memory[1];
    struct text text = text_init(memory, 1);
    text_printf(&text, "%d", 1);
    text_add(&text, SLICE_LIT("a"));
    assert_string_equal(text.ptr, "");
    assert_true(text.is_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64_takes_digits_only),
        cmocka_unit_test(u64_reaches_its_largest_value_and_not_beyond),
        cmocka_unit_test(hex_reaches_its_largest_value_and_not_beyond),
        cmocka_unit_test(u64_is_formatted_without_nul),
        cmocka_unit_test(hex_round_trips),
        cmocka_unit_test(hex_is_right_for_each_byte_at_each_place),
        cmocka_unit_test(nearest_name_is_a_slip_away),
        cmocka_unit_test(nearest_name_ignores_what_is_too_long_to_compare),
        cmocka_unit_test(text_is_cut_where_its_memory_ends),
        cmocka_unit_test(printf_into_text_is_cut_too),
        cmocka_unit_test(text_of_capacity_one_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
