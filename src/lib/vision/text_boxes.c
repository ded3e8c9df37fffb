/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/text_boxes.h"

#include "lib/base/attr.h"
#include "lib/vision/components.h"

#include <math.h>
#include <stdlib.h>

#define SIDE_MIN    3.0F  /* of the kernel in the map, and of the box in the image */
#define LINE_PIXELS 10.0F /* boxes whose upper left corners are no further apart may be of one line */

size_t text_boxes_bytes(uint32_t width, uint32_t height, const struct text_boxes_options *options)
{
    size_t points = ((size_t)height * 2 + 1) * sizeof(struct point);
    return components_bytes(width, height) + 2 * points + options->boxes_max * sizeof(struct text_box) +
           4 * ARENA_ALIGN;
}

/* The leftmost and rightmost pixel of each row suffice for a hull, and come sorted. */
static uint32_t collect_points(const struct components *components, uint32_t first, struct point *points)
{
    uint32_t count = 0;
    uint32_t run = first;
    while (run != COMPONENT_NONE) {
        const struct component_run *begin = &components->runs[run];
        uint32_t last = run;
        while (components->runs[last].next != COMPONENT_NONE &&
               components->runs[components->runs[last].next].y == begin->y)
            last = components->runs[last].next;
        points[count++] = (struct point){(float)begin->x0, (float)begin->y};
        points[count++] = (struct point){(float)components->runs[last].x1, (float)begin->y};
        run = components->runs[last].next;
    }
    return count;
}

/* Where a row cuts a convex quadrangle. False: it does not. */
static bool cut(const struct quad *quad, float y, float *ret_left, float *ret_right)
{
    float left = INFINITY;
    float right = -INFINITY;
    for (uint32_t i = 0; i < 4; i++) {
        struct point a = quad->corners[i];
        struct point b = quad->corners[(i + 1) & 3];
        if ((a.y < y && b.y < y) || (a.y > y && b.y > y))
            continue;
        float xa = a.x;
        float xb = b.x;
        if (a.y != b.y)
            xa = xb = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
        left = fminf(left, fminf(xa, xb));
        right = fmaxf(right, fmaxf(xa, xb));
    }
    *ret_left = left;
    *ret_right = right;
    return left <= right;
}

static float clamp(float value, float least, float most)
{
    return fminf(fmaxf(value, least), most);
}

/* The mean of the map in the box: PP-OCR's box_score_fast. What is not finite counts as nothing. */
static float score_of(const struct text_boxes_map *map, const struct quad *quad)
{
    float top = INFINITY;
    float bottom = -INFINITY;
    for (uint32_t i = 0; i < 4; i++) {
        top = fminf(top, quad->corners[i].y);
        bottom = fmaxf(bottom, quad->corners[i].y);
    }
    uint32_t first = (uint32_t)clamp(floorf(top), 0, (float)(map->height - 1));
    uint32_t last = (uint32_t)clamp(ceilf(bottom), 0, (float)(map->height - 1));
    double sum = 0;
    uint64_t count = 0;
    for (uint32_t y = first; y <= last; y++) {
        float left;
        float right;
        if (!cut(quad, (float)y, &left, &right))
            continue;
        uint32_t x0 = (uint32_t)clamp(roundf(left), 0, (float)(map->width - 1));
        uint32_t x1 = (uint32_t)clamp(roundf(right), 0, (float)(map->width - 1));
        const float *row = map->values + (size_t)y * map->width;
        for (uint32_t x = x0; x <= x1; x++)
            sum += isfinite(row[x]) ? row[x] : 0;
        count += x1 - x0 + 1;
    }
    return count ? (float)(sum / (double)count) : 0;
}

static float short_side(const struct quad *quad)
{
    return fminf(quad_side(quad, 0), quad_side(quad, 1));
}

/* Into the image, on whole pixels. False: too little is left of it. */
static bool place(const struct text_boxes_map *map, struct quad *quad)
{
    for (uint32_t i = 0; i < 4; i++) {
        struct point *corner = &quad->corners[i];
        corner->x = clamp(roundf(corner->x / (float)map->width * map->image_width), 0, map->image_width - 1);
        corner->y = clamp(roundf(corner->y / (float)map->height * map->image_height), 0, map->image_height - 1);
    }
    *quad = quad_order(quad);
    return quad_side(quad, 0) > SIDE_MIN && quad_side(quad, 3) > SIDE_MIN;
}

static bool make_box(const struct text_boxes_map *map, const struct text_boxes_options *options, struct quad kernel,
                     struct text_box *ret_box)
{
    if (short_side(&kernel) < SIDE_MIN)
        return false;
    float score = score_of(map, &kernel);
    if (!(score >= options->box_threshold))
        return false;
    float distance = quad_area(&kernel) * options->unclip_ratio / quad_perimeter(&kernel);
    struct quad box = quad_grow(&kernel, distance);
    if (!quad_is_finite(&box) || short_side(&box) < SIDE_MIN + 2 || !place(map, &box))
        return false;
    *ret_box = (struct text_box){box, score};
    return true;
}

static int by_place(const void *a_, const void *b_)
{
    const struct text_box *a = a_;
    const struct text_box *b = b_;
    struct point p = a->quad.corners[0];
    struct point q = b->quad.corners[0];
    if (p.y != q.y)
        return p.y < q.y ? -1 : 1;
    return p.x < q.x ? -1 : p.x > q.x;
}

/* Those of one line stand next to each other after sorting by height, and may be in any order from left to right: as
 * PP-OCR's sorted_boxes does it. */
static void sort(struct text_box *boxes, uint32_t count)
{
    qsort(boxes, count, sizeof *boxes, by_place);
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t k = i; k > 0; k--) {
            struct point here = boxes[k].quad.corners[0];
            struct point before = boxes[k - 1].quad.corners[0];
            if (fabsf(here.y - before.y) >= LINE_PIXELS || here.x >= before.x)
                break;
            struct text_box kept = boxes[k];
            boxes[k] = boxes[k - 1];
            boxes[k - 1] = kept;
        }
}

enum err text_boxes_find(const struct text_boxes_map *map, const struct text_boxes_options *options,
                         struct arena *arena, struct text_box **ret_boxes, uint32_t *ret_count)
{
    struct component_map regions = {.values = map->values,
                                    .width = map->width,
                                    .height = map->height,
                                    .threshold = options->threshold,
                                    .is_dilated = options->is_dilated};
    struct components components;
    uint32_t count = 0;
    size_t points_max = (size_t)map->height * 2;
    struct text_box *boxes = arena_alloc(arena, options->boxes_max * sizeof *boxes);
    struct point *points = arena_alloc(arena, points_max * sizeof *points);
    struct point *hull = arena_alloc(arena, (points_max + 1) * sizeof *hull);
    if (!boxes || !points || !hull)
        return ERR_NOMEM;
    TRY(components_find(&regions, arena, &components));
    for (uint32_t i = 0; i < MIN(components.count, options->boxes_max); i++) {
        uint32_t point_count = collect_points(&components, components.firsts[i], points);
        uint32_t hull_count = hull_of_sorted(points, point_count, hull);
        if (make_box(map, options, hull_min_rect(hull, hull_count), &boxes[count]))
            count++;
    }
    sort(boxes, count);
    *ret_boxes = boxes;
    *ret_count = count;
    return ERR_OK;
}
