/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside endpoint/: one function for each row of endpoints.def that answers here. */
#ifndef WEIR_PIPELINE_ENDPOINT_ENDPOINT_INT_H
#define WEIR_PIPELINE_ENDPOINT_ENDPOINT_INT_H

#include "pipeline/endpoint_work.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

enum verdict endpoint_livez(struct request *request);
enum verdict endpoint_readyz(struct request *request);
enum verdict endpoint_metrics(struct request *request);
enum verdict endpoint_scheduler(struct request *request);
enum verdict endpoint_stalls(struct request *request);
enum verdict endpoint_allocations(struct request *request);
enum verdict endpoint_schemas(struct request *request);
enum verdict endpoint_openapi_json(struct request *request);
enum verdict endpoint_openapi_yaml(struct request *request);
enum verdict endpoint_v2_server(struct request *request);
enum verdict endpoint_v2_live(struct request *request);
enum verdict endpoint_v2_ready(struct request *request);
enum verdict endpoint_v2_model(struct request *request);
enum verdict endpoint_v2_model_ready(struct request *request);
enum verdict endpoint_v2_repository_index(struct request *request);
enum verdict endpoint_v2_repository_load(struct request *request);
enum verdict endpoint_v2_repository_unload(struct request *request);
enum verdict endpoint_v2_model_config(struct request *request);
enum verdict endpoint_v2_model_stats(struct request *request);
enum verdict endpoint_v2_stats(struct request *request);
enum verdict endpoint_v2_logging(struct request *request);
enum verdict endpoint_v2_trace(struct request *request);
enum verdict endpoint_v2_model_trace(struct request *request);
enum verdict endpoint_v2_shared_status(struct request *request);
enum verdict endpoint_v2_shared_register(struct request *request);
enum verdict endpoint_v2_shared_unregister(struct request *request);
enum verdict endpoint_v2_cuda_status(struct request *request);
enum verdict endpoint_v2_cuda_register(struct request *request);
enum verdict endpoint_v2_cuda_unregister(struct request *request);

/* Ends the writer and answers with what it wrote; the writer grows in the request's arena. */
struct json_writer;
enum verdict endpoint_answer(struct request *request, int status, const struct json_writer *writer);

/* Whether traffic should come; `why`, in memory of the caller, says why not. */
bool endpoint_is_ready(const struct request *request, struct text *why);
#define WHY_BYTES 512

#endif
