/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a route's middlewares: forward on the way in, backward on the way out. Only those whose forward turn came are
 * called on the way back, so a request that auth refused is logged but never reaches format_output. */
#include "lib/http/http.h"
#include "lib/sys/clock.h"
#include "pipeline/flow.h"
#include "pipeline/tracing.h"

static enum verdict begin(struct request *request);
static enum verdict read_skip(struct request *request);

/* The route stage may have decided already: then the chain runs for those who observe, and the decision stands. */
static inline enum verdict settled(const struct request *request)
{
    if (request->problem)
        return VERDICT_FAIL;
    return request->response.has_body ? VERDICT_ANSWER : VERDICT_NEXT;
}

static inline void *state_of(const struct request *request, const struct chain_call *call)
{
    return call->middleware->state_bytes ? request->chain_state + call->state_offset : NULL;
}

enum verdict stage_chain(struct request *request)
{
    const struct route *route = request->route;
    if ((route->state_bytes || route->config->is_debug) && !request->chain_done) {
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    const struct chain_walk *walk = &route->walks[ROUTE_HOOK_REQUEST];
    const struct chain_call *end = walk->calls + walk->count;
    uint32_t passed = request->chain_done | request->skip_mask;
    for (const struct chain_call *call = walk->calls; call < end; call++) {
        if (UNLIKELY(call->bit & passed))
            continue;
        enum verdict verdict = call->middleware->on_request(request, call->options, state_of(request, call));
        if (UNLIKELY(verdict != VERDICT_NEXT)) {
            uint32_t next = verdict == VERDICT_WAIT ? call->bit : call->bit << 1;
            request->chain_done = (next - 1) & ~request->skip_mask;
            return verdict;
        }
    }
    request->chain_done = ~request->skip_mask;
    return settled(request);
}

static NOT_INLINE enum verdict begin(struct request *request)
{
    if (request->route->config->is_debug && read_skip(request) != VERDICT_NEXT)
        return VERDICT_FAIL;
    if (!request->chain_state)
        request->chain_state = arena_alloc_zero(&request->arena, request->route->state_bytes);
    return request->chain_state ? VERDICT_NEXT : request_fail_memory(request);
}

static int find_link(const struct route *route, struct slice name)
{
    for (uint32_t i = 0; i < route->chain_count; i++)
        if (slice_is(name, route->chain[i].middleware->name))
            return (int)i;
    return -1;
}

/* X-Weir-Skip names middlewares to leave out, on routes that are declared `debug`. */
static RARELY_CALLED enum verdict read_skip(struct request *request)
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

/* Backward over the links that have this hook and that the way in has passed. */
#define CHAIN_BACKWARD(request, walk, call)                                                                            \
    for (const struct chain_call *call = (walk)->calls + (walk)->count; call != (walk)->calls;)                        \
        if ((--call)->bit & (request)->chain_done)

enum verdict chain_output(struct request *request)
{
    const struct chain_walk *walk = &request->route->walks[ROUTE_HOOK_OUTPUT];
    CHAIN_BACKWARD(request, walk, call)
    {
        enum verdict verdict = call->middleware->on_output(request, call->options, state_of(request, call));
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return VERDICT_NEXT;
}

NOT_INLINE void chain_run_response_head(struct request *request)
{
    const struct chain_walk *walk = &request->route->walks[ROUTE_HOOK_RESPONSE_HEAD];
    CHAIN_BACKWARD(request, walk, call)
    {
        call->middleware->on_response_head(request, call->options, state_of(request, call));
    }
}

NOT_INLINE void chain_run_response_chunk(struct request *request, struct slice *chunk)
{
    const struct chain_walk *walk = &request->route->walks[ROUTE_HOOK_RESPONSE_CHUNK];
    CHAIN_BACKWARD(request, walk, call)
    {
        call->middleware->on_response_chunk(request, call->options, state_of(request, call), chunk);
    }
}

void chain_complete(struct request *request)
{
    request->end_ns = clock_now_ns();
    if (UNLIKELY(request->trace_id))
        trace_end(request);
    if (!request->chain_done)
        return;
    const struct chain_walk *walk = &request->route->walks[ROUTE_HOOK_COMPLETE];
    CHAIN_BACKWARD(request, walk, call)
    {
        call->middleware->on_complete(request, call->options, state_of(request, call));
    }
}
