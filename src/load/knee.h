/* SPDX-License-Identifier: Apache-2.0 */
/* The knee by what was promised: the highest rate at which a server still holds some thresholds ("p99 < 50ms, errors < 0.1%").
 *
 * Each *probe* is a test of its own at one rate in open loop. The rate doubles until a threshold fails, then the bracket is
 * halved on the scale of its logarithm until it is narrow enough. Near the knee chance decides what one probe says, so a rate is
 * probed again until what its probes say together is sure (opinion.c), or is as sure as it gets in reasonable time. A rate fails, too,
 * when the server falls behind: when what is outstanding grows all through the probes, however small latencies still are.
 *
 * A probe that the generator itself could not do (it was late, or had no CPU left) says nothing about the server. It bounds the search
 * like one that has failed, but when the bracket ends at such a rate, that is not called the server's knee. */
#ifndef WEIR_LOAD_KNEE_H
#define WEIR_LOAD_KNEE_H

#include "lib/base/buffer.h"
#include "load/remote.h"

#define LOAD_KNEE_PROBES_MAX   128
#define LOAD_KNEE_CRITERIA_MAX 16
#define LOAD_KNEE_INTERVALS    25 /* of a probe */

enum load_knee_verdict {
    LOAD_KNEE_HOLDS,
    LOAD_KNEE_FAILS,     /* a threshold does not hold */
    LOAD_KNEE_SATURATED, /* the server falls behind */
    LOAD_KNEE_OWN_LIMIT, /* the generator could not do it */
};
const char *load_knee_verdict_name(enum load_knee_verdict verdict); /* "holds", "fails", "saturated", "generator" */

struct load_knee_probe {
    double rate;     /* iterations a second, asked for */
    double answered; /* right responses a second that came while requests were due */
    enum load_knee_verdict verdict;
    double values[LOAD_KNEE_CRITERIA_MAX]; /* of the criteria; NaN: nothing was recorded that tells */
    /* Of a quantile or of errors: how many were on the wrong side of the bound, of how many. */
    uint64_t over[LOAD_KNEE_CRITERIA_MAX];
    uint64_t total[LOAD_KNEE_CRITERIA_MAX];
    uint32_t failed; /* the first criterion that does not hold; UINT32_MAX: all do */
    bool has_unsent; /* requests were never sent */
    uint64_t p50_ns, p99_ns, lag_p99_ns;
    double errors; /* share of 1 */
    double growth; /* of what is outstanding, requests a second; and the standard error of that */
    double growth_error;
    double growth_allowed; /* beyond, it falls behind */
    double concurrency;    /* mean number of requests that are outstanding: Little's law, rate times mean latency */
    double cpu_share;      /* of a core, the generator's */
};

struct load_knee_options {
    const struct load_plan
        *plan; /* its stages, thresholds and bounds of iterations are not looked at; CLOSED and REPLAY become POISSON */
    const struct load_threshold *criteria;
    uint32_t criterion_count;
    double from, to;   /* rates; 0: 20/s, no bound */
    double width;      /* of the bracket in the end, as a share of its lower end; 0: 0.05 */
    uint64_t probe_ns; /* 0: 5 s */
    uint64_t warm_ns;  /* before each; 0: 1 s */
    uint64_t
        pause_ns; /* between two: what the server has piled up is to be gone; 0: 0.5 s, and longer behind one that has failed */
    /* Does a test and judges it. The plan is that of the options, changed by the probe, with a seed of its own. ERR_CANCELLED ends the
     * search with what there is. */
    enum err (*run)(void *owner, const struct load_plan *plan, const struct load_probe *probe,
                    struct load_results *results);
    void (*pause)(void *owner, uint64_t ns);                            /* may be NULL */
    void (*on_probe)(void *owner, const struct load_knee_probe *probe); /* may be NULL */
    void *owner;
};

enum load_knee_end {
    LOAD_KNEE_FOUND,
    LOAD_KNEE_NONE_HOLDS,   /* not even the lowest rate */
    LOAD_KNEE_ALL_HOLD,     /* up to `to` */
    LOAD_KNEE_BY_GENERATOR, /* the server held all that the generator could do */
    LOAD_KNEE_ENDED,        /* cancelled */
};
const char *
load_knee_end_name(enum load_knee_end end); /* "found", "none_holds", "all_hold", "generator", "cancelled" */

/* Universal Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007): throughput at concurrency N is
 * a N / (1 + s (N - 1) + k N (N - 1)), where s is what has to be done one by one and k what each costs each other. */
struct load_knee_usl {
    bool is_known;
    double a, s, k;
    double peak_concurrency; /* infinite without k */
    double peak_rate;        /* at that: what the server could do at most */
    double explained;        /* R^2 */
};

struct load_knee {
    enum load_knee_end end;
    double low, high; /* the highest rate that held and the lowest that did not; 0: none */
    enum load_knee_verdict high_verdict;
    uint32_t high_failed; /* which criterion failed there */
    double rate, spread;  /* FOUND: the knee, plus and minus: from all probes, see estimate.c */
    struct load_knee_usl usl;
    struct load_knee_probe probes[LOAD_KNEE_PROBES_MAX]; /* in order of time */
    uint32_t probe_count;
};

/* *ret_knee is always filled in; an error other than ERR_OK is that of `run`, or ERR_LIMIT after LOAD_KNEE_PROBES_MAX. */
MUST_USE enum err load_knee_search(const struct load_knee_options *options, struct load_knee *ret_knee);
/* From probes that were no own limit; not known from fewer than four concurrencies. */
void load_knee_fit_usl(const struct load_knee_probe *probes, uint32_t count, struct load_knee_usl *ret_usl);

/* A line for each probe, and a sentence on what came of it. */
void load_knee_print_probe(const struct load_knee_options *options, const struct load_knee_probe *probe, FILE *out);
void load_knee_print(const struct load_knee_options *options, const struct load_knee *knee, FILE *out);
/* ERR_IO when it did not get out; ERR_NOMEM. */
MUST_USE enum err load_knee_write_json(const struct load_knee_options *options, const struct load_knee *knee,
                                       FILE *out);

#endif
