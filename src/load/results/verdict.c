/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures are worth. A number that the generator could not have measured is worse than none, so whatever makes them doubtful is
 * looked for here and said first wherever results are shown. */
#include "load/results.h"

#include "lib/sys/clock.h"
#include "load/results/buffering.h"
#include "load/results/format.h"

#include <math.h>

/* A share of requests that may be missing before the percentiles of the others say something else. */
#define RATE_TOLERANCE 0.005
/* Less than that is one iteration at an edge, or the spread of a Poisson process (three deviations). */
#define RATE_DEVIATIONS   3
#define CPU_BOUND         0.95
#define BACKLOG_TOLERANCE 0.02
#define NO_STEP           UINT32_MAX

/* --- thresholds --------------------------------------------------------------------------------------------------- */

static const struct hdr *hdr_of(const struct load_results *results, const struct load_series *series,
                                enum load_quantity quantity)
{
    switch (quantity) {
    case LOAD_Q_LATENCY:
        return &series->latency;
    case LOAD_Q_SERVICE:
        return &series->service;
    case LOAD_Q_FIRST_TOKEN:
        return series->stream ? &series->stream->first_token : NULL;
    case LOAD_Q_BETWEEN_TOKENS:
        return series->stream ? &series->stream->between_tokens : NULL;
    case LOAD_Q_LAG:
        return &results->totals->lag;
    default:
        return NULL;
    }
}

const struct hdr *load_threshold_hdr(const struct load_results *results, const struct load_threshold *threshold)
{
    const struct load_series *series =
        threshold->step == NO_STEP ? results->all : &results->totals->series[threshold->step];
    return hdr_of(results, series, threshold->quantity);
}

static double value_of_hdr(const struct hdr *hdr, const struct load_threshold *threshold)
{
    if (!hdr || hdr_count(hdr) == 0)
        return NAN;
    switch (threshold->statistic) {
    case LOAD_S_MEAN:
        return hdr_mean_ns(hdr);
    case LOAD_S_MAX:
        return (double)hdr_max_ns(hdr);
    default:
        return (double)hdr_quantile(hdr, threshold->quantile);
    }
}

static double share_failed(const struct load_series *series)
{
    uint64_t failed = load_series_failed(series);
    uint64_t ended = failed + counter_read(&series->answered);
    return ended ? (double)failed / (double)ended : NAN;
}

static double per_second(const struct load_results *results, const struct counter *counter)
{
    uint64_t span_ns = load_results_rated_ns(results);
    return span_ns && counter ? (double)counter_read(counter) * 1e9 / (double)span_ns : NAN;
}

double load_threshold_value(const struct load_results *results, const struct load_threshold *threshold)
{
    const struct load_series *series =
        threshold->step == NO_STEP ? results->all : &results->totals->series[threshold->step];
    const struct load_stream_series *stream = series->stream;
    switch (threshold->quantity) {
    case LOAD_Q_ERRORS:
        return share_failed(series);
    case LOAD_Q_RATE:
        return per_second(results, &series->answered);
    case LOAD_Q_GOODPUT:
        return per_second(results, stream ? &stream->good : NULL);
    case LOAD_Q_TOKENS:
        return per_second(results, stream ? &stream->tokens : NULL);
    default:
        return value_of_hdr(hdr_of(results, series, threshold->quantity), threshold);
    }
}

bool load_threshold_holds(const struct load_threshold *threshold, double value)
{
    if (isnan(value))
        return false;
    switch (threshold->test) {
    case LOAD_LESS:
        return value < threshold->bound;
    case LOAD_AT_MOST:
        return value <= threshold->bound;
    case LOAD_MORE:
        return value > threshold->bound;
    case LOAD_AT_LEAST:
        return value >= threshold->bound;
    default:
        return false;
    }
}

static void judge_thresholds(struct load_results *results)
{
    for (uint32_t i = 0; i < results->plan->threshold_count; i++) {
        const struct load_threshold *threshold = &results->plan->thresholds[i];
        struct load_threshold_result *result = &results->thresholds[i];
        result->value = load_threshold_value(results, threshold);
        result->holds = load_threshold_holds(threshold, result->value);
    }
}

/* --- whether the run is valid ------------------------------------------------------------------------------------- */

static void judge_lag(struct load_results *results)
{
    char lag[FORMAT_BYTES], latency[FORMAT_BYTES];
    uint64_t lag_ns = hdr_quantile(&results->totals->lag, 0.99);
    uint64_t latency_ns = hdr_quantile(&results->all->latency, 0.99);
    if (lag_ns <= MAX(results->plan->lag_bound_ns, latency_ns / 10))
        return;
    format_ns(lag, (double)lag_ns);
    format_ns(latency, (double)latency_ns);
    load_results_remark(
        results, LOAD_REMARK_INVALID, "lag",
        "the generator was late: p99 of its own lag is %s, more than a tenth of the latency's p99 (%s); "
        "give it more CPU, or less to do",
        lag, latency);
}

static void judge_unsent(struct load_results *results)
{
    uint64_t unsent = counter_read(&results->totals->unsent);
    uint64_t due = counter_read(&results->all->due);
    if (unsent == 0)
        return;
    bool is_much = (double)unsent > RATE_TOLERANCE * (double)due;
    load_results_remark(results, is_much ? LOAD_REMARK_INVALID : LOAD_REMARK_WARNING, "unsent",
                        "%llu of %llu requests that were due were never sent, because no connection was free: they are "
                        "missing from the percentiles; allow more connections, or offer less",
                        (unsigned long long)unsent, (unsigned long long)due);
}

