/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buffer.h"

#include <stdio.h>

#define FIRST_BYTES 512

struct buffer buffer_in_arena(struct arena *arena, size_t first_bytes)
{
    /* The capacity is a wish until there is a ptr. */
    return (struct buffer){.arena = arena, .capacity = first_bytes ? first_bytes : FIRST_BYTES};
}

struct buffer buffer_in_memory(char *memory, size_t capacity)
{
    return (struct buffer){.ptr = memory, .capacity = capacity};
}

char *buffer_grow(struct buffer *buffer, size_t bytes)
{
    if (buffer->err != ERR_OK)
        return NULL;
    size_t needed;
    size_t capacity;
    if (!buffer->arena || __builtin_add_overflow(buffer->len, bytes, &needed) ||
        __builtin_mul_overflow(buffer->capacity, buffer->ptr ? 2 : 1, &capacity)) {
        buffer->err = buffer->arena ? ERR_NOMEM : ERR_LIMIT;
        return NULL;
    }
    capacity = MAX(capacity, needed);
    char *grown = arena_alloc(buffer->arena, capacity);
    if (!grown) {
        /* Close to the arena's limit there may be room for what is needed, though not for what is wished. */
        capacity = needed;
        grown = arena_alloc(buffer->arena, capacity);
    }
    if (!grown) {
        buffer->err = ERR_NOMEM;
        return NULL;
    }
    if (buffer->len)
        memcpy(grown, buffer->ptr, buffer->len);
    buffer->ptr = grown;
    buffer->capacity = capacity;
    return grown + buffer->len;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* vsnprintf wants room for its NUL, which is not counted; memory of the caller must have that room too. */
    char *place = len < 0 ? NULL : buffer_reserve(buffer, (size_t)len + 1);
    if (!place)
        return;
    va_start(args, format);
    (void)vsnprintf(place, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

enum err buffer_finish(const struct buffer *buffer, struct slice *ret_bytes)
{
    if (buffer->err == ERR_OK)
        *ret_bytes = slice_of(buffer->ptr, buffer->len);
    return buffer->err;
}
