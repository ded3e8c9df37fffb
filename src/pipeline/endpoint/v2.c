/* SPDX-License-Identifier: Apache-2.0 */
/* The Open Inference Protocol, all but inference: server, health, models.
 *
 * The protocol's text gives health a JSON body, other servers answer with a status alone; clients look at the status
 * only, so both are given. What is not ready is 503, as orchestrators expect. */
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/model_find.h"
#include "pipeline/tensor_json.h"
#include "pipeline/v2_extensions.h"

#define HEALTH_BYTES 256
#define MODEL_BYTES  1024

static void write_specs(struct json_writer *writer, struct slice key, const struct tensor_spec *specs, uint32_t count);

enum verdict endpoint_v2_server(struct request *request)
{
    struct json_writer writer = json_writer_in_arena(&request->arena, MODEL_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "name", SLICE_LIT("weir"));
    json_write_member_string(&writer, "version", SLICE_LIT(WEIR_VERSION));
    json_write_key(&writer, SLICE_LIT("extensions"));
    json_write_array_begin(&writer);
    const char *name;
    for (uint32_t i = 0; (name = v2_extension(request->config, i)); i++)
        json_write_string(&writer, slice_of_text(name));
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

enum verdict endpoint_v2_live(struct request *request)
{
    response_set(request, 200, "application/json", SLICE_LIT("{\"live\":true}"));
    return VERDICT_NEXT;
}

enum verdict endpoint_v2_ready(struct request *request)
{
    char memory[WHY_BYTES];
    struct text why = text_init(memory, sizeof memory);
    bool is_ready = endpoint_is_ready(request, &why);
    response_set(request, is_ready ? 200 : 503, "application/json",
                 is_ready ? SLICE_LIT("{\"ready\":true}") : SLICE_LIT("{\"ready\":false}"));
    return VERDICT_NEXT;
}

/* Those that can be run, the lowest first. */
static void write_versions(struct json_writer *writer, const struct request *request)
{
    struct model_range range = config_model_versions(request->config, request->model_entry->config->name);
    json_write_array_begin(writer);
    for (uint32_t i = range.count; i-- > 0;)
        if (atomic_load_explicit(&range.entries[i]->state, memory_order_acquire) == MODEL_READY)
            json_write_string(writer, range.entries[i]->config->version);
    json_write_array_end(writer);
}

enum verdict endpoint_v2_model(struct request *request)
{
    struct model *model;
    enum verdict verdict = model_find_ready(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    const struct model_info *info = model_info(model);
    struct json_writer writer = json_writer_in_arena(&request->arena, MODEL_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "name", info->name);
    json_write_key(&writer, SLICE_LIT("versions"));
    write_versions(&writer, request);
    json_write_member_string(&writer, "platform", info->platform);
    write_specs(&writer, SLICE_LIT("inputs"), info->inputs, info->input_count);
    write_specs(&writer, SLICE_LIT("outputs"), info->outputs, info->output_count);
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

static void write_specs(struct json_writer *writer, struct slice key, const struct tensor_spec *specs, uint32_t count)
{
    json_write_key(writer, key);
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < count; i++) {
        json_write_object_begin(writer);
        tensor_write_members(writer, &specs[i], specs[i].dims, specs[i].rank);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

enum verdict endpoint_v2_model_ready(struct request *request)
{
    enum verdict verdict = model_find(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    const struct model_entry *entry = request->model_entry;
    bool is_ready = atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY;
    struct json_writer writer = json_writer_in_arena(&request->arena, HEALTH_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "name", entry->config->name);
    json_write_member_bool(&writer, "ready", is_ready);
    json_write_object_end(&writer);
    return endpoint_answer(request, is_ready ? 200 : 503, &writer);
}
