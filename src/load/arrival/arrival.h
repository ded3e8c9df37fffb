/* SPDX-License-Identifier: Apache-2.0 */
/* When iterations of an open loop are due, and how many users a closed one has: functions of the plan alone, on a time that begins
 * with warming up.
 *
 * There is one process for the whole test, and part k of n (a thread, an agent) has every n-th iteration of it: whoever shares a
 * test out among more parts gets the very same moments, random ones too. So each part draws all of them, at some 20 ns each. */
#ifndef WEIR_LOAD_ARRIVAL_ARRIVAL_H
#define WEIR_LOAD_ARRIVAL_ARRIVAL_H

#include "load/plan.h"
#include "load/values.h"

/* The stages with warming up before them, which has the load that the first one begins with. */
struct load_course {
    const struct load_plan *plan;
    uint32_t index;    /* 0: warming up; else of stage index - 1 */
    uint64_t begin_ns; /* of that */
};

struct load_due {
    uint64_t ns;     /* from the beginning of warming up */
    uint64_t number; /* of the iteration, over the whole test; from 0 */
};

struct load_arrivals {
    struct load_course course;
    uint32_t part;
    uint32_t parts;
    struct load_random random;
    uint64_t number;  /* of the next one, of all parts */
    uint64_t counted; /* how many of those before were due after warming up */
    double sum;       /* of the rate over time, at which the next one is due */
    double sum_begin; /* at course.begin_ns */
};

void load_arrivals_init(struct load_arrivals *arrivals, const struct load_plan *plan, uint32_t part, uint32_t parts);
/* The next of this part. False: there are no more. */
bool load_arrivals_next(struct load_arrivals *arrivals, struct load_due *ret_due);

struct load_users {
    struct load_course course;
    uint64_t now_ns;
    double level; /* users there may be now: at most as many as are wanted, and spawned no faster than the plan says */
};

void load_users_init(struct load_users *users, const struct load_plan *plan);
/* How many there are to be at a moment, of all parts; it may be asked in one direction only. *ret_next_ns is when to ask again. */
uint32_t load_users_at(struct load_users *users, uint64_t now_ns, uint64_t *ret_next_ns);
/* Most there will ever be. */
uint32_t load_users_max(const struct load_plan *plan);
/* Of `count` things that parts take by turns, how many are this one's. */
static inline uint32_t load_share(uint32_t count, uint32_t part, uint32_t parts)
{
    return count / parts + (count % parts > part);
}

/* Which stage a moment after warming up falls into; the last one behind the end. */
uint32_t load_stage_at(const struct load_plan *plan, uint64_t ns);
/* Which stage most of an interval belongs to: intervals end a little behind the stage that they are of. */
uint32_t load_stage_of(const struct load_plan *plan, uint64_t begin_ns, uint64_t end_ns);
/* When the stage that a moment falls into ends; UINT64_MAX for the last. */
uint64_t load_stage_end_ns(const struct load_plan *plan, uint64_t ns);

#endif
