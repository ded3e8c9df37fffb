/* SPDX-License-Identifier: Apache-2.0 */
/* Dataflow: a step starts when its inputs are there, and what is further on goes first, so that the first lines of a page
 * are read while the last ones are cut out, and memory is free early. */
#include "pipeline/graph/graph_int.h"

#include "lib/sys/clock.h"
#include "pipeline/flow.h"
#include "pipeline/scheduler.h"

static struct cell *pop_ready(struct step_state *state);
static void push_front(struct step_state *state, struct cell *cell);
static void look(struct graph *graph, uint32_t step, uint32_t index);
static void look_all(struct graph *graph, uint32_t step);
static void finish_step(struct graph *graph, uint32_t step);
static void tell_consumers(struct graph *graph, uint32_t step, uint32_t index);
static void open_domain(struct cell *cell);
static void release_inputs(struct cell *cell);

/* --- Values ----------------------------------------------------------------------------------------------------- */

bool graph_has_value(const struct graph *graph, struct graph_source source, uint32_t index)
{
    if (source.step == GRAPH_BODY)
        return true;
    const struct step_state *state = &graph->steps[source.step];
    bool is_mapped = graph->pipeline->steps[source.step].domain != GRAPH_NO_DOMAIN;
    return state->is_laid_out && state->count && state->cells[is_mapped ? index : 0].state == CELL_DONE;
}

bool graph_has_all(const struct graph *graph, struct graph_source source)
{
    if (source.step == GRAPH_BODY)
        return true;
    const struct step_state *state = &graph->steps[source.step];
    return state->is_laid_out && state->done_count == state->count;
}

const struct graph_value *graph_value_at(const struct graph *graph, struct graph_source source, uint32_t index)
{
    if (source.step == GRAPH_BODY)
        return &graph->body;
    bool is_mapped = graph->pipeline->steps[source.step].domain != GRAPH_NO_DOMAIN;
    const struct cell *cell = &graph->steps[source.step].cells[is_mapped ? index : 0];
    const struct graph_value *value = &cell->call.outputs[source.output];
    return value->is_list ? &value->items[index] : value;
}

/* --- Beginning -------------------------------------------------------------------------------------------------- */

enum err graph_lay_out(struct graph *graph, uint32_t domain, uint32_t count)
{
    const struct pipeline *pipeline = graph->pipeline;
    for (uint32_t s = 0; s < pipeline->step_count; s++) {
        struct step_state *state = &graph->steps[s];
        if (pipeline->steps[s].domain != domain)
            continue;
        state->cells = arena_alloc_array(&graph->request->arena, count, sizeof *state->cells);
        if (!state->cells)
            return ERR_NOMEM;
        for (uint32_t i = 0; i < count; i++) {
            state->cells[i].graph = graph;
            state->cells[i].step = s;
            state->cells[i].index = i;
        }
        state->count = count;
        state->ready_end = &state->ready;
        state->is_laid_out = true;
    }
    for (uint32_t s = 0; s < pipeline->step_count; s++) {
        if (pipeline->steps[s].domain != domain)
            continue;
        look_all(graph, s);
        if (count == 0)
            finish_step(graph, s);
    }
    return ERR_OK;
}

static bool is_input_there(const struct graph *graph, const struct graph_input *input, uint32_t index)
{
    if (!input->is_given)
        return true;
    return input->is_whole ? graph_has_all(graph, input->from) : graph_has_value(graph, input->from, index);
}

/* Makes a cell ready if all its inputs are there. */
static void look(struct graph *graph, uint32_t step, uint32_t index)
{
    const struct graph_step *plan = &graph->pipeline->steps[step];
    struct step_state *state = &graph->steps[step];
    struct cell *cell = &state->cells[index];
    if (cell->state != CELL_WAITING)
        return;
    for (uint32_t i = 0; i < plan->input_count; i++)
        if (!is_input_there(graph, &plan->inputs[i], index))
            return;
    cell->state = CELL_READY;
    cell->next = NULL;
    *state->ready_end = cell;
    state->ready_end = &cell->next;
}

static void look_all(struct graph *graph, uint32_t step)
{
    for (uint32_t i = 0; i < graph->steps[step].count; i++)
        look(graph, step, i);
}

static struct cell *pop_ready(struct step_state *state)
{
    struct cell *cell = state->ready;
    state->ready = cell->next;
    if (!state->ready)
        state->ready_end = &state->ready;
    return cell;
}

