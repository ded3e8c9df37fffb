/* SPDX-License-Identifier: Apache-2.0 */
/* Where an image goes in a model. The decode stage fills it; normalize_image asks beforehand, when a model was loaded,
 * so that a configuration that does not fit is told at once and not with every request. */
#ifndef WEIR_PIPELINE_IMAGE_INPUT_H
#define WEIR_PIPELINE_IMAGE_INPUT_H

#include "lib/base/text.h"
#include "pipeline/request.h"

struct image_input {
    uint32_t index;                /* of the model's inputs */
    int64_t dims[TENSOR_RANK_MAX]; /* four of them, the batch first */
};

/* ERR_MISMATCH: the plan's tensor is none that the model takes; `fault` says why in a sentence. Any thread. */
MUST_USE enum err image_input_find(const struct decode_plan *plan, const struct model_info *model, struct text *fault,
                                   struct image_input *ret_input);

#endif
