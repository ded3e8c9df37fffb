/* SPDX-License-Identifier: Apache-2.0 */
/* A request is carried from stage to stage here, and nowhere else.
 *
 * Everything happens on the worker's thread, and in turns: a request runs until a stage says WAIT, and goes on when
 * flow_resume or new input calls the same stage again. Answering a request and being done with it are two things: a
 * crew thread or an executor may still work on one that was answered with a timeout, or whose client has gone. Such a request
 * is an orphan until its task and its jobs have come back; only then is its memory given away. */
#include "pipeline/flow.h"

#include "lib/sys/clock.h"
#include "pipeline/contract.h"
#include "pipeline/model_cache.h"
#include "pipeline/model_meter.h"
#include "pipeline/protocol.h"
#include "pipeline/scheduler.h"
#include "pipeline/sequences.h"
#include "pipeline/worker.h"

static const stage_run stages[STAGE_COUNT] = {
#define STAGE(name, help) stage_##name,
#include "pipeline/stages.def"
#undef STAGE
};

static void run(struct request *request);
static void record_time(struct request *request, enum stage stage, bool has_ended);
static void finish(struct request *request);
static void start_total_timer(struct request *request);
static void on_total_time(struct timer *timer);
static void leave(struct request *request);
static void abandon_work(struct request *request);
static void let_others_go_on(struct request *request);

void flow_start(struct request *request)
{
    start_total_timer(request);
    run(request);
}

void flow_start_part(struct request *request, enum stage stage)
{
    request->stage = stage;
    request->stage_begin_ns = request->worker->loop.now_ns;
    run(request);
}

/* A part of another comes and goes by its connection. */
static inline struct connection *connection_of(const struct request *request)
{
    return UNLIKELY(request->parent) ? request->parent->connection : request->connection;
}

void flow_resume(struct request *request)
{
    if (request->is_answered && !request->holds) {
        request_release(request);
        return;
    }
    if (request->is_running) {
        request->is_resumed = true;
        return;
    }
    /* While others have it only a pipeline can go on, and the answer: of one whose time was over, or as it comes. */
    struct connection *connection = connection_of(request);
    bool is_in_parts = request->stage == STAGE_graph || request->stage >= STAGE_format;
    bool is_held = request->holds && (!is_in_parts || !connection);
    if (is_held || !request->is_waiting)
        return;
    if (!connection) {
        finish(request);
        return;
    }
    bool is_outermost = connection_enter(connection);
    run(request);
    connection_leave(connection, is_outermost);
}

void flow_resume_later(struct request *request)
{
    list_remove(&request->due);
    list_add_last(&request->worker->requests_due, &request->due);
}

/* What goes on may have others go on. */
bool flow_turn(struct worker *worker)
{
    if (LIKELY(list_is_empty(&worker->requests_due)))
        return false;
    for (struct list *node; (node = list_pop_first(&worker->requests_due)) != NULL;) {
        struct request *request = CONTAINER_OF(node, struct request, due);
        if (request->is_waiting)
            flow_resume(request);
    }
    return true;
}

void flow_cancel(struct request *request)
{
    ASSERT(!request->is_running, "a connection does not end under a stage");
    counter_add(&request->worker->meter.requests_cancelled, 1);
    request->is_cancelled = true;
    request->parent = NULL;
    leave(request);
    if (request->holds)
        abandon_work(request);
    else
        finish(request);
}

void flow_fail(struct request *request)
{
    struct connection *connection = connection_of(request);
    ASSERT(request->problem && connection && !request->is_running, "who fails a request says why, and outside of it");
    bool is_outermost = connection_enter(connection);
    request->sink = NULL;
    struct body_source *source = request->response.source;
    if (request->is_head_sent && source && source->fail && source->fail(source)) {
        flow_resume(request);
    } else if (request->is_head_sent) {
        connection->protocol->abort(request);
        finish(request);
    } else {
        let_others_go_on(request);
        request->stage = STAGE_format;
        request->stage_begin_ns = request->worker->loop.now_ns;
        run(request);
    }
    connection_leave(connection, is_outermost);
}

void flow_expire(struct request *request, enum problem problem)
{
    if (request->holds)
        abandon_work(request);
    (void)request_fail(request, problem, "%s",
                       problem == PROBLEM_DEADLINE ? "The time for this request is over; it was given up."
                                                   : "The request did not arrive in the time it is given.");
    flow_fail(request);
}

enum verdict flow_receive(struct request *request)
{
    if (!request->head.has_body || request->is_body_complete)
        return VERDICT_NEXT;
    request->is_body_wanted = true;
    receive_note_progress(request);
    return request->connection->protocol->receive(request);
}

/* The bytes are taken up at the end of the bracket, where a failure finds no stage on the stack. */
void flow_body_wanted(struct request *request)
{
    request->is_body_blocked = false;
    receive_note_progress(request);
    if (request->connection && request->is_body_wanted && !request->is_body_complete)
        connection_process(request->connection);
}

/* Whether a stage has something to do for requests of the route. The others would only come back. */
static bool takes_part(const struct route *route, enum stage stage, bool has_body)
{
    switch (stage) {
    case STAGE_receive:
        return has_body;
    case STAGE_validate:
        return contract_checks_requests(route->contract);
    case STAGE_decode:
        return route_runs_model(route) || route->pipeline;
    case STAGE_graph:
        return route->pipeline;
    case STAGE_sequence:
    case STAGE_remember:
    case STAGE_cache:
    case STAGE_keep:
    case STAGE_schedule:
    case STAGE_infer:
        return route_runs_model(route);
    case STAGE_proxy:
        return route->upstream;
    case STAGE_files:
        return route->files || route->asset;
    case STAGE_endpoint:
        return route->endpoint;
    default:
        return true;
    }
}

