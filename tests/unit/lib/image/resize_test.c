/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/image/image_fixture.h"

#include "lib/image/resize.h"
#include "lib/image/resize_int.h"

static const uint8_t black[3] = {0, 0, 0};

struct sink {
    uint8_t *out;
    size_t row_bytes;
};

static void keep_row(void *context, uint32_t y, const uint8_t *row)
{
    struct sink *sink = context;
    memcpy(sink->out + y * sink->row_bytes, row, sink->row_bytes);
}

/* The picture at one level of instructions; the caller frees it. */
static uint8_t *resize_at(struct fixture *fixture, enum cpu_level level, const struct resize_plan *plan,
                          const struct image *image)
{
    struct sink sink = {.row_bytes = (size_t)plan->place_width * plan->spec.channels};
    sink.out = malloc(sink.row_bytes * plan->place_height);
    struct resize_source source = {image->pixels, image->stride_bytes};
    assert_int_equal(resize_rows_at(level, plan, &source, &fixture->arena, keep_row, &sink), ERR_OK);
    return sink.out;
}

static void every_level_gives_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    uint32_t seed = 7;
    for (int round = 0; round < 150; round++) {
        struct resize_spec spec = {.src_width = 1 + noise_next(&seed) % (round % 3 ? 70 : 900),
                                   .src_height = 1 + noise_next(&seed) % (round % 3 ? 40 : 300),
                                   .dst_width = 1 + noise_next(&seed) % 90,
                                   .dst_height = 1 + noise_next(&seed) % 90,
                                   .channels = round % 5 == 4 ? 1 : 3,
                                   .fit = (enum resize_fit)(round % 4)};
        struct image image = noise_image(spec.src_width, spec.src_height, round % 2 ? 5 : 0, seed);
        if (spec.channels == 1)
            image.stride_bytes = spec.src_width;
        struct resize_plan plan;
        assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
        uint8_t *scalar = resize_at(fixture, CPU_SCALAR, &plan, &image);
        for (int level = CPU_SSE42; level <= (int)cpu_level(); level++) {
            uint8_t *vector = resize_at(fixture, (enum cpu_level)level, &plan, &image);
            assert_memory_equal(scalar, vector, (size_t)plan.place_width * plan.place_height * spec.channels);
            free(vector);
        }
        free(scalar);
        free(image.pixels);
        arena_reset(&fixture->arena);
    }
}

static void constant_picture_stays_constant(void **state)
{
    struct fixture *fixture = *state;
    uint32_t seed = 3;
    for (int round = 0; round < 40; round++) {
        struct resize_spec spec = {.src_width = 1 + noise_next(&seed) % 3000,
                                   .src_height = 1 + noise_next(&seed) % 30,
                                   .dst_width = 1 + noise_next(&seed) % 50,
                                   .dst_height = 1 + noise_next(&seed) % 50,
                                   .channels = 3};
        struct image image = noise_image(spec.src_width, spec.src_height, 0, 1);
        memset(image.pixels, 255, image.stride_bytes * image.height);
        struct resize_plan plan;
        struct image result;
        assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
        assert_int_equal(resize_image(&plan, &image, black, &fixture->arena, &result), ERR_OK);
        for (size_t i = 0; i < result.stride_bytes * result.height; i++)
            assert_int_equal(result.pixels[i], 255);
        free(image.pixels);
        arena_reset(&fixture->arena);
    }
}

static void same_size_is_a_copy(void **state)
{
    struct fixture *fixture = *state;
    struct resize_spec spec = {17, 5, 17, 5, 3, RESIZE_STRETCH};
    struct image image = noise_image(17, 5, 0, 9), result;
    struct resize_plan plan;
    assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
    assert_null(plan.across);
    assert_null(plan.down);
    assert_int_equal(resize_image(&plan, &image, black, &fixture->arena, &result), ERR_OK);
    assert_memory_equal(result.pixels, image.pixels, 17 * 5 * 3);
    free(image.pixels);
}

/* From Pillow 9.4: Image.frombytes("L", (4, 1), bytes([0, 100, 200, 50])).resize((2, 1), BILINEAR). */
static void halving_uses_the_wide_triangle(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t row[4] = {0, 100, 200, 50};
    struct image image = {.pixels = (uint8_t *)(uintptr_t)row, .width = 4, .height = 1, .stride_bytes = 4};
    struct resize_spec spec = {4, 1, 2, 1, 1, RESIZE_STRETCH};
    struct resize_plan plan;
    assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
    uint8_t *out = resize_at(fixture, CPU_SCALAR, &plan, &image);
    /* Taps at distances 0.75, 0.25, 0.25 … of the half width 2: weights 3, 3, 1 of 7. */
    assert_int_equal(out[0], (3 * 0 + 3 * 100 + 200 + 3) / 7);
    assert_int_equal(out[1], (100 + 3 * 200 + 3 * 50 + 3) / 7);
    free(out);
}

