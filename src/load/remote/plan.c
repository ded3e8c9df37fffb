/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/hash.h"
#include "load/remote.h"

void load_probe_apply(const struct load_probe *probe, struct load_stage *stage, struct load_plan *plan)
{
    if (probe->rate <= 0)
        return;
    *stage = (struct load_stage){.duration_ns = probe->duration_ns, .from = probe->rate, .to = probe->rate};
    plan->stages = stage;
    plan->stage_count = 1;
    if (plan->arrival != LOAD_CONSTANT)
        plan->arrival = LOAD_POISSON;
    plan->iterations_max = 0;
    plan->thresholds = NULL;
    plan->threshold_count = 0;
    plan->warm_ns = probe->warm_ns;
    plan->drain_ns = probe->drain_ns;
    plan->interval_ns = probe->interval_ns;
    plan->error_bound = 1; /* errors are the server's, and a criterion of the search may be about them */
}

/* Known to all who make a digest: against slips, not against anybody. */
static const struct hash_key key = {0x77656972, 0x6c6f6164};

static uint64_t add(uint64_t digest, const void *bytes, size_t len)
{
    return hash_bytes((struct hash_key){key.k0 ^ digest, key.k1}, slice_of(bytes, len));
}

static uint64_t add_text(uint64_t digest, struct slice text)
{
    digest = add(digest, &text.len, sizeof text.len);
    return add(digest, text.ptr, text.len);
}

uint64_t load_plan_digest(const struct load_plan *plan)
{
    const uint64_t numbers[] = {plan->arrival,        plan->warm_ns,        plan->drain_ns,        plan->interval_ns,
                                plan->seed,           plan->scenario_count, plan->connections_max, plan->pipelining,
                                plan->iterations_max, plan->pacing_ns,      plan->replay_count,    plan->data_count};
    uint64_t digest = add(plan->step_count, numbers, sizeof numbers);
    for (uint32_t i = 0; i < plan->step_count; i++)
        digest = add_text(add_text(digest, plan->steps[i].name), plan->steps[i].method);
    for (uint32_t i = 0; i < plan->target_count; i++)
        digest = add_text(digest, plan->targets[i].url);
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct load_stage *stage = &plan->stages[i];
        digest = add(digest, &stage->duration_ns, sizeof stage->duration_ns);
        digest = add(add(digest, &stage->from, sizeof stage->from), &stage->to, sizeof stage->to);
    }
    for (uint32_t i = 0; i < plan->data_count; i++)
        digest = add(digest, &plan->data[i].row_count, sizeof plan->data[i].row_count);
    return add(digest, plan->replay_ns, plan->replay_count * sizeof *plan->replay_ns);
}
