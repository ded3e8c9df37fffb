/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/clock.h"
#include "load/knee/opinion_int.h"
#include "load/values.h"

#include <math.h>
#include <stdlib.h>

#define FROM_DEFAULT   20.0
#define RATE_LEAST     0.1
#define WIDTH_DEFAULT  0.05
#define GROWTH         2.0
#define DESCENT        4.0
#define SAMPLES_COARSE 50.0 /* a probe at a low rate lasts until so many were due */
#define SAMPLES_ABOVE  10.0 /* or so many may be above a quantile's bound */
#define PROBE_MOST_NS  (60 * NS_PER_S)
#define PROBES_COARSE  2 /* of one rate, at most */
#define PROBES_FINE    4
#define PROBES_MORE    32 /* once the bracket is narrow: until the knee is known to */
#define OWN_LIMIT_MOST 6
#define SPREAD_SHARE   0.7  /* of the width, with 95 % confidence; so with more than 99 % to the width */
#define ASIDE          1.06 /* from the ends of the bracket, for a longer line */
#define PROBES_TO_FAIL 2    /* one alone may be an accident of the machine */
#define PAUSE_FACTOR   4    /* behind a probe that has failed */
#define DRAIN_MOST_NS  (5 * NS_PER_S)
#define NOT_FAILED     UINT32_MAX

struct search {
    struct load_knee_options options; /* with all defaults in place */
    bool has_from;
    double samples_fine;      /* of a probe while the bracket is narrowed */
    struct load_random seeds; /* of the probes: each draws other arrivals */
    struct load_knee *knee;
};

/* --- a probe ------------------------------------------------------------------------------------------------------ */

static uint64_t duration_of(const struct search *search, double rate, bool is_coarse)
{
    double wanted_ns = (double)search->options.probe_ns / (is_coarse ? 2 : 1);
    double samples = is_coarse ? SAMPLES_COARSE : search->samples_fine;
    return (uint64_t)fmin(fmax(wanted_ns, samples / rate * 1e9), fmax(wanted_ns, (double)PROBE_MOST_NS));
}

static struct load_probe probe_of(const struct search *search, double rate, bool is_coarse)
{
    uint64_t duration_ns = duration_of(search, rate, is_coarse);
    return (struct load_probe){.rate = rate,
                               .duration_ns = duration_ns,
                               .warm_ns = search->options.warm_ns,
                               .interval_ns = duration_ns / LOAD_KNEE_INTERVALS,
                               .drain_ns = MIN(search->options.plan->drain_ns, DRAIN_MOST_NS)};
}

static enum err run_probe(struct search *search, struct opinion *opinion, bool is_coarse,
                          struct load_knee_probe *ret_probe)
{
    const struct load_knee_options *options = &search->options;
    struct load_probe probe = probe_of(search, opinion->rate, is_coarse);
    struct load_stage stage;
    struct load_plan plan = *options->plan;
    load_probe_apply(&probe, &stage, &plan);
    plan.seed = load_draw(&search->seeds);
    struct load_results *results = calloc(1, sizeof *results);
    if (!results)
        return ERR_NOMEM;
    enum err err = load_results_init(&plan, results);
    if (err == ERR_OK) {
        err = options->run(options->owner, &plan, &probe, results);
        if (err == ERR_OK) {
            *ret_probe = (struct load_knee_probe){.rate = probe.rate};
            probe_fill(options, results, ret_probe);
            opinion_add(opinion, ret_probe);
        }
        load_results_deinit(results);
    }
    free(results);
    return err;
}

