/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options/scalar.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#define S 1000000000ULL

static void times_go_from_the_largest_unit_to_the_smallest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
        enum err err;
    } rows[] = {
        {"0", 0, ERR_OK},
        {"250ms", S / 4, ERR_OK},
        {"7us", 7000, ERR_OK},
        {"1m30s", 90 * S, ERR_OK},
        {"1h2m3s4ms5us", 3723 * S + 4005000, ERR_OK},
        {"90", 0, ERR_SYNTAX},
        {"", 0, ERR_SYNTAX},
        {"s", 0, ERR_SYNTAX},
        {"1s1m", 0, ERR_SYNTAX},
        {"1s1s", 0, ERR_SYNTAX},
        {"1m 30s", 0, ERR_SYNTAX},
        {"1m30", 0, ERR_SYNTAX},
        {"-1s", 0, ERR_SYNTAX},
        {"1.5s", 0, ERR_SYNTAX},
        {"18446744073709551615h", 0, ERR_LIMIT},
        {"5124095h18446744073s", 0, ERR_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ns = 77;
        enum err err = duration_parse(slice_of_text(rows[i].text), &ns);
        if (err != rows[i].err || ns != (err == ERR_OK ? rows[i].ns : 77))
            fail_msg("%s: %s, %llu", rows[i].text, err_text(err), (unsigned long long)ns);
    }
}

static void sizes_have_one_unit(void **state)
{
    (void)state;
    uint64_t bytes = 77;
    assert_int_equal(size_parse(SLICE_LIT("16KiB"), &bytes), ERR_OK);
    assert_int_equal(bytes, 16384);
    assert_int_equal(size_parse(SLICE_LIT("4096"), &bytes), ERR_OK);
    assert_int_equal(bytes, 4096);
    assert_int_equal(size_parse(SLICE_LIT("1MiB1KiB"), &bytes), ERR_SYNTAX);
    assert_int_equal(size_parse(SLICE_LIT("1KB"), &bytes), ERR_SYNTAX);
    assert_int_equal(size_parse(SLICE_LIT("18446744073709551615GiB"), &bytes), ERR_LIMIT);
    assert_int_equal(bytes, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_go_from_the_largest_unit_to_the_smallest),
        cmocka_unit_test(sizes_have_one_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
