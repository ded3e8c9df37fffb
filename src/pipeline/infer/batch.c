/* SPDX-License-Identifier: Apache-2.0 */
/* Several runs as one: their inputs are gathered into memory of an instance, the session is run once, and the outputs are
 * scattered into the runs' own memory. Those are the only copies. A run that is alone is executed where it is.
 *
 * An instance has one frame for each combination of dims it has seen of late, over the same memory: making a handle costs
 * an allocation in the runtime, and steady traffic has few combinations, mostly the rows of one shape.
 *
 * A batch may fail for one of its members (an index out of a table's range) or for none (memory). Which it was the
 * runtime does not tell, so each is executed again alone, and answers for itself. */
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

#define FRAMES_MAX       64          /* some handles of the runtime and 4 KiB each */
#define KEPT_BYTES_MAX   (64U << 20) /* of an input, from batch to batch; a larger output is left to the runtime */
#define GATHER_BYTES_MAX (256U << 20)

struct instance {
    struct OrtRunOptions *options;
    struct mutex terminating;   /* of the flag in the options and ours, which only say the same together */
    _Atomic bool is_terminated; /* read without it to see whether there is anything to do */
    struct frame_memory memory;
    struct frame *frames[FRAMES_MAX];
    uint64_t hashes[FRAMES_MAX];
    uint32_t frame_count;
    uint32_t next; /* the place that is used anew next */
    struct text fault;
    char fault_memory[512];
} CACHE_ALIGNED;

/* --- Which runs go together --------------------------------------------------------------------------------------- */

/* The first dimension that all inputs have; 0: there is none. */
static uint32_t count_own_rows(const struct run *run)
{
    const struct tensor *inputs = run->frame.in.tensors;
    int64_t rows = inputs[0].rank ? inputs[0].dims[0] : 0;
    for (uint32_t i = 1; i < run->model->info.input_count; i++)
        if (inputs[i].rank == 0 || inputs[i].dims[0] != rows)
            return 0;
    return rows <= UINT32_MAX ? (uint32_t)rows : 0;
}

uint32_t run_rows(const struct run *run)
{
    uint32_t rows_max = run->model->batch_info.rows_max;
    uint32_t rows = rows_max > 1 ? count_own_rows(run) : 0;
    return rows <= rows_max ? rows : 0;
}

/* What a dimension of an input is in a batch. */
static int64_t batch_dim(const struct run *run, uint32_t input, uint32_t dim)
{
    int64_t size = run->frame.in.tensors[input].dims[dim];
    const struct pads *pads = &run->model->pads;
    return LIKELY(!pads->count) ? size : pads_size(pads, input, dim, size);
}

static bool is_padded(const struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        for (uint32_t d = 1; d < run->frame.in.tensors[i].rank; d++)
            if (batch_dim(run, i, d) != run->frame.in.tensors[i].dims[d])
                return true;
    return false;
}

/* FNV-1a by whole words, as in shapes.c: only spreads. */
static uint64_t hash_dims(uint64_t hash, const struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        for (uint32_t d = 1; d < run->frame.in.tensors[i].rank; d++)
            hash = (hash ^ (uint64_t)batch_dim(run, i, d)) * 0x100000001b3U;
    return hash;
}

uint64_t run_batch_key(const struct run *run)
{
    return hash_dims(0xcbf29ce484222325U, run);
}

bool run_fits_batch(const struct run *run, const struct run *other)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        for (uint32_t d = 1; d < run->frame.in.tensors[i].rank; d++)
            if (batch_dim(run, i, d) != batch_dim(other, i, d))
                return false;
    return run->model == other->model;
}

/* --- Instances ---------------------------------------------------------------------------------------------------- */

/* Those of executors, then one for each worker. */
static uint32_t count_instances(const struct model *model)
{
    return model->batch_info.instances + model->worker_count;
}

