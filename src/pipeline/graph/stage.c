/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the pipeline of a route on the body of a request. */
#include "lib/http/media.h"
#include "pipeline/flow.h"
#include "pipeline/graph/graph_int.h"
#include "pipeline/model_find.h"
#include "pipeline/negotiate.h"

static enum verdict begin(struct request *request);
static enum verdict need_models(struct request *request);
static enum verdict choose_form(struct request *request, enum answer_form *ret_form);
static void release(void *graph);
static enum verdict conclude(struct graph *graph);

enum verdict stage_graph(struct request *request)
{
    if (!request->graph) {
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return conclude(request->graph);
}

void graph_abandon(struct request *request)
{
    graph_stop(request->graph);
}

static enum verdict begin(struct request *request)
{
    const struct pipeline *pipeline = request->route->pipeline;
    enum answer_form form = ANSWER_JSON;
    enum verdict verdict = choose_form(request, &form);
    if (verdict == VERDICT_NEXT)
        verdict = need_models(request);
    if (verdict == VERDICT_NEXT)
        verdict = request_note_timeouts(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    size_t bytes = sizeof(struct graph) + pipeline->step_count * sizeof(struct step_state);
    struct graph *graph = arena_alloc_zero(&request->arena, bytes);
    if (!graph)
        return request_fail_memory(request);
    graph->request = request;
    graph->pipeline = pipeline;
    graph->form = form;
    graph->pieces_end = &graph->pieces;
    for (uint32_t i = 0; i < pipeline->step_count; i++)
        if (!pipeline->steps[i].kind)
            graph->steps[i].model = config_model(request->config, pipeline->steps[i].model_name);
    graph->body = (struct graph_value){.type = GRAPH_FILE, .text = request->image_file};
    request->graph = graph;
    request_on_release(request, release, graph);
    if (graph_lay_out(graph, GRAPH_NO_DOMAIN, 1) != ERR_OK)
        return request_fail_memory(request);
    graph_pump(graph);
    return VERDICT_NEXT;
}

static enum verdict conclude(struct graph *graph)
{
    if (graph->request->problem)
        return VERDICT_FAIL;
    if (graph->is_streaming)
        return stream_begin(graph);
    return graph_is_done(graph) ? answer_write(graph) : VERDICT_WAIT;
}

/* Before anything is begun, so that a request does not wait for a model that is not there. */
static enum verdict need_models(struct request *request)
{
    const struct pipeline *pipeline = request->route->pipeline;
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        struct model *model;
        if (pipeline->steps[i].kind)
            continue;
        request->model_entry = config_model(request->config, pipeline->steps[i].model_name);
        enum verdict verdict = model_need(request, &model);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    request->model_entry = NULL;
    switch ((enum graph_state)atomic_load_explicit(&pipeline->state, memory_order_acquire)) {
    case GRAPH_BOUND:
        return VERDICT_NEXT;
    case GRAPH_MISFIT:
        return request_fail(request, PROBLEM_PIPELINE_FAILED,
                            "The steps of the pipeline \"" SLICE_FMT
                            "\" do not fit each other; the server's own messages "
                            "say why.",
                            SLICE_ARG(pipeline->config->name));
    case GRAPH_UNBOUND:
        break;
    }
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_MODEL_NOT_READY, "The pipeline \"" SLICE_FMT "\" is not ready yet.",
                        SLICE_ARG(pipeline->config->name));
}

static enum verdict choose_form(struct request *request, enum answer_form *ret_form)
{
    static const struct {
        struct slice type;
        struct slice subtype;
        enum answer_form form;
    } offers[] = {
        {SLICE_LIT("application"), SLICE_LIT("json"), ANSWER_JSON},
        {SLICE_LIT("text"), SLICE_LIT("event-stream"), ANSWER_EVENTS},
        {SLICE_LIT("application"), SLICE_LIT("x-ndjson"), ANSWER_LINES},
        {SLICE_LIT("application"), SLICE_LIT("jsonl"), ANSWER_LINES},
    };
    bool is_streamed = request->route->pipeline->streamed;
    struct slice accept = negotiate_accept(request);
    int best = 0;
    for (size_t i = 0; i < (is_streamed ? ARRAY_LEN(offers) : 1); i++) {
        int quality = media_accept_quality(accept, offers[i].type, offers[i].subtype);
        if (quality <= best)
            continue;
        best = quality;
        *ret_form = offers[i].form;
    }
    if (best > 0)
        return VERDICT_NEXT;
    return request_fail(request, PROBLEM_NOT_ACCEPTABLE, "Accept is \"" SLICE_FMT "\"; the answer can be %s.",
                        SLICE_ARG(slice_first(accept, 100)),
                        is_streamed ? "application/json, or as a stream text/event-stream or application/x-ndjson"
                                    : "application/json");
}

static void release(void *graph_)
{
    struct graph *graph = graph_;
    for (uint32_t s = 0; s < graph->pipeline->step_count; s++)
        for (uint32_t i = 0; i < graph->steps[s].count; i++)
            cell_release_run(&graph->steps[s].cells[i]);
}
