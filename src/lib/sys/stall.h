/* SPDX-License-Identifier: Apache-2.0 */
/* When a loop was away: it did not look at its sockets for longer than it should have, and why.
 *
 * The loop looks at the clock anyway, before it sleeps and when it wakes; this adds a look after every 16 events, so that many
 * small pieces of work in one turn are what they are, a full turn, and not one that held up all others. Between two looks it is
 *  - busy: a span of at least the threshold is a stall, all of it;
 *  - asleep in epoll_wait, which is none. Waking up late is one: by how much is what the system says the thread waited for a
 *    processor, or by how much it overslept the next timer, or for how long bytes had been there already (on connections over TCP, and
 *    if that is clearly longer than the system's ticks), as where the process had been stopped.
 * What is shorter than the threshold is not seen.
 *
 * A stall is split by what the system says of the thread: on a processor (our own code, and the system's on our behalf), or not.
 * That costs a microsecond and is asked for in slow spans only, so there has to be an earlier reading to take the difference from: it
 * is made again when it is eight thresholds old. So a normal turn pays some ten instructions at each look, and the busiest loop one
 * reading in eight thresholds' time; and a part of a stall may be told too long, and another too short, by what fast spans had of the
 * same cause since that reading, which is nine thresholds at most. The parts always add up to the stall. Faults are counted since the
 * last slow span, or the last second (stall_watch_refresh).
 *
 * A sleep of at least the threshold costs one reading of the delay and up to four of the age of bytes that ended it: a microsecond.
 * Everything belongs to the loop's thread. */
#ifndef WEIR_LIB_SYS_STALL_H
#define WEIR_LIB_SYS_STALL_H

#include "lib/base/attr.h"
#include "lib/sys/thread_usage.h"

#include <stdbool.h>
#include <stdint.h>

#define STALL_NEVER UINT64_MAX

enum stall_cause {
    STALL_HANDLER,     /* on a processor: a handler took too long */
    STALL_DESCHEDULED, /* off it: others had it, the process was stopped, or a call had to wait, for a disk say */
    STALL_FAULT,       /* off it, because pages of memory had to be read from a disk */
    STALL_CAUSES,
};

/* What the loop was at. */
enum stall_phase {
    STALL_AT_SLEEP,
    STALL_AT_MAIL,
    STALL_AT_EVENTS,
    STALL_AT_TIMERS,
    STALL_AT_END, /* on_turn */
    STALL_PHASES,
};

struct stall {
    uint64_t end_ns;
    uint64_t total_ns;
    uint64_t cause_ns[STALL_CAUSES]; /* they add up to total_ns */
    uint64_t run_delay_ns;           /* of STALL_DESCHEDULED: others had the processors */
    uint64_t major_faults;
    enum stall_phase phase; /* at which it was noticed: all since the look before may have had a part in it */
};

struct stall_watch {
    uint64_t threshold_ns; /* STALL_NEVER: nothing is looked at */
    uint64_t since_ns;     /* the last look */
    uint64_t refresh_ns;   /* when `before` is to be read again */
    struct thread_usage before;
    int fd;
    /* thread_usage.h; tests have others. */
    void (*read)(int fd, struct thread_usage *ret_usage);
    void (*refresh)(int fd, struct thread_usage *usage);
    uint64_t (*read_delay_ns)(int fd);
    void (*on_stall)(struct stall_watch *watch, const struct stall *stall);
};

/* Looks at nothing until it is begun. */
void stall_watch_init(struct stall_watch *watch);
/* On the loop's thread. Nothing, where on_stall is not set. */
void stall_watch_begin(struct stall_watch *watch, uint64_t now_ns);
void stall_watch_end(struct stall_watch *watch);
/* Reads all anew, now and then; for the owner's own figures too. */
void stall_watch_refresh(struct stall_watch *watch, uint64_t now_ns);
/* 0 is STALL_NEVER. */
void stall_watch_set_threshold(struct stall_watch *watch, uint64_t threshold_ns);

/* stall.c: a busy span reached the threshold, or `before` is old. */
void stall_reckon(struct stall_watch *watch, uint64_t busy_ns, uint64_t now_ns, enum stall_phase phase);

/* The loop has been busy since the last look. */
static inline void stall_look(struct stall_watch *watch, uint64_t now_ns, enum stall_phase phase)
{
    uint64_t busy_ns = now_ns - watch->since_ns;
    watch->since_ns = now_ns;
    if (UNLIKELY(busy_ns >= watch->threshold_ns || now_ns >= watch->refresh_ns))
        stall_reckon(watch, busy_ns, now_ns, phase);
}

/* The loop has slept since the last look. True: for so long that stall_look_up is to be called. */
static inline bool stall_has_slept(struct stall_watch *watch, uint64_t now_ns)
{
    if (UNLIKELY(now_ns - watch->since_ns >= watch->threshold_ns))
        return true;
    watch->since_ns = now_ns;
    return false;
}

/* It is late by late_ns at least, as far as it can tell itself. */
void stall_look_up(struct stall_watch *watch, uint64_t now_ns, uint64_t late_ns);

/* How `wall_ns` of a thread's life are split, by readings at its ends, the first of which may have been somewhat earlier. */
void stall_split(struct stall *stall, uint64_t wall_ns, const struct thread_usage *before,
                 const struct thread_usage *after);
/* The largest part. */
enum stall_cause stall_main_cause(const struct stall *stall);

#endif
