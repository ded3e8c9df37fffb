/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/quad.h"

#include <float.h>
#include <math.h>

static float distance(struct point a, struct point b)
{
    return hypotf(b.x - a.x, b.y - a.y);
}

float quad_side(const struct quad *quad, uint32_t side)
{
    return distance(quad->corners[side & 3], quad->corners[(side + 1) & 3]);
}

float quad_perimeter(const struct quad *quad)
{
    return quad_side(quad, 0) + quad_side(quad, 1) + quad_side(quad, 2) + quad_side(quad, 3);
}

float quad_area(const struct quad *quad)
{
    double sum = 0;
    for (uint32_t i = 0; i < 4; i++) {
        struct point a = quad->corners[i];
        struct point b = quad->corners[(i + 1) & 3];
        sum += (double)a.x * b.y - (double)b.x * a.y;
    }
    return (float)fabs(sum / 2);
}

bool quad_is_finite(const struct quad *quad)
{
    for (uint32_t i = 0; i < 4; i++)
        if (!isfinite(quad->corners[i].x) || !isfinite(quad->corners[i].y))
            return false;
    return true;
}

/* Twice the area of the triangle, with its sense. */
static double turn(struct point o, struct point a, struct point b)
{
    return ((double)a.x - o.x) * ((double)b.y - o.y) - ((double)a.y - o.y) * ((double)b.x - o.x);
}

/* Half of the hull: appends points so that it turns one way only. */
static uint32_t add_to_chain(struct point *hull, uint32_t begin, uint32_t count, struct point point)
{
    while (count >= begin + 2 && turn(hull[count - 2], hull[count - 1], point) <= 0)
        count--;
    hull[count] = point;
    return count + 1;
}

uint32_t hull_of_sorted(const struct point *points, uint32_t count, struct point *hull)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || points[i].x != points[i - 1].x || points[i].y != points[i - 1].y)
            size = add_to_chain(hull, 0, size, points[i]);
    if (size < 2)
        return size;
    uint32_t begin = size - 1;
    for (uint32_t i = count - 1; i-- > 0;)
        if (points[i].x != hull[size - 1].x || points[i].y != hull[size - 1].y)
            size = add_to_chain(hull, begin, size, points[i]);
    return size > 1 ? size - 1 : size; /* the first point came twice */
}

/* How far the polygon reaches along a direction; `at` is where it was last, for the calipers only ever go on. */
static uint32_t advance(const struct point *hull, uint32_t count, uint32_t at, double dx, double dy)
{
    for (uint32_t steps = 0; steps < count; steps++) {
        uint32_t next = (at + 1) % count;
        double gain = ((double)hull[next].x - hull[at].x) * dx + ((double)hull[next].y - hull[at].y) * dy;
        if (gain < 0)
            break;
        at = next;
    }
    return at;
}

static double reach(struct point p, double dx, double dy)
{
    return p.x * dx + p.y * dy;
}

static struct quad rect_of(double dx, double dy, const double along[2], const double across[2])
{
    struct quad rect;
    for (uint32_t i = 0; i < 4; i++) {
        double u = along[i == 1 || i == 2];
        double v = across[i >= 2];
        rect.corners[i] = (struct point){(float)(u * dx - v * dy), (float)(u * dy + v * dx)};
    }
    return quad_order(&rect);
}

struct quad hull_min_rect(const struct point *hull, uint32_t count)
{
    if (count < 3) {
        struct point a = hull[0];
        struct point b = hull[count - 1];
        return quad_order(&(struct quad){{a, b, b, a}});
    }
    uint32_t far = 0;
    uint32_t ahead = 0;
    uint32_t behind = 0;
    double least = DBL_MAX;
    struct quad best = {{hull[0], hull[0], hull[0], hull[0]}};
    for (uint32_t i = 0; i < count; i++) {
        struct point a = hull[i];
        struct point b = hull[(i + 1) % count];
        double length = hypot((double)b.x - a.x, (double)b.y - a.y);
        if (!(length > 0))
            continue;
        double dx = ((double)b.x - a.x) / length;
        double dy = ((double)b.y - a.y) / length;
        ahead = advance(hull, count, i ? ahead : 1, dx, dy);
        far = advance(hull, count, i ? far : ahead, -dy, dx);
        behind = advance(hull, count, i ? behind : far, -dx, -dy);
        double along[2] = {reach(hull[behind], dx, dy), reach(hull[ahead], dx, dy)};
        double across[2] = {reach(a, -dy, dx), reach(hull[far], -dy, dx)};
        double area = (along[1] - along[0]) * (across[1] - across[0]);
        if (area >= least)
            continue;
        least = area;
        best = rect_of(dx, dy, along, across);
    }
    return best;
}

static void swap_if(bool is_wanted, struct point *a, struct point *b)
{
    struct point kept = *a;
    if (!is_wanted)
        return;
    *a = *b;
    *b = kept;
}

struct quad quad_order(const struct quad *quad)
{
    struct point p[4] = {quad->corners[0], quad->corners[1], quad->corners[2], quad->corners[3]};
    for (uint32_t i = 1; i < 4; i++)
        for (uint32_t k = i; k > 0; k--)
            swap_if(p[k].x < p[k - 1].x, &p[k], &p[k - 1]);
    swap_if(p[1].y < p[0].y, &p[0], &p[1]);
    swap_if(p[3].y < p[2].y, &p[2], &p[3]);
    return (struct quad){{p[0], p[2], p[3], p[1]}};
}

struct quad quad_grow(const struct quad *rect, float distance_)
{
    struct quad grown = *rect;
    for (uint32_t i = 0; i < 4; i++) {
        struct point here = rect->corners[i];
        struct point next = rect->corners[(i + 1) & 3];
        struct point last = rect->corners[(i + 3) & 3];
        float to_next = distance(here, next);
        float to_last = distance(here, last);
        if (to_next > 0) {
            grown.corners[i].x -= (next.x - here.x) / to_next * distance_;
            grown.corners[i].y -= (next.y - here.y) / to_next * distance_;
        }
        if (to_last > 0) {
            grown.corners[i].x -= (last.x - here.x) / to_last * distance_;
            grown.corners[i].y -= (last.y - here.y) / to_last * distance_;
        }
    }
    return grown;
}
