/* SPDX-License-Identifier: Apache-2.0 */
/* What a model has done, as the statistics extension of the Open Inference Protocol v2 tells it, on either wire: its meters,
 * summed over the workers. */
#ifndef WEIR_PIPELINE_MODEL_STATISTICS_H
#define WEIR_PIPELINE_MODEL_STATISTICS_H

#include "pipeline/config.h"
#include "pipeline/meters.h"

struct duration_sum {
    uint64_t count;
    uint64_t ns;
};

struct model_statistics {
    uint64_t last_ns;         /* when a run last succeeded, of the loop's clock; 0: never */
    uint64_t inference_count; /* rows */
    uint64_t execution_count; /* batches */
    struct duration_sum success;
    struct duration_sum fail;
    struct duration_sum queue; /* of what succeeded, as the next three */
    struct duration_sum compute_input;
    struct duration_sum compute_infer;
    struct duration_sum compute_output;
    struct duration_sum cache_hit;
    struct duration_sum cache_miss;
};
void model_statistics_read(const struct model_entry *entry, struct model_statistics *ret_statistics);

/* Executions of one size. */
struct batch_statistics {
    uint64_t rows;
    uint64_t count;
    uint64_t input_ns; /* summed */
    uint64_t infer_ns;
    uint64_t output_ns;
};
/* Of batches of `rows`, up to METER_BATCH_ROWS_MAX; a count of 0: there were none. */
void batch_statistics_read(const struct model_entry *entry, uint32_t rows, struct batch_statistics *ret_statistics);

#endif
