/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/terminal.h"

#include "lib/base/attr.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void the_first_variable_that_is_set_says_what_characters_are(void **state)
{
    (void)state;
    static const struct {
        const char *all, *ctype, *lang;
        bool is_utf8;
    } cases[] = {
        {NULL, NULL, NULL, false},
        {NULL, NULL, "C", false},
        {NULL, NULL, "C.UTF-8", true},
        {NULL, NULL, "de_DE.utf8@euro", true},
        {NULL, NULL, "en_US.ISO-8859-1", false},
        {NULL, "C", "C.UTF-8", false},
        {"", "en_US.UTF-8", "C", true},
        {"C", "C.UTF-8", "C.UTF-8", false},
        {NULL, NULL, "UTF-8", false}, /* the name of no locale */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set("LC_ALL", cases[i].all);
        set("LC_CTYPE", cases[i].ctype);
        set("LANG", cases[i].lang);
        assert_int_equal(terminal_is_utf8(), cases[i].is_utf8);
    }
}

static void colours_are_left_out_where_somebody_says_so(void **state)
{
    (void)state;
    set("NO_COLOR", NULL);
    assert_true(terminal_has_color());
    set("NO_COLOR", "");
    assert_true(terminal_has_color());
    set("NO_COLOR", "1");
    assert_false(terminal_has_color());
}

static void a_dumb_terminal_is_none(void **state)
{
    (void)state;
    set("TERM", "dumb");
    assert_false(terminal_is_there());
    set("TERM", NULL);
    assert_false(terminal_is_there());
    assert_true(terminal_columns() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_variable_that_is_set_says_what_characters_are),
        cmocka_unit_test(colours_are_left_out_where_somebody_says_so),
        cmocka_unit_test(a_dumb_terminal_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
