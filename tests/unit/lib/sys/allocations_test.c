/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of allocations: by who asks and on which thread, with nothing lost when threads come and go. The test's own malloc does not
 * count, so what is counted is what is added here. */
#include "lib/sys/allocations.h"

#include "lib/sys/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THREADS 8
#define ADDED   20000

static const struct allocation_count *count_of(enum allocation_thread thread, enum memory_user user)
{
    static struct allocation_counts counts;
    allocations_read(&counts);
    return &counts.of[thread][user];
}

static void allocate(void *argument)
{
    (void)argument;
    for (int i = 0; i < ADDED; i++) {
        allocations_add(3);
        AS_MEMORY_USER(http2);
        allocations_add(5);
        allocations_add_free();
    }
}

static void run_threads(const char *name, uint32_t count)
{
    struct thread threads[THREADS];
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(thread_start(&threads[i], name, allocate, NULL), ERR_OK);
    for (uint32_t i = 0; i < count; i++)
        thread_join(&threads[i]);
}

static void nothing_is_counted_until_somebody_does(void **state)
{
    (void)state;
    assert_false(allocations_are_counted());
    allocations_begin();
    assert_true(allocations_are_counted());
}

static void counts_stay_when_threads_end_and_go_on_with_the_next(void **state)
{
    (void)state;
    for (uint32_t round = 1; round <= 20; round++) {
        run_threads("executor3", THREADS);
        const struct allocation_count *own = count_of(ALLOCATION_EXECUTOR, MEMORY_USER_other);
        assert_int_equal(own->allocations, (uint64_t)round * THREADS * ADDED);
        assert_int_equal(own->bytes, (uint64_t)round * THREADS * ADDED * 3);
        assert_int_equal(own->frees, 0);
        const struct allocation_count *http2 = count_of(ALLOCATION_EXECUTOR, MEMORY_USER_http2);
        assert_int_equal(http2->allocations, (uint64_t)round * THREADS * ADDED);
        assert_int_equal(http2->bytes, (uint64_t)round * THREADS * ADDED * 5);
        assert_int_equal(http2->frees, http2->allocations);
    }
}

static void threads_are_told_apart_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum allocation_thread kind;
        enum memory_user user;
    } kinds[] = {{"crew12", ALLOCATION_CREW, MEMORY_USER_other},
                 {"weir-log", ALLOCATION_LOG, MEMORY_USER_log},
                 {"loader", ALLOCATION_CONTROL, MEMORY_USER_control}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint64_t before = count_of(kinds[i].kind, kinds[i].user)->allocations;
        run_threads(kinds[i].name, 1);
        assert_int_equal(count_of(kinds[i].kind, kinds[i].user)->allocations, before + ADDED);
    }
}

static void who_asks_is_put_back_at_the_end_of_a_block(void **state)
{
    (void)state;
    enum memory_user before = memory_user_current;
    {
        AS_MEMORY_USER(tls);
        assert_int_equal(memory_user_current, MEMORY_USER_tls);
    }
    assert_int_equal(memory_user_current, before);
    assert_string_equal(memory_user_name(MEMORY_USER_onnxruntime), "onnxruntime");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_until_somebody_does),
        cmocka_unit_test(counts_stay_when_threads_end_and_go_on_with_the_next),
        cmocka_unit_test(threads_are_told_apart_by_name),
        cmocka_unit_test(who_asks_is_put_back_at_the_end_of_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