static enum err probe_once(struct search *search, struct opinion *opinion, bool is_coarse)
{
    const struct load_knee_options *options = &search->options;
    struct load_knee *knee = search->knee;
    if (knee->probe_count == LOAD_KNEE_PROBES_MAX)
        return ERR_LIMIT;
    struct load_knee_probe *probe = &knee->probes[knee->probe_count];
    TRY(run_probe(search, opinion, is_coarse, probe));
    knee->probe_count++;
    if (options->on_probe)
        options->on_probe(options->owner, probe);
    if (options->pause)
        options->pause(options->owner, options->pause_ns * (probe->verdict == LOAD_KNEE_HOLDS ? 1 : PAUSE_FACTOR));
    return ERR_OK;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

static bool is_decided(const struct opinion *opinion, const struct opinion_verdict *verdict, uint32_t probes_max)
{
    uint32_t probes = opinion->probes + opinion->own_limit;
    if (probes >= probes_max)
        return true;
    if (verdict->verdict != LOAD_KNEE_HOLDS && probes < PROBES_TO_FAIL)
        return false;
    return verdict->is_sure;
}

static enum err form_opinion(struct search *search, double rate, bool is_coarse, struct opinion_verdict *ret_verdict)
{
    struct opinion opinion = {.options = &search->options, .rate = rate};
    do {
        TRY(probe_once(search, &opinion, is_coarse));
        *ret_verdict = opinion_judge(&opinion);
    } while (!is_decided(&opinion, ret_verdict, is_coarse ? PROBES_COARSE : PROBES_FINE));
    return ERR_OK;
}

/* Moves one end of the bracket to `rate`. */
static void move_end(struct search *search, double rate, const struct opinion_verdict *verdict)
{
    struct load_knee *knee = search->knee;
    if (verdict->verdict == LOAD_KNEE_HOLDS) {
        knee->low = rate;
        return;
    }
    knee->high = rate;
    knee->high_verdict = verdict->verdict;
    knee->high_failed = verdict->failed;
}

static enum err decide(struct search *search, double rate)
{
    struct opinion_verdict verdict;
    TRY(form_opinion(search, rate, false, &verdict));
    move_end(search, rate, &verdict);
    return ERR_OK;
}

/* Up in large steps with short probes until one surely fails. Those that are not sure are passed by: an end of the bracket that is
 * wrong would never be looked at again. */
static enum err grow(struct search *search)
{
    const struct load_knee_options *options = &search->options;
    double rate = options->from;
    while (options->to <= 0 || rate < options->to) {
        struct opinion_verdict verdict;
        TRY(form_opinion(search, rate, true, &verdict));
        if (verdict.is_sure)
            move_end(search, rate, &verdict);
        if (search->knee->high > 0)
            return ERR_OK;
        rate *= GROWTH;
    }
    return decide(search, options->to);
}

static enum err find_bracket(struct search *search)
{
    struct load_knee *knee = search->knee;
    TRY(grow(search));
    if (knee->low == 0 && search->has_from && knee->high > search->options.from)
        TRY(decide(search, search->options.from));
    while (knee->low == 0 && !search->has_from && knee->high / DESCENT >= RATE_LEAST)
        TRY(decide(search, knee->high / DESCENT));
    return ERR_OK;
}

static enum err narrow(struct search *search)
{
    struct load_knee *knee = search->knee;
    while (knee->high / knee->low - 1 > search->options.width)
        TRY(decide(search, sqrt(knee->low * knee->high)));
    return ERR_OK;
}

/* More probes around the bracket, until the estimate from all of them is narrow, too. */
static enum err make_sure(struct search *search)
{
    struct load_knee *knee = search->knee;
    const double rates[] = {knee->low / ASIDE, knee->high * ASIDE, knee->low, knee->high};
    bool is_good = knee_estimate(&search->options, knee);
    uint32_t own_limit = 0; /* a generator that cannot, will not the next time either */
    for (uint32_t i = 0; i < PROBES_MORE && own_limit < OWN_LIMIT_MOST && knee->probe_count < LOAD_KNEE_PROBES_MAX;
         i++) {
        if (is_good && knee->spread <= SPREAD_SHARE * search->options.width * knee->rate)
            break;
        struct opinion opinion = {.options = &search->options, .rate = rates[i % ARRAY_LEN(rates)]};
        TRY(probe_once(search, &opinion, false));
        own_limit += opinion.own_limit;
        is_good = knee_estimate(&search->options, knee);
    }
    return ERR_OK;
}

static enum err run_search(struct search *search)
{
    struct load_knee *knee = search->knee;
    TRY(find_bracket(search));
    if (knee->low == 0) {
        knee->end = LOAD_KNEE_NONE_HOLDS;
    } else if (knee->high == 0) {
        knee->end = LOAD_KNEE_ALL_HOLD;
    } else {
        TRY(narrow(search));
        knee->end = LOAD_KNEE_FOUND;
        TRY(make_sure(search));
    }
    if (knee->high > 0 && knee->high_verdict == LOAD_KNEE_OWN_LIMIT)
        knee->end = LOAD_KNEE_BY_GENERATOR;
    return ERR_OK;
}

/* So many that a quantile, or a share of errors, is one of more than a few values. */
static double samples_for(const struct load_knee_options *options)
{
    double samples = SAMPLES_COARSE;
    for (uint32_t i = 0; i < options->criterion_count; i++) {
        const struct load_threshold *threshold = &options->criteria[i];
        if (threshold->quantity == LOAD_Q_ERRORS && threshold->bound > 0)
            samples = fmax(samples, 1 / threshold->bound);
        else if (threshold->statistic == LOAD_S_QUANTILE && threshold->quantile < 1)
            samples = fmax(samples, SAMPLES_ABOVE / (1 - threshold->quantile));
    }
    return samples;
}

static void fill_defaults(struct load_knee_options *options)
{
    options->from = options->from > 0 ? options->from : FROM_DEFAULT;
    options->width = options->width > 0 ? options->width : WIDTH_DEFAULT;
    options->probe_ns = options->probe_ns ? options->probe_ns : 5 * NS_PER_S;
    options->warm_ns = options->warm_ns ? options->warm_ns : NS_PER_S;
    options->pause_ns = options->pause_ns ? options->pause_ns : NS_PER_S / 2;
}

enum err load_knee_search(const struct load_knee_options *options, struct load_knee *ret_knee)
{
    struct search search = {
        .options = *options, .has_from = options->from > 0, .seeds = {options->plan->seed}, .knee = ret_knee};
    ASSERT(options->criterion_count <= LOAD_KNEE_CRITERIA_MAX, "more criteria than a probe has room for");
    *ret_knee = (struct load_knee){.end = LOAD_KNEE_ENDED, .high_failed = NOT_FAILED};
    fill_defaults(&search.options);
    search.samples_fine = samples_for(options);
    enum err err = run_search(&search);
    load_knee_fit_usl(ret_knee->probes, ret_knee->probe_count, &ret_knee->usl);
    return err;
}
