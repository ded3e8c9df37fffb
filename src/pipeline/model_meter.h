/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what becomes of runs. The worker that submitted them; NULL meters are accepted: nobody has attached any. */
#ifndef WEIR_PIPELINE_MODEL_METER_H
#define WEIR_PIPELINE_MODEL_METER_H

#include "pipeline/config.h"
#include "pipeline/job.h"
#include "pipeline/meters.h"

/* NULL where nobody attached meters, or there is no model. */
static inline struct model_meter *model_entry_meter(const struct model_entry *entry, uint32_t worker_index)
{
    return entry && entry->meters ? &entry->meters[worker_index] : NULL;
}

/* A job has come back, whatever became of it and whether anybody waits for it still. */
void model_meter_job(struct model_meter *meter, const struct job *job, uint64_t now_ns);
/* Outputs have become a response's body. */
void model_meter_format(struct model_meter *meter, uint64_t ns);
/* A run was not even queued. */
void model_meter_refusal(struct model_meter *meter, enum model_failure failure);

#endif
