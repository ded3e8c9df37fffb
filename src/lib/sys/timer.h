/* SPDX-License-Identifier: Apache-2.0 */
/* Timers in a hierarchical wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987): setting and
 * cancelling cost a list operation, no system call.
 *
 * Ticks are 2^20 ns, about a millisecond; a timer never fires early and at most a tick and a turn late. Timeouts on a
 * connection move on with every request and almost never fire, so pushing a deadline back only writes it down: the
 * wheel finds out when the old time comes, and files the timer anew. One wheel for each loop; not thread-safe. */
#ifndef WEIR_LIB_SYS_TIMER_H
#define WEIR_LIB_SYS_TIMER_H

#include "lib/base/list.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK_BITS   20
#define TIMER_LEVEL_BITS  6
#define TIMER_LEVELS      5 /* 2^(6×5+20) ns: about 13 days; later deadlines are filed again on the way */
#define TIMER_LEVEL_SLOTS (1 << TIMER_LEVEL_BITS)

struct timer {
    struct list node;
    uint64_t deadline_ns; /* 0: not set */
    uint64_t filed_tick;  /* when the wheel will look at it; TIMER_NOT_FILED: never */
    void (*on_fire)(struct timer *timer);
};

struct timer_wheel {
    uint64_t tick; /* all ticks before it have been run */
    uint64_t occupied[TIMER_LEVELS];
    struct list slots[TIMER_LEVELS][TIMER_LEVEL_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns);
/* `on_fire` may set or cancel any timer, and free the memory of its own. */
void timer_init(struct timer *timer, void (*on_fire)(struct timer *timer));
#define TIMER_NOT_FILED UINT64_MAX
void timer_file(struct timer_wheel *wheel, struct timer *timer);

/* The first tick at whose start the deadline has passed. */
static inline uint64_t timer_tick_of(uint64_t deadline_ns)
{
    return (deadline_ns >> TIMER_TICK_BITS) + 1;
}

/* Fires once at or after deadline_ns; replaces an earlier setting. */
static inline void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ns)
{
    ASSERT(deadline_ns > 0, "a deadline of zero means none");
    timer->deadline_ns = deadline_ns;
    if (UNLIKELY(timer->filed_tick > timer_tick_of(deadline_ns)))
        timer_file(wheel, timer);
}
void timer_cancel(struct timer *timer);
/* Runs what is due. */
void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ns);
/* Nanoseconds until something may be due; UINT64_MAX when nothing is set. Never too long. */
uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel, uint64_t now_ns);

#endif
