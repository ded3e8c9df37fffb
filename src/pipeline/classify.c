/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/classify.h"

#include "lib/json/number.h"

#include <math.h>

#define INDEX_BYTES 22 /* with both colons */

/* Comparable by one number; whole numbers beyond 2^53 that differ by little count as equal, and so the first is taken. */
static double score_at(const struct tensor *tensor, size_t i)
{
    const void *data = tensor->data;
    switch (tensor->spec->type) {
    case TENSOR_U8:
        return ((const uint8_t *)data)[i];
    case TENSOR_U16:
        return ((const uint16_t *)data)[i];
    case TENSOR_U32:
        return ((const uint32_t *)data)[i];
    case TENSOR_U64:
        return (double)((const uint64_t *)data)[i];
    case TENSOR_I8:
        return ((const int8_t *)data)[i];
    case TENSOR_I16:
        return ((const int16_t *)data)[i];
    case TENSOR_I32:
        return ((const int32_t *)data)[i];
    case TENSOR_I64:
        return (double)((const int64_t *)data)[i];
    case TENSOR_F32:
        return (double)((const float *)data)[i];
    case TENSOR_F64:
        return ((const double *)data)[i];
    default:
        ASSERT(false, "output_wish_make lets only numbers pass");
    }
}

static size_t print_whole(char *out, const struct tensor *tensor, size_t i)
{
    struct text text = text_init(out, NUMBER_BYTES_MAX);
    if (tensor->spec->type == TENSOR_U64)
        text_printf(&text, "%llu", (unsigned long long)((const uint64_t *)tensor->data)[i]);
    else if (tensor->spec->type == TENSOR_I64)
        text_printf(&text, "%lld", (long long)((const int64_t *)tensor->data)[i]);
    else
        text_printf(&text, "%.0f", score_at(tensor, i));
    return text.len;
}

static size_t print_score(char out[NUMBER_BYTES_MAX], const struct tensor *tensor, size_t i)
{
    bool is_single = tensor->spec->type == TENSOR_F32;
    double score = score_at(tensor, i);
    if (!is_single && tensor->spec->type != TENSOR_F64)
        return print_whole(out, tensor, i);
    if (!isfinite(score)) {
        struct text text = text_init(out, NUMBER_BYTES_MAX);
        text_printf(&text, "%s", isnan(score) ? "nan" : score < 0 ? "-inf" : "inf");
        return text.len;
    }
    return is_single ? number_format_f32(out, (float)score) : number_format_f64(out, score);
}

static enum err write_class(struct arena *arena, const struct tensor *scores, size_t i, size_t index,
                            const struct slice *label, struct slice *ret_text)
{
    char score[NUMBER_BYTES_MAX];
    size_t score_bytes = print_score(score, scores, i);
    char *memory = arena_alloc(arena, score_bytes + INDEX_BYTES + (label ? label->len : 0));
    if (!memory)
        return ERR_NOMEM;
    char *out = slice_put(memory, slice_of(score, score_bytes));
    *out++ = ':';
    out += text_format_u64(out, index);
    if (label) {
        *out++ = ':';
        out = slice_put(out, *label);
    }
    *ret_text = slice_of(memory, (size_t)(out - memory));
    return ERR_OK;
}

/* A heap of the best so far, the worst of them on top, so that each element costs one comparison once the best are known:
 * n log k at worst, n in practice. */
struct best {
    const struct tensor *scores;
    size_t first; /* of the row */
    uint32_t *indices;
    uint32_t count;
};

static bool is_worse(const struct best *best, uint32_t a, uint32_t b)
{
    double x = score_at(best->scores, best->first + a);
    double y = score_at(best->scores, best->first + b);
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y) ? a > b : isnan(x);
    return x < y || (x <= y && a > b);
}

static void sink(struct best *best, uint32_t at)
{
    for (;;) {
        uint32_t worst = at;
        for (uint32_t child = 2 * at + 1; child < best->count && child <= 2 * at + 2; child++)
            if (is_worse(best, best->indices[child], best->indices[worst]))
                worst = child;
        if (worst == at)
            return;
        uint32_t index = best->indices[at];
        best->indices[at] = best->indices[worst];
        best->indices[worst] = index;
        at = worst;
    }
}

/* Leaves the indices of the best in order, the best first. */
static void find_best(struct best *best, uint32_t classes, uint32_t width)
{
    for (uint32_t i = 0; i < classes; i++)
        best->indices[i] = i;
    best->count = classes;
    for (uint32_t i = classes / 2; i-- > 0;)
        sink(best, i);
    for (uint32_t i = classes; i < width; i++)
        if (is_worse(best, best->indices[0], i)) {
            best->indices[0] = i;
            sink(best, 0);
        }
    while (best->count > 1) {
        uint32_t worst = best->indices[0];
        best->indices[0] = best->indices[--best->count];
        best->indices[best->count] = worst;
        sink(best, 0);
    }
}

static enum err make(struct arena *arena, const struct tensor *scores, uint64_t rows, uint32_t classes,
                     struct tensor *ret_classes)
{
    struct tensor_spec *spec = arena_alloc_zero(arena, sizeof *spec);
    struct slice *texts = arena_alloc_array(arena, rows * classes, sizeof *texts);
    if (!spec || !texts)
        return ERR_NOMEM;
    *spec = (struct tensor_spec){.name = scores->spec->name, .type = TENSOR_BYTES};
    *ret_classes = (struct tensor){.spec = spec, .data = texts, .bytes = rows * classes * sizeof *texts};
    if (scores->rank > 1)
        ret_classes->dims[ret_classes->rank++] = (int64_t)rows;
    ret_classes->dims[ret_classes->rank++] = classes;
    return ERR_OK;
}

enum err classify(struct arena *arena, const struct tensor *scores, uint32_t classes, const struct slice *labels,
                  uint32_t label_count, struct tensor *ret_classes)
{
    size_t count = scores->bytes / tensor_type_bytes(scores->spec->type);
    uint64_t rows = scores->rank > 1 ? (uint64_t)scores->dims[0] : 1;
    uint32_t width = (uint32_t)(rows ? MIN(count / rows, UINT32_MAX) : 0);
    classes = MIN(classes, width);
    uint32_t *indices = arena_alloc_array(arena, MAX(classes, 1), sizeof *indices);
    if (!indices)
        return ERR_NOMEM;
    TRY(make(arena, scores, rows, classes, ret_classes));
    struct slice *texts = ret_classes->data;
    for (uint64_t row = 0; row < rows; row++) {
        struct best best = {.scores = scores, .first = row * width, .indices = indices};
        find_best(&best, classes, width);
        for (uint32_t i = 0; i < classes; i++)
            TRY(write_class(arena, scores, best.first + indices[i], indices[i],
                            indices[i] < label_count ? &labels[indices[i]] : NULL, texts++));
    }
    return ERR_OK;
}
