/* SPDX-License-Identifier: Apache-2.0 */
/* malloc and free for a library that wants them, made of free lists by size: once warm, the system is not asked. One for
 * each worker: not thread-safe. What is out and what is kept are bounded. Free blocks are poisoned under
 * AddressSanitizer. */
#ifndef WEIR_LIB_HTTP2_MEMORY_H
#define WEIR_LIB_HTTP2_MEMORY_H

#include "lib/base/attr.h"

#include <stddef.h>
#include <stdint.h>

#define HTTP2_MEMORY_CLASSES 52 /* 16, 20, 24, 28, 32, 40 … 112 KiB; larger blocks are not kept */

struct http2_memory_block;

struct http2_memory {
    struct http2_memory_block *free[HTTP2_MEMORY_CLASSES];
    size_t outstanding_bytes;
    size_t outstanding_bytes_max;
    size_t cache_bytes;
    size_t cache_bytes_max;
    uint64_t mallocs; /* how often the system was asked; flat once warm */
};

void http2_memory_init(struct http2_memory *memory, size_t cache_bytes_max, size_t outstanding_bytes_max);
/* Every block must have come back. */
void http2_memory_deinit(struct http2_memory *memory);

/* Like the functions whose names they have, of a struct http2_memory, in the form that nghttp2 wants. NULL at
 * outstanding_bytes_max or without memory. */
MUST_USE void *http2_memory_malloc(size_t bytes, void *memory);
MUST_USE void *http2_memory_calloc(size_t count, size_t bytes, void *memory);
MUST_USE void *http2_memory_realloc(void *block, size_t bytes, void *memory);
void http2_memory_free(void *block, void *memory);
/* Gives kept blocks back to the system until at most `keep_bytes` are kept. */
void http2_memory_trim(struct http2_memory *memory, size_t keep_bytes);

#endif
