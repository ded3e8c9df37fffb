/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which batches are formed.
 *
 * Size. A batch of n rows takes T(n) = a n + b, so an executor gives n / T(n) rows a second, at most 1 / a. All that waits is
 * taken at once while that pays: up to the size that reaches SHARE of 1 / a. Beyond, a batch only makes its members wait for
 * each other, as with convolutions, whose b is next to nothing. Where several executors are free, what waits is divided
 * among them, but not into batches that are more b than a n.
 *
 * Waiting. A batch begins as soon as an executor is free, unless this one is the only one that could take what comes next, and
 * that is expected so soon that going together is better for all of them together. With N rows waiting and the next due
 * in 1/r: going now, the next one has to wait until N are done, and is done itself at T(N) + T(1). Going together, all are done at
 * 1/r + T(N + 1). The next one wins b - 1/r, each of the N loses 1/r + a. So we wait while
 *
 *     b - 1/r > N (1/r + a)
 *
 * but never longer than 2/r, in which it would have come were the estimate right, nor than b, which is all there is to win, nor so
 * long that a deadline could be missed. Where b is small this is never true. */
#include "pipeline/schedule/form_int.h"

#include <math.h>

#define SHARE         0.95 /* of the throughput without bound */
#define ERRORS        2.0  /* mean errors of the cost model that a promise allows for */
#define COUNT_TRUSTED 8    /* observations before anything waits on the word of the cost model */
#define ERROR_TRUSTED 0.25 /* and its mean error, at most: a model that is off by more promises nothing */

void arrivals_add(struct arrivals *arrivals, uint32_t rows, uint64_t now_ns)
{
    arrivals->per_ns = arrivals_per_ns(arrivals, now_ns) + rows / arrivals->tau_ns;
    arrivals->at_ns = MAX(arrivals->at_ns, now_ns);
}

double arrivals_per_ns(const struct arrivals *arrivals, uint64_t now_ns)
{
    double age_ns = now_ns > arrivals->at_ns ? (double)(now_ns - arrivals->at_ns) : 0;
    return arrivals->per_ns * exp(-age_ns / arrivals->tau_ns);
}

uint64_t form_cautious_ns(const struct cost *cost, uint32_t rows)
{
    return (uint64_t)(cost_ns(cost, rows) * (1 + ERRORS * cost->error_ratio));
}

static uint32_t bound(double rows, uint32_t rows_max)
{
    return rows >= rows_max ? rows_max : (uint32_t)fmax(ceil(rows), 1);
}

uint32_t form_rows_knee(const struct batch_config *rules, const struct cost *cost, uint32_t rows_max)
{
    if (rules->policy == BATCH_FIXED || cost->a_ns <= 0)
        return rows_max;
    return bound(SHARE / (1 - SHARE) * cost->b_ns / cost->a_ns, rows_max);
}

/* The largest preferred size that is there, all of what waits if there is none. */
static uint32_t preferred_rows(const struct situation *situation)
{
    const uint64_t *sizes = situation->rules->preferred.items;
    uint32_t best = 0;
    for (uint32_t i = 0; i < situation->rules->preferred.count; i++)
        if (sizes[i] <= MIN(situation->rows, situation->rows_max))
            best = MAX(best, (uint32_t)sizes[i]);
    return best;
}

uint32_t form_rows(const struct situation *situation)
{
    const struct cost *cost = situation->cost;
    if (situation->rules->policy == BATCH_FIXED) {
        uint32_t preferred = preferred_rows(situation);
        return preferred ? preferred : situation->rows_max;
    }
    uint32_t knee = form_rows_knee(situation->rules, cost, situation->rows_max);
    if (situation->servers < 2 || cost->a_ns <= 0)
        return knee;
    uint32_t part = (situation->rows + situation->servers - 1) / situation->servers;
    return MIN(knee, MAX(part, bound(cost->b_ns / cost->a_ns, situation->rows_max)));
}

/* What was asked for is in the queue, or the oldest has waited for it long enough. */
static uint64_t fixed_wait_until_ns(const struct situation *situation)
{
    uint64_t end_ns = situation->oldest_ns + situation->rules->max_delay;
    bool is_enough = situation->rows >= situation->rows_max || preferred_rows(situation);
    return is_enough || end_ns <= situation->now_ns ? 0 : end_ns;
}

static uint64_t latest_start_ns(const struct situation *situation)
{
    uint64_t need_ns = form_cautious_ns(situation->cost, situation->rows + 1);
    if (situation->deadline_ns == UINT64_MAX)
        return UINT64_MAX;
    return situation->deadline_ns > need_ns ? situation->deadline_ns - need_ns : 0;
}

static uint64_t adaptive_wait_until_ns(const struct situation *situation)
{
    const struct cost *cost = situation->cost;
    if (situation->servers > 1 || cost->count < COUNT_TRUSTED || cost->error_ratio > ERROR_TRUSTED ||
        situation->arrivals <= 0 || situation->rows >= form_rows_knee(situation->rules, cost, situation->rows_max))
        return 0;
    double next_ns = 1 / situation->arrivals;
    if (cost->b_ns - next_ns <= situation->rows * (next_ns + cost->a_ns))
        return 0;
    uint64_t end_ns = situation->oldest_ns + (uint64_t)fmin(2 * next_ns, cost->b_ns);
    end_ns = MIN(end_ns, latest_start_ns(situation));
    return end_ns <= situation->now_ns ? 0 : end_ns;
}

uint64_t form_wait_until_ns(const struct situation *situation)
{
    if (situation->rows_max <= 1)
        return 0;
    return situation->rules->policy == BATCH_FIXED ? fixed_wait_until_ns(situation) : adaptive_wait_until_ns(situation);
}
