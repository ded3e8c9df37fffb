/* SPDX-License-Identifier: Apache-2.0 */
/* Where exactly, once there is a bracket. Its middle is good to half of its width if every decision on the way was right, and near the
 * knee some are not. But the probes on both sides know more together:
 *
 * - Where too many requests took too long, the share of those grows with the rate, nearly in a straight line when both are
 *   logarithms. The line through all probes of the neighbourhood crosses the allowed share at the knee; how far they scatter about it
 *   says how sure that is. Probes weigh nearly the same, however many they have counted: what sets them apart is chance in when
 *   queues form, not in how many are in one (a random effect of variance BETWEEN, and that of counting beside it).
 * - Where the server fell behind, what it did not let pile up is its capacity: the rate less the growth. (The rate of answers says the
 *   same, but is short of those that the probe's end has cut off.) */
#include "load/knee/opinion_int.h"

#include <math.h>

#define NEIGHBOURHOOD 1.2 /* a factor, to both sides of the bracket */
#define BEYOND        1.1 /* how far outside of the bracket a crossing is believed */
#define BETWEEN       0.25
#define BELOW_MOST    0.5
#define POINTS_LEAST  6
#define DEVIATIONS    2
#define COLLAPSE      0.9 /* a server that does less than this share of what it held before has collapsed */

struct line {
    double weight, x, y, xx, xy, rest; /* sums; x and y become means */
    double slope;
    uint32_t count;
};

static bool is_near(const struct load_knee *knee, const struct load_knee_probe *probe)
{
    return probe->verdict != LOAD_KNEE_OWN_LIMIT && probe->rate >= knee->low / NEIGHBOURHOOD &&
           probe->rate <= knee->high * NEIGHBOURHOOD;
}

/* Half a request more, so that none is not minus infinity. A share of nearly all grows no more and is of no use for a line. */
static bool point_of(const struct load_knee *knee, const struct load_knee_probe *probe, uint32_t criterion,
                     double *ret_x, double *ret_y, double *ret_weight)
{
    double over = (double)probe->over[criterion] + 0.5;
    double share = over / ((double)probe->total[criterion] + 1);
    if (!is_near(knee, probe) || share > 0.5)
        return false;
    *ret_x = log(probe->rate);
    *ret_y = log(share);
    *ret_weight = 1 / (BETWEEN + 1 / over);
    return true;
}

static struct line fit(const struct load_knee *knee, uint32_t criterion)
{
    struct line line = {0};
    double x;
    double y;
    double weight;
    for (uint32_t i = 0; i < knee->probe_count; i++)
        if (point_of(knee, &knee->probes[i], criterion, &x, &y, &weight)) {
            line.weight += weight;
            line.x += weight * x;
            line.y += weight * y;
            line.count++;
        }
    line.x /= line.weight;
    line.y /= line.weight;
    for (uint32_t i = 0; i < knee->probe_count; i++)
        if (point_of(knee, &knee->probes[i], criterion, &x, &y, &weight)) {
            line.xx += weight * (x - line.x) * (x - line.x);
            line.xy += weight * (x - line.x) * (y - line.y);
        }
    line.slope = line.xx > 0 ? line.xy / line.xx : 0;
    for (uint32_t i = 0; i < knee->probe_count; i++)
        if (point_of(knee, &knee->probes[i], criterion, &x, &y, &weight)) {
            double off = y - line.y - line.slope * (x - line.x);
            line.rest += weight * off * off;
        }
    return line;
}

/* False: there is no line, or it says something that the bracket does not. */
static bool cross(const struct load_knee_options *options, struct load_knee *knee)
{
    double allowed = criterion_share(&options->criteria[knee->high_failed]);
    struct line line = fit(knee, knee->high_failed);
    if (line.count < POINTS_LEAST || !(line.slope > 0))
        return false;
    double scatter = line.rest / (line.count - 2);
    /* The mean of logarithms is below the logarithm of the mean, by half the variance where they are normal. */
    double below = fmin(scatter * line.count / line.weight / 2, BELOW_MOST);
    double x = line.x + (log(allowed) - line.y - below) / line.slope;
    double rate = exp(x);
    if (rate < knee->low / BEYOND || rate > knee->high * BEYOND)
        return false;
    double error = sqrt(scatter * (1 / line.weight + (x - line.x) * (x - line.x) / line.xx)) / line.slope;
    knee->rate = rate;
    knee->spread = rate * DEVIATIONS * error;
    return true;
}

/* At the rates of the bracket's end. */
static bool take_capacity(struct load_knee *knee)
{
    double kept_up = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < knee->probe_count; i++) {
        const struct load_knee_probe *probe = &knee->probes[i];
        if (!is_near(knee, probe) || probe->verdict != LOAD_KNEE_SATURATED || probe->rate < knee->high)
            continue;
        kept_up += probe->rate - probe->growth;
        count++;
    }
    if (!count || kept_up / count < COLLAPSE * knee->low || kept_up / count > knee->high)
        return false;
    knee->rate = kept_up / count;
    knee->spread = (knee->high - knee->low) / 2;
    return true;
}

bool knee_estimate(const struct load_knee_options *options, struct load_knee *knee)
{
    uint32_t failed = knee->high_failed;
    knee->rate = (knee->low + knee->high) / 2;
    knee->spread = (knee->high - knee->low) / 2;
    if (knee->high_verdict == LOAD_KNEE_SATURATED && take_capacity(knee))
        return true;
    if (failed >= options->criterion_count || options->criteria[failed].quantity == LOAD_Q_ERRORS ||
        criterion_share(&options->criteria[failed]) <= 0)
        return true; /* errors begin at a rate; they do not grow out of chance */
    return cross(options, knee);
}
