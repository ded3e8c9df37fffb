/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of an open loop.
 *
 * Let S(t) be the integral of the planned rate. With constant spacing, iteration k is due when S(t) = k; of a Poisson process whose
 * rate changes it is due when S(t) is the sum of k + 1 exponential numbers of mean 1 (the time-rescaling theorem; Brown et al., 2002).
 * Within a stage S is a quadratic in t, which is solved as it stands: nothing is summed up step by step, so nothing drifts. */
#include "load/arrival/course_int.h"

#include <math.h>

static double draw_gap(struct load_arrivals *arrivals)
{
    return arrivals->course.plan->arrival == LOAD_POISSON ? -log(load_draw_unit(&arrivals->random)) : 1;
}

void load_arrivals_init(struct load_arrivals *arrivals, const struct load_plan *plan, uint32_t part, uint32_t parts)
{
    *arrivals =
        (struct load_arrivals){.course = {.plan = plan}, .part = part, .parts = parts, .random = {.state = plan->seed}};
    if (plan->arrival == LOAD_POISSON)
        arrivals->sum = draw_gap(arrivals);
}

/* Seconds from the beginning of a stage until the integral has risen by `sum`; the form of the root that loses no digits. */
static double stage_solve(const struct load_stage *stage, double sum)
{
    double square = stage->from * stage->from + 2 * stage_slope(stage) * sum;
    double divisor = stage->from + sqrt(fmax(square, 0));
    return divisor > 0 ? 2 * sum / divisor : 0;
}

static double stage_sum(const struct load_stage *stage)
{
    if (stage_is_endless(stage))
        return stage->from > 0 ? INFINITY : 0;
    return (stage->from + stage->to) / 2 * (double)stage->duration_ns / (double)NS_PER_S;
}

/* When the integral reaches arrivals->sum; false: never. */
static bool find_moment(struct load_arrivals *arrivals, uint64_t *ret_ns)
{
    struct load_course *course = &arrivals->course;
    struct load_stage stage;
    while (course_stage(course, &stage)) {
        double sum = stage_sum(&stage);
        if (arrivals->sum < arrivals->sum_begin + sum) {
            double seconds = stage_solve(&stage, arrivals->sum - arrivals->sum_begin);
            uint64_t offset_ns = (uint64_t)(seconds * (double)NS_PER_S + 0.5);
            *ret_ns = course->begin_ns + MIN(offset_ns, stage.duration_ns - 1);
            return true;
        }
        if (stage_is_endless(&stage))
            return false;
        arrivals->sum_begin += sum;
        course->begin_ns += stage.duration_ns;
        course->index++;
    }
    return false;
}

static bool find_recorded(const struct load_arrivals *arrivals, uint64_t *ret_ns)
{
    const struct load_plan *plan = arrivals->course.plan;
    if (arrivals->number >= plan->replay_count)
        return false;
    *ret_ns = plan->warm_ns + plan->replay_ns[arrivals->number];
    return true;
}

/* The next one of all parts. */
static bool next_of_all(struct load_arrivals *arrivals, struct load_due *ret_due)
{
    const struct load_plan *plan = arrivals->course.plan;
    uint64_t ns;
    if (!(plan->arrival == LOAD_REPLAY ? find_recorded(arrivals, &ns) : find_moment(arrivals, &ns)))
        return false;
    if (ns >= plan->warm_ns && plan->iterations_max && arrivals->counted >= plan->iterations_max)
        return false;
    arrivals->counted += ns >= plan->warm_ns;
    arrivals->sum += draw_gap(arrivals);
    *ret_due = (struct load_due){.ns = ns, .number = arrivals->number++};
    return true;
}

bool load_arrivals_next(struct load_arrivals *arrivals, struct load_due *ret_due)
{
    struct load_due due;
    do {
        if (!next_of_all(arrivals, &due))
            return false;
    } while (due.number % arrivals->parts != arrivals->part);
    *ret_due = due;
    return true;
}
