/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of memory in power-of-two sizes, kept for reuse. One pool for each worker: not thread-safe.
 *
 * Arenas and buffers draw from it, so that once traffic is warm no request reaches malloc: the block a request gives
 * back is the one the next request gets. What is kept is bounded by cache_bytes_max; beyond that blocks go back to the
 * system. What is out at any time is bounded by outstanding_bytes_max, so that a crowd of large bodies is answered
 * with 503 and not with the out-of-memory killer. Free blocks are poisoned under AddressSanitizer. */
#ifndef WEIR_LIB_BASE_POOL_H
#define WEIR_LIB_BASE_POOL_H

#include "lib/base/asan.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_CLASS_MIN_BITS 10 /* 1 KiB */
#define POOL_CLASS_MAX_BITS 30 /* 1 GiB */
#define POOL_CLASSES        (POOL_CLASS_MAX_BITS - POOL_CLASS_MIN_BITS + 1)

struct pool_block {
    struct pool_block *next;
};

struct pool {
    struct pool_block *free[POOL_CLASSES];
    size_t cache_bytes;
    size_t cache_bytes_max;
    size_t outstanding_bytes;
    size_t outstanding_bytes_max;
    uint64_t mallocs; /* how often the system was asked; flat once warm */
};

void pool_init(struct pool *pool, size_t cache_bytes_max, size_t outstanding_bytes_max);
/* Every block must have come back. */
void pool_deinit(struct pool *pool);

/* The class of the smallest block that holds so many bytes; POOL_CLASSES or more: none does. */
static inline unsigned pool_class_of(size_t bytes)
{
    if (bytes <= (size_t)1 << POOL_CLASS_MIN_BITS)
        return 0;
    return 64 - (unsigned)__builtin_clzl(bytes - 1) - POOL_CLASS_MIN_BITS;
}

/* pool.c: with the system's help. */
void *pool_acquire_new(struct pool *pool, unsigned class);
void pool_free_block(struct pool_block *block);

/* At least `bytes`, 64-byte aligned, content undefined. *ret_bytes is what may be used (the whole class).
 * NULL when outstanding_bytes_max or the largest class would be exceeded, or the system has no memory.
 *
 * This and pool_release are inline: six calls for each request were 200 instructions, and are 100. */
MUST_USE static inline void *pool_acquire(struct pool *pool, size_t bytes, size_t *ret_bytes)
{
    unsigned class = pool_class_of(bytes);
    if (UNLIKELY(class >= POOL_CLASSES))
        return NULL;
    size_t class_bytes = (size_t)1 << (class + POOL_CLASS_MIN_BITS);
    if (UNLIKELY(class_bytes > pool->outstanding_bytes_max - pool->outstanding_bytes))
        return NULL;
    struct pool_block *block = pool->free[class];
    if (UNLIKELY(!block)) {
        block = pool_acquire_new(pool, class);
        if (!block)
            return NULL;
    } else {
        MEMORY_UNPOISON(block, class_bytes);
        pool->free[class] = block->next;
        pool->cache_bytes -= class_bytes;
    }
    pool->outstanding_bytes += class_bytes;
    *ret_bytes = class_bytes;
    return block;
}

/* `bytes` is the *ret_bytes of pool_acquire. NULL is accepted. */
static inline void pool_release(struct pool *pool, void *memory, size_t bytes)
{
    struct pool_block *block = memory;
    if (!block)
        return;
    unsigned class = (unsigned)__builtin_ctzl(bytes) - POOL_CLASS_MIN_BITS;
    ASSERT((bytes & (bytes - 1)) == 0 && class < POOL_CLASSES, "released size is no class");
    ASSERT(pool->outstanding_bytes >= bytes, "more was released than acquired");
    pool->outstanding_bytes -= bytes;
    if (UNLIKELY(pool->cache_bytes + bytes > pool->cache_bytes_max)) {
        pool_free_block(block);
        return;
    }
    block->next = pool->free[class];
    pool->free[class] = block;
    pool->cache_bytes += bytes;
    MEMORY_POISON(block, bytes);
}

/* Whether `bytes` more may be out, all together. */
static inline bool pool_has(const struct pool *pool, size_t bytes)
{
    return bytes <= pool->outstanding_bytes_max && pool->outstanding_bytes <= pool->outstanding_bytes_max - bytes;
}

/* pool.c: pool_release, where it is rare. */
void pool_release_call(struct pool *pool, void *memory, size_t bytes);

/* One block that its owner keeps at hand, because it takes one and gives it back all the time: out, as the pool counts. */
struct pool_spare {
    void *ptr; /* NULL: none */
    size_t bytes;
};

/* It keeps none from here on: the place is taken, by nothing that anybody could use. While it is empty. */
static inline void pool_spare_stop_keeping(struct pool_spare *spare)
{
    *spare = (struct pool_spare){.ptr = spare, .bytes = 0};
}

/* As pool_acquire, but NULL when it is not there or too small: then ask the pool. */
MUST_USE static inline void *pool_spare_take(struct pool_spare *spare, size_t bytes, size_t *ret_bytes)
{
    void *memory = spare->ptr;
    if (UNLIKELY(!memory || bytes > spare->bytes))
        return NULL;
    MEMORY_UNPOISON(memory, spare->bytes);
    spare->ptr = NULL;
    *ret_bytes = spare->bytes;
    return memory;
}

/* As pool_release. A block of more than `bytes_max` is not kept. */
static inline void pool_spare_release(struct pool_spare *spare, struct pool *pool, void *memory, size_t bytes,
                                      size_t bytes_max)
{
    if (UNLIKELY(spare->ptr || !memory || bytes > bytes_max)) {
        pool_release_call(pool, memory, bytes);
        return;
    }
    MEMORY_POISON(memory, bytes);
    *spare = (struct pool_spare){memory, bytes};
}

static inline size_t pool_spare_bytes(const struct pool_spare *spare)
{
    return spare->ptr ? spare->bytes : 0;
}

static inline void pool_spare_drop(struct pool_spare *spare, struct pool *pool)
{
    if (!pool_spare_bytes(spare))
        return;
    MEMORY_UNPOISON(spare->ptr, spare->bytes);
    pool_release(pool, spare->ptr, spare->bytes);
    *spare = (struct pool_spare){NULL, 0};
}

/* Gives cached blocks back to the system until at most `keep_bytes` are kept. */
void pool_trim(struct pool *pool, size_t keep_bytes);

#endif
