/* SPDX-License-Identifier: Apache-2.0 */
/* Image → tensor in one go: resize, scale, mean and standard deviation, channel order, layout.
 *
 * For float32: out = fma(pixel, a, b), rounded once, with a = (float)(scale / std) and b = (float)(-mean / std), both
 * computed in double. That is (pixel × scale - mean) / std to within 2 units in the last place of the larger term, and it
 * is the same number on every processor: where there is no FMA instruction it comes from a table made with fmaf. */
#ifndef WEIR_LIB_IMAGE_NORMALIZE_H
#define WEIR_LIB_IMAGE_NORMALIZE_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/image/image.h"
#include "lib/image/resize.h"

#include <stdint.h>

enum normalize_layout { NORMALIZE_NCHW, NORMALIZE_NHWC };
enum normalize_order { NORMALIZE_RGB, NORMALIZE_BGR };
enum normalize_type { NORMALIZE_F32, NORMALIZE_U8 };

struct normalize_spec {
    uint32_t width; /* of the tensor */
    uint32_t height;
    uint32_t channels; /* 3; or 1: ITU-R 601 luma, Pillow's convert("L"), taken before the resize */
    enum resize_fit fit;
    enum normalize_layout layout;
    enum normalize_order order; /* of 3 channels */
    enum normalize_type type;
    float scale;   /* F32 only, as mean and std: U8 hands on the pixels as they are */
    float mean[3]; /* in the order of the tensor's channels, as std and pad; std is not 0 */
    float std[3];
    float pad[3]; /* in units of a pixel, 0..255, before scale; 127.5 is 0 after mean 0.5 and std 0.5 */
};

/* 3 channels, stretched, NCHW, RGB, float32, scale 1/255, mean 0, std 1, pad 0. */
struct normalize_spec normalize_spec_default(uint32_t width, uint32_t height);

/* ERR_INVALID when a field is out of its range, with a static text. For configuration time. */
MUST_USE enum err normalize_spec_check(const struct normalize_spec *spec, const char **ret_reason);

/* Bytes of one image's tensor. */
size_t normalize_tensor_bytes(const struct normalize_spec *spec);

/* Writes normalize_tensor_bytes(spec) bytes to ret_tensor, which must be aligned for its type. The spec must have passed
 * normalize_spec_check. ERR_NOMEM: the scratch arena refuses. ERR_INVALID: a side of the image is 0 or too large. */
MUST_USE enum err image_normalize(const struct image *image, const struct normalize_spec *spec, struct arena *scratch,
                                  void *ret_tensor);

#endif
