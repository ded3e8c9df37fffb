/* SPDX-License-Identifier: Apache-2.0 */
/* Connected regions of a thresholded map, 8-connected, as the runs of pixels of their rows: two passes over runs, with
 * union-find between (Rosenfeld and Pfaltz 1966, on runs as in He, Chao and Suzuki 2008). */
#ifndef WEIR_LIB_VISION_COMPONENTS_H
#define WEIR_LIB_VISION_COMPONENTS_H

#include "lib/base/arena.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPONENT_NONE UINT32_MAX

/* Pixels x0..x1 of row y, both in it. */
struct component_run {
    uint32_t x0;
    uint32_t x1;
    uint32_t y;
    uint32_t parent; /* while runs are joined; then the first run of its component */
    uint32_t next;   /* of the same component, in the order of rows; COMPONENT_NONE: the last */
    uint32_t last;   /* of a first run: the last one so far */
};

struct components {
    struct component_run *runs;
    uint32_t run_count;
    uint32_t *firsts; /* the first run of each component, in the order of rows */
    uint32_t count;
};

struct component_map {
    const float *values; /* height rows of `width` */
    uint32_t width;
    uint32_t height;
    float threshold; /* what is greater belongs to a component; NaN does not */
    bool is_dilated; /* by one pixel to the right and below: OpenCV's dilation with a kernel of 2 x 2 ones */
};

/* Arena bytes that components_find takes at most. */
size_t components_bytes(uint32_t width, uint32_t height);
/* ERR_NOMEM: the arena refuses. */
MUST_USE enum err components_find(const struct component_map *map, struct arena *arena, struct components *ret);

#endif
