/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/places.h"

#include "lib/sys/thread.h"
#include "lib/sys/wake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WORKERS       4
#define ROUNDS        20000
#define COUNT_MAX     3
#define CLIENTS_COUNT 50

static struct places *places;
static struct wake wakes[WORKERS];

static int setup(void **state)
{
    (void)state;
    assert_int_equal(places_create(WORKERS, &places), ERR_OK);
    for (uint32_t i = 0; i < WORKERS; i++) {
        assert_int_equal(wake_init(&wakes[i]), ERR_OK);
        places_join(places, i, &wakes[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    places_destroy(places);
    for (uint32_t i = 0; i < WORKERS; i++)
        wake_deinit(&wakes[i]);
    return 0;
}

static struct slice name(const uint32_t *number)
{
    return slice_of((const char *)number, sizeof *number);
}

static void gives_as_many_places_as_there_are(void **state)
{
    (void)state;
    assert_true(places_enter(places, 2));
    assert_false(places_are_taken(places, 2));
    assert_true(places_enter(places, 2));
    assert_true(places_are_taken(places, 2));
    assert_false(places_enter(places, 2));
    assert_true(places_enter(places, UINT32_MAX));
    places_leave(places, 0);
    assert_false(places_enter(places, 2));
    places_leave(places, 0);
    assert_true(places_enter(places, 2));
}

static bool is_woken(struct wake *wake)
{
    bool was_woken = !atomic_load(&wake->is_asleep);
    wake_announce(wake);
    return was_woken;
}

static void wakes_the_next_that_waits_and_no_other(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_true(places_enter(places, WORKERS));
    places_wait(places, 1);
    places_wait(places, 3);
    for (uint32_t i = 0; i < WORKERS; i++)
        wake_announce(&wakes[i]);
    places_leave(places, 2);
    assert_true(is_woken(&wakes[3]));
    assert_false(is_woken(&wakes[0]) || is_woken(&wakes[1]) || is_woken(&wakes[2]));
    places_wait_end(places, 3);
    places_leave(places, 2);
    assert_true(is_woken(&wakes[1]));
    places_wait_end(places, 1);
    places_leave(places, 2);
    assert_false(is_woken(&wakes[1]) || is_woken(&wakes[3]));
}

static void asks_one_worker_to_make_room_for_each_that_waits(void **state)
{
    (void)state;
    assert_false(places_must_make_room(places, 0));
    places_wait(places, 1);
    assert_true(places_others_wait(places, 0));
    assert_false(places_others_wait(places, 1));
    assert_false(places_must_make_room(places, 1));
    assert_true(places_must_make_room(places, 0));
    assert_false(places_must_make_room(places, 2));
    places_wait(places, 1);
    places_wait_end(places, 1);
    assert_false(places_must_make_room(places, 2));
}

static void counts_each_client_by_itself(void **state)
{
    (void)state;
    for (uint32_t client = 0; client < 1000; client++)
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(places_client_enter(places, name(&client), 2), ERR_OK);
    for (uint32_t client = 0; client < 1000; client++) {
        assert_int_equal(places_client_enter(places, name(&client), 2), ERR_LIMIT);
        places_client_leave(places, name(&client));
        assert_int_equal(places_client_enter(places, name(&client), 2), ERR_OK);
    }
}

/* Four threads at once: never more than there are, and in the end nothing is left. */

static _Atomic uint32_t inside;
static _Atomic uint32_t inside_of[CLIENTS_COUNT];
static _Atomic bool is_exceeded;

static void note(_Atomic uint32_t *count)
{
    if (atomic_fetch_add(count, 1) >= COUNT_MAX)
        atomic_store(&is_exceeded, true);
}

static void come_and_go(void *argument)
{
    uint32_t worker = *(uint32_t *)argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t client = (i * 7 + worker) % CLIENTS_COUNT;
        if (!places_enter(places, COUNT_MAX)) {
            places_wait(places, worker);
            (void)!places_must_make_room(places, worker);
            places_wait_end(places, worker);
            continue;
        }
        note(&inside);
        if (places_client_enter(places, name(&client), COUNT_MAX) == ERR_OK) {
            note(&inside_of[client]);
            atomic_fetch_sub(&inside_of[client], 1);
            places_client_leave(places, name(&client));
        }
        atomic_fetch_sub(&inside, 1);
        places_leave(places, worker);
    }
}

static void holds_with_threads_that_come_and_go(void **state)
{
    (void)state;
    struct thread threads[WORKERS];
    uint32_t numbers[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        assert_int_equal(thread_start(&threads[i], "worker", come_and_go, &numbers[i]), ERR_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        thread_join(&threads[i]);
    assert_false(atomic_load(&is_exceeded));
    assert_false(places_others_wait(places, 0));
    assert_true(places_enter(places, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_as_many_places_as_there_are, setup, teardown),
        cmocka_unit_test_setup_teardown(wakes_the_next_that_waits_and_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_one_worker_to_make_room_for_each_that_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_each_client_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(holds_with_threads_that_come_and_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
