/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/arena.h"
#include "lib/base/asan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD_BYTES 64 /* what a block keeps for itself */

static int make_pool(void **state)
{
    static struct pool pool;
    pool_init(&pool, 1 << 20, 1 << 24);
    *state = &pool;
    return 0;
}

static int drop_pool(void **state)
{
    pool_deinit(*state);
    return 0;
}

static bool is_aligned(const void *ptr, size_t align)
{
    return (uintptr_t)ptr % align == 0;
}

static void takes_nothing_before_the_first_allocation(void **state)
{
    struct pool *pool = *state;
    struct arena arena;
    arena_init(&arena, pool, 4096, 1 << 20);
    assert_int_equal(pool->outstanding_bytes, 0);
    arena_reset(&arena);
}

static void aligns_every_piece(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 1 << 20);
    for (size_t bytes = 0; bytes < 3000; bytes += 7) {
        assert_true(is_aligned(arena_alloc(&arena, bytes), ARENA_ALIGN));
        assert_true(is_aligned(arena_alloc_aligned(&arena, bytes), 64));
    }
    arena_reset(&arena);
}

static void pieces_do_not_overlap(void **state)
{
    struct arena arena;
    unsigned char *pieces[200];
    arena_init(&arena, *state, 1024, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i] = i % 3 ? arena_alloc(&arena, i * 5) : arena_alloc_aligned(&arena, i * 5);
        memset(pieces[i], (int)i, i * 5);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t j = 0; j < i * 5; j++)
            assert_int_equal(pieces[i][j], i);
    arena_reset(&arena);
}

static void zero_bytes_give_a_valid_pointer(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 1024);
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(arena_alloc_zero(&arena, 0));
    arena_reset(&arena);
}

static void limit_holds_to_the_byte(void **state)
{
    struct arena arena;
    for (size_t limit = HEAD_BYTES; limit < 5000; limit += 97) {
        arena_init(&arena, *state, 1024, limit);
        size_t room = limit - HEAD_BYTES;
        assert_false(arena.is_over_limit);
        assert_null(arena_alloc(&arena, room + 1));
        assert_true(arena.is_over_limit);
        assert_non_null(arena_alloc(&arena, room));
        assert_true(arena.used_bytes <= limit);
        assert_null(arena_alloc(&arena, 1024));
        arena_reset(&arena);
    }
    arena_init(&arena, *state, 1024, HEAD_BYTES - 1);
    assert_null(arena_alloc(&arena, 0));
    arena_reset(&arena);
}

static void last_block_may_be_smaller_than_the_others(void **state)
{
    struct arena arena;
    size_t total = 0;
    arena_init(&arena, *state, 4096, 10000);
    while (arena_alloc(&arena, 16))
        total += 16;
    /* Three blocks, the last one of 10000 - 2 × 4096 bytes. */
    assert_in_range(total, 10000 - 3 * HEAD_BYTES - 15, 10000 - 3 * HEAD_BYTES);
    arena_reset(&arena);
}

static void no_limit_is_no_overflow(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 4096, SIZE_MAX);
    assert_non_null(arena_alloc(&arena, 100));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - HEAD_BYTES));
    assert_null(arena_alloc_aligned(&arena, SIZE_MAX - 127));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(&arena, 100));
    arena_reset(&arena);
}

static void refused_piece_leaves_room_for_small_ones(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 4096);
    assert_non_null(arena_alloc(&arena, 100));
    assert_null(arena_alloc(&arena, 1 << 20));
    assert_non_null(arena_alloc(&arena, 100));
    assert_int_equal(arena.used_bytes, 1024);
    arena_reset(&arena);
}

static void large_piece_leaves_the_current_block_open(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 1 << 20);
    char *first = arena_alloc(&arena, 16);
    assert_non_null(arena_alloc(&arena, 5000));
    char *second = arena_alloc(&arena, 16);
    assert_ptr_equal(second, first + 16);
    arena_reset(&arena);
}

static void zeroed_memory_is_zero_after_reuse(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 1 << 20);
    memset(arena_alloc(&arena, 900), 0xff, 900);
    arena_reset(&arena);
    const unsigned char *zero = arena_alloc_array(&arena, 9, 100);
    for (size_t i = 0; i < 900; i++)
        assert_int_equal(zero[i], 0);
    arena_reset(&arena);
}

static void reset_gives_all_back_and_asks_the_system_no_more(void **state)
{
    struct pool *pool = *state;
    struct arena arena;
    arena_init(&arena, pool, 1024, 1 << 20);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(arena_alloc(&arena, (size_t)i * 11));
        arena_reset(&arena);
        assert_int_equal(pool->outstanding_bytes, 0);
        assert_int_equal(arena.used_bytes, 0);
        if (round == 0)
            pool->mallocs = 0;
    }
    assert_int_equal(pool->mallocs, 0);
}

static void exhausted_pool_is_null_not_abort(void **state)
{
    (void)state;
    struct pool small;
    struct arena arena;
    pool_init(&small, 0, 2048);
    arena_init(&arena, &small, 1024, 1 << 20);
    assert_non_null(arena_alloc(&arena, 900));
    assert_non_null(arena_alloc(&arena, 900));
    assert_null(arena_alloc(&arena, 900));
    arena_reset(&arena);
    pool_deinit(&small);
}

static void copy_ends_with_nul(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 2048);
    struct slice copy = arena_copy(&arena, SLICE_LIT("route"));
    assert_int_equal(copy.len, 5);
    assert_string_equal(copy.ptr, "route");
    assert_string_equal(arena_copy(&arena, (struct slice){NULL, 0}).ptr, "");
    char large[4096] = {0};
    assert_null(arena_copy(&arena, slice_of(large, sizeof large)).ptr);
    arena_reset(&arena);
}

static void printf_measures_before_it_writes(void **state)
{
    struct arena arena;
    arena_init(&arena, *state, 1024, 4096);
    struct slice text = arena_printf(&arena, "%s-%0900d", "x", 7);
    assert_int_equal(text.len, 902);
    assert_string_equal(text.ptr + 895, "0000007");
    assert_null(arena_printf(&arena, "%05000d", 7).ptr);
    arena_reset(&arena);
}

static void what_was_not_allocated_is_poisoned(void **state)
{
#ifdef WEIR_ASAN
    struct arena arena;
    arena_init(&arena, *state, 1024, 1 << 20);
    char *piece = arena_alloc(&arena, 24);
    char *next = arena_alloc(&arena, 8);
    assert_false(__asan_address_is_poisoned(piece + 23));
    assert_true(__asan_address_is_poisoned(piece + 24));
    assert_true(__asan_address_is_poisoned(next + 8));
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(piece));
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_nothing_before_the_first_allocation, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(aligns_every_piece, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(pieces_do_not_overlap, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(zero_bytes_give_a_valid_pointer, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(limit_holds_to_the_byte, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(last_block_may_be_smaller_than_the_others, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(no_limit_is_no_overflow, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(refused_piece_leaves_room_for_small_ones, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(large_piece_leaves_the_current_block_open, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(zeroed_memory_is_zero_after_reuse, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(reset_gives_all_back_and_asks_the_system_no_more, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(exhausted_pool_is_null_not_abort, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(copy_ends_with_nul, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(printf_measures_before_it_writes, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(what_was_not_allocated_is_poisoned, make_pool, drop_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
