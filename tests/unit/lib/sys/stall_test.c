/* SPDX-License-Identifier: Apache-2.0 */
/* Stalls with a clock and a system of the test's own. */
#include "lib/sys/stall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ULL

/* What the system would say, and what came out. */
static struct thread_usage usage;
static uint32_t readings;
static uint32_t delay_readings;
static struct stall stalls[8];
static uint32_t stall_count;
static uint64_t now_ns;

static void read_usage(int fd, struct thread_usage *ret_usage)
{
    (void)fd;
    readings++;
    *ret_usage = usage;
}

static void refresh_usage(int fd, struct thread_usage *to)
{
    (void)fd;
    readings++;
    to->cpu_ns = usage.cpu_ns;
    to->run_delay_ns = usage.run_delay_ns;
}

static uint64_t read_delay(int fd)
{
    (void)fd;
    delay_readings++;
    return usage.run_delay_ns;
}

static void note(struct stall_watch *watch, const struct stall *stall)
{
    (void)watch;
    stalls[stall_count++] = *stall;
}

static struct stall_watch begin(uint64_t threshold_ns)
{
    struct stall_watch watch;
    usage = (struct thread_usage){.cpu_ns = 7 * MS, .run_delay_ns = 3 * MS, .major_faults = 2};
    now_ns = 1000 * MS;
    readings = delay_readings = stall_count = 0;
    stall_watch_init(&watch);
    watch.read = read_usage;
    watch.refresh = refresh_usage;
    watch.read_delay_ns = read_delay;
    watch.on_stall = note;
    stall_watch_set_threshold(&watch, threshold_ns);
    stall_watch_begin(&watch, now_ns);
    return watch;
}

/* So much of each, and then the loop looks. */
static void work(struct stall_watch *watch, uint64_t cpu_ns, uint64_t delay_ns, uint64_t off_ns)
{
    usage.cpu_ns += cpu_ns;
    usage.run_delay_ns += delay_ns;
    now_ns += cpu_ns + delay_ns + off_ns;
    stall_look(watch, now_ns, STALL_AT_EVENTS);
}

static void sleep_for(struct stall_watch *watch, uint64_t slept_ns, uint64_t delay_ns, uint64_t late_ns)
{
    usage.run_delay_ns += delay_ns;
    now_ns += slept_ns;
    if (stall_has_slept(watch, now_ns))
        stall_look_up(watch, now_ns, late_ns);
}

static void expect(uint32_t index, uint64_t handler_ns, uint64_t descheduled_ns, uint64_t fault_ns)
{
    assert_true(index < stall_count);
    assert_int_equal(stalls[index].cause_ns[STALL_HANDLER], handler_ns);
    assert_int_equal(stalls[index].cause_ns[STALL_DESCHEDULED], descheduled_ns);
    assert_int_equal(stalls[index].cause_ns[STALL_FAULT], fault_ns);
    assert_int_equal(stalls[index].total_ns, handler_ns + descheduled_ns + fault_ns);
}

static void a_stall_is_split_into_its_causes(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    work(&watch, 5 * MS, 0, 0);
    expect(0, 5 * MS, 0, 0);
    assert_int_equal(stall_main_cause(&stalls[0]), STALL_HANDLER);
    work(&watch, MS / 4, 6 * MS, 0);
    expect(1, MS / 4, 6 * MS, 0);
    assert_int_equal(stalls[1].run_delay_ns, 6 * MS);
    assert_int_equal(stall_main_cause(&stalls[1]), STALL_DESCHEDULED);
    usage.major_faults += 3;
    work(&watch, MS / 2, MS / 4, 9 * MS);
    expect(2, MS / 2, MS / 4, 9 * MS);
    assert_int_equal(stalls[2].major_faults, 3);
    assert_int_equal(stall_main_cause(&stalls[2]), STALL_FAULT);
    stall_watch_end(&watch);
}

static void a_stopped_process_counts_as_descheduled(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    work(&watch, MS / 10, 0, 300 * MS);
    expect(0, MS / 10, 300 * MS, 0);
    assert_int_equal(stalls[0].run_delay_ns, 0);
    assert_int_equal(stalls[0].end_ns, now_ns);
    assert_int_equal(stalls[0].phase, STALL_AT_EVENTS);
    stall_watch_end(&watch);
}

