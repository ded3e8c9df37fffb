/* SPDX-License-Identifier: Apache-2.0 */
/* What one probe says, and what all probes at one rate say together. */
#ifndef WEIR_LOAD_KNEE_OPINION_INT_H
#define WEIR_LOAD_KNEE_OPINION_INT_H

#include "load/knee.h"

/* Fills in all of a probe but its rate. */
void probe_fill(const struct load_knee_options *options, const struct load_results *results,
                struct load_knee_probe *probe);

/* The share of values that a criterion allows on the wrong side of its bound; 0: it is not about one. */
double criterion_share(const struct load_threshold *threshold);

struct opinion {
    const struct load_knee_options *options;
    double rate;
    uint32_t probes;    /* that say something of the server */
    uint32_t own_limit; /* that do not */
    uint32_t unsent;    /* in which requests were never sent */
    double growth;      /* sums over probes */
    double growth_variance;
    double growth_allowed; /* of the last: all are as long */
    struct {
        double value;
        uint64_t over;  /* of a quantile or of errors: how many were on the wrong side */
        uint64_t total; /* of how many */
    } criteria[LOAD_KNEE_CRITERIA_MAX];
};

void opinion_add(struct opinion *opinion, const struct load_knee_probe *probe);

struct opinion_verdict {
    enum load_knee_verdict verdict;
    uint32_t failed; /* criterion; UINT32_MAX */
    bool is_sure;
};
struct opinion_verdict opinion_judge(const struct opinion *opinion);

/* The knee of a search that has found a bracket. False: more probes would tell more. */
bool knee_estimate(const struct load_knee_options *options, struct load_knee *knee);

#endif
