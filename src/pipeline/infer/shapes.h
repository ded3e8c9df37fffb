/* SPDX-License-Identifier: Apache-2.0 */
/* What the outputs of a model measure for given inputs, so that their memory can be there before a run.
 *
 * Two ways to know: by the names of open dimensions (an output of ["batch", 2] has as many rows as the input of
 * ["batch", 4]), and by having seen a run with the same input dims. The second is remembered here for the last
 * SHAPES_MAX combinations; locked, because any executor may learn, and small, because steady traffic has few. */
#ifndef WEIR_PIPELINE_INFER_SHAPES_H
#define WEIR_PIPELINE_INFER_SHAPES_H

#include "lib/base/err.h"
#include "lib/sys/thread.h"
#include "pipeline/tensor.h"

#define SHAPES_MAX 64

struct shape {
    uint32_t rank;
    int64_t dims[TENSOR_RANK_MAX];
};

struct shapes {
    struct mutex mutex;
    uint32_t input_count;
    uint32_t output_count;
    uint32_t count;
    uint32_t next; /* the place that is overwritten next */
    uint64_t hashes[SHAPES_MAX];
    struct shape *places; /* SHAPES_MAX × (input_count + output_count) */
};

MUST_USE enum err shapes_init(struct shapes *shapes, uint32_t input_count, uint32_t output_count);
void shapes_deinit(struct shapes *shapes);
/* Whether a run with the dims of inputs[] was seen; then ret_outputs[] has the dims of its outputs. */
bool shapes_find(struct shapes *shapes, const struct tensor *inputs, struct shape *ret_outputs);
/* Remembers or corrects. */
void shapes_add(struct shapes *shapes, const struct tensor *inputs, const struct tensor *outputs);

/* The dims of an output as the model declares them, with the open ones taken from equally named dimensions of the
 * inputs. False when one cannot be told: it has no name, no input has that name, or inputs disagree about its size.
 * Also for rank 0: the API does not distinguish a scalar from an output without a declared shape. */
bool shape_derive(const struct tensor_spec *output, const struct tensor *inputs, uint32_t input_count,
                  struct shape *ret_shape);

struct shape shape_of(const struct tensor *tensor);
bool shape_is_of(const struct shape *shape, const struct tensor *tensor);

#endif
