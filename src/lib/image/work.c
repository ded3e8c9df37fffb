/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of what pixels.c, the decoders, normalize.c and resize.c take, each taken at its worst. A test decodes images of
 * many shapes in exactly this much, so an allocation added there and forgotten here is noticed. */
#include "lib/image/work.h"

#include "lib/image/resize_int.h"

#define ALIGN       ((size_t)64) /* what an aligned allocation may lose in front of it */
#define FIXED_BYTES 8192

static size_t pixels_bytes(const struct image_info *info, const struct normalize_spec *spec);
static size_t fitting_bytes(uint64_t width, uint64_t height, const struct normalize_spec *spec);
static size_t axis_bytes(uint64_t src, uint64_t dst);
static size_t rows_bytes(uint64_t src_width, uint64_t src_height, const struct normalize_spec *spec);

size_t image_work_bytes(const struct image_info *info, const struct normalize_spec *spec)
{
    bool is_turned = info->orientation >= 5;
    uint64_t width = is_turned ? info->height : info->width;
    uint64_t height = is_turned ? info->width : info->height;
    return FIXED_BYTES + pixels_bytes(info, spec) + fitting_bytes(width, height, spec);
}

size_t image_normalize_bytes(uint32_t width, uint32_t height, const struct normalize_spec *spec)
{
    size_t grey = spec->channels == 1 ? (size_t)width * height + ALIGN : 0;
    return FIXED_BYTES + grey + fitting_bytes(width, height, spec);
}

static size_t fitting_bytes(uint64_t width, uint64_t height, const struct normalize_spec *spec)
{
    size_t table = (size_t)spec->channels * 256 * sizeof(float);
    return axis_bytes(width, spec->width) + axis_bytes(height, spec->height) + rows_bytes(width, height, spec) + table;
}

/* The picture as decoded (with its alpha, if that is blended), a row of CMYK, the upright copy, the grey copy. */
static size_t pixels_bytes(const struct image_info *info, const struct normalize_spec *spec)
{
    size_t pixels = (size_t)info->width * info->height;
    size_t bytes = pixels * (info->has_alpha ? 4 : IMAGE_CHANNELS) + (size_t)info->width * 4 + 2 * ALIGN;
    if (info->orientation > 1)
        bytes += pixels * IMAGE_CHANNELS + ALIGN;
    if (spec->channels == 1)
        bytes += pixels + ALIGN;
    return bytes;
}

/* A destination pixel has at most 2 × src/dst + 3 taps, so all of them have at most 2 × src + 3 × dst, whatever part of
 * the destination the picture covers. Groups are rounded up once for each pixel. */
static size_t axis_bytes(uint64_t src, uint64_t dst)
{
    uint64_t taps = 2 * src + 3 * dst;
    uint64_t groups = taps / RESIZE_GROUP_TAPS + dst;
    uint64_t taps_of_one = 2 * src + 3;
    return dst * sizeof(struct resize_span) + taps * sizeof(int32_t) + groups * sizeof(struct resize_group) +
           taps_of_one * sizeof(double) + sizeof(struct resize_axis) + (size_t)5 * ARENA_ALIGN;
}

static size_t padded(size_t bytes)
{
    return (bytes + RESIZE_PAD_BYTES + ALIGN - 1) / ALIGN * ALIGN;
}

/* The ring of rows that went across. Contain keeps the ratio of the sides, so its reduction is that of the side that
 * fills the tensor; rounding the other side to whole pixels can raise it by half. */
static size_t rows_bytes(uint64_t src_width, uint64_t src_height, const struct normalize_spec *spec)
{
    uint64_t across = src_width / spec->width + 1;
    uint64_t down = src_height / spec->height + 1;
    bool is_contained = spec->fit == RESIZE_CONTAIN || spec->fit == RESIZE_CONTAIN_CENTER;
    uint64_t reduction = is_contained ? MAX(across, down) * 3 / 2 + 1 : down;
    uint64_t taps = MIN(reduction, src_height) * 2 + 3;
    size_t row = padded((size_t)spec->width * spec->channels);
    size_t window = (taps + RESIZE_GROUP_TAPS) * sizeof(uint8_t *);
    return window + row * (taps + RESIZE_BATCH + 1) + RESIZE_BATCH * padded((size_t)src_width * spec->channels) +
           3 * ALIGN + ARENA_ALIGN;
}

uint64_t image_work_pixels(const struct image_info *info, const struct normalize_spec *spec)
{
    uint64_t longer = MAX(info->width, info->height);
    uint64_t shorter = MIN(info->width, info->height);
    return longer * MAX(shorter, spec->width);
}
