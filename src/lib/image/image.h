/* SPDX-License-Identifier: Apache-2.0 */
/* Files of pixels (JPEG, PNG, WebP) → RGB, 8 bits, top-down, upright. For hostile input.
 *
 * image_probe reads the headers with our own readers: no allocation, work bounded by the file. image_decode probes,
 * holds the dimensions against the limits, and only then takes memory: pixels from the caller's arena, working memory
 * of the third-party decoders from malloc within a bound. Any thread; no state between calls. */
#ifndef WEIR_LIB_IMAGE_IMAGE_H
#define WEIR_LIB_IMAGE_IMAGE_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP };

#define IMAGE_CHANNELS 3

/* What the headers say. */
struct image_info {
    enum image_format format;
    uint32_t width; /* as stored, before orientation; at least 1 */
    uint32_t height;
    uint8_t channels;  /* 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK; a palette counts as colour */
    uint8_t bit_depth; /* of one stored sample, or of an index into a palette */
    uint8_t orientation; /* EXIF 1..8; 1 where there is none or its block is malformed */
    bool has_alpha;
    bool is_animated;
};

/* Why a file was refused, for the client. Written only on failure. */
struct image_fault {
    const char *what; /* one static word: empty, format, header, truncated, corrupt, dimensions, animated, memory … */
    char text[160];   /* a sentence: what, where, and what was expected */
};

struct image_limits {
    uint64_t pixels_max;      /* width × height as stored */
    uint32_t side_max;        /* of either side */
    uint32_t scans_max;       /* of a progressive JPEG: each scan visits every pixel again */
    size_t decoder_bytes_max; /* working memory of the JPEG decoder; progressive ones hold 2..6 bytes a pixel */
};

struct image_options {
    struct image_limits limits;

    /* JPEG only: the decoder may shrink to 1/2, 1/4 or 1/8 in the DCT as long as the upright result is at least min_width ×
     * min_height. Faster for large photographs, and not Pillow's pixels any more. Ask for twice the size that follows:
     * 4096² to 1024² then stays 54 dB (a smooth picture) or 44 dB (a busy one) near the full way, and only 48 and 31 dB
     * when asked for just that size. */
    bool allow_scaled_decode;
    uint32_t min_width;
    uint32_t min_height;

    /* Alpha is dropped as Pillow's convert("RGB") drops it, which is what training pipelines do; or, with this set,
     * composited over `background`. */
    bool has_background;
    uint8_t background[3];
};

/* 50 Mpx, sides of 65,535, 64 scans, 512 MiB; full decode; alpha dropped. */
struct image_options image_options_default(void);

/* RGB, rows top-down. */
struct image {
    uint8_t *pixels; /* the arena's */
    uint32_t width;
    uint32_t height;
    size_t stride_bytes; /* from row to row, at least 3 × width */
};

/* "JPEG", "PNG", "WebP" or "unknown". */
const char *image_format_name(enum image_format format);
/* By the first bytes alone; IMAGE_UNKNOWN also for what is too short to tell. */
enum image_format image_format_of(struct slice file);

/* ERR_UNSUPPORTED: no format or feature of ours. ERR_TRUNCATED, ERR_SYNTAX: of ours, and broken. The PNG and WebP readers
 * walk every chunk, so a file that is cut short fails here; a JPEG is read as far as its frame header. */
MUST_USE enum err image_probe(struct slice file, struct image_info *ret, struct image_fault *fault);

/* ERR_LIMIT when the dimensions exceed the limits. image_decode does this itself. */
MUST_USE enum err image_check(const struct image_info *info, const struct image_limits *limits,
                              struct image_fault *fault);

/* The errors of image_probe and image_check, and ERR_NOMEM when the arena refuses. What is decoded:
 *   JPEG  baseline, extended, progressive, Huffman or arithmetic, 8 bits; grey, YCbCr, RGB, CMYK, YCCK. The slow integer
 *         DCT and fancy upsampling: Pillow's pixels, bit by bit. CMYK is taken as Adobe writes it (inverted), as Pillow
 *         does. A warning of the decoder about missing or corrupt data is an error here.
 *   PNG   every colour type and depth, interlaced or not. Of 16 bits the high byte counts: Pillow's rule for colour,
 *         applied to grey too, where Pillow clips instead. Gamma and colour profiles are ignored.
 *   WebP  lossy, lossless, with alpha.
 * Animated files are refused: which frame is meant is not ours to guess. Bytes after the end of the image are ignored. */
MUST_USE enum err image_decode(struct slice file, const struct image_options *options, struct arena *arena,
                               struct image *ret, struct image_fault *fault);

#endif
