/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory an image takes on its way to a tensor, told from its header: for callers that must set it aside before
 * another thread decodes. */
#ifndef WEIR_LIB_IMAGE_WORK_H
#define WEIR_LIB_IMAGE_WORK_H

#include "lib/image/normalize.h"

/* Arena bytes that image_decode followed by image_normalize take at most, tensor and malloc of the decoders not counted.
 * A bound, close for what is large: the pixels, once or (turned by EXIF) twice. `info` has passed image_check. */
size_t image_work_bytes(const struct image_info *info, const struct normalize_spec *spec);

/* The same of image_normalize alone, for an upright image of these sides that is there already. */
size_t image_normalize_bytes(uint32_t width, uint32_t height, const struct normalize_spec *spec);

/* Pixels that decoding and the first pass of a resize visit, for deciding which thread does it. That pass makes a row of
 * the tensor's width for each row of the image, so a narrow and very high image of few pixels can cost more than a large
 * one. Whether it will be turned is not looked at: the dearer way counts. */
uint64_t image_work_pixels(const struct image_info *info, const struct normalize_spec *spec);

#endif
