/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of requests, kept to compare the next model with this one on what is really asked.
 *
 * Each worker keeps its own, in memory that is used again, and gives them to nobody: whoever compares holds a worker's
 * recording for the time of a copy. A worker that finds it held keeps nothing this time, so it never waits. */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

#define SAMPLE_BYTES_MAX (4u << 20) /* of one input; larger ones are not kept */
#define EVERY            16         /* a worker keeps one of so many, once it has its number */
#define HELD_NS          20000      /* between two looks of whoever compares */

struct sample {
    struct tensor_memory memory;
    struct shape shapes[MODEL_TENSORS_MAX];
};

struct recording {
    _Atomic bool is_held;
    uint64_t turn; /* runs that went well */
    uint32_t count;
    uint32_t next; /* sample that is written over */
    struct sample *samples;
} CACHE_ALIGNED;

static bool can_keep(const struct model *model)
{
    for (uint32_t i = 0; i < model->info.input_count; i++)
        if (model->info.inputs[i].type == TENSOR_BYTES)
            return false; /* texts are somewhere else */
    return model->config->record > 0;
}

enum err recordings_create(struct model *model)
{
    size_t bytes = model->worker_count * sizeof(struct recording);
    if (!can_keep(model))
        return ERR_OK;
    model->recordings = aligned_alloc(_Alignof(struct recording), bytes);
    if (!model->recordings)
        return ERR_NOMEM;
    memset(model->recordings, 0, bytes);
    for (uint32_t i = 0; i < model->worker_count; i++) {
        model->recordings[i].samples = calloc(model->config->record, sizeof(struct sample));
        if (!model->recordings[i].samples)
            return ERR_NOMEM;
        for (uint64_t s = 0; s < model->config->record; s++)
            model->recordings[i].samples[s].memory.budget = &model->budget;
    }
    return ERR_OK;
}

void recordings_destroy(struct model *model)
{
    for (uint32_t w = 0; model->recordings && w < model->worker_count; w++) {
        struct recording *recording = &model->recordings[w];
        for (uint64_t s = 0; recording->samples && s < model->config->record; s++)
            for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++)
                tensor_memory_release(&recording->samples[s].memory, i);
        free(recording->samples);
    }
    free(model->recordings);
}

static bool is_small(const struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++)
        if (run->frame.in.tensors[i].bytes > SAMPLE_BYTES_MAX)
            return false;
    return true;
}

static bool keep(struct sample *sample, const struct run *run)
{
    for (uint32_t i = 0; i < run->model->info.input_count; i++) {
        const struct tensor *tensor = &run->frame.in.tensors[i];
        if (tensor_memory_reserve(&sample->memory, i, tensor->bytes) != ERR_OK)
            return false;
        sample->shapes[i] = shape_of(tensor);
        memcpy(sample->memory.ptr[i], tensor->data, tensor->bytes);
    }
    return true;
}

void run_record(const struct run *run)
{
    struct model *model = run->model;
    if (LIKELY(!model->recordings))
        return;
    struct recording *recording = &model->recordings[run->worker_index];
    bool is_full = recording->count == model->config->record;
    if ((recording->turn++ % EVERY && is_full) || !is_small(run) ||
        atomic_exchange_explicit(&recording->is_held, true, memory_order_acquire))
        return;
    if (keep(&recording->samples[recording->next], run)) {
        recording->next = (uint32_t)((recording->next + 1) % model->config->record);
        recording->count += !is_full;
    }
    atomic_store_explicit(&recording->is_held, false, memory_order_release);
}

static enum err fill(const struct model *model, const struct sample *sample, struct run *run)
{
    for (uint32_t i = 0; i < model->info.input_count; i++) {
        void *data = NULL;
        size_t bytes;
        TRY(run_input(run, i, sample->shapes[i].dims, SAMPLE_BYTES_MAX, &data));
        bytes = (size_t)tensor_elements(sample->shapes[i].dims, sample->shapes[i].rank) *
                tensor_type_bytes(model->info.inputs[i].type);
        memcpy(data, sample->memory.ptr[i], bytes);
    }
    return ERR_OK;
}

enum err recordings_fill(struct model *model, uint32_t index, struct run *run)
{
    enum err err = ERR_NOT_FOUND;
    for (uint32_t w = 0; model->recordings && w < model->worker_count && err == ERR_NOT_FOUND; w++) {
        struct recording *recording = &model->recordings[w];
        while (atomic_exchange_explicit(&recording->is_held, true, memory_order_acquire))
            clock_sleep_ns(HELD_NS);
        if (index < recording->count)
            err = fill(model, &recording->samples[index], run);
        else
            index -= recording->count;
        atomic_store_explicit(&recording->is_held, false, memory_order_release);
    }
    return err;
}
