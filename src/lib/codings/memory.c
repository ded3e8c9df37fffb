/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/codings_int.h"

#include <stdlib.h>

void *coding_memory_alloc(void *memory_of, size_t bytes)
{
    struct coding_memory *memory = memory_of;
    size_t block_bytes;
    if (memory->count == MEMORY_BLOCKS_MAX || bytes > memory->used_bytes_max ||
        memory->used_bytes > memory->used_bytes_max - bytes) {
        memory->is_over_limit = true;
        return NULL;
    }
    void *block = pool_acquire(memory->pool, bytes, &block_bytes);
    if (!block && memory->must_not_fail) {
        block = malloc(bytes);
        block_bytes = 0;
    }
    if (!block)
        return NULL;
    memory->blocks[memory->count].ptr = block;
    memory->blocks[memory->count].bytes = block_bytes;
    memory->count++;
    memory->used_bytes += block_bytes;
    return block;
}

void coding_memory_free(void *memory_of, void *block)
{
    struct coding_memory *memory = memory_of;
    if (!block)
        return;
    /* What was taken last mostly goes first. */
    uint32_t i = memory->count;
    while (i > 0 && memory->blocks[i - 1].ptr != block)
        i--;
    ASSERT(i > 0, "a library gave back a block that it never got");
    memory->used_bytes -= memory->blocks[i - 1].bytes;
    if (memory->blocks[i - 1].bytes == 0)
        free(block);
    else
        pool_release(memory->pool, block, memory->blocks[i - 1].bytes);
    memory->blocks[i - 1] = memory->blocks[--memory->count];
}

enum err coding_memory_err(const struct coding_memory *memory)
{
    return memory->is_over_limit ? ERR_LIMIT : ERR_NOMEM;
}
