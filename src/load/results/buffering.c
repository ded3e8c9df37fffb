/* SPDX-License-Identifier: Apache-2.0 */
/* Whether something holds a stream of tokens back and hands it on in bunches, which flatters the time between tokens: most
 * gaps become nothing, and the first token comes late. A gateway cannot be faster than its origin. A step that names another
 * `beside` it is held against that in two ways:
 *
 *   the median gap is shorter than the origin's, by more than two medians of the same stream would differ (three standard
 *   errors of both, and a twentieth): nothing but bunches makes it so, and the figures of the step are worth nothing
 *   more events came at one with the event before than at the origin: a proxy that holds back little, or only at times */
#include "load/results/buffering.h"

#include "load/results/format.h"

#include <math.h>

#define GAPS_MIN         30   /* fewer say nothing */
#define TOLERANCE        0.05 /* two equal streams differ by as much, and shares by as many points */
#define DEVIATIONS       3.0
#define BUNCHED_NOTE     0.25 /* of a step that is held against nothing */
#define MEDIAN_ERROR     1.2533
#define QUARTILES_NORMAL 1.349 /* the normal distribution's, in standard deviations */

/* Of the median, by the spread of the quartiles. */
static double error_of_median(const struct hdr *gaps)
{
    double spread = (double)(hdr_quantile(gaps, 0.75) - hdr_quantile(gaps, 0.25)) / QUARTILES_NORMAL;
    return MEDIAN_ERROR * spread / sqrt((double)hdr_count(gaps));
}

static double share_bunched(const struct load_stream_series *stream)
{
    double gaps = (double)hdr_count(&stream->between_tokens);
    return gaps > 0 ? (double)counter_read(&stream->bunched) / gaps : 0;
}

static bool is_faster(const struct hdr *gateway, const struct hdr *origin)
{
    double own = (double)hdr_quantile(origin, 0.5);
    double through = (double)hdr_quantile(gateway, 0.5);
    double noise = DEVIATIONS * hypot(error_of_median(gateway), error_of_median(origin));
    return own - through > noise + TOLERANCE * own;
}

static bool is_more_bunched(const struct load_stream_series *gateway, const struct load_stream_series *origin)
{
    double own = share_bunched(origin);
    double through = share_bunched(gateway);
    double both = (own + through) / 2;
    double count = 1 / (double)hdr_count(&gateway->between_tokens) + 1 / (double)hdr_count(&origin->between_tokens);
    return through - own > TOLERANCE + DEVIATIONS * sqrt(both * (1 - both) * count);
}

static void judge_beside(struct load_results *results, const struct load_step *step, const struct load_step *beside)
{
    const struct load_stream_series *gateway = results->totals->series[step->index].stream;
    const struct load_stream_series *origin = results->totals->series[beside->index].stream;
    uint64_t least = MIN(hdr_count(&gateway->between_tokens), hdr_count(&origin->between_tokens));
    if (least < GAPS_MIN) {
        load_results_remark(results, LOAD_REMARK_NOTE, "buffering",
                            "whether \"" SLICE_FMT "\" buffers cannot be said: there are %llu gaps between tokens to "
                            "compare, and %d are needed",
                            SLICE_ARG(step->name), (unsigned long long)least, GAPS_MIN);
        return;
    }
    bool is_sure = is_faster(&gateway->between_tokens, &origin->between_tokens);
    if (!is_sure && !is_more_bunched(gateway, origin))
        return;
    char gaps[2][FORMAT_BYTES], firsts[2][FORMAT_BYTES];
    load_results_remark(
        results, is_sure ? LOAD_REMARK_INVALID : LOAD_REMARK_WARNING, "buffering",
        "\"" SLICE_FMT "\" is buffered on its way: its tokens come %s apart (p50) where \"" SLICE_FMT
        "\" beside it has %s, %.0f %% of them at one with the token before (%.0f %%), the first after %s (%s); "
        "let the proxy hand on what comes at once, such as by the field X-Accel-Buffering: no",
        SLICE_ARG(step->name), format_ns(gaps[0], (double)hdr_quantile(&gateway->between_tokens, 0.5)),
        SLICE_ARG(beside->name), format_ns(gaps[1], (double)hdr_quantile(&origin->between_tokens, 0.5)),
        100 * share_bunched(gateway), 100 * share_bunched(origin),
        format_ns(firsts[0], (double)hdr_quantile(&gateway->first_token, 0.5)),
        format_ns(firsts[1], (double)hdr_quantile(&origin->first_token, 0.5)));
}

static void judge_alone(struct load_results *results, const struct load_step *step)
{
    const struct load_stream_series *stream = results->totals->series[step->index].stream;
    if (hdr_count(&stream->between_tokens) < GAPS_MIN || share_bunched(stream) < BUNCHED_NOTE)
        return;
    load_results_remark(
        results, LOAD_REMARK_NOTE, "bunched",
        "%.0f %% of the tokens of \"" SLICE_FMT "\" came at one with the token before: the server sends "
        "several at a time, something on the way buffers, or this machine was late to receive; a step `beside` it that "
        "asks the origin tells",
        100 * share_bunched(stream), SLICE_ARG(step->name));
}

void load_results_judge_buffering(struct load_results *results)
{
    const struct load_plan *plan = results->plan;
    bool is_origin[LOAD_STEPS_MAX] = {false};
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == LOAD_STEP_CHAT && plan->steps[i].beside < plan->step_count)
            is_origin[plan->steps[i].beside] = true;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct load_step *step = &plan->steps[i];
        if (step->kind != LOAD_STEP_CHAT)
            continue;
        bool is_beside = step->beside < plan->step_count && plan->steps[step->beside].kind == LOAD_STEP_CHAT;
        if (is_beside)
            judge_beside(results, step, &plan->steps[step->beside]);
        else if (!is_origin[i])
            judge_alone(results, step);
    }
}
