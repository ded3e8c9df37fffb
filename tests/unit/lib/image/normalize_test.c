/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/image/image_fixture.h"

#include "lib/image/normalize.h"
#include "lib/image/normalize_int.h"

#include <math.h>

static const struct normalize_spec imagenet = {.channels = 3,
                                               .scale = 1.0f / 255.0f,
                                               .mean = {0.485f, 0.456f, 0.406f},
                                               .std = {0.229f, 0.224f, 0.225f},
                                               .pad = {0, 127.5f, 255}};

static float *normalize(struct fixture *fixture, const struct image *image, const struct normalize_spec *spec)
{
    float *tensor = malloc(normalize_tensor_bytes(spec));
    assert_int_equal(image_normalize(image, spec, &fixture->arena, tensor), ERR_OK);
    return tensor;
}

static void values_are_one_fma_of_the_pixel(void **state)
{
    struct fixture *fixture = *state;
    struct image image = noise_image(37, 11, 3, 1);
    struct normalize_spec spec = imagenet;
    spec.width = 37;
    spec.height = 11;
    float *tensor = normalize(fixture, &image, &spec);
    for (uint32_t c = 0; c < 3; c++) {
        float factor = (float)((double)spec.scale / spec.std[c]);
        float term = (float)(-(double)spec.mean[c] / spec.std[c]);
        for (uint32_t y = 0; y < 11; y++)
            for (uint32_t x = 0; x < 37; x++) {
                uint8_t pixel = image.pixels[y * image.stride_bytes + x * 3 + c];
                float value = tensor[(c * 11 + y) * 37 + x];
                double exact = (pixel * (double)spec.scale - spec.mean[c]) / spec.std[c];
                assert_true(value == fmaf(pixel, factor, term));
                assert_true(fabs(value - exact) < 5e-7);
            }
    }
    free(tensor);
    free(image.pixels);
}

/* Every layout, order, type and channel count, with and without padding. */
static void every_level_gives_the_same_tensor(void **state)
{
    struct fixture *fixture = *state;
    uint32_t seed = 5;
    for (int round = 0; round < 192; round++) {
        struct normalize_spec spec = imagenet;
        spec.layout = round & 1 ? NORMALIZE_NHWC : NORMALIZE_NCHW;
        spec.order = round & 2 ? NORMALIZE_BGR : NORMALIZE_RGB;
        spec.type = round & 4 ? NORMALIZE_U8 : NORMALIZE_F32;
        spec.channels = round & 8 ? 1 : 3;
        spec.fit = (enum resize_fit)(round >> 4 & 3);
        spec.width = 1 + noise_next(&seed) % 60;
        spec.height = 1 + noise_next(&seed) % 20;
        struct image image =
            noise_image(1 + noise_next(&seed) % 90, 1 + noise_next(&seed) % 40, round & 1 ? 4 : 0, seed);
        size_t bytes = normalize_tensor_bytes(&spec);
        void *scalar = malloc(bytes), *vector = malloc(bytes);
        memset(scalar, 0xAA, bytes);
        assert_int_equal(image_normalize_at(CPU_SCALAR, &image, &spec, &fixture->arena, scalar), ERR_OK);
        for (int level = CPU_SSE42; level <= (int)cpu_level(); level++) {
            memset(vector, 0x55, bytes);
            assert_int_equal(image_normalize_at((enum cpu_level)level, &image, &spec, &fixture->arena, vector), ERR_OK);
            assert_memory_equal(scalar, vector, bytes);
        }
        free(scalar);
        free(vector);
        free(image.pixels);
        arena_reset(&fixture->arena);
    }
}

static void layout_and_order_only_move_values(void **state)
{
    struct fixture *fixture = *state;
    struct image image = noise_image(19, 6, 0, 8);
    struct normalize_spec spec = normalize_spec_default(19, 6);
    float *planes = normalize(fixture, &image, &spec);
    spec.layout = NORMALIZE_NHWC;
    float *pixels = normalize(fixture, &image, &spec);
    spec.order = NORMALIZE_BGR;
    float *reversed = normalize(fixture, &image, &spec);
    spec.layout = NORMALIZE_NCHW;
    float *reversed_planes = normalize(fixture, &image, &spec);
    for (uint32_t i = 0; i < 19 * 6; i++)
        for (uint32_t c = 0; c < 3; c++) {
            assert_true(planes[c * 114 + i] == pixels[i * 3 + c]);
            assert_true(planes[c * 114 + i] == reversed[i * 3 + 2 - c]);
            assert_true(planes[c * 114 + i] == reversed_planes[(2 - c) * 114 + i]);
        }
    free(planes);
    free(pixels);
    free(reversed);
    free(reversed_planes);
    free(image.pixels);
}

