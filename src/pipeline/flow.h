/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the stages, and nothing else: flow.c is the only place that knows it. Worker threads only. */
#ifndef WEIR_PIPELINE_FLOW_H
#define WEIR_PIPELINE_FLOW_H

#include "pipeline/connection.h"
#include "pipeline/request.h"

/* When the target of a route is known, and again when it changes: writes down which stages its requests pass. */
void flow_plan(struct route *route);
/* For protocols: the head of a request is there, or request->problem says why it was refused. Within a bracket. The
 * request may have ended on return. */
void flow_start(struct request *request);
/* The same for a part of another, of which everything is there that `stage` wants. */
void flow_start_part(struct request *request, enum stage stage);
/* The wait of a request is over: its stage is called again, and the rest after it. Too often does no harm. From a stage
 * of the same request, the stage is called again should it return WAIT. Request and connection may be gone on return. */
void flow_resume(struct request *request);
/* The same at the end of the loop's turn, if it still waits then: for whoever is in the middle of another request. */
void flow_resume_later(struct request *request);
/* At the end of a turn. True: some went on. */
bool flow_turn(struct worker *worker);
/* The client has gone, or its time is up without a response being possible. */
void flow_cancel(struct request *request);
/* The request is to be answered by `deadline_ns` of the loop's clock; then PROBLEM_DEADLINE, or the response ends. It may be
 * said more than once: the earliest holds. */
void flow_set_deadline(struct request *request, uint64_t deadline_ns);
/* Something that the request does not wait in a stage for has failed, and request_fail has said what: answers the problem,
 * or aborts the response if it has begun. */
void flow_fail(struct request *request);
/* The request's time is up: the same with this problem, whatever it is waiting for. */
void flow_expire(struct request *request, enum problem problem);

/* For whoever streams a body (route.is_streamed) once request->sink is set: begins to read it. NEXT when all of it was
 * taken already, WAIT when more will come into the sink, or FAIL. */
enum verdict flow_receive(struct request *request);
/* request->sink, which has refused bytes, has room for some. */
void flow_body_wanted(struct request *request);

/* The stages (stages.def), each in its folder. */
#define STAGE(name, help) enum verdict stage_##name(struct request *request);
#include "pipeline/stages.def"
#undef STAGE

/* parse/: target and host of request->head, in the one form that later stages know. Else the problem is set. */
MUST_USE enum err parse_target(struct request *request);
/* Fails a request whose head the codec has refused, for its fault or for want of memory: of the head stays what `kept`
 * says, and the method, because a HEAD is answered without a body, whatever was wrong. The slices of the rest are not to
 * be looked at. */
void parse_refuse(struct request *request, const struct http_head *kept, enum http1_fault fault);
/* parse/: who the client is, where the other side is a proxy that may say so. */
void parse_client(struct request *request);
/* parse/: the body is complete; tells the sink. */
enum verdict receive_end(struct request *request);
/* The client's next bytes are what the request waits for. */
bool receive_is_reading(const struct request *request);
/* Something of the body was taken, or is wanted only now: limits.body_time begins anew where the body is streamed, because
 * nobody knows how long a stream is. Where it is collected, the limit is for all of it. */
void receive_note_progress(struct request *request);
/* Whether limits.body_rate holds. Beside a response it does not: then the two sides may well be talking to each other. */
bool receive_rate_matters(const struct request *request);
/* Memory for a body of so many bytes, aligned to TENSOR_ALIGN; where tensors stand behind JSON of a length that a header tells,
 * so that they are. NULL when there is none. */
MUST_USE char *receive_alloc(struct request *request, size_t bytes);
/* Room for `bytes` more of a body that is collected, behind body_received; body_memory doubles when it has to grow. False
 * when there is no memory. */
MUST_USE bool receive_reserve(struct request *request, size_t bytes);
/* The answer to a body over the limit of its route, and to one whose coding is broken. */
enum verdict receive_too_large(struct request *request);

/* validate/: the response that is about to be sent, against the contract. FAIL: it is not to be sent, and request->problem
 * says so; whoever made it has taken it back. */
enum verdict validate_response(struct request *request);
/* proxy/: takes back what an upstream has made of request->response. */
void proxy_drop_response(struct request *request);

/* graph/: nobody waits for the pipeline of the request any more; what others have of it comes back. */
void graph_abandon(struct request *request);

/* decode/: before the body arrives. Where it can be made use of as it comes, sets request->sink. */
enum verdict decode_expect_body(struct request *request);
/* decode/: sets request->run, to be released with the request. FAIL with 503 when this worker's runs are all in use. */
enum verdict decode_acquire_run(struct request *request, struct model *model);

/* Whether the way back has somebody to call there: nobody before there is a route. */
static inline bool chain_has(const struct request *request, enum route_hook hook)
{
    return request->chain_done && request->route->walks[hook].count;
}

/* chain/: the backward passes. */
enum verdict chain_output(struct request *request);
void chain_run_response_head(struct request *request);
void chain_run_response_chunk(struct request *request, struct slice *chunk);
void chain_complete(struct request *request);

/* For most routes there is nothing to call. */
static inline void chain_response_head(struct request *request)
{
    if (chain_has(request, ROUTE_HOOK_RESPONSE_HEAD))
        chain_run_response_head(request);
}

static inline void chain_response_chunk(struct request *request, struct slice *chunk)
{
    if (chain_has(request, ROUTE_HOOK_RESPONSE_CHUNK))
        chain_run_response_chunk(request, chunk);
}

#endif
