/* SPDX-License-Identifier: Apache-2.0 */
/* What a coding's own file provides, and the memory its library gets. */
#ifndef WEIR_LIB_CODINGS_CODINGS_INT_H
#define WEIR_LIB_CODINGS_CODINGS_INT_H

#include "lib/codings/codings.h"
#include "lib/codings/decoder.h"
#include "lib/codings/encoder.h"

/* A context of more than this is not kept idle. */
#define CONTEXT_KEEP_BYTES_MAX (4U << 20)
/* Blocks of a context at a time; brotli's encoder has about a dozen. */
#define MEMORY_BLOCKS_MAX 96

/* The blocks of one context. The pool wants to be told a block's size when it comes back and the libraries do not say
 * it. A head in front of each block would push the powers of two that zlib asks for into the next class: a table. */
struct coding_memory {
    struct pool *pool;
    size_t used_bytes;
    size_t used_bytes_max;
    bool is_over_limit;
    bool must_not_fail; /* an empty pool is made up for by the system */
    uint32_t count;
    struct {
        void *ptr;
        size_t bytes; /* 0: from the system */
    } blocks[MEMORY_BLOCKS_MAX];
};

/* The two functions the libraries call; `memory` is a struct coding_memory. */
void *coding_memory_alloc(void *memory, size_t bytes);
void coding_memory_free(void *memory, void *block);

/* How an allocation failed: the context's own limit, or the pool. */
enum err coding_memory_err(const struct coding_memory *memory);

struct room {
    char *ptr;
    size_t len;
};

/* Each coding's struct begins with one of these. */
struct encoder {
    const struct encoder_kind *kind;
    struct codings *codings;
    struct encoder *next; /* while idle */
    size_t block_bytes;   /* of the struct itself, as the pool gave it */
    enum coding coding;
    int level;
    uint64_t known_bytes;
    bool is_open; /* the library's context exists */
    bool is_done; /* nothing to give out until there is more input or another mode */
    enum encoder_mode done_mode;
    struct coding_memory memory;
};

/* step takes from *input and fills *out, moving both on; *ret_is_done: all input is taken and what the mode demands is
 * out. open readies a context for a stream, also one that has been used; close frees what the library holds. */
struct encoder_kind {
    size_t bytes;
    enum err (*open)(struct encoder *encoder);
    enum err (*step)(struct encoder *encoder, struct slice *input, enum encoder_mode mode, struct room *out,
                     bool *ret_is_done);
    void (*close)(struct encoder *encoder);
};

struct decoder {
    const struct decoder_kind *kind;
    struct codings *codings;
    struct decoder *next;
    size_t block_bytes;
    enum coding coding;
    bool is_open;
    bool is_at_end;  /* the stream may end here */
    bool is_drained; /* nothing to give out until there is more input */
    enum err failure;
    uint64_t coded_bytes;
    uint64_t decoded_bytes;
    struct decoder_config config;
    struct coding_memory memory;
};

/* step keeps decoder->is_at_end. It may return with input left or room left, but not with both unless nothing can be
 * done: then there is no progress and the caller sees ERR_AGAIN. */
struct decoder_kind {
    size_t bytes;
    enum err (*open)(struct decoder *decoder);
    enum err (*step)(struct decoder *decoder, struct slice *input, struct room *out);
    void (*close)(struct decoder *decoder);
};

extern const struct encoder_kind encoder_zlib; /* gzip and deflate */
extern const struct encoder_kind encoder_brotli;
extern const struct encoder_kind encoder_zstd;
extern const struct decoder_kind decoder_zlib;
extern const struct decoder_kind decoder_brotli;
extern const struct decoder_kind decoder_zstd;

void encoder_destroy(struct encoder *encoder);
void decoder_destroy(struct decoder *decoder);

#endif
