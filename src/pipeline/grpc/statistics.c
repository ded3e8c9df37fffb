/* SPDX-License-Identifier: Apache-2.0 */
/* ModelStatistics, of one model or of all. Fields that are 0 are left out, as proto3 wants it. */
#include "lib/sys/clock.h"
#include "pipeline/grpc/calls_int.h"
#include "pipeline/model_statistics.h"

/* Fields of grpc_service.proto. */
enum { RESPONSE_MODELS = 1 };
enum { MODEL_NAME = 1, MODEL_VERSION, MODEL_LAST, MODEL_INFERENCES, MODEL_EXECUTIONS, MODEL_SUMS, MODEL_BATCHES };
enum { BATCH_ROWS = 1, BATCH_INPUT, BATCH_INFER, BATCH_OUTPUT };
enum { DURATION_COUNT = 1, DURATION_NS };

static void write_number(struct buffer *out, uint32_t number, uint64_t value)
{
    if (value)
        protobuf_write_u64(out, number, value);
}

static void write_duration(struct buffer *out, uint32_t number, uint64_t count, uint64_t ns)
{
    size_t begin = protobuf_message_begin(out, number);
    write_number(out, DURATION_COUNT, count);
    write_number(out, DURATION_NS, ns);
    protobuf_message_end(out, begin);
}

/* In the order of the fields of InferStatistics. */
static void write_sums(struct buffer *out, const struct model_statistics *statistics)
{
    const struct duration_sum *sums[] = {
        &statistics->success,       &statistics->fail,           &statistics->queue,     &statistics->compute_input,
        &statistics->compute_infer, &statistics->compute_output, &statistics->cache_hit, &statistics->cache_miss,
    };
    size_t begin = protobuf_message_begin(out, MODEL_SUMS);
    for (uint32_t i = 0; i < ARRAY_LEN(sums); i++)
        write_duration(out, i + 1, sums[i]->count, sums[i]->ns);
    protobuf_message_end(out, begin);
}

static void write_batches(struct buffer *out, const struct model_entry *entry)
{
    for (uint32_t rows = 1; rows <= METER_BATCH_ROWS_MAX; rows++) {
        struct batch_statistics batches;
        batch_statistics_read(entry, rows, &batches);
        if (!batches.count)
            continue;
        size_t begin = protobuf_message_begin(out, MODEL_BATCHES);
        protobuf_write_u64(out, BATCH_ROWS, rows);
        write_duration(out, BATCH_INPUT, batches.count, batches.input_ns);
        write_duration(out, BATCH_INFER, batches.count, batches.infer_ns);
        write_duration(out, BATCH_OUTPUT, batches.count, batches.output_ns);
        protobuf_message_end(out, begin);
    }
}

static void write_model(struct buffer *out, const struct request *request, const struct model_entry *entry)
{
    struct model_statistics statistics;
    model_statistics_read(entry, &statistics);
    uint64_t last_ns = statistics.last_ns ? worker_wall_ns(request->worker, statistics.last_ns) : 0;
    size_t begin = protobuf_message_begin(out, RESPONSE_MODELS);
    protobuf_write_text(out, MODEL_NAME, entry->config->name);
    protobuf_write_text(out, MODEL_VERSION, entry->config->version);
    write_number(out, MODEL_LAST, last_ns / NS_PER_MS);
    write_number(out, MODEL_INFERENCES, statistics.inference_count);
    write_number(out, MODEL_EXECUTIONS, statistics.execution_count);
    write_sums(out, &statistics);
    write_batches(out, entry);
    protobuf_message_end(out, begin);
}

static bool is_ready(const struct model_entry *entry)
{
    return atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY;
}

/* No name: of all models; no version: of all versions that can be run. */
enum verdict call_model_statistics(struct request *request, struct slice message, struct buffer *out)
{
    struct model_key key;
    struct model *model;
    enum verdict verdict = call_read_model(request, message, "ModelStatisticsRequest", &key);
    if (verdict == VERDICT_NEXT && !key.name.len) {
        for (uint32_t i = 0; i < request->config->models.count; i++)
            if (is_ready(request->config->model_entries[i]))
                write_model(out, request, request->config->model_entries[i]);
        return VERDICT_NEXT;
    }
    if (verdict == VERDICT_NEXT)
        verdict = model_find_named(request, key.name, key.version);
    if (verdict == VERDICT_NEXT)
        verdict = model_need(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    struct model_range range = config_model_versions(request->config, request->model_entry->config->name);
    for (uint32_t i = 0; i < range.count; i++)
        if (key.version.len ? range.entries[i] == request->model_entry : is_ready(range.entries[i]))
            write_model(out, request, range.entries[i]);
    return VERDICT_NEXT;
}
