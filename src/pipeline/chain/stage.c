/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a route's middlewares: forward on the way in, backward on the way out. Only those whose forward turn came are
 * called on the way back, so a request that auth refused is logged but never reaches format_output. */
#include "lib/http/http.h"
#include "lib/sys/clock.h"
#include "pipeline/flow.h"

static enum verdict begin(struct request *request);
static enum verdict read_skip(struct request *request);

/* The route stage may have decided already: then the chain runs for those who observe, and the decision stands. */
static inline enum verdict settled(const struct request *request)
{
    if (request->problem)
        return VERDICT_FAIL;
    return request->response.has_body ? VERDICT_ANSWER : VERDICT_NEXT;
}

static inline void *state_of(const struct request *request, const struct chain_link *link)
{
    return link->middleware->state_bytes ? request->chain_state + link->state_offset : NULL;
}

enum verdict stage_chain(struct request *request)
{
    const struct route *route = request->route;
    if ((route->state_bytes || route->config->is_debug) && !request->chain_done) {
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    uint32_t hooks = route->hooks[ROUTE_HOOK_REQUEST] & ~request->skip_mask & ~request->chain_done;
    for (; hooks; hooks &= hooks - 1) {
        uint32_t index = (uint32_t)__builtin_ctz(hooks);
        const struct chain_link *link = &route->chain[index];
        enum verdict verdict = link->middleware->on_request(request, link->options, state_of(request, link));
        if (UNLIKELY(verdict != VERDICT_NEXT)) {
            uint32_t passed = verdict == VERDICT_WAIT ? index : index + 1;
            request->chain_done = ((1U << passed) - 1) & ~request->skip_mask;
            return verdict;
        }
    }
    request->chain_done = ~request->skip_mask;
    return settled(request);
}

static enum verdict begin(struct request *request)
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
#define CHAIN_BACKWARD(request, hook, link)                                                                            \
    for (uint32_t left_ = chain_hooks(request, hook); left_;)                                                          \
        for (const struct chain_link *link; left_ && (link = last_link((request)->route, &left_), true);)

static inline const struct chain_link *last_link(const struct route *route, uint32_t *left)
{
    uint32_t index = 31 ^ (uint32_t)__builtin_clz(*left);
    *left ^= 1U << index;
    return &route->chain[index];
}

enum verdict chain_output(struct request *request)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_OUTPUT, link)
    {
        enum verdict verdict = link->middleware->on_output(request, link->options, state_of(request, link));
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return VERDICT_NEXT;
}

void chain_run_response_head(struct request *request)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_RESPONSE_HEAD, link)
    {
        link->middleware->on_response_head(request, link->options, state_of(request, link));
    }
}

void chain_run_response_chunk(struct request *request, struct slice *chunk)
{
    CHAIN_BACKWARD(request, ROUTE_HOOK_RESPONSE_CHUNK, link)
    {
        link->middleware->on_response_chunk(request, link->options, state_of(request, link), chunk);
    }
}

void chain_complete(struct request *request)
{
    request->end_ns = clock_now_ns();
    CHAIN_BACKWARD(request, ROUTE_HOOK_COMPLETE, link)
    {
        link->middleware->on_complete(request, link->options, state_of(request, link));
    }
}
