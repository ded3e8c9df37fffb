/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/stall.h"

#define REFRESH_THRESHOLDS 8

void stall_watch_init(struct stall_watch *watch)
{
    *watch = (struct stall_watch){
        .fd = -1,
        .read = thread_usage_read,
        .refresh = thread_usage_refresh,
        .read_delay_ns = thread_usage_delay_ns,
    };
    stall_watch_set_threshold(watch, 0);
}

void stall_watch_begin(struct stall_watch *watch, uint64_t now_ns)
{
    if (!watch->on_stall)
        return;
    watch->fd = thread_usage_open();
    watch->since_ns = now_ns;
    stall_watch_refresh(watch, now_ns);
}

void stall_watch_end(struct stall_watch *watch)
{
    stall_watch_set_threshold(watch, 0);
    thread_usage_close(watch->fd);
    watch->fd = -1;
}

void stall_watch_set_threshold(struct stall_watch *watch, uint64_t threshold_ns)
{
    watch->threshold_ns = threshold_ns ? threshold_ns : STALL_NEVER;
    watch->refresh_ns = threshold_ns ? 0 : STALL_NEVER;
}

/* When the next reading is due. */
static void postpone(struct stall_watch *watch, uint64_t now_ns)
{
    if (watch->threshold_ns != STALL_NEVER)
        watch->refresh_ns = now_ns + REFRESH_THRESHOLDS * watch->threshold_ns;
}

void stall_watch_refresh(struct stall_watch *watch, uint64_t now_ns)
{
    watch->read(watch->fd, &watch->before);
    postpone(watch, now_ns);
}

/* What the thread waited for a processor is exact and mostly nothing; what it had of one contains what it had just before, so it
 * takes what is left. The rest it neither ran nor could have run. */
void stall_split(struct stall *stall, uint64_t wall_ns, const struct thread_usage *before,
                 const struct thread_usage *after)
{
    uint64_t delay_ns = MIN(after->run_delay_ns - before->run_delay_ns, wall_ns);
    uint64_t cpu_ns = MIN(after->cpu_ns - before->cpu_ns, wall_ns - delay_ns);
    uint64_t away_ns = wall_ns - delay_ns - cpu_ns;
    stall->total_ns = wall_ns;
    stall->run_delay_ns = delay_ns;
    stall->major_faults = after->major_faults - before->major_faults;
    stall->cause_ns[STALL_HANDLER] = cpu_ns;
    stall->cause_ns[STALL_DESCHEDULED] = delay_ns + (stall->major_faults ? 0 : away_ns);
    stall->cause_ns[STALL_FAULT] = stall->major_faults ? away_ns : 0;
}

enum stall_cause stall_main_cause(const struct stall *stall)
{
    enum stall_cause main = STALL_HANDLER;
    for (enum stall_cause cause = STALL_HANDLER; cause < STALL_CAUSES; cause++)
        if (stall->cause_ns[cause] > stall->cause_ns[main])
            main = cause;
    return main;
}

RARELY_CALLED void stall_reckon(struct stall_watch *watch, uint64_t busy_ns, uint64_t now_ns, enum stall_phase phase)
{
    if (busy_ns < watch->threshold_ns) {
        watch->refresh(watch->fd, &watch->before);
        postpone(watch, now_ns);
        return;
    }
    struct thread_usage before = watch->before;
    struct stall stall = {.end_ns = now_ns, .phase = phase};
    stall_watch_refresh(watch, now_ns);
    stall_split(&stall, busy_ns, &before, &watch->before);
    watch->on_stall(watch, &stall);
}

/* What is known of the delay is used up; the rest of `before` stands, since nobody has a processor while asleep. */
RARELY_CALLED void stall_look_up(struct stall_watch *watch, uint64_t now_ns, uint64_t late_ns)
{
    uint64_t slept_ns = now_ns - watch->since_ns;
    watch->since_ns = now_ns;
    uint64_t read_ns = watch->read_delay_ns(watch->fd);
    uint64_t delay_ns = MIN(read_ns - watch->before.run_delay_ns, slept_ns);
    watch->before.run_delay_ns = read_ns;
    late_ns = MAX(MIN(late_ns, slept_ns), delay_ns);
    if (late_ns < watch->threshold_ns)
        return;
    struct stall stall = {.end_ns = now_ns,
                          .total_ns = late_ns,
                          .cause_ns[STALL_DESCHEDULED] = late_ns,
                          .run_delay_ns = delay_ns,
                          .phase = STALL_AT_SLEEP};
    watch->on_stall(watch, &stall);
}
