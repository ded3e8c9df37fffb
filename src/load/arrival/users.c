/* SPDX-License-Identifier: Apache-2.0 */
/* Users of a closed loop: what the stages want, reached no faster than users may be spawned. */
#include "load/arrival/course_int.h"

#include <math.h>

#define LOOK_NS    NS_PER_MS /* how often it is looked while the number changes */
#define ROUNDED_UP 1e-9      /* so that 63.9999999999 users are 64 */

static double wanted_in(const struct load_stage *stage, uint64_t offset_ns)
{
    return stage->from + stage_slope(stage) * ((double)offset_ns / (double)NS_PER_S);
}

/* Both lines are straight within a stage, so the lower one is exact whenever it is looked at. */
static void advance(struct load_users *users, const struct load_stage *stage, uint64_t to_ns)
{
    double wanted = wanted_in(stage, to_ns - users->course.begin_ns);
    double spawn = users->course.plan->spawn_per_s;
    double reached = users->level + spawn * ((double)(to_ns - users->now_ns) / (double)NS_PER_S);
    users->level = spawn > 0 ? fmin(wanted, reached) : wanted;
    users->now_ns = to_ns;
}

void load_users_init(struct load_users *users, const struct load_plan *plan)
{
    *users = (struct load_users){.course = {.plan = plan}};
    users->level = plan->stage_count ? fmin(plan->stages[0].from, 1) : 0;
}

uint32_t load_users_at(struct load_users *users, uint64_t now_ns, uint64_t *ret_next_ns)
{
    struct load_course *course = &users->course;
    struct load_stage stage;
    while (course_stage(course, &stage)) {
        uint64_t left_ns = UINT64_MAX - course->begin_ns;
        uint64_t end_ns = course->begin_ns + MIN(stage.duration_ns, left_ns);
        if (now_ns < end_ns) {
            advance(users, &stage, now_ns);
            bool is_steady = stage_slope(&stage) == 0 && users->level >= stage.from;
            *ret_next_ns = is_steady ? end_ns : MIN(end_ns, now_ns + LOOK_NS);
            return (uint32_t)fmax(users->level + ROUNDED_UP, 0);
        }
        if (stage.duration_ns > 0)
            advance(users, &stage, end_ns);
        course->begin_ns = end_ns;
        course->index++;
    }
    *ret_next_ns = UINT64_MAX;
    return 0;
}

uint32_t load_users_max(const struct load_plan *plan)
{
    double most = 0;
    for (uint32_t i = 0; i < plan->stage_count; i++)
        most = fmax(most, fmax(plan->stages[i].from, plan->stages[i].to));
    return (uint32_t)(most + ROUNDED_UP);
}
