/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

/* As large as the largest alignment, so that what follows it is aligned for arena_alloc_aligned too. */
struct arena_block {
    struct arena_block *next;
    size_t bytes; /* as the pool counts it */
} CACHE_ALIGNED;

void arena_init(struct arena *arena, struct pool *pool, size_t block_bytes, size_t limit_bytes)
{
    *arena = (struct arena){.pool = pool, .limit_bytes = limit_bytes, .block_bytes = block_bytes};
}

void arena_init_fixed(struct arena *arena, void *memory, size_t bytes)
{
    *arena = (struct arena){.cursor = memory, .end = (char *)memory + bytes};
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block) {
        struct arena_block *next = block->next;
        MEMORY_UNPOISON(block, block->bytes);
        pool_release(arena->pool, block, block->bytes);
        block = next;
    }
    arena->blocks = NULL;
    arena->cursor = NULL;
    arena->end = NULL;
    arena->used_bytes = 0;
    arena->is_over_limit = false;
}

void *arena_alloc_aligned(struct arena *arena, size_t bytes)
{
    return arena_alloc_at(arena, bytes, 64);
}

void *arena_alloc_zero(struct arena *arena, size_t bytes)
{
    void *memory = arena_alloc(arena, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc_zero(arena, bytes);
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy)
        return (struct slice){NULL, 0};
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return slice_of(copy, text.len);
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text ? slice_of(text, (size_t)len) : (struct slice){NULL, 0};
}

/* A large piece gets a block of its own and leaves the current block open for small ones. A block never hands out more
 * than it was charged for, though the pool may have rounded it up: the limit holds to the byte. */
NOT_INLINE void *arena_alloc_more(struct arena *arena, size_t bytes)
{
    size_t room = arena->limit_bytes - arena->used_bytes;
    if (room < sizeof(struct arena_block) || bytes > room - sizeof(struct arena_block)) {
        arena->is_over_limit = true;
        return NULL;
    }
    size_t wanted = sizeof(struct arena_block) + bytes;
    bool is_large = wanted > arena->block_bytes;
    size_t charge = is_large ? wanted : MIN(arena->block_bytes, room);
    size_t block_bytes;
    struct arena_block *block = pool_acquire(arena->pool, charge, &block_bytes);
    if (!block)
        return NULL;
    *block = (struct arena_block){.next = arena->blocks, .bytes = block_bytes};
    arena->blocks = block;
    arena->used_bytes += charge;
    char *start = (char *)(block + 1);
    MEMORY_POISON(start, block_bytes - sizeof *block);
    MEMORY_UNPOISON(start, bytes);
    if (!is_large || !arena->cursor) {
        arena->cursor = start + bytes;
        arena->end = (char *)block + charge;
    }
    return start;
}
