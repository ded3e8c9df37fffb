/* SPDX-License-Identifier: Apache-2.0 */
/* One use of a model.
 *
 * Inputs are wrapped in place, and outputs have memory before the run wherever their shape can be told (shapes.h): then
 * the runtime neither copies nor takes its allocator's lock, which costs more than a small model when two threads want
 * it. A guess may be wrong, because models lie about their outputs and because some shapes depend on values. The
 * runtime compares the shape of a given output with the one it computed and fails the run before writing; we then run
 * again with the outputs left to it, remember which way of guessing failed, and do not guess that way again.
 *
 * Who touches a run: the worker until the hand-over, one executor until the return, the worker again; the two rings
 * order that. Only the flag of run_terminate is touched by others. */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

/* A larger output is left to the runtime, which takes its memory back after the use; ours is kept with the run. */
#define OUTPUT_KEPT_BYTES_MAX (16U << 20)

enum guess { GUESS_NONE, GUESS_DERIVED, GUESS_REMEMBERED };

/* The tensors of one side. Their memory is kept from use to use and only ever grows. */
struct tensor_set {
    struct tensor tensors[MODEL_TENSORS_MAX];
    struct OrtValue *values[MODEL_TENSORS_MAX];
    void *memory[MODEL_TENSORS_MAX];
    size_t capacity[MODEL_TENSORS_MAX];
};

struct run {
    struct model *model;
    struct run *next_free;
    uint32_t worker_index;
    uint32_t given;  /* one bit for each input, since run_acquire */
    bool is_planned; /* for these input dims, each output has its memory or is known to be the runtime's */
    bool has_lent;   /* some outputs are left to the runtime, and its memory is to be given back */
    _Atomic bool is_terminated;
    uint64_t duration_ns;
    struct OrtRunOptions *options;
    struct tensor_set in;
    struct tensor_set out;
    enum guess guesses[MODEL_TENSORS_MAX]; /* of outputs; GUESS_NONE: the runtime allocates it */
    struct text fault;
    char fault_memory[512];
};

/* --- On the worker ---------------------------------------------------------------------------------------------- */

static enum err create(struct model *model, uint32_t worker_index, struct run **ret_run);
static void destroy(struct run *run);
static void set_deinit(struct tensor_set *set);
static enum err set_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max);
static enum err set_wrap(struct tensor_set *set, uint32_t index, struct shape shape, struct text *fault);
static enum err set_reserve(struct tensor_set *set, uint32_t index, size_t bytes);
static void drop_lent(struct run *run);

/* One reference for all runs of a worker that are out: the count is shared by all workers, and a busy one would pull its
 * cache line over with every request. */
enum err run_acquire(struct model *model, uint32_t worker_index, struct run **ret_run)
{
    ASSERT(worker_index < model->worker_count, "the model was loaded for this worker");
    struct run_pool *pool = &model->pools[worker_index];
    struct run *run = pool->free;
    if (LIKELY(run)) {
        pool->free = run->next_free;
    } else {
        if (pool->made_count >= model->config->queue)
            return ERR_BUSY;
        TRY(create(model, worker_index, &run));
        pool->made_count++;
    }
    run->given = 0;
    if (UNLIKELY(atomic_load_explicit(&run->is_terminated, memory_order_relaxed))) {
        ort_run_options_set_terminate(run->options, false);
        atomic_store_explicit(&run->is_terminated, false, memory_order_relaxed);
    }
    if (pool->out_count++ == 0)
        model_ref(model);
    *ret_run = run;
    return ERR_OK;
}

static enum err create(struct model *model, uint32_t worker_index, struct run **ret_run)
{
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return ERR_NOMEM;
    run->model = model;
    run->worker_index = worker_index;
    run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
    for (uint32_t i = 0; i < model->info.input_count; i++)
        run->in.tensors[i].spec = &model->info.inputs[i];
    for (uint32_t i = 0; i < model->info.output_count; i++)
        run->out.tensors[i].spec = &model->info.outputs[i];
    if (ort_run_options_create(&run->options) != ERR_OK) {
        free(run);
        return ERR_NOMEM;
    }
    *ret_run = run;
    return ERR_OK;
}

void run_release(struct run *run)
{
    if (!run)
        return;
    struct model *model = run->model;
    struct run_pool *pool = &model->pools[run->worker_index];
    drop_lent(run);
    run->next_free = pool->free;
    pool->free = run;
    if (--pool->out_count == 0)
        model_unref(model); /* may be the last, and free the run too */
}

void run_pool_deinit(struct run_pool *pool)
{
    while (pool->free) {
        struct run *run = pool->free;
        pool->free = run->next_free;
        destroy(run);
    }
}

static void destroy(struct run *run)
{
    set_deinit(&run->in);
    set_deinit(&run->out);
    ort_run_options_destroy(run->options);
    free(run);
}

static void set_deinit(struct tensor_set *set)
{
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++) {
        ort_value_destroy(set->values[i]);
        free(set->memory[i]);
    }
}

