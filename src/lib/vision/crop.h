/* SPDX-License-Identifier: Apache-2.0 */
/* A quadrangle of an image as an upright image of its own, by the perspective that makes a rectangle of it. */
#ifndef WEIR_LIB_VISION_CROP_H
#define WEIR_LIB_VISION_CROP_H

#include "lib/image/image.h"
#include "lib/vision/quad.h"

/* How large the upright image is: the longer one of each two sides that lie opposite, as PP-OCR has it. */
struct crop_size {
    uint32_t width; /* of the image that comes out */
    uint32_t height;
    bool
        is_turned; /* it was so much higher than wide that it is turned a quarter to the left: a line from top to bottom */
};
/* `turn_ratio` of height to width from which on it is turned; 0: never. ERR_INVALID: a corner is no number, or lies out of
 * all reason (CROP_REACH_MAX). */
#define CROP_REACH_MAX 1000000.0F
MUST_USE enum err crop_measure(const struct quad *quad, float turn_ratio, struct crop_size *ret_size);

/* 3 x width x height bytes, and what aligning takes. */
size_t crop_bytes(const struct crop_size *size);
/* Bicubic (Keys 1981, a = -0.75 as in OpenCV); beyond the edges the image's outermost pixels go on. The pixels are the
 * arena's. ERR_NOMEM. */
MUST_USE enum err crop_image(const struct image *image, const struct quad *quad, const struct crop_size *size,
                             struct arena *arena, struct image *ret);

/* The image turned by 180 degrees, a new one of the same size. ERR_NOMEM. */
MUST_USE enum err crop_turn_around(const struct image *image, struct arena *arena, struct image *ret);

#endif
