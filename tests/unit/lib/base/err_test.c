/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ERR(name, text) ERR_##name,
static const enum err all[] = {
#include "lib/base/err.def"
};
#undef ERR

static void ok_is_zero_so_that_errors_are_true(void **state)
{
    (void)state;
    assert_int_equal(ERR_OK, 0);
}

static void every_error_has_its_own_name_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(all[i], i);
        assert_true(strlen(err_text(all[i])) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(err_name(all[i]), err_name(all[j]));
            assert_string_not_equal(err_text(all[i]), err_text(all[j]));
        }
    }
    assert_string_equal(err_name(ERR_NOT_FOUND), "NOT_FOUND");
}

static void unknown_error_is_still_a_text(void **state)
{
    (void)state;
    assert_string_equal(err_name((enum err)9999), "UNKNOWN");
    assert_string_equal(err_text((enum err) - 1), "unknown error");
}

static enum err pass(enum err err, int *reached)
{
    TRY(err);
    *reached = 1;
    return ERR_EXISTS;
}

static void try_passes_errors_on_and_lets_ok_through(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(pass(ERR_IO, &reached), ERR_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(pass(ERR_OK, &reached), ERR_EXISTS);
    assert_int_equal(reached, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok_is_zero_so_that_errors_are_true),
        cmocka_unit_test(every_error_has_its_own_name_and_text),
        cmocka_unit_test(unknown_error_is_still_a_text),
        cmocka_unit_test(try_passes_errors_on_and_lets_ok_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