enum err run_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, void **ret_data)
{
    ASSERT(index < run->model->info.input_count, "an input of this model");
    const struct tensor *tensor = &run->in.tensors[index];
    bool is_same = run->in.values[index] != NULL;
    for (uint32_t d = 0; d < tensor->rank; d++)
        is_same = is_same && tensor->dims[d] == dims[d];
    if (UNLIKELY(!is_same || tensor->bytes > bytes_max))
        TRY(set_input(run, index, dims, bytes_max));
    run->given |= 1U << index;
    *ret_data = tensor->data;
    return ERR_OK;
}

static enum err set_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max)
{
    const struct tensor_spec *spec = run->in.tensors[index].spec;
    struct shape shape = {.rank = spec->rank};
    for (uint32_t d = 0; d < spec->rank; d++) {
        if (dims[d] < 0)
            return ERR_MISMATCH;
        shape.dims[d] = dims[d];
    }
    if (!tensor_dims_fit(spec, shape.dims, spec->rank))
        return ERR_MISMATCH;
    int64_t elements = tensor_elements(shape.dims, spec->rank);
    if (elements < 0 || (uint64_t)elements > bytes_max / tensor_type_bytes(spec->type))
        return ERR_LIMIT;
    run->is_planned = false;
    return set_wrap(&run->in, index, shape, &run->fault);
}

/* Gives a tensor of the set these dims, memory and a handle; without success it has no handle. */
static enum err set_wrap(struct tensor_set *set, uint32_t index, struct shape shape, struct text *fault)
{
    struct tensor *tensor = &set->tensors[index];
    size_t bytes = (size_t)tensor_elements(shape.dims, shape.rank) * tensor_type_bytes(tensor->spec->type);
    ort_value_destroy(set->values[index]);
    set->values[index] = NULL;
    TRY(set_reserve(set, index, bytes));
    tensor->rank = shape.rank;
    memcpy(tensor->dims, shape.dims, sizeof(tensor->dims));
    tensor->data = set->memory[index];
    tensor->bytes = bytes;
    return ort_value_create(tensor, tensor->spec->type, fault, &set->values[index]);
}

static enum err set_reserve(struct tensor_set *set, uint32_t index, size_t bytes)
{
    if (set->memory[index] && set->capacity[index] >= bytes)
        return ERR_OK;
    free(set->memory[index]);
    size_t capacity = (MAX(bytes, 1) + TENSOR_ALIGN - 1) / TENSOR_ALIGN * TENSOR_ALIGN;
    set->memory[index] = aligned_alloc(TENSOR_ALIGN, capacity);
    set->capacity[index] = set->memory[index] ? capacity : 0;
    return set->memory[index] ? ERR_OK : ERR_NOMEM;
}

/* --- On the executor -------------------------------------------------------------------------------------------- */

static enum err plan_outputs(struct run *run);
static enum guess guess_shape(const struct run *run, uint32_t index, const struct shape *remembered, struct shape *ret);
static bool is_settled(const struct run *run, uint32_t index);
static enum err run_once(struct run *run);
static enum err run_unguessed(struct run *run);
static bool is_guess_refused(const struct run *run);
static enum err take_outputs(struct run *run);
static void leave_to_runtime(struct run *run, uint32_t index);

enum err run_execute(struct run *run)
{
    run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
    run->duration_ns = 0;
    drop_lent(run);
    if (atomic_load_explicit(&run->is_terminated, memory_order_relaxed))
        return ERR_CANCELLED;
    if (run->given != (1U << run->model->info.input_count) - 1) {
        text_printf(&run->fault, "an input was not given");
        return ERR_MISMATCH;
    }
    if (!run->is_planned)
        TRY(plan_outputs(run));
    enum err err = run_once(run);
    if (UNLIKELY(err == ERR_OK && run->has_lent))
        err = take_outputs(run);
    else if (UNLIKELY(err != ERR_OK && is_guess_refused(run)))
        err = run_unguessed(run);
    if (err != ERR_OK && atomic_load_explicit(&run->is_terminated, memory_order_relaxed))
        return ERR_CANCELLED;
    return err;
}

/* Gives every output its memory where its shape can be told for the dims of the inputs. */
static enum err plan_outputs(struct run *run)
{
    struct model *model = run->model;
    struct shape remembered[MODEL_TENSORS_MAX];
    bool is_remembered = shapes_find(&model->shapes, run->in.tensors, remembered);
    bool is_planned = true;
    run->has_lent = false;
    for (uint32_t i = 0; i < model->info.output_count; i++) {
        struct shape shape;
        enum guess guess = guess_shape(run, i, is_remembered ? &remembered[i] : NULL, &shape);
        if (guess == GUESS_NONE) {
            leave_to_runtime(run, i);
            is_planned = is_planned && is_settled(run, i);
        } else {
            bool is_same = run->out.values[i] && shape_is_of(&shape, &run->out.tensors[i]);
            if (!is_same)
                TRY(set_wrap(&run->out, i, shape, &run->fault));
            run->guesses[i] = guess;
        }
    }
    run->is_planned = is_planned;
    return ERR_OK;
}

