/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tests/data/images, an arena, and pictures made of numbers. */
#ifndef WEIR_TESTS_UNIT_LIB_IMAGE_FIXTURE_H
#define WEIR_TESTS_UNIT_LIB_IMAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/image/image.h"

#include <stdio.h>
#include <stdlib.h>

#define IMAGES_DIR TESTS_DIR "/data/images/"

struct fixture {
    struct pool pool;
    struct arena arena;
};

static inline void fixture_init(struct fixture *fixture, size_t arena_bytes)
{
    pool_init(&fixture->pool, 0, SIZE_MAX / 4);
    arena_init(&fixture->arena, &fixture->pool, 4096, arena_bytes);
}

static inline void fixture_deinit(struct fixture *fixture)
{
    arena_reset(&fixture->arena);
    pool_deinit(&fixture->pool);
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture, (size_t)256 << 20);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture_deinit(*state);
    free(*state);
    return 0;
}

/* An exact heap copy, so that AddressSanitizer sees a read past its end. The caller frees it. */
static inline struct slice file_load(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, IMAGES_DIR "%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(bytes ? bytes : 1);
    assert_int_equal(fread(data, 1, bytes, file), bytes);
    fclose(file);
    return slice_of(data, bytes);
}

static inline void file_free(struct slice file)
{
    free((void *)(uintptr_t)file.ptr);
}

/* FNV-1a over the pixels, without what a stride leaves between rows: as tests/data/images/make.py computes it. */
static inline uint64_t image_hash(const struct image *image)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (uint32_t y = 0; y < image->height; y++)
        for (size_t i = 0; i < (size_t)image->width * IMAGE_CHANNELS; i++)
            hash = (hash ^ image->pixels[y * image->stride_bytes + i]) * 0x100000001B3u;
    return hash;
}

/* Deterministic noise. */
static inline uint32_t noise_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Noise with rows `gap` bytes apart, ending exactly with the last pixel. The caller frees image->pixels. */
static inline struct image noise_image(uint32_t width, uint32_t height, uint32_t gap, uint32_t seed)
{
    size_t stride = (size_t)width * IMAGE_CHANNELS + gap;
    size_t bytes = stride * (height - 1) + (size_t)width * IMAGE_CHANNELS;
    struct image image = {.pixels = malloc(bytes), .width = width, .height = height, .stride_bytes = stride};
    for (size_t i = 0; i < bytes; i++)
        image.pixels[i] = (uint8_t)noise_next(&seed);
    return image;
}

#endif
