/* SPDX-License-Identifier: Apache-2.0 */
#include "load/arrival/course_int.h"

uint64_t load_plan_duration_ns(const struct load_plan *plan)
{
    uint64_t duration_ns = 0;
    if (plan->arrival == LOAD_REPLAY)
        return plan->replay_count ? plan->replay_ns[plan->replay_count - 1] + 1 : 0;
    for (uint32_t i = 0; i < plan->stage_count; i++)
        if (__builtin_add_overflow(duration_ns, plan->stages[i].duration_ns, &duration_ns))
            return UINT64_MAX;
    return duration_ns;
}

uint32_t load_stage_at(const struct load_plan *plan, uint64_t ns)
{
    uint32_t index = 0;
    while (index + 1 < plan->stage_count && ns >= plan->stages[index].duration_ns)
        ns -= plan->stages[index++].duration_ns;
    return index;
}

uint32_t load_stage_of(const struct load_plan *plan, uint64_t begin_ns, uint64_t end_ns)
{
    return load_stage_at(plan, begin_ns + (end_ns - begin_ns) / 2);
}

uint64_t load_stage_end_ns(const struct load_plan *plan, uint64_t ns)
{
    uint64_t end_ns = 0;
    for (uint32_t i = 0; i + 1 < plan->stage_count; i++) {
        end_ns += plan->stages[i].duration_ns;
        if (ns < end_ns)
            return end_ns;
    }
    return UINT64_MAX;
}

bool course_stage(const struct load_course *course, struct load_stage *ret_stage)
{
    const struct load_plan *plan = course->plan;
    if (course->index > plan->stage_count || plan->stage_count == 0)
        return false;
    if (course->index > 0) {
        *ret_stage = plan->stages[course->index - 1];
        return true;
    }
    double from = plan->stages[0].from;
    *ret_stage = (struct load_stage){.duration_ns = plan->warm_ns, .from = from, .to = from};
    return true;
}
