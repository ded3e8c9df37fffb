/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors made up to try a model with, and whether what came out is the same. */
#ifndef WEIR_PIPELINE_INFER_MADE_UP_H
#define WEIR_PIPELINE_INFER_MADE_UP_H

#include "pipeline/tensor.h"

enum made_up {
    MADE_UP_AT_RANDOM, /* floats from -1 to 1, bytes and flags of any value, larger integers 0 or 1, texts of one digit */
    MADE_UP_ONES,      /* the same, and larger integers 1 */
    MADE_UP_ZEROS,     /* the same, and larger integers 0 */
};
/* The same for the same seed. */
void made_up_fill(struct tensor *tensor, uint64_t seed, enum made_up made_up);

/* Whether row `row` of `tensor` is `alone`, which has one row of the same dims; if not, `how` says how. Numbers may differ by
 * tolerance × (1 + magnitude), and at least by the last place of 16-bit floats; integers, flags and texts not at all. */
bool is_row_equal(const struct tensor *tensor, uint32_t row, const struct tensor *alone, double tolerance,
                  struct text *how);

/* The largest differences of two tensors of one type, as they are and times 1 + magnitude; elements that are no floats and differ
 * count as 1. False: they have other shapes. */
bool tensor_difference(const struct tensor *before, const struct tensor *after, double *absolute, double *relative);

#endif
