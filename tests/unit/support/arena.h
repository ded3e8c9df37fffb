/* SPDX-License-Identifier: Apache-2.0 */
/* An arena on a pool of its own, made anew for each test of a group. */
#ifndef WEIR_TESTS_UNIT_SUPPORT_ARENA_H
#define WEIR_TESTS_UNIT_SUPPORT_ARENA_H

#include "lib/base/arena.h"

static struct pool pool;
static struct arena arena;

static int make_arena_of(size_t limit_bytes)
{
    pool_init(&pool, 64 << 20, 256 << 20);
    arena_init(&arena, &pool, 4096, limit_bytes);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

#endif
