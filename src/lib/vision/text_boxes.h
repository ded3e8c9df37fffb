/* SPDX-License-Identifier: Apache-2.0 */
/* From the probability map of a text detector to boxes: the post-processing of Differentiable Binarization (Liao, Wan,
 * Yao, Chen and Bai, "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020, section 3.5), with the
 * numbers and the rounding that PP-OCR has.
 *
 * Each connected region gives the smallest rectangle around it. A map is trained to show a shrunken kernel of each line,
 * so the rectangle grows by area x ratio / perimeter. Regions are seen from outside only: a hole in one is none of its
 * own, where OpenCV's list of contours would have it as a second one (and PP-OCR mostly drop it for its score). */
#ifndef WEIR_LIB_VISION_TEXT_BOXES_H
#define WEIR_LIB_VISION_TEXT_BOXES_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/vision/quad.h"

struct text_boxes_options {
    float threshold;     /* of the map */
    float box_threshold; /* least mean of the map in a box */
    float unclip_ratio;
    bool is_dilated;
    uint32_t boxes_max; /* regions that are looked at */
};

struct text_boxes_map {
    const float *values; /* height rows of width */
    uint32_t width;
    uint32_t height;
    float image_width; /* what the boxes are for */
    float image_height;
};

struct text_box {
    struct quad quad;
    float score;
};

/* Arena bytes that text_boxes_find takes at most, boxes included. */
size_t text_boxes_bytes(uint32_t width, uint32_t height, const struct text_boxes_options *options);
/* In reading order: from top to bottom, those of a line (within ten pixels) from left to right. ERR_NOMEM. */
MUST_USE enum err text_boxes_find(const struct text_boxes_map *map, const struct text_boxes_options *options,
                                  struct arena *arena, struct text_box **ret_boxes, uint32_t *ret_count);

#endif
