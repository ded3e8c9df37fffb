/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/codings
 *
 * The first byte chooses a coding and the size of the pieces, the rest is decoded whole and in pieces: the results must
 * be the same, and within the limits. Then the rest is taken for content, encoded in pieces with a flush here and there,
 * and decoded: it must come back. */
#include "lib/codings/decoder.h"
#include "lib/codings/encoder.h"

#include <stdlib.h>

#define INPUT_MAX   65536
#define DECODED_MAX (1U << 20)
#define CODED_MAX   (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum coding real_codings[] = {CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD};

struct outcome {
    enum err err;
    size_t bytes;
    char out[DECODED_MAX + 4096];
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void decode(struct codings *codings, enum coding coding, struct slice input, size_t in_step, size_t out_step,
                   struct outcome *outcome)
{
    struct decoder *decoder = NULL;
    struct decoder_config config = {.coding = coding, .decoded_bytes_max = DECODED_MAX};
    require(decoder_acquire(codings, &config, &decoder) == ERR_OK);
    outcome->bytes = 0;
    outcome->err = ERR_AGAIN;
    while (input.len && outcome->err == ERR_AGAIN) {
        size_t len = MIN(in_step, input.len);
        char *copy = malloc(len);
        require(copy != NULL);
        memcpy(copy, input.ptr, len);
        struct slice piece = slice_of(copy, len);
        size_t bytes = 0;
        while ((outcome->err = decoder_read(decoder, &piece, outcome->out + outcome->bytes, out_step, &bytes)) ==
               ERR_OK) {
            require(bytes > 0 && bytes <= out_step);
            outcome->bytes += bytes;
            require(outcome->bytes <= DECODED_MAX);
        }
        require(outcome->err != ERR_AGAIN || piece.len == 0);
        free(copy);
        input = slice_skip(input, len);
    }
    if (outcome->err == ERR_AGAIN)
        outcome->err = decoder_finish(decoder);
    decoder_release(decoder);
}

static size_t encode(struct codings *codings, enum coding coding, struct slice content, size_t step, char *out)
{
    struct encoder *encoder = NULL;
    struct encoder_config config = {.coding = coding, .known_bytes = step & 1 ? content.len : 0};
    size_t done = 0;
    size_t bytes = 0;
    enum err err;
    require(encoder_acquire(codings, &config, &encoder) == ERR_OK);
    for (size_t i = 0; content.len; i++) {
        struct slice piece = slice_first(content, step);
        content = slice_skip(content, piece.len);
        enum encoder_mode mode = i % 3 == 2 && step > 50 ? ENCODER_FLUSH : ENCODER_CONTINUE;
        while ((err = encoder_write(encoder, &piece, mode, out + done, MIN(CODED_MAX - done, 4096), &bytes)) == ERR_OK)
            done += bytes;
        require(err == ERR_AGAIN && piece.len == 0);
    }
    while ((err = encoder_write(encoder, &content, ENCODER_FINISH, out + done, MIN(CODED_MAX - done, 4096), &bytes)) ==
           ERR_OK)
        done += bytes;
    require(err == ERR_EOF);
    encoder_release(encoder);
    return done;
}

static struct pool pool;
static struct codings codings;

static void give_back(void)
{
    codings_deinit(&codings);
    require(pool.outstanding_bytes == 0);
    pool_deinit(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole;
    static struct outcome pieces;
    static char coded[CODED_MAX];
    if (size < 1 || size > INPUT_MAX)
        return 0;
    if (!codings.pool) {
        pool_init(&pool, 64U << 20, 256U << 20);
        struct codings_config config = {.pool = &pool, .idle_max = 1, .in_use_max = 1};
        codings_init(&codings, &config);
        require(atexit(give_back) == 0);
    }
    enum coding coding = real_codings[data[0] % ARRAY_LEN(real_codings)];
    size_t step = 1 + data[0] / ARRAY_LEN(real_codings);
    struct slice input = slice_of(data + 1, size - 1);
    decode(&codings, coding, input, SIZE_MAX, 4096, &whole);
    decode(&codings, coding, input, step, step * 3, &pieces);
    bool is_limit = whole.err == ERR_LIMIT || pieces.err == ERR_LIMIT; /* found a piece earlier or later */
    require(is_limit || (whole.err == ERR_OK) == (pieces.err == ERR_OK));
    size_t common = MIN(whole.bytes, pieces.bytes);
    require(memcmp(whole.out, pieces.out, common) == 0);
    require(whole.err != ERR_OK || is_limit || whole.bytes == pieces.bytes);
    size_t len = encode(&codings, coding, input, step, coded);
    decode(&codings, coding, slice_of(coded, len), step * 7, 4096, &whole);
    require(whole.err == ERR_OK && slice_equal(input, slice_of(whole.out, whole.bytes)));
    return 0;
}
