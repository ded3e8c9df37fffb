/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes under construction: they grow in an arena, or fill memory of the caller and no more. What writers of JSON and
 * of metrics are made on. The first failure sticks and is asked for once, at the end. Growing doubles and copies; what
 * was outgrown stays in the arena until its reset, so a good first size saves memory. */
#ifndef WEIR_LIB_BASE_BUFFER_H
#define WEIR_LIB_BASE_BUFFER_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdarg.h>

struct buffer {
    char *ptr;
    size_t len;
    size_t capacity;
    struct arena *arena; /* borrowed; NULL for memory of the caller */
    enum err err;        /* ERR_NOMEM from the arena, ERR_LIMIT when the caller's memory is full */
};

/* Takes no memory until the first byte. first_bytes 0 takes a default. */
struct buffer buffer_in_arena(struct arena *arena, size_t first_bytes);
struct buffer buffer_in_memory(char *memory, size_t capacity);

/* The slow half of buffer_reserve. */
MUST_USE char *buffer_grow(struct buffer *buffer, size_t bytes);

/* Room for `bytes` more at the returned place; NULL when there is none. The caller writes there and raises len. */
MUST_USE static inline char *buffer_reserve(struct buffer *buffer, size_t bytes)
{
    if (LIKELY(buffer->ptr && bytes <= buffer->capacity - buffer->len))
        return buffer->ptr + buffer->len;
    return buffer_grow(buffer, bytes);
}

static inline void buffer_add(struct buffer *buffer, struct slice bytes)
{
    char *place = bytes.len ? buffer_reserve(buffer, bytes.len) : NULL;
    if (!place)
        return;
    memcpy(place, bytes.ptr, bytes.len);
    buffer->len += bytes.len;
}

static inline void buffer_add_byte(struct buffer *buffer, char byte)
{
    char *place = buffer_reserve(buffer, 1);
    if (!place)
        return;
    *place = byte;
    buffer->len++;
}

void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* What was written, or the failure that stuck. The slice lives as long as the arena or the caller's memory. */
MUST_USE enum err buffer_finish(const struct buffer *buffer, struct slice *ret_bytes);

#endif
