/* SPDX-License-Identifier: Apache-2.0 */
/* Several runs as one. */
#include "pipeline/infer/infer_int.h"

#include <string.h>

uint32_t run_rows(const struct run *run)
{
    (void)run;
    return 0;
}

uint64_t run_batch_key(const struct run *run)
{
    (void)run;
    return 0;
}

bool run_fits_batch(const struct run *run, const struct run *other)
{
    return run == other;
}

void batch_execute(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times)
{
    struct batch_times times = {0};
    ASSERT(instance < model->batch_info.instances, "an instance of this model");
    for (uint32_t i = 0; i < count; i++) {
        bool is_gone = atomic_load_explicit(members[i].is_gone, memory_order_relaxed);
        members[i].err = is_gone ? ERR_CANCELLED : run_execute(members[i].run);
        times.run_ns += is_gone ? 0 : run_duration_ns(members[i].run);
    }
    *ret_times = times;
}

void batch_terminate(struct model *model, uint32_t instance)
{
    (void)model, (void)instance;
}

const struct batch_info *model_batch_info(const struct model *model)
{
    return &model->batch_info;
}
