/* SPDX-License-Identifier: Apache-2.0 */
/* Two middlewares for floor.h that stream: `swallow` takes the body through a sink that is often full, and answers with its
 * length and hash; `pour` answers from a source that gives a pattern, in the mode that the path names. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_FLOOR_STREAMS_H
#define WEIR_TESTS_UNIT_PIPELINE_FLOOR_STREAMS_H

#include "lib/sys/clock.h"
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#include <stdlib.h>

#define SWALLOW_FULL_NS (300 * 1000)

struct swallow {
    struct body_sink sink;
    struct request *request;
    struct timer timer;
    uint64_t hash;
    size_t bytes;
    size_t bytes_max; /* what is more is refused */
    bool has_ended;
    uint64_t random;
};

static void swallow_resume(struct timer *timer)
{
    flow_body_wanted(CONTAINER_OF(timer, struct swallow, timer)->request);
}

/* Takes all, or a part and is full for a moment. */
static size_t swallow_write(struct body_sink *sink, struct slice bytes)
{
    struct swallow *swallow = CONTAINER_OF(sink, struct swallow, sink);
    struct loop *loop = &swallow->request->worker->loop;
    swallow->random = swallow->random * 6364136223846793005ULL + 1442695040888963407ULL;
    bool is_full = swallow->random >> 62 == 0;
    size_t taken = is_full ? (swallow->random >> 20) % (bytes.len + 1) : bytes.len;
    for (size_t i = 0; i < taken; i++)
        swallow->hash = (swallow->hash ^ (unsigned char)bytes.ptr[i]) * 1099511628211ULL;
    swallow->bytes += taken;
    if (swallow->bytes > swallow->bytes_max)
        (void)request_fail(swallow->request, PROBLEM_BODY_TOO_LARGE, "The sink takes no more.");
    if (taken < bytes.len)
        timer_set(&loop->timers, &swallow->timer, loop->now_ns + SWALLOW_FULL_NS);
    return taken;
}

static void swallow_end(struct body_sink *sink)
{
    CONTAINER_OF(sink, struct swallow, sink)->has_ended = true;
}

static void swallow_release(void *swallow)
{
    timer_cancel(&((struct swallow *)swallow)->timer);
}

static enum verdict swallow_request(struct request *request, const void *options, void *state)
{
    struct swallow *swallow = state;
    (void)options;
    *swallow = (struct swallow){
        .sink = {.write = swallow_write, .end = swallow_end},
        .request = request,
        .hash = 1469598103934665603ULL,
        .random = worker_random(request->worker),
        .bytes_max = slice_is(route_param(&request->match, "n"), "small") ? 1000 : SIZE_MAX,
    };
    timer_init(&swallow->timer, swallow_resume);
    request_on_release(request, swallow_release, swallow);
    request->sink = &swallow->sink;
    return VERDICT_NEXT;
}

static void swallow_chunk(struct request *request, const void *options, void *state, struct slice *chunk)
{
    const struct swallow *swallow = state;
    (void)options;
    if (request->problem)
        return;
    *chunk = arena_printf(&request->arena, SLICE_FMT " %zu %016llx", SLICE_ARG(request->target_path), swallow->bytes,
                          (unsigned long long)(swallow->has_ended || !request->head.has_body ? swallow->hash : 0));
}

static const struct middleware swallow = {.name = "swallow",
                                          .place = PLACE_OUTPUT,
                                          .state_bytes = sizeof(struct swallow),
                                          .on_request = swallow_request,
                                          .on_response_chunk = swallow_chunk};

struct pour {
    struct body_source source;
    struct request *request;
    struct timer timer;
    uint64_t bytes;
    uint64_t given;
    uint64_t break_at; /* fails there */
    bool is_slow;      /* has nothing every other time */
    bool is_dry;
};

static char pour_byte(uint64_t at)
{
    return (char)('a' + (at * 7 + at / 1000) % 26);
}

static void pour_resume(struct timer *timer)
{
    flow_resume(CONTAINER_OF(timer, struct pour, timer)->request);
}

static enum err pour_read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct pour *pour = CONTAINER_OF(source, struct pour, source);
    struct loop *loop = &pour->request->worker->loop;
    assert_true(capacity > 0);
    if (pour->is_slow && !pour->is_dry) {
        pour->is_dry = true;
        timer_set(&loop->timers, &pour->timer, loop->now_ns + SWALLOW_FULL_NS);
        return ERR_AGAIN;
    }
    pour->is_dry = false;
    if (pour->given >= pour->break_at)
        return ERR_IO;
    if (pour->given == pour->bytes) {
        static struct response_field trailer = {{"X-Poured", sizeof "X-Poured" - 1}, {"all", sizeof "all" - 1}};
        pour->request->response.trailers = &trailer;
        pour->request->response.trailer_count = 1;
        return ERR_EOF;
    }
    size_t bytes = (size_t)MIN((uint64_t)capacity, MIN(pour->bytes, pour->break_at) - pour->given);
    for (size_t i = 0; i < bytes; i++)
        place[i] = pour_byte(pour->given + i);
    pour->given += bytes;
    *ret_bytes = bytes;
    return ERR_OK;
}

static void pour_release(void *pour)
{
    timer_cancel(&((struct pour *)pour)->timer);
}

/* Modes: "length" and "chunks", with "-slow" or "-break" behind. */
static enum verdict pour_request(struct request *request, const void *options, void *state)
{
    struct pour *pour = state;
    (void)options;
    struct slice mode = route_param(&request->match, "mode");
    uint64_t bytes = 0;
    assert_int_equal(text_parse_u64(route_param(&request->match, "n"), &bytes), ERR_OK);
    bool has_length = slice_starts(mode, SLICE_LIT("length"));
    bool is_slow = mode.len > 5 && memcmp(mode.ptr + mode.len - 5, "-slow", 5) == 0;
    bool is_breaking = mode.len > 6 && memcmp(mode.ptr + mode.len - 6, "-break", 6) == 0;
    *pour = (struct pour){.source = {.read = pour_read},
                          .request = request,
                          .bytes = bytes,
                          .break_at = is_breaking ? bytes / 2 : UINT64_MAX,
                          .is_slow = is_slow};
    timer_init(&pour->timer, pour_resume);
    request_on_release(request, pour_release, pour);
    request_respond_from(request, 200, "text/plain", &pour->source, has_length ? bytes : UINT64_MAX);
    return VERDICT_ANSWER;
}

static const struct middleware pour = {
    .name = "pour", .place = PLACE_OUTPUT, .state_bytes = sizeof(struct pour), .on_request = pour_request};

#endif
