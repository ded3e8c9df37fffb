/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of numbers out of text: all types, both ways of reading (many at a time, which wants room on both sides, and one by
 * one), and everything that is not an array of so many numbers of that type. */
#include "lib/json/number.h"
#include "lib/json/row.h"
#include "lib/json/scan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM "                                                                                "

static char text_memory[1 << 16];

/* The array in the middle of a text. */
static struct slice around(const char *array, size_t *ret_at)
{
    size_t len = strlen(array);
    size_t room = strlen(ROOM);
    assert_true(len + 2 * room < sizeof text_memory);
    memcpy(text_memory, ROOM, room);
    memcpy(text_memory + room, array, len);
    memcpy(text_memory + room + len, ROOM, room);
    *ret_at = room;
    return slice_of(text_memory, len + 2 * room);
}

/* Both ways; the second has an array that ends where its memory ends. */
static enum err read(const char *array, enum json_element element, size_t count, void *out)
{
    size_t at;
    struct slice text = around(array, &at);
    enum err err = json_row_read(text, &at, element, count, out);
    assert_int_equal(at, strlen(ROOM) + (err == ERR_OK ? strlen(array) : 0));
    char *alone = malloc(strlen(array));
    memcpy(alone, array, strlen(array));
    char again[4096];
    size_t alone_at = 0;
    assert_int_equal(json_row_read(slice_of(alone, strlen(array)), &alone_at, element, count, again), err);
    free(alone);
    return err;
}

static void rounds_floats_as_the_nearest_double_does(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "-0.0",
                                          "0.1",
                                          "-123.456",
                                          "16777217",
                                          "16777219",
                                          "0.84018773078918457",
                                          "1.00000005960464477",
                                          "1.00000005960464478",
                                          "0.500000029802322387",
                                          "123456789012345678",
                                          "1234567890123456789",
                                          "12345678901234567890123",
                                          "0.0000000000000000000000001234",
                                          "0.00000000000000000000000000000012345",
                                          "1e3",
                                          "25E-1",
                                          "1.5e+10",
                                          "3.4028235e38",
                                          "1e-46",
                                          "1e-39",
                                          "0.00001"};
    char array[4096] = "[";
    float floats[4 * ARRAY_LEN(numbers)];
    double doubles[4 * ARRAY_LEN(numbers)];
    for (size_t i = 0; i < ARRAY_LEN(floats); i++)
        snprintf(array + strlen(array), sizeof array - strlen(array), "%s%s", i ? "," : "",
                 numbers[i % ARRAY_LEN(numbers)]);
    snprintf(array + strlen(array), sizeof array - strlen(array), "]");
    assert_int_equal(read(array, JSON_ELEMENT_F32, ARRAY_LEN(floats), floats), ERR_OK);
    assert_int_equal(read(array, JSON_ELEMENT_F64, ARRAY_LEN(doubles), doubles), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(floats); i++) {
        double wanted = strtod(numbers[i % ARRAY_LEN(numbers)], NULL);
        float single = (float)wanted;
        assert_memory_equal(&doubles[i], &wanted, sizeof wanted);
        assert_memory_equal(&floats[i], &single, sizeof single);
    }
}

/* Numbers as programs print them; `format` takes a double. */
static void expect_printed(const char *format, const char *separator)
{
    enum { COUNT = 150 };
    static char array[COUNT * 40];
    double wanted[COUNT];
    double doubles[COUNT];
    float floats[COUNT];
    size_t len = 1;
    array[0] = '[';
    for (int i = 0; i < COUNT; i++) {
        char number[40];
        snprintf(number, sizeof number, format, (rand() / (double)RAND_MAX - 0.5) * (i % 7 ? 4 : 4000));
        wanted[i] = strtod(number, NULL);
        len += (size_t)snprintf(array + len, sizeof array - len, "%s%s", i ? separator : "", number);
    }
    snprintf(array + len, sizeof array - len, "]");
    size_t at;
    struct slice text = around(array, &at);
    assert_int_equal(json_row_read(text, &at, JSON_ELEMENT_F64, COUNT, doubles), ERR_OK);
    assert_memory_equal(doubles, wanted, sizeof wanted);
    at = strlen(ROOM);
    assert_int_equal(json_row_read(text, &at, JSON_ELEMENT_F32, COUNT, floats), ERR_OK);
    for (int i = 0; i < COUNT; i++) {
        float single = (float)wanted[i];
        assert_memory_equal(&floats[i], &single, sizeof single);
    }
}

