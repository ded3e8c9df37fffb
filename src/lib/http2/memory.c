/* SPDX-License-Identifier: Apache-2.0 */
/* Four sizes to each doubling: at most a fifth of a block is wasted. A block has its size in front of it, because free
 * is not told. */
#include "lib/http2/memory.h"

#include "lib/base/asan.h"
#include "lib/base/memory_user.h"

#include <stdlib.h>
#include <string.h>

struct http2_memory_block {
    struct http2_memory_block *next; /* while it is free */
    size_t bytes;                    /* what the user may use */
    char content[] __attribute__((aligned(16)));
};
_Static_assert(sizeof(struct http2_memory_block) == 16, "blocks are aligned as malloc's are");

static size_t class_bytes(unsigned class)
{
    return (size_t)(4 + class % 4) << (class / 4 + 2);
}

/* HTTP2_MEMORY_CLASSES when it is larger than all. */
static unsigned class_of(size_t bytes)
{
    if (bytes <= class_bytes(0))
        return 0;
    unsigned bits = 63 - (unsigned)__builtin_clzl(bytes - 1); /* 2^bits < bytes <= 2^(bits + 1), bits >= 4 */
    size_t quarters = (bytes - 1) >> (bits - 2);              /* 4 to 7 */
    return MIN((bits - 4) * 4 + (unsigned)quarters - 3, HTTP2_MEMORY_CLASSES);
}

static struct http2_memory_block *block_of(void *content)
{
    return (struct http2_memory_block *)(void *)((char *)content - sizeof(struct http2_memory_block));
}

void http2_memory_init(struct http2_memory *memory, size_t cache_bytes_max, size_t outstanding_bytes_max)
{
    *memory = (struct http2_memory){.cache_bytes_max = cache_bytes_max, .outstanding_bytes_max = outstanding_bytes_max};
}

void http2_memory_deinit(struct http2_memory *memory)
{
    ASSERT(memory->outstanding_bytes == 0, "every HTTP/2 session is destroyed before its memory");
    http2_memory_trim(memory, 0);
}

void *http2_memory_malloc(size_t bytes, void *self)
{
    struct http2_memory *memory = self;
    unsigned class = class_of(bytes);
    size_t block_bytes = class < HTTP2_MEMORY_CLASSES ? class_bytes(class) : bytes;
    if (block_bytes > memory->outstanding_bytes_max - memory->outstanding_bytes)
        return NULL;
    struct http2_memory_block *block = class < HTTP2_MEMORY_CLASSES ? memory->free[class] : NULL;
    if (LIKELY(block)) {
        memory->free[class] = block->next;
        memory->cache_bytes -= block_bytes;
        MEMORY_UNPOISON(block->content, block_bytes);
    } else {
        AS_MEMORY_USER(http2);
        block = malloc(sizeof *block + block_bytes);
        memory->mallocs++;
        if (!block)
            return NULL;
        block->bytes = block_bytes;
    }
    memory->outstanding_bytes += block_bytes;
    return block->content;
}

void *http2_memory_calloc(size_t count, size_t bytes, void *memory)
{
    if (bytes > 0 && count > SIZE_MAX / 2 / bytes)
        return NULL;
    void *content = http2_memory_malloc(count * bytes, memory);
    return content ? memset(content, 0, count * bytes) : NULL;
}

void *http2_memory_realloc(void *content, size_t bytes, void *memory)
{
    if (!content)
        return http2_memory_malloc(bytes, memory);
    struct http2_memory_block *block = block_of(content);
    if (bytes <= block->bytes)
        return content;
    void *larger = http2_memory_malloc(bytes, memory);
    if (!larger)
        return NULL;
    memcpy(larger, content, block->bytes);
    http2_memory_free(content, memory);
    return larger;
}

void http2_memory_free(void *content, void *self)
{
    struct http2_memory *memory = self;
    if (!content)
        return;
    struct http2_memory_block *block = block_of(content);
    unsigned class = class_of(block->bytes);
    memory->outstanding_bytes -= block->bytes;
    if (class == HTTP2_MEMORY_CLASSES || block->bytes > memory->cache_bytes_max - memory->cache_bytes) {
        AS_MEMORY_USER(http2);
        free(block);
        return;
    }
    MEMORY_POISON(block->content, block->bytes);
    block->next = memory->free[class];
    memory->free[class] = block;
    memory->cache_bytes += block->bytes;
}

void http2_memory_trim(struct http2_memory *memory, size_t keep_bytes)
{
    for (unsigned class = HTTP2_MEMORY_CLASSES; class --> 0 && memory->cache_bytes > keep_bytes;)
        while (memory->free[class] && memory->cache_bytes > keep_bytes) {
            struct http2_memory_block *block = memory->free[class];
            memory->free[class] = block->next;
            memory->cache_bytes -= block->bytes;
            MEMORY_UNPOISON(block->content, block->bytes);
            free(block);
        }
}
