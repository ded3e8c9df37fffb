/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/decoder.h"

#include "lib/codings/codings_int.h"

static const struct decoder_kind *const kinds[CODING_COUNT] = {
    [CODING_GZIP] = &decoder_zlib,
    [CODING_DEFLATE] = &decoder_zlib,
    [CODING_BROTLI] = &decoder_brotli,
    [CODING_ZSTD] = &decoder_zstd,
};

static struct decoder *take(struct codings *codings, enum coding coding);
static void ready(struct decoder *decoder, const struct decoder_config *config);
static enum err check_limits(const struct decoder *decoder);

enum err decoder_acquire(struct codings *codings, const struct decoder_config *config, struct decoder **ret_decoder)
{
    if (!kinds[config->coding])
        return ERR_UNSUPPORTED;
    if (codings->in_use >= codings->in_use_max)
        return ERR_BUSY;
    struct decoder *decoder = take(codings, config->coding);
    if (!decoder)
        return ERR_NOMEM;
    ready(decoder, config);
    enum err err = decoder->kind->open(decoder);
    if (err != ERR_OK) {
        decoder_destroy(decoder);
        return err;
    }
    decoder->is_open = true;
    codings->in_use++;
    *ret_decoder = decoder;
    return ERR_OK;
}

static struct decoder *take(struct codings *codings, enum coding coding)
{
    struct decoder *decoder = codings->idle_decoders[coding];
    if (decoder) {
        codings->idle_decoders[coding] = decoder->next;
        codings->idle_decoder_count[coding]--;
        return decoder;
    }
    size_t block_bytes;
    decoder = pool_acquire(codings->pool, kinds[coding]->bytes, &block_bytes);
    if (!decoder)
        return NULL;
    memset(decoder, 0, kinds[coding]->bytes);
    decoder->kind = kinds[coding];
    decoder->codings = codings;
    decoder->coding = coding;
    decoder->block_bytes = block_bytes;
    decoder->memory.pool = codings->pool;
    return decoder;
}

static void ready(struct decoder *decoder, const struct decoder_config *config)
{
    decoder->config = *config;
    if (config->ratio_max == 0)
        decoder->config.ratio_max = DECODER_RATIO_MAX;
    if (config->ratio_free_bytes == 0)
        decoder->config.ratio_free_bytes = DECODER_RATIO_FREE_BYTES;
    if (config->memory_bytes_max == 0)
        decoder->config.memory_bytes_max = DECODER_MEMORY_BYTES_MAX;
    decoder->memory.used_bytes_max = decoder->config.memory_bytes_max;
    decoder->memory.is_over_limit = false;
    decoder->coded_bytes = 0;
    decoder->decoded_bytes = 0;
    decoder->is_at_end = false;
    decoder->is_drained = true;
    decoder->failure = ERR_OK;
}

void decoder_release(struct decoder *decoder)
{
    if (!decoder)
        return;
    struct codings *codings = decoder->codings;
    codings->in_use--;
    if (codings->idle_decoder_count[decoder->coding] >= codings->idle_max ||
        decoder->memory.used_bytes > CONTEXT_KEEP_BYTES_MAX) {
        decoder_destroy(decoder);
        return;
    }
    decoder->next = codings->idle_decoders[decoder->coding];
    codings->idle_decoders[decoder->coding] = decoder;
    codings->idle_decoder_count[decoder->coding]++;
}

void decoder_destroy(struct decoder *decoder)
{
    if (decoder->is_open)
        decoder->kind->close(decoder);
    ASSERT(decoder->memory.count == 0, "closing a decoder gives back all its memory");
    pool_release(decoder->codings->pool, decoder, decoder->block_bytes);
}

enum err decoder_read(struct decoder *decoder, struct slice *input, char *out, size_t capacity, size_t *ret_bytes)
{
    struct room room = {out, capacity};
    size_t fed_bytes = input->len;
    ASSERT(capacity > 0, "without room there is no progress");
    if (decoder->failure != ERR_OK)
        return decoder->failure;
    if (decoder->is_drained && input->len == 0) /* zstd takes repeated asking for a mistake */
        return ERR_AGAIN;
    decoder->failure = decoder->kind->step(decoder, input, &room);
    decoder->coded_bytes += fed_bytes - input->len;
    decoder->decoded_bytes += capacity - room.len;
    if (decoder->failure == ERR_OK)
        decoder->failure = check_limits(decoder);
    if (decoder->failure != ERR_OK)
        return decoder->failure;
    decoder->is_drained = room.len > 0;
    *ret_bytes = capacity - room.len;
    return *ret_bytes > 0 ? ERR_OK : ERR_AGAIN;
}

/* Coded bytes count once the library has taken them; the few that it holds back make no difference. */
static enum err check_limits(const struct decoder *decoder)
{
    const struct decoder_config *config = &decoder->config;
    if (decoder->decoded_bytes > config->decoded_bytes_max)
        return ERR_LIMIT;
    bool is_beyond_ratio = decoder->decoded_bytes > config->ratio_free_bytes &&
                           decoder->decoded_bytes / config->ratio_max > decoder->coded_bytes;
    return is_beyond_ratio ? ERR_LIMIT : ERR_OK;
}

enum err decoder_finish(const struct decoder *decoder)
{
    if (decoder->failure != ERR_OK)
        return decoder->failure;
    return decoder->is_at_end ? ERR_OK : ERR_TRUNCATED;
}
