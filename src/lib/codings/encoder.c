/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/encoder.h"

#include "lib/codings/codings_int.h"

static const struct encoder_kind *const kinds[CODING_COUNT] = {
    [CODING_GZIP] = &encoder_zlib,
    [CODING_DEFLATE] = &encoder_zlib,
    [CODING_BROTLI] = &encoder_brotli,
    [CODING_ZSTD] = &encoder_zstd,
};

static struct encoder *take(struct codings *codings, enum coding coding);

enum err encoder_acquire(struct codings *codings, const struct encoder_config *config, struct encoder **ret_encoder)
{
    if (!kinds[config->coding])
        return ERR_UNSUPPORTED;
    if (codings->in_use >= codings->in_use_max)
        return ERR_BUSY;
    struct encoder *encoder = take(codings, config->coding);
    if (!encoder)
        return ERR_NOMEM;
    encoder->level = config->level;
    encoder->known_bytes = config->known_bytes;
    encoder->is_done = false;
    enum err err = encoder->kind->open(encoder);
    if (err != ERR_OK) {
        encoder_destroy(encoder);
        return err;
    }
    encoder->is_open = true;
    codings->in_use++;
    *ret_encoder = encoder;
    return ERR_OK;
}

/* An idle one, or a new one that is not open yet. */
static struct encoder *take(struct codings *codings, enum coding coding)
{
    struct encoder *encoder = codings->idle_encoders[coding];
    if (encoder) {
        codings->idle_encoders[coding] = encoder->next;
        codings->idle_encoder_count[coding]--;
        return encoder;
    }
    size_t block_bytes;
    encoder = pool_acquire(codings->pool, kinds[coding]->bytes, &block_bytes);
    if (!encoder)
        return NULL;
    memset(encoder, 0, kinds[coding]->bytes);
    encoder->kind = kinds[coding];
    encoder->codings = codings;
    encoder->coding = coding;
    encoder->block_bytes = block_bytes;
    encoder->memory.pool = codings->pool;
    encoder->memory.used_bytes_max = SIZE_MAX; /* our own levels and windows bound it */
    return encoder;
}

void encoder_release(struct encoder *encoder)
{
    if (!encoder)
        return;
    struct codings *codings = encoder->codings;
    codings->in_use--;
    if (codings->idle_encoder_count[encoder->coding] >= codings->idle_max ||
        encoder->memory.used_bytes > CONTEXT_KEEP_BYTES_MAX) {
        encoder_destroy(encoder);
        return;
    }
    encoder->next = codings->idle_encoders[encoder->coding];
    codings->idle_encoders[encoder->coding] = encoder;
    codings->idle_encoder_count[encoder->coding]++;
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder->is_open)
        encoder->kind->close(encoder);
    ASSERT(encoder->memory.count == 0, "closing an encoder gives back all its memory");
    pool_release(encoder->codings->pool, encoder, encoder->block_bytes);
}

/* What was flushed must not be flushed again: the libraries would each write another empty block. */
enum err encoder_write(struct encoder *encoder, struct slice *input, enum encoder_mode mode, char *out, size_t capacity,
                       size_t *ret_bytes)
{
    struct room room = {out, capacity};
    ASSERT(capacity >= ENCODER_ROOM_BYTES_MIN, "a flush marker must fit");
    if (!encoder->is_done || input->len > 0 || mode > encoder->done_mode) {
        encoder->done_mode = mode;
        TRY(encoder->kind->step(encoder, input, mode, &room, &encoder->is_done));
    }
    *ret_bytes = capacity - room.len;
    if (*ret_bytes > 0)
        return ERR_OK;
    return mode == ENCODER_FINISH ? ERR_EOF : ERR_AGAIN;
}

/* The worst of the three is stored blocks: 5 bytes for each 16 KiB, and heads and trailers. */
size_t encoder_bound(enum coding coding, size_t content_bytes)
{
    return coding == CODING_IDENTITY ? content_bytes : content_bytes + content_bytes / 128 + 1024;
}
