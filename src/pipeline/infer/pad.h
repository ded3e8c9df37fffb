/* SPDX-License-Identifier: Apache-2.0 */
/* Padding to buckets: an input whose length differs from request to request is made as long as the next of some sizes, so that
 * requests of different lengths share a batch, and the runtime sees few different shapes. What was added is cut off again from
 * the outputs that have the same open dimension by name. A mask tells the model what was added. */
#ifndef WEIR_PIPELINE_INFER_PAD_H
#define WEIR_PIPELINE_INFER_PAD_H

#include "pipeline/infer/shapes.h"
#include "pipeline/model.h"

#define PADS_MAX 32

struct pad {
    uint32_t input;
    uint32_t dim;
    const uint64_t *sizes; /* ascending */
    uint32_t size_count;
    uint64_t value; /* the bits of an element of what is added; the first rule for an input says it */
    int mask;       /* the input that says what is not; -1: none */
};

struct pads {
    struct pad items[PADS_MAX];
    uint32_t count;
};

/* The rules of the configuration, held against the model. Fails with ERR_INVALID and what is wrong with them in `fault`. */
MUST_USE enum err pads_init(struct pads *pads, const struct model_config *config, const struct model_info *info,
                            struct text *fault);
/* One bit for each input that is written as a mask when it is not given. */
uint32_t pads_masks(const struct pads *pads);
/* The bits of what is added to an input. */
uint64_t pads_value(const struct pads *pads, uint32_t input);
/* What a dimension becomes. */
int64_t pads_size(const struct pads *pads, uint32_t input, uint32_t dim, int64_t size);
/* The dims of an output without what was added to the inputs: `given` are those of a request, `run` those that were run. */
void pads_cut(const struct pads *pads, const struct tensor *given, const struct tensor *run,
              const struct tensor *output, struct shape *shape);

/* Fills a whole tensor with one element's bits. */
void elements_fill(void *data, size_t bytes, uint64_t value, size_t element_bytes);
/* Copies the part that both have: of each dimension the first so many. */
void elements_copy_box(void *to, const int64_t *to_dims, const void *from, const int64_t *from_dims, uint32_t rank,
                       size_t element_bytes);
/* The bits of a number as an element of that type; what does not fit is cut. */
uint64_t element_bits(enum tensor_type type, double value);

#endif
