/* SPDX-License-Identifier: Apache-2.0 */
/* The other direction of a content coding, for input nobody trusts: what comes out, how much more it is than what came
 * in, and the memory it takes are all limited. */
#ifndef WEIR_LIB_CODINGS_DECODER_H
#define WEIR_LIB_CODINGS_DECODER_H

#include "lib/codings/codings.h"

#define DECODER_RATIO_FREE_BYTES (1U << 20)
#define DECODER_RATIO_MAX        200
#define DECODER_MEMORY_BYTES_MAX (28U << 20) /* Brotli's window of 16 MiB while it grows */
#define DECODER_ZSTD_WINDOW_BITS 23          /* RFC 9659 section 3: no window beyond 8 MB in HTTP */

struct decoder_config {
    enum coding coding;
    uint64_t decoded_bytes_max;
    uint32_t ratio_max;        /* decoded : coded, once ratio_free_bytes are exceeded; 0: DECODER_RATIO_MAX */
    uint64_t ratio_free_bytes; /* 0: DECODER_RATIO_FREE_BYTES */
    size_t memory_bytes_max;   /* of the context; 0: DECODER_MEMORY_BYTES_MAX */
};

/* ERR_UNSUPPORTED for the identity, ERR_BUSY over in_use_max, ERR_NOMEM. */
MUST_USE enum err decoder_acquire(struct codings *codings, const struct decoder_config *config,
                                  struct decoder **ret_decoder);
/* At any time, also in the middle of a stream. NULL is accepted. */
void decoder_release(struct decoder *decoder);

/* Takes bytes from the front of *input and writes to `out`. ERR_OK: *ret_bytes > 0 were written, call again, also with
 * empty input. ERR_AGAIN: all was taken, nothing was written: feed more, or ask decoder_finish. ERR_SYNTAX: malformed,
 * or bytes behind the end of the stream (gzip members and zstd frames may follow one another). ERR_LIMIT: a limit of
 * the configuration. ERR_NOMEM: the pool. After an error the decoder must be released. */
MUST_USE enum err decoder_read(struct decoder *decoder, struct slice *input, char *out, size_t capacity,
                               size_t *ret_bytes);
/* The input has ended: ERR_OK, or ERR_TRUNCATED when the stream has not. */
MUST_USE enum err decoder_finish(const struct decoder *decoder);

#endif
