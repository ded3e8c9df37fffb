/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/time.h>

#include <cmocka.h>

static void formats_utc_with_milliseconds(void **state)
{
    (void)state;
    char text[25];
    clock_format_rfc3339(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format_rfc3339(text, 1795444440123999999ULL);
    assert_string_equal(text, "2026-11-23T14:34:00.123Z");
    clock_format_rfc3339(text, 1709164800000000000ULL + 5 * NS_PER_MS);
    assert_string_equal(text, "2024-02-29T00:00:00.005Z");
    clock_format_rfc3339(text, UINT64_MAX);
    assert_string_equal(text, "2554-07-21T23:34:33.709Z");
}

static void ignore_signal(int number)
{
    (void)number;
}

static void sleeps_its_whole_time_in_spite_of_signals(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = ignore_signal};
    struct itimerval every = {.it_interval.tv_usec = 2000, .it_value.tv_usec = 2000};
    struct itimerval never = {.it_value.tv_usec = 0};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    uint64_t before_ns = clock_now_ns();
    uint64_t cpu_before_ns = clock_thread_cpu_ns();
    clock_sleep_ns(30 * NS_PER_MS);
    uint64_t slept_ns = clock_now_ns() - before_ns;
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(slept_ns >= 30 * NS_PER_MS);
    assert_true(clock_thread_cpu_ns() - cpu_before_ns < slept_ns); /* sleeping is not processor time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_utc_with_milliseconds),
        cmocka_unit_test(sleeps_its_whole_time_in_spite_of_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
