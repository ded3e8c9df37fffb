/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/asan.h"
#include "lib/base/pool.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void rounds_up_to_a_power_of_two(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{0, 1024}, {1, 1024}, {1024, 1024}, {1025, 2048}, {4096, 4096}, {4097, 8192}};
    struct pool pool;
    pool_init(&pool, 0, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t bytes = 0;
        void *block = pool_acquire(&pool, cases[i][0], &bytes);
        assert_int_equal(bytes, cases[i][1]);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 1, bytes);
        pool_release(&pool, block, bytes);
    }
    pool_deinit(&pool);
}

static void refuses_more_than_the_largest_class(void **state)
{
    (void)state;
    struct pool pool;
    size_t bytes = 17;
    pool_init(&pool, 0, SIZE_MAX);
    assert_null(pool_acquire(&pool, ((size_t)1 << POOL_CLASS_MAX_BITS) + 1, &bytes));
    assert_null(pool_acquire(&pool, SIZE_MAX, &bytes));
    assert_int_equal(bytes, 17);
    pool_deinit(&pool);
}

static void refuses_more_than_may_be_outstanding(void **state)
{
    (void)state;
    struct pool pool;
    size_t bytes = 0;
    pool_init(&pool, 1 << 20, 3 * 1024);
    void *first = pool_acquire(&pool, 2048, &bytes);
    assert_null(pool_acquire(&pool, 2048, &bytes));
    void *second = pool_acquire(&pool, 1024, &bytes);
    assert_non_null(second);
    assert_null(pool_acquire(&pool, 1, &bytes));
    pool_release(&pool, first, 2048);
    assert_non_null(first = pool_acquire(&pool, 2048, &bytes));
    pool_release(&pool, first, 2048);
    pool_release(&pool, second, 1024);
    pool_deinit(&pool);
}

static void warm_pool_asks_the_system_no_more(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 1 << 20, 1 << 20);
    for (int round = 0; round < 10; round++) {
        size_t bytes = 0;
        void *a = pool_acquire(&pool, 5000, &bytes);
        void *b = pool_acquire(&pool, 6000, &bytes);
        pool_release(&pool, a, bytes);
        pool_release(&pool, b, bytes);
    }
    assert_int_equal(pool.mallocs, 2);
    assert_int_equal(pool.cache_bytes, 2 * 8192);
    pool_deinit(&pool);
}

static void cache_stays_within_its_bound(void **state)
{
    (void)state;
    struct pool pool;
    void *blocks[8];
    size_t bytes = 0;
    pool_init(&pool, 3 * 1024, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        blocks[i] = pool_acquire(&pool, 1024, &bytes);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        pool_release(&pool, blocks[i], 1024);
    assert_int_equal(pool.cache_bytes, 3 * 1024);
    assert_int_equal(pool.outstanding_bytes, 0);
    pool_deinit(&pool);
}

static void trim_keeps_at_most_what_is_asked(void **state)
{
    (void)state;
    struct pool pool;
    void *blocks[4];
    size_t bytes = 0;
    pool_init(&pool, 1 << 20, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        blocks[i] = pool_acquire(&pool, (size_t)1024 << i, &bytes);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        pool_release(&pool, blocks[i], (size_t)1024 << i);
    pool_trim(&pool, 15 * 1024);
    assert_int_equal(pool.cache_bytes, 15 * 1024);
    pool_trim(&pool, 7 * 1024);
    assert_int_equal(pool.cache_bytes, 7 * 1024);
    pool_trim(&pool, 0);
    assert_int_equal(pool.cache_bytes, 0);
    pool_deinit(&pool);
}

static void releasing_null_does_nothing(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 1024, 1024);
    pool_release(&pool, NULL, 0);
    assert_int_equal(pool.outstanding_bytes, 0);
    pool_deinit(&pool);
}

static void cached_block_is_poisoned_from_its_first_byte(void **state)
{
    (void)state;
#ifdef WEIR_ASAN
    struct pool pool;
    size_t bytes = 0;
    pool_init(&pool, 1 << 20, 1 << 20);
    char *block = pool_acquire(&pool, 1024, &bytes);
    pool_release(&pool, block, bytes);
    assert_true(__asan_address_is_poisoned(block));
    assert_true(__asan_address_is_poisoned(block + bytes - 1));
    assert_ptr_equal(pool_acquire(&pool, 1024, &bytes), block);
    assert_null(__asan_region_is_poisoned(block, bytes));
    pool_release(&pool, block, bytes);
    pool_deinit(&pool);
#else
    skip();
#endif
}

static void a_spare_that_keeps_nothing_gives_all_to_the_pool(void **state)
{
    (void)state;
    struct pool pool;
    struct pool_spare spare = {NULL, 0};
    size_t bytes = 0;
    pool_init(&pool, 0, 1 << 20);
    pool_spare_stop_keeping(&spare);
    for (int i = 0; i < 3; i++) {
        assert_null(pool_spare_take(&spare, 1, &bytes));
        void *memory = pool_acquire(&pool, 3000, &bytes);
        pool_spare_release(&spare, &pool, memory, bytes, SIZE_MAX);
        assert_int_equal(pool.outstanding_bytes, 0);
        assert_int_equal(pool_spare_bytes(&spare), 0);
        pool_spare_drop(&spare, &pool);
    }
    assert_int_equal(pool.mallocs, 3);
    pool_deinit(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spare_that_keeps_nothing_gives_all_to_the_pool),
        cmocka_unit_test(rounds_up_to_a_power_of_two),
        cmocka_unit_test(refuses_more_than_the_largest_class),
        cmocka_unit_test(refuses_more_than_may_be_outstanding),
        cmocka_unit_test(warm_pool_asks_the_system_no_more),
        cmocka_unit_test(cache_stays_within_its_bound),
        cmocka_unit_test(trim_keeps_at_most_what_is_asked),
        cmocka_unit_test(releasing_null_does_nothing),
        cmocka_unit_test(cached_block_is_poisoned_from_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