/* Mean and std belong to the tensor's channels, not to red, green and blue. */
static void mean_and_std_follow_the_order_of_the_tensor(void **state)
{
    struct fixture *fixture = *state;
    uint8_t rgb[3] = {255, 0, 51};
    struct image image = {.pixels = rgb, .width = 1, .height = 1, .stride_bytes = 3};
    struct normalize_spec spec = normalize_spec_default(1, 1);
    spec.order = NORMALIZE_BGR;
    spec.scale = 1;
    spec.mean[0] = 50;
    spec.std[2] = 5;
    float *tensor = normalize(fixture, &image, &spec);
    assert_true(tensor[0] == 1 && tensor[1] == 0 && tensor[2] == 51);
    free(tensor);
}

static void padding_is_in_units_of_a_pixel(void **state)
{
    struct fixture *fixture = *state;
    uint8_t rgb[3] = {255, 255, 255};
    struct image image = {.pixels = rgb, .width = 1, .height = 1, .stride_bytes = 3};
    struct normalize_spec spec = normalize_spec_default(2, 1);
    spec.fit = RESIZE_CONTAIN;
    for (int c = 0; c < 3; c++) {
        spec.mean[c] = 0.5f;
        spec.std[c] = 0.5f;
        spec.pad[c] = 127.5f;
    }
    float *tensor = normalize(fixture, &image, &spec);
    for (int c = 0; c < 3; c++) {
        assert_true(fabsf(tensor[c * 2] - 1) < 1e-6f);
        assert_true(fabsf(tensor[c * 2 + 1]) < 1e-6f);
    }
    free(tensor);
}

static void grey_is_pillows_luma(void **state)
{
    struct fixture *fixture = *state;
    uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77, 10, 200, 30};
    const uint8_t luma[] = {76, 150, 29, 77, 124}; /* Image.convert("L") */
    struct image image = {.pixels = rgb, .width = 5, .height = 1, .stride_bytes = sizeof rgb};
    struct normalize_spec spec = normalize_spec_default(5, 1);
    spec.channels = 1;
    spec.type = NORMALIZE_U8;
    uint8_t tensor[5];
    assert_int_equal(normalize_tensor_bytes(&spec), sizeof tensor);
    assert_int_equal(image_normalize(&image, &spec, &fixture->arena, tensor), ERR_OK);
    assert_memory_equal(tensor, luma, sizeof luma);
}

static void bad_specs_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct normalize_spec good = normalize_spec_default(4, 4);
    const char *reason = NULL;
    assert_int_equal(normalize_spec_check(&good, &reason), ERR_OK);
    assert_null(reason);
    struct normalize_spec bad[6];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    bad[0].width = 0;
    bad[1].height = 65536;
    bad[2].channels = 4;
    bad[3].std[1] = 0;
    bad[4].mean[2] = NAN;
    bad[5].pad[0] = 256;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        reason = NULL;
        assert_int_equal(normalize_spec_check(&bad[i], &reason), ERR_INVALID);
        assert_non_null(reason);
    }
}

static void full_scratch_arena_is_an_error_at_every_allocation(void **state)
{
    (void)state;
    struct image image = noise_image(30, 30, 0, 2);
    struct normalize_spec spec = normalize_spec_default(20, 10);
    float tensor[600];
    enum err err = ERR_NOMEM;
    int refused = 0;
    for (size_t bytes = 0; err != ERR_OK; bytes += 128) {
        char *memory = malloc(bytes + 1);
        struct arena arena;
        arena_init_fixed(&arena, memory, bytes);
        spec.channels = bytes / 128 % 2 ? 1 : 3;
        err = image_normalize_at(CPU_SCALAR, &image, &spec, &arena, tensor);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        refused += err == ERR_NOMEM;
        free(memory);
    }
    assert_true(refused > 10);
    free(image.pixels);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(values_are_one_fma_of_the_pixel),     TEST(every_level_gives_the_same_tensor),
        TEST(layout_and_order_only_move_values),   TEST(mean_and_std_follow_the_order_of_the_tensor),
        TEST(padding_is_in_units_of_a_pixel),      TEST(grey_is_pillows_luma),
        TEST(bad_specs_are_refused_with_a_reason), TEST(full_scratch_arena_is_an_error_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
