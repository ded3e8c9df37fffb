/* SPDX-License-Identifier: Apache-2.0 */
/* WebP headers (RFC 9649): RIFF, then one of VP8 (lossy), VP8L (lossless) or VP8X (a header of its own, then chunks). */
#include "lib/image/image_int.h"

#define RIFF_HEADER_BYTES  12
#define CHUNK_HEADER_BYTES 8

enum { VP8X_ANIMATION = 0x02, VP8X_ALPHA = 0x10 };

struct chunk {
    size_t offset;
    struct slice type;
    struct slice data;
};

static enum err read_chunk(struct slice file, size_t *at, struct chunk *ret, struct image_fault *fault);
static enum err read_vp8(const struct chunk *chunk, struct image_info *info, struct image_fault *fault);
static enum err read_vp8l(const struct chunk *chunk, struct image_info *info, struct image_fault *fault);
static enum err read_vp8x(struct slice file, const struct chunk *chunk, struct image_info *info,
                          struct image_fault *fault);

enum err webp_probe(struct slice file, struct image_info *ret, struct image_fault *fault)
{
    uint64_t bytes = (uint64_t)read_le32(file.ptr + 4) + 8;
    if (bytes > file.len)
        return REFUSE(fault, ERR_TRUNCATED, "truncated", "WebP: %zu bytes, expected the %llu of the RIFF header",
                      file.len, (unsigned long long)bytes);
    file = slice_first(file, (size_t)bytes);

    struct image_info info = {.format = IMAGE_WEBP, .bit_depth = 8, .orientation = 1};
    struct chunk chunk;
    size_t at = RIFF_HEADER_BYTES;
    TRY(read_chunk(file, &at, &chunk, fault));
    if (slice_is(chunk.type, "VP8 "))
        TRY(read_vp8(&chunk, &info, fault));
    else if (slice_is(chunk.type, "VP8L"))
        TRY(read_vp8l(&chunk, &info, fault));
    else if (slice_is(chunk.type, "VP8X"))
        TRY(read_vp8x(slice_skip(file, at), &chunk, &info, fault));
    else
        return REFUSE(fault, ERR_SYNTAX, "header", "WebP: the first chunk is none of VP8, VP8L, VP8X");
    info.channels = info.has_alpha ? 4 : 3;
    *ret = info;
    return ERR_OK;
}

static enum err read_chunk(struct slice file, size_t *at, struct chunk *ret, struct image_fault *fault)
{
    if (*at > file.len || file.len - *at < CHUNK_HEADER_BYTES ||
        file.len - *at - CHUNK_HEADER_BYTES < read_le32(file.ptr + *at + 4))
        return REFUSE(fault, ERR_TRUNCATED, "truncated", "WebP: a chunk reaches over the end of the file");
    const char *start = file.ptr + *at;
    uint32_t bytes = read_le32(start + 4);
    *ret =
        (struct chunk){.offset = *at, .type = slice_of(start, 4), .data = slice_of(start + CHUNK_HEADER_BYTES, bytes)};
    *at += CHUNK_HEADER_BYTES + (size_t)bytes + (bytes & 1); /* padded to an even number */
    return ERR_OK;
}

static enum err refuse_bitstream(const char *name, struct image_fault *fault)
{
    return REFUSE(fault, ERR_SYNTAX, "header", "WebP: the %s chunk does not begin with a valid image header", name);
}

/* RFC 6386 section 9.1: frame tag of 3 bytes (a key frame has bit 0 clear), start code, two sides of 14 bits. */
static enum err read_vp8(const struct chunk *chunk, struct image_info *info, struct image_fault *fault)
{
    const char *p = chunk->data.ptr;
    if (chunk->data.len < 10 || (p[0] & 1) != 0 || memcmp(p + 3, "\x9d\x01\x2a", 3) != 0)
        return refuse_bitstream("VP8", fault);
    info->width = read_le16(p + 6) & 0x3FFF;
    info->height = read_le16(p + 8) & 0x3FFF;
    return info->width && info->height ? ERR_OK : refuse_bitstream("VP8", fault);
}

/* RFC 9649 section 3.4: signature, two sides less one of 14 bits, alpha hint, version 0 of 3 bits. */
static enum err read_vp8l(const struct chunk *chunk, struct image_info *info, struct image_fault *fault)
{
    const char *p = chunk->data.ptr;
    if (chunk->data.len < 5 || p[0] != 0x2F || (read_le32(p + 1) >> 29) != 0)
        return refuse_bitstream("VP8L", fault);
    uint32_t bits = read_le32(p + 1);
    info->width = (bits & 0x3FFF) + 1;
    info->height = (bits >> 14 & 0x3FFF) + 1;
    info->has_alpha = info->has_alpha || (bits >> 28 & 1);
    return ERR_OK;
}

/* The canvas must be the size of the picture on it (section 2.7.1.1). EXIF may follow the picture. `rest` is what stands
 * behind the VP8X chunk. */
static enum err read_vp8x(struct slice rest, const struct chunk *header, struct image_info *info,
                          struct image_fault *fault)
{
    const char *p = header->data.ptr;
    if (header->data.len < 10)
        return refuse_bitstream("VP8X", fault);
    uint32_t width = read_le24(p + 4) + 1;
    uint32_t height = read_le24(p + 7) + 1;
    info->has_alpha = (p[0] & VP8X_ALPHA) != 0;
    info->is_animated = (p[0] & VP8X_ANIMATION) != 0;

    bool has_picture = info->is_animated;
    for (size_t at = 0; at < rest.len;) {
        struct chunk chunk;
        TRY(read_chunk(rest, &at, &chunk, fault));
        bool is_lossy = slice_is(chunk.type, "VP8 ");
        if (slice_is(chunk.type, "EXIF")) {
            struct slice prefix = slice_of("Exif\0", 6);
            info->orientation =
                exif_orientation(slice_skip(chunk.data, slice_starts(chunk.data, prefix) ? prefix.len : 0));
        }
        if (has_picture || (!is_lossy && !slice_is(chunk.type, "VP8L")))
            continue;
        TRY(is_lossy ? read_vp8(&chunk, info, fault) : read_vp8l(&chunk, info, fault));
        has_picture = true;
        if (info->width != width || info->height != height)
            return REFUSE(fault, ERR_SYNTAX, "dimensions", "WebP: a picture of %u x %u on a canvas of %u x %u",
                          info->width, info->height, width, height);
    }
    info->width = width;
    info->height = height;
    if (!has_picture)
        return REFUSE(fault, ERR_SYNTAX, "header", "WebP: no picture behind the VP8X header");
    return ERR_OK;
}
