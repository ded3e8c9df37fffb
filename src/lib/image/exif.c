/* SPDX-License-Identifier: Apache-2.0 */
/* One tag of EXIF: how the camera was held. (TIFF 6.0 section 2, CIPA DC-008 section 4.6.4.)
 *
 * The block is a small file system of offsets; we follow exactly one of them, from the header to the first directory,
 * and read that directory's entries in order. Nothing can loop. */
#include "lib/image/image_int.h"

#define TIFF_HEADER_BYTES 8
#define TIFF_ENTRY_BYTES  12
#define TAG_ORIENTATION   0x0112
#define TYPE_SHORT        3

static uint32_t read16(const char *p, bool is_big_endian)
{
    return is_big_endian ? read_be16(p) : read_le16(p);
}

static uint32_t read32(const char *p, bool is_big_endian)
{
    return is_big_endian ? read_be32(p) : read_le32(p);
}

uint8_t exif_orientation(struct slice tiff)
{
    bool is_big_endian = slice_starts(tiff, slice_of("MM\0*", 4));
    if (tiff.len < TIFF_HEADER_BYTES || (!is_big_endian && !slice_starts(tiff, slice_of("II*\0", 4))))
        return 1;
    uint32_t directory = read32(tiff.ptr + 4, is_big_endian);
    if (directory < TIFF_HEADER_BYTES || directory > tiff.len - 2)
        return 1;

    uint32_t count = read16(tiff.ptr + directory, is_big_endian);
    struct slice entries = slice_skip(tiff, directory + 2);
    for (; count > 0 && entries.len >= TIFF_ENTRY_BYTES; count--, entries = slice_skip(entries, TIFF_ENTRY_BYTES)) {
        if (read16(entries.ptr, is_big_endian) != TAG_ORIENTATION)
            continue;
        uint32_t value = read16(entries.ptr + 8, is_big_endian);
        bool is_one_short =
            read16(entries.ptr + 2, is_big_endian) == TYPE_SHORT && read32(entries.ptr + 4, is_big_endian) == 1;
        return is_one_short && value >= 1 && value <= 8 ? (uint8_t)value : 1;
    }
    return 1;
}
