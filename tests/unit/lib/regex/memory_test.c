/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling with each allocation failing in turn: ERR_NOMEM and nothing kept, whatever the pattern is made into. */
#include "lib/regex/regex.h"

#include "unit/lib/malloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static enum err compile_and_match(const char *pattern)
{
    struct regex_fault fault;
    struct regex *regex = NULL;
    struct regex_work *work = NULL;
    enum err err = regex_compile(slice_of_text(pattern), &fault, &regex);
    if (err == ERR_OK)
        err = regex_work_create(1000, &work);
    if (err == ERR_OK && regex_match(regex, SLICE_LIT("abc"), work) == REGEX_LIMIT)
        err = ERR_LIMIT;
    regex_work_destroy(work);
    regex_destroy(regex);
    return err;
}

static void each_allocation_may_fail(void **state)
{
    static const char *const patterns[] = {
        "^abc$", "^[a-z\\u00e9]+$", "^(a|b|[c-f]{2,5})+x?$", "^(?<n>a)(?=\\p{L}+)[\\p{Lu}\\w]\\k<n>", "(?<=a+)b", "(("};
    (void)state;
    if (!CAN_FAIL)
        skip();
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        enum err wanted = compile_and_match(patterns[i]);
        bool is_over = false;
        for (unsigned long nth = 1; !is_over; nth++) {
            long before = kept;
            fail_in = nth;
            enum err err = compile_and_match(patterns[i]);
            is_over = fail_in > 0;
            fail_in = 0;
            if (err != wanted && (err != ERR_NOMEM || is_over)) /* PCRE2 does without some of what it asks for */
                fail_msg("%s, allocation %lu: %s", patterns[i], nth, err_name(err));
            if (kept != before)
                fail_msg("%s, allocation %lu: %ld are left", patterns[i], nth, kept - before);
            (void)regex_is_valid(slice_of_text(patterns[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
