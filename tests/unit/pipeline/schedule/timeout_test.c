/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/schedule/timeout_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_numbers_with_their_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {{"250ms", 250000000},
                {"1.5s", 1500000000},
                {"2m", 120000000000},
                {"800us", 800000},
                {"3", 3000000000},
                {"0.25", 250000000},
                {"0s", 0},
                {"0.5us", 500},
                {"100000m", TIMEOUT_MAX_NS},
                {"999999999999999m", TIMEOUT_MAX_NS}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ns = 1;
        assert_int_equal(timeout_parse(slice_of_text(rows[i].text), &ns), ERR_OK);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void refuses_all_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "ms",  "-1s", "+1s", "1 s",  " 1s",   "1.s",
                                        ".5s", "1e3", "1h",  "1S",  "0x1s", "1s,2s", "1234567890123456s"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint64_t ns = 7;
        assert_int_equal(timeout_parse(slice_of_text(texts[i]), &ns), ERR_INVALID);
        assert_int_equal(ns, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_with_their_unit),
        cmocka_unit_test(refuses_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
