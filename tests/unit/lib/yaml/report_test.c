/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/yaml/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_printed(const struct report *report, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    report_print(report, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void begin(struct report *report, const char *text)
{
    report_init(report);
    assert_int_equal(report_begin(report, SLICE_LIT("weir.yaml"), slice_of_text(text)), ERR_OK);
}

static void shows_the_line_with_a_caret_under_the_place(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "a: 1\n  - format_output: {lable: x}\n");
    report_error(&report, (struct report_place){2, 21}, "unknown option \"%s\"", "lable");
    assert_printed(&report, "weir.yaml:2:21: error: unknown option \"lable\"\n"
                            "      - format_output: {lable: x}\n"
                            "                        ^\n");
    report_deinit(&report);
}

static void puts_the_caret_under_characters_and_tabs(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "\t\xc3\xa9\xe2\x82\xac: x\r\n");
    report_warning(&report, (struct report_place){1, 4}, "here");
    assert_printed(&report, "weir.yaml:1:4: warning: here\n"
                            "    \t\xc3\xa9\xe2\x82\xac: x\n"
                            "    \t  ^\n");
    report_deinit(&report);
}

static void shows_no_line_for_the_file_as_a_whole(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "a\n");
    report_error(&report, (struct report_place){0}, "nothing");
    assert_printed(&report, "weir.yaml: error: nothing\n");
    report_deinit(&report);
}

static void sorts_by_place_and_keeps_equal_ones(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "");
    report_error(&report, (struct report_place){2, 1}, "c");
    report_error(&report, (struct report_place){1, 9}, "b");
    report_error(&report, (struct report_place){2, 1}, "d");
    report_error(&report, (struct report_place){0}, "a");
    report_sort(&report);
    assert_printed(&report, "weir.yaml: error: a\nweir.yaml:1:9: error: b\nweir.yaml:2:1: error: c\n"
                            "weir.yaml:2:1: error: d\n");
    report_deinit(&report);
}

static void counts_what_it_does_not_keep(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "");
    for (uint32_t i = 0; i < REPORT_NOTES_MAX + 7; i++)
        report_error(&report, (struct report_place){i + 1, 1}, "x");
    assert_int_equal(report.note_count, REPORT_NOTES_MAX);
    assert_int_equal(report.error_count, REPORT_NOTES_MAX + 7);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    report_print(&report, out);
    fclose(out);
    assert_string_equal(text + len - strlen("and 7 more\n"), "and 7 more\n");
    free(text);
    report_deinit(&report);
}

static void keeps_controls_of_the_file_from_the_terminal(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "a\x1b[2Jb\n");
    report_error(&report, (struct report_place){1, 1}, "found \"\x1b[2J\n\"");
    assert_printed(&report, "weir.yaml:1:1: error: found \"?[2J?\"\n    a?[2Jb\n    ^\n");
    report_deinit(&report);
}

static void cuts_a_message_that_is_too_long(void **state)
{
    (void)state;
    struct report report;
    begin(&report, "");
    report_error(&report, (struct report_place){1, 1}, "%*s", 2 * REPORT_NOTE_BYTES_MAX, "x");
    assert_int_equal(report.notes[0].message.len, REPORT_NOTE_BYTES_MAX - 1);
    report_deinit(&report);
}

static void what_is_wrong_with_another_file_bears_its_name_and_comes_last(void **state)
{
    (void)state;
    struct report report;
    const struct report_origin b = {.path = SLICE_LIT("schemas/b.json"), .text = SLICE_LIT("{\n  \"type\": 1\n}")};
    const struct report_origin a = {.path = SLICE_LIT("schemas/a.json")};
    begin(&report, "a: 1\nb: 2\n");
    report_error_in(&report, &b, (struct report_place){2, 11}, "type is a name");
    report_warning_in(&report, &a, (struct report_place){0}, "no route uses this");
    report_error(&report, (struct report_place){2, 1}, "unknown");
    report_sort(&report);
    assert_printed(&report, "weir.yaml:2:1: error: unknown\n"
                            "    b: 2\n"
                            "    ^\n"
                            "schemas/a.json: warning: no route uses this\n"
                            "schemas/b.json:2:11: error: type is a name\n"
                            "      \"type\": 1\n"
                            "              ^\n");
    assert_int_equal(report.error_count, 2);
    assert_int_equal(report.warning_count, 1);
    report_deinit(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_another_file_bears_its_name_and_comes_last),
        cmocka_unit_test(shows_the_line_with_a_caret_under_the_place),
        cmocka_unit_test(puts_the_caret_under_characters_and_tabs),
        cmocka_unit_test(shows_no_line_for_the_file_as_a_whole),
        cmocka_unit_test(sorts_by_place_and_keeps_equal_ones),
        cmocka_unit_test(counts_what_it_does_not_keep),
        cmocka_unit_test(keeps_controls_of_the_file_from_the_terminal),
        cmocka_unit_test(cuts_a_message_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
