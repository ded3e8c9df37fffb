/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker remembers of its loop's stalls, and what others read of it meanwhile. */
#include "pipeline/stalls.h"

#include "lib/sys/thread.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define THRESHOLD_NS 1000000
#define WRITTEN      20000

static struct worker worker;

static void begin(void)
{
    memset(&worker, 0, sizeof worker);
    worker.loop.now_ns = 1000 * NS_PER_S;
    stall_watch_init(&worker.loop.stalls);
    loop_watch_closely(&worker.loop, false);
    stalls_init(&worker);
    stalls_set_threshold(&worker, THRESHOLD_NS);
}

static void stall(uint64_t handler_ns, uint64_t descheduled_ns, enum stall_phase phase)
{
    worker.loop.turns++;
    struct stall what = {.end_ns = worker.loop.now_ns,
                         .total_ns = handler_ns + descheduled_ns,
                         .cause_ns = {[STALL_HANDLER] = handler_ns, [STALL_DESCHEDULED] = descheduled_ns},
                         .phase = phase};
    worker.loop.stalls.on_stall(&worker.loop.stalls, &what);
}

/* A request in the turn that stall() will be about. */
static void hold(enum stage stage, uint64_t held_ns)
{
    static const struct route route = {.name = {"POST /v1/x", 10}};
    static struct request request;
    request.worker = &worker;
    request.route = &route;
    request.id = SLICE_LIT("some-id");
    worker.loop.turns++;
    stalls_note(&request, stage, held_ns);
    worker.loop.turns--;
}

static void the_latest_events_come_first(void **state)
{
    (void)state;
    static struct stall_event events[STALL_EVENTS];
    begin();
    assert_int_equal(stall_meter_events(&worker.meter.stalls, events), 0);
    for (uint64_t i = 1; i <= STALL_EVENTS + 10; i++)
        stall(i * THRESHOLD_NS, 0, STALL_AT_END);
    assert_int_equal(stall_meter_events(&worker.meter.stalls, events), STALL_EVENTS);
    for (uint64_t i = 0; i < STALL_EVENTS; i++) {
        assert_int_equal(events[i].number, STALL_EVENTS + 10 - i);
        assert_int_equal(events[i].what.total_ns, events[i].number * THRESHOLD_NS);
    }
    assert_int_equal(histogram_count(&worker.meter.stalls.time[STALL_HANDLER]), STALL_EVENTS + 10);
}

static void the_stage_that_held_the_loop_longest_is_named(void **state)
{
    (void)state;
    static struct stall_event events[STALL_EVENTS];
    begin();
    hold(STAGE_validate, 2 * THRESHOLD_NS);
    hold(STAGE_decode, 5 * THRESHOLD_NS);
    hold(STAGE_format, 3 * THRESHOLD_NS);
    stall(8 * THRESHOLD_NS, THRESHOLD_NS, STALL_AT_EVENTS);
    assert_int_equal(stall_meter_events(&worker.meter.stalls, events), 1);
    assert_int_equal(events[0].stage, STAGE_decode);
    assert_int_equal(events[0].held_ns, 5 * THRESHOLD_NS);
    assert_string_equal(events[0].route, "POST /v1/x");
    assert_string_equal(events[0].request_id, "some-id");
    assert_false(loop_is_watched_closely(&worker.loop));
    assert_int_equal(counter_read(&worker.meter.stalls.cause_ns[STALL_DESCHEDULED]), THRESHOLD_NS);
    /* Of another turn, or of a sleep, it says nothing. */
    stall(8 * THRESHOLD_NS, 0, STALL_AT_EVENTS);
    hold(STAGE_decode, 5 * THRESHOLD_NS);
    stall(0, 8 * THRESHOLD_NS, STALL_AT_SLEEP);
    assert_int_equal(stall_meter_events(&worker.meter.stalls, events), 3);
    assert_int_equal(events[0].held_ns, 0);
    assert_string_equal(events[0].route, "");
    assert_int_equal(events[1].held_ns, 0);
}

static void a_handler_without_a_name_has_the_loop_watched_closely_for_a_while(void **state)
{
    (void)state;
    begin();
    stall(0, 9 * THRESHOLD_NS, STALL_AT_END);
    assert_false(loop_is_watched_closely(&worker.loop));
    stall(9 * THRESHOLD_NS, 0, STALL_AT_END);
    assert_true(loop_is_watched_closely(&worker.loop));
    worker.loop.now_ns += STALL_CLOSELY_NS - 1;
    stalls_tidy(&worker);
    assert_true(loop_is_watched_closely(&worker.loop));
    worker.loop.now_ns += 1;
    stalls_tidy(&worker);
    assert_false(loop_is_watched_closely(&worker.loop));
}

static _Atomic bool is_over;
static uint64_t torn;
static uint64_t seen;

static void read_all(void *argument)
{
    static struct stall_event events[STALL_EVENTS];
    (void)argument;
    while (!atomic_load(&is_over)) {
        uint32_t count = stall_meter_events(&worker.meter.stalls, events);
        for (uint32_t i = 0; i < count; i++) {
            torn += events[i].what.total_ns != events[i].number * THRESHOLD_NS ||
                    events[i].what.cause_ns[STALL_HANDLER] != events[i].what.total_ns;
            seen++;
        }
    }
}

static void who_reads_meanwhile_sees_whole_events_only(void **state)
{
    (void)state;
    struct thread reader;
    begin();
    stall(THRESHOLD_NS, 0, STALL_AT_END);
    assert_int_equal(thread_start(&reader, "reader", read_all, NULL), ERR_OK);
    for (uint64_t i = 2; i <= WRITTEN; i++)
        stall(i * THRESHOLD_NS, 0, STALL_AT_END);
    clock_sleep_ns(20 * NS_PER_MS);
    atomic_store(&is_over, true);
    thread_join(&reader);
    assert_int_equal(torn, 0);
    assert_true(seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_events_come_first),
        cmocka_unit_test(the_stage_that_held_the_loop_longest_is_named),
        cmocka_unit_test(a_handler_without_a_name_has_the_loop_watched_closely_for_a_while),
        cmocka_unit_test(who_reads_meanwhile_sees_whole_events_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
