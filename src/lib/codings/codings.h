/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings (RFC 9110 section 8.4.1): what they are called, and where a worker keeps the contexts that encode and
 * decode them. encoder.h and decoder.h are the two directions.
 *
 * All memory, the libraries' own too, comes from one pool of the worker: once traffic is warm nobody asks malloc. A
 * context that was used goes back to its store, reset, and the next user spares its set-up; one that has grown large
 * gives its memory back instead. Not thread-safe: a store belongs to one thread. */
#ifndef WEIR_LIB_CODINGS_CODINGS_H
#define WEIR_LIB_CODINGS_CODINGS_H

#include "lib/base/err.h"
#include "lib/base/pool.h"
#include "lib/base/slice.h"

#include <stdbool.h>

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,    /* RFC 1952 */
    CODING_DEFLATE, /* RFC 1950: the zlib form; raw deflate is refused */
    CODING_BROTLI,  /* RFC 7932 */
    CODING_ZSTD,    /* RFC 8878, RFC 9659 */
    CODING_COUNT,
};

/* "gzip"; a static string. */
const char *coding_name(enum coding coding);
/* In any case of letters, and "x-gzip" is gzip (RFC 9110 section 8.4.1.3). ERR_UNSUPPORTED. */
MUST_USE enum err coding_parse(struct slice text, enum coding *ret_coding);

struct encoder;
struct decoder;

struct codings {
    struct pool *pool; /* borrowed */
    struct encoder *idle_encoders[CODING_COUNT];
    struct decoder *idle_decoders[CODING_COUNT];
    uint32_t idle_encoder_count[CODING_COUNT];
    uint32_t idle_decoder_count[CODING_COUNT];
    uint32_t idle_max; /* of each kind */
    uint32_t in_use;   /* encoders and decoders that are out */
    uint32_t in_use_max;
};

struct codings_config {
    struct pool *pool;
    uint32_t idle_max;   /* contexts of each kind that are kept for reuse */
    uint32_t in_use_max; /* encoders and decoders at a time; over it acquiring gives ERR_BUSY */
};

void codings_init(struct codings *codings, const struct codings_config *config);
/* Every encoder and decoder must have been released. */
void codings_deinit(struct codings *codings);
/* Gives the memory of idle contexts back to the pool. */
void codings_trim(struct codings *codings);

#endif
