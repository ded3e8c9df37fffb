/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside lib/image: header readers, decoders, and how they refuse. */
#ifndef WEIR_LIB_IMAGE_IMAGE_INT_H
#define WEIR_LIB_IMAGE_IMAGE_INT_H

#include "lib/image/image.h"

void image_fault_set(struct image_fault *fault, const char *what, const char *format, ...) PRINTF_LIKE(3, 4);
/* Writes the fault and has the value `err`: a refusal is one statement, and the compiler sees that it is one. */
#define REFUSE(fault, err, what, ...) (image_fault_set((fault), (what), __VA_ARGS__), (err))

/* Header readers, one for each format. The file starts with the format's signature. */
MUST_USE enum err jpeg_probe(struct slice file, struct image_info *ret, struct image_fault *fault);
MUST_USE enum err png_probe(struct slice file, struct image_info *ret, struct image_fault *fault);
MUST_USE enum err webp_probe(struct slice file, struct image_info *ret, struct image_fault *fault);

/* The orientation, 1..8, in a TIFF block as EXIF has it; 1 when it is absent or the block is malformed: a broken
 * annotation is no reason to refuse a picture. */
uint8_t exif_orientation(struct slice tiff);

/* What a decoder gets: a file that was probed and is within the limits. */
struct decode_task {
    struct slice file;
    const struct image_info *info;
    const struct image_options *options;
    struct arena *arena;
    struct image_fault *fault;
};

/* Decoders: RGB in stored orientation. A scaled JPEG is smaller than task->info says, anything else exactly as large. */
MUST_USE enum err jpeg_decode(const struct decode_task *task, struct image *ret);
MUST_USE enum err png_decode(const struct decode_task *task, struct image *ret);
MUST_USE enum err webp_decode(const struct decode_task *task, struct image *ret);

/* Memory for width × height pixels of `channels` bytes, rows without gaps; refuses with ERR_NOMEM. */
MUST_USE enum err image_alloc(const struct decode_task *task, uint32_t width, uint32_t height, uint32_t channels,
                              struct image *ret);
/* RGBA → RGB over `background`, in place: the image keeps its memory and gets a shorter stride. */
void image_composite(struct image *rgba, const uint8_t background[3]);
/* Turns the picture upright; ERR_NOMEM when the arena refuses a second copy. Orientation 1 costs nothing. */
MUST_USE enum err image_orient(struct image *image, uint8_t orientation, struct arena *arena);

/* One chunk of a PNG, at `offset` in the file: length, type, data, CRC. */
struct png_chunk {
    size_t offset;
    char type[4];
    struct slice data;
};

#define PNG_SIGNATURE_BYTES   8
#define PNG_CHUNK_EXTRA_BYTES 12 /* length, type and CRC */

/* The chunk at *at, which moves behind it. ERR_TRUNCATED: the file ends inside it. ERR_SYNTAX: its length or type is none. */
MUST_USE enum err png_chunk_read(struct slice file, size_t *at, struct png_chunk *ret);
static inline bool png_chunk_is(const struct png_chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

static inline uint32_t read_be16(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;
    return (uint32_t)u[0] << 8 | u[1];
}

static inline uint32_t read_be32(const char *p)
{
    return read_be16(p) << 16 | read_be16(p + 2);
}

static inline uint32_t read_le16(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;
    return (uint32_t)u[1] << 8 | u[0];
}

static inline uint32_t read_le24(const char *p)
{
    return (uint32_t)(uint8_t)p[2] << 16 | read_le16(p);
}

static inline uint32_t read_le32(const char *p)
{
    return read_le16(p + 2) << 16 | read_le16(p);
}

#endif
