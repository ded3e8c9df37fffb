/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG headers (ITU-T T.81 annex B): the segments from SOI to the frame header.
 *
 * Stricter than decoders are: between segments stands a marker, with fill bytes 0xFF at most, and nothing else. What an
 * encoder never writes and two readers understand differently is refused. */
#include "lib/image/image_int.h"

enum {
    MARKER_TEM = 0x01,
    MARKER_SOF0 = 0xC0,
    MARKER_SOF1 = 0xC1,
    MARKER_SOF2 = 0xC2,
    MARKER_DHT = 0xC4,
    MARKER_JPG = 0xC8,
    MARKER_SOF9 = 0xC9,
    MARKER_SOF10 = 0xCA,
    MARKER_DAC = 0xCC,
    MARKER_SOF15 = 0xCF,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_APP1 = 0xE1,
};

struct segment {
    uint8_t marker;
    size_t offset;
    struct slice data; /* without marker and length */
};

static enum err read_segment(struct slice file, size_t *at, struct segment *ret, struct image_fault *fault);
static enum err read_frame(const struct segment *segment, struct image_info *ret, struct image_fault *fault);

/* DHT, JPG and DAC share the range of the frame headers. */
static bool is_frame_marker(uint8_t marker)
{
    return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_DHT && marker != MARKER_JPG &&
           marker != MARKER_DAC;
}

enum err jpeg_probe(struct slice file, struct image_info *ret, struct image_fault *fault)
{
    struct slice exif_prefix = slice_of("Exif\0", 6);
    uint8_t orientation = 0;
    size_t at = 2;
    for (;;) {
        struct segment segment;
        TRY(read_segment(file, &at, &segment, fault));
        if (is_frame_marker(segment.marker)) {
            TRY(read_frame(&segment, ret, fault));
            ret->orientation = orientation ? orientation : 1;
            return ERR_OK;
        }
        if (segment.marker == MARKER_APP1 && orientation == 0 && slice_starts(segment.data, exif_prefix))
            orientation = exif_orientation(slice_skip(segment.data, exif_prefix.len));
        if (segment.marker == MARKER_SOI || segment.marker == MARKER_EOI || segment.marker == MARKER_SOS)
            return REFUSE(fault, ERR_SYNTAX, "header", "JPEG: marker 0x%02X at byte %zu before any frame header",
                          segment.marker, segment.offset);
    }
}

static enum err refuse_end(size_t at, struct image_fault *fault)
{
    return REFUSE(fault, ERR_TRUNCATED, "truncated", "JPEG: the file ends at byte %zu, inside its header", at);
}

static bool is_bare_marker(uint8_t marker)
{
    return marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_EOI);
}

static enum err read_segment(struct slice file, size_t *at, struct segment *ret, struct image_fault *fault)
{
    size_t start = *at;
    size_t cursor = start;
    while (cursor < file.len && (uint8_t)file.ptr[cursor] == 0xFF)
        cursor++;
    if (cursor == file.len)
        return refuse_end(file.len, fault);
    if (cursor == start || file.ptr[cursor] == 0)
        return REFUSE(fault, ERR_SYNTAX, "header", "JPEG: byte %zu is 0x%02X, expected a marker", cursor,
                      (uint8_t)file.ptr[cursor]);
    *ret = (struct segment){.marker = (uint8_t)file.ptr[cursor++], .offset = start};
    *at = cursor;
    if (is_bare_marker(ret->marker))
        return ERR_OK;

    if (file.len - cursor < 2)
        return refuse_end(file.len, fault);
    uint32_t length = read_be16(file.ptr + cursor); /* counts itself */
    if (length < 2)
        return REFUSE(fault, ERR_SYNTAX, "header", "JPEG: segment at byte %zu has length %u, expected at least 2",
                      start, length);
    if (file.len - cursor < length)
        return refuse_end(file.len, fault);
    ret->data = slice_of(file.ptr + cursor + 2, length - 2);
    *at = cursor + length;
    return ERR_OK;
}

/* B.2.2: precision, lines, samples per line, components, then three bytes for each component. */
static enum err read_frame(const struct segment *segment, struct image_info *ret, struct image_fault *fault)
{
    uint8_t marker = segment->marker;
    if (marker > MARKER_SOF2 && marker != MARKER_SOF9 && marker != MARKER_SOF10)
        return REFUSE(fault, ERR_UNSUPPORTED, "format",
                      "JPEG: lossless and hierarchical coding (frame 0x%02X) are not supported", marker);
    const char *data = segment->data.ptr;
    if (segment->data.len < 6 || segment->data.len != 6u + 3u * (uint8_t)data[5])
        return REFUSE(fault, ERR_SYNTAX, "header", "JPEG: the frame header at byte %zu has the wrong length",
                      segment->offset);
    uint8_t components = (uint8_t)data[5];
    *ret = (struct image_info){.format = IMAGE_JPEG,
                               .bit_depth = (uint8_t)data[0],
                               .height = read_be16(data + 1),
                               .width = read_be16(data + 3),
                               .channels = components};
    if (ret->bit_depth != 8)
        return REFUSE(fault, ERR_UNSUPPORTED, "format", "JPEG: %u bits a sample, supported are 8", ret->bit_depth);
    if (components != 1 && components != 3 && components != 4)
        return REFUSE(fault, ERR_UNSUPPORTED, "format", "JPEG: %u components, supported are 1, 3 and 4", components);
    if (ret->width == 0 || ret->height == 0)
        return REFUSE(fault, ERR_SYNTAX, "dimensions", "JPEG: %u x %u pixels in the frame header at byte %zu",
                      ret->width, ret->height, segment->offset);
    return ERR_OK;
}