/* Iterations that the stages ask for up to span_ns. */
static double offered_until(const struct load_plan *plan, uint64_t span_ns)
{
    double offered = 0;
    uint64_t begin_ns = 0;
    for (uint32_t i = 0; i < plan->stage_count && begin_ns < span_ns; i++) {
        const struct load_stage *stage = &plan->stages[i];
        uint64_t part_ns = MIN(stage->duration_ns, span_ns - begin_ns);
        double share = stage->duration_ns ? (double)part_ns / (double)stage->duration_ns : 0;
        double rate_at_end = stage->from + (stage->to - stage->from) * share;
        offered += (stage->from + rate_at_end) / 2 * (double)part_ns / 1e9;
        begin_ns += part_ns;
    }
    return offered;
}

static void judge_rate(struct load_results *results)
{
    const struct load_plan *plan = results->plan;
    if ((plan->arrival != LOAD_CONSTANT && plan->arrival != LOAD_POISSON) || plan->iterations_max ||
        results->is_cancelled)
        return;
    double planned = offered_until(plan, load_results_span_ns(results));
    double due = (double)counter_read(&results->totals->iterations_due);
    double spread = plan->arrival == LOAD_POISSON ? RATE_DEVIATIONS * sqrt(planned) : 2;
    if (fabs(due - planned) <= MAX(RATE_TOLERANCE * planned, spread))
        return;
    load_results_remark(results, LOAD_REMARK_WARNING, "rate",
                        "%.0f iterations were due where the plan has %.0f: the offered rate was not that of the plan",
                        due, planned);
}

/* A few that wait for a connection at the end are the spread of arrivals. */
static void judge_backlog(struct load_results *results)
{
    char span[FORMAT_BYTES], rated[FORMAT_BYTES];
    uint64_t span_ns = load_results_span_ns(results);
    uint64_t rated_ns = load_results_rated_ns(results);
    if (results->plan->arrival == LOAD_CLOSED || (double)rated_ns <= (1 + BACKLOG_TOLERANCE) * (double)span_ns)
        return;
    format_ns(span, (double)span_ns);
    format_ns(rated, (double)rated_ns);
    load_results_remark(results, LOAD_REMARK_WARNING, "backlog",
                        "more was offered than was answered: what was due in %s took %s to be answered, and rates of "
                        "answers are of that time",
                        span, rated);
}

static void judge_errors(struct load_results *results)
{
    double share = share_failed(results->all);
    uint64_t failed = load_series_failed(results->all);
    uint64_t answered = counter_read(&results->all->answered);
    if (failed + answered == 0)
        load_results_remark(results, LOAD_REMARK_INVALID, "errors", "no request has ended");
    else if (share > results->plan->error_bound)
        load_results_remark(results, LOAD_REMARK_INVALID, "errors",
                            "%.3g %% of the requests failed (%llu of %llu), more than the %.3g %% that a test may have",
                            100 * share, (unsigned long long)failed, (unsigned long long)(failed + answered),
                            100 * results->plan->error_bound);
}

/* Of the cores that the threads of one process have. */
static double cpu_share_of(const struct load_results *results, const struct load_record *record)
{
    double span_ns = (double)load_results_rated_ns(results);
    double cores = MAX(results->plan->thread_count, 1);
    return span_ns > 0 ? (double)counter_read(&record->cpu_ns) / span_ns / cores : 0;
}

/* Of agents, that of the busiest: it does not help it that another one idles. */
static void judge_cpu(struct load_results *results)
{
    double share = results->part_count ? 0 : cpu_share_of(results, results->totals);
    for (uint32_t i = 0; i < results->part_count; i++)
        share = fmax(share, cpu_share_of(results, results->parts[i].record));
    if (share >= CPU_BOUND)
        load_results_remark(
            results, LOAD_REMARK_WARNING, "cpu",
            "the generator's threads used %.0f %% of their cores: it may be what limits the rate; give it "
            "more threads%s",
            100 * share, results->part_count ? " or agents" : "");
}

/* A quantile of which fewer than ten values lie above moves with every one of them. */
static void judge_samples(struct load_results *results)
{
    for (uint32_t i = 0; i < results->plan->threshold_count; i++) {
        const struct load_threshold *threshold = &results->plan->thresholds[i];
        const struct load_series *series =
            threshold->step == NO_STEP ? results->all : &results->totals->series[threshold->step];
        const struct hdr *hdr = hdr_of(results, series, threshold->quantity);
        if (!hdr || threshold->statistic != LOAD_S_QUANTILE)
            continue;
        double above = (double)hdr_count(hdr) * (1 - threshold->quantile);
        if (above < 10)
            load_results_remark(results, LOAD_REMARK_NOTE, "samples",
                                "\"" SLICE_FMT
                                "\" rests on %llu values, of which %.1f lie above the quantile: a longer "
                                "test says more",
                                SLICE_ARG(threshold->text), (unsigned long long)hdr_count(hdr), above);
    }
}

void load_results_judge(struct load_results *results)
{
    if (results->is_judged)
        return;
    results->is_judged = true;
    judge_thresholds(results);
    judge_lag(results);
    judge_unsent(results);
    judge_errors(results);
    judge_rate(results);
    judge_backlog(results);
    load_results_judge_buffering(results);
    judge_cpu(results);
    judge_samples(results);
    if (results->is_cancelled)
        load_results_remark(results, LOAD_REMARK_NOTE, "cancelled", "the test was ended before its time");
}
