/* SPDX-License-Identifier: Apache-2.0 */
/* One test from its first moment to its results, on the calling thread: looks at the records once an interval, keeps the timeline, tells
 * observers. Where the records come from is a source: the generator of this process (run.h), or agents elsewhere (remote.h). */
#ifndef WEIR_LOAD_SESSION_H
#define WEIR_LOAD_SESSION_H

#include "load/results.h"

/* Where records come from. */
struct load_source {
    /* Adds what is known to `into` (cumulative, of all). */
    void (*collect)(void *owner, struct load_record *into);
    bool (*is_over)(void *owner);
    void (*stop)(void *owner);
    /* Sets how many agents take part and how many were lost by now, once an interval; may be NULL. */
    void (*count_agents)(void *owner, struct load_results *results);
    /* What came of parts (agents) that were lost or are missing; may be NULL. */
    void (*finish)(void *owner, struct load_results *results);
    void *owner;
};

/* Whoever looks on while it runs; on the session's thread, and quick about it. */
struct load_observer {
    void (*on_interval)(void *owner, const struct load_results *results);
    /* Some fifty times a second, warming up included; now_ns from the end of warming up. May be NULL. */
    void (*on_tick)(void *owner, const struct load_results *results, int64_t now_ns);
    void *owner;
};

struct load_session_options {
    const struct load_plan *plan;
    struct load_source source;
    uint64_t begin_ns; /* monotonic: warming up begins */
    const struct load_observer *observers;
    uint32_t observer_count;
    bool (*is_cancelled)(void *owner); /* asked every 50 ms or so: Ctrl-C */
    void *owner;
};

/* Fills results that load_results_init was called for. ERR_CANCELLED: it was ended early; the results hold what there was and say so. */
MUST_USE enum err load_session_run(const struct load_session_options *options, struct load_results *results);

#endif
