/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resize with antialiasing, pixel for pixel that of Pillow's Image.resize(size, BILINEAR): the triangle filter
 * is stretched by the factor of reduction, coefficients are fixed point with 22 bits, the horizontal pass comes first and
 * is rounded to 8 bits. Models are trained on images prepared that way; a resize that is merely good costs accuracy.
 *
 * Every level of cpu_level() gives the same bytes: the vector code splits coefficients and rounds nothing. */
#ifndef WEIR_LIB_IMAGE_RESIZE_H
#define WEIR_LIB_IMAGE_RESIZE_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/image/image.h"

#include <stdint.h>

/* How the source meets a rectangle of another shape. */
enum resize_fit {
    RESIZE_STRETCH,        /* fills it; the aspect ratio changes */
    RESIZE_CONTAIN,        /* fits inside, upper left; the rest at the right and bottom is padding */
    RESIZE_CONTAIN_CENTER, /* fits inside, in the middle (Pillow's ImageOps.pad) */
    RESIZE_COVER,          /* fills it; what sticks out is cut off evenly (Pillow's ImageOps.fit) */
};

struct resize_spec {
    uint32_t src_width; /* each side 1..RESIZE_SIDE_MAX */
    uint32_t src_height;
    uint32_t dst_width;
    uint32_t dst_height;
    uint32_t channels; /* 3 or 1 */
    enum resize_fit fit;
};

#define RESIZE_SIDE_MAX 65535

struct resize_axis; /* coefficients of one direction */

/* Made once for a pair of sizes, then read by any number of threads. All its memory is the arena's. */
struct resize_plan {
    struct resize_spec spec;
    /* Where the picture stands in the destination; all of it except with RESIZE_CONTAIN*. */
    uint32_t place_x;
    uint32_t place_y;
    uint32_t place_width;
    uint32_t place_height;
    const struct resize_axis *across; /* NULL where nothing changes in that direction */
    const struct resize_axis *down;
};

/* ERR_INVALID: a side out of its range. ERR_NOMEM: the arena refuses. */
MUST_USE enum err resize_plan_init(struct resize_plan *plan, const struct resize_spec *spec, struct arena *arena);

/* Takes place_width × channels bytes of row `y` of the picture, 0..place_height-1, in order. `row` is valid until it
 * returns. */
typedef void (*resize_row_fn)(void *context, uint32_t y, const uint8_t *row);

struct resize_source {
    const uint8_t *pixels; /* spec.src_height rows of spec.src_width × spec.channels bytes */
    size_t stride_bytes;
};

/* Runs the plan and hands on each finished row while it is in the cache. ERR_NOMEM: the arena refuses the working memory,
 * some dst_width × channels × (2 × src_height / dst_height + 8) bytes. */
MUST_USE enum err resize_rows(const struct resize_plan *plan, const struct resize_source *source, struct arena *scratch,
                              resize_row_fn take, void *context);

/* Resizes `image` into a new image from the arena; padding is `pad` (three bytes, RGB). */
MUST_USE enum err resize_image(const struct resize_plan *plan, const struct image *image, const uint8_t pad[3],
                               struct arena *arena, struct image *ret);

#endif
