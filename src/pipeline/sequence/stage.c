/* SPDX-License-Identifier: Apache-2.0 */
/* Two stages around the run: `sequence` waits for the request's turn and feeds the model its state, `remember` takes the state
 * that came of it and lets the next one have the turn, which need not wait for the response to be written.
 *
 * A worker that lets one of its own go on resumes it; for one of another worker it sets a flag, which that one looks at every
 * millisecond while it waits: two requests of one sequence at once on two workers are rare, since the second
 * mostly wants the answer of the first. */
#include "lib/sys/clock.h"
#include "pipeline/flow.h"
#include "pipeline/model_meter.h"
#include "pipeline/sequence/sequence_int.h"

#define LOOK_NS 1000000

static enum verdict begin(struct request *request, struct sequences *sequences);
static enum verdict take_turn(struct sequence_ticket *ticket);
static enum verdict hide_states(struct request *request, const struct sequences *sequences);
static void on_look(struct timer *timer);
static void leave(void *ticket);

static struct model_meter *meter_of(const struct request *request)
{
    return model_entry_meter(request->model_entry, request->worker->index);
}

enum verdict stage_sequence(struct request *request)
{
    struct sequences *sequences = request->run ? model_sequences(run_model(request->run)) : NULL;
    if (LIKELY(!sequences))
        return VERDICT_NEXT;
    struct sequence_ticket *ticket = request->sequence_ticket;
    if (!ticket)
        return begin(request, sequences);
    return atomic_load_explicit(&ticket->is_turn, memory_order_acquire) ? take_turn(ticket) : VERDICT_WAIT;
}

static bool brings_all_states(const struct request *request, uint32_t states)
{
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++)
        if (states & 1U << i && !run_is_given(request->run, i))
            return false;
    return true;
}

/* {NULL, 0}: too long. */
static struct slice name_of(struct request *request, char memory[SEQUENCE_NAME_BYTES])
{
    struct text name = text_init(memory, SEQUENCE_NAME_BYTES);
    text_add(&name, request->identity.tenant);
    text_add(&name, SLICE_LIT("/"));
    text_add(&name, request->inference.sequence);
    return name.is_cut ? (struct slice){NULL, 0} : text_slice(&name);
}

static enum verdict refuse(struct request *request, const struct sequences *sequences, enum entrance entrance)
{
    struct slice model = request->model_entry->config->name;
    struct slice name = slice_first(request->inference.sequence, 64);
    if (entrance == ENTRANCE_UNKNOWN)
        return request_fail(request, PROBLEM_UNKNOWN_SEQUENCE,
                            "The model \"" SLICE_FMT "\" has no sequence \"" SLICE_FMT
                            "\", or has it no more; its first request says so (sequence_start).",
                            SLICE_ARG(model), SLICE_ARG(name));
    if (meter_of(request))
        counter_add(&meter_of(request)->sequences_refused, 1);
    request->retry_after_s = 1;
    if (entrance == ENTRANCE_NOMEM)
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory for another sequence.");
    return request_fail(request, PROBLEM_OVERLOADED, "The model \"" SLICE_FMT "\" has %u sequences already; try again.",
                        SLICE_ARG(model), sequences->count_max);
}

static void count(struct request *request, const struct entrance_counts *counts)
{
    struct model_meter *meter = meter_of(request);
    if (!meter)
        return;
    counter_add(&meter->sequences_begun, counts->begun);
    counter_add(&meter->sequences_expired, counts->expired);
}

static enum verdict begin(struct request *request, struct sequences *sequences)
{
    char memory[SEQUENCE_NAME_BYTES];
    const struct inference *inference = &request->inference;
    uint64_t now_ns = request->worker->loop.now_ns;
    if (!inference->sequence.ptr) {
        if (brings_all_states(request, sequences_inputs(sequences)))
            return VERDICT_NEXT;
        return request_fail(request, PROBLEM_UNKNOWN_SEQUENCE,
                            "The model \"" SLICE_FMT
                            "\" keeps a state: say which sequence this belongs to (sequence_id), or "
                            "give the state.",
                            SLICE_ARG(request->model_entry->config->name));
    }
    struct slice name = name_of(request, memory);
    if (!name.ptr)
        return refuse(request, sequences, ENTRANCE_UNKNOWN);
    struct sequence_ticket *ticket = arena_alloc_zero(&request->arena, sizeof *ticket);
    if (!ticket)
        return request_fail_memory(request);
    struct entrance_counts counts;
    ticket->request = request;
    ticket->worker = request->worker;
    ticket->sequences = sequences;
    ticket->deadline_ns = inference->timeout_ns ? request->begin_ns + inference->timeout_ns : UINT64_MAX;
    timer_init(&ticket->timer, on_look);
    enum entrance entrance = sequence_enter(ticket, name, inference->is_sequence_start, now_ns, &counts);
    count(request, &counts);
    if (entrance != ENTRANCE_OPEN)
        return refuse(request, sequences, entrance);
    request->sequence_ticket = ticket;
    request_on_release(request, leave, ticket);
    if (atomic_load_explicit(&ticket->is_turn, memory_order_acquire))
        return take_turn(ticket);
    timer_set(&request->worker->loop.timers, &ticket->timer, now_ns + LOOK_NS);
    return VERDICT_WAIT;
}

