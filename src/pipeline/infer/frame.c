/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/frame.h"

#include "lib/base/memory_user.h"
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

#define TEXTS_BYTES_MAX (64U << 20) /* of an output of BYTES */

/* --- Memory ------------------------------------------------------------------------------------------------------- */

static bool budget_take(struct budget *budget, size_t bytes)
{
    size_t sum = atomic_fetch_add_explicit(&budget->bytes, bytes, memory_order_relaxed) + bytes;
    if (LIKELY(!budget->bytes_max || sum <= budget->bytes_max))
        return true;
    atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
    return false;
}

enum err tensor_memory_reserve(struct tensor_memory *memory, uint32_t index, size_t bytes)
{
    if (LIKELY(memory->ptr[index] && memory->capacity[index] >= bytes))
        return ERR_OK;
    AS_MEMORY_USER(runs);
    tensor_memory_release(memory, index);
    size_t capacity = (MAX(bytes, 1) + TENSOR_ALIGN - 1) / TENSOR_ALIGN * TENSOR_ALIGN;
    if (!budget_take(memory->budget, capacity))
        return ERR_NOMEM;
    memory->ptr[index] = aligned_alloc(TENSOR_ALIGN, capacity);
    if (!memory->ptr[index]) {
        atomic_fetch_sub_explicit(&memory->budget->bytes, capacity, memory_order_relaxed);
        return ERR_NOMEM;
    }
    memory->capacity[index] = capacity;
    return ERR_OK;
}

void tensor_memory_release(struct tensor_memory *memory, uint32_t index)
{
    AS_MEMORY_USER(runs);
    free(memory->ptr[index]);
    atomic_fetch_sub_explicit(&memory->budget->bytes, memory->capacity[index], memory_order_relaxed);
    memory->ptr[index] = NULL;
    memory->capacity[index] = 0;
}

void frame_memory_init(struct frame_memory *memory, struct budget *budget)
{
    *memory = (struct frame_memory){.in.budget = budget, .out.budget = budget, .texts.budget = budget};
}

void frame_memory_deinit(struct frame_memory *memory)
{
    if (!memory->in.budget)
        return; /* it never was */
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++) {
        tensor_memory_release(&memory->in, i);
        tensor_memory_release(&memory->out, i);
        tensor_memory_release(&memory->texts, i);
    }
}

/* --- Laying tensors into it --------------------------------------------------------------------------------------- */

void frame_init(struct frame *frame, struct model *model, struct frame_memory *memory)
{
    *frame =
        (struct frame){.model = model, .in.memory = &memory->in, .out.memory = &memory->out, .texts = &memory->texts};
    for (uint32_t i = 0; i < model->info.input_count; i++)
        frame->in.tensors[i].spec = &model->info.inputs[i];
    for (uint32_t i = 0; i < model->info.output_count; i++)
        frame->out.tensors[i].spec = &model->info.outputs[i];
}

void frame_deinit(struct frame *frame)
{
    AS_MEMORY_USER(onnxruntime);
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++) {
        ort_value_destroy(frame->in.values[i]);
        ort_value_destroy(frame->out.values[i]);
    }
}

static void drop_value(struct tensor_set *set, uint32_t index)
{
    AS_MEMORY_USER(onnxruntime);
    ort_value_destroy(set->values[index]);
    set->values[index] = NULL;
}

/* Dims and memory; the handle follows when it is needed (bind): what only goes into batches never gets one. */
static enum err lay(struct tensor_set *set, uint32_t index, const struct shape *shape)
{
    struct tensor *tensor = &set->tensors[index];
    size_t bytes = (size_t)tensor_elements(shape->dims, shape->rank) * tensor_element_bytes(tensor->spec->type);
    drop_value(set, index);
    tensor->data = NULL;
    TRY(tensor_memory_reserve(set->memory, index, bytes));
    tensor->rank = shape->rank;
    memcpy(tensor->dims, shape->dims, sizeof(tensor->dims));
    tensor->data = set->memory->ptr[index];
    tensor->bytes = bytes;
    return ERR_OK;
}

/* Memory that was let go may come back at the same place and smaller. */
static bool has_memory(const struct tensor_set *set, uint32_t index)
{
    const struct tensor *tensor = &set->tensors[index];
    return tensor->data && tensor->data == set->memory->ptr[index] && tensor->bytes <= set->memory->capacity[index];
}

