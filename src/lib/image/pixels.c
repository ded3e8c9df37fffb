/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to decoded pixels: laid over a background, turned upright. */
#include "lib/image/image_int.h"

/* Read and written tile by tile, so that a turn by 90 degrees does not miss the cache on every pixel. */
#define TILE 32

/* (value × alpha + under × (255 − alpha)) / 255, rounded to nearest. */
static uint8_t blend(uint32_t value, uint32_t under, uint32_t alpha)
{
    uint32_t sum = value * alpha + under * (255 - alpha) + 128;
    return (uint8_t)((sum + (sum >> 8)) >> 8);
}

void image_composite(struct image *rgba, const uint8_t background[3])
{
    const uint8_t *src = rgba->pixels;
    uint8_t *dst = rgba->pixels;
    size_t count = (size_t)rgba->width * rgba->height;
    for (size_t i = 0; i < count; i++, src += 4, dst += IMAGE_CHANNELS) {
        uint8_t alpha = src[3]; /* read before dst, which may stand on it, is written */
        uint8_t rgb[IMAGE_CHANNELS] = {src[0], src[1], src[2]};
        for (int c = 0; c < IMAGE_CHANNELS; c++)
            dst[c] = blend(rgb[c], background[c], alpha);
    }
    rgba->stride_bytes = (size_t)rgba->width * IMAGE_CHANNELS;
}

/* Where the first upright pixel is stored, and how far it is to the next one in its row and in its column. */
struct walk {
    ptrdiff_t start;
    ptrdiff_t step_x;
    ptrdiff_t step_y;
};

/* EXIF names the stored edges that are the upright row 0 and column 0: 1 top left, 2 top right, 3 bottom right,
 * 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. */
static struct walk walk_of(const struct image *image, uint8_t orientation)
{
    ptrdiff_t pixel = IMAGE_CHANNELS;
    ptrdiff_t row = (ptrdiff_t)image->stride_bytes;
    ptrdiff_t right = pixel * (image->width - 1);
    ptrdiff_t bottom = row * ((ptrdiff_t)image->height - 1);
    switch (orientation) {
    case 2:
        return (struct walk){right, -pixel, row};
    case 3:
        return (struct walk){right + bottom, -pixel, -row};
    case 4:
        return (struct walk){bottom, pixel, -row};
    case 5:
        return (struct walk){0, row, pixel};
    case 6:
        return (struct walk){bottom, -row, pixel};
    case 7:
        return (struct walk){right + bottom, -row, -pixel};
    case 8:
        return (struct walk){right, row, -pixel};
    default:
        return (struct walk){0, pixel, row};
    }
}

static void copy_tile(const struct image *src, const struct walk *walk, struct image *dst, uint32_t x0, uint32_t y0)
{
    uint32_t x1 = MIN(x0 + TILE, dst->width);
    uint32_t y1 = MIN(y0 + TILE, dst->height);
    for (uint32_t y = y0; y < y1; y++) {
        const uint8_t *from = src->pixels + walk->start + walk->step_y * y + walk->step_x * x0;
        uint8_t *to = dst->pixels + dst->stride_bytes * y + (size_t)x0 * IMAGE_CHANNELS;
        for (uint32_t x = x0; x < x1; x++, from += walk->step_x, to += IMAGE_CHANNELS)
            memcpy(to, from, IMAGE_CHANNELS);
    }
}

enum err image_orient(struct image *image, uint8_t orientation, struct arena *arena)
{
    if (orientation <= 1)
        return ERR_OK;
    bool is_turned = orientation >= 5;
    struct image upright = {.width = is_turned ? image->height : image->width,
                            .height = is_turned ? image->width : image->height};
    upright.stride_bytes = (size_t)upright.width * IMAGE_CHANNELS;
    upright.pixels = arena_alloc_aligned(arena, upright.stride_bytes * upright.height);
    if (!upright.pixels)
        return ERR_NOMEM;
    struct walk walk = walk_of(image, orientation);
    for (uint32_t y = 0; y < upright.height; y += TILE)
        for (uint32_t x = 0; x < upright.width; x += TILE)
            copy_tile(image, &walk, &upright, x, y);
    *image = upright;
    return ERR_OK;
}
