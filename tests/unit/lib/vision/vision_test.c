/* SPDX-License-Identifier: Apache-2.0 */
/* Against what NumPy, OpenCV and RapidOCR say of the same input (tests/data/vision). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/vision/references.h"
#include "lib/base/attr.h"
#include "lib/vision/components.h"
#include "lib/vision/crop.h"
#include "lib/vision/nms.h"
#include "lib/vision/scores.h"
#include "lib/vision/text_boxes.h"
#include "unit/support/arena.h"

#include <math.h>
#include <stdlib.h>

#define MAP_WIDTH  320
#define MAP_HEIGHT 240

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(64U << 20);
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 16;
}

/* As make_references.py has it. */
static const float kernels[][6] = {
    {100, 40, 120, 14, 0, 0.9F},  {230, 60, 90, 12, 20, 0.8F}, {80, 120, 100, 16, -35, 0.95F},
    {220, 150, 20, 90, 0, 0.85F}, {280, 220, 60, 10, 5, 0.7F}, {60, 220, 70, 12, 0, 0.4F},
    {150, 200, 4, 2, 0, 0.9F},
};

static float *make_map(void)
{
    float *map = arena_alloc(&arena, MAP_WIDTH * MAP_HEIGHT * sizeof *map);
    for (int i = 0; i < MAP_WIDTH * MAP_HEIGHT; i++)
        map[i] = 0.02F;
    for (size_t k = 0; k < ARRAY_LEN(kernels); k++) {
        float c = cosf(kernels[k][4] * 3.14159265F / 180);
        float s = sinf(kernels[k][4] * 3.14159265F / 180);
        for (int i = 0; i < MAP_WIDTH * MAP_HEIGHT; i++) {
            float x = (float)(i % MAP_WIDTH) - kernels[k][0];
            float y = (float)(i / MAP_WIDTH) - kernels[k][1];
            if (fabsf(x * c + y * s) <= kernels[k][2] / 2 && fabsf(y * c - x * s) <= kernels[k][3] / 2)
                map[i] = kernels[k][5];
        }
    }
    return map;
}

static void finds_the_text_boxes_that_pp_ocr_finds(void **state)
{
    (void)state;
    const struct text_boxes_options options = {
        .threshold = 0.3F, .box_threshold = 0.5F, .unclip_ratio = 1.6F, .boxes_max = 1000};
    const struct text_boxes_map map = {make_map(), MAP_WIDTH, MAP_HEIGHT, 640, 480};
    struct text_box *boxes;
    uint32_t count;
    assert_int_equal(text_boxes_find(&map, &options, &arena, &boxes, &count), ERR_OK);
    assert_int_equal(count, ARRAY_LEN(text_box_scores));
    for (uint32_t i = 0; i < count; i++) {
        assert_true(fabsf(boxes[i].score - text_box_scores[i]) <
                    0.07F); /* OpenCV fills whole pixels around a slanted box, too */
        for (uint32_t k = 0; k < 4; k++) {
            /* Clipper works on whole pixels and rounds its corners. */
            assert_true(fabsf(boxes[i].quad.corners[k].x - text_box_corners[i * 8 + k * 2]) <= 4);
            assert_true(fabsf(boxes[i].quad.corners[k].y - text_box_corners[i * 8 + k * 2 + 1]) <= 4);
        }
    }
}

