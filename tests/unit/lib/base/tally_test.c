/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "lib/base/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 200

static void counts_each_key_by_itself(void **state)
{
    struct tally tally = {0};
    (void)state;
    assert_int_equal(tally_reserve(&tally, 3), ERR_OK);
    assert_int_equal(tally_add(&tally, 7), 1);
    assert_int_equal(tally_add(&tally, 0), 1);
    assert_int_equal(tally_add(&tally, 7), 2);
    tally_remove(&tally, 7);
    assert_int_equal(tally_add(&tally, 7), 2);
    tally_remove(&tally, 0);
    assert_int_equal(tally.used, 1);
    assert_int_equal(tally_add(&tally, 0), 1);
    tally_deinit(&tally);
}

/* Against a plain array, with few homes for many keys, so that chains form, wrap and close. */
static void agrees_with_an_array_whatever_comes_and_goes(void **state)
{
    struct tally tally = {0};
    static uint32_t counts[KEYS];
    uint64_t random = 1;
    (void)state;
    assert_int_equal(tally_reserve(&tally, KEYS), ERR_OK);
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        size_t key = random >> 33 & 1 ? (random >> 40) % KEYS : (random >> 40) % 8;
        bool adds = (random >> 50) % 100 < (size_t)(i / 1000 % 2 ? 60 : 40);
        if (adds) {
            assert_int_equal(tally_add(&tally, key), ++counts[key]);
        } else if (counts[key]) {
            tally_remove(&tally, key);
            counts[key]--;
        }
    }
    size_t used = 0;
    for (size_t key = 0; key < KEYS; key++)
        used += counts[key] > 0;
    assert_int_equal(tally.used, used);
    for (size_t key = 0; key < KEYS; key++)
        for (; counts[key]; counts[key]--)
            tally_remove(&tally, key);
    assert_int_equal(tally.used, 0);
    for (size_t i = 0; i < tally.capacity; i++)
        assert_int_equal(tally.entries[i].count, 0);
    tally_deinit(&tally);
}

static void growing_keeps_what_was_counted(void **state)
{
    struct tally tally = {0};
    (void)state;
    for (uint64_t key = 0; key < 1000; key++) {
        assert_int_equal(tally_reserve(&tally, key + 1), ERR_OK);
        assert_int_equal(tally_add(&tally, key << 32), 1);
        assert_int_equal(tally_add(&tally, key << 32), 2);
    }
    for (uint64_t key = 0; key < 1000; key++)
        assert_int_equal(tally_add(&tally, key << 32), 3);
    assert_int_equal(tally.used, 1000);
    tally_deinit(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_key_by_itself),
        cmocka_unit_test(agrees_with_an_array_whatever_comes_and_goes),
        cmocka_unit_test(growing_keeps_what_was_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
