/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions of the Open Inference Protocol v2 that are really there, by the names that Triton gave them. What a
 * configuration turns off is not among them. */
#ifndef WEIR_PIPELINE_V2_EXTENSIONS_H
#define WEIR_PIPELINE_V2_EXTENSIONS_H

#include "pipeline/config.h"
#include "pipeline/model.h"

/* The one at `index`; NULL behind the last. */
const char *v2_extension(const struct config *config, uint32_t index);

/* `max_batch_size` of a model's configuration: the most rows of a batch; 0 where it is not batched, or where a tensor has no
 * dimension but that of the batch, which the protocol's ModelConfig cannot say: its dims are without that one, and never none.
 * Then dims are all dimensions. */
uint32_t v2_batch_size_max(const struct model *model);

#endif
