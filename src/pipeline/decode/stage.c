/* SPDX-License-Identifier: Apache-2.0 */
/* Makes tensors of the body, straight into the memory that the model reads.
 *
 * What is wrong with a request is found out before a run of the model is taken, so that a client that sends rubbish does
 * not keep others from the model: first the media types, then the model, then the body, then the run. */
#include "pipeline/decode/decode_int.h"
#include "pipeline/flow.h"
#include "pipeline/graph.h"
#include "pipeline/grpc.h"
#include "pipeline/model_meter.h"
#include "pipeline/negotiate.h"
#include "pipeline/scheduler.h"

#define BODY_BYTES_SHORT 16384
#include "pipeline/tracing.h"

static enum verdict find_file(struct request *request);
static void release_run(void *run);

enum verdict stage_decode(struct request *request)
{
    if (request->was_submitted)
        return decode_image_end(request);
    if (request->route->pipeline)
        return find_file(request);
    if (!route_runs_model(request->route))
        return VERDICT_NEXT;
    if (request->grpc)
        return grpc_decode(request);
    struct model *model = NULL;
    enum verdict verdict = model_find(request);
    if (verdict == VERDICT_NEXT)
        verdict = negotiate_json(request);
    if (verdict == VERDICT_NEXT)
        verdict = model_need(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    trace_begin(request);
    if (request->body.len == 0 && !request->form)
        return request_fail(request, PROBLEM_MISSING_INPUT, "The body is empty; %s is expected.",
                            request->decode.kind == DECODE_IMAGE ? "an image" : "a JSON object with \"inputs\"");
    /* What came before in this turn need not wait for a long body. */
    if (request->body.len > BODY_BYTES_SHORT && request->worker->scheduler)
        scheduler_tell(request->worker->scheduler, request->worker->index);
    return request->decode.kind == DECODE_IMAGE ? decode_image(request, model) : decode_tensors(request, model);
}

void decode_plan_file(struct request *request)
{
    request->decode =
        (struct decode_plan){.kind = DECODE_IMAGE, .image_field = request->route->pipeline->config->field};
}

/* A pipeline decodes by a step of its own: here is only told where the body has the image. */
static enum verdict find_file(struct request *request)
{
    decode_plan_file(request);
    if (request->body.len == 0 && !request->form)
        return request_fail(request, PROBLEM_MISSING_INPUT, "The body is empty; an image is expected.");
    return body_find_image(request, &request->image_file);
}

enum verdict decode_acquire_run(struct request *request, struct model *model)
{
    struct run *run;
    enum verdict verdict = request_admit(request, model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    enum err err = run_acquire(model, request->worker->index, &run);
    if (err == ERR_OK) {
        request->run = run;
        request_on_release(request, release_run, run);
        return VERDICT_NEXT;
    }
    struct slice name = request->model_entry->config->name;
    request->retry_after_s = 1;
    if (err == ERR_NOMEM)
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory for a run of \"" SLICE_FMT "\".",
                            SLICE_ARG(name));
    counter_add(&request->worker->meter.runs_refused, 1);
    model_meter_refusal(model_entry_meter(request->model_entry, request->worker->index), MODEL_FAILURE_REJECTED);
    return request_fail(request, PROBLEM_OVERLOADED, "The queue of the model \"" SLICE_FMT "\" is full; try again.",
                        SLICE_ARG(name));
}

static void release_run(void *run)
{
    run_release(run);
}