enum err instances_create(struct model *model)
{
    uint32_t count = count_instances(model);
    struct instance *instances = aligned_alloc(_Alignof(struct instance), count * sizeof(*instances));
    if (!instances)
        return ERR_NOMEM;
    memset(instances, 0, count * sizeof(*instances));
    model->gather_bytes_max = GATHER_BYTES_MAX;
    model->instances = instances;
    for (uint32_t i = 0; i < count; i++) {
        mutex_init(&instances[i].terminating);
        frame_memory_init(&instances[i].memory, &model->budget);
        instances[i].fault = text_init(instances[i].fault_memory, sizeof(instances[i].fault_memory));
        TRY(ort_run_options_create(&instances[i].options));
    }
    return ERR_OK;
}

void instances_destroy(struct model *model)
{
    for (uint32_t i = 0; model->instances && i < count_instances(model); i++) {
        struct instance *instance = &model->instances[i];
        for (uint32_t f = 0; f < instance->frame_count; f++) {
            frame_deinit(instance->frames[f]);
            free(instance->frames[f]);
        }
        frame_memory_deinit(&instance->memory);
        ort_run_options_destroy(instance->options);
        mutex_deinit(&instance->terminating);
    }
    free(model->instances);
    model->instances = NULL;
}

static bool frame_is_for(const struct frame *frame, const struct run *run, int64_t rows)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++) {
        const struct tensor *laid = &frame->in.tensors[i];
        if (laid->dims[0] != rows)
            return false;
        for (uint32_t d = 1; d < laid->rank; d++)
            if (laid->dims[d] != batch_dim(run, i, d))
                return false;
    }
    return true;
}

/* The place for a frame of these dims: one that is there, free, or the one that was made the longest ago. */
static enum err find_frame(struct instance *instance, const struct run *run, int64_t rows, struct frame **ret_frame)
{
    uint64_t hash = hash_dims((uint64_t)rows, run);
    for (uint32_t i = 0; i < instance->frame_count; i++)
        if (instance->hashes[i] == hash && frame_is_for(instance->frames[i], run, rows)) {
            *ret_frame = instance->frames[i];
            return ERR_OK;
        }
    uint32_t index = instance->next;
    if (index == instance->frame_count) {
        struct frame *frame = calloc(1, sizeof(*frame));
        if (!frame)
            return ERR_NOMEM;
        frame_init(frame, run->model, &instance->memory);
        frame->output_bytes_max = KEPT_BYTES_MAX;
        instance->frames[instance->frame_count++] = frame;
    }
    instance->next = (index + 1) % FRAMES_MAX;
    instance->hashes[index] = hash;
    *ret_frame = instance->frames[index];
    return ERR_OK;
}

/* --- Executing ---------------------------------------------------------------------------------------------------- */

static bool is_gone(const struct batch_member *member);
static uint32_t count_rows(struct batch_member *members, uint32_t count, uint32_t *ret_present);
static void execute_alone(struct instance *instance, struct batch_member *member, struct batch_times *times);
static enum err execute_together(struct instance *instance, struct batch_member *members, uint32_t count, uint32_t rows,
                                 struct batch_times *times);
static enum err lay_and_gather(struct instance *instance, const struct batch_member *members, uint32_t count,
                               uint32_t rows, struct frame **ret_frame);
static void trim(const struct model *model, struct instance *instance);
static size_t gather(void *to, const struct shape *batch, const struct tensor *from, uint64_t value);
static enum err check_outputs(const struct frame *frame, uint32_t rows);
static void scatter(const struct frame *frame, struct batch_member *members, uint32_t count, uint32_t rows);
static enum err take_rows(struct run *run, const struct frame *frame, uint32_t total, uint32_t at, uint32_t rows);
static bool clear_termination(struct instance *instance);

/* A member is in the batch while its err is ERR_OK. */
void batch_execute(struct model *model, uint32_t instance_index, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times)
{
    ASSERT(instance_index < count_instances(model), "an instance of this model");
    struct instance *instance = &model->instances[instance_index];
    struct batch_times times = {0};
    uint32_t present = 0;
    if (UNLIKELY(atomic_load_explicit(&instance->is_terminated, memory_order_relaxed)))
        (void)clear_termination(instance);
    uint32_t rows = count_rows(members, count, &present);
    bool is_together = present > 1 || (model->pads.count && present == 1 && rows && is_padded(members[0].run));
    bool is_done = is_together && execute_together(instance, members, count, rows, &times) == ERR_OK;
    for (uint32_t i = 0; i < count && !is_done; i++)
        if (members[i].err == ERR_OK)
            execute_alone(instance, &members[i], &times);
    *ret_times = times;
}

