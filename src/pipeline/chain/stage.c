/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a route's middlewares: forward on the way in, backward on the way out. Only those whose forward turn came are
 * called on the way back, so a request that auth refused is logged but never reaches format_output. */
#include "lib/http/http.h"
#include "pipeline/flow.h"

static enum verdict read_skip(struct request *request);
static enum verdict run_link(struct request *request, uint32_t index);

/* The route stage may have decided already: then the chain runs for those who observe, and the decision stands. */
static enum verdict settled(const struct request *request)
{
    if (request->problem)
        return VERDICT_FAIL;
    return request->response.has_body ? VERDICT_ANSWER : VERDICT_NEXT;
}

enum verdict stage_chain(struct request *request)
{
    const struct route *route = request->route;
    if (route->config->is_debug && request->chain_done == 0) {
        enum verdict verdict = read_skip(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    while (request->chain_done < route->chain_count) {
        enum verdict verdict = run_link(request, request->chain_done);
        if (verdict == VERDICT_WAIT)
            return verdict;
        request->chain_done++;
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return settled(request);
}

static bool is_skipped(const struct request *request, uint32_t index)
{
    return request->skip_mask >> index & 1;
}

static enum verdict run_link(struct request *request, uint32_t index)
{
    const struct chain_link *link = &request->route->chain[index];
    if (is_skipped(request, index))
        return VERDICT_NEXT;
    if (link->middleware->state_bytes) {
        request->states[index] = arena_alloc_zero(&request->arena, link->middleware->state_bytes);
        if (!request->states[index])
            return request_fail_memory(request);
    }
    if (!link->middleware->on_request)
        return VERDICT_NEXT;
    return link->middleware->on_request(request, link->options, request->states[index]);
}

static int find_link(const struct route *route, struct slice name)
{
    for (uint32_t i = 0; i < route->chain_count; i++)
        if (slice_is(name, route->chain[i].middleware->name))
            return (int)i;
    return -1;
}

/* X-Weir-Skip names middlewares to leave out, on routes that are declared `debug`. */
static enum verdict read_skip(struct request *request)
{
    const struct http_header *header = http_head_find_name(&request->head, SLICE_LIT("X-Weir-Skip"));
    struct slice rest = header ? header->value : (struct slice){NULL, 0};
    struct slice name;
    while (http_list_next(&rest, &name)) {
        int index = find_link(request->route, name);
        if (index < 0)
            return request_fail(request, PROBLEM_BAD_REQUEST,
                                "X-Weir-Skip names \"" SLICE_FMT "\", which is not in the chain of this route.",
                                SLICE_ARG(slice_first(name, 64)));
        if (request->route->chain[index].middleware->duty != DUTY_SKIPPABLE)
            return request_fail(request, PROBLEM_BAD_REQUEST,
                                "X-Weir-Skip names " SLICE_FMT ", which cannot be skipped.", SLICE_ARG(name));
        request->skip_mask |= 1U << index;
    }
    return VERDICT_NEXT;
}

/* Backward over the links that have run. */
#define CHAIN_BACKWARD(request, index)                                                                                 \
    for (uint32_t index = (request)->chain_done; index-- > 0;)                                                         \
        if (!is_skipped(request, index))

enum verdict chain_output(struct request *request)
{
    CHAIN_BACKWARD(request, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        if (!link->middleware->on_output)
            continue;
        enum verdict verdict = link->middleware->on_output(request, link->options, request->states[i]);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return VERDICT_NEXT;
}

void chain_response_head(struct request *request)
{
    CHAIN_BACKWARD(request, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        if (link->middleware->on_response_head)
            link->middleware->on_response_head(request, link->options, request->states[i]);
    }
}

void chain_response_chunk(struct request *request, struct slice *chunk)
{
    CHAIN_BACKWARD(request, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        if (link->middleware->on_response_chunk)
            link->middleware->on_response_chunk(request, link->options, request->states[i], chunk);
    }
}

void chain_complete(struct request *request)
{
    CHAIN_BACKWARD(request, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        if (link->middleware->on_complete)
            link->middleware->on_complete(request, link->options, request->states[i]);
    }
}
