/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/image
 *
 * The header readers on any bytes; and what is decoded has the dimensions that were probed and checked. */
#include "lib/image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void compare(struct slice file, const struct image_info *info, struct arena *arena)
{
    struct image_options options = image_options_default();
    options.limits.pixels_max = 4096;
    options.limits.scans_max = 12;
    struct image image;
    struct image_fault fault;
    if (image_decode(file, &options, arena, &image, &fault) != ERR_OK)
        return;
    bool is_turned = info->orientation >= 5;
    require(image.width == (is_turned ? info->height : info->width));
    require(image.height == (is_turned ? info->width : info->height));
    require(!info->is_animated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file = slice_of(data, size);
    struct image_info info;
    struct image_fault fault = {NULL, ""};
    if (image_probe(file, &info, &fault) != ERR_OK) {
        require(fault.what && fault.text[0]);
        return 0;
    }
    require(info.format == image_format_of(file) && info.format != IMAGE_UNKNOWN);
    require(info.width > 0 && info.height > 0);
    require(info.orientation >= 1 && info.orientation <= 8);
    require(info.channels >= 1 && info.channels <= 4);

    struct pool pool;
    struct arena arena;
    pool_init(&pool, 0, (size_t)64 << 20);
    arena_init(&arena, &pool, 4096, (size_t)1 << 20);
    compare(file, &info, &arena);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
