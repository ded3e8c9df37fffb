/* SPDX-License-Identifier: Apache-2.0 */
/* How a cell is run: what is cheap here, what is dear by a crew thread, models as runs of their own, so that elements of a
 * list, and those of other requests, may go together.
 *
 * What crew threads write to is taken from the request's arena before, because they must not touch the worker's pool. A
 * step that makes a tensor for one model writes it where the model reads it. */
#include "pipeline/graph/graph_int.h"

#include "lib/sys/clock.h"
#include "lib/sys/crew.h"
#include "pipeline/flow.h"
#include "pipeline/model_find.h"
#include "pipeline/scheduler.h"

#define INLINE_COST_NS  30000  /* a hand-over and back costs about half */
#define INLINE_TURN_NS  300000 /* cheap steps of one turn together: other connections wait meanwhile */
#define TASKS_MAX       32     /* that one request has with the crew at a time */
#define COPY_NS_PER_KIB 100

static enum start start_kind(struct cell *cell);
static enum start start_model(struct cell *cell);
static enum start plan_kind(struct cell *cell);
static enum start take_run(struct cell *cell);
static enum start submit(struct cell *cell, void (*on_run)(struct task *task));
static void run_kind(struct task *task);
static void fill_run(struct task *task);
static enum start schedule(struct cell *cell);
static void on_task_done(struct task *task);
static void on_job_done(struct job *job);
static void set_outputs(struct cell *cell);
static void keep(struct cell *cell, struct graph_value *value);

static const struct graph_step *step_of(const struct cell *cell)
{
    return &cell->graph->pipeline->steps[cell->step];
}

enum start cell_start(struct cell *cell)
{
    if (!cell->begin_ns)
        cell->begin_ns = clock_now_ns();
    return step_of(cell)->kind ? start_kind(cell) : start_model(cell);
}

static enum start fail(struct cell *cell, enum err err)
{
    cell->err = err;
    return START_DONE;
}

/* --- Built-in steps ----------------------------------------------------------------------------------------------- */

/* A list that is taken whole, of elements that came one by one. */
static const struct graph_value *collect(struct graph *graph, struct graph_source source)
{
    const struct step_state *state = &graph->steps[source.step];
    if (graph->pipeline->steps[source.step].domain == GRAPH_NO_DOMAIN)
        return &state->cells[0].call.outputs[source.output];
    struct graph_value *list = arena_alloc_zero(&graph->request->arena, sizeof *list);
    struct graph_value *items = arena_alloc_array(&graph->request->arena, state->count, sizeof *items);
    if (!list || !items)
        return NULL;
    for (uint32_t i = 0; i < state->count; i++)
        items[i] = state->cells[i].call.outputs[source.output];
    list->type = graph_output_of(graph->pipeline, source)->type;
    list->is_list = true;
    list->count = state->count;
    list->items = items;
    return list;
}