enum err batch_try(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times, struct text *words)
{
    struct batch_times times = {0};
    uint32_t present;
    uint32_t rows = count_rows(members, count, &present);
    enum err err = execute_together(&model->instances[instance], members, count, rows, &times);
    if (err != ERR_OK)
        text_add(words, text_slice(&model->instances[instance].fault));
    else
        *ret_times = times;
    return err;
}

static bool is_gone(const struct batch_member *member)
{
    return atomic_load_explicit(member->is_gone, memory_order_relaxed);
}

static uint32_t count_rows(struct batch_member *members, uint32_t count, uint32_t *ret_present)
{
    uint32_t rows = 0;
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++) {
        members[i].err = is_gone(&members[i]) ? ERR_CANCELLED : ERR_OK;
        if (members[i].err == ERR_OK) {
            rows += count_own_rows(members[i].run);
            present++;
        }
    }
    *ret_present = present;
    return rows;
}

/* Again when it was stopped for another: batch_terminate was meant for a batch that is over by now. */
static void execute_alone(struct instance *instance, struct batch_member *member, struct batch_times *times)
{
    do {
        member->err = is_gone(member) ? ERR_CANCELLED : run_execute_with(member->run, instance->options);
        times->run_ns += member->err == ERR_CANCELLED ? 0 : member->run->duration_ns;
    } while (member->err != ERR_OK && member->err != ERR_CANCELLED && clear_termination(instance));
}

static enum err execute_together(struct instance *instance, struct batch_member *members, uint32_t count, uint32_t rows,
                                 struct batch_times *times)
{
    struct frame *frame = NULL;
    uint64_t begin_ns = clock_now_ns();
    instance->fault = text_init(instance->fault_memory, sizeof(instance->fault_memory));
    enum err err = lay_and_gather(instance, members, count, rows, &frame);
    if (err != ERR_OK) {
        trim(members[0].run->model, instance);
        return err;
    }
    uint64_t gathered_ns = clock_now_ns();
    times->gather_ns = gathered_ns - begin_ns;
    err = frame_execute(frame, instance->options, &instance->fault);
    times->run_ns = frame->duration_ns;
    if (err == ERR_OK)
        err = check_outputs(frame, rows);
    if (err != ERR_OK) {
        (void)clear_termination(instance);
        trim(members[0].run->model, instance);
        return err;
    }
    uint64_t ran_ns = clock_now_ns();
    scatter(frame, members, count, rows);
    frame_drop_lent(frame);
    trim(members[0].run->model, instance);
    times->scatter_ns = clock_now_ns() - ran_ns;
    return ERR_OK;
}

static enum err lay_and_gather(struct instance *instance, const struct batch_member *members, uint32_t count,
                               uint32_t rows, struct frame **ret_frame)
{
    const struct run *first = NULL;
    for (uint32_t m = 0; m < count && !first; m++)
        first = members[m].err == ERR_OK ? members[m].run : NULL;
    TRY(find_frame(instance, first, rows, ret_frame));
    struct frame *frame = *ret_frame;
    for (uint32_t i = 0; i < first->model->info.input_count; i++) {
        const struct tensor_spec *spec = &first->model->info.inputs[i];
        struct shape shape = shape_of(&first->frame.in.tensors[i]);
        shape.dims[0] = rows;
        for (uint32_t d = 1; d < shape.rank; d++)
            shape.dims[d] = batch_dim(first, i, d);
        int64_t elements = tensor_elements(shape.dims, shape.rank);
        if (elements < 0 || (uint64_t)elements > first->model->gather_bytes_max / tensor_element_bytes(spec->type))
            return ERR_LIMIT;
        TRY(frame_lay_input(frame, i, &shape));
        char *at = frame->in.tensors[i].data;
        for (uint32_t m = 0; m < count; m++)
            if (members[m].err == ERR_OK)
                at += gather(at, &shape, &members[m].run->frame.in.tensors[i], pads_value(&first->model->pads, i));
        ASSERT(at == (char *)frame->in.tensors[i].data + frame->in.tensors[i].bytes, "members fit each other");
    }
    return ERR_OK;
}

