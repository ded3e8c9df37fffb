/* SPDX-License-Identifier: Apache-2.0 */
/* What classifiers and sequence models give, made readable: softmax, the best one, the best few, and greedy decoding of
 * CTC. NaN is less than any number. */
#ifndef WEIR_LIB_VISION_SCORES_H
#define WEIR_LIB_VISION_SCORES_H

#include "lib/base/buffer.h"

#include <stdint.h>

/* e^x / sum e^x over each row of `columns`, in place or not; the largest is taken away first, so nothing overflows. A row
 * without a finite largest one becomes zeros. */
void scores_softmax(const float *rows, uint32_t row_count, uint32_t columns, float *ret_rows);
/* The first of the greatest; 0 of a row that is NaN throughout. `count` is at least 1. */
uint32_t scores_argmax(const float *row, uint32_t count);
/* Indices of the best min(k, count), best first; of equals the earlier one first. Returns how many. */
uint32_t scores_top(const float *row, uint32_t count, uint32_t k, uint32_t *ret_indices);

/* Labels of a sequence model: class 0 is the blank, class i is labels[i - 1]. */
struct ctc_labels {
    const struct slice *items;
    uint32_t count;
};
/* Best path decoding (Graves, Fernandez, Gomez and Schmidhuber, "Connectionist Temporal Classification", ICML 2006,
 * section 3.2): the best class of each step, repetitions as one, blanks left out. Adds the text to `out`; a class without a
 * label adds nothing. *ret_confidence is the mean of the scores of the steps that gave a label, 0 without any. */
void ctc_decode(const float *steps, uint32_t step_count, uint32_t classes, const struct ctc_labels *labels,
                struct buffer *out, float *ret_confidence);

#endif