static void push_front(struct step_state *state, struct cell *cell)
{
    cell->state = CELL_READY;
    cell->next = state->ready;
    if (!state->ready)
        state->ready_end = &cell->next;
    state->ready = cell;
}

void graph_put_back(struct cell *cell)
{
    push_front(&cell->graph->steps[cell->step], cell);
}

/* Begins what is ready in a step, until there is no room. True: something was begun. */
static bool pump_step(struct graph *graph, struct step_state *state)
{
    bool has_begun = false;
    while (state->ready && !graph->is_over) {
        struct cell *cell = pop_ready(state);
        cell->state = CELL_RUNNING;
        enum start start = cell_start(cell);
        if (start == START_BUSY) {
            push_front(state, cell);
            break;
        }
        has_begun = true;
        if (start == START_DONE)
            graph_complete(cell);
    }
    return has_begun;
}

static bool is_at_work(const struct graph *graph)
{
    return graph->is_over || graph->outstanding || graph_is_done(graph);
}

static void pump_all(struct graph *graph)
{
    bool has_begun = true;
    while (has_begun && !graph->is_over) {
        has_begun = false;
        for (uint32_t s = graph->pipeline->step_count; s-- > 0;)
            if (graph->steps[s].is_laid_out)
                has_begun |= pump_step(graph, &graph->steps[s]);
    }
}

