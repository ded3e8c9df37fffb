/* SPDX-License-Identifier: Apache-2.0 */
/* The statistics extension of the Open Inference Protocol v2, in the words that Triton gives it and perf_analyzer reads. */
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/model_find.h"
#include "pipeline/model_statistics.h"

#define STATS_BYTES 2048

static void write_duration(struct json_writer *writer, struct slice key, uint64_t count, uint64_t ns)
{
    json_write_key(writer, key);
    json_write_object_begin(writer);
    json_write_member_u64(writer, "count", count);
    json_write_member_u64(writer, "ns", ns);
    json_write_object_end(writer);
}

static void write_inferences(struct json_writer *writer, const struct model_statistics *statistics)
{
    const struct {
        struct slice key;
        const struct duration_sum *sum;
    } rows[] = {
        {SLICE_LIT("success"), &statistics->success},
        {SLICE_LIT("fail"), &statistics->fail},
        {SLICE_LIT("queue"), &statistics->queue},
        {SLICE_LIT("compute_input"), &statistics->compute_input},
        {SLICE_LIT("compute_infer"), &statistics->compute_infer},
        {SLICE_LIT("compute_output"), &statistics->compute_output},
        {SLICE_LIT("cache_hit"), &statistics->cache_hit},
        {SLICE_LIT("cache_miss"), &statistics->cache_miss},
    };
    json_write_key(writer, SLICE_LIT("inference_stats"));
    json_write_object_begin(writer);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        write_duration(writer, rows[i].key, rows[i].sum->count, rows[i].sum->ns);
    json_write_object_end(writer);
}

static void write_batches(struct json_writer *writer, const struct model_entry *entry)
{
    json_write_key(writer, SLICE_LIT("batch_stats"));
    json_write_array_begin(writer);
    for (uint32_t rows = 1; rows <= METER_BATCH_ROWS_MAX; rows++) {
        struct batch_statistics batches;
        batch_statistics_read(entry, rows, &batches);
        if (!batches.count)
            continue;
        json_write_object_begin(writer);
        json_write_member_u64(writer, "batch_size", rows);
        write_duration(writer, SLICE_LIT("compute_input"), batches.count, batches.input_ns);
        write_duration(writer, SLICE_LIT("compute_infer"), batches.count, batches.infer_ns);
        write_duration(writer, SLICE_LIT("compute_output"), batches.count, batches.output_ns);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_u64(struct json_writer *writer, struct slice key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_u64(writer, value);
}

static void write_model(struct json_writer *writer, const struct request *request, const struct model_entry *entry)
{
    struct model_statistics statistics;
    model_statistics_read(entry, &statistics);
    uint64_t last_ns = statistics.last_ns ? worker_wall_ns(request->worker, statistics.last_ns) : 0;
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", entry->config->name);
    json_write_member_string(writer, "version", entry->config->version);
    write_u64(writer, SLICE_LIT("last_inference"), last_ns / NS_PER_MS);
    write_u64(writer, SLICE_LIT("inference_count"), statistics.inference_count);
    write_u64(writer, SLICE_LIT("execution_count"), statistics.execution_count);
    write_inferences(writer, &statistics);
    json_write_key(writer, SLICE_LIT("response_stats")); /* of models that answer in several parts: there are none */
    json_write_object_begin(writer);
    json_write_object_end(writer);
    write_batches(writer, entry);
    json_write_key(writer, SLICE_LIT("memory_usage"));
    json_write_array_begin(writer);
    json_write_array_end(writer);
    json_write_object_end(writer);
}

static bool is_ready(const struct model_entry *entry)
{
    return atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY;
}

static struct json_writer begin(struct request *request)
{
    struct json_writer writer = json_writer_in_arena(&request->arena, STATS_BYTES);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("model_stats"));
    json_write_array_begin(&writer);
    return writer;
}

static enum verdict end(struct request *request, struct json_writer *writer)
{
    json_write_array_end(writer);
    json_write_object_end(writer);
    return endpoint_answer(request, 200, writer);
}

/* One version where the path names it, else all that can be run. */
enum verdict endpoint_v2_model_stats(struct request *request)
{
    struct model *model;
    enum verdict verdict = model_find_ready(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    struct json_writer writer = begin(request);
    struct model_range range = config_model_versions(request->config, request->model_entry->config->name);
    bool is_one = route_param(&request->match, "version").ptr;
    for (uint32_t i = 0; i < range.count; i++)
        if (is_one ? range.entries[i] == request->model_entry : is_ready(range.entries[i]))
            write_model(&writer, request, range.entries[i]);
    return end(request, &writer);
}

enum verdict endpoint_v2_stats(struct request *request)
{
    struct json_writer writer = begin(request);
    for (uint32_t i = 0; i < request->config->models.count; i++)
        if (is_ready(request->config->model_entries[i]))
            write_model(&writer, request, request->config->model_entries[i]);
    return end(request, &writer);
}
