/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that compare the levels. */
#ifndef WEIR_LIB_IMAGE_NORMALIZE_INT_H
#define WEIR_LIB_IMAGE_NORMALIZE_INT_H

#include "lib/base/cpu.h"
#include "lib/image/normalize.h"

/* image_normalize at a level that the processor has. */
MUST_USE enum err image_normalize_at(enum cpu_level level, const struct image *image, const struct normalize_spec *spec,
                                     struct arena *scratch, void *ret_tensor);

#endif
