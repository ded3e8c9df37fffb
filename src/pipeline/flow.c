/* SPDX-License-Identifier: Apache-2.0 */
/* A request is carried from stage to stage here, and nowhere else.
 *
 * Everything happens on the worker's thread, and in turns: a request runs until a stage says WAIT, and goes on when
 * flow_resume or new input calls the same stage again. Answering a request and being done with it are two things: a
 * crew thread may still work on one that was answered with a timeout, or whose client has gone. Such a request is an
 * orphan until its task comes back; only then is its memory given away. */
#include "pipeline/flow.h"

#include "lib/sys/clock.h"
#include "pipeline/worker.h"

static const stage_run stages[STAGE_COUNT] = {
#define STAGE(name, help) stage_##name,
#include "pipeline/stages.def"
#undef STAGE
};

static bool step(struct connection *connection);
static bool begin(struct connection *connection);
static void run(struct request *request);
static enum verdict run_stage(struct request *request);
static void finish(struct request *request);
static void leave_connection(struct request *request);
static void abandon_task(struct request *request);

void flow_input(struct connection *connection)
{
    connection->is_processing = true;
    while (!connection->is_broken && step(connection))
        continue;
    connection->is_processing = false;
    if (connection->is_broken)
        connection_close(connection);
    else
        connection_flush(connection);
}

/* True when a request was answered and the next may already be here. */
static bool step(struct connection *connection)
{
    if (!connection->request && !begin(connection))
        return false;
    struct request *request = connection->request;
    if (request->head.head_bytes == 0) {
        enum err err = parse_head(request);
        if (err == ERR_AGAIN)
            return false;
        if (err != ERR_OK) {
            counter_add(&connection->worker->meter.requests_malformed, 1);
            connection->is_closing = true;
            connection->needs_discard = true;
            request->stage = STAGE_format;
        }
    } else if (!request->is_waiting || request->is_held || request->stage != STAGE_receive) {
        return false;
    }
    run(request);
    return !connection->is_broken && !connection->request;
}

/* Whether a next request has begun to arrive. */
static bool begin(struct connection *connection)
{
    if (connection->is_closing || connection->stream.unsent.len || connection_input(connection).len == 0)
        return false;
    connection->request = request_acquire(connection->worker, connection);
    if (!connection->request) {
        connection_refuse(connection);
        return false;
    }
    http1_parser_reset(&connection->parser);
    return true;
}

void flow_resume(struct request *request)
{
    if (request->is_answered) {
        request_release(request);
        return;
    }
    struct connection *connection = request->connection;
    if (!connection) {
        finish(request);
        return;
    }
    /* Sends and closes wait for flow_input, which also takes up what was pipelined behind this request. */
    connection->is_processing = true;
    run(request);
    flow_input(connection);
}

void flow_cancel(struct request *request)
{
    struct connection *connection = request->connection;
    counter_add(&request->worker->meter.requests_cancelled, 1);
    request->is_cancelled = true;
    request->peer = arena_copy(&request->arena, request->peer);
    if (connection)
        leave_connection(request);
    if (request->is_held)
        abandon_task(request);
    else
        finish(request);
}

void flow_expire(struct request *request, enum problem problem)
{
    struct connection *connection = request->connection;
    if (request->is_held)
        abandon_task(request);
    (void)request_fail(request, problem, "%s",
                       problem == PROBLEM_DEADLINE ? "The time for this request is over; it was given up."
                                                   : "The request did not arrive in the time it is given.");
    request->stage = STAGE_format;
    request->stage_begin_ns = request->worker->loop.now_ns;
    connection->is_processing = true;
    run(request);
    flow_input(connection);
}

static void run(struct request *request)
{
    request->is_waiting = false;
    while (request->stage < STAGE_COUNT) {
        enum verdict verdict = run_stage(request);
        if (verdict == VERDICT_WAIT) {
            request->is_waiting = true;
            return;
        }
        if (verdict == VERDICT_NEXT)
            request->stage++;
        else
            request->stage = request->stage < STAGE_format ? STAGE_format : STAGE_COUNT;
    }
    finish(request);
}

/* A stage's time is from the end of the one before to its own end, waiting included: so one look at the clock, some
 * 25 ns, is enough for each. Only requests with a body are timed, since only they bring work. */
static enum verdict run_stage(struct request *request)
{
    enum stage stage = request->stage;
    enum verdict verdict = stages[stage](request);
    if (!request->is_timed || verdict == VERDICT_WAIT)
        return verdict;
    uint64_t now_ns = clock_now_ns();
    request->stage_ns[stage] = now_ns - request->stage_begin_ns;
    request->stage_begin_ns = now_ns;
    histogram_record(&request->worker->meter.stage_time[stage], request->stage_ns[stage]);
    return verdict;
}

/* The response is with the connection, or nobody wants it any more. */
static void finish(struct request *request)
{
    struct connection *connection = request->connection;
    chain_complete(request);
    request->is_answered = true;
    if (connection)
        leave_connection(request);
    if (!request->is_held)
        request_release(request);
}

/* The connection goes on without the request. What the request still needs of the receive buffer goes with it. */
static void leave_connection(struct request *request)
{
    struct connection *connection = request->connection;
    bool keeps_input = request->is_held || request->is_cancelled;
    connection_pin(connection, false);
    connection->request = NULL;
    connection->phase = CONNECTION_NONE; /* the next request must not inherit this one's deadline */
    if (keeps_input && connection_park_input(connection, request) != ERR_OK)
        connection->is_broken = true;
    request->connection = NULL;
}

static void abandon_task(struct request *request)
{
    atomic_store_explicit(&request->task.is_cancelled, true, memory_order_relaxed);
    if (request->run)
        run_terminate(request->run);
}
