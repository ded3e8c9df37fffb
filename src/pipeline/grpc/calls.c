/* SPDX-License-Identifier: Apache-2.0 */
/* Procedures without tensors: health and metadata. */
#include "pipeline/grpc/calls_int.h"
#include "pipeline/v2_extensions.h"

#define WHY_BYTES      512
#define MESSAGE_BYTES  256
#define HEALTH_SERVING 1
#define HEALTH_NOT     2

typedef enum verdict (*call_run)(struct request *request, struct slice message, struct buffer *out);

static enum verdict server_live(struct request *request, struct slice message, struct buffer *out)
{
    (void)request;
    (void)message;
    protobuf_write_u64(out, 1, true);
    return VERDICT_NEXT;
}

static bool is_ready(const struct request *request)
{
    char memory[WHY_BYTES];
    struct text why = text_init(memory, sizeof memory);
    const struct ports *ports = request->worker->ports;
    return ports->is_ready(ports->owner, &why);
}

/* What is false is the default of its field, and is left out. */
static void write_true(struct buffer *out, uint32_t number, bool is_true)
{
    if (is_true)
        protobuf_write_u64(out, number, true);
}

static enum verdict server_ready(struct request *request, struct slice message, struct buffer *out)
{
    (void)message;
    write_true(out, 1, is_ready(request));
    return VERDICT_NEXT;
}

static enum verdict server_metadata(struct request *request, struct slice message, struct buffer *out)
{
    (void)message;
    protobuf_write_text(out, 1, SLICE_LIT("weir"));
    protobuf_write_text(out, 2, SLICE_LIT(WEIR_VERSION));
    for (uint32_t i = 0; v2_extension(request->config, i); i++)
        protobuf_write_text(out, 3, slice_of_text(v2_extension(request->config, i)));
    return VERDICT_NEXT;
}

enum verdict call_read_model(struct request *request, struct slice message, const char *message_name,
                             struct model_key *ret_key)
{
    struct model_key key = {{"", 0}, {"", 0}};
    struct protobuf_field field;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        if (field.number == 1 && !protobuf_string(&field, &key.name))
            return grpc_refuse_message(request, message_name);
        if (field.number == 2 && !protobuf_string(&field, &key.version))
            return grpc_refuse_message(request, message_name);
    }
    if (err != ERR_EOF)
        return grpc_refuse_message(request, message_name);
    *ret_key = key;
    return VERDICT_NEXT;
}

enum verdict call_find_model(struct request *request, struct slice message, const char *message_name)
{
    struct model_key key;
    enum verdict verdict = call_read_model(request, message, message_name, &key);
    return verdict == VERDICT_NEXT ? model_find_named(request, key.name, key.version) : verdict;
}

/* A model that is not there is not ready: clients ask about one before they load it. */
static enum verdict model_ready(struct request *request, struct slice message, struct buffer *out)
{
    struct model_key key;
    enum verdict verdict = call_read_model(request, message, "ModelReadyRequest", &key);
    if (verdict != VERDICT_NEXT)
        return verdict;
    if (model_find_named(request, key.name, key.version) != VERDICT_NEXT) {
        request->problem = PROBLEM_NONE;
        return VERDICT_NEXT;
    }
    const struct model_entry *entry = request->model_entry;
    write_true(out, 1, atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY);
    return VERDICT_NEXT;
}

static void write_specs(struct buffer *out, uint32_t number, const struct tensor_spec *specs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t begin = protobuf_message_begin(out, number);
        protobuf_write_text(out, 1, specs[i].name);
        protobuf_write_text(out, 2, slice_of_text(tensor_type_name(specs[i].type)));
        protobuf_write_i64_packed(out, 3, specs[i].dims, specs[i].rank);
        protobuf_message_end(out, begin);
    }
}

static enum verdict model_metadata(struct request *request, struct slice message, struct buffer *out)
{
    struct model *model;
    enum verdict verdict = call_find_model(request, message, "ModelMetadataRequest");
    if (verdict == VERDICT_NEXT)
        verdict = model_need(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    const struct model_info *info = model_info(model);
    struct model_range range = config_model_versions(request->config, info->name);
    protobuf_write_text(out, 1, info->name);
    for (uint32_t i = 0; i < range.count; i++)
        if (atomic_load_explicit(&range.entries[i]->state, memory_order_acquire) == MODEL_READY)
            protobuf_write_text(out, 2, range.entries[i]->config->version);
    protobuf_write_text(out, 3, info->platform);
    write_specs(out, 4, info->inputs, info->input_count);
    write_specs(out, 5, info->outputs, info->output_count);
    return VERDICT_NEXT;
}

/* grpc/doc/health-checking.md: the empty name is the server, ours is the service; others are not known. */
static enum verdict health_check(struct request *request, struct slice message, struct buffer *out)
{
    struct slice service = {"", 0};
    struct protobuf_field field;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK)
        if (field.number == 1 && !protobuf_string(&field, &service))
            return grpc_refuse_message(request, "HealthCheckRequest");
    if (err != ERR_EOF)
        return grpc_refuse_message(request, "HealthCheckRequest");
    if (service.len && !slice_is(service, "inference.GRPCInferenceService"))
        return request_fail(request, PROBLEM_MODEL_NOT_FOUND, "There is no service \"" SLICE_FMT "\".",
                            SLICE_ARG(slice_first(service, 100)));
    protobuf_write_u64(out, 1, is_ready(request) ? HEALTH_SERVING : HEALTH_NOT);
    return VERDICT_NEXT;
}

static const call_run calls[RPC_COUNT] = {
    [RPC_ServerLive] = server_live,
    [RPC_ServerReady] = server_ready,
    [RPC_ServerMetadata] = server_metadata,
    [RPC_ModelReady] = model_ready,
    [RPC_ModelMetadata] = model_metadata,
    [RPC_ModelConfig] = call_model_config,
    [RPC_ModelStatistics] = call_model_statistics,
    [RPC_SystemSharedMemoryStatus] = call_shared_status,
    [RPC_SystemSharedMemoryRegister] = call_shared_register,
    [RPC_SystemSharedMemoryUnregister] = call_shared_unregister,
    [RPC_CudaSharedMemoryStatus] = call_cuda_status,
    [RPC_CudaSharedMemoryRegister] = call_cuda_register,
    [RPC_CudaSharedMemoryUnregister] = call_cuda_unregister,
    [RPC_TraceSetting] = call_trace_setting,
    [RPC_LogSettings] = call_log_settings,
    [RPC_HealthCheck] = health_check,
};

enum verdict grpc_endpoint(struct request *request)
{
    call_run call = calls[request->route->rpc];
    struct slice message;
    switch (request->route->rpc) {
    case RPC_ModelStreamInfer:
        return grpc_stream_begin(request);
    case RPC_RepositoryIndex:
        return grpc_repository_index(request);
    case RPC_RepositoryModelLoad:
    case RPC_RepositoryModelUnload:
        return grpc_repository_wish(request, request->route->rpc == RPC_RepositoryModelLoad);
    default:
        break;
    }
    if (!call)
        return VERDICT_NEXT; /* the stages before have done it */
    enum verdict verdict = grpc_message(request, &message);
    if (verdict != VERDICT_NEXT)
        return verdict;
    struct buffer out = buffer_in_arena(&request->arena, MESSAGE_BYTES);
    verdict = call(request, message, &out);
    return verdict == VERDICT_NEXT ? grpc_reply_buffer(request, &out) : verdict;
}