static void boxes_of_a_line_are_read_from_left_to_right(void **state)
{
    (void)state;
    float *map = arena_alloc_zero(&arena, 200 * 60 * sizeof *map);
    for (int y = 10; y < 20; y++)
        for (int x = 0; x < 200; x++)
            map[(x < 100 ? y : y - 3) * 200 + x] = x % 100 > 5 && x % 100 < 80 ? 1 : 0;
    const struct text_boxes_options options = {
        .threshold = 0.3F, .box_threshold = 0.5F, .unclip_ratio = 0.5F, .boxes_max = 10};
    const struct text_boxes_map whole = {map, 200, 60, 200, 60};
    struct text_box *boxes;
    uint32_t count;
    assert_int_equal(text_boxes_find(&whole, &options, &arena, &boxes, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(boxes[0].quad.corners[0].x < boxes[1].quad.corners[0].x);
    assert_true(boxes[0].quad.corners[0].y > boxes[1].quad.corners[0].y);
}

static void no_text_and_nothing_but_text_are_maps_too(void **state)
{
    (void)state;
    const struct text_boxes_options options = {
        .threshold = 0.3F, .box_threshold = 0.5F, .unclip_ratio = 1.5F, .boxes_max = 10};
    struct text_box *boxes;
    uint32_t count;
    float values[64 * 64];
    const float fills[] = {0, 1, NAN, INFINITY, -INFINITY, 1e30F};
    for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
            values[i] = fills[f];
        const struct text_boxes_map map = {values, 64, 64, 64, 64};
        assert_int_equal(text_boxes_find(&map, &options, &arena, &boxes, &count), ERR_OK);
        assert_int_equal(count, fills[f] == 1 || fills[f] == 1e30F ? 1 : 0);
    }
}

static void regions_meet_at_corners_and_come_in_the_order_of_rows(void **state)
{
    (void)state;
    static const float map[] = {
        1, 0, 0, 0, 1, /* two regions that a third row joins, */
        0, 1, 0, 1, 0, /* and one by itself */
        0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1,
    };
    const struct component_map whole = {.values = map, .width = 5, .height = 5, .threshold = 0.5F};
    struct components found;
    assert_int_equal(components_find(&whole, &arena, &found), ERR_OK);
    assert_int_equal(found.count, 3);
    uint32_t pixels = 0;
    for (uint32_t run = found.firsts[0]; run != COMPONENT_NONE; run = found.runs[run].next)
        pixels += found.runs[run].x1 - found.runs[run].x0 + 1;
    assert_int_equal(pixels, 5);
    assert_int_equal(found.runs[found.firsts[1]].x0, 0);
    assert_int_equal(found.runs[found.firsts[2]].x0, 4);
}

/* Every side of the hull tried in turn, with all points. */
static double least_area_by_trying(const struct point *points, uint32_t count)
{
    double least = 1e30;
    for (int degrees = 0; degrees < 9000; degrees++) {
        double dx = cos(degrees * 3.14159265358979 / 18000);
        double dy = sin(degrees * 3.14159265358979 / 18000);
        double ends[4] = {1e30, -1e30, 1e30, -1e30};
        for (uint32_t i = 0; i < count; i++) {
            double u = points[i].x * dx + points[i].y * dy;
            double v = points[i].y * dx - points[i].x * dy;
            ends[0] = fmin(ends[0], u);
            ends[1] = fmax(ends[1], u);
            ends[2] = fmin(ends[2], v);
            ends[3] = fmax(ends[3], v);
        }
        least = fmin(least, (ends[1] - ends[0]) * (ends[3] - ends[2]));
    }
    return least;
}

static int by_row(const void *a_, const void *b_)
{
    const struct point *a = a_;
    const struct point *b = b_;
    if (a->y != b->y)
        return a->y < b->y ? -1 : 1;
    return a->x < b->x ? -1 : a->x > b->x;
}

static void the_smallest_rectangle_is_no_larger_than_any_other(void **state)
{
    (void)state;
    uint32_t seed = 5;
    struct point points[40];
    struct point hull[41];
    for (int round = 0; round < 30; round++) {
        uint32_t count = 1 + next(&seed) % 40;
        for (uint32_t i = 0; i < count; i++)
            points[i] = (struct point){(float)(next(&seed) % 90), (float)(next(&seed) % 30)};
        qsort(points, count, sizeof *points, by_row);
        uint32_t size = hull_of_sorted(points, count, hull);
        struct quad rect = hull_min_rect(hull, size);
        double tried = least_area_by_trying(points, count);
        assert_true(quad_is_finite(&rect));
        assert_true(quad_area(&rect) <= tried * 1.001 + 1e-3);
        assert_true(quad_area(&rect) >= tried * 0.98 - 2 /* what trying misses of a thin one */);
    }
}

static void growing_a_rectangle_moves_its_sides(void **state)
{
    (void)state;
    const struct quad rect = {{{10, 10}, {30, 10}, {30, 20}, {10, 20}}};
    struct quad grown = quad_grow(&rect, 2);
    assert_float_equal(quad_area(&grown), 24 * 14, 1e-3);
    assert_float_equal(grown.corners[0].x, 8, 1e-5);
    assert_float_equal(grown.corners[2].y, 22, 1e-5);
    assert_float_equal(quad_perimeter(&rect), 60, 1e-4);
}

static void crops_as_the_homography_of_numpy_does(void **state)
{
    (void)state;
    uint8_t pixels[24 * 16 * 3];
    uint32_t seed = 3;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)next(&seed);
    const struct image image = {pixels, 24, 16, 72};
    const struct quad quad = {{{4, 2}, {19, 4.5F}, {17, 13}, {2.5F, 10}}};
    const struct crop_size size = {.width = 14, .height = 8};
    struct image out;
    assert_int_equal(crop_image(&image, &quad, &size, &arena, &out), ERR_OK);
    for (size_t i = 0; i < sizeof cropped; i++)
        assert_in_range(out.pixels[i] + 1, cropped[i], cropped[i] + 2);
}