/* A body that a contract looks at is collected, whoever it is for. */
void flow_plan(struct route *route)
{
    if (contract_checks_bodies(route->contract))
        route->is_streamed = false;
    for (int has_body = 0; has_body < 2; has_body++) {
        struct route_step *step = route->steps[has_body];
        for (int stage = STAGE_route + 1; stage < STAGE_COUNT; stage++)
            if (takes_part(route, stage, has_body))
                *step++ = (struct route_step){stages[stage], stage};
        *step = (struct route_step){NULL, STAGE_COUNT};
    }
}

static const struct route_step *step_at(const struct request *request, enum stage stage)
{
    static const struct route_step first[] = {{stage_route, STAGE_route}, {NULL, STAGE_COUNT}};
    static const struct route_step refused[] = {
        {stage_format, STAGE_format}, {stage_respond, STAGE_respond}, {NULL, STAGE_COUNT}};
    if (stage == STAGE_route)
        return first;
    const struct route_step *step = request->route ? request->route->steps[request->head.has_body] : refused;
    while (step->stage < stage)
        step++;
    return step;
}

static void run(struct request *request)
{
    const struct route_step *step = step_at(request, request->stage);
    request->is_waiting = false;
    request->is_running = true;
    request->is_resumed = false;
    if (UNLIKELY(request->is_timed))
        request->worker->stalls.marked_ns = clock_now_ns();
    while (step->run) {
        request->stage = step->stage;
        enum verdict verdict = step->run(request);
        if (UNLIKELY(request->is_timed))
            record_time(request, step->stage, verdict != VERDICT_WAIT);
        if (LIKELY(verdict == VERDICT_NEXT)) {
            step++;
            if (!step->run && request->stage == STAGE_route)
                step = step_at(request, STAGE_route + 1);
        } else if (verdict != VERDICT_WAIT) {
            let_others_go_on(request);
            step = step_at(request, request->stage < STAGE_format ? STAGE_format : STAGE_COUNT);
        } else if (!request->is_resumed || request->holds) {
            request->is_waiting = true;
            request->is_running = false;
            return;
        } else {
            request->is_resumed = false;
        }
    }
    request->stage = STAGE_COUNT;
    request->is_running = false;
    finish(request);
}

/* A stage's time is from the end of the one before to its own end, waiting included: so one look at the clock, some
 * 25 ns, is enough for each. Only requests with a body are timed, since only they bring work; and others for a while after
 * the loop was held up by nobody knows whom (stalls.h). */
static RARELY_CALLED void record_time(struct request *request, enum stage stage, bool has_ended)
{
    struct stalls *stalls = &request->worker->stalls;
    uint64_t now_ns = clock_now_ns();
    uint64_t held_ns = now_ns - stalls->marked_ns;
    stalls->marked_ns = now_ns;
    if (UNLIKELY(held_ns >= stalls->note_ns))
        stalls_note(request, stage, held_ns);
    if (!has_ended)
        return;
    uint64_t stage_ns = now_ns - request->stage_begin_ns;
    request->stage_begin_ns = now_ns;
    if (stage == STAGE_receive)
        request->receive_ns = stage_ns;
    if (stage == STAGE_decode)
        request->decode_ns = stage_ns;
    if (stage == STAGE_format && request->has_outputs)
        model_meter_format(model_entry_meter(request->model_entry, request->worker->index), stage_ns);
    histogram_record(&request->worker->meter.stage_time[stage], stage_ns);
}

/* The response is with the connection, or nobody wants it any more. */
static void finish(struct request *request)
{
    chain_complete(request);
    request->is_answered = true;
    leave(request);
    if (!request->holds)
        request_release(request);
}

static void start_total_timer(struct request *request)
{
    struct worker *worker = request->worker;
    if (worker->limits.total_time)
        flow_set_deadline(request, worker->loop.now_ns + worker->limits.total_time);
}

void flow_set_deadline(struct request *request, uint64_t deadline_ns)
{
    struct timer *timer = &request->total_timer;
    if (!timer->deadline_ns)
        timer_init(timer, on_total_time);
    else if (timer->deadline_ns <= deadline_ns)
        return;
    timer_set(&request->worker->loop.timers, timer, deadline_ns);
}

static void on_total_time(struct timer *timer)
{
    struct request *request = CONTAINER_OF(timer, struct request, total_timer);
    counter_add(&request->worker->meter.requests_over_time, 1);
    flow_expire(request, PROBLEM_DEADLINE);
}

static void leave(struct request *request)
{
    struct connection *connection = request->connection;
    if (request->total_timer.deadline_ns)
        timer_cancel(&request->total_timer);
    if (!connection)
        return;
    connection->protocol->detach(request);
    connection->open_requests--;
    request->connection = NULL;
    request->sink = NULL;
}

static RARELY_CALLED void abandon_work(struct request *request)
{
    let_others_go_on(request);
    atomic_store_explicit(&request->task.is_cancelled, true, memory_order_relaxed);
    for (struct list *node = request->jobs.next; node && node != &request->jobs; node = node->next)
        job_cancel(CONTAINER_OF(node, struct job, node));
    if (request->graph)
        graph_abandon(request);
}

/* Those that wait for this one, which has no outcome for them, need not wait for its answer to leave. */
static RARELY_CALLED void let_others_go_on(struct request *request)
{
    model_cache_abandon(request);
    sequences_abandon(request);
}
