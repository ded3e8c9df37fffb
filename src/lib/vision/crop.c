/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/crop.h"

#include "lib/base/attr.h"

#include <math.h>

#define CHANNELS IMAGE_CHANNELS

/* Unit square to quadrangle (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3):
 * x = (a s + b t + c) / (g s + h t + 1), y = (d s + e t + f) / (g s + h t + 1). */
struct projection {
    double a, b, c, d, e, f, g, h;
};

static struct projection project(const struct quad *quad)
{
    const struct point *p = quad->corners;
    double sx = (double)p[0].x - p[1].x + p[2].x - p[3].x;
    double sy = (double)p[0].y - p[1].y + p[2].y - p[3].y;
    double dx1 = (double)p[1].x - p[2].x;
    double dy1 = (double)p[1].y - p[2].y;
    double dx2 = (double)p[3].x - p[2].x;
    double dy2 = (double)p[3].y - p[2].y;
    double det = dx1 * dy2 - dx2 * dy1;
    struct projection m = {.c = p[0].x, .f = p[0].y};
    if (det != 0 && (sx != 0 || sy != 0)) {
        m.g = (sx * dy2 - dx2 * sy) / det;
        m.h = (dx1 * sy - sx * dy1) / det;
    }
    m.a = (double)p[1].x - p[0].x + m.g * p[1].x;
    m.b = (double)p[3].x - p[0].x + m.h * p[3].x;
    m.d = (double)p[1].y - p[0].y + m.g * p[1].y;
    m.e = (double)p[3].y - p[0].y + m.h * p[3].y;
    return m;
}

enum err crop_measure(const struct quad *quad, float turn_ratio, struct crop_size *ret_size)
{
    for (uint32_t i = 0; i < 4; i++)
        if (!(fabsf(quad->corners[i].x) <= CROP_REACH_MAX) || !(fabsf(quad->corners[i].y) <= CROP_REACH_MAX))
            return ERR_INVALID;
    uint32_t width = MAX((uint32_t)fmaxf(quad_side(quad, 0), quad_side(quad, 2)), 1);
    uint32_t height = MAX((uint32_t)fmaxf(quad_side(quad, 1), quad_side(quad, 3)), 1);
    bool is_turned = turn_ratio > 0 && (float)height >= turn_ratio * (float)width;
    *ret_size = (struct crop_size){
        .width = is_turned ? height : width, .height = is_turned ? width : height, .is_turned = is_turned};
    return ERR_OK;
}

size_t crop_bytes(const struct crop_size *size)
{
    return (size_t)size->width * size->height * CHANNELS + 2 * (size_t)ARENA_ALIGN;
}

/* Weights of the four pixels around, for a point `t` behind the second one. */
static void weigh(float t, float out[4])
{
    const float a = -0.75F;
    float u = t + 1;
    float v = 1 - t;
    out[0] = ((a * u - 5 * a) * u + 8 * a) * u - 4 * a;
    out[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    out[2] = ((a + 2) * v - (a + 3)) * v * v + 1;
    out[3] = 1 - out[0] - out[1] - out[2];
}

static int32_t within(int32_t at, uint32_t count)
{
    return at < 0 ? 0 : at >= (int32_t)count ? (int32_t)count - 1 : at;
}

static void sample(const struct image *image, float x, float y, uint8_t out[CHANNELS])
{
    int32_t left = (int32_t)floorf(x);
    int32_t top = (int32_t)floorf(y);
    float across[4];
    float down[4];
    float sum[CHANNELS] = {0};
    weigh(x - (float)left, across);
    weigh(y - (float)top, down);
    for (int32_t row = 0; row < 4; row++) {
        const uint8_t *pixels = image->pixels + (size_t)within(top - 1 + row, image->height) * image->stride_bytes;
        for (int32_t column = 0; column < 4; column++) {
            const uint8_t *pixel = pixels + (size_t)within(left - 1 + column, image->width) * CHANNELS;
            float weight = across[column] * down[row];
            for (uint32_t c = 0; c < CHANNELS; c++)
                sum[c] += weight * pixel[c];
        }
    }
    for (uint32_t c = 0; c < CHANNELS; c++)
        out[c] = (uint8_t)fminf(fmaxf(sum[c] + 0.5F, 0), 255);
}

/* A NaN, of a denominator of 0, becomes the near end. */
static float bound(double value, uint32_t count)
{
    return (float)fmin(fmax(value, -2), (double)count + 1);
}

enum err crop_image(const struct image *image, const struct quad *quad, const struct crop_size *size,
                    struct arena *arena, struct image *ret)
{
    uint8_t *pixels = arena_alloc(arena, (size_t)size->width * size->height * CHANNELS);
    if (!pixels)
        return ERR_NOMEM;
    struct projection m = project(quad);
    double across = 1.0 / (size->is_turned ? size->height : size->width);
    double down = 1.0 / (size->is_turned ? size->width : size->height);
    uint8_t *out = pixels;
    for (uint32_t y = 0; y < size->height; y++)
        for (uint32_t x = 0; x < size->width; x++, out += CHANNELS) {
            /* Turned to the left, the right edge comes to lie at the top. */
            double s = (size->is_turned ? size->height - 1 - y : x) * across;
            double t = (size->is_turned ? x : y) * down;
            double scale = 1 / (m.g * s + m.h * t + 1);
            sample(image, bound((m.a * s + m.b * t + m.c) * scale, image->width),
                   bound((m.d * s + m.e * t + m.f) * scale, image->height), out);
        }
    *ret = (struct image){
        .pixels = pixels, .width = size->width, .height = size->height, .stride_bytes = (size_t)size->width * CHANNELS};
    return ERR_OK;
}

enum err crop_turn_around(const struct image *image, struct arena *arena, struct image *ret)
{
    size_t row_bytes = (size_t)image->width * CHANNELS;
    uint8_t *pixels = arena_alloc(arena, row_bytes * image->height);
    if (!pixels)
        return ERR_NOMEM;
    for (uint32_t y = 0; y < image->height; y++) {
        const uint8_t *from = image->pixels + (size_t)(image->height - 1 - y) * image->stride_bytes;
        uint8_t *to = pixels + y * row_bytes;
        for (size_t x = 0; x < image->width; x++)
            memcpy(to + x * CHANNELS, from + (image->width - 1 - x) * CHANNELS, CHANNELS);
    }
    *ret = (struct image){.pixels = pixels, .width = image->width, .height = image->height, .stride_bytes = row_bytes};
    return ERR_OK;
}
