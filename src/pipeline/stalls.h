/* SPDX-License-Identifier: Apache-2.0 */
/* What workers remember of the times that their loops were away (lib/sys/stall.h).
 *
 * Each worker writes its own record, and anybody reads it without a lock: histograms of the stalls by main cause, exact sums
 * of the parts, and the latest STALL_EVENTS of them one by one. A stall's event names the stage that held the loop longest, where one is
 * known: requests that are timed (flow.c; those with a body, which bring work) tell of each of their stages. Where a stall was a
 * handler's and none is known, everything is timed for STALL_CLOSELY_NS, requests without a body and the loop's own parts as well, so
 * that the next one of this kind has a name; watching so closely all the time would cost a request one hundredth more. */
#ifndef WEIR_PIPELINE_STALLS_H
#define WEIR_PIPELINE_STALLS_H

#include "lib/base/slice.h"
#include "lib/meter/counter.h"
#include "lib/meter/histogram.h"
#include "lib/sys/clock.h"
#include "lib/sys/stall.h"
#include "pipeline/stage.h"

struct request;
struct worker;

#define STALL_EVENTS     64
#define STALL_CLOSELY_NS (10 * NS_PER_S)

struct stall_event {
    uint64_t number;   /* the worker's first has 1 */
    uint64_t end_ns;   /* since 1970 */
    struct stall what; /* its end_ns is of the loop's clock */
    uint64_t held_ns;  /* of it by `stage`; 0: none is known */
    enum stage stage;
    char route[76]; /* of the request in that stage; cut to fit, as the next; "" where there is none */
    char request_id[44];
};

#define STALL_EVENT_WORDS ((sizeof(struct stall_event) + 7) / 8)

/* Written by its worker. Zeroed memory is an empty one. */
struct stall_meter {
    struct histogram time[STALL_CAUSES];   /* whole stalls, by stall_main_cause */
    struct counter cause_ns[STALL_CAUSES]; /* of all stalls, summed */
    struct counter watched_ns;             /* how long the loop has been watched */
    struct counter turns;
    struct counter cpu_ns; /* of the thread, once a second: thread_usage.h */
    struct counter run_delay_ns;
    struct counter major_faults;
    struct counter events;
    struct {
        _Atomic uint32_t version;
        _Atomic uint64_t words[STALL_EVENT_WORDS];
    } slots[STALL_EVENTS]; /* sequence.h; event n is in slot n % STALL_EVENTS */
};

/* Any thread. The latest events, newest first; returns how many. */
uint32_t stall_meter_events(const struct stall_meter *meter, struct stall_event events[STALL_EVENTS]);
/* "handler" */
const char *stall_cause_name(enum stall_cause cause);
/* "events" */
const char *stall_phase_name(enum stall_phase phase);

/* The worker's own. */
struct stall_holder {
    uint64_t turn; /* of the loop, in which it was seen; what is older is nobody */
    uint64_t held_ns;
    enum stage stage;
    char route[sizeof((struct stall_event *)NULL)->route];
    char request_id[sizeof((struct stall_event *)NULL)->request_id];
};

struct stalls {
    uint64_t marked_ns;        /* when a timed stage last began or ended in this worker */
    uint64_t note_ns;          /* who holds the loop for longer is written down */
    uint64_t closely_until_ns; /* while loop_is_watched_closely */
    uint64_t tidied_ns;
    struct stall_holder holder;
};

void stalls_init(struct worker *worker);
void stalls_set_threshold(struct worker *worker, uint64_t threshold_ns);
/* Once a second. */
void stalls_tidy(struct worker *worker);
/* flow.c: the request's stage has had the loop for held_ns. */
void stalls_note(struct request *request, enum stage stage, uint64_t held_ns);

#endif
