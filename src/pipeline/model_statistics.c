/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/model_statistics.h"

static void add(struct duration_sum *sum, const struct histogram *histogram)
{
    sum->count += histogram_count(histogram);
    sum->ns += histogram_sum_ns(histogram);
}

static void add_meter(struct model_statistics *sum, const struct model_meter *meter)
{
    uint64_t last_ns = (uint64_t)gauge_read(&meter->last_ns);
    sum->last_ns = MAX(sum->last_ns, last_ns);
    sum->inference_count += counter_read(&meter->rows);
    sum->execution_count += counter_read(&meter->batches);
    sum->success.count += histogram_count(&meter->queue_time);
    sum->success.ns += counter_read(&meter->success_ns);
    for (int i = 0; i < MODEL_FAILURE_COUNT; i++)
        sum->fail.count += counter_read(&meter->failures[i]);
    sum->fail.ns += counter_read(&meter->failure_ns);
    sum->cache_hit.count += counter_read(&meter->cache_hits);
    sum->cache_miss.count += counter_read(&meter->cache_misses);
    add(&sum->queue, &meter->queue_time);
    add(&sum->compute_input, &meter->gather_time);
    add(&sum->compute_infer, &meter->run_time);
    add(&sum->compute_output, &meter->scatter_time);
}

void model_statistics_read(const struct model_entry *entry, struct model_statistics *ret_statistics)
{
    *ret_statistics = (struct model_statistics){0};
    for (uint32_t i = 0; entry->meters && i < entry->meter_count; i++)
        add_meter(ret_statistics, &entry->meters[i]);
}

void batch_statistics_read(const struct model_entry *entry, uint32_t rows, struct batch_statistics *ret_statistics)
{
    *ret_statistics = (struct batch_statistics){.rows = rows};
    for (uint32_t i = 0; entry->meters && i < entry->meter_count; i++) {
        const struct batch_meter *size = &entry->meters[i].sizes[rows];
        ret_statistics->count += counter_read(&size->count);
        ret_statistics->input_ns += counter_read(&size->gather_ns);
        ret_statistics->infer_ns += counter_read(&size->run_ns);
        ret_statistics->output_ns += counter_read(&size->scatter_ns);
    }
}