static enum err gather_inputs(struct cell *cell)
{
    const struct graph_step *plan = step_of(cell);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        const struct graph_input *input = &plan->inputs[i];
        if (!input->is_given)
            continue;
        cell->call.inputs[i] =
            input->is_whole ? collect(cell->graph, input->from) : graph_value_at(cell->graph, input->from, cell->index);
        if (!cell->call.inputs[i])
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum start start_kind(struct cell *cell)
{
    struct graph *graph = cell->graph;
    if (!cell->is_planned) {
        enum start start = plan_kind(cell);
        if (start != START_RUNNING)
            return start;
        cell->is_planned = true;
    }
    bool is_cheap = cell->cost_ns <= INLINE_COST_NS && graph->inline_ns + cell->cost_ns <= INLINE_TURN_NS;
    if (!is_cheap)
        return submit(cell, run_kind);
    graph->inline_ns += cell->cost_ns;
    run_kind(&cell->task);
    return START_DONE;
}

/* Where the tensor that a step makes goes: into the run of the one model that takes it, or into memory of its own. */
static enum start place_tensor(struct cell *cell, const struct graph_tensor *tensor)
{
    struct graph *graph = cell->graph;
    const struct graph_step *plan = step_of(cell);
    struct graph_value *output = &cell->call.outputs[0];
    *output = (struct graph_value){.type = GRAPH_TENSOR, .tensor = *tensor};
    if (plan->feeds < 0) {
        output->tensor.data = arena_alloc_aligned(&graph->request->arena, tensor->bytes);
        cell->call.tensor = output->tensor.data;
        return output->tensor.data ? START_RUNNING : fail(cell, ERR_NOMEM);
    }
    uint32_t feeds = (uint32_t)plan->feeds;
    struct cell *model = &graph->steps[feeds].cells[cell->index];
    enum start start = take_run(model);
    if (start == START_DONE) {
        cell->call.problem = model->call.problem;
        cell->call.fault = model->call.fault;
        return fail(cell, model->err);
    }
    if (start != START_RUNNING)
        return start;
    const struct graph_input *input = &graph->pipeline->steps[feeds].inputs[plan->feeds_input];
    int index = input->tensor.len ? model_input_index(run_model(model->run), input->tensor) : 0;
    const struct tensor_spec *spec = &model_info(run_model(model->run))->inputs[index < 0 ? 0 : index];
    if (index < 0 || spec->type != tensor->type || spec->rank != tensor->rank) {
        cell->call.fault = "the model does not take this tensor";
        return fail(cell, ERR_MISMATCH);
    }
    enum err err = run_input(model->run, (uint32_t)index, tensor->dims, graph->request->config->limits.request_memory,
                             &cell->call.tensor);
    output->tensor.data = cell->call.tensor;
    if (err == ERR_MISMATCH)
        cell->call.fault = "the model does not take a tensor of this shape";
    return err == ERR_OK ? START_RUNNING : fail(cell, err == ERR_LIMIT ? ERR_NOMEM : err);
}

/* RUNNING: it is to be run now. */
static enum start plan_kind(struct cell *cell)
{
    struct graph *graph = cell->graph;
    const struct graph_step *plan = step_of(cell);
    struct graph_need need = {0};
    cell->call.options = plan->options;
    cell->call.prepared = atomic_load_explicit(&plan->bound, memory_order_acquire);
    cell->call.limits = &graph->request->config->limits;
    cell->call.memory = &graph->request->arena; /* for what plan has to say of a fault */
    enum err err = gather_inputs(cell);
    if (err == ERR_OK)
        err = plan->kind->plan(&cell->call, &need);
    if (err != ERR_OK)
        return fail(cell, err);
    cell->cost_ns = need.cost_ns;
    if (need.has_tensor) {
        enum start start = place_tensor(cell, &need.tensor);
        if (start != START_RUNNING)
            return start;
    }
    void *memory = arena_alloc_aligned(&graph->request->arena, need.bytes);
    if (!memory)
        return fail(cell, ERR_NOMEM);
    arena_init_fixed(&cell->memory, memory, need.bytes);
    cell->call.memory = &cell->memory;
    return START_RUNNING;
}

/* On a crew thread, or here. */
static void run_kind(struct task *task)
{
    struct cell *cell = CONTAINER_OF(task, struct cell, task);
    cell->err = step_of(cell)->kind->run(&cell->call);
}

/* --- Models ------------------------------------------------------------------------------------------------------- */

static struct model_meter *model_meter_of(const struct cell *cell)
{
    return model_entry_meter(cell->graph->steps[cell->step].model, cell->graph->request->worker->index);
}

/* A run for the cell of a model. RUNNING: it has one; DONE: it never will. */
static enum start take_run(struct cell *cell)
{
    struct graph *graph = cell->graph;
    struct step_state *state = &graph->steps[cell->step];
    struct model *model;
    if (cell->run)
        return START_RUNNING;
    if (state->run_count >= graph->pipeline->config->in_flight && !graph->is_unbounded)
        return START_BUSY;
    graph->request->model_entry = state->model;
    if (model_need(graph->request, &model) != VERDICT_NEXT) {
        cell->call.problem = graph->request->problem;
        cell->call.fault = "a model of the pipeline is not ready";
        return fail(cell, ERR_BUSY);
    }
    enum err err = run_acquire(model, graph->request->worker->index, &cell->run);
    if (err == ERR_BUSY)
        return START_BUSY;
    if (err != ERR_OK)
        return fail(cell, err);
    state->run_count++;
    if (model_meter_of(cell))
        gauge_add(&model_meter_of(cell)->in_flight, 1);
    return START_RUNNING;
}

void cell_release_run(struct cell *cell)
{
    if (!cell->run)
        return;
    if (model_meter_of(cell))
        gauge_add(&model_meter_of(cell)->in_flight, -1);
    run_release(cell->run);
    cell->run = NULL;
    cell->graph->steps[cell->step].run_count--;
}

static bool is_direct(const struct cell *cell, uint32_t input)
{
    return step_of(cell)->inputs[input].is_direct;
}

/* Takes the memory of the inputs that are copied. *ret_bytes: how much that is. */
static enum err reserve_inputs(struct cell *cell, uint64_t *ret_bytes)
{
    const struct graph_step *plan = step_of(cell);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (is_direct(cell, i))
            continue;
        const struct graph_tensor *tensor = &graph_value_at(cell->graph, plan->inputs[i].from, cell->index)->tensor;
        const struct model_info *info = model_info(run_model(cell->run));
        int index = plan->inputs[i].tensor.len ? model_input_index(run_model(cell->run), plan->inputs[i].tensor) : 0;
        void *data;
        if (index < 0 || info->inputs[index].type != tensor->type || info->inputs[index].rank != tensor->rank) {
            cell->call.fault = "an input is not what the model takes";
            return ERR_MISMATCH;
        }
        enum err err = run_input(cell->run, (uint32_t)index, tensor->dims,
                                 cell->graph->request->config->limits.request_memory, &data);
        if (err == ERR_MISMATCH)
            cell->call.fault = "the shape of an input is not what the model takes";
        TRY(err == ERR_LIMIT ? ERR_NOMEM : err);
        bytes += tensor->bytes;
    }
    *ret_bytes = bytes;
    return ERR_OK;
}

