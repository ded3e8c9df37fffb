/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/components.h"

static size_t runs_max(uint32_t width, uint32_t height)
{
    return ((size_t)width + 1) / 2 * height;
}

size_t components_bytes(uint32_t width, uint32_t height)
{
    return runs_max(width, height) * (sizeof(struct component_run) + sizeof(uint32_t)) + 2 * ARENA_ALIGN;
}

/* OpenCV's kernel of even size has its anchor at 1, 1: a pixel is set when it, or the one to the left, above or above left
 * is. */
static bool is_set(const struct component_map *map, uint32_t x, uint32_t y)
{
    const float *row = map->values + (size_t)y * map->width;
    if (row[x] > map->threshold)
        return true;
    if (!map->is_dilated)
        return false;
    if (x > 0 && row[x - 1] > map->threshold)
        return true;
    const float *above = row - map->width;
    return y > 0 && (above[x] > map->threshold || (x > 0 && above[x - 1] > map->threshold));
}

/* The first run of a component; paths are halved on the way (van Leeuwen and van der Weide 1977). */
static uint32_t find(struct component_run *runs, uint32_t run)
{
    while (runs[run].parent != run) {
        runs[run].parent = runs[runs[run].parent].parent;
        run = runs[run].parent;
    }
    return run;
}

/* The earlier one stays the root, so that it is the first in the order of rows. */
static void join(struct component_run *runs, uint32_t a, uint32_t b)
{
    uint32_t root_a = find(runs, a);
    uint32_t root_b = find(runs, b);
    if (root_a < root_b)
        runs[root_b].parent = root_a;
    else
        runs[root_a].parent = root_b;
}

static uint32_t add_row(const struct component_map *map, uint32_t y, struct component_run *runs, uint32_t count)
{
    for (uint32_t x = 0; x < map->width; x++) {
        if (!is_set(map, x, y))
            continue;
        uint32_t begin = x;
        while (x + 1 < map->width && is_set(map, x + 1, y))
            x++;
        runs[count] = (struct component_run){
            .x0 = begin, .x1 = x, .y = y, .parent = count, .next = COMPONENT_NONE, .last = count};
        count++;
    }
    return count;
}

/* Runs of two rows touch when they overlap or meet at a corner. */
static void join_rows(struct component_run *runs, uint32_t above, uint32_t begin, uint32_t end)
{
    uint32_t a = above;
    uint32_t b = begin;
    while (a < begin && b < end) {
        if (runs[a].x0 <= runs[b].x1 + 1 && runs[b].x0 <= runs[a].x1 + 1)
            join(runs, a, b);
        if (runs[a].x1 < runs[b].x1)
            a++;
        else
            b++;
    }
}

static void link_runs(struct components *components)
{
    struct component_run *runs = components->runs;
    for (uint32_t i = 0; i < components->run_count; i++) {
        uint32_t first = find(runs, i);
        if (first == i) {
            components->firsts[components->count++] = i;
            continue;
        }
        runs[runs[first].last].next = i;
        runs[first].last = i;
    }
}

enum err components_find(const struct component_map *map, struct arena *arena, struct components *ret)
{
    size_t most = runs_max(map->width, map->height);
    struct components found = {.runs = arena_alloc(arena, most * sizeof *found.runs),
                               .firsts = arena_alloc(arena, most * sizeof *found.firsts)};
    if (!found.runs || !found.firsts)
        return ERR_NOMEM;
    uint32_t above = 0;
    for (uint32_t y = 0; y < map->height; y++) {
        uint32_t begin = found.run_count;
        found.run_count = add_row(map, y, found.runs, begin);
        join_rows(found.runs, above, begin, found.run_count);
        above = begin;
    }
    link_runs(&found);
    *ret = found;
    return ERR_OK;
}
