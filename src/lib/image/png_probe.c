/* SPDX-License-Identifier: Apache-2.0 */
/* PNG headers (W3C PNG, third edition): IHDR, and a walk over the chunks to IEND for what else matters before decoding:
 * transparency, EXIF (which may follow the pixels), animation, and whether the file is all there. */
#include "lib/image/image_int.h"

#define CHUNKS_MAX  65536
#define LENGTH_MAX  0x7FFFFFFFu
#define IHDR_BYTES  13
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')

enum { COLOR_GREY = 0, COLOR_RGB = 2, COLOR_PALETTE = 3, COLOR_GREY_ALPHA = 4, COLOR_RGB_ALPHA = 6 };

/* Table 8: the depths that each colour type may have, as a set of bits. */
static const struct {
    uint8_t depths;
    uint8_t channels;
} color_types[] = {
    [COLOR_GREY] = {1 | 2 | 4 | 8 | 16, 1}, [COLOR_RGB] = {8 | 16, 3},       [COLOR_PALETTE] = {1 | 2 | 4 | 8, 3},
    [COLOR_GREY_ALPHA] = {8 | 16, 2},       [COLOR_RGB_ALPHA] = {8 | 16, 4},
};

static enum err read_ihdr(struct slice data, struct image_info *ret, struct image_fault *fault);
static enum err note_chunk(const struct png_chunk *chunk, struct image_info *info, struct image_fault *fault);

enum err png_probe(struct slice file, struct image_info *ret, struct image_fault *fault)
{
    struct image_info info = {.format = IMAGE_PNG, .orientation = 1};
    bool has_pixels = false;
    bool was_pixels = false; /* the chunk before */
    size_t at = PNG_SIGNATURE_BYTES;
    for (uint32_t index = 0; index < CHUNKS_MAX; index++) {
        struct png_chunk chunk;
        size_t start = at;
        enum err err = png_chunk_read(file, &at, &chunk);
        if (err == ERR_TRUNCATED)
            return REFUSE(fault, err, "truncated", "PNG: the file ends inside the chunk at byte %zu", start);
        if (err != ERR_OK)
            return REFUSE(fault, err, "header", "PNG: no valid chunk at byte %zu", start);
        if ((index == 0) != png_chunk_is(&chunk, "IHDR"))
            return REFUSE(fault, ERR_SYNTAX, "header", "PNG: IHDR must be the first chunk and the only one");
        if (index == 0)
            TRY(read_ihdr(chunk.data, &info, fault));
        bool is_pixels = png_chunk_is(&chunk, "IDAT");
        if (is_pixels && has_pixels && !was_pixels)
            return REFUSE(fault, ERR_SYNTAX, "header", "PNG: IDAT at byte %zu does not follow the others", start);
        has_pixels = has_pixels || is_pixels;
        was_pixels = is_pixels;
        if (png_chunk_is(&chunk, "IEND") && !has_pixels)
            return REFUSE(fault, ERR_SYNTAX, "header", "PNG: IEND at byte %zu before any IDAT", start);
        if (png_chunk_is(&chunk, "IEND")) {
            *ret = info;
            return ERR_OK;
        }
        TRY(note_chunk(&chunk, &info, fault));
    }
    return REFUSE(fault, ERR_LIMIT, "header", "PNG: more than %u chunks", CHUNKS_MAX);
}

enum err png_chunk_read(struct slice file, size_t *at, struct png_chunk *ret)
{
    if (file.len - *at < PNG_CHUNK_EXTRA_BYTES)
        return ERR_TRUNCATED;
    const char *start = file.ptr + *at;
    uint32_t length = read_be32(start);
    if (length > LENGTH_MAX)
        return ERR_SYNTAX;
    for (int i = 4; i < 8; i++)
        if (ascii_lower(start[i]) < 'a' || ascii_lower(start[i]) > 'z')
            return ERR_SYNTAX;
    if (file.len - *at - PNG_CHUNK_EXTRA_BYTES < length)
        return ERR_TRUNCATED;
    *ret = (struct png_chunk){.offset = *at, .data = slice_of(start + 8, length)};
    memcpy(ret->type, start + 4, sizeof ret->type);
    *at += PNG_CHUNK_EXTRA_BYTES + length;
    return ERR_OK;
}

static enum err read_ihdr(struct slice data, struct image_info *ret, struct image_fault *fault)
{
    if (data.len != IHDR_BYTES)
        return REFUSE(fault, ERR_SYNTAX, "header", "PNG: IHDR of %zu bytes, expected 13", data.len);
    ret->width = read_be32(data.ptr);
    ret->height = read_be32(data.ptr + 4);
    ret->bit_depth = (uint8_t)data.ptr[8];
    uint8_t color = (uint8_t)data.ptr[9];
    if (ret->width == 0 || ret->height == 0 || ret->width > LENGTH_MAX || ret->height > LENGTH_MAX)
        return REFUSE(fault, ERR_SYNTAX, "dimensions", "PNG: %u x %u pixels in IHDR", ret->width, ret->height);
    bool is_power_of_two = ret->bit_depth && (ret->bit_depth & (ret->bit_depth - 1)) == 0;
    if (color >= ARRAY_LEN(color_types) || !is_power_of_two || !(color_types[color].depths & ret->bit_depth))
        return REFUSE(fault, ERR_SYNTAX, "header", "PNG: colour type %u with %u bits in IHDR", color, ret->bit_depth);
    if (data.ptr[10] != 0 || data.ptr[11] != 0 || (uint8_t)data.ptr[12] > 1)
        return REFUSE(fault, ERR_SYNTAX, "header", "PNG: unknown compression, filter or interlace method in IHDR");
    ret->channels = color_types[color].channels;
    ret->has_alpha = color == COLOR_GREY_ALPHA || color == COLOR_RGB_ALPHA;
    return ERR_OK;
}

/* A chunk whose type begins with a capital letter must be understood. */
static enum err note_chunk(const struct png_chunk *chunk, struct image_info *info, struct image_fault *fault)
{
    if (png_chunk_is(chunk, "tRNS") && !info->has_alpha) {
        info->has_alpha = true;
        info->channels++;
    }
    if (png_chunk_is(chunk, "eXIf"))
        info->orientation = exif_orientation(chunk->data);
    if (png_chunk_is(chunk, "acTL") && chunk->data.len == 8)
        info->is_animated = read_be32(chunk->data.ptr) > 1;
    bool is_known = png_chunk_is(chunk, "IHDR") || png_chunk_is(chunk, "PLTE") || png_chunk_is(chunk, "IDAT");
    if (IS_UPPER(chunk->type[0]) && !is_known)
        return REFUSE(fault, ERR_UNSUPPORTED, "format", "PNG: unknown critical chunk %.4s at byte %zu", chunk->type,
                      chunk->offset);
    return ERR_OK;
}
