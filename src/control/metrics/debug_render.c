/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics/debug_render.h"

#include "control/metrics/debug_int.h"
#include "control/metrics/render_int.h"

#define TEXT_FIRST_BYTES 16384
#define TEXT_BYTES_MAX   (64u << 20)

typedef enum err (*debug_write)(struct json_writer *writer, struct arena *arena, const struct debug_sources *sources);

static const debug_write documents[DEBUG_DOCUMENTS] = {
    [DEBUG_STALLS] = debug_write_stalls,
    [DEBUG_ALLOCATIONS] = debug_write_allocations,
};

enum err debug_render(const struct debug_sources *sources, enum debug_document document, char **ret_text,
                      size_t *ret_bytes)
{
    struct pool pool;
    struct arena arena;
    struct slice text;
    pool_init(&pool, 0, TEXT_BYTES_MAX);
    arena_init(&arena, &pool, TEXT_FIRST_BYTES, TEXT_BYTES_MAX);
    struct json_writer writer = json_writer_in_arena(&arena, TEXT_FIRST_BYTES);
    enum err err = documents[document](&writer, &arena, sources);
    if (err == ERR_OK)
        err = json_writer_finish(&writer, &text);
    if (err == ERR_OK)
        err = render_copy(text, ret_text, ret_bytes);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
