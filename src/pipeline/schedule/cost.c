/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive least squares with forgetting, in the form of sums: what is old counts less by a factor with each observation, and
 * the line is solved anew from five numbers.
 *
 * Each observation counts by its relative error, so that batches of 64 do not drown out those of 1, by which b is known; relative
 * to the size and not to what was observed, or a model that has become slower would be believed ever less.
 * Traffic may be of one size for hours, which tells nothing of how a and b share its time; the textbook's covariance then
 * grows without bound. The samples of loading stay in the sums with a small weight and decide what the traffic does not.
 *
 * A thread that was preempted says nothing of the model: an observation is bounded to some mean errors around the line. When the
 * model has really become slower the errors grow, the bound with them, and the line follows within a dozen batches. */
#include "pipeline/schedule/cost_int.h"

#include <math.h>

#define KEPT         0.97 /* of an observation's weight when the next one comes */
#define ANCHOR       1.5  /* observations that all samples together count for */
#define ERRORS_MAX   3.0  /* mean errors that an observation may be off */
#define PAYING       0.95 /* of the most rows a second that were measured */
#define ERROR_MIN    0.05
#define ERROR_WEIGHT 0.1 /* of the latest, in the mean */

static void solve(struct cost *cost);

static void add(struct cost_sums *sums, double rows, double ns, double w)
{
    sums->w += w;
    sums->x += w * rows;
    sums->xx += w * rows * rows;
    sums->y += w * ns;
    sums->xy += w * rows * ns;
}

/* Errors are told in parts of the time that a batch of the size takes, in singles. */
static double relative(double singles)
{
    return 1 / (singles * singles);
}

void cost_init(struct cost *cost, const struct batch_sample *samples, uint32_t count)
{
    *cost = (struct cost){0};
    for (uint32_t i = 0; i < count; i++)
        if (samples[i].ns && samples[0].ns)
            add(&cost->anchor, samples[i].rows, (double)samples[i].ns,
                relative((double)samples[i].ns / (double)samples[0].ns) * ANCHOR / count);
    solve(cost);
}

uint32_t cost_rows_paying(const struct batch_sample *samples, uint32_t count, uint32_t rows_max)
{
    double best = 0;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < count; i++)
        best = fmax(best, (double)samples[i].rows / fmax((double)samples[i].ns, 1));
    for (uint32_t i = 0; i < count; i++)
        if ((double)samples[i].rows / fmax((double)samples[i].ns, 1) >= PAYING * best)
            rows = MAX(rows, samples[i].rows);
    bool is_largest = count && rows == samples[count - 1].rows;
    return rows && !is_largest ? MIN(rows, rows_max) : rows_max;
}

static double bounded(const struct cost *cost, double rows, double ns)
{
    double expected = cost_ns(cost, rows);
    double room = ERRORS_MAX * fmax(cost->error_ratio, ERROR_MIN);
    if (expected <= 0)
        return ns;
    return fmin(fmax(ns, expected / (1 + room)), expected * (1 + room));
}

void cost_observe(struct cost *cost, uint32_t rows, uint64_t ns)
{
    double expected = cost_ns(cost, rows);
    double y = fmax((double)ns, 1);
    if (expected > 0) {
        double error = fmin(fabs(y - expected) / y, 1);
        cost->error_ratio += ERROR_WEIGHT * (error - cost->error_ratio);
    }
    struct cost_sums *seen = &cost->seen;
    *seen = (struct cost_sums){seen->w * KEPT, seen->x * KEPT, seen->xx * KEPT, seen->y * KEPT, seen->xy * KEPT};
    double line = cost_ns(cost, 1) > 0 ? expected / cost_ns(cost, 1) : 1;
    add(seen, rows, bounded(cost, rows, y), relative(line));
    if (cost->count < UINT32_MAX)
        cost->count++;
    solve(cost);
}

/* Neither part is negative: a line that would have one so goes through the origin, or is flat. With one size only, half of its
 * time is each part's. */
static void solve(struct cost *cost)
{
    const struct cost_sums s = {cost->seen.w + cost->anchor.w, cost->seen.x + cost->anchor.x,
                                cost->seen.xx + cost->anchor.xx, cost->seen.y + cost->anchor.y,
                                cost->seen.xy + cost->anchor.xy};
    double determinant = s.w * s.xx - s.x * s.x;
    if (s.w <= 0)
        return;
    if (determinant <= 1e-9 * s.w * s.xx) {
        cost->a_ns = s.xy / s.xx / 2;
        cost->b_ns = s.y / s.w / 2;
        return;
    }
    double a = (s.w * s.xy - s.x * s.y) / determinant;
    double b = (s.xx * s.y - s.x * s.xy) / determinant;
    cost->a_ns = b < 0 ? s.xy / s.xx : fmax(a, 0);
    cost->b_ns = a < 0 ? s.y / s.w : fmax(b, 0);
}
