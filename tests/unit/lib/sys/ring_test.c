/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/ring.h"

#include "lib/sys/thread.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void *item_of(uintptr_t number)
{
    return (void *)(number + 1); /* NULL means empty */
}

static void is_full_after_its_capacity_and_empty_after_as_many(void **state)
{
    (void)state;
    struct ring ring;
    assert_int_equal(ring_init(&ring, 4), ERR_OK);
    for (uintptr_t round = 0; round < 10; round++) { /* every offset of head and tail */
        assert_true(ring_is_empty(&ring));
        assert_null(ring_pop(&ring));
        for (uintptr_t i = 0; i < 4; i++)
            assert_true(ring_push(&ring, item_of(round + i)));
        assert_false(ring_push(&ring, item_of(99)));
        assert_false(ring_is_empty(&ring));
        for (uintptr_t i = 0; i < 4; i++)
            assert_ptr_equal(ring_pop(&ring), item_of(round + i));
        assert_true(ring_push(&ring, item_of(7)));
        assert_ptr_equal(ring_pop(&ring), item_of(7));
    }
    ring_deinit(&ring);
}

static void capacity_is_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    struct ring ring;
    assert_int_equal(ring_init(&ring, 5), ERR_OK);
    for (uintptr_t i = 0; i < 8; i++)
        assert_true(ring_push(&ring, item_of(i)));
    assert_false(ring_push(&ring, item_of(8)));
    ring_deinit(&ring);
}

static void one_entry_is_enough(void **state)
{
    (void)state;
    struct ring ring;
    assert_int_equal(ring_init(&ring, 1), ERR_OK);
    for (uintptr_t i = 0; i < 3; i++) {
        assert_true(ring_push(&ring, item_of(i)));
        assert_false(ring_push(&ring, item_of(i)));
        assert_ptr_equal(ring_pop(&ring), item_of(i));
        assert_null(ring_pop(&ring));
    }
    ring_deinit(&ring);
}

/* The indices are never taken back: they pass 2^32. */
static void survives_the_wrap_of_its_indices(void **state)
{
    (void)state;
    struct ring ring;
    assert_int_equal(ring_init(&ring, 4), ERR_OK);
    uint32_t start = UINT32_MAX - 5;
    atomic_store(&ring.pushed, start);
    atomic_store(&ring.popped, start);
    ring.popped_seen = start;
    ring.pushed_seen = start;
    for (uintptr_t i = 0; i < 20; i += 4) {
        for (uintptr_t k = 0; k < 4; k++)
            assert_true(ring_push(&ring, item_of(i + k)));
        assert_false(ring_push(&ring, item_of(99)));
        for (uintptr_t k = 0; k < 4; k++)
            assert_ptr_equal(ring_pop(&ring), item_of(i + k));
        assert_null(ring_pop(&ring));
    }
    ring_deinit(&ring);
}

struct line {
    struct ring ring;
    uintptr_t items;
};

static void produce(void *argument)
{
    struct line *line = argument;
    for (uintptr_t i = 0; i < line->items; i++)
        while (!ring_push(&line->ring, item_of(i)))
            sched_yield();
}

static void run_two_threads(uint32_t capacity, uintptr_t items)
{
    struct line line = {.items = items};
    struct thread producer;
    assert_int_equal(ring_init(&line.ring, capacity), ERR_OK);
    assert_int_equal(thread_start(&producer, "producer", produce, &line), ERR_OK);
    for (uintptr_t i = 0; i < items; i++) {
        void *item;
        while (!(item = ring_pop(&line.ring)))
            sched_yield();
        if (item != item_of(i))
            fail_msg("item %zu is out of order", (size_t)i);
    }
    thread_join(&producer);
    assert_true(ring_is_empty(&line.ring));
    ring_deinit(&line.ring);
}

/* Each time the small ring is full or empty somebody yields, on a busy machine for milliseconds: fewer items for it. */
static void two_threads_lose_nothing_and_keep_the_order(void **state)
{
    (void)state;
    run_two_threads(1024, 1000000);
    run_two_threads(8, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_full_after_its_capacity_and_empty_after_as_many),
        cmocka_unit_test(capacity_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(one_entry_is_enough),
        cmocka_unit_test(survives_the_wrap_of_its_indices),
        cmocka_unit_test(two_threads_lose_nothing_and_keep_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
