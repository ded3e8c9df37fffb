/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/pool.h"

#include "lib/base/memory_user.h"

#include <stdlib.h>

#define BLOCK_ALIGN 64

void pool_init(struct pool *pool, size_t cache_bytes_max, size_t outstanding_bytes_max)
{
    *pool = (struct pool){.cache_bytes_max = cache_bytes_max, .outstanding_bytes_max = outstanding_bytes_max};
}

void pool_deinit(struct pool *pool)
{
    ASSERT(pool->outstanding_bytes == 0, "a block of the pool was never released");
    pool_trim(pool, 0);
}

void *pool_acquire_new(struct pool *pool, unsigned class)
{
    AS_MEMORY_USER(base);
    pool->mallocs++;
    return aligned_alloc(BLOCK_ALIGN, (size_t)1 << (class + POOL_CLASS_MIN_BITS));
}

NOT_INLINE void pool_release_call(struct pool *pool, void *memory, size_t bytes)
{
    pool_release(pool, memory, bytes);
}

void pool_free_block(struct pool_block *block)
{
    AS_MEMORY_USER(base);
    free(block);
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
            pool_free_block(block);
        }
    }
}
