/* SPDX-License-Identifier: Apache-2.0 */
/* One use of a model: a frame (frame.h) over memory of its own, kept in a pool of its worker.
 *
 * Who touches a run: the worker until the hand-over, one executor until the return, the worker again; the two rings
 * order that. Only the flag of run_terminate is touched by others. */
#include "lib/base/memory_user.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

/* What is larger is not kept with the run; an output is left to the runtime then, which takes its memory back. */
#define KEPT_BYTES_MAX (16U << 20)
#define WRAP_BYTES_MIN 8192 /* the handle around other memory costs 0.16 µs each time, which copies about as much */

/* --- On the worker ---------------------------------------------------------------------------------------------- */

static enum err shape_input(const struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max,
                            struct shape *ret_shape);
static enum err note_given(struct run *run, uint32_t index, uint32_t borrowed, uint64_t bytes_max);
static bool pool_shrink(struct run_pool *pool);
static enum err write_masks(struct run *run, uint32_t index, uint64_t bytes_max);
static void give_back(struct run *run);
static void trim(struct run *run);

/* What is answered from the cache, or waits for another to run, needs a run to be filled, and takes nobody's place in the queue. */
static uint64_t count_max(const struct model *model)
{
    return model->cache ? 2 * model->config->queue : model->config->queue;
}

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
        if (pool->made_count >= count_max(model))
            return ERR_BUSY;
        TRY(run_create(model, &run));
        run->worker_index = worker_index;
        pool->made_count++;
    }
    uint64_t uses = atomic_load_explicit(&pool->uses, memory_order_relaxed) + 1;
    atomic_store_explicit(&pool->uses, uses, memory_order_relaxed);
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

enum err run_create(struct model *model, struct run **ret_run)
{
    AS_MEMORY_USER(runs);
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return ERR_NOMEM;
    run->model = model;
    run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
    frame_memory_init(&run->memory, &model->budget);
    frame_init(&run->frame, model, &run->memory);
    run->frame.output_bytes_max = KEPT_BYTES_MAX;
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
    frame_drop_lent(&run->frame);
    if (run->borrowed)
        give_back(run);
    if (UNLIKELY(model->keeps_no_runs)) {
        run_destroy(run);
        pool->made_count--;
    } else {
        trim(run);
        run->next_free = pool->free;
        pool->free = run;
    }
    if (--pool->out_count == 0)
        model_unref(model); /* may be the last, and free the run too */
}

static void give_back(struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        if (run->borrowed & 1U << i)
            frame_forget_input(&run->frame, i);
    run->borrowed = 0;
}

/* What came out of a batch was copied, however large, and so are texts; inputs are as large as clients may send them. */
static void trim(struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.output_count; i++)
        if (UNLIKELY(run->memory.out.capacity[i] + run->memory.texts.capacity[i] > KEPT_BYTES_MAX)) {
            tensor_memory_release(&run->memory.out, i);
            tensor_memory_release(&run->memory.texts, i);
        }
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        if (UNLIKELY(run->memory.in.capacity[i] > KEPT_BYTES_MAX)) {
            frame_forget_input(&run->frame, i);
            tensor_memory_release(&run->memory.in, i);
        }
}

void run_pool_deinit(struct run_pool *pool)
{
    while (pool->free) {
        struct run *run = pool->free;
        pool->free = run->next_free;
        run_destroy(run);
    }
}

void run_destroy(struct run *run)
{
    if (!run)
        return;
    AS_MEMORY_USER(runs);
    frame_deinit(&run->frame);
    frame_memory_deinit(&run->memory);
    ort_run_options_destroy(run->options);
    free(run);
}

enum err run_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, void **ret_data)
{
    ASSERT(index < run->model->info.input_count, "an input of this model");
    const struct tensor *tensor = &run->frame.in.tensors[index];
    bool is_same = tensor->data && tensor->data == run->memory.in.ptr[index] && tensor->bytes <= bytes_max;
    for (uint32_t d = 0; d < tensor->rank; d++)
        is_same = is_same && tensor->dims[d] == dims[d];
    if (UNLIKELY(!is_same)) {
        struct shape shape;
        TRY(shape_input(run, index, dims, bytes_max, &shape));
        enum err err = frame_lay_input(&run->frame, index, &shape);
        if (UNLIKELY(err == ERR_NOMEM && pool_shrink(&run->model->pools[run->worker_index])))
            err = frame_lay_input(&run->frame, index, &shape);
        TRY(err);
    }
    *ret_data = tensor->data;
    return note_given(run, index, 0, bytes_max);
}

static enum err note_given(struct run *run, uint32_t index, uint32_t borrowed, uint64_t bytes_max)
{
    uint32_t bit = 1U << index;
    run->given |= bit;
    run->masks &= ~bit;
    run->borrowed = (run->borrowed & ~bit) | borrowed;
    return LIKELY(!run->model->pads.count) ? ERR_OK : write_masks(run, index, bytes_max);
}

