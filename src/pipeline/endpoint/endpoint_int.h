/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside endpoint/: one function for each row of endpoints.def that answers here. */
#ifndef WEIR_PIPELINE_ENDPOINT_ENDPOINT_INT_H
#define WEIR_PIPELINE_ENDPOINT_ENDPOINT_INT_H

#include "pipeline/request.h"
#include "pipeline/worker.h"

enum verdict endpoint_livez(struct request *request);
enum verdict endpoint_readyz(struct request *request);
enum verdict endpoint_metrics(struct request *request);
enum verdict endpoint_scheduler(struct request *request);
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

/* What the control plane does for a request, on a thread of its own: the request looks for the outcome now and then. Nothing has
 * to be held for it, a worker's timer is all it takes, and such requests are rare. */
struct endpoint_wait {
    struct request *request;
    struct timer timer;
    uint64_t ticket;
};
/* WAIT, and then the endpoint is called again, with this as request->task_state; or FAIL. */
enum verdict endpoint_wait_begin(struct request *request, uint64_t ticket);
/* There is no outcome yet. */
enum verdict endpoint_wait_on(struct endpoint_wait *waiting);

/* A text that a crew thread makes. In the request's arena; with that thread while the request is held. */
struct rendering;
typedef enum err (*rendering_run)(struct rendering *rendering);
struct rendering {
    rendering_run run; /* on a crew thread: sets text and bytes */
    const struct ports *ports;
    const struct config *config;
    int form; /* the endpoint's */
    enum err err;
    char *text; /* heap */
    size_t bytes;
};
/* Gives it to the crew: WAIT, and then the endpoint is called again with request->was_submitted; or FAIL. */
enum verdict endpoint_render(struct request *request, rendering_run run, int form);
/* What came of it. */
const struct rendering *endpoint_rendered(struct request *request);

/* Whether traffic should come; `why`, in memory of the caller, says why not. */
bool endpoint_is_ready(const struct request *request, struct text *why);
#define WHY_BYTES 512

#endif
