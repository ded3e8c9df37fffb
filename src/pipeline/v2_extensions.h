/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions of the Open Inference Protocol v2 that are really there, by the names that Triton gave them. What a
 * configuration turns off is not among them. */
#ifndef WEIR_PIPELINE_V2_EXTENSIONS_H
#define WEIR_PIPELINE_V2_EXTENSIONS_H

#include "pipeline/config.h"

/* The one at `index`; NULL behind the last. */
const char *v2_extension(const struct config *config, uint32_t index);

#endif
