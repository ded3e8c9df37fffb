/* SPDX-License-Identifier: Apache-2.0 */
/* br: the door to Brotli. The library cannot reset a context, so each use makes one, of memory that the pool has kept. */
#include "lib/codings/codings_int.h"

#include <brotli/decode.h>
#include <brotli/encode.h>

#define QUALITY_DEFAULT    5  /* half as long again as 4, and a fifth fewer bytes */
#define WINDOW_BITS_STREAM 16 /* 64 KiB: the encoder's memory follows it (some 2 MiB), and streams are many and long */
#define WINDOW_BITS_WHOLE  18 /* 256 KiB, some 5 MiB: a content of known size is soon done */

#define QUALITY_MAX  9          /* 10 and 11 take a second for a megabyte */
#define MEMORY_BYTES (6U << 20) /* more than those windows take */

struct brotli_encoder {
    struct encoder encoder;
    BrotliEncoderState *state;
};

struct brotli_decoder {
    struct decoder decoder;
    BrotliDecoderState *state;
};

/* Encoder.
 *
 * As distributions build it, the library ends the process when an allocation fails (BROTLI_ENCODER_EXIT_ON_OOM is its
 * default). So the pool is asked beforehand whether it has enough, which is when failing is still possible, and if
 * others have emptied it by the time the library wants something, the system makes up for it. */

static void encoder_close(struct encoder *encoder)
{
    struct brotli_encoder *brotli = CONTAINER_OF(encoder, struct brotli_encoder, encoder);
    BrotliEncoderDestroyInstance(brotli->state);
    brotli->state = NULL;
}

static enum err encoder_open(struct encoder *encoder)
{
    struct brotli_encoder *brotli = CONTAINER_OF(encoder, struct brotli_encoder, encoder);
    int quality = encoder->level == 0 ? QUALITY_DEFAULT : MIN(MAX(encoder->level, BROTLI_MIN_QUALITY), QUALITY_MAX);
    encoder_close(encoder);
    if (!pool_has(encoder->memory.pool, MEMORY_BYTES))
        return ERR_NOMEM;
    encoder->memory.must_not_fail = true;
    brotli->state = BrotliEncoderCreateInstance(coding_memory_alloc, coding_memory_free, &encoder->memory);
    if (!brotli->state)
        return coding_memory_err(&encoder->memory);
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY, (uint32_t)quality);
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN,
                              encoder->known_bytes > 0 ? WINDOW_BITS_WHOLE : WINDOW_BITS_STREAM);
    if (encoder->known_bytes > 0)
        BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_SIZE_HINT,
                                  (uint32_t)MIN(encoder->known_bytes, UINT32_MAX));
    return ERR_OK;
}

static enum err encoder_step(struct encoder *encoder, struct slice *input, enum encoder_mode mode, struct room *out,
                             bool *ret_is_done)
{
    static const BrotliEncoderOperation operations[] = {[ENCODER_CONTINUE] = BROTLI_OPERATION_PROCESS,
                                                        [ENCODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                        [ENCODER_FINISH] = BROTLI_OPERATION_FINISH};
    struct brotli_encoder *brotli = CONTAINER_OF(encoder, struct brotli_encoder, encoder);
    const uint8_t *next_in = (const uint8_t *)input->ptr;
    uint8_t *next_out = (uint8_t *)out->ptr;
    if (!BrotliEncoderCompressStream(brotli->state, operations[mode], &input->len, &next_in, &out->len, &next_out,
                                     NULL))
        return ERR_NOMEM; /* all it can be: the parameters are ours */
    input->ptr = (const char *)next_in;
    out->ptr = (char *)next_out;
    *ret_is_done = input->len == 0 && !BrotliEncoderHasMoreOutput(brotli->state) &&
                   (mode != ENCODER_FINISH || BrotliEncoderIsFinished(brotli->state));
    return ERR_OK;
}

const struct encoder_kind encoder_brotli = {
    .bytes = sizeof(struct brotli_encoder), .open = encoder_open, .step = encoder_step, .close = encoder_close};

/* Decoder. Windows beyond RFC 7932's 16 MiB stay off, and smaller ones are bounded by the context's memory: the library
 * takes no more than the announced content needs. */

static void decoder_close(struct decoder *decoder)
{
    struct brotli_decoder *brotli = CONTAINER_OF(decoder, struct brotli_decoder, decoder);
    BrotliDecoderDestroyInstance(brotli->state);
    brotli->state = NULL;
}

static enum err decoder_open(struct decoder *decoder)
{
    struct brotli_decoder *brotli = CONTAINER_OF(decoder, struct brotli_decoder, decoder);
    decoder_close(decoder);
    brotli->state = BrotliDecoderCreateInstance(coding_memory_alloc, coding_memory_free, &decoder->memory);
    return brotli->state ? ERR_OK : coding_memory_err(&decoder->memory);
}

static enum err err_of(const struct brotli_decoder *brotli)
{
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(brotli->state);
    bool is_memory =
        code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return is_memory ? coding_memory_err(&brotli->decoder.memory) : ERR_SYNTAX;
}

static enum err decoder_step(struct decoder *decoder, struct slice *input, struct room *out)
{
    struct brotli_decoder *brotli = CONTAINER_OF(decoder, struct brotli_decoder, decoder);
    const uint8_t *next_in = (const uint8_t *)input->ptr;
    uint8_t *next_out = (uint8_t *)out->ptr;
    if (decoder->is_at_end)
        return input->len == 0 ? ERR_OK : ERR_SYNTAX;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(brotli->state, &input->len, &next_in, &out->len, &next_out, NULL);
    input->ptr = (const char *)next_in;
    out->ptr = (char *)next_out;
    if (result == BROTLI_DECODER_RESULT_ERROR)
        return err_of(brotli);
    decoder->is_at_end = result == BROTLI_DECODER_RESULT_SUCCESS;
    return decoder->is_at_end && input->len > 0 ? ERR_SYNTAX : ERR_OK;
}

const struct decoder_kind decoder_brotli = {
    .bytes = sizeof(struct brotli_decoder), .open = decoder_open, .step = decoder_step, .close = decoder_close};