static enum guess guess_shape(const struct run *run, uint32_t index, const struct shape *remembered, struct shape *ret)
{
    struct model *model = run->model;
    const struct tensor_spec *spec = &model->info.outputs[index];
    enum guess guess = GUESS_NONE;
    uint32_t bit = 1U << index;
    if (!(atomic_load_explicit(&model->not_derivable, memory_order_relaxed) & bit) &&
        shape_derive(spec, run->in.tensors, model->info.input_count, ret)) {
        guess = GUESS_DERIVED;
    } else if (remembered && !(atomic_load_explicit(&model->not_rememberable, memory_order_relaxed) & bit)) {
        *ret = *remembered;
        guess = GUESS_REMEMBERED;
    }
    if (guess == GUESS_NONE)
        return GUESS_NONE;
    int64_t elements = tensor_elements(ret->dims, ret->rank);
    bool is_kept = elements >= 0 && (uint64_t)elements <= OUTPUT_KEPT_BYTES_MAX / tensor_type_bytes(spec->type);
    return is_kept ? guess : GUESS_NONE;
}

/* An output without a guess that will not get one when it is seen again with these dims. */
static bool is_settled(const struct run *run, uint32_t index)
{
    return atomic_load_explicit(&run->model->not_rememberable, memory_order_relaxed) & 1U << index;
}

static enum err run_once(struct run *run)
{
    struct model *model = run->model;
    uint64_t start_ns = clock_now_ns();
    enum err err = ort_run(&(struct ort_run){.session = model->session,
                                             .options = run->options,
                                             .input_names = model->input_names,
                                             .output_names = model->output_names,
                                             .inputs = (const struct OrtValue *const *)run->in.values,
                                             .outputs = run->out.values,
                                             .input_count = model->info.input_count,
                                             .output_count = model->info.output_count},
                           &run->fault);
    run->duration_ns = clock_now_ns() - start_ns;
    return err;
}

/* After a failed run: whether it may be for a guess. Asks for little, since a needless second run of a request that
 * fails anyway costs less than a model that cannot be served because the words have changed. */
static bool is_guess_refused(const struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.output_count; i++)
        if (run->guesses[i] != GUESS_NONE)
            return strstr(run->fault_memory, "shape") || strstr(run->fault_memory, "dimension");
    return false;
}

/* Runs with every output left to the runtime, and takes to heart which guesses were wrong. */
static enum err run_unguessed(struct run *run)
{
    struct model *model = run->model;
    struct tensor guessed[MODEL_TENSORS_MAX];
    enum guess guesses[MODEL_TENSORS_MAX];
    memcpy(guessed, run->out.tensors, sizeof(guessed));
    memcpy(guesses, run->guesses, sizeof(guesses));
    for (uint32_t i = 0; i < model->info.output_count; i++)
        leave_to_runtime(run, i);
    run->is_planned = false;
    run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
    TRY(run_once(run));
    TRY(take_outputs(run));
    for (uint32_t i = 0; i < model->info.output_count; i++) {
        const struct tensor *tensor = &run->out.tensors[i];
        struct shape shape = shape_of(&guessed[i]);
        if (guesses[i] != GUESS_NONE && !shape_is_of(&shape, tensor))
            atomic_fetch_or(guesses[i] == GUESS_DERIVED ? &model->not_derivable : &model->not_rememberable, 1U << i);
    }
    return ERR_OK;
}

/* Reads what the runtime allocated, and remembers its shapes for runs to come. */
static enum err take_outputs(struct run *run)
{
    struct model *model = run->model;
    for (uint32_t i = 0; i < model->info.output_count; i++)
        if (run->guesses[i] == GUESS_NONE)
            TRY(ort_value_read(run->out.values[i], &run->fault, &run->out.tensors[i]));
    if (!run->is_planned)
        shapes_add(&model->shapes, run->in.tensors, run->out.tensors);
    return ERR_OK;
}

static void leave_to_runtime(struct run *run, uint32_t index)
{
    ort_value_destroy(run->out.values[index]);
    run->out.values[index] = NULL;
    run->guesses[index] = GUESS_NONE;
    run->has_lent = true;
}

/* Gives the runtime its memory back. The outputs stay without a value, so that the next run lends anew. */
static void drop_lent(struct run *run)
{
    if (LIKELY(!run->has_lent))
        return;
    for (uint32_t i = 0; i < run->model->info.output_count; i++)
        if (run->guesses[i] == GUESS_NONE) {
            ort_value_destroy(run->out.values[i]);
            run->out.values[i] = NULL;
        }
}

void run_terminate(struct run *run)
{
    atomic_store_explicit(&run->is_terminated, true, memory_order_relaxed);
    ort_run_options_set_terminate(run->options, true);
}

/* --- What a run can tell ---------------------------------------------------------------------------------------- */

const struct tensor *run_output(const struct run *run, uint32_t index)
{
    ASSERT(index < run->model->info.output_count, "an output of this model");
    return &run->out.tensors[index];
}

struct slice run_fault(const struct run *run)
{
    return text_slice(&run->fault);
}

struct model *run_model(const struct run *run)
{
    return run->model;
}

uint64_t run_duration_ns(const struct run *run)
{
    return run->duration_ns;
}