/* On a crew thread, or here. Asks for the same shapes again, so nothing is made anew. */
static void fill_run(struct task *task)
{
    struct cell *cell = CONTAINER_OF(task, struct cell, task);
    const struct graph_step *plan = step_of(cell);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (is_direct(cell, i))
            continue;
        const struct graph_tensor *tensor = &graph_value_at(cell->graph, plan->inputs[i].from, cell->index)->tensor;
        int index = plan->inputs[i].tensor.len ? model_input_index(run_model(cell->run), plan->inputs[i].tensor) : 0;
        void *data;
        cell->err = run_input(cell->run, (uint32_t)index, tensor->dims, UINT64_MAX, &data);
        if (cell->err != ERR_OK)
            return;
        if (tensor->bytes)
            memcpy(data, tensor->data, tensor->bytes);
    }
}

static enum start start_model(struct cell *cell)
{
    enum start start = take_run(cell);
    if (start != START_RUNNING)
        return start;
    if (!cell->is_planned) {
        uint64_t bytes = 0;
        enum err err = reserve_inputs(cell, &bytes);
        if (err != ERR_OK)
            return fail(cell, err);
        cell->is_planned = true;
        cell->cost_ns = bytes / 1024 * COPY_NS_PER_KIB;
        cell->is_filling = cell->cost_ns > INLINE_COST_NS;
        if (!cell->is_filling)
            fill_run(&cell->task);
        if (cell->err != ERR_OK)
            return START_DONE;
    }
    return cell->is_filling ? submit(cell, fill_run) : schedule(cell);
}

/* What others have asked for, by name. */
static void set_outputs(struct cell *cell)
{
    const struct graph_step *plan = step_of(cell);
    struct model *model = run_model(cell->run);
    for (uint32_t i = 0; i < plan->output_count; i++) {
        int index = plan->outputs[i].name.len ? model_output_index(model, plan->outputs[i].name) : 0;
        if (index < 0) {
            cell->call.fault = "the model lacks an output that is asked for";
            cell->err = ERR_MISMATCH;
            return;
        }
        const struct tensor *tensor = run_output(cell->run, (uint32_t)index);
        struct graph_value *value = &cell->call.outputs[i];
        *value = (struct graph_value){.type = GRAPH_TENSOR};
        value->tensor.type = tensor->spec->type;
        value->tensor.rank = tensor->rank;
        memcpy(value->tensor.dims, tensor->dims, sizeof tensor->dims);
        value->tensor.data = tensor->data;
        value->tensor.bytes = tensor->bytes;
        if (plan->is_kept)
            keep(cell, value);
    }
}