static void what_stands_on_end_is_laid_down(void **state)
{
    (void)state;
    uint8_t pixels[8 * 20 * 3];
    for (int y = 0; y < 20; y++)
        memset(pixels + y * 24, y * 10, 24);
    const struct image image = {pixels, 8, 20, 24};
    const struct quad quad = {{{0, 0}, {8, 0}, {8, 20}, {0, 20}}};
    struct crop_size size;
    struct image out;
    assert_int_equal(crop_measure(&quad, 1.5F, &size), ERR_OK);
    assert_true(size.is_turned && size.width == 20 && size.height == 8);
    assert_int_equal(crop_image(&image, &quad, &size, &arena, &out), ERR_OK);
    assert_true(out.pixels[0] < 5 && out.pixels[19 * 3] > 180);
    assert_int_equal(crop_measure(&quad, 0, &size), ERR_OK);
    assert_false(size.is_turned);
}

static void boxes_out_of_all_reason_are_refused(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e9F};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct quad quad = {{{0, 0}, {8, 0}, {8, 20}, {0, 20}}};
        struct crop_size size;
        quad.corners[i].y = bad[i];
        assert_int_equal(crop_measure(&quad, 1.5F, &size), ERR_INVALID);
    }
    uint8_t pixel[3] = {1, 2, 3};
    const struct image image = {pixel, 1, 1, 3};
    const struct quad flat = {{{5, 5}, {5, 5}, {5, 5}, {5, 5}}};
    const struct quad crossed = {{{0, 0}, {10, 10}, {10, 0}, {0, 10}}};
    struct crop_size size;
    struct image out;
    assert_int_equal(crop_measure(&flat, 1.5F, &size), ERR_OK);
    assert_int_equal(crop_image(&image, &flat, &size, &arena, &out), ERR_OK);
    assert_int_equal(crop_measure(&crossed, 1.5F, &size), ERR_OK);
    assert_int_equal(crop_image(&image, &crossed, &size, &arena, &out), ERR_OK);
}

static void turning_around_twice_changes_nothing(void **state)
{
    (void)state;
    uint8_t pixels[5 * 3 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)i;
    const struct image image = {pixels, 5, 3, 15};
    struct image once;
    struct image twice;
    assert_int_equal(crop_turn_around(&image, &arena, &once), ERR_OK);
    assert_memory_equal(once.pixels, pixels + sizeof pixels - 3, 3);
    assert_int_equal(crop_turn_around(&once, &arena, &twice), ERR_OK);
    assert_memory_equal(twice.pixels, pixels, sizeof pixels);
}

