/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/pad.h"

#include <string.h>

/* --- Rules --------------------------------------------------------------------------------------------------------- */

static enum err resolve(struct pads *pads, const struct pad_config *config, const struct model_info *info,
                        struct text *fault);
static int find_input(struct slice name, const struct model_info *info, struct text *fault);
static enum err check_sizes(const struct pad_config *config, const struct tensor_spec *spec, struct text *fault);
static enum err add_mask(struct pads *pads, const struct pad_config *config, const struct model_info *info,
                         struct text *fault);

enum err pads_init(struct pads *pads, const struct model_config *config, const struct model_info *info,
                   struct text *fault)
{
    const struct pad_config *rules = config->pad.items;
    for (uint32_t i = 0; i < config->pad.count; i++) {
        char memory[256] = "";
        struct text why = text_init(memory, sizeof(memory));
        if (resolve(pads, &rules[i], info, &why) == ERR_OK)
            continue;
        text_printf(fault, SLICE_FMT ": pad of input `" SLICE_FMT "`: %s", SLICE_ARG(config->path),
                    SLICE_ARG(rules[i].input), memory);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err resolve(struct pads *pads, const struct pad_config *config, const struct model_info *info,
                        struct text *fault)
{
    int input = find_input(config->input, info, fault);
    if (input < 0)
        return ERR_INVALID;
    if (pads->count + 2 > PADS_MAX) {
        text_printf(fault, "there are more than %d rules", PADS_MAX / 2);
        return ERR_LIMIT;
    }
    TRY(check_sizes(config, &info->inputs[input], fault));
    struct pad *pad = &pads->items[pads->count++];
    *pad = (struct pad){.input = (uint32_t)input,
                        .dim = (uint32_t)config->dim,
                        .sizes = config->sizes.items,
                        .size_count = config->sizes.count,
                        .value = element_bits(info->inputs[input].type, config->value),
                        .mask = -1};
    return config->mask.len ? add_mask(pads, config, info, fault) : ERR_OK;
}

static int find_input(struct slice name, const struct model_info *info, struct text *fault)
{
    const char *names[MODEL_TENSORS_MAX] = {""};
    for (uint32_t i = 0; i < info->input_count; i++) {
        if (slice_equal(info->inputs[i].name, name))
            return (int)i;
        names[i] = info->inputs[i].name.ptr;
    }
    const char *nearest = text_nearest(name, names, info->input_count);
    text_printf(fault, "the model has no input `" SLICE_FMT "`; ", SLICE_ARG(name));
    text_printf(fault, nearest ? "did you mean `%s`?" : "its first is `%s`", nearest ? nearest : names[0]);
    return -1;
}

static enum err check_sizes(const struct pad_config *config, const struct tensor_spec *spec, struct text *fault)
{
    const uint64_t *sizes = config->sizes.items;
    if (config->dim >= spec->rank || spec->dims[config->dim] != TENSOR_DIM_ANY) {
        text_printf(fault, "dimension %llu is none that the model leaves open", (unsigned long long)config->dim);
        return ERR_INVALID;
    }
    for (uint32_t i = 1; i < config->sizes.count; i++)
        if (sizes[i] <= sizes[i - 1]) {
            text_printf(fault, "buckets must ascend, and %llu follows %llu", (unsigned long long)sizes[i],
                        (unsigned long long)sizes[i - 1]);
            return ERR_INVALID;
        }
    return ERR_OK;
}

/* The mask itself is padded with zeros, whoever wrote it. */
static enum err add_mask(struct pads *pads, const struct pad_config *config, const struct model_info *info,
                         struct text *fault)
{
    struct pad *pad = &pads->items[pads->count - 1];
    int mask = find_input(config->mask, info, fault);
    if (mask < 0)
        return ERR_INVALID;
    const struct tensor_spec *spec = &info->inputs[mask];
    if (mask == (int)pad->input || spec->rank != 2 || spec->dims[1] != TENSOR_DIM_ANY || spec->type == TENSOR_BYTES) {
        text_printf(fault,
                    "the mask `" SLICE_FMT "` must be another input, of numbers, with rows and one open dimension",
                    SLICE_ARG(config->mask));
        return ERR_INVALID;
    }
    pad->mask = mask;
    pads->items[pads->count++] =
        (struct pad){.input = (uint32_t)mask, .dim = 1, .sizes = pad->sizes, .size_count = pad->size_count, .mask = -1};
    return ERR_OK;
}

uint32_t pads_masks(const struct pads *pads)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < pads->count; i++)
        if (pads->items[i].mask >= 0)
            bits |= 1U << pads->items[i].mask;
    return bits;
}