/* A run that waited for all others of its step would keep them from being begun. */
static void keep(struct cell *cell, struct graph_value *value)
{
    struct arena *arena = &cell->graph->request->arena;
    void *copy = arena_alloc_aligned(arena, value->tensor.bytes);
    cell->err = copy ? ERR_OK : ERR_NOMEM;
    if (copy && value->tensor.bytes)
        memcpy(copy, value->tensor.data, value->tensor.bytes);
    value->tensor.data = copy;
    if (value->tensor.type != TENSOR_BYTES)
        return;
    struct slice *texts = copy;
    for (size_t i = 0; cell->err == ERR_OK && i < value->tensor.bytes / sizeof *texts; i++) {
        texts[i] = arena_copy(arena, texts[i]);
        cell->err = texts[i].ptr ? ERR_OK : ERR_NOMEM;
    }
}

/* --- There and back ----------------------------------------------------------------------------------------------- */

static enum start submit(struct cell *cell, void (*on_run)(struct task *task))
{
    struct graph *graph = cell->graph;
    struct request *request = graph->request;
    if (graph->task_count >= TASKS_MAX)
        return START_BUSY;
    cell->task.on_run = on_run;
    cell->task.on_done = on_task_done;
    if (crew_submit(request->worker->crew, request->worker->index, &cell->task) != ERR_OK)
        return START_BUSY;
    request->holds++;
    graph->outstanding++;
    graph->task_count++;
    return START_RUNNING;
}

static bool is_due(const struct graph *graph)
{
    return graph->is_over || graph_is_done(graph) || graph->is_streaming;
}

static enum start schedule(struct cell *cell)
{
    struct graph *graph = cell->graph;
    struct admission admission;
    cell->job = (struct job){.run = cell->run, .on_done = on_job_done};
    if (request_schedule(graph->request, &cell->job, &admission) != ERR_OK) {
        /* A queue has room later; what is over the tenant's share, or too late, is so for the whole page. */
        if (admission.refusal == REFUSAL_FULL && graph->outstanding)
            return START_BUSY;
        model_meter_refusal(model_meter_of(cell), MODEL_FAILURE_REJECTED);
        (void)request_fail_admission(graph->request, &admission);
        graph_stop(graph);
        return START_FAILED;
    }
    graph->outstanding++;
    cell->has_job = true;
    return START_RUNNING;
}

/* What is back goes on, or, where nobody waits for it any more, only ends. The request may be gone when this returns. */
static void go_on(struct cell *cell)
{
    struct graph *graph = cell->graph;
    struct request *request = graph->request;
    if (graph->is_over || request->is_cancelled || request->is_answered) {
        graph->is_over = true;
        cell_release_run(cell);
        if (!request->holds || request->problem)
            flow_resume(request);
        return;
    }
    graph_complete(cell);
    graph_pump(graph);
    if (is_due(graph))
        flow_resume(request);
}

static void on_task_done(struct task *task)
{
    struct cell *cell = CONTAINER_OF(task, struct cell, task);
    struct graph *graph = cell->graph;
    graph->request->holds--;
    graph->outstanding--;
    graph->task_count--;
    if (cell->is_filling && cell->err == ERR_OK && !graph->is_over) {
        cell->is_filling = false;
        enum start start = schedule(cell);
        if (start == START_RUNNING)
            return;
        if (start == START_BUSY) {
            graph_put_back(cell);
            return;
        }
    }
    go_on(cell);
}

static void on_job_done(struct job *job)
{
    struct cell *cell = CONTAINER_OF(job, struct cell, job);
    struct graph *graph = cell->graph;
    list_remove(&job->node);
    graph->request->worker->jobs_out--;
    graph->request->holds--;
    graph->outstanding--;
    cell->has_job = false;
    cell->err = job->err;
    model_meter_job(model_meter_of(cell), job, graph->request->worker->loop.now_ns);
    if (cell->err == ERR_OK && !graph->is_over)
        set_outputs(cell);
    if (cell->err == ERR_OK && step_of(cell)->is_kept)
        cell_release_run(cell);
    go_on(cell);
}
