/* SPDX-License-Identifier: Apache-2.0 */
/* Between resize.c and its kernels, and for tests that compare the levels. */
#ifndef WEIR_LIB_IMAGE_RESIZE_INT_H
#define WEIR_LIB_IMAGE_RESIZE_INT_H

#include "lib/base/cpu.h"
#include "lib/image/resize.h"

#define RESIZE_BITS 22 /* of a coefficient: 32, less 8 of a pixel, less 2 for sums */

/* Vector code multiplies 16 by 16 bits, so a coefficient is split: weight = high × 2^LOW_BITS + low. A sum of products
 * with `low` stays below 255 × 2^22, since low ≤ weight and weights add up to 2^22; so does one with `high`. */
#define RESIZE_LOW_BITS 11

/* Four taps. A whole group is read even where fewer count; the others weigh nothing. */
#define RESIZE_GROUP_TAPS 4
struct resize_group { /* 16 bytes, aligned to 4 */
    int16_t low[RESIZE_GROUP_TAPS];
    int16_t high[RESIZE_GROUP_TAPS];
};

/* The source pixels (or rows) that one destination pixel (or row) is made of. */
struct resize_span {
    uint32_t first;
    uint32_t count;
};

struct resize_axis {
    uint32_t count;                    /* destination pixels */
    uint32_t taps_max;                 /* largest count of a span; the distance from weights to weights */
    uint32_t groups_max;               /* the same for groups */
    const struct resize_span *spans;   /* first is never smaller than that of the span before */
    const int32_t *weights;            /* of pixel i: at i × taps_max */
    const struct resize_group *groups; /* of pixel i: at i × groups_max */
};

static inline uint32_t resize_group_count(uint32_t taps)
{
    return (taps + RESIZE_GROUP_TAPS - 1) / RESIZE_GROUP_TAPS;
}

/* Kernels may read this far over the end of a source row, and write this far over the end of a destination row. */
#define RESIZE_PAD_BYTES 16
/* Rows resized across in one call. */
#define RESIZE_BATCH 4

/* Several source rows across. dst[] may name one row twice if src[] does. */
typedef void (*resize_across_fn)(const struct resize_axis *axis, const uint8_t *const src[RESIZE_BATCH],
                                 uint8_t *const dst[RESIZE_BATCH]);

/* One destination row from `rows`, as many as the span of row `index` counts, repeated to a whole group. */
struct resize_down {
    const struct resize_axis *axis;
    uint32_t index;
    const uint8_t *const *rows;
    uint8_t *dst;
    size_t bytes; /* of a row */
};
typedef void (*resize_down_fn)(const struct resize_down *down);

struct resize_kernel {
    resize_across_fn across_rgb;
    resize_across_fn across_grey;
    resize_down_fn down;
};

const struct resize_kernel *resize_kernel_of(enum cpu_level level);

/* For vector code to finish a row: bytes from `from` on. */
void resize_down_scalar(const struct resize_down *down, size_t from);

/* resize_rows at a level that the processor has. */
MUST_USE enum err resize_rows_at(enum cpu_level level, const struct resize_plan *plan,
                                 const struct resize_source *source, struct arena *scratch, resize_row_fn take,
                                 void *context);

#endif
