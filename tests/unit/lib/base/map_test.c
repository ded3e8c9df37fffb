/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/map.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_key key = {1, 2};

static void finds_what_was_added_and_nothing_else(void **state)
{
    (void)state;
    struct map map;
    int one = 1;
    int two = 2;
    map_init(&map, key);
    assert_null(map_find(&map, SLICE_LIT("one")));
    assert_int_equal(map_add(&map, SLICE_LIT("one"), &one), ERR_OK);
    assert_int_equal(map_add(&map, SLICE_LIT("two"), &two), ERR_OK);
    assert_ptr_equal(map_find(&map, SLICE_LIT("one")), &one);
    assert_ptr_equal(map_find(&map, SLICE_LIT("two")), &two);
    assert_null(map_find(&map, SLICE_LIT("on")));
    assert_null(map_find(&map, SLICE_LIT("")));
    map_deinit(&map);
}

static void second_add_of_a_key_changes_nothing(void **state)
{
    (void)state;
    struct map map;
    int one = 1;
    int two = 2;
    map_init(&map, key);
    assert_int_equal(map_add(&map, SLICE_LIT("k"), &one), ERR_OK);
    assert_int_equal(map_add(&map, SLICE_LIT("k"), &two), ERR_EXISTS);
    assert_ptr_equal(map_find(&map, SLICE_LIT("k")), &one);
    assert_int_equal(map.count, 1);
    map_deinit(&map);
}

static void empty_key_is_a_key(void **state)
{
    (void)state;
    struct map map;
    int one = 1;
    map_init(&map, key);
    assert_int_equal(map_add(&map, (struct slice){NULL, 0}, &one), ERR_OK);
    assert_ptr_equal(map_find(&map, SLICE_LIT("")), &one);
    assert_ptr_equal(map_find(&map, (struct slice){NULL, 0}), &one);
    assert_int_equal(map_add(&map, SLICE_LIT(""), &one), ERR_EXISTS);
    map_deinit(&map);
}

static void grows_and_stays_at_most_half_full(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static char names[COUNT][8];
    struct map map;
    map_init(&map, key);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "k%zu", i);
        assert_int_equal(map_add(&map, slice_of_text(names[i]), names[i]), ERR_OK);
        assert_true(map.count * 2 <= map.capacity);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(map_find(&map, slice_of_text(names[i])), names[i]);
    map_deinit(&map);
    assert_null(map_find(&map, SLICE_LIT("k1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added_and_nothing_else),
        cmocka_unit_test(second_add_of_a_key_changes_nothing),
        cmocka_unit_test(empty_key_is_a_key),
        cmocka_unit_test(grows_and_stays_at_most_half_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
