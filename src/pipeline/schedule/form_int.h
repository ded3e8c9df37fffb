/* SPDX-License-Identifier: Apache-2.0 */
/* How large a batch should be, and whether to wait for it. Pure: no clock, no lock. */
#ifndef WEIR_PIPELINE_SCHEDULE_FORM_INT_H
#define WEIR_PIPELINE_SCHEDULE_FORM_INT_H

#include "pipeline/model.h"
#include "pipeline/schedule/cost_int.h"

/* Rows that arrive, as a rate that forgets: what came `tau_ns` ago counts 1/e. */
#define ARRIVALS_TAU_NS      20e6 /* by which it is decided whether to wait */
#define ARRIVALS_TAU_LONG_NS 5e9  /* to be shown */
struct arrivals {
    double tau_ns;
    double per_ns;
    uint64_t at_ns;
};

void arrivals_add(struct arrivals *arrivals, uint32_t rows, uint64_t now_ns);
double arrivals_per_ns(const struct arrivals *arrivals, uint64_t now_ns);

struct situation {
    const struct batch_config *rules;
    const struct cost *cost;
    uint32_t rows_max; /* of a batch of this model; 1: it is not batched */
    uint32_t rows;     /* that wait and fit each other: at least 1 */
    uint32_t servers;  /* executors that could begin a batch of this model now, the one that asks included */
    double arrivals;   /* rows per ns, of late */
    uint64_t now_ns;
    uint64_t oldest_ns;   /* when the one that waits the longest came */
    uint64_t deadline_ns; /* the earliest */
};

/* Most rows that a batch should take of those that wait. */
uint32_t form_rows(const struct situation *situation);
/* Until when a batch that could begin should wait for more: 0: it begins now. */
uint64_t form_wait_until_ns(const struct situation *situation);
/* The largest size that is worth its latency, whatever waits: where form_rows ends. */
uint32_t form_rows_knee(const struct batch_config *rules, const struct cost *cost, uint32_t rows_max);
/* What a batch takes, as far as can be promised. */
uint64_t form_cautious_ns(const struct cost *cost, uint32_t rows);

#endif
