/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/slice.h"

#include "lib/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void empty_slices_are_equal_with_or_without_a_pointer(void **state)
{
    (void)state;
    struct slice null = {NULL, 0};
    assert_true(slice_equal(null, SLICE_LIT("")));
    assert_true(slice_is(null, ""));
    assert_false(slice_is(null, "a"));
    assert_int_equal(slice_of_text(NULL).len, 0);
    assert_int_equal(slice_find(null, 'a'), 0);
    assert_int_equal(slice_trim(null).len, 0);
}

static void compares_every_byte_and_the_length(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE_LIT("a\0b"), SLICE_LIT("a\0b")));
    assert_false(slice_equal(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
    assert_false(slice_equal(SLICE_LIT("ab"), SLICE_LIT("abc")));
}

static void nocase_is_ascii_only(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(SLICE_LIT("Content-Type"), SLICE_LIT("cONTENT-tYPE")));
    assert_false(slice_equal_nocase(SLICE_LIT("@"), SLICE_LIT("`")));
    assert_false(slice_equal_nocase(SLICE_LIT("["), SLICE_LIT("{")));
    assert_false(slice_equal_nocase(SLICE_LIT("\xc4"), SLICE_LIT("\xe4")));
}

static void starts_with_a_prefix_not_longer_than_itself(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE_LIT("/v1/x"), SLICE_LIT("/v1")));
    assert_true(slice_starts(SLICE_LIT("/v1"), SLICE_LIT("/v1")));
    assert_true(slice_starts(SLICE_LIT("/v1"), SLICE_LIT("")));
    assert_false(slice_starts(SLICE_LIT("/v"), SLICE_LIT("/v1")));
    assert_true(slice_starts((struct slice){NULL, 0}, (struct slice){NULL, 0}));
}

static void first_and_skip_split_a_slice(void **state)
{
    (void)state;
    struct slice text = SLICE_LIT("abcdef");
    assert_true(slice_is(slice_first(text, 2), "ab"));
    assert_true(slice_is(slice_first(text, 99), "abcdef"));
    assert_true(slice_is(slice_skip(text, 2), "cdef"));
    assert_true(slice_is(slice_skip(text, 6), ""));
}

static void trims_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_true(slice_is(slice_trim(SLICE_LIT(" \t a b\t ")), "a b"));
    assert_true(slice_is(slice_trim(SLICE_LIT("\r\n")), "\r\n"));
    assert_true(slice_is(slice_trim(SLICE_LIT("  ")), ""));
}

static void cut_visits_every_part_and_the_empty_ones(void **state)
{
    (void)state;
    static const char *const parts[] = {"a", "", "b", ""};
    struct slice rest = SLICE_LIT("a,,b,");
    size_t count = 0;
    while (rest.ptr) {
        assert_true(count < ARRAY_LEN(parts));
        assert_true(slice_is(slice_cut(&rest, ','), parts[count]));
        count++;
    }
    assert_int_equal(count, ARRAY_LEN(parts));
}

static void puts_every_length_and_no_more(void **state)
{
    (void)state;
    char from[80];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)('A' + i % 26);
    for (size_t len = 0; len <= 64; len++) {
        char out[80];
        memset(out, '.', sizeof out);
        assert_ptr_equal(slice_put(out + 1, slice_of(from, len)), out + 1 + len);
        assert_memory_equal(out + 1, from, len);
        assert_true(out[0] == '.' && out[1 + len] == '.');
    }
    char empty[1];
    assert_ptr_equal(slice_put(empty, (struct slice){NULL, 0}), empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_every_length_and_no_more),
        cmocka_unit_test(empty_slices_are_equal_with_or_without_a_pointer),
        cmocka_unit_test(compares_every_byte_and_the_length),
        cmocka_unit_test(nocase_is_ascii_only),
        cmocka_unit_test(starts_with_a_prefix_not_longer_than_itself),
        cmocka_unit_test(first_and_skip_split_a_slice),
        cmocka_unit_test(trims_spaces_and_tabs_only),
        cmocka_unit_test(cut_visits_every_part_and_the_empty_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
