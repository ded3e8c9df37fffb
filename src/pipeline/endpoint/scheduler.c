/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint `scheduler`: what runs of each model are seen to cost, and what follows from that, so that anybody can hold the
 * prediction against a measurement. */
#include "pipeline/scheduler.h"
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"

#define LIST_BYTES 4096

static void put(struct json_writer *writer, const char *key, double value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_f64(writer, value);
}

static void put_count(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_u64(writer, value);
}

static void put_text(struct json_writer *writer, const char *key, struct slice value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_string(writer, value);
}

static void write_model(struct json_writer *writer, const struct model *model)
{
    const struct model_info *info = model_info(model);
    struct lane_view view;
    lane_look(model_lane(model), &view);
    json_write_object_begin(writer);
    put_text(writer, "name", info->name);
    put_text(writer, "version", info->version);
    put(writer, "row_ns", view.a_ns);
    put(writer, "run_ns", view.b_ns);
    put(writer, "error_ratio", view.error_ratio);
    put_count(writer, "rows_max", view.rows_max);
    if (view.why_single)
        put_text(writer, "why_single", slice_of_text(view.why_single));
    put_count(writer, "rows_knee", view.rows_knee);
    put(writer, "capacity_per_s", view.capacity_per_s);
    put(writer, "arrivals_per_s", view.arrivals_per_s);
    put_count(writer, "queued", view.queued);
    put_count(writer, "running", view.running);
    put_count(writer, "instances", view.instances);
    json_write_key(writer, SLICE_LIT("inline"));
    json_write_bool(writer, view.is_inline);
    json_write_object_end(writer);
}

enum verdict endpoint_scheduler(struct request *request)
{
    struct json_writer writer = json_writer_in_arena(&request->arena, LIST_BYTES);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("models"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < request->config->models.count; i++) {
        const struct model_entry *entry = request->config->model_entries[i];
        if (atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY)
            write_model(&writer, atomic_load_explicit(&entry->model, memory_order_acquire));
    }
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}
