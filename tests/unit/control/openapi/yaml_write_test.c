/* SPDX-License-Identifier: Apache-2.0 */
#include "control/openapi/yaml_write.h"

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    return make_arena_of(SIZE_MAX);
}

static void expect(const char *json, const char *yaml)
{
    struct slice text;
    assert_int_equal(yaml_write_text(slice_of_text(json), &arena, &text), ERR_OK);
    assert_int_equal(text.len, strlen(yaml));
    assert_memory_equal(text.ptr, yaml, text.len);
}

static void nests_by_indentation(void **state)
{
    (void)state;
    expect("{\"a\":{\"b\":[1,{\"c\":2,\"d\":[3]},[4,[5]]]}}", "a:\n"
                                                              "  b:\n"
                                                              "    - 1\n"
                                                              "    - c: 2\n"
                                                              "      d:\n"
                                                              "        - 3\n"
                                                              "    -\n"
                                                              "      - 4\n"
                                                              "      -\n"
                                                              "        - 5\n");
}

static void writes_empty_ones_in_line(void **state)
{
    (void)state;
    expect("{\"a\":{},\"b\":[],\"c\":[{},[]]}", "a: {}\nb: []\nc:\n  - {}\n  - []\n");
}

static void keeps_scalars_of_json(void **state)
{
    (void)state;
    expect("[null,true,-1,1.5,18446744073709551615]", "- null\n- true\n- -1\n- 1.5\n- 18446744073709551615\n");
    expect("7", "7\n");
}

static void leaves_harmless_strings_plain(void **state)
{
    (void)state;
    expect("[\"a word\",\"/v1/{id}\",\"post_v1\",\"text/plain; version=0.0.4\"]",
           "- a word\n- /v1/{id}\n- post_v1\n- text/plain; version=0.0.4\n");
}

static void quotes_what_a_reader_could_take_for_something_else(void **state)
{
    (void)state;
    expect(
        "[\"\",\"no\",\"Null\",\"1.0\",\"200\",\"2026-11-25\",\"a: b\",\"a #b\",\"- a\",\"{a}\",\"a \",\" a\",\"~\"]",
        "- \"\"\n- \"no\"\n- \"Null\"\n- \"1.0\"\n- \"200\"\n- \"2026-11-25\"\n- \"a: b\"\n- \"a #b\"\n- \"- a\"\n"
        "- \"{a}\"\n- \"a \"\n- \" a\"\n- \"~\"\n");
    expect("{\"200\":1,\"$ref\":\"#/a\"}", "\"200\": 1\n\"$ref\": \"#/a\"\n");
}

static void escapes_what_yaml_cannot_hold(void **state)
{
    (void)state;
    expect("[\"a\\nb\",\"\x7f\",\"\xc2\x80\",\"\xe2\x80\xa8\",\"\xef\xbb\xbf\",\"\xc3\xa9\",\"\xf0\x9f\x98\x80\"]",
           "- \"a\\nb\"\n- \"\\u007f\"\n- \"\\u0080\"\n- \"\\u2028\"\n- \"\\ufeff\"\n- \"\xc3\xa9\"\n"
           "- \"\xf0\x9f\x98\x80\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nests_by_indentation, setup, drop_arena),
        cmocka_unit_test_setup_teardown(writes_empty_ones_in_line, setup, drop_arena),
        cmocka_unit_test_setup_teardown(keeps_scalars_of_json, setup, drop_arena),
        cmocka_unit_test_setup_teardown(leaves_harmless_strings_plain, setup, drop_arena),
        cmocka_unit_test_setup_teardown(quotes_what_a_reader_could_take_for_something_else, setup, drop_arena),
        cmocka_unit_test_setup_teardown(escapes_what_yaml_cannot_hold, setup, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
