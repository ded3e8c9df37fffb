/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/pool.h"

#include "lib/base/asan.h"

#include <stdlib.h>

#define BLOCK_ALIGN 64

struct pool_block {
    struct pool_block *next;
};

static unsigned class_of(size_t bytes);

void pool_init(struct pool *pool, size_t cache_bytes_max, size_t outstanding_bytes_max)
{
    *pool = (struct pool){.cache_bytes_max = cache_bytes_max, .outstanding_bytes_max = outstanding_bytes_max};
}

void pool_deinit(struct pool *pool)
{
    ASSERT(pool->outstanding_bytes == 0, "a block of the pool was never released");
    pool_trim(pool, 0);
}

void *pool_acquire(struct pool *pool, size_t bytes, size_t *ret_bytes)
{
    unsigned class = class_of(bytes);
    if (class >= POOL_CLASSES)
        return NULL;
    size_t class_bytes = (size_t)1 << (class + POOL_CLASS_MIN_BITS);
    if (class_bytes > pool->outstanding_bytes_max - pool->outstanding_bytes)
        return NULL;
    struct pool_block *block = pool->free[class];
    if (block) {
        MEMORY_UNPOISON(block, class_bytes);
        pool->free[class] = block->next;
        pool->cache_bytes -= class_bytes;
    } else {
        block = aligned_alloc(BLOCK_ALIGN, class_bytes);
        pool->mallocs++;
        if (!block)
            return NULL;
    }
    pool->outstanding_bytes += class_bytes;
    *ret_bytes = class_bytes;
    return block;
}

void pool_release(struct pool *pool, void *memory, size_t bytes)
{
    struct pool_block *block = memory;
    if (!block)
        return;
    unsigned class = class_of(bytes);
    ASSERT(class < POOL_CLASSES && (size_t)1 << (class + POOL_CLASS_MIN_BITS) == bytes, "released size is no class");
    ASSERT(pool->outstanding_bytes >= bytes, "more was released than acquired");
    pool->outstanding_bytes -= bytes;
    if (pool->cache_bytes + bytes > pool->cache_bytes_max) {
        free(block);
        return;
    }
    block->next = pool->free[class];
    pool->free[class] = block;
    pool->cache_bytes += bytes;
    MEMORY_POISON(block, bytes);
}

void pool_trim(struct pool *pool, size_t keep_bytes)
{
    for (int class = POOL_CLASSES - 1; class >= 0; class --) {
        size_t class_bytes = (size_t)1 << (class + POOL_CLASS_MIN_BITS);
        while (pool->free[class] && pool->cache_bytes > keep_bytes) {
            struct pool_block *block = pool->free[class];
            MEMORY_UNPOISON(block, class_bytes);
            pool->free[class] = block->next;
            pool->cache_bytes -= class_bytes;
            free(block);
        }
    }
}

static unsigned class_of(size_t bytes)
{
    if (bytes <= (size_t)1 << POOL_CLASS_MIN_BITS)
        return 0;
    unsigned bits = 64 - (unsigned)__builtin_clzl(bytes - 1);
    return bits - POOL_CLASS_MIN_BITS;
}