static void on_look(struct timer *timer)
{
    struct sequence_ticket *ticket = CONTAINER_OF(timer, struct sequence_ticket, timer);
    struct request *request = ticket->request;
    uint64_t now_ns = request->worker->loop.now_ns;
    if (request->stage != STAGE_sequence || !request->is_waiting)
        return;
    if (atomic_load_explicit(&ticket->is_turn, memory_order_acquire))
        flow_resume(request);
    else if (now_ns >= ticket->deadline_ns)
        flow_expire(request, PROBLEM_DEADLINE);
    else
        timer_set(&request->worker->loop.timers, timer, now_ns + LOOK_NS);
}

static enum verdict take_turn(struct sequence_ticket *ticket)
{
    struct request *request = ticket->request;
    bool is_start = request->inference.is_sequence_start;
    timer_cancel(&ticket->timer);
    if (ticket->slot->has_ended && !is_start)
        return refuse(request, ticket->sequences, ENTRANCE_UNKNOWN);
    /* Before its states are its own they are those of whoever had the slot before. */
    if (is_start)
        ticket->slot->has_ended = true;
    switch (sequence_feed(ticket, request->run, is_start, request->config->limits.request_memory)) {
    case ERR_OK:
        ticket->slot->has_ended = false;
        return hide_states(request, ticket->sequences);
    case ERR_LIMIT:
        return request_fail_too_large(request);
    default:
        return request_fail_memory(request);
    }
}

/* Whoever names no outputs does not mean those that are the server's to remember. */
static enum verdict hide_states(struct request *request, const struct sequences *sequences)
{
    struct inference *inference = &request->inference;
    uint32_t outputs = model_info(run_model(request->run))->output_count;
    uint32_t hidden = 0;
    for (uint32_t i = 0; i < sequences->state_count; i++)
        hidden |= 1U << sequences->links[i].output;
    if (inference->output_count || hidden == (1U << outputs) - 1)
        return VERDICT_NEXT;
    struct output_wish *wishes = arena_alloc_array(&request->arena, outputs, sizeof *wishes);
    if (!wishes)
        return request_fail_memory(request);
    for (uint32_t i = 0; i < outputs; i++)
        if (!(hidden & 1U << i))
            wishes[inference->output_count++] = (struct output_wish){.index = i, .is_binary = inference->is_binary};
    inference->outputs = wishes;
    return VERDICT_NEXT;
}

static void let_next(struct sequence_ticket *ticket)
{
    struct request *request = ticket->request;
    bool ends = ticket->is_done && request->inference.is_sequence_end;
    struct request *next = sequence_leave(ticket, ends, request->worker->loop.now_ns);
    ticket->has_left = true;
    if (next)
        flow_resume_later(next);
}

enum verdict stage_remember(struct request *request)
{
    struct sequence_ticket *ticket = request->sequence_ticket;
    if (LIKELY(!ticket))
        return VERDICT_NEXT;
    enum err err = sequence_take(ticket, request->run);
    ticket->is_done = err == ERR_OK;
    let_next(ticket);
    if (err == ERR_MISMATCH)
        return request_fail(request, PROBLEM_MODEL_FAILED,
                            "The model \"" SLICE_FMT "\" gave a state that does not fit its input.",
                            SLICE_ARG(request->model_entry->config->name));
    return err == ERR_OK ? VERDICT_NEXT : request_fail_memory(request);
}

/* A run that is under way has a state of its own, a copy. */
void sequences_abandon(struct request *request)
{
    if (request->sequence_ticket && !request->sequence_ticket->has_left)
        let_next(request->sequence_ticket);
}

/* At the end of a request that did not come to its outputs: the state is what it was. */
static void leave(void *argument)
{
    struct sequence_ticket *ticket = argument;
    timer_cancel(&ticket->timer);
    sequences_abandon(ticket->request);
}
