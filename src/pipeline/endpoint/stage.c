/* SPDX-License-Identifier: Apache-2.0 */
/* What weir answers itself. Routes to models, and the inference endpoint, have their answer by now. */
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/flow.h"
#include "pipeline/grpc.h"

static enum verdict pass(struct request *request)
{
    (void)request;
    return VERDICT_NEXT;
}

static const stage_run endpoints[ENDPOINT_COUNT] = {
    [ENDPOINT_NONE] = pass,
    [ENDPOINT_livez] = endpoint_livez,
    [ENDPOINT_readyz] = endpoint_readyz,
    [ENDPOINT_metrics] = endpoint_metrics,
    [ENDPOINT_scheduler] = endpoint_scheduler,
    [ENDPOINT_stalls] = endpoint_stalls,
    [ENDPOINT_allocations] = endpoint_allocations,
    [ENDPOINT_schemas] = endpoint_schemas,
    [ENDPOINT_v2_server] = endpoint_v2_server,
    [ENDPOINT_v2_live] = endpoint_v2_live,
    [ENDPOINT_v2_ready] = endpoint_v2_ready,
    [ENDPOINT_v2_model] = endpoint_v2_model,
    [ENDPOINT_v2_model_ready] = endpoint_v2_model_ready,
    [ENDPOINT_v2_repository_index] = endpoint_v2_repository_index,
    [ENDPOINT_v2_repository_load] = endpoint_v2_repository_load,
    [ENDPOINT_v2_repository_unload] = endpoint_v2_repository_unload,
    [ENDPOINT_v2_infer] = pass,
    [ENDPOINT_v2_model_config] = endpoint_v2_model_config,
    [ENDPOINT_v2_model_stats] = endpoint_v2_model_stats,
    [ENDPOINT_v2_stats] = endpoint_v2_stats,
    [ENDPOINT_v2_logging] = endpoint_v2_logging,
    [ENDPOINT_v2_trace] = endpoint_v2_trace,
    [ENDPOINT_v2_model_trace] = endpoint_v2_model_trace,
    [ENDPOINT_v2_shared_status] = endpoint_v2_shared_status,
    [ENDPOINT_v2_shared_register] = endpoint_v2_shared_register,
    [ENDPOINT_v2_shared_unregister] = endpoint_v2_shared_unregister,
    [ENDPOINT_v2_cuda_status] = endpoint_v2_cuda_status,
    [ENDPOINT_v2_cuda_register] = endpoint_v2_cuda_register,
    [ENDPOINT_v2_cuda_unregister] = endpoint_v2_cuda_unregister,
    [ENDPOINT_openapi_json] = endpoint_openapi_json,
    [ENDPOINT_openapi_yaml] = endpoint_openapi_yaml,
    [ENDPOINT_rpc] = grpc_endpoint,
};

enum verdict stage_endpoint(struct request *request)
{
    return endpoints[request->route->endpoint](request);
}

enum verdict endpoint_answer(struct request *request, int status, const struct json_writer *writer)
{
    struct slice body;
    if (json_writer_finish(writer, &body) != ERR_OK)
        return request_fail_memory(request);
    response_set(request, status, "application/json", body);
    return VERDICT_NEXT;
}
