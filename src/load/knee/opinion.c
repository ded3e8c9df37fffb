/* SPDX-License-Identifier: Apache-2.0 */
/* "p99 < 50 ms" says that less than a hundredth of the requests take longer than 50 ms. So what counts is how many of all do, over all
 * probes at the rate; it is sure when that is more than SURE_DEVIATIONS of the binomial distribution away from the allowed share,
 * or so far that nobody would ask (a factor of CLEAR_FACTOR). The same goes for errors. Latencies of one queue come in
 * clusters, which makes shares less sure than those of coins; three deviations and not two make up for some of it. */
#include "load/knee/opinion_int.h"

#include <math.h>

#define SURE_DEVIATIONS 3.0
#define CLEAR_FACTOR    2.0
#define CLEAR_COUNT     3 /* so many on the wrong side are no accident */
#define MEAN_FACTOR     1.1
#define ENOUGH_PROBES   3 /* of a statistic whose spread is not known */

void opinion_add(struct opinion *opinion, const struct load_knee_probe *probe)
{
    if (probe->verdict == LOAD_KNEE_OWN_LIMIT) {
        opinion->own_limit++;
        return;
    }
    opinion->probes++;
    opinion->unsent += probe->has_unsent;
    opinion->growth += probe->growth;
    opinion->growth_allowed = probe->growth_allowed;
    opinion->growth_variance += probe->growth_error * probe->growth_error;
    for (uint32_t i = 0; i < opinion->options->criterion_count; i++) {
        opinion->criteria[i].value += probe->values[i];
        opinion->criteria[i].over += probe->over[i];
        opinion->criteria[i].total += probe->total[i];
    }
}

double criterion_share(const struct load_threshold *threshold)
{
    if (threshold->test != LOAD_LESS && threshold->test != LOAD_AT_MOST)
        return 0;
    if (threshold->quantity == LOAD_Q_ERRORS)
        return threshold->bound;
    return threshold->statistic == LOAD_S_QUANTILE ? 1 - threshold->quantile : 0;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

struct view {
    bool holds;
    bool is_sure;
};

static struct view view_share(uint64_t over, uint64_t total, double allowed)
{
    if (total == 0)
        return (struct view){false, false};
    double share = (double)over / (double)total;
    double deviations = (share - allowed) / sqrt(fmax(allowed * (1 - allowed), 1e-12) / (double)total);
    bool is_clear = share >= CLEAR_FACTOR * allowed ? over >= CLEAR_COUNT
                                                    : share * CLEAR_FACTOR <= allowed && (double)total * allowed >= 1;
    return (struct view){share < allowed, is_clear || fabs(deviations) >= SURE_DEVIATIONS};
}

static struct view view_mean(const struct load_threshold *threshold, double mean, uint32_t probes)
{
    bool holds = load_threshold_holds(threshold, mean);
    double bound = threshold->bound;
    bool is_clear = mean > bound * MEAN_FACTOR || mean < bound / MEAN_FACTOR;
    return (struct view){holds, is_clear || probes >= ENOUGH_PROBES};
}

static struct view view_criterion(const struct opinion *opinion, uint32_t i)
{
    const struct load_threshold *threshold = &opinion->options->criteria[i];
    double mean = opinion->criteria[i].value / opinion->probes;
    double allowed = criterion_share(threshold);
    bool is_errors = threshold->quantity == LOAD_Q_ERRORS;
    if (allowed <= 0)
        return view_mean(threshold, mean, opinion->probes);
    struct view view = view_share(opinion->criteria[i].over, opinion->criteria[i].total, allowed);
    if (!is_errors && (mean * CLEAR_FACTOR <= threshold->bound || mean >= threshold->bound * CLEAR_FACTOR))
        view.is_sure = true;
    return view;
}

static struct view view_growth(const struct opinion *opinion)
{
    double growth = opinion->growth / opinion->probes;
    double error = sqrt(opinion->growth_variance) / opinion->probes;
    double allowed = opinion->growth_allowed;
    if (opinion->unsent)
        return (struct view){false, true};
    return (struct view){growth < allowed, fabs(growth - allowed) >= SURE_DEVIATIONS * error};
}

struct opinion_verdict opinion_judge(const struct opinion *opinion)
{
    struct opinion_verdict verdict = {.verdict = LOAD_KNEE_HOLDS, .failed = UINT32_MAX, .is_sure = true};
    if (opinion->probes == 0)
        return (struct opinion_verdict){LOAD_KNEE_OWN_LIMIT, UINT32_MAX, opinion->own_limit > 0};
    struct view growth = view_growth(opinion);
    bool is_sure_to_fail = !growth.holds && growth.is_sure;
    bool holds_surely = growth.holds && growth.is_sure;
    if (!growth.holds)
        verdict.verdict = LOAD_KNEE_SATURATED;
    for (uint32_t i = 0; i < opinion->options->criterion_count; i++) {
        struct view view = view_criterion(opinion, i);
        holds_surely = holds_surely && view.holds && view.is_sure;
        if (view.holds)
            continue;
        is_sure_to_fail = is_sure_to_fail || view.is_sure;
        if (verdict.failed == UINT32_MAX)
            verdict.failed = i;
        if (verdict.verdict == LOAD_KNEE_HOLDS)
            verdict.verdict = LOAD_KNEE_FAILS;
    }
    verdict.is_sure = verdict.verdict == LOAD_KNEE_HOLDS ? holds_surely : is_sure_to_fail;
    return verdict;
}
