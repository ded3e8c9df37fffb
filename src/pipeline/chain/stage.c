/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a route's middlewares: forward on the way in, backward on the way out. Only those whose forward turn came are
 * called on the way back, so a request that auth refused is logged but never reaches format_output. */
#include "lib/http/http.h"
#include "lib/sys/clock.h"
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

/* Bits of the route's links that have something to do there and are not skipped. */
static inline uint32_t hooks_of(const struct request *request, enum route_hook hook)
{
    return request->route->hooks[hook] & ~request->skip_mask;
}

enum verdict stage_chain(struct request *request)
{
    const struct route *route = request->route;
    if (route->config->is_debug && request->chain_done == 0) {
        enum verdict verdict = read_skip(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    uint32_t hooks = hooks_of(request, ROUTE_HOOK_REQUEST) & ~0U << request->chain_done;
    for (; hooks; hooks &= hooks - 1) {
        uint32_t index = (uint32_t)__builtin_ctz(hooks);
        enum verdict verdict = run_link(request, index);
        request->chain_done = verdict == VERDICT_WAIT ? index : index + 1;
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    request->chain_done = route->chain_count;
    return settled(request);
}

static enum verdict run_link(struct request *request, uint32_t index)
{
    const struct chain_link *link = &request->route->chain[index];
    request->states[index] = NULL;
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

/* None before there is a route. */
static inline uint32_t hooks_done(const struct request *request, enum route_hook hook)
{
    return request->chain_done ? hooks_of(request, hook) & ~(~0U << request->chain_done) : 0;
}

/* Backward over the links whose forward turn came and that have this hook. A link without a forward turn of its own has
 * no state either. */
#define CHAIN_BACKWARD(request, hook, index)                                                                           \
    for (uint32_t left_ = hooks_done(request, hook), index;                                                            \
         left_ && (index = 31U - (uint32_t)__builtin_clz(left_), true); left_ ^= 1U << index)

static void *state_of(const struct request *request, uint32_t index)
{
    return request->route->hooks[ROUTE_HOOK_REQUEST] >> index & 1 ? request->states[index] : NULL;
}

enum verdict chain_output(struct request *request)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_OUTPUT, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        enum verdict verdict = link->middleware->on_output(request, link->options, state_of(request, i));
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return VERDICT_NEXT;
}

void chain_response_head(struct request *request)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_RESPONSE_HEAD, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        link->middleware->on_response_head(request, link->options, state_of(request, i));
    }
}

void chain_response_chunk(struct request *request, struct slice *chunk)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_RESPONSE_CHUNK, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        link->middleware->on_response_chunk(request, link->options, state_of(request, i), chunk);
    }
}

void chain_complete(struct request *request)
{
    request->end_ns = clock_now_ns();
    CHAIN_BACKWARD(request, ROUTE_HOOK_COMPLETE, i)
    {
        const struct chain_link *link = &request->route->chain[i];
        link->middleware->on_complete(request, link->options, state_of(request, i));
    }
}
