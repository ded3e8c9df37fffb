/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/stalls.h"

#include "lib/sys/sequence.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#define NOTE_SHARE 4 /* of the threshold: a stage that holds the loop for less explains nothing */

static void on_stall(struct stall_watch *watch, const struct stall *stall);
static void write_event(struct worker *worker, const struct stall *stall, const struct stall_holder *holder);
static void watch_closely(struct worker *worker, bool is_closely);

const char *stall_cause_name(enum stall_cause cause)
{
    static const char *const names[STALL_CAUSES] = {
        [STALL_HANDLER] = "handler", [STALL_DESCHEDULED] = "descheduled", [STALL_FAULT] = "major_fault"};
    return names[cause];
}

const char *stall_phase_name(enum stall_phase phase)
{
    static const char *const names[STALL_PHASES] = {[STALL_AT_SLEEP] = "sleep",
                                                    [STALL_AT_MAIL] = "mail",
                                                    [STALL_AT_EVENTS] = "events",
                                                    [STALL_AT_TIMERS] = "timers",
                                                    [STALL_AT_END] = "end"};
    return names[phase];
}

/* A slot that is written anew meanwhile holds a newer event, which the next reader sees in its place. */
uint32_t stall_meter_events(const struct stall_meter *meter, struct stall_event events[STALL_EVENTS])
{
    uint64_t last = counter_read(&meter->events);
    uint32_t count = 0;
    for (uint64_t number = last; number > 0 && last - number < STALL_EVENTS; number--) {
        uint64_t words[STALL_EVENT_WORDS];
        const size_t slot = number % STALL_EVENTS;
        sequence_read(&meter->slots[slot].version, meter->slots[slot].words, words, STALL_EVENT_WORDS);
        memcpy(&events[count], words, sizeof *events);
        if (events[count].number == number)
            count++;
    }
    return count;
}

void stalls_init(struct worker *worker)
{
    worker->loop.stalls.on_stall = on_stall;
    worker->stalls.note_ns = UINT64_MAX;
}

void stalls_set_threshold(struct worker *worker, uint64_t threshold_ns)
{
    stall_watch_set_threshold(&worker->loop.stalls, threshold_ns);
    worker->stalls.note_ns = threshold_ns ? MAX(threshold_ns / NOTE_SHARE, 1) : UINT64_MAX;
    if (!threshold_ns)
        watch_closely(worker, false);
}

void stalls_tidy(struct worker *worker)
{
    struct stall_meter *meter = &worker->meter.stalls;
    const struct thread_usage *usage = &worker->loop.stalls.before;
    if (worker->loop.stalls.threshold_ns == STALL_NEVER)
        return;
    stall_watch_refresh(&worker->loop.stalls, worker->loop.now_ns);
    counter_add(&meter->cpu_ns, usage->cpu_ns - counter_read(&meter->cpu_ns));
    counter_add(&meter->run_delay_ns, usage->run_delay_ns - counter_read(&meter->run_delay_ns));
    counter_add(&meter->major_faults, usage->major_faults - counter_read(&meter->major_faults));
    counter_add(&meter->turns, worker->loop.turns - counter_read(&meter->turns));
    counter_add(&meter->watched_ns, worker->loop.now_ns - worker->stalls.tidied_ns);
    worker->stalls.tidied_ns = worker->loop.now_ns;
    if (loop_is_watched_closely(&worker->loop) && worker->loop.now_ns >= worker->stalls.closely_until_ns)
        watch_closely(worker, false);
}

static void copy_text(char *to, size_t capacity, struct slice from)
{
    struct text text = text_init(to, capacity);
    text_add(&text, from);
}

RARELY_CALLED void stalls_note(struct request *request, enum stage stage, uint64_t held_ns)
{
    struct worker *worker = request->worker;
    struct stall_holder *holder = &worker->stalls.holder;
    if (holder->turn == worker->loop.turns && holder->held_ns >= held_ns)
        return;
    holder->turn = worker->loop.turns;
    holder->held_ns = held_ns;
    holder->stage = stage;
    copy_text(holder->route, sizeof holder->route, request->route ? request->route->name : (struct slice){NULL, 0});
    copy_text(holder->request_id, sizeof holder->request_id, request->id);
}

static void watch_closely(struct worker *worker, bool is_closely)
{
    loop_watch_closely(&worker->loop, is_closely);
    worker->stalls.closely_until_ns = worker->loop.now_ns + STALL_CLOSELY_NS;
}

static void on_stall(struct stall_watch *watch, const struct stall *stall)
{
    struct loop *loop = CONTAINER_OF(watch, struct loop, stalls);
    struct worker *worker = CONTAINER_OF(loop, struct worker, loop);
    struct stall_holder *holder = &worker->stalls.holder;
    enum stall_cause cause = stall_main_cause(stall);
    bool is_known = stall->phase != STALL_AT_SLEEP && holder->turn == loop->turns && holder->held_ns > 0;
    histogram_record(&worker->meter.stalls.time[cause], stall->total_ns);
    for (int i = 0; i < STALL_CAUSES; i++)
        counter_add(&worker->meter.stalls.cause_ns[i], stall->cause_ns[i]);
    write_event(worker, stall, is_known ? holder : NULL);
    if (cause == STALL_HANDLER && (!is_known || holder->held_ns < stall->total_ns / 2))
        watch_closely(worker, true);
    holder->held_ns = 0;
}

static void write_event(struct worker *worker, const struct stall *stall, const struct stall_holder *holder)
{
    struct stall_meter *meter = &worker->meter.stalls;
    uint64_t words[STALL_EVENT_WORDS] = {0};
    struct stall_event event = {
        .number = counter_read(&meter->events) + 1, .end_ns = worker_wall_ns(worker, stall->end_ns), .what = *stall};
    if (holder) {
        event.held_ns = holder->held_ns;
        event.stage = holder->stage;
        memcpy(event.route, holder->route, sizeof event.route);
        memcpy(event.request_id, holder->request_id, sizeof event.request_id);
    }
    memcpy(words, &event, sizeof event);
    const size_t slot = event.number % STALL_EVENTS;
    sequence_write(&meter->slots[slot].version, meter->slots[slot].words, words, STALL_EVENT_WORDS);
    counter_add(&meter->events, 1);
}
