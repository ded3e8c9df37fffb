/* SPDX-License-Identifier: Apache-2.0 */
/* The model configuration extension: what is known of a model, in the form of Triton's ModelConfig, which perf_analyzer and
 * others read to find out how to ask it.
 *
 * Where weir batches a model, `max_batch_size` is the most rows of a batch and `dims` are without the first dimension. Where
 * it does not, `max_batch_size` is 0 and `dims` are all dimensions, as Triton has it for models that do not batch
 * (v2_batch_size_max). */
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/model_find.h"
#include "pipeline/v2_extensions.h"

#define CONFIG_BYTES 2048

static void put_raw(struct json_writer *writer, struct slice key, struct slice json)
{
    json_write_key(writer, key);
    json_write_raw(writer, json);
}

/* "TYPE_FP32"; BYTES is TYPE_STRING. */
static void put_type(struct json_writer *writer, enum tensor_type type)
{
    char memory[32];
    struct text name = text_init(memory, sizeof memory);
    text_printf(&name, "TYPE_%s", type == TENSOR_BYTES ? "STRING" : tensor_type_name(type));
    json_write_member_string(writer, "data_type", text_slice(&name));
}

static void put_dims(struct json_writer *writer, const struct tensor_spec *spec, bool is_batched)
{
    json_write_key(writer, SLICE_LIT("dims"));
    json_write_array_begin(writer);
    for (uint32_t i = is_batched; i < spec->rank; i++)
        json_write_i64(writer, spec->dims[i]);
    json_write_array_end(writer);
}

static void put_inputs(struct json_writer *writer, const struct model_info *info, bool is_batched)
{
    json_write_key(writer, SLICE_LIT("input"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < info->input_count; i++) {
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", info->inputs[i].name);
        put_type(writer, info->inputs[i].type);
        json_write_member_string(writer, "format", SLICE_LIT("FORMAT_NONE"));
        put_dims(writer, &info->inputs[i], is_batched);
        json_write_member_bool(writer, "is_shape_tensor", false);
        json_write_member_bool(writer, "allow_ragged_batch", false);
        json_write_member_bool(writer, "optional", info->written_inputs & 1U << i);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static struct slice base_name(struct slice path)
{
    while (slice_find(path, '/') < path.len)
        path = slice_skip(path, slice_find(path, '/') + 1);
    return path;
}

static void put_outputs(struct json_writer *writer, const struct model_info *info, struct slice labels, bool is_batched)
{
    json_write_key(writer, SLICE_LIT("output"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < info->output_count; i++) {
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", info->outputs[i].name);
        put_type(writer, info->outputs[i].type);
        put_dims(writer, &info->outputs[i], is_batched);
        json_write_member_string(writer, "label_filename", base_name(labels));
        json_write_member_bool(writer, "is_shape_tensor", false);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* All that are configured are served, which is what "specific" says; only numbers can be told like that. */
static void put_versions(struct json_writer *writer, const struct request *request)
{
    struct model_range range = config_model_versions(request->config, request->model_entry->config->name);
    json_write_key(writer, SLICE_LIT("version_policy"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("specific"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("versions"));
    json_write_array_begin(writer);
    for (uint32_t i = range.count; i-- > 0;) {
        uint64_t number;
        if (text_parse_u64(range.entries[i]->config->version, &number) == ERR_OK)
            json_write_u64(writer, number);
    }
    json_write_array_end(writer);
    json_write_object_end(writer);
    json_write_object_end(writer);
}

static void put_batching(struct json_writer *writer, const struct batch_config *batch)
{
    const uint64_t *preferred = batch->preferred.items;
    json_write_key(writer, SLICE_LIT("dynamic_batching"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("preferred_batch_size"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < batch->preferred.count; i++)
        json_write_u64(writer, preferred[i]);
    json_write_array_end(writer);
    json_write_member_u64(writer, "max_queue_delay_microseconds", batch->max_delay / 1000);
    json_write_object_end(writer);
}

static void put_instances(struct json_writer *writer, const struct model *model)
{
    const struct model_info *info = model_info(model);
    bool is_cpu = slice_is(info->provider, "cpu") || slice_is(info->provider, "CPUExecutionProvider");
    json_write_key(writer, SLICE_LIT("instance_group"));
    json_write_array_begin(writer);
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", info->name);
    json_write_member_string(writer, "kind", is_cpu ? SLICE_LIT("KIND_CPU") : SLICE_LIT("KIND_AUTO"));
    json_write_member_u64(writer, "count", model_batch_info(model)->instances);
    put_raw(writer, SLICE_LIT("gpus"), SLICE_LIT("[]"));
    json_write_object_end(writer);
    json_write_array_end(writer);
}

/* What of weir's own has no field of Triton's. */
static void put_parameters(struct json_writer *writer, const struct model *model)
{
    const struct batch_info *batch = model_batch_info(model);
    json_write_key(writer, SLICE_LIT("parameters"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("execution_provider"));
    json_write_object_begin(writer);
    json_write_member_string(writer, "string_value", model_info(model)->provider);
    json_write_object_end(writer);
    if (batch->why_single) {
        json_write_key(writer, SLICE_LIT("why_not_batched"));
        json_write_object_begin(writer);
        json_write_member_string(writer, "string_value", slice_of_text(batch->why_single));
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

enum verdict endpoint_v2_model_config(struct request *request)
{
    struct model *model;
    enum verdict verdict = model_find_ready(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    const struct model_info *info = model_info(model);
    const struct model_config *config = request->model_entry->config;
    uint32_t rows_max = v2_batch_size_max(model);
    bool is_batched = rows_max > 0;
    struct json_writer writer = json_writer_in_arena(&request->arena, CONFIG_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "name", info->name);
    json_write_member_string(&writer, "platform", info->platform);
    json_write_member_string(&writer, "backend", SLICE_LIT("onnxruntime"));
    put_versions(&writer, request);
    json_write_member_u64(&writer, "max_batch_size", rows_max);
    put_inputs(&writer, info, is_batched);
    put_outputs(&writer, info, config->labels, is_batched);
    if (is_batched)
        put_batching(&writer, &config->batch);
    if (model_sequences(model))
        put_raw(&writer, SLICE_LIT("sequence_batching"), SLICE_LIT("{}"));
    put_instances(&writer, model);
    json_write_member_string(&writer, "default_model_filename", base_name(config->path));
    put_parameters(&writer, model);
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}
