/* SPDX-License-Identifier: Apache-2.0 */
/* zstd: the door to the library of that name. Memory of the caller is in the part of its interface that asks to be
 * unlocked; the shared library has exported it since 1.3. */
#define ZSTD_STATIC_LINKING_ONLY
#include "lib/codings/codings_int.h"

#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL_DEFAULT 3
#define LEVEL_MAX     19 /* beyond it windows grow past what RFC 9659 lets a decoder refuse */
/* The encoder's memory follows the window and the tables. Streams are many and long: theirs end below 1 MiB. */
#define WINDOW_BITS_STREAM 16
#define HASH_BITS_STREAM   16
#define CHAIN_BITS_STREAM  15
#define WINDOW_BITS_WHOLE  18

#define HEAD_BYTES_MAX 18 /* RFC 8878 section 3.1.1: magic number and Frame_Header */

struct zstd_encoder {
    struct encoder encoder;
    ZSTD_CCtx *context;
};

struct zstd_decoder {
    struct decoder decoder;
    ZSTD_DCtx *context;
    /* The beginning of the frame, as far as it has come. */
    uint8_t head[HEAD_BYTES_MAX];
    uint8_t head_bytes;
    bool has_size;
    uint64_t frame_bytes;   /* ZSTD_CONTENTSIZE_UNKNOWN: it does not say */
    uint64_t decoded_bytes; /* of this frame */
};

/* Encoder. */

static bool set(struct zstd_encoder *zstd, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd->context, parameter, value));
}

static enum err encoder_open(struct encoder *encoder)
{
    struct zstd_encoder *zstd = CONTAINER_OF(encoder, struct zstd_encoder, encoder);
    int level = encoder->level == 0 ? LEVEL_DEFAULT : MIN(MAX(encoder->level, 1), LEVEL_MAX);
    if (!encoder->is_open) {
        ZSTD_customMem memory = {coding_memory_alloc, coding_memory_free, &encoder->memory};
        zstd->context = ZSTD_createCCtx_advanced(memory);
        if (!zstd->context)
            return coding_memory_err(&encoder->memory);
        encoder->is_open = true;
    }
    if (ZSTD_isError(ZSTD_CCtx_reset(zstd->context, ZSTD_reset_session_and_parameters)))
        return ERR_INTERNAL;
    bool is_set = set(zstd, ZSTD_c_compressionLevel, level);
    if (encoder->known_bytes > 0)
        is_set = is_set && set(zstd, ZSTD_c_windowLog, WINDOW_BITS_WHOLE) &&
                 set(zstd, ZSTD_c_srcSizeHint, (int)MIN(encoder->known_bytes, ZSTD_SRCSIZEHINT_MAX));
    else
        is_set = is_set && set(zstd, ZSTD_c_windowLog, WINDOW_BITS_STREAM) &&
                 set(zstd, ZSTD_c_hashLog, HASH_BITS_STREAM) && set(zstd, ZSTD_c_chainLog, CHAIN_BITS_STREAM);
    return is_set ? ERR_OK : ERR_INTERNAL;
}

static enum err encoder_step(struct encoder *encoder, struct slice *input, enum encoder_mode mode, struct room *out,
                             bool *ret_is_done)
{
    static const ZSTD_EndDirective directives[] = {
        [ENCODER_CONTINUE] = ZSTD_e_continue, [ENCODER_FLUSH] = ZSTD_e_flush, [ENCODER_FINISH] = ZSTD_e_end};
    struct zstd_encoder *zstd = CONTAINER_OF(encoder, struct zstd_encoder, encoder);
    ZSTD_inBuffer in = {.src = input->ptr, .size = input->len};
    ZSTD_outBuffer room = {.dst = out->ptr, .size = out->len};
    size_t left;
    do {
        left = ZSTD_compressStream2(zstd->context, &room, &in, directives[mode]);
        if (ZSTD_isError(left))
            return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? ERR_NOMEM : ERR_INTERNAL;
        /* With ZSTD_e_continue `left` is a hint only, and it may return with input left and room. */
    } while (mode == ENCODER_CONTINUE && in.pos < in.size && room.pos < room.size);
    if (in.pos)
        *input = slice_skip(*input, in.pos);
    *out = (struct room){out->ptr + room.pos, out->len - room.pos};
    *ret_is_done = input->len == 0 && (mode == ENCODER_CONTINUE ? out->len > 0 : left == 0);
    return ERR_OK;
}

static void encoder_close(struct encoder *encoder)
{
    (void)ZSTD_freeCCtx(CONTAINER_OF(encoder, struct zstd_encoder, encoder)->context);
}

const struct encoder_kind encoder_zstd = {
    .bytes = sizeof(struct zstd_encoder), .open = encoder_open, .step = encoder_step, .close = encoder_close};

/* Decoder. */

