/* SPDX-License-Identifier: Apache-2.0 */
/* Contents and whole-in-one-go helpers for the tests of this folder. */
#ifndef TESTS_UNIT_LIB_CODINGS_CODINGS_FIXTURE_H
#define TESTS_UNIT_LIB_CODINGS_CODINGS_FIXTURE_H

#include "lib/codings/decoder.h"
#include "lib/codings/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM (4U << 20)

static const enum coding real_codings[] = {CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD};

struct fixture {
    struct pool pool;
    struct codings codings;
    char *coded;
    char *decoded;
};

static inline void fixture_open(struct fixture *fixture)
{
    pool_init(&fixture->pool, 64U << 20, 256U << 20);
    struct codings_config config = {.pool = &fixture->pool, .idle_max = 2, .in_use_max = 8};
    codings_init(&fixture->codings, &config);
    fixture->coded = malloc(ROOM);
    fixture->decoded = malloc(ROOM);
    assert_true(fixture->coded && fixture->decoded);
}

static inline void fixture_close(struct fixture *fixture)
{
    codings_deinit(&fixture->codings);
    assert_int_equal(fixture->pool.outstanding_bytes, 0);
    pool_deinit(&fixture->pool);
    free(fixture->coded);
    free(fixture->decoded);
}

/* Text of some structure: words with numbers, which compresses, but not absurdly. */
static inline void fill_text(char *out, size_t bytes)
{
    static const char *const words[] = {"tensor ", "batch ", "route ", "{\"shape\": [1, 3, 48, 192]}, ", "0.12345, "};
    uint32_t random = 12345;
    for (size_t i = 0; i < bytes;) {
        random = random * 1664525 + 1013904223;
        const char *word = words[random >> 16 & 3];
        if (random >> 28 == 0) {
            out[i++] = (char)(random >> 8);
            continue;
        }
        for (; *word && i < bytes; word++)
            out[i++] = *word;
    }
}

static inline void fill_noise(char *out, size_t bytes)
{
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < bytes; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        out[i] = (char)random;
    }
}

static inline struct encoder *acquire_encoder(struct fixture *fixture, enum coding coding, int level)
{
    struct encoder *encoder = NULL;
    struct encoder_config config = {.coding = coding, .level = level};
    assert_int_equal(encoder_acquire(&fixture->codings, &config, &encoder), ERR_OK);
    return encoder;
}

static inline struct decoder *acquire_decoder(struct fixture *fixture, enum coding coding)
{
    struct decoder *decoder = NULL;
    struct decoder_config config = {.coding = coding, .decoded_bytes_max = ROOM, .ratio_max = 5000};
    assert_int_equal(decoder_acquire(&fixture->codings, &config, &decoder), ERR_OK);
    return decoder;
}

/* Feeds pieces of `in_step` bytes and gives room for `out_step` at a time. Returns what was written. */
static inline size_t encode_piece(struct encoder *encoder, struct slice content, enum encoder_mode mode, char *out,
                                  size_t in_step, size_t out_step)
{
    size_t done = 0;
    enum err err = ERR_OK;
    do {
        struct slice piece = slice_first(content, in_step);
        content = slice_skip(content, piece.len);
        enum encoder_mode now = content.len ? ENCODER_CONTINUE : mode;
        size_t bytes = 0;
        while ((err = encoder_write(encoder, &piece, now, out + done, out_step, &bytes)) == ERR_OK) {
            assert_in_range(bytes, 1, out_step);
            done += bytes;
            assert_true(done + out_step <= ROOM);
        }
        assert_int_equal(piece.len, 0);
        assert_int_equal(err, now == ENCODER_FINISH ? ERR_EOF : ERR_AGAIN);
    } while (content.len);
    return done;
}

static inline struct slice encode_all(struct fixture *fixture, enum coding coding, struct slice content)
{
    struct encoder *encoder = acquire_encoder(fixture, coding, 0);
    size_t bytes = encode_piece(encoder, content, ENCODER_FINISH, fixture->coded, SIZE_MAX, ROOM / 2);
    encoder_release(encoder);
    return slice_of(fixture->coded, bytes);
}

/* The first failure of reading, or what decoder_finish says. */
static inline enum err decode_with(struct decoder *decoder, struct slice coded, char *out, size_t in_step,
                                   size_t out_step, size_t *ret_bytes)
{
    *ret_bytes = 0;
    while (coded.len) {
        struct slice piece = slice_first(coded, in_step);
        coded = slice_skip(coded, piece.len);
        size_t bytes = 0;
        enum err err;
        while ((err = decoder_read(decoder, &piece, out + *ret_bytes, MIN(out_step, ROOM - *ret_bytes), &bytes)) ==
               ERR_OK) {
            assert_in_range(bytes, 1, out_step);
            *ret_bytes += bytes;
        }
        if (err != ERR_AGAIN)
            return err;
        assert_int_equal(piece.len, 0);
    }
    return decoder_finish(decoder);
}

static inline enum err decode_all(struct fixture *fixture, enum coding coding, struct slice coded, size_t *ret_bytes)
{
    struct decoder *decoder = acquire_decoder(fixture, coding);
    enum err err = decode_with(decoder, coded, fixture->decoded, SIZE_MAX, ROOM / 2, ret_bytes);
    decoder_release(decoder);
    return err;
}

#endif
