/* SPDX-License-Identifier: Apache-2.0 */
/* Where values end in JSON text that nobody has parsed. */
#include "lib/json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void finds_the_end_of_a_value(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",  "-1.5e7",        "true",          "null",    "\"\"",         "\"a\\\"b\\\\\"",
        "[]", "[1,[2,[]],{}]", "{\"a\":[1,2]}", "[\"]\"]", "{\"}\":\"{\"}"};
    static const char *const behind[] = {",1", "]", "}", " ", "\n]"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t j = 0; j < sizeof behind / sizeof *behind; j++) {
            char text[100];
            snprintf(text, sizeof text, "%s%s", values[i], behind[j]);
            assert_int_equal(json_scan_value(slice_of_text(text), 0), strlen(values[i]));
        }
    assert_int_equal(json_scan_value(SLICE_LIT("[1,2"), 0), JSON_SCAN_NONE);
    assert_int_equal(json_scan_value(SLICE_LIT("\"a\\\""), 0), JSON_SCAN_NONE);
    assert_int_equal(json_scan_value(SLICE_LIT(""), 0), JSON_SCAN_NONE);
}

/* Brackets at every place of a block and on both sides of its border. */
static void finds_the_end_of_an_array_wherever_its_brackets_are(void **state)
{
    (void)state;
    for (size_t len = 2; len < 300; len++)
        for (size_t inner = 1; inner + 2 < len; inner += 1 + len / 9) {
            char *text = malloc(len + 3);
            memset(text, '1', len + 3);
            text[0] = '[';
            text[inner] = '[';
            text[inner + 1] = ']';
            text[len - 1] = ']';
            memcpy(text + len, "]]]", 3);
            assert_int_equal(json_scan_array(slice_of(text, len + 3), 0), len);
            assert_int_equal(json_scan_array(slice_of(text, len), 0), len);
            assert_int_equal(json_scan_array(slice_of(text, len - 1), 0), JSON_SCAN_NONE);
            text[inner + 1] = '"';
            assert_int_equal(json_scan_array(slice_of(text, len + 3), 0), JSON_SCAN_NONE);
            free(text);
        }
}

static void leaves_strings_behind_an_array_alone(void **state)
{
    (void)state;
    assert_int_equal(json_scan_array(SLICE_LIT("[[1],[2]],\"a\""), 0), 9);
    assert_int_equal(json_scan_array(SLICE_LIT("[[1],\"]\"]"), 0), JSON_SCAN_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end_of_a_value),
        cmocka_unit_test(finds_the_end_of_an_array_wherever_its_brackets_are),
        cmocka_unit_test(leaves_strings_behind_an_array_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
