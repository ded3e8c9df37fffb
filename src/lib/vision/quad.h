/* SPDX-License-Identifier: Apache-2.0 */
/* Points, quadrangles and the smallest rectangle around points, in the coordinates of an image: y grows downward. */
#ifndef WEIR_LIB_VISION_QUAD_H
#define WEIR_LIB_VISION_QUAD_H

#include <stdbool.h>
#include <stdint.h>

struct point {
    float x;
    float y;
};

/* Corners from the upper left one on, clockwise as one sees it. */
struct quad {
    struct point corners[4];
};

/* Of a side, from its corner to the next. */
float quad_side(const struct quad *quad, uint32_t side);
float quad_perimeter(const struct quad *quad);
/* Shoelace formula; never negative. */
float quad_area(const struct quad *quad);
/* No coordinate is NaN or infinite. */
bool quad_is_finite(const struct quad *quad);

/* The convex hull of points that are sorted by y and then by x, by the monotone chain of Andrew ("Another efficient
 * algorithm for convex hulls in two dimensions", 1979). `hull` has room for count + 1 points and is none of
 * `points`; returns how many there are. No three of them lie on a line. */
uint32_t hull_of_sorted(const struct point *points, uint32_t count, struct point *hull);

/* The rectangle of least area around a convex polygon. One of its sides lies on a side of the polygon (Freeman and Shapira
 * 1975), and the extremes go round with it (rotating calipers: Shamos 1978, Toussaint 1983). Corners are ordered as
 * quad_order does it. `count` is at least 1; of fewer than three points it has no area. */
struct quad hull_min_rect(const struct point *hull, uint32_t count);

/* The two leftmost corners are the left side, the upper one of them comes first; then the upper right, lower right and
 * lower left one. So a rectangle of text that is a little askew begins where the text begins. */
struct quad quad_order(const struct quad *quad);

/* A rectangle whose sides have moved outward by `distance`: what offsetting the polygon with round corners (Vatti 1992,
 * as Clipper does) and taking the smallest rectangle around it gives. */
struct quad quad_grow(const struct quad *rect, float distance);

#endif
