/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/signals.h"

#include "lib/sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const int numbers[] = {SIGTERM, SIGHUP, 0};
static struct loop loop;
static struct signals signals;
static unsigned count_of[65];

static void count_signal(struct signals *self, int number)
{
    (void)self;
    count_of[number]++;
}

static void stop_at_signal(struct signals *self, int number)
{
    count_of[number]++;
    signals_stop(self);
}

static int setup(void **state)
{
    (void)state;
    memset(count_of, 0, sizeof count_of);
    signals_block(numbers);
    return loop_init(&loop) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    signals_stop(&signals);
    loop_deinit(&loop);
    return 0;
}

static void blocked_signals_become_events(void **state)
{
    (void)state;
    signals.on_signal = count_signal;
    assert_int_equal(kill(getpid(), SIGHUP), 0); /* before the start: kept */
    assert_int_equal(signals_start(&signals, &loop, numbers), ERR_OK);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(count_of[SIGHUP], 1);
    assert_int_equal(count_of[SIGTERM], 1);
    loop_turn(&loop, NS_PER_MS);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(count_of[SIGHUP], 2);
}

static void stopping_inside_on_signal_delivers_no_more(void **state)
{
    (void)state;
    signals.on_signal = stop_at_signal;
    assert_int_equal(signals_start(&signals, &loop, numbers), ERR_OK);
    int number = signals.watch.fd;
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(count_of[SIGHUP] + count_of[SIGTERM], 1);
    assert_int_equal(close(number), -1);
    loop_turn(&loop, NS_PER_MS);
    assert_int_equal(count_of[SIGHUP] + count_of[SIGTERM], 1);
}

static void a_closed_pipe_is_an_error_and_not_a_signal(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
}

static void exit_now_runs_no_clean_up(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        process_exit_now(9);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocked_signals_become_events, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_inside_on_signal_delivers_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_pipe_is_an_error_and_not_a_signal, setup, teardown),
        cmocka_unit_test(exit_now_runs_no_clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
