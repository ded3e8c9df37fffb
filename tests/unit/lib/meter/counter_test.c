/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/counter.h"

#include <pthread.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void counter_adds_up(void **state)
{
    (void)state;
    struct counter counter = {0};
    counter_add(&counter, 1);
    counter_add(&counter, UINT64_MAX / 2);
    assert_true(counter_read(&counter) == UINT64_MAX / 2 + 1);
}

static void gauge_rises_and_falls(void **state)
{
    (void)state;
    struct gauge gauge = {0};
    gauge_add(&gauge, 3);
    gauge_add(&gauge, -5);
    assert_int_equal(gauge_read(&gauge), -2);
    gauge_set(&gauge, 7);
    assert_int_equal(gauge_read(&gauge), 7);
}

#define ADDITIONS 200000

static void *write_counter(void *counter)
{
    for (int i = 0; i < ADDITIONS; i++)
        counter_add(counter, 2);
    return NULL;
}

/* Under ThreadSanitizer this also says that reading from another thread is no race. */
static void reader_on_another_thread_never_sees_it_fall(void **state)
{
    (void)state;
    struct counter counter = {0};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_counter, &counter), 0);
    uint64_t last = 0;
    while (last < 2 * ADDITIONS) {
        uint64_t value = counter_read(&counter);
        assert_true(value >= last && value % 2 == 0);
        last = value;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(counter_read(&counter), 2 * ADDITIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_adds_up),
        cmocka_unit_test(gauge_rises_and_falls),
        cmocka_unit_test(reader_on_another_thread_never_sees_it_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
