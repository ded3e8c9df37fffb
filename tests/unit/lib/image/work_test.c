/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/image/work.h"

#include "unit/lib/image/image_fixture.h"

/* Every kind of file that takes memory of its own way: alpha, turned, CMYK, progressive, one pixel, very tall. */
static const char *const files[] = {
    "baseline_420.jpg",
    "cmyk.jpg",
    "grey.jpg",
    "one_pixel.jpg",
    "orientation_3.jpg",
    "orientation_6.jpg",
    "progressive_tall.jpg",
    "grey_1bit.png",
    "grey_alpha.png",
    "interlaced_alpha.png",
    "palette_transparent.png",
    "rgba_16bit.png",
    "lossless_alpha.webp",
    "lossy_alpha.webp",
    "orientation_8.webp",
};

/* Decodes and normalises in exactly as much as was said to be enough. */
static void make_tensor(struct slice file, const char *name, const struct normalize_spec *spec)
{
    struct image_info info;
    struct image_fault fault;
    struct image image;
    struct arena arena;
    struct image_options options = image_options_default();
    options.has_background = true;
    assert_int_equal(image_probe(file, &info, &fault), ERR_OK);
    size_t bytes = image_work_bytes(&info, spec);
    void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    void *tensor = aligned_alloc(64, (normalize_tensor_bytes(spec) + 63) & ~(size_t)63);
    arena_init_fixed(&arena, memory, bytes);
    enum err err = image_decode(file, &options, &arena, &image, &fault);
    if (err == ERR_OK)
        err = image_normalize(&image, spec, &arena, tensor);
    if (err != ERR_OK)
        fail_msg("%s to %u x %u, fit %d, %u channels: %s in %zu bytes", name, spec->width, spec->height, spec->fit,
                 spec->channels, err_name(err), bytes);
    free(memory);
    free(tensor);
}

static void what_is_said_to_be_enough_is_enough(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {192, 48}, {224, 224}, {3, 700}, {700, 3}, {1000, 1000}};
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        struct slice file = file_load(files[f]);
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (int fit = RESIZE_STRETCH; fit <= RESIZE_COVER; fit++)
                for (uint32_t channels = 1; channels <= 3; channels += 2) {
                    struct normalize_spec spec = normalize_spec_default(sizes[s][0], sizes[s][1]);
                    spec.fit = (enum resize_fit)fit;
                    spec.channels = channels;
                    make_tensor(file, files[f], &spec);
                }
        file_free(file);
    }
}

static void is_close_to_the_pixels_for_a_photograph(void **state)
{
    (void)state;
    const struct image_info info = {
        .format = IMAGE_JPEG, .width = 4000, .height = 3000, .channels = 3, .orientation = 1};
    struct normalize_spec spec = normalize_spec_default(224, 224);
    size_t pixels = (size_t)4000 * 3000 * 3;
    size_t bytes = image_work_bytes(&info, &spec);
    assert_in_range(bytes, pixels, pixels + pixels / 20);
}

static void a_narrow_and_high_image_is_much_work(void **state)
{
    (void)state;
    const struct normalize_spec spec = normalize_spec_default(192, 48);
    const struct image_info high = {.width = 1, .height = 65535};
    const struct image_info wide = {.width = 65535, .height = 1}; /* may be turned by its orientation */
    const struct image_info usual = {.width = 4000, .height = 3000};
    assert_int_equal(image_work_pixels(&high, &spec), 65535 * 192);
    assert_int_equal(image_work_pixels(&wide, &spec), 65535 * 192);
    assert_int_equal(image_work_pixels(&usual, &spec), 4000 * 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_to_be_enough_is_enough),
        cmocka_unit_test(is_close_to_the_pixels_for_a_photograph),
        cmocka_unit_test(a_narrow_and_high_image_is_much_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
