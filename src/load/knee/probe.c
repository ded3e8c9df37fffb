/* SPDX-License-Identifier: Apache-2.0 */
#include "load/knee/opinion_int.h"
#include "load/knee/saturation_int.h"

#include <math.h>

static bool has_remark(const struct load_results *results, const char *code)
{
    for (uint32_t i = 0; i < results->remark_count; i++)
        if (slice_is(results->remarks[i].code, code) && results->remarks[i].kind != LOAD_REMARK_NOTE)
            return true;
    return false;
}

/* Of the intervals in which requests were due; behind them all falls. */
static void look_at_outstanding(const struct load_results *results, struct load_knee_probe *probe)
{
    double seconds[2 * LOAD_KNEE_INTERVALS];
    double outstanding[2 * LOAD_KNEE_INTERVALS];
    uint32_t count = 0;
    uint64_t answered = 0;
    double sum = 0;
    uint64_t span_ns = load_results_span_ns(results);
    for (uint32_t i = 0; i < results->interval_count && count < ARRAY_LEN(seconds); i++) {
        const struct load_interval *interval = results->intervals[i];
        if (interval->end_ns > span_ns)
            break;
        seconds[count] = (double)interval->end_ns / 1e9;
        outstanding[count] = (double)(interval->in_flight + interval->backlog);
        sum += outstanding[count++];
        answered += interval->all.answered;
    }
    if (!count)
        return;
    struct saturation saturation = saturation_find(seconds, outstanding, count);
    double mean_ns = hdr_mean_ns(&results->all->latency);
    probe->growth_allowed = saturation_allowed(probe->rate, seconds[count - 1]);
    bool is_growing = saturation.slope > probe->growth_allowed;
    probe->answered = (double)answered / seconds[count - 1];
    probe->growth = saturation.slope;
    probe->growth_error = saturation.error;
    probe->concurrency = is_growing ? sum / count : probe->answered * mean_ns / 1e9;
}

static void count_over(const struct load_threshold *threshold, const struct load_results *results, uint64_t *ret_over,
                       uint64_t *ret_total)
{
    const struct hdr *hdr = load_threshold_hdr(results, threshold);
    if (threshold->quantity == LOAD_Q_ERRORS) {
        const struct load_series *series =
            threshold->step == UINT32_MAX ? results->all : &results->totals->series[threshold->step];
        *ret_over = load_series_failed(series);
        *ret_total = *ret_over + counter_read(&series->answered);
    } else if (hdr && threshold->statistic == LOAD_S_QUANTILE) {
        uint64_t bound_ns = (uint64_t)fmin(fmax(threshold->bound, 0), (double)HDR_VALUE_MAX_NS);
        *ret_total = hdr_count(hdr);
        *ret_over = *ret_total - hdr_count_at_most(hdr, bound_ns);
    }
}

static void look_at_criteria(const struct load_knee_options *options, const struct load_results *results,
                             struct load_knee_probe *probe)
{
    probe->failed = UINT32_MAX;
    for (uint32_t i = 0; i < options->criterion_count; i++) {
        probe->values[i] = load_threshold_value(results, &options->criteria[i]);
        count_over(&options->criteria[i], results, &probe->over[i], &probe->total[i]);
        if (probe->failed == UINT32_MAX && !load_threshold_holds(&options->criteria[i], probe->values[i]))
            probe->failed = i;
    }
}

/* One that holds has held, whatever the generator had to do for it: its own lateness is part of the latency. */
static enum load_knee_verdict judge(const struct load_results *results, const struct load_knee_probe *probe)
{
    bool is_behind = probe->growth > probe->growth_allowed || probe->has_unsent;
    if (has_remark(results, "rate"))
        return LOAD_KNEE_OWN_LIMIT;
    if (!is_behind && probe->failed == UINT32_MAX)
        return LOAD_KNEE_HOLDS;
    if (has_remark(results, "lag") || has_remark(results, "cpu"))
        return LOAD_KNEE_OWN_LIMIT;
    return is_behind ? LOAD_KNEE_SATURATED : LOAD_KNEE_FAILS;
}

void probe_fill(const struct load_knee_options *options, const struct load_results *results,
                struct load_knee_probe *probe)
{
    uint64_t span_ns = load_results_span_ns(results);
    uint64_t answered = counter_read(&results->all->answered);
    uint64_t failed = load_series_failed(results->all);
    if (span_ns)
        probe->cpu_share = (double)counter_read(&results->totals->cpu_ns) / (double)span_ns;
    probe->errors = failed ? (double)failed / (double)(failed + answered) : 0;
    probe->p50_ns = hdr_quantile(&results->all->latency, 0.5);
    probe->p99_ns = hdr_quantile(&results->all->latency, 0.99);
    probe->lag_p99_ns = hdr_quantile(&results->totals->lag, 0.99);
    probe->has_unsent = counter_read(&results->totals->unsent) > 0;
    look_at_outstanding(results, probe);
    look_at_criteria(options, results, probe);
    probe->verdict = judge(results, probe);
}
