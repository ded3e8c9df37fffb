/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint `scheduler`: what runs of each model are seen to cost, and what follows from that, so that anybody can hold the
 * prediction against a measurement. */
#include "pipeline/scheduler.h"
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"

#define LIST_BYTES 4096

static void write_model(struct json_writer *writer, const struct model *model)
{
    const struct model_info *info = model_info(model);
    struct lane_view view;
    lane_look(model_lane(model), &view);
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", info->name);
    json_write_member_string(writer, "version", info->version);
    json_write_member_f64(writer, "row_ns", view.a_ns);
    json_write_member_f64(writer, "run_ns", view.b_ns);
    json_write_member_f64(writer, "error_ratio", view.error_ratio);
    json_write_member_u64(writer, "rows_max", view.rows_max);
    if (view.why_single)
        json_write_member_string(writer, "why_single", slice_of_text(view.why_single));
    json_write_member_u64(writer, "rows_knee", view.rows_knee);
    json_write_member_f64(writer, "capacity_per_s", view.capacity_per_s);
    json_write_member_f64(writer, "arrivals_per_s", view.arrivals_per_s);
    json_write_member_u64(writer, "queued", view.queued);
    json_write_member_u64(writer, "running", view.running);
    json_write_member_u64(writer, "instances", view.instances);
    json_write_member_bool(writer, "inline", view.is_inline);
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