static bool is_laid(const struct tensor_set *set, uint32_t index, const struct shape *shape)
{
    return has_memory(set, index) && shape_is_of(shape, &set->tensors[index]);
}

enum err frame_lay_input(struct frame *frame, uint32_t index, const struct shape *shape)
{
    if (LIKELY(is_laid(&frame->in, index, shape)))
        return ERR_OK;
    frame->is_planned = frame->is_planned && shape_is_of(shape, &frame->in.tensors[index]);
    return lay(&frame->in, index, shape);
}

void frame_borrow_input(struct frame *frame, uint32_t index, const struct shape *shape, void *data)
{
    struct tensor *tensor = &frame->in.tensors[index];
    frame->is_planned = frame->is_planned && shape_is_of(shape, tensor);
    drop_value(&frame->in, index);
    tensor->rank = shape->rank;
    memcpy(tensor->dims, shape->dims, sizeof(tensor->dims));
    tensor->data = data;
    tensor->bytes = (size_t)tensor_elements(shape->dims, shape->rank) * tensor_type_bytes(tensor->spec->type);
}

void frame_forget_input(struct frame *frame, uint32_t index)
{
    drop_value(&frame->in, index);
    frame->in.tensors[index].data = NULL;
}

bool frame_forget(struct frame *frame)
{
    bool had_any = false;
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++) {
        had_any = had_any || frame->in.memory->ptr[i] || frame->out.memory->ptr[i];
        frame_forget_input(frame, i);
        drop_value(&frame->out, i);
        frame->out.tensors[i].data = NULL;
        tensor_memory_release(frame->in.memory, i);
        tensor_memory_release(frame->out.memory, i);
        tensor_memory_release(frame->texts, i);
    }
    frame->is_planned = false;
    return had_any;
}

enum err frame_lay_output(struct frame *frame, uint32_t index, const struct shape *shape)
{
    if (LIKELY(frame->guesses[index] != GUESS_NONE && is_laid(&frame->out, index, shape)))
        return ERR_OK;
    frame->is_planned = false;
    return lay(&frame->out, index, shape);
}