static void contain_keeps_the_aspect_ratio_and_pads(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct resize_spec spec;
        uint32_t x, y, width, height;
    } cases[] = {
        {{400, 100, 192, 48, 3, RESIZE_CONTAIN}, 0, 0, 192, 48},
        {{100, 100, 192, 48, 3, RESIZE_CONTAIN}, 0, 0, 48, 48},
        {{100, 100, 192, 48, 3, RESIZE_CONTAIN_CENTER}, 72, 0, 48, 48},
        {{1000, 10, 50, 50, 3, RESIZE_CONTAIN_CENTER}, 0, 24, 50, 1}, /* 24.5 goes to the even number */
        {{65535, 1, 10, 10, 3, RESIZE_CONTAIN}, 0, 0, 10, 1},
        {{1, 65535, 10, 10, 3, RESIZE_CONTAIN}, 0, 0, 1, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct resize_plan plan;
        assert_int_equal(resize_plan_init(&plan, &cases[i].spec, &fixture->arena), ERR_OK);
        assert_int_equal(plan.place_width, cases[i].width);
        assert_int_equal(plan.place_height, cases[i].height);
        assert_int_equal(plan.place_x, cases[i].x);
        assert_int_equal(plan.place_y, cases[i].y);
    }
}

static void padding_is_filled_around_the_picture(void **state)
{
    struct fixture *fixture = *state;
    struct resize_spec spec = {2, 2, 4, 2, 3, RESIZE_CONTAIN_CENTER};
    struct image image = noise_image(2, 2, 0, 4), result;
    struct resize_plan plan;
    const uint8_t pad[3] = {1, 2, 3};
    assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
    assert_int_equal(resize_image(&plan, &image, pad, &fixture->arena, &result), ERR_OK);
    for (size_t y = 0; y < 2; y++) {
        assert_memory_equal(result.pixels + y * 12, pad, 3);
        assert_memory_equal(result.pixels + y * 12 + 3, image.pixels + y * 6, 6);
        assert_memory_equal(result.pixels + y * 12 + 9, pad, 3);
    }
    free(image.pixels);
}

static void cover_cuts_both_ends_evenly(void **state)
{
    struct fixture *fixture = *state;
    struct resize_spec spec = {6, 2, 2, 2, 3, RESIZE_COVER};
    struct image image = noise_image(6, 2, 0, 4), result;
    struct resize_plan plan;
    assert_int_equal(resize_plan_init(&plan, &spec, &fixture->arena), ERR_OK);
    assert_int_equal(resize_image(&plan, &image, black, &fixture->arena, &result), ERR_OK);
    assert_memory_equal(result.pixels, image.pixels + 6, 6);
    assert_memory_equal(result.pixels + 6, image.pixels + 18 + 6, 6);
    free(image.pixels);
}

static void sides_out_of_range_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct resize_plan plan;
    static const struct resize_spec bad[] = {{0, 1, 1, 1, 3, RESIZE_STRETCH},
                                             {1, 0, 1, 1, 3, RESIZE_STRETCH},
                                             {1, 1, 0, 1, 3, RESIZE_STRETCH},
                                             {1, 1, 1, 65536, 3, RESIZE_STRETCH},
                                             {1, 1, 1, 1, 2, RESIZE_STRETCH}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(resize_plan_init(&plan, &bad[i], &fixture->arena), ERR_INVALID);
}

static void full_arena_is_an_error_at_every_allocation(void **state)
{
    (void)state;
    struct image image = noise_image(64, 64, 0, 2);
    struct resize_spec spec = {64, 64, 32, 40, 3, RESIZE_STRETCH};
    int refused = 0;
    enum err err = ERR_NOMEM;
    for (size_t bytes = 0; err != ERR_OK; bytes += 256) {
        char *memory = malloc(bytes + 1);
        struct arena arena;
        arena_init_fixed(&arena, memory, bytes);
        struct resize_plan plan;
        struct image result;
        err = resize_plan_init(&plan, &spec, &arena);
        if (err == ERR_OK)
            err = resize_image(&plan, &image, black, &arena, &result);
        refused += err == ERR_NOMEM;
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        free(memory);
    }
    assert_true(refused > 10);
    free(image.pixels);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_level_gives_the_same_bytes),
        TEST(constant_picture_stays_constant),
        TEST(same_size_is_a_copy),
        TEST(halving_uses_the_wide_triangle),
        TEST(contain_keeps_the_aspect_ratio_and_pads),
        TEST(padding_is_filled_around_the_picture),
        TEST(cover_cuts_both_ends_evenly),
        TEST(sides_out_of_range_are_refused),
        TEST(full_arena_is_an_error_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