/* Frames see by themselves that memory was replaced. */
static void trim(const struct model *model, struct instance *instance)
{
    size_t kept_bytes = model->keeps_no_runs ? 0 : KEPT_BYTES_MAX;
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++)
        if (UNLIKELY(instance->memory.in.capacity[i] > kept_bytes))
            tensor_memory_release(&instance->memory.in, i);
}

/* Returns how many bytes it wrote. */
static size_t gather(void *to, const struct shape *batch, const struct tensor *from, uint64_t value)
{
    struct shape shape = *batch;
    size_t element_bytes = tensor_element_bytes(from->spec->type);
    shape.dims[0] = from->dims[0];
    if (LIKELY(shape_is_of(&shape, from))) {
        memcpy(to, from->data, from->bytes);
        return from->bytes;
    }
    size_t bytes = (size_t)tensor_elements(shape.dims, shape.rank) * element_bytes;
    elements_fill(to, bytes, value, element_bytes);
    elements_copy_box(to, shape.dims, from->data, from->dims, shape.rank, element_bytes);
    return bytes;
}

/* A model may give other rows than it took only in ways that loading has not seen. */
static enum err check_outputs(const struct frame *frame, uint32_t rows)
{
    for (uint32_t i = 0; i < frame->model->info.output_count; i++)
        if (frame->out.tensors[i].rank == 0 || frame->out.tensors[i].dims[0] != rows)
            return ERR_MISMATCH;
    return ERR_OK;
}

static void scatter(const struct frame *frame, struct batch_member *members, uint32_t count, uint32_t rows)
{
    uint32_t at = 0;
    for (uint32_t m = 0; m < count; m++) {
        struct run *run = members[m].run;
        if (members[m].err != ERR_OK)
            continue;
        uint32_t own = count_own_rows(run);
        run->duration_ns = frame->duration_ns;
        run->fault = text_init(run->fault_memory, sizeof(run->fault_memory));
        members[m].err = is_gone(&members[m]) ? ERR_CANCELLED : take_rows(run, frame, rows, at, own);
        at += own;
    }
}

static enum err take_rows(struct run *run, const struct frame *frame, uint32_t total, uint32_t at, uint32_t rows)
{
    frame_drop_lent(&run->frame);
    for (uint32_t i = 0; i < run->model->info.output_count; i++) {
        const struct tensor *from = &frame->out.tensors[i];
        struct shape whole = shape_of(from);
        whole.dims[0] = rows;
        struct shape shape = whole;
        pads_cut(&run->model->pads, run->frame.in.tensors, frame->in.tensors, from, &shape);
        TRY(frame_lay_output(&run->frame, i, &shape));
        void *to = run->frame.out.tensors[i].data;
        elements_copy_box(to, shape.dims, (const char *)from->data + at * (from->bytes / total), whole.dims, shape.rank,
                          tensor_element_bytes(from->spec->type));
        if (UNLIKELY(from->spec->type == TENSOR_BYTES))
            TRY(frame_own_texts(&run->frame, i));
    }
    return ERR_OK;
}

/* Whether it was on. */
static bool clear_termination(struct instance *instance)
{
    mutex_lock(&instance->terminating);
    bool was_terminated = atomic_load_explicit(&instance->is_terminated, memory_order_relaxed);
    if (was_terminated)
        ort_run_options_set_terminate(instance->options, false);
    atomic_store_explicit(&instance->is_terminated, false, memory_order_relaxed);
    mutex_unlock(&instance->terminating);
    return was_terminated;
}

void batch_terminate(struct model *model, uint32_t instance_index)
{
    ASSERT(instance_index < count_instances(model), "an instance of this model");
    struct instance *instance = &model->instances[instance_index];
    mutex_lock(&instance->terminating);
    ort_run_options_set_terminate(instance->options, true);
    atomic_store_explicit(&instance->is_terminated, true, memory_order_relaxed);
    mutex_unlock(&instance->terminating);
}

const struct batch_info *model_batch_info(const struct model *model)
{
    return &model->batch_info;
}