void graph_pump(struct graph *graph)
{
    graph->inline_ns = 0;
    pump_all(graph);
    if (is_at_work(graph))
        return;
    graph->is_unbounded = true;
    pump_all(graph);
    if (is_at_work(graph))
        return;
    counter_add(&graph->request->worker->meter.runs_refused, 1);
    graph->request->retry_after_s = 1;
    graph_fail(graph, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}

/* --- Ending ----------------------------------------------------------------------------------------------------- */

static void record(const struct cell *cell)
{
    const struct graph_step *plan = &cell->graph->pipeline->steps[cell->step];
    struct step_meter *meters = plan->meters;
    if (!meters)
        return;
    struct step_meter *meter = &meters[cell->graph->request->worker->index];
    histogram_record(&meter->time, clock_now_ns() - cell->begin_ns);
    if (cell->err != ERR_OK)
        counter_add(&meter->failures, 1);
}

static void fail_cell(struct cell *cell)
{
    struct graph *graph = cell->graph;
    const struct graph_step *plan = &graph->pipeline->steps[cell->step];
    struct slice fault = cell->run && !cell->call.fault ? slice_first(run_fault(cell->run), 300)
                                                        : slice_of_text(cell->call.fault ? cell->call.fault : "");
    if (cell->err == ERR_NOMEM) {
        (void)request_fail_memory(graph->request);
        graph_fail(graph, graph->request->problem, SLICE_FMT, SLICE_ARG(graph->request->problem_detail));
    } else if (cell->err == ERR_TIMEOUT) {
        graph_fail(graph, PROBLEM_DEADLINE, "The model of the step \"" SLICE_FMT "\" was not begun in time.",
                   SLICE_ARG(plan->name));
    } else if (cell->call.problem) {
        counter_add(&graph->request->worker->meter.images_refused, plan->kind && plan->kind->decodes_images);
        graph_fail(graph, cell->call.problem, SLICE_FMT ".", SLICE_ARG(fault));
    } else {
        counter_add(&graph->request->worker->meter.runs_failed, !plan->kind);
        graph_fail(graph, plan->kind ? PROBLEM_PIPELINE_FAILED : PROBLEM_MODEL_FAILED,
                   "The step \"" SLICE_FMT "\" failed: " SLICE_FMT ".", SLICE_ARG(plan->name),
                   SLICE_ARG(fault.len ? fault : slice_of_text(err_text(cell->err))));
    }
}

void graph_complete(struct cell *cell)
{
    struct graph *graph = cell->graph;
    const struct graph_step *plan = &graph->pipeline->steps[cell->step];
    record(cell);
    if (cell->err != ERR_OK) {
        fail_cell(cell);
        return;
    }
    cell->state = CELL_DONE;
    if (plan->kind && plan->kind->decodes_images)
        counter_add(&graph->request->worker->meter.images_decoded, 1);
    graph->steps[cell->step].done_count++;
    release_inputs(cell);
    if (graph->steps[cell->step].done_count == graph->steps[cell->step].count)
        graph->finished_steps++;
    if (plan->opens_domain)
        open_domain(cell);
    tell_consumers(graph, cell->step, cell->index);
    if (plan->is_answered)
        stream_note(graph, cell->step, cell->index);
}

/* A step without elements. */
static void finish_step(struct graph *graph, uint32_t step)
{
    graph->finished_steps++;
    tell_consumers(graph, step, 0);
}

static void tell_consumers(struct graph *graph, uint32_t step, uint32_t index)
{
    const struct pipeline *pipeline = graph->pipeline;
    uint32_t domain = pipeline->steps[step].domain;
    bool is_finished = graph->steps[step].done_count == graph->steps[step].count;
    for (uint64_t rest = pipeline->steps[step].consumers; rest; rest &= rest - 1) {
        uint32_t consumer = (uint32_t)__builtin_ctzll(rest);
        if (!graph->steps[consumer].is_laid_out)
            continue;
        if (domain != GRAPH_NO_DOMAIN && pipeline->steps[consumer].domain == domain) {
            if (index < graph->steps[consumer].count)
                look(graph, consumer, index);
        } else if (is_finished) {
            look_all(graph, consumer);
        }
    }
}

static void open_domain(struct cell *cell)
{
    struct graph *graph = cell->graph;
    uint32_t domain = 1 + cell->step;
    uint32_t count = 0;
    for (uint32_t i = 0; i < GRAPH_OUTPUTS_MAX; i++)
        if (cell->call.outputs[i].is_list)
            count = cell->call.outputs[i].count;
    enum err err = graph_lay_out(graph, domain, count);
    if (err == ERR_OK && graph->form != ANSWER_JSON && graph->pipeline->streamed->domain == domain)
        graph->sent = arena_alloc_array(&graph->request->arena, count, sizeof *graph->sent);
    if (err == ERR_OK && (graph->form == ANSWER_JSON || graph->pipeline->streamed->domain != domain || graph->sent)) {
        graph->is_streaming |= graph->form != ANSWER_JSON && graph->pipeline->streamed->domain == domain;
        return;
    }
    (void)request_fail_memory(graph->request);
    graph_fail(graph, graph->request->problem, SLICE_FMT, SLICE_ARG(graph->request->problem_detail));
}

/* Whether some consumer still has to read what a cell of a model gives. */
static bool is_wanted(const struct graph *graph, uint32_t step, uint32_t index)
{
    const struct graph_step *plan = &graph->pipeline->steps[step];
    for (uint64_t rest = plan->consumers; rest; rest &= rest - 1) {
        uint32_t consumer = (uint32_t)__builtin_ctzll(rest);
        const struct step_state *state = &graph->steps[consumer];
        bool is_of_same = plan->domain != GRAPH_NO_DOMAIN && graph->pipeline->steps[consumer].domain == plan->domain;
        bool is_read = state->is_laid_out &&
                       (is_of_same ? state->cells[index].state == CELL_DONE : state->done_count == state->count);
        if (!is_read)
            return true;
    }
    return false;
}

/* Outputs of a model are the largest things there are: those of a text recogniser some megabytes for each line. */
static void release_inputs(struct cell *cell)
{
    struct graph *graph = cell->graph;
    const struct graph_step *plan = &graph->pipeline->steps[cell->step];
    for (uint32_t i = 0; i < plan->input_count; i++) {
        uint32_t from = plan->inputs[i].from.step;
        if (!plan->inputs[i].is_given || from == GRAPH_BODY || graph->pipeline->steps[from].kind)
            continue;
        bool is_one = graph->pipeline->steps[from].domain == plan->domain && plan->domain != GRAPH_NO_DOMAIN;
        uint32_t begin = is_one ? cell->index : 0;
        uint32_t end = is_one ? cell->index + 1 : graph->steps[from].count;
        for (uint32_t k = begin; k < end; k++)
            if (!is_wanted(graph, from, k))
                cell_release_run(&graph->steps[from].cells[k]);
    }
}

void graph_fail(struct graph *graph, enum problem problem, const char *format, ...)
{
    if (graph->is_over)
        return;
    char memory[512];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    (void)request_fail(graph->request, problem, "%s", memory);
    graph_stop(graph);
}

void graph_stop(struct graph *graph)
{
    graph->is_over = true;
    for (uint32_t s = 0; s < graph->pipeline->step_count; s++)
        for (uint32_t i = 0; i < graph->steps[s].count; i++) {
            struct cell *cell = &graph->steps[s].cells[i];
            if (cell->state != CELL_RUNNING)
                continue;
            atomic_store_explicit(&cell->task.is_cancelled, true, memory_order_relaxed);
            if (cell->has_job)
                job_cancel(&cell->job);
        }
}
