/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls/names_int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void add(struct tls_names *names, const char *text, uint32_t owner)
{
    assert_int_equal(tls_names_add(names, slice_of_text(text), owner), ERR_OK);
}

static uint32_t find(const struct tls_names *names, const char *host)
{
    return tls_names_find(names, slice_of_text(host));
}

static void finds_the_exact_name_before_the_wildcard(void **state)
{
    (void)state;
    struct tls_names names = {0};
    add(&names, "*.example.com", 1);
    add(&names, "a.example.com", 2);
    add(&names, "Example.COM", 3);
    tls_names_sort(&names);
    assert_int_equal(find(&names, "a.example.com"), 2);
    assert_int_equal(find(&names, "b.example.com"), 1);
    assert_int_equal(find(&names, "example.com"), 3);
    assert_int_equal(find(&names, "A.EXAMPLE.com"), 2);
    tls_names_deinit(&names);
}

static void a_wildcard_stands_for_one_label(void **state)
{
    (void)state;
    struct tls_names names = {0};
    add(&names, "*.example.com", 1);
    tls_names_sort(&names);
    const char *others[] = {"a.b.example.com", "example.com",    ".example.com", "com", "",
                            "xexample.com",    "*.b.example.com"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(find(&names, others[i]), TLS_NOBODY);
    tls_names_deinit(&names);
}

static void of_two_owners_the_first_wins(void **state)
{
    (void)state;
    struct tls_names names = {0};
    for (uint32_t owner = 20; owner-- > 0;)
        add(&names, "same.example", owner);
    tls_names_sort(&names);
    assert_int_equal(find(&names, "same.example"), 0);
    tls_names_deinit(&names);
}

static void refuses_what_no_host_can_match(void **state)
{
    (void)state;
    struct tls_names names = {0};
    char long_name[TLS_HOST_BYTES_MAX + 1];
    memset(long_name, 'a', sizeof long_name);
    const struct slice bad[] = {SLICE_LIT(""),      SLICE_LIT("*"),     SLICE_LIT("*."),
                                SLICE_LIT("a.*.b"), SLICE_LIT("*.*.b"), SLICE_LIT("a*.b"),
                                SLICE_LIT(".b"),    SLICE_LIT("a\0.b"), slice_of(long_name, sizeof long_name)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(tls_names_add(&names, bad[i], 0), ERR_INVALID);
    assert_int_equal(tls_names_find(&names, slice_of(long_name, sizeof long_name)), TLS_NOBODY);
    tls_names_deinit(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_exact_name_before_the_wildcard),
        cmocka_unit_test(a_wildcard_stands_for_one_label),
        cmocka_unit_test(of_two_owners_the_first_wins),
        cmocka_unit_test(refuses_what_no_host_can_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
