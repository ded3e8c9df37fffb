/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/shapes.h"

#include <stdlib.h>

static uint64_t hash_dims(const struct tensor *tensors, uint32_t count);
static struct shape *find(const struct shapes *shapes, uint64_t hash, const struct tensor *inputs);
static struct shape *claim(struct shapes *shapes, uint64_t hash);
static bool find_symbol(struct slice symbol, const struct tensor *inputs, uint32_t input_count, int64_t *ret_dim);

enum err shapes_init(struct shapes *shapes, uint32_t input_count, uint32_t output_count)
{
    *shapes = (struct shapes){.input_count = input_count, .output_count = output_count};
    shapes->places = calloc((size_t)SHAPES_MAX * (input_count + output_count), sizeof(*shapes->places));
    if (!shapes->places)
        return ERR_NOMEM;
    mutex_init(&shapes->mutex);
    return ERR_OK;
}

void shapes_deinit(struct shapes *shapes)
{
    if (!shapes->places)
        return;
    mutex_deinit(&shapes->mutex);
    free(shapes->places);
    shapes->places = NULL;
}

bool shapes_find(struct shapes *shapes, const struct tensor *inputs, struct shape *ret_outputs)
{
    uint64_t hash = hash_dims(inputs, shapes->input_count);
    mutex_lock(&shapes->mutex);
    const struct shape *place = find(shapes, hash, inputs);
    if (place)
        memcpy(ret_outputs, place + shapes->input_count, shapes->output_count * sizeof(*place));
    mutex_unlock(&shapes->mutex);
    return place != NULL;
}

void shapes_add(struct shapes *shapes, const struct tensor *inputs, const struct tensor *outputs)
{
    uint64_t hash = hash_dims(inputs, shapes->input_count);
    mutex_lock(&shapes->mutex);
    struct shape *place = find(shapes, hash, inputs);
    if (!place)
        place = claim(shapes, hash);
    for (uint32_t i = 0; i < shapes->input_count; i++)
        place[i] = shape_of(&inputs[i]);
    for (uint32_t i = 0; i < shapes->output_count; i++)
        place[shapes->input_count + i] = shape_of(&outputs[i]);
    mutex_unlock(&shapes->mutex);
}

/* FNV-1a by whole words: only spreads, the dims themselves are compared. Ranks are the model's and always the same. */
static uint64_t hash_dims(const struct tensor *tensors, uint32_t count)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t d = 0; d < tensors[i].rank; d++)
            hash = (hash ^ (uint64_t)tensors[i].dims[d]) * 0x100000001b3U;
    return hash;
}

static struct shape *find(const struct shapes *shapes, uint64_t hash, const struct tensor *inputs)
{
    for (uint32_t i = 0; i < shapes->count; i++) {
        if (shapes->hashes[i] != hash)
            continue;
        struct shape *place = shapes->places + (size_t)i * (shapes->input_count + shapes->output_count);
        uint32_t same = 0;
        while (same < shapes->input_count && shape_is_of(&place[same], &inputs[same]))
            same++;
        if (same == shapes->input_count)
            return place;
    }
    return NULL;
}

static struct shape *claim(struct shapes *shapes, uint64_t hash)
{
    uint32_t index = shapes->next;
    shapes->next = (index + 1) % SHAPES_MAX;
    shapes->count = MAX(shapes->count, index + 1);
    shapes->hashes[index] = hash;
    return shapes->places + (size_t)index * (shapes->input_count + shapes->output_count);
}

struct shape shape_of(const struct tensor *tensor)
{
    struct shape shape = {.rank = tensor->rank};
    memcpy(shape.dims, tensor->dims, tensor->rank * sizeof(shape.dims[0]));
    return shape;
}

bool shape_is_of(const struct shape *shape, const struct tensor *tensor)
{
    return shape->rank == tensor->rank && memcmp(shape->dims, tensor->dims, shape->rank * sizeof(shape->dims[0])) == 0;
}

bool shape_derive(const struct tensor_spec *output, const struct tensor *inputs, uint32_t input_count,
                  struct shape *ret_shape)
{
    struct shape shape = {.rank = output->rank};
    for (uint32_t d = 0; d < output->rank; d++) {
        shape.dims[d] = output->dims[d];
        if (shape.dims[d] == TENSOR_DIM_ANY && !find_symbol(output->symbols[d], inputs, input_count, &shape.dims[d]))
            return false;
    }
    if (output->rank == 0)
        return false;
    *ret_shape = shape;
    return true;
}

/* Every dimension of that name is looked at: some exporters call all their open dimensions "?". */
static bool find_symbol(struct slice symbol, const struct tensor *inputs, uint32_t input_count, int64_t *ret_dim)
{
    int64_t dim = TENSOR_DIM_ANY;
    if (symbol.len == 0)
        return false;
    for (uint32_t i = 0; i < input_count; i++)
        for (uint32_t d = 0; d < inputs[i].rank; d++) {
            if (!slice_equal(inputs[i].spec->symbols[d], symbol))
                continue;
            if (dim != TENSOR_DIM_ANY && dim != inputs[i].dims[d])
                return false;
            dim = inputs[i].dims[d];
        }
    if (dim == TENSOR_DIM_ANY)
        return false;
    *ret_dim = dim;
    return true;
}