void frame_lend_output(struct frame *frame, uint32_t index, const struct tensor *tensor)
{
    struct tensor *out = &frame->out.tensors[index];
    drop_value(&frame->out, index);
    memcpy(out->dims, tensor->dims, sizeof out->dims);
    out->rank = tensor->rank;
    out->data = tensor->data;
    out->bytes = tensor->bytes;
    frame->guesses[index] = GUESS_NONE;
    frame->is_planned = false;
    frame->has_lent = true;
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

static enum err plan_outputs(struct frame *frame);
static enum guess guess_shape(const struct frame *frame, uint32_t index, const struct shape *remembered,
                              struct shape *ret);
static bool is_settled(const struct frame *frame, uint32_t index);
static enum err bind(struct frame *frame, struct text *fault);
static enum err bind_input(struct frame *frame, uint32_t index, struct text *fault);
static enum err bind_one(struct tensor_set *set, uint32_t index, struct text *fault);
static enum err run_once(struct frame *frame, struct OrtRunOptions *options, struct text *fault);
static enum err run_unguessed(struct frame *frame, struct OrtRunOptions *options, struct text *fault);
static bool is_guess_refused(const struct frame *frame, const struct text *fault);
static enum err take_outputs(struct frame *frame, struct text *fault);
static enum err take_texts(struct frame *frame, uint32_t index, struct text *fault);
static void leave_to_runtime(struct frame *frame, uint32_t index);

enum err frame_execute(struct frame *frame, struct OrtRunOptions *options, struct text *fault)
{
    AS_MEMORY_USER(onnxruntime);
    frame->duration_ns = 0;
    frame_drop_lent(frame);
    if (!frame->is_planned)
        TRY(plan_outputs(frame));
    TRY(bind(frame, fault));
    enum err err = run_once(frame, options, fault);
    if (UNLIKELY(err == ERR_OK && frame->has_lent))
        err = take_outputs(frame, fault);
    else if (UNLIKELY(err != ERR_OK && is_guess_refused(frame, fault)))
        err = run_unguessed(frame, options, fault);
    return err;
}

/* Gives every output its memory where its shape can be told for the dims of the inputs. */
static enum err plan_outputs(struct frame *frame)
{
    struct model *model = frame->model;
    struct shape remembered[MODEL_TENSORS_MAX];
    bool is_remembered = shapes_find(&model->shapes, frame->in.tensors, remembered);
    bool is_planned = true;
    frame->has_lent = false;
    for (uint32_t i = 0; i < model->info.output_count; i++) {
        struct shape shape;
        enum guess guess = guess_shape(frame, i, is_remembered ? &remembered[i] : NULL, &shape);
        if (guess == GUESS_NONE) {
            leave_to_runtime(frame, i);
            is_planned = is_planned && is_settled(frame, i);
        } else {
            if (!is_laid(&frame->out, i, &shape))
                TRY(lay(&frame->out, i, &shape));
            frame->guesses[i] = guess;
        }
    }
    frame->is_planned = is_planned;
    return ERR_OK;
}

static enum guess guess_shape(const struct frame *frame, uint32_t index, const struct shape *remembered,
                              struct shape *ret)
{
    struct model *model = frame->model;
    const struct tensor_spec *spec = &model->info.outputs[index];
    enum guess guess = GUESS_NONE;
    uint32_t bit = 1U << index;
    if (spec->type == TENSOR_BYTES)
        return GUESS_NONE;
    if (!(atomic_load_explicit(&model->not_derivable, memory_order_relaxed) & bit) &&
        shape_derive(spec, frame->in.tensors, model->info.input_count, ret)) {
        guess = GUESS_DERIVED;
    } else if (remembered && !(atomic_load_explicit(&model->not_rememberable, memory_order_relaxed) & bit)) {
        *ret = *remembered;
        guess = GUESS_REMEMBERED;
    }
    if (guess == GUESS_NONE)
        return GUESS_NONE;
    int64_t elements = tensor_elements(ret->dims, ret->rank);
    bool is_kept = elements >= 0 && (uint64_t)elements <= frame->output_bytes_max / tensor_element_bytes(spec->type);
    return is_kept ? guess : GUESS_NONE;
}

/* An output without a guess that will not get one when it is seen again with these dims. */
static bool is_settled(const struct frame *frame, uint32_t index)
{
    return frame->model->info.outputs[index].type == TENSOR_BYTES ||
           atomic_load_explicit(&frame->model->not_rememberable, memory_order_relaxed) & 1U << index;
}

/* Handles for what has none. Output memory may have been made larger by another frame since it was laid. */
static enum err bind(struct frame *frame, struct text *fault)
{
    for (uint32_t i = 0; i < frame->model->info.input_count; i++)
        TRY(bind_input(frame, i, fault));
    for (uint32_t i = 0; i < frame->model->info.output_count; i++) {
        struct tensor_set *out = &frame->out;
        if (frame->guesses[i] == GUESS_NONE)
            continue;
        if (UNLIKELY(!has_memory(out, i))) {
            struct shape shape = shape_of(&out->tensors[i]);
            TRY(lay(out, i, &shape));
        }
        if (UNLIKELY(!out->values[i]))
            TRY(bind_one(out, i, fault));
    }
    return ERR_OK;
}

/* Texts change from run to run without their memory: they are the runtime's own. */
static enum err bind_input(struct frame *frame, uint32_t index, struct text *fault)
{
    const struct tensor *tensor = &frame->in.tensors[index];
    struct OrtValue **value = &frame->in.values[index];
    if (LIKELY(tensor->spec->type != TENSOR_BYTES))
        return *value ? ERR_OK : bind_one(&frame->in, index, fault);
    if (!*value)
        TRY(ort_strings_create(tensor, fault, value));
    return ort_strings_write(*value, tensor->data, tensor->bytes / sizeof(struct slice), fault);
}

static enum err bind_one(struct tensor_set *set, uint32_t index, struct text *fault)
{
    AS_MEMORY_USER(onnxruntime);
    const struct tensor *tensor = &set->tensors[index];
    return ort_value_create(tensor, tensor->spec->type, fault, &set->values[index]);
}

static enum err run_once(struct frame *frame, struct OrtRunOptions *options, struct text *fault)
{
    struct model *model = frame->model;
    uint64_t start_ns = clock_now_ns();
    enum err err = ort_run(&(struct ort_run){.session = model->session,
                                             .options = options,
                                             .input_names = model->input_names,
                                             .output_names = model->output_names,
                                             .inputs = (const struct OrtValue *const *)frame->in.values,
                                             .outputs = frame->out.values,
                                             .input_count = model->info.input_count,
                                             .output_count = model->info.output_count},
                           fault);
    frame->duration_ns = clock_now_ns() - start_ns;
    return err;
}

/* After a failed run: whether it may be for a guess. Asks for little, since a needless second run of a request that
 * fails anyway costs less than a model that cannot be served because the words have changed. */
static bool is_guess_refused(const struct frame *frame, const struct text *fault)
{
    for (uint32_t i = 0; i < frame->model->info.output_count; i++)
        if (frame->guesses[i] != GUESS_NONE)
            return strstr(fault->ptr, "shape") || strstr(fault->ptr, "dimension");
    return false;
}

/* Runs with every output left to the runtime, and takes to heart which guesses were wrong. */
static enum err run_unguessed(struct frame *frame, struct OrtRunOptions *options, struct text *fault)
{
    struct model *model = frame->model;
    struct tensor guessed[MODEL_TENSORS_MAX];
    enum guess guesses[MODEL_TENSORS_MAX];
    memcpy(guessed, frame->out.tensors, sizeof(guessed));
    memcpy(guesses, frame->guesses, sizeof(guesses));
    for (uint32_t i = 0; i < model->info.output_count; i++)
        leave_to_runtime(frame, i);
    frame->is_planned = false;
    *fault = text_init(fault->ptr, fault->capacity);
    TRY(run_once(frame, options, fault));
    TRY(take_outputs(frame, fault));
    for (uint32_t i = 0; i < model->info.output_count; i++) {
        const struct tensor *tensor = &frame->out.tensors[i];
        struct shape shape = shape_of(&guessed[i]);
        if (guesses[i] != GUESS_NONE && !shape_is_of(&shape, tensor))
            atomic_fetch_or(guesses[i] == GUESS_DERIVED ? &model->not_derivable : &model->not_rememberable, 1U << i);
    }
    return ERR_OK;
}

/* Reads what the runtime allocated, and remembers its shapes for runs to come. */
static enum err take_outputs(struct frame *frame, struct text *fault)
{
    struct model *model = frame->model;
    for (uint32_t i = 0; i < model->info.output_count; i++) {
        if (frame->guesses[i] != GUESS_NONE)
            continue;
        TRY(ort_value_read(frame->out.values[i], fault, &frame->out.tensors[i]));
        if (model->info.outputs[i].type == TENSOR_BYTES)
            TRY(take_texts(frame, i, fault));
    }
    if (!frame->is_planned)
        shapes_add(&model->shapes, frame->in.tensors, frame->out.tensors);
    return ERR_OK;
}

/* Out of the runtime's strings into memory that stays with the frame's. */
static enum err take_texts(struct frame *frame, uint32_t index, struct text *fault)
{
    struct tensor *tensor = &frame->out.tensors[index];
    struct OrtValue *value = frame->out.values[index];
    size_t bytes = 0;
    TRY(ort_strings_bytes(value, fault, &bytes));
    if (bytes > TEXTS_BYTES_MAX) {
        text_printf(fault, "output `" SLICE_FMT "` has %zu bytes of text", SLICE_ARG(tensor->spec->name), bytes);
        return ERR_LIMIT;
    }
    TRY(tensor_memory_reserve(frame->out.memory, index, tensor->bytes));
    TRY(tensor_memory_reserve(frame->texts, index, bytes));
    tensor->data = frame->out.memory->ptr[index];
    return ort_strings_read(value, frame->texts->ptr[index], bytes, tensor->bytes / sizeof(struct slice), fault,
                            tensor->data);
}

enum err frame_own_texts(struct frame *frame, uint32_t index)
{
    const struct tensor *tensor = &frame->out.tensors[index];
    struct slice *texts = tensor->data;
    size_t count = tensor->bytes / sizeof(struct slice);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += texts[i].len;
    TRY(tensor_memory_reserve(frame->texts, index, bytes));
    char *at = frame->texts->ptr[index];
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len)
            memcpy(at, texts[i].ptr, texts[i].len);
        texts[i].ptr = at;
        at += texts[i].len;
    }
    return ERR_OK;
}

static void leave_to_runtime(struct frame *frame, uint32_t index)
{
    drop_value(&frame->out, index);
    frame->guesses[index] = GUESS_NONE;
    frame->has_lent = true;
}

void frame_drop_lent(struct frame *frame)
{
    if (LIKELY(!frame->has_lent))
        return;
    for (uint32_t i = 0; i < frame->model->info.output_count; i++)
        if (frame->guesses[i] == GUESS_NONE)
            drop_value(&frame->out, i);
}