static void reads_numbers_as_programs_print_them(void **state)
{
    (void)state;
    static const char *const formats[] = {"%.17g", "%.16g", "%.9g", "%.6f", "%.4f", "%.1f", "%.0f", "%.3e", "%.20f"};
    static const char *const separators[] = {",", ", ", ",\n  ", " ,\t", "\r\n,\r\n"};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
            for (size_t j = 0; j < ARRAY_LEN(separators); j++)
                expect_printed(formats[i], separators[j]);
}

static void takes_integers_to_the_ends_of_their_types(void **state)
{
    (void)state;
    int8_t i8[4];
    uint16_t u16[3];
    int64_t i64[3];
    uint64_t u64[2];
    assert_int_equal(read("[-128,127,-0,0]", JSON_ELEMENT_I8, 4, i8), ERR_OK);
    assert_true(i8[0] == -128 && i8[1] == 127 && i8[2] == 0);
    assert_int_equal(read("[0,65535, 7]", JSON_ELEMENT_U16, 3, u16), ERR_OK);
    assert_true(u16[1] == 65535 && u16[2] == 7);
    assert_int_equal(read("[-9223372036854775808,9223372036854775807,-1]", JSON_ELEMENT_I64, 3, i64), ERR_OK);
    assert_true(i64[0] == INT64_MIN && i64[1] == INT64_MAX && i64[2] == -1);
    assert_int_equal(read("[18446744073709551615,12345678901234567890]", JSON_ELEMENT_U64, 2, u64), ERR_OK);
    assert_true(u64[0] == UINT64_MAX && u64[1] == 12345678901234567890u);
}

static void takes_booleans(void **state)
{
    (void)state;
    uint8_t bools[3];
    assert_int_equal(read("[true,false , true]", JSON_ELEMENT_BOOL, 3, bools), ERR_OK);
    assert_true(bools[0] == 1 && bools[1] == 0 && bools[2] == 1);
    assert_int_equal(read("[truefalse,true,true]", JSON_ELEMENT_BOOL, 3, bools), ERR_SYNTAX);
    assert_int_equal(read("[1,0,1]", JSON_ELEMENT_BOOL, 3, bools), ERR_SYNTAX);
}

/* In the third place of many, where all are read at a time, and in the last one. */
static void expect_refused(enum json_element element, const char *number)
{
    char array[1000];
    char out[800];
    snprintf(array, sizeof array, "[1,2,%s,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]", number);
    assert_int_not_equal(read(array, element, 20, out), ERR_OK);
    snprintf(array, sizeof array, "[1,2,%s]", number);
    assert_int_not_equal(read(array, element, 3, out), ERR_OK);
}

static void refuses_what_is_no_number_of_the_type(void **state)
{
    (void)state;
    static const char *const never[] = {"",    "01",   "-01",   "+1",  ".5",  "5.",  "1.e5", "-",
                                        "--1", "1..2", "1.2.3", "1 2", "1e",  "1e+", "1-2",  "NaN",
                                        "nul", "[1]",  "\"1\"", "1,",  "0x1", "1_0", "1\v",  "1\f",
                                        "00",  "1.5-", "-.5",   "1a",  "a1",  "{}",  "\xa0", "Infinity"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        expect_refused(JSON_ELEMENT_F32, never[i]);
        expect_refused(JSON_ELEMENT_F64, never[i]);
        expect_refused(JSON_ELEMENT_I32, never[i]);
        expect_refused(JSON_ELEMENT_U8, never[i]);
    }
    expect_refused(JSON_ELEMENT_F32, "3.4028236e38");
    expect_refused(JSON_ELEMENT_F32, "-1e39");
    expect_refused(JSON_ELEMENT_F64, "1e309");
    static const char *const no_integers[] = {"1.0", "1.5", "1e2", "-0.0", "0.0"};
    for (size_t i = 0; i < ARRAY_LEN(no_integers); i++)
        expect_refused(JSON_ELEMENT_I64, no_integers[i]);
    expect_refused(JSON_ELEMENT_U8, "256");
    expect_refused(JSON_ELEMENT_U8, "-1");
    expect_refused(JSON_ELEMENT_U8, "-0");
    expect_refused(JSON_ELEMENT_I8, "-129");
    expect_refused(JSON_ELEMENT_I8, "128");
    expect_refused(JSON_ELEMENT_U32, "4294967296");
    expect_refused(JSON_ELEMENT_I64, "9223372036854775808");
    expect_refused(JSON_ELEMENT_I64, "-9223372036854775809");
    expect_refused(JSON_ELEMENT_U64, "18446744073709551616");
}