static void keeps_the_boxes_that_a_naive_search_keeps(void **state)
{
    (void)state;
    float boxes[400];
    float scores[100];
    uint32_t seed = 11;
    for (int i = 0; i < 100; i++) {
        float n[4];
        for (int k = 0; k < 4; k++)
            n[k] = (float)next(&seed);
        boxes[i * 4] = fmodf(n[0], 200);
        boxes[i * 4 + 1] = fmodf(n[1], 200);
        boxes[i * 4 + 2] = boxes[i * 4] + 1 + fmodf(n[2], 60);
        boxes[i * 4 + 3] = boxes[i * 4 + 1] + 1 + fmodf(n[3], 60);
    }
    seed = 12;
    for (int i = 0; i < 100; i++)
        scores[i] = (float)next(&seed) / 65536;
    struct nms_box work[100];
    struct nms_box kept[100];
    struct nms_options options = {
        .form = NMS_CORNERS, .overlap = 0.3F, .score = 0.2F, .kept_max = 100, .candidates_max = 100};
    uint32_t count = nms_select(boxes, scores, 100, &options, work, kept);
    assert_int_equal(count, ARRAY_LEN(kept_boxes));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(kept[i].index, kept_boxes[i]);
    options.candidates_max = 1;
    assert_int_equal(nms_select(boxes, scores, 100, &options, work, kept), 1);
    assert_int_equal(kept[0].index, kept_boxes[0]);
    boxes[kept_boxes[0] * 4] = NAN;
    assert_int_equal(nms_select(boxes, scores, 100, &options, work, kept), 1);
    assert_int_not_equal(kept[0].index, kept_boxes[0]);
}

static void softmax_is_that_of_numpy_and_survives_infinities(void **state)
{
    (void)state;
    float row[12];
    uint32_t seed = 21;
    for (int i = 0; i < 12; i++)
        row[i] = (float)next(&seed) / 8192 - 4;
    float out[12];
    scores_softmax(row, 1, 12, out);
    for (int i = 0; i < 12; i++)
        assert_float_equal(out[i], softmax_of_noise[i], 1e-5);
    const float odd[3] = {INFINITY, NAN, 1};
    scores_softmax(odd, 1, 3, out);
    assert_true(out[0] == 0 && out[1] == 0 && out[2] == 0);
    const float large[2] = {3e38F, -3e38F};
    scores_softmax(large, 1, 2, out);
    assert_true(out[0] == 1 && out[1] == 0);
}

static void the_best_few_are_sorted(void **state)
{
    (void)state;
    const float row[] = {1, NAN, 5, 3, 5, -INFINITY};
    uint32_t best[6];
    assert_int_equal(scores_argmax(row, 6), 2);
    assert_int_equal(scores_top(row, 6, 3, best), 3);
    assert_true(best[0] == 2 && best[1] == 4 && best[2] == 3);
    assert_int_equal(scores_top(row, 6, 9, best), 6);
    assert_int_equal(best[5], 1);
    const float nothing[] = {NAN, NAN};
    assert_int_equal(scores_argmax(nothing, 2), 0);
}

static void ctc_joins_repetitions_and_drops_blanks(void **state)
{
    (void)state;
    const struct slice items[] = {SLICE_LIT("a"), SLICE_LIT("b"), SLICE_LIT(" ")};
    const struct ctc_labels labels = {items, 3};
    /* a a blank a b blank blank space, and a class without a label */
    const uint32_t path[] = {1, 1, 0, 1, 2, 0, 0, 3, 4};
    float steps[9 * 5] = {0};
    for (int i = 0; i < 9; i++)
        steps[i * 5 + path[i]] = 0.5F + (float)i / 100;
    char memory[16];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    struct slice text;
    float confidence;
    ctc_decode(steps, 9, 5, &labels, &out, &confidence);
    assert_int_equal(buffer_finish(&out, &text), ERR_OK);
    assert_true(slice_is(text, "aab "));
    assert_float_equal(confidence, (0.50 + 0.53 + 0.54 + 0.57) / 4, 1e-5);
    ctc_decode(steps, 0, 5, &labels, &out, &confidence);
    assert_true(confidence == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_text_boxes_that_pp_ocr_finds),
        TEST(boxes_of_a_line_are_read_from_left_to_right),
        TEST(no_text_and_nothing_but_text_are_maps_too),
        TEST(regions_meet_at_corners_and_come_in_the_order_of_rows),
        TEST(the_smallest_rectangle_is_no_larger_than_any_other),
        TEST(growing_a_rectangle_moves_its_sides),
        TEST(crops_as_the_homography_of_numpy_does),
        TEST(what_stands_on_end_is_laid_down),
        TEST(boxes_out_of_all_reason_are_refused),
        TEST(turning_around_twice_changes_nothing),
        TEST(keeps_the_boxes_that_a_naive_search_keeps),
        TEST(softmax_is_that_of_numpy_and_survives_infinities),
        TEST(the_best_few_are_sorted),
        TEST(ctc_joins_repetitions_and_drops_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