static void a_busy_loop_reads_once_in_eight_thresholds_and_tells_no_stall(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    readings = 0;
    for (int i = 0; i < 8000; i++)
        work(&watch, MS / 10, 0, 0);
    assert_int_equal(stall_count, 0);
    assert_int_equal(readings, 100);
    stall_watch_end(&watch);
}

static void what_came_before_a_stall_shifts_its_parts_by_nine_thresholds_at_most(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    for (int i = 0; i < 8; i++)
        work(&watch, 0, MS - 1, 0); /* not seen, and not read since */
    sleep_for(&watch, MS - 1, MS - 1, 0);
    work(&watch, 20 * MS, 0, 0);
    assert_int_equal(stall_count, 1);
    assert_int_equal(stalls[0].total_ns, 20 * MS);
    assert_true(stalls[0].cause_ns[STALL_DESCHEDULED] <= 9 * MS);
    assert_true(stalls[0].cause_ns[STALL_HANDLER] >= 11 * MS);
    work(&watch, 20 * MS, 0, 0);
    expect(1, 20 * MS, 0, 0); /* fresh again */
    stall_watch_end(&watch);
}

static void to_sleep_is_no_stall(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    sleep_for(&watch, 900 * MS, 0, 0);
    sleep_for(&watch, 900 * MS, MS / 2, MS / 2);
    assert_int_equal(stall_count, 0);
    stall_watch_end(&watch);
}

static void to_wake_up_late_is_one(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    sleep_for(&watch, 20 * MS, 0, 5 * MS); /* overslept */
    expect(0, 0, 5 * MS, 0);
    assert_int_equal(stalls[0].phase, STALL_AT_SLEEP);
    sleep_for(&watch, 20 * MS, 7 * MS, 0); /* waited for a processor */
    expect(1, 0, 7 * MS, 0);
    assert_int_equal(stalls[1].run_delay_ns, 7 * MS);
    sleep_for(&watch, 20 * MS, 7 * MS, 30 * MS); /* never more than it slept */
    expect(2, 0, 20 * MS, 0);
    work(&watch, 2 * MS, 0, 0);
    expect(3, 2 * MS, 0, 0); /* what was told is not told again */
    stall_watch_end(&watch);
}

static void a_short_sleep_costs_no_reading(void **state)
{
    (void)state;
    struct stall_watch watch = begin(MS);
    readings = 0;
    sleep_for(&watch, MS / 2, 0, 0);
    assert_int_equal(readings + delay_readings, 0);
    sleep_for(&watch, 2 * MS, 0, 0);
    assert_int_equal(readings, 0);
    assert_int_equal(delay_readings, 1);
    stall_watch_end(&watch);
}

static void without_a_threshold_nobody_looks(void **state)
{
    (void)state;
    struct stall_watch watch = begin(0);
    readings = 0;
    work(&watch, 500 * MS, 0, 500 * MS);
    sleep_for(&watch, 500 * MS, 500 * MS, 500 * MS);
    assert_int_equal(stall_count + readings + delay_readings, 0);
    stall_watch_end(&watch);
}

static void the_system_tells_of_this_thread(void **state)
{
    (void)state;
    struct thread_usage before;
    struct thread_usage after;
    int fd = thread_usage_open();
    thread_usage_read(fd, &before);
    for (volatile uint32_t i = 0; i < 3000000; i++)
        continue;
    thread_usage_read(fd, &after);
    assert_true(after.cpu_ns > before.cpu_ns);
    assert_true(after.run_delay_ns >= before.run_delay_ns);
    assert_true(after.major_faults >= before.major_faults);
    thread_usage_close(fd);
    assert_int_equal(thread_usage_delay_ns(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_is_split_into_its_causes),
        cmocka_unit_test(a_stopped_process_counts_as_descheduled),
        cmocka_unit_test(a_busy_loop_reads_once_in_eight_thresholds_and_tells_no_stall),
        cmocka_unit_test(what_came_before_a_stall_shifts_its_parts_by_nine_thresholds_at_most),
        cmocka_unit_test(to_sleep_is_no_stall),
        cmocka_unit_test(to_wake_up_late_is_one),
        cmocka_unit_test(a_short_sleep_costs_no_reading),
        cmocka_unit_test(without_a_threshold_nobody_looks),
        cmocka_unit_test(the_system_tells_of_this_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