static void refuses_another_number_of_elements(void **state)
{
    (void)state;
    float out[100];
    const char *twenty = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]";
    assert_int_equal(read(twenty, JSON_ELEMENT_F32, 20, out), ERR_OK);
    for (size_t count = 0; count < 40; count++)
        if (count != 20)
            assert_int_not_equal(read(twenty, JSON_ELEMENT_F32, count, out), ERR_OK);
    assert_int_not_equal(read("[]", JSON_ELEMENT_F32, 1, out), ERR_OK);
    assert_int_not_equal(read("[1", JSON_ELEMENT_F32, 1, out), ERR_OK);
    assert_int_not_equal(read("[1,", JSON_ELEMENT_F32, 2, out), ERR_OK);
    assert_int_not_equal(read("1]", JSON_ELEMENT_F32, 1, out), ERR_OK);
}

static void reads_arrays_in_arrays(void **state)
{
    (void)state;
    int32_t out[12];
    const int64_t dims[] = {2, 3, 2};
    size_t at;
    struct slice text = around("[[[1,2],[3,4],[5,6]],\n[ [7, 8], [9,10] ,[11,12] ] ]", &at);
    assert_int_equal(json_rows_read(text, &at, JSON_ELEMENT_I32, dims, 3, out), ERR_OK);
    for (int i = 0; i < 12; i++)
        assert_int_equal(out[i], i + 1);
    static const char *const refused[] = {"[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11]]]",
                                          "[[[1,2],[3,4],[5,6]],[[7,8],[9,10]]]",
                                          "[[[1,2],[3,4],[5,6]]]",
                                          "[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,12]],]",
                                          "[[1,2,3,4,5,6],[7,8,9,10,11,12]]",
                                          "[[[1,2],[3,4],[5,6]] [[7,8],[9,10],[11,12]]]",
                                          "[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,12]]",
                                          "[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,12],[13,14]]]",
                                          "[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,[12]]]]",
                                          "[[[1,2],3,4,[5,6]],[[7,8],[9,10],[11,12]]]"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        text = around(refused[i], &at);
        assert_int_not_equal(json_rows_read(text, &at, JSON_ELEMENT_I32, dims, 3, out), ERR_OK);
    }
    const int64_t empty[] = {0, 3, 2};
    text = around("[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,12]]]", &at);
    assert_int_not_equal(json_rows_read(text, &at, JSON_ELEMENT_I32, empty, 3, out), ERR_OK);
}

/* As number_format_f32 does, whatever the bits, and however many there are. */
static void expect_printed_one_by_one(const float *values, size_t count)
{
    char wanted[NUMBER_BYTES_MAX * 40];
    char printed[JSON_ROW_PRINT_BYTES(40)];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i]))
            len += number_format_f32(wanted + len, values[i]);
        else
            len += (size_t)snprintf(wanted + len, 5, "null");
        wanted[len++] = ',';
    }
    assert_int_equal(json_row_print_f32(printed, values, count), len);
    assert_memory_equal(printed, wanted, len);
}

static void prints_floats_as_one_by_one(void **state)
{
    (void)state;
    static const float some[] = {0.0F,          -0.0F,        1.0F,      -1.5F,    0.1F,         16777216.0F,
                                 3.4028235e38F, 1e-45F,       1.2e-38F,  1e-4F,    9.999999e-5F, 1e16F,
                                 9.9e15F,       123456789.0F, 1e9F,      1e8F,     0.001F,       1234.5F,
                                 -NAN,          INFINITY,     -INFINITY, 2.5e-10F, 100.0F,       1e10F};
    for (size_t count = 0; count <= ARRAY_LEN(some); count++)
        expect_printed_one_by_one(some, count);
    uint32_t bits = 1;
    for (int round = 0; round < 200000; round++) {
        float values[19];
        for (size_t i = 0; i < ARRAY_LEN(values); i++, bits = bits * 1664525 + 1013904223) {
            uint32_t usual = round % 2 ? bits : (bits & 0x83ffffff) | 0x3c000000; /* between 1e-2 and 2e-0, mostly */
            memcpy(&values[i], &usual, sizeof usual);
        }
        expect_printed_one_by_one(values, ARRAY_LEN(values) - (size_t)round % 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_floats_as_the_nearest_double_does),
        cmocka_unit_test(reads_numbers_as_programs_print_them),
        cmocka_unit_test(takes_integers_to_the_ends_of_their_types),
        cmocka_unit_test(takes_booleans),
        cmocka_unit_test(refuses_what_is_no_number_of_the_type),
        cmocka_unit_test(refuses_another_number_of_elements),
        cmocka_unit_test(reads_arrays_in_arrays),
        cmocka_unit_test(prints_floats_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