/* Whether idle runs kept any memory. */
static bool pool_shrink(struct run_pool *pool)
{
    bool did_keep = false;
    for (struct run *run = pool->free; run; run = run->next_free)
        did_keep = frame_forget(&run->frame) || did_keep;
    return did_keep;
}

void model_tidy(struct model *model, uint32_t worker_index)
{
    struct run_pool *pool = &model->pools[worker_index];
    uint64_t uses = atomic_load_explicit(&pool->uses, memory_order_relaxed);
    if (uses == pool->uses_seen)
        (void)pool_shrink(pool);
    pool->uses_seen = uses;
}

uint64_t model_uses(const struct model *model)
{
    uint64_t uses = 0;
    for (uint32_t i = 0; i < model->worker_count; i++)
        uses += atomic_load_explicit(&model->pools[i].uses, memory_order_relaxed);
    return uses;
}

/* As if the client had said that all of what it gave is data. */
static enum err write_masks(struct run *run, uint32_t index, uint64_t bytes_max)
{
    const struct pads *pads = &run->model->pads;
    for (uint32_t i = 0; i < pads->count; i++) {
        const struct pad *pad = &pads->items[i];
        if (pad->input != index || pad->mask < 0 || (run->given & ~run->masks & 1U << pad->mask))
            continue;
        const struct tensor *mask = &run->frame.in.tensors[pad->mask];
        const int64_t *dims = run->frame.in.tensors[index].dims;
        void *data = NULL;
        TRY(run_input(run, (uint32_t)pad->mask, (int64_t[]){dims[0], dims[pad->dim]}, bytes_max, &data));
        elements_fill(data, mask->bytes, element_bits(mask->spec->type, 1), tensor_type_bytes(mask->spec->type));
        run->masks |= 1U << pad->mask;
    }
    return ERR_OK;
}

enum err run_wrap_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, const void *data)
{
    const struct tensor_spec *spec = &run->model->info.inputs[index];
    size_t element_bytes = tensor_type_bytes(spec->type);
    struct shape shape;
    ASSERT(index < run->model->info.input_count && element_bytes > 0, "an input of this model, and not of BYTES");
    TRY(shape_input(run, index, dims, bytes_max, &shape));
    size_t bytes = (size_t)tensor_elements(shape.dims, shape.rank) * element_bytes;
    if (bytes < WRAP_BYTES_MIN || (uintptr_t)data % element_bytes != 0) {
        void *copy = NULL;
        TRY(run_input(run, index, dims, bytes_max, &copy));
        if (bytes)
            memcpy(copy, data, bytes);
        return ERR_OK;
    }
    frame_borrow_input(&run->frame, index, &shape, (void *)(uintptr_t)data); /* the runtime writes to no input */
    return note_given(run, index, 1U << index, bytes_max);
}

static enum err shape_input(const struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max,
                            struct shape *ret_shape)
{
    const struct tensor_spec *spec = &run->model->info.inputs[index];
    struct shape shape = {.rank = spec->rank};
    memcpy(shape.dims, dims, spec->rank * sizeof(*dims));
    if (!tensor_dims_fit(spec, shape.dims, spec->rank))
        return ERR_MISMATCH;
    int64_t elements = tensor_elements(shape.dims, spec->rank);
    for (uint32_t d = 0; d < spec->rank; d++)
        if (dims[d] < 0)
            return ERR_MISMATCH;
    if (elements < 0 || (uint64_t)elements > bytes_max / tensor_element_bytes(spec->type))
        return ERR_LIMIT;
    *ret_shape = shape;
    return ERR_OK;
}

/* --- On the executor -------------------------------------------------------------------------------------------- */

enum err run_execute(struct run *run)
{
    return run_execute_with(run, run->options);
}

enum err run_execute_with(struct run *run, struct OrtRunOptions *options)
{
    run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
    run->duration_ns = 0;
    if (atomic_load_explicit(&run->is_terminated, memory_order_relaxed))
        return ERR_CANCELLED;
    if (run->given != (1U << run->model->info.input_count) - 1) {
        text_printf(&run->fault, "an input was not given");
        return ERR_MISMATCH;
    }
    enum err err = frame_execute(&run->frame, options, &run->fault);
    run->duration_ns = run->frame.duration_ns;
    if (err != ERR_OK && atomic_load_explicit(&run->is_terminated, memory_order_relaxed))
        return ERR_CANCELLED;
    return err;
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
    return &run->frame.out.tensors[index];
}

const struct tensor *run_given_input(const struct run *run, uint32_t index)
{
    ASSERT(index < run->model->info.input_count && run->given & 1U << index, "an input of this model that was given");
    return &run->frame.in.tensors[index];
}

bool run_is_given(const struct run *run, uint32_t index)
{
    return run->given & 1U << index;
}

void run_lend_output(struct run *run, uint32_t index, const struct tensor *tensor)
{
    ASSERT(index < run->model->info.output_count, "an output of this model");
    frame_lend_output(&run->frame, index, tensor);
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
