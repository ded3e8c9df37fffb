/* SPDX-License-Identifier: Apache-2.0 */
/* ModelConfig: what is known of a model, as Triton's ModelConfig has it (model_config.proto). The same as the REST says it:
 * without the first dimension where weir batches the model. */
#include "pipeline/grpc/calls_int.h"

enum { RESPONSE_CONFIG = 1 };
enum {
    CONFIG_NAME = 1,
    CONFIG_PLATFORM = 2,
    CONFIG_VERSION_POLICY = 3,
    CONFIG_MAX_BATCH_SIZE = 4,
    CONFIG_INPUT = 5,
    CONFIG_OUTPUT = 6,
    CONFIG_INSTANCE_GROUP = 7,
    CONFIG_DYNAMIC_BATCHING = 11,
    CONFIG_PARAMETERS = 14,
    CONFIG_BACKEND = 17,
};
enum { POLICY_SPECIFIC = 3, SPECIFIC_VERSIONS = 1 };
enum { INPUT_NAME = 1, INPUT_DATA_TYPE = 2, INPUT_DIMS = 4, OUTPUT_DIMS = 3 };
enum { INSTANCE_NAME = 1, INSTANCE_COUNT = 2, INSTANCE_KIND = 4, KIND_CPU = 2 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2, PARAMETER_STRING = 1 };

/* enum DataType. */
static const uint8_t data_types[] = {
    [TENSOR_NONE] = 0, [TENSOR_BOOL] = 1, [TENSOR_U8] = 2,   [TENSOR_U16] = 3,   [TENSOR_U32] = 4,
    [TENSOR_U64] = 5,  [TENSOR_I8] = 6,   [TENSOR_I16] = 7,  [TENSOR_I32] = 8,   [TENSOR_I64] = 9,
    [TENSOR_F16] = 10, [TENSOR_F32] = 11, [TENSOR_F64] = 12, [TENSOR_BF16] = 14, [TENSOR_BYTES] = 13,
};

static void write_specs(struct buffer *out, bool is_input, const struct tensor_spec *specs, uint32_t count,
                        bool is_batched)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor_spec *spec = &specs[i];
        size_t begin = protobuf_message_begin(out, is_input ? CONFIG_INPUT : CONFIG_OUTPUT);
        protobuf_write_text(out, INPUT_NAME, spec->name);
        protobuf_write_u64(out, INPUT_DATA_TYPE, data_types[spec->type]);
        protobuf_write_i64_packed(out, is_input ? INPUT_DIMS : OUTPUT_DIMS, spec->dims + is_batched,
                                  spec->rank - is_batched);
        protobuf_message_end(out, begin);
    }
}

/* Versions are numbers there; another one cannot be told. */
static void write_versions(struct buffer *out, const struct request *request, struct slice name)
{
    struct model_range range = config_model_versions(request->config, name);
    size_t policy = protobuf_message_begin(out, CONFIG_VERSION_POLICY);
    size_t specific = protobuf_message_begin(out, POLICY_SPECIFIC);
    for (uint32_t i = range.count; i-- > 0;) {
        uint64_t number;
        if (text_parse_u64(range.entries[i]->config->version, &number) == ERR_OK)
            protobuf_write_u64(out, SPECIFIC_VERSIONS, number);
    }
    protobuf_message_end(out, specific);
    protobuf_message_end(out, policy);
}

static void write_instances(struct buffer *out, const struct model *model)
{
    const struct model_info *info = model_info(model);
    bool is_cpu = slice_is(info->provider, "cpu") || slice_is(info->provider, "CPUExecutionProvider");
    size_t begin = protobuf_message_begin(out, CONFIG_INSTANCE_GROUP);
    protobuf_write_text(out, INSTANCE_NAME, info->name);
    protobuf_write_u64(out, INSTANCE_COUNT, model_batch_info(model)->instances);
    if (is_cpu)
        protobuf_write_u64(out, INSTANCE_KIND, KIND_CPU);
    protobuf_message_end(out, begin);
}

static void write_parameter(struct buffer *out, struct slice name, struct slice text)
{
    size_t entry = protobuf_message_begin(out, CONFIG_PARAMETERS);
    protobuf_write_text(out, ENTRY_KEY, name);
    size_t value = protobuf_message_begin(out, ENTRY_VALUE);
    protobuf_write_text(out, PARAMETER_STRING, text);
    protobuf_message_end(out, value);
    protobuf_message_end(out, entry);
}

enum verdict call_model_config(struct request *request, struct slice message, struct buffer *out)
{
    struct model *model;
    enum verdict verdict = call_find_model(request, message, "ModelConfigRequest");
    if (verdict == VERDICT_NEXT)
        verdict = model_need(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    const struct model_info *info = model_info(model);
    const struct batch_info *batch = model_batch_info(model);
    bool is_batched = batch->rows_max > 1;
    size_t begin = protobuf_message_begin(out, RESPONSE_CONFIG);
    protobuf_write_text(out, CONFIG_NAME, info->name);
    protobuf_write_text(out, CONFIG_PLATFORM, info->platform);
    protobuf_write_text(out, CONFIG_BACKEND, SLICE_LIT("onnxruntime"));
    write_versions(out, request, info->name);
    if (is_batched)
        protobuf_write_u64(out, CONFIG_MAX_BATCH_SIZE, batch->rows_max);
    write_specs(out, true, info->inputs, info->input_count, is_batched);
    write_specs(out, false, info->outputs, info->output_count, is_batched);
    write_instances(out, model);
    if (is_batched)
        protobuf_message_end(out, protobuf_message_begin(out, CONFIG_DYNAMIC_BATCHING));
    write_parameter(out, SLICE_LIT("execution_provider"), info->provider);
    if (batch->why_single)
        write_parameter(out, SLICE_LIT("why_not_batched"), slice_of_text(batch->why_single));
    protobuf_message_end(out, begin);
    return VERDICT_NEXT;
}