static void begin_frame(struct zstd_decoder *zstd)
{
    zstd->head_bytes = 0;
    zstd->has_size = false;
    zstd->decoded_bytes = 0;
}

static enum err decoder_open(struct decoder *decoder)
{
    struct zstd_decoder *zstd = CONTAINER_OF(decoder, struct zstd_decoder, decoder);
    if (!decoder->is_open) {
        ZSTD_customMem memory = {coding_memory_alloc, coding_memory_free, &decoder->memory};
        zstd->context = ZSTD_createDCtx_advanced(memory);
        if (!zstd->context)
            return coding_memory_err(&decoder->memory);
        decoder->is_open = true;
    }
    begin_frame(zstd);
    size_t result = ZSTD_DCtx_reset(zstd->context, ZSTD_reset_session_only);
    if (!ZSTD_isError(result))
        result = ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax, DECODER_ZSTD_WINDOW_BITS);
    return ZSTD_isError(result) ? ERR_INTERNAL : ERR_OK;
}

static enum err err_of(const struct zstd_decoder *zstd, size_t result)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return coding_memory_err(&zstd->decoder.memory);
    case ZSTD_error_frameParameter_windowTooLarge:
        return ERR_LIMIT;
    default: /* a dictionary that HTTP does not know is as bad as damage */
        return ERR_SYNTAX;
    }
}

/* Sections 3.1.1 and 3.1.2 of RFC 8878: a frame begins with one of two magic numbers. Checked here, because a library
 * that was built so (Debian's is) takes those of its formats before the RFC as well. */
static bool is_magic(const uint8_t *head, size_t len)
{
    static const uint8_t frame[] = {0x28, 0xB5, 0x2F, 0xFD};
    static const uint8_t skippable[] = {0x2A, 0x4D, 0x18}; /* behind 0x50 to 0x5F */
    len = MIN(len, sizeof frame);
    if (len == 0 || (head[0] & 0xF0) == 0x50)
        return len == 0 || memcmp(head + 1, skippable, len - 1) == 0;
    return memcmp(head, frame, len) == 0;
}

/* What is taken must not depend on how it came, but the library takes a few frames that are wrong only when it has them
 * whole, or only when it has not. So the head is fed byte by byte, after which a frame is never whole to it, and the size
 * that it announces is held to here. */
static enum err read_head(struct zstd_decoder *zstd, char byte)
{
    if (zstd->head_bytes == HEAD_BYTES_MAX)
        return ERR_SYNTAX;
    zstd->head[zstd->head_bytes++] = (uint8_t)byte;
    if (!is_magic(zstd->head, zstd->head_bytes))
        return ERR_SYNTAX;
    zstd->frame_bytes = ZSTD_getFrameContentSize(zstd->head, zstd->head_bytes);
    zstd->has_size = zstd->frame_bytes != ZSTD_CONTENTSIZE_ERROR;
    return ERR_OK;
}

static enum err end_frame(struct zstd_decoder *zstd)
{
    bool is_right = zstd->frame_bytes == ZSTD_CONTENTSIZE_UNKNOWN || zstd->frame_bytes == zstd->decoded_bytes;
    begin_frame(zstd);
    return is_right ? ERR_OK : ERR_SYNTAX;
}

/* RFC 8878 section 3: frames follow one another, skippable ones (which decode to nothing) too. */
static enum err decoder_step(struct decoder *decoder, struct slice *input, struct room *out)
{
    struct zstd_decoder *zstd = CONTAINER_OF(decoder, struct zstd_decoder, decoder);
    ZSTD_inBuffer in = {.src = input->ptr, .size = input->len};
    ZSTD_outBuffer room = {.dst = out->ptr, .size = out->len};
    if (decoder->is_at_end && in.size == 0)
        return ERR_OK;
    do {
        size_t written = room.pos;
        in.size = zstd->has_size ? input->len : MIN(in.pos + 1, input->len);
        if (!zstd->has_size && in.pos < in.size)
            TRY(read_head(zstd, input->ptr[in.pos]));
        size_t result = ZSTD_decompressStream(zstd->context, &room, &in);
        if (ZSTD_isError(result))
            return err_of(zstd, result);
        zstd->decoded_bytes += room.pos - written;
        decoder->is_at_end = result == 0;
        if (decoder->is_at_end)
            TRY(end_frame(zstd));
    } while (in.pos < input->len && room.pos < room.size);
    if (in.pos)
        *input = slice_skip(*input, in.pos);
    *out = (struct room){out->ptr + room.pos, out->len - room.pos};
    return ERR_OK;
}

static void decoder_close(struct decoder *decoder)
{
    (void)ZSTD_freeDCtx(CONTAINER_OF(decoder, struct zstd_decoder, decoder)->context);
}

const struct decoder_kind decoder_zstd = {
    .bytes = sizeof(struct zstd_decoder), .open = decoder_open, .step = decoder_step, .close = decoder_close};
