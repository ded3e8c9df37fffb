/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/wake.h"

#include "lib/sys/thread.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS     50000
#define WATCHDOG_S 100 /* a wake-up that was missed ends the test by SIGALRM instead of hanging it */

static bool is_signalled(const struct wake *wake)
{
    struct pollfd look = {.fd = wake->fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void who_is_awake_costs_no_system_call(void **state)
{
    (void)state;
    struct wake wake;
    assert_int_equal(wake_init(&wake), ERR_OK);
    wake_up(&wake);
    assert_false(is_signalled(&wake));
    wake_announce(&wake);
    wake_clear(&wake);
    wake_up(&wake);
    assert_false(is_signalled(&wake));
    wake_deinit(&wake);
}

static void only_the_first_waker_writes(void **state)
{
    (void)state;
    struct wake wake;
    uint64_t count = 0;
    assert_int_equal(wake_init(&wake), ERR_OK);
    wake_announce(&wake);
    wake_up(&wake);
    wake_up(&wake);
    wake_up(&wake);
    assert_int_equal(read(wake.fd, &count, sizeof count), sizeof count);
    assert_int_equal(count, 1);
    wake_deinit(&wake);
}

static void a_signal_on_its_way_is_not_lost_by_clear(void **state)
{
    (void)state;
    struct wake wake;
    assert_int_equal(wake_init(&wake), ERR_OK);
    wake_announce(&wake);
    wake_up(&wake);
    wake_clear(&wake);
    assert_true(is_signalled(&wake));
    wake_announce(&wake);
    wake_wait(&wake); /* returns at once */
    assert_false(is_signalled(&wake));
    wake_deinit(&wake);
}

static void taking_and_deinit_twice_are_harmless(void **state)
{
    (void)state;
    struct wake wake;
    assert_int_equal(wake_init(&wake), ERR_OK);
    wake_take(&wake);
    wake_take(&wake);
    wake_deinit(&wake);
    wake_deinit(&wake);
}

struct side {
    struct wake wake;
    _Atomic unsigned mail;
    struct side *other;
};

/* Sleeps until the other side has sent more than `seen`. The mail is relaxed on purpose: only the wake orders it. */
static void sleep_until_mail(struct side *side, unsigned seen)
{
    for (;;) {
        if (atomic_load_explicit(&side->mail, memory_order_relaxed) > seen)
            return;
        wake_announce(&side->wake);
        if (atomic_load_explicit(&side->mail, memory_order_relaxed) > seen) {
            wake_clear(&side->wake);
            return;
        }
        wake_wait(&side->wake);
    }
}

static void play(void *argument)
{
    struct side *side = argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)atomic_fetch_add_explicit(&side->other->mail, 1, memory_order_relaxed);
        wake_up(&side->other->wake);
        sleep_until_mail(side, i);
    }
}

static void two_threads_never_miss_each_other(void **state)
{
    (void)state;
    struct side sides[2] = {0};
    struct thread thread;
    for (int i = 0; i < 2; i++) {
        sides[i].other = &sides[1 - i];
        assert_int_equal(wake_init(&sides[i].wake), ERR_OK);
    }
    alarm(WATCHDOG_S);
    assert_int_equal(thread_start(&thread, "other", play, &sides[1]), ERR_OK);
    play(&sides[0]);
    thread_join(&thread);
    alarm(0);
    assert_int_equal(atomic_load(&sides[0].mail), ROUNDS);
    assert_int_equal(atomic_load(&sides[1].mail), ROUNDS);
    for (int i = 0; i < 2; i++)
        wake_deinit(&sides[i].wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_awake_costs_no_system_call),
        cmocka_unit_test(only_the_first_waker_writes),
        cmocka_unit_test(a_signal_on_its_way_is_not_lost_by_clear),
        cmocka_unit_test(taking_and_deinit_twice_are_harmless),
        cmocka_unit_test(two_threads_never_miss_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