uint64_t pads_value(const struct pads *pads, uint32_t input)
{
    for (uint32_t i = 0; i < pads->count; i++)
        if (pads->items[i].input == input)
            return pads->items[i].value;
    return 0;
}

/* Longer than the largest: as it is, and such requests share batches with their like only. */
int64_t pads_size(const struct pads *pads, uint32_t input, uint32_t dim, int64_t size)
{
    for (uint32_t i = 0; i < pads->count; i++) {
        const struct pad *pad = &pads->items[i];
        if (pad->input != input || pad->dim != dim)
            continue;
        for (uint32_t s = 0; s < pad->size_count; s++)
            if (pad->sizes[s] >= (uint64_t)size)
                return (int64_t)pad->sizes[s];
    }
    return size;
}

void pads_cut(const struct pads *pads, const struct tensor *given, const struct tensor *run,
              const struct tensor *output, struct shape *shape)
{
    for (uint32_t i = 0; i < pads->count; i++) {
        uint32_t input = pads->items[i].input, dim = pads->items[i].dim;
        int64_t from = run[input].dims[dim], to = given[input].dims[dim];
        struct slice symbol = run[input].spec->symbols[dim];
        for (uint32_t d = 1; d < shape->rank && d < output->spec->rank && from != to && symbol.len; d++)
            if (slice_equal(output->spec->symbols[d], symbol) && output->dims[d] == from)
                shape->dims[d] = to;
    }
}

/* --- Elements ------------------------------------------------------------------------------------------------------ */

void elements_fill(void *data, size_t bytes, uint64_t value, size_t element_bytes)
{
    if (value == 0) {
        memset(data, 0, bytes);
        return;
    }
    for (size_t at = 0; at < bytes; at += element_bytes)
        memcpy((char *)data + at, &value, element_bytes);
}

void elements_copy_box(void *to, const int64_t *to_dims, const void *from, const int64_t *from_dims, uint32_t rank,
                       size_t element_bytes)
{
    if (rank == 0 || memcmp(to_dims, from_dims, rank * sizeof(*to_dims)) == 0) {
        memcpy(to, from, (size_t)tensor_elements(to_dims, rank) * element_bytes);
        return;
    }
    if (rank == 1) {
        memcpy(to, from, (size_t)MIN(to_dims[0], from_dims[0]) * element_bytes);
        return;
    }
    size_t to_bytes = (size_t)tensor_elements(to_dims + 1, rank - 1) * element_bytes;
    size_t from_bytes = (size_t)tensor_elements(from_dims + 1, rank - 1) * element_bytes;
    for (int64_t i = 0; i < MIN(to_dims[0], from_dims[0]); i++)
        elements_copy_box((char *)to + (size_t)i * to_bytes, to_dims + 1, (const char *)from + (size_t)i * from_bytes,
                          from_dims + 1, rank - 1, element_bytes);
}

/* Rounded to nearest, ties to even (IEEE 754), with what is too large becoming infinite. */
static uint64_t half_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest >= 0x7f800000)
        return sign | (rest > 0x7f800000 ? 0x7e00 : 0x7c00);
    if (rest >= 0x477ff000)
        return sign | 0x7c00;
    if (rest < 0x38800000) { /* subnormal: the sum aligns the fraction and rounds it */
        float magnitude, half = 0.5F;
        uint32_t aligned;
        memcpy(&magnitude, &rest, sizeof(magnitude));
        magnitude += half;
        memcpy(&aligned, &magnitude, sizeof(aligned));
        return sign | (aligned - 0x3f000000);
    }
    return sign | ((rest + 0xc8000fff + (rest >> 13 & 1)) >> 13);
}

uint64_t element_bits(enum tensor_type type, double value)
{
    float single = (float)value;
    uint64_t bits = 0;
    switch (type) {
    case TENSOR_F64:
        memcpy(&bits, &value, sizeof(value));
        return bits;
    case TENSOR_F32:
        memcpy(&bits, &single, sizeof(single));
        return bits;
    case TENSOR_BF16:
        memcpy(&bits, &single, sizeof(single));
        return bits >> 16;
    case TENSOR_F16:
        return half_bits(single);
    case TENSOR_BYTES:
    case TENSOR_NONE:
        return 0; /* an empty text */
    case TENSOR_U64:
        return value >= 0x1p64 ? UINT64_MAX : value > 0 ? (uint64_t)value : 0;
    default:
        return value >= 0x1p63 ? INT64_MAX : value > -0x1p63 ? (uint64_t)(int64_t)value : (uint64_t)INT64_MIN;
    }
}
