/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and deflate: the door to zlib. */
#include "lib/codings/codings_int.h"

#include <limits.h>
#include <zlib.h>

#define WINDOW_BITS   15
#define GZIP          16 /* added to the window bits: a gzip head and trailer instead of zlib's */
#define MEMORY_LEVEL  8
#define LEVEL_DEFAULT 4 /* half the time of 6 for a few per cent more bytes */

struct zlib_encoder {
    struct encoder encoder;
    z_stream stream;
};

struct zlib_decoder {
    struct decoder decoder;
    z_stream stream;
    bool is_between; /* members: the next byte, if any, begins another one */
};

static void *alloc(void *memory, uInt count, uInt bytes)
{
    return coding_memory_alloc(memory, (size_t)count * bytes);
}

static int window_bits(enum coding coding)
{
    return coding == CODING_GZIP ? WINDOW_BITS + GZIP : WINDOW_BITS;
}

/* zlib counts in 32 bits. */
static uInt clamp(size_t bytes)
{
    return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

static void set_input(z_stream *stream, struct slice input)
{
    stream->next_in = (Bytef *)(uintptr_t)input.ptr; /* zlib never writes to it, but says so only with ZLIB_CONST */
    stream->avail_in = clamp(input.len);
}

static void set_room(z_stream *stream, const struct room *room)
{
    stream->next_out = (Bytef *)room->ptr;
    stream->avail_out = clamp(room->len);
}

static void advance(const z_stream *stream, struct slice *input, struct room *out)
{
    size_t taken = clamp(input->len) - stream->avail_in;
    size_t written = clamp(out->len) - stream->avail_out;
    if (taken)
        *input = slice_skip(*input, taken);
    *out = (struct room){out->ptr + written, out->len - written};
}

/* Encoder. */

static enum err encoder_open(struct encoder *encoder)
{
    struct zlib_encoder *zlib = CONTAINER_OF(encoder, struct zlib_encoder, encoder);
    int level = encoder->level == 0 ? LEVEL_DEFAULT : MIN(MAX(encoder->level, 1), 9);
    if (encoder->is_open) {
        /* With no input since the reset the parameters change without any output. */
        bool is_ready = deflateReset(&zlib->stream) == Z_OK;
        set_input(&zlib->stream, (struct slice){NULL, 0});
        return is_ready && deflateParams(&zlib->stream, level, Z_DEFAULT_STRATEGY) == Z_OK ? ERR_OK : ERR_INTERNAL;
    }
    zlib->stream = (z_stream){.zalloc = alloc, .zfree = coding_memory_free, .opaque = &encoder->memory};
    int result =
        deflateInit2(&zlib->stream, level, Z_DEFLATED, window_bits(encoder->coding), MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    return result == Z_OK ? ERR_OK : coding_memory_err(&encoder->memory);
}

static enum err encoder_step(struct encoder *encoder, struct slice *input, enum encoder_mode mode, struct room *out,
                             bool *ret_is_done)
{
    static const int flushes[] = {
        [ENCODER_CONTINUE] = Z_NO_FLUSH, [ENCODER_FLUSH] = Z_SYNC_FLUSH, [ENCODER_FINISH] = Z_FINISH};
    struct zlib_encoder *zlib = CONTAINER_OF(encoder, struct zlib_encoder, encoder);
    bool is_last_piece = input->len <= UINT_MAX;
    set_input(&zlib->stream, *input);
    set_room(&zlib->stream, out);
    int result = deflate(&zlib->stream, is_last_piece ? flushes[mode] : Z_NO_FLUSH);
    bool has_room = zlib->stream.avail_out > 0;
    advance(&zlib->stream, input, out);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return ERR_INTERNAL;
    *ret_is_done = mode == ENCODER_FINISH ? result == Z_STREAM_END : has_room && input->len == 0;
    return ERR_OK;
}

static void encoder_close(struct encoder *encoder)
{
    (void)deflateEnd(&CONTAINER_OF(encoder, struct zlib_encoder, encoder)->stream);
}

const struct encoder_kind encoder_zlib = {
    .bytes = sizeof(struct zlib_encoder), .open = encoder_open, .step = encoder_step, .close = encoder_close};

/* Decoder. */

static enum err decoder_open(struct decoder *decoder)
{
    struct zlib_decoder *zlib = CONTAINER_OF(decoder, struct zlib_decoder, decoder);
    zlib->is_between = false;
    if (decoder->is_open)
        return inflateReset(&zlib->stream) == Z_OK ? ERR_OK : ERR_INTERNAL;
    zlib->stream = (z_stream){.zalloc = alloc, .zfree = coding_memory_free, .opaque = &decoder->memory};
    return inflateInit2(&zlib->stream, window_bits(decoder->coding)) == Z_OK ? ERR_OK
                                                                             : coding_memory_err(&decoder->memory);
}

/* RFC 1952 section 2.2: a gzip file is a series of members. A zlib stream stands alone. */
static enum err begin_member(struct zlib_decoder *zlib)
{
    if (zlib->decoder.coding != CODING_GZIP)
        return ERR_SYNTAX;
    zlib->is_between = false;
    zlib->decoder.is_at_end = false;
    return inflateReset(&zlib->stream) == Z_OK ? ERR_OK : ERR_INTERNAL;
}

static enum err inflate_some(struct zlib_decoder *zlib, struct slice *input, struct room *out)
{
    set_input(&zlib->stream, *input);
    set_room(&zlib->stream, out);
    int result = inflate(&zlib->stream, Z_NO_FLUSH);
    advance(&zlib->stream, input, out);
    switch (result) {
    case Z_STREAM_END:
        zlib->is_between = true;
        zlib->decoder.is_at_end = true;
        return ERR_OK;
    case Z_OK:
    case Z_BUF_ERROR: /* no progress: no input, or no room */
        return ERR_OK;
    case Z_MEM_ERROR:
        return coding_memory_err(&zlib->decoder.memory);
    default: /* Z_DATA_ERROR, Z_NEED_DICT: no dictionary is known in HTTP */
        return ERR_SYNTAX;
    }
}

static enum err decoder_step(struct decoder *decoder, struct slice *input, struct room *out)
{
    struct zlib_decoder *zlib = CONTAINER_OF(decoder, struct zlib_decoder, decoder);
    size_t left;
    do {
        if (zlib->is_between && input->len == 0)
            return ERR_OK;
        if (zlib->is_between)
            TRY(begin_member(zlib));
        left = input->len;
        TRY(inflate_some(zlib, input, out));
    } while (input->len > 0 && input->len < left && out->len > 0);
    return ERR_OK;
}

static void decoder_close(struct decoder *decoder)
{
    (void)inflateEnd(&CONTAINER_OF(decoder, struct zlib_decoder, decoder)->stream);
}

const struct decoder_kind decoder_zlib = {
    .bytes = sizeof(struct zlib_decoder), .open = decoder_open, .step = decoder_step, .close = decoder_close};
