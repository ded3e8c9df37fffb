/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/image/image_fixture.h"

#include "lib/image/image_int.h"

static const char *const stills[] = {
    "baseline_420.jpg", "baseline_444.jpg", "progressive.jpg",      "grey.jpg",         "cmyk.jpg",       "rgb.png",
    "rgba.png",         "palette.png",      "interlaced_alpha.png", "grey_16bit.png",   "rgba_16bit.png", "lossy.webp",
    "lossless.webp",    "lossy_alpha.webp", "lossless_alpha.webp",  "orientation_6.jpg"};

static enum err decode(struct fixture *fixture, struct slice file, struct image *ret, struct image_fault *fault)
{
    struct image_options options = image_options_default();
    return image_decode(file, &options, &fixture->arena, ret, fault);
}

/* expected.txt: name, width, height and hash of what Pillow decodes. */
static void decodes_every_file_to_pillows_pixels(void **state)
{
    FILE *listing = fopen(IMAGES_DIR "expected.txt", "r");
    assert_non_null(listing);
    char name[128];
    unsigned width, height;
    unsigned long long hash;
    int count = 0;
    while (fscanf(listing, "%127s %u %u %llx", name, &width, &height, &hash) == 4) {
        struct slice file = file_load(name);
        struct image image = {0};
        struct image_fault fault = {"", ""};
        if (decode(*state, file, &image, &fault) != ERR_OK)
            fail_msg("%s: %s: %s", name, fault.what, fault.text);
        if (image.width != width || image.height != height || image_hash(&image) != hash)
            fail_msg("%s: %ux%u, pixels differ from Pillow's %ux%u", name, image.width, image.height, width, height);
        file_free(file);
        count++;
    }
    fclose(listing);
    assert_true(count >= 35);
}

static void probe_tells_what_the_header_says(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct image_info info;
    } cases[] = {
        {"baseline_420.jpg", {IMAGE_JPEG, 61, 43, 3, 8, 1, false, false}},
        {"grey.jpg", {IMAGE_JPEG, 37, 29, 1, 8, 1, false, false}},
        {"cmyk.jpg", {IMAGE_JPEG, 33, 21, 4, 8, 1, false, false}},
        {"orientation_5.jpg", {IMAGE_JPEG, 40, 24, 3, 8, 5, false, false}},
        {"orientation_6.jpg", {IMAGE_JPEG, 40, 24, 3, 8, 6, false, false}},
        {"rgb.png", {IMAGE_PNG, 45, 31, 3, 8, 1, false, false}},
        {"grey_alpha.png", {IMAGE_PNG, 23, 19, 2, 8, 1, true, false}},
        {"palette_transparent.png", {IMAGE_PNG, 45, 31, 4, 8, 1, true, false}},
        {"rgba_16bit.png", {IMAGE_PNG, 25, 15, 4, 16, 1, true, false}},
        {"exif_after_pixels.png", {IMAGE_PNG, 45, 31, 3, 8, 6, false, false}},
        {"animated.png", {IMAGE_PNG, 16, 16, 3, 8, 1, false, true}},
        {"lossy.webp", {IMAGE_WEBP, 47, 35, 3, 8, 1, false, false}},
        {"lossless_alpha.webp", {IMAGE_WEBP, 31, 29, 4, 8, 1, true, false}},
        {"orientation_8.webp", {IMAGE_WEBP, 47, 35, 3, 8, 8, false, false}},
        {"animated.webp", {IMAGE_WEBP, 47, 35, 3, 8, 1, false, true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice file = file_load(cases[i].name);
        const struct image_info *expected = &cases[i].info;
        struct image_info info;
        struct image_fault fault;
        assert_int_equal(image_probe(file, &info, &fault), ERR_OK);
        if (info.format != expected->format || info.width != expected->width || info.height != expected->height ||
            info.channels != expected->channels || info.bit_depth != expected->bit_depth ||
            info.orientation != expected->orientation || info.has_alpha != expected->has_alpha ||
            info.is_animated != expected->is_animated)
            fail_msg("%s: %ux%u, %u channels of %u bits, orientation %u, alpha %d, animated %d", cases[i].name,
                     info.width, info.height, info.channels, info.bit_depth, info.orientation, info.has_alpha,
                     info.is_animated);
        file_free(file);
    }
}

static void every_orientation_is_turned_upright(void **state)
{
    /* Stored 2 × 3, pixels numbered row by row. */
    static const uint8_t upright[9][6] = {{0},
                                          {0, 1, 2, 3, 4, 5},
                                          {1, 0, 3, 2, 5, 4},
                                          {5, 4, 3, 2, 1, 0},
                                          {4, 5, 2, 3, 0, 1},
                                          {0, 2, 4, 1, 3, 5},
                                          {4, 2, 0, 5, 3, 1},
                                          {5, 3, 1, 4, 2, 0},
                                          {1, 3, 5, 0, 2, 4}};
    struct fixture *fixture = *state;
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        uint8_t pixels[18];
        for (uint8_t i = 0; i < sizeof pixels; i++)
            pixels[i] = i;
        struct image image = {.pixels = pixels, .width = 2, .height = 3, .stride_bytes = 6};
        assert_int_equal(image_orient(&image, orientation, &fixture->arena), ERR_OK);
        assert_int_equal(image.width, orientation < 5 ? 2 : 3);
        assert_int_equal(image.height, orientation < 5 ? 3 : 2);
        for (uint32_t i = 0; i < 6; i++) {
            uint8_t first = (uint8_t)(upright[orientation][i] * 3);
            const uint8_t expected[3] = {first, (uint8_t)(first + 1), (uint8_t)(first + 2)};
            assert_memory_equal(image.pixels + i * 3, expected, 3);
        }
    }
}

static void zero_bytes_are_refused(void **state)
{
    struct image image;
    struct image_fault fault;
    assert_int_equal(decode(*state, slice_of(NULL, 0), &image, &fault), ERR_TRUNCATED);
    assert_string_equal(fault.what, "empty");
}

static void other_formats_are_refused_by_name(void **state)
{
    struct image image;
    struct image_fault fault;
    assert_int_equal(decode(*state, SLICE_LIT("GIF89a\1\0\1\0\0\0\0;"), &image, &fault), ERR_UNSUPPORTED);
    assert_string_equal(fault.what, "format");
    assert_int_equal(decode(*state, SLICE_LIT("\xFF\xD8"), &image, &fault), ERR_UNSUPPORTED);
}

/* A file of headers only, that claims `width` × `height`. */
static size_t claim_png(char *out, uint32_t width, uint32_t height)
{
    static const char head[] = "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDRwwwwhhhh\x08\x02\0\0\0CRC!"
                               "\0\0\0\0IDATCRC!\0\0\0\0IENDCRC!";
    memcpy(out, head, sizeof head - 1);
    for (int i = 0; i < 4; i++) {
        out[16 + i] = (char)(width >> (24 - 8 * i));
        out[20 + i] = (char)(height >> (24 - 8 * i));
    }
    return sizeof head - 1;
}

static size_t claim_jpeg(char *out, uint32_t width, uint32_t height)
{
    static const char head[] = "\xFF\xD8\xFF\xC0\0\x11\x08hhww\3\1\x11\0\2\x11\0\3\x11\0";
    memcpy(out, head, sizeof head - 1);
    out[7] = (char)(height >> 8);
    out[8] = (char)height;
    out[9] = (char)(width >> 8);
    out[10] = (char)width;
    return sizeof head - 1;
}

static size_t claim_webp(char *out, uint32_t width, uint32_t height)
{
    static const char head[] = "RIFF\x16\0\0\0WEBPVP8L\x05\0\0\0\x2F----\0";
    memcpy(out, head, sizeof head - 1);
    out[4] = sizeof head - 1 - 8;
    uint32_t bits = (width - 1) | (height - 1) << 14;
    for (int i = 0; i < 4; i++)
        out[21 + i] = (char)(bits >> (8 * i));
    return sizeof head - 1;
}

static void sixty_thousand_squared_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    char file[256];
    struct image image;
    struct image_fault fault;
    struct image_options options = image_options_default();
    struct fixture small;
    fixture_init(&small, 0);
    assert_int_equal(
        image_decode(slice_of(file, claim_png(file, 60000, 60000)), &options, &small.arena, &image, &fault), ERR_LIMIT);
    assert_string_equal(fault.what, "dimensions");
    assert_string_equal(fault.text, "PNG: 60000 x 60000 = 3600000000 pixels, at most 50000000 are allowed");
    assert_int_equal(
        image_decode(slice_of(file, claim_jpeg(file, 60000, 60000)), &options, &small.arena, &image, &fault),
        ERR_LIMIT);
    assert_int_equal(
        image_decode(slice_of(file, claim_webp(file, 16384, 16384)), &options, &small.arena, &image, &fault),
        ERR_LIMIT);
    assert_int_equal(
        image_decode(slice_of(file, claim_png(file, 0x7FFFFFFF, 1)), &options, &small.arena, &image, &fault),
        ERR_LIMIT);
    assert_string_equal(fault.text, "PNG: 2147483647 x 1 pixels, sides may be up to 65535");
    assert_int_equal(small.pool.mallocs, 0);
    fixture_deinit(&small);
}

static void zero_sides_are_refused(void **state)
{
    char file[256];
    struct image image;
    struct image_fault fault;
    assert_int_equal(decode(*state, slice_of(file, claim_png(file, 0, 7)), &image, &fault), ERR_SYNTAX);
    assert_int_equal(decode(*state, slice_of(file, claim_jpeg(file, 7, 0)), &image, &fault), ERR_SYNTAX);
    assert_string_equal(fault.what, "dimensions");
}

static void full_arena_is_an_error_and_not_a_crash(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stills); i++) {
        struct slice file = file_load(stills[i]);
        struct image image;
        struct image_fault fault;
        struct fixture small;
        fixture_init(&small, 600);
        assert_int_equal(decode(&small, file, &image, &fault), ERR_NOMEM);
        assert_string_equal(fault.what, "memory");
        fixture_deinit(&small);
        file_free(file);
    }
}

/* Every format ends with a marker or says its length in front, so that a cut is always seen. */
static void truncated_at_every_tenth_byte_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(stills); i++) {
        struct slice file = file_load(stills[i]);
        for (size_t len = 0; len < file.len;
             len += len + 10 < file.len || len == file.len - 1 ? 10 : file.len - 1 - len) {
            char *copy = malloc(len ? len : 1);
            memcpy(copy, file.ptr, len);
            struct image image;
            struct image_fault fault = {NULL, ""};
            if (decode(fixture, slice_of(copy, len), &image, &fault) == ERR_OK)
                fail_msg("%s: accepted with %zu of %zu bytes", stills[i], len, file.len);
            assert_non_null(fault.what);
            assert_true(fault.text[0] != '\0');
            free(copy);
            arena_reset(&fixture->arena);
        }
        file_free(file);
    }
}

static void bytes_after_the_end_are_ignored(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(stills); i++) {
        struct slice file = file_load(stills[i]);
        char *longer = malloc(file.len + 100);
        memcpy(longer, file.ptr, file.len);
        memset(longer + file.len, 'x', 100);
        struct image image, plain;
        struct image_fault fault;
        assert_int_equal(decode(*state, slice_of(longer, file.len + 100), &image, &fault), ERR_OK);
        assert_int_equal(decode(*state, file, &plain, &fault), ERR_OK);
        assert_true(image_hash(&image) == image_hash(&plain));
        free(longer);
        file_free(file);
    }
}

/* Any single changed byte: refused or decoded, and probe and decode agree about the size. */
static void damage_is_survived(void **state)
{
    struct fixture *fixture = *state;
    struct image_options options = image_options_default();
    options.limits.pixels_max = 1000 * 1000;
    for (size_t i = 0; i < ARRAY_LEN(stills); i++) {
        struct slice file = file_load(stills[i]);
        char *copy = malloc(file.len);
        for (size_t at = 0; at < file.len; at += at < 200 ? 1 : 13) {
            memcpy(copy, file.ptr, file.len);
            copy[at] = (char)(copy[at] ^ (1 << at % 8));
            struct image image;
            struct image_info info;
            struct image_fault fault;
            struct slice damaged = slice_of(copy, file.len);
            if (image_decode(damaged, &options, &fixture->arena, &image, &fault) == ERR_OK) {
                assert_int_equal(image_probe(damaged, &info, &fault), ERR_OK);
                assert_int_equal(image.width, info.orientation < 5 ? info.width : info.height);
            }
            arena_reset(&fixture->arena);
        }
        free(copy);
        file_free(file);
    }
}

/* The decoder would make both of them a picture with a grey rest and a warning. */
static void corrupt_entropy_data_of_a_jpeg_is_an_error_and_not_grey(void **state)
{
    /* The end of the image, and a run of ones, which is no Huffman code (0xFF is followed by a stuffed 0). */
    static const struct slice damages[] = {{"\xFF\xD9", 2}, {"\xFF\0\xFF\0\xFF\0", 6}};
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct slice file = file_load("baseline_444.jpg");
        char *copy = malloc(file.len);
        memcpy(copy, file.ptr, file.len);
        memcpy(copy + file.len - 800, damages[i].ptr, damages[i].len);
        struct image image;
        struct image_fault fault;
        assert_int_equal(decode(*state, slice_of(copy, file.len), &image, &fault), ERR_SYNTAX);
        assert_string_equal(fault.what, "corrupt");
        free(copy);
        file_free(file);
    }
}

static void jpeg_with_too_many_scans_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice file = file_load("progressive.jpg");
    struct image image;
    struct image_fault fault;
    struct image_options options = image_options_default();
    options.limits.scans_max = 10; /* as libjpeg writes colour */
    assert_int_equal(image_decode(file, &options, &fixture->arena, &image, &fault), ERR_OK);
    options.limits.scans_max = 9;
    assert_int_equal(image_decode(file, &options, &fixture->arena, &image, &fault), ERR_LIMIT);
    assert_string_equal(fault.text, "JPEG: more than 9 scans");
    file_free(file);
}

static void working_memory_of_a_progressive_jpeg_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct slice file = file_load("progressive_tall.jpg");
    struct image image;
    struct image_fault fault;
    struct image_options options = image_options_default();
    options.limits.decoder_bytes_max = 10000;
    assert_int_equal(image_decode(file, &options, &fixture->arena, &image, &fault), ERR_LIMIT);
    assert_string_equal(fault.what, "memory");
    file_free(file);
}

static void animated_files_are_refused(void **state)
{
    static const char *const names[] = {"animated.webp", "animated.png"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice file = file_load(names[i]);
        struct image image;
        struct image_fault fault;
        assert_int_equal(decode(*state, file, &image, &fault), ERR_UNSUPPORTED);
        assert_string_equal(fault.what, "animated");
        file_free(file);
    }
}

static void scaled_decode_keeps_at_least_the_wanted_size(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        uint32_t min_width, min_height, width, height;
    } cases[] = {
        {"baseline_420.jpg", 31, 20, 31, 22},  {"baseline_420.jpg", 32, 20, 61, 43},
        {"baseline_420.jpg", 8, 6, 8, 6},      {"baseline_420.jpg", 200, 1, 61, 43},
        {"orientation_6.jpg", 12, 20, 12, 20}, {"orientation_6.jpg", 20, 12, 24, 40},
        {"orientation_1.jpg", 20, 12, 20, 12}, {"rgb.png", 8, 8, 45, 31},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice file = file_load(cases[i].name);
        struct image image;
        struct image_fault fault;
        struct image_options options = image_options_default();
        options.allow_scaled_decode = true;
        options.min_width = cases[i].min_width;
        options.min_height = cases[i].min_height;
        assert_int_equal(image_decode(file, &options, &fixture->arena, &image, &fault), ERR_OK);
        assert_int_equal(image.width, cases[i].width);
        assert_int_equal(image.height, cases[i].height);
        file_free(file);
    }
}

static void alpha_is_laid_over_the_background_when_asked(void **state)
{
    (void)state;
    uint8_t pixels[] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 128};
    struct image image = {.pixels = pixels, .width = 3, .height = 1, .stride_bytes = sizeof pixels};
    image_composite(&image, (const uint8_t[]){200, 0, 50});
    const uint8_t expected[] = {10, 20, 30, 200, 0, 50, 100, 50, 153};
    assert_memory_equal(image.pixels, expected, sizeof expected);
    assert_int_equal(image.stride_bytes, 9);
}

static void background_shows_through_in_png_and_webp(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"rgba.png",           "palette_transparent.png", "interlaced_alpha.png",
                                        "grey_alpha.png",     "rgba_16bit.png",          "lossy_alpha.webp",
                                        "lossless_alpha.webp"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice file = file_load(names[i]);
        struct image dropped, black, white;
        struct image_fault fault;
        struct image_options options = image_options_default();
        assert_int_equal(image_decode(file, &options, &fixture->arena, &dropped, &fault), ERR_OK);
        options.has_background = true;
        assert_int_equal(image_decode(file, &options, &fixture->arena, &black, &fault), ERR_OK);
        memset(options.background, 255, sizeof options.background);
        assert_int_equal(image_decode(file, &options, &fixture->arena, &white, &fault), ERR_OK);
        int through = 0;
        for (size_t at = 0; at < black.stride_bytes * black.height; at++) {
            assert_true(black.pixels[at] <= dropped.pixels[at] && dropped.pixels[at] <= white.pixels[at]);
            through += white.pixels[at] != black.pixels[at];
        }
        assert_true(through > 100);
        file_free(file);
    }
}

static void malformed_exif_is_no_reason_to_refuse(void **state)
{
    (void)state;
    static const char good[] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0";
    assert_int_equal(exif_orientation(slice_of(good, 22)), 6);
    for (size_t len = 0; len < 22; len++)
        assert_int_equal(exif_orientation(slice_of(good, len)), 1);
    char bad[22];
    for (size_t at = 0; at < 20; at++) {
        memcpy(bad, good, sizeof bad);
        bad[at] = (char)0xFF;
        uint8_t orientation = exif_orientation(slice_of(bad, sizeof bad));
        assert_true(orientation == 1 || orientation == 6);
    }
    memcpy(bad, good, sizeof bad);
    bad[18] = 9;
    assert_int_equal(exif_orientation(slice_of(bad, sizeof bad)), 1);
}

static void unknown_critical_png_chunk_is_refused(void **state)
{
    struct slice file = file_load("rgb.png");
    char *copy = malloc(file.len + 12);
    memcpy(copy, file.ptr, 33);
    memcpy(copy + 33, "\0\0\0\0ABcDCRC!", 12);
    memcpy(copy + 45, file.ptr + 33, file.len - 33);
    struct image image;
    struct image_fault fault;
    assert_int_equal(decode(*state, slice_of(copy, file.len + 12), &image, &fault), ERR_UNSUPPORTED);
    assert_string_equal(fault.text, "PNG: unknown critical chunk ABcD at byte 33");
    copy[37] = 'a'; /* ancillary: not even its checksum matters */
    assert_int_equal(decode(*state, slice_of(copy, file.len + 12), &image, &fault), ERR_OK);
    free(copy);
    file_free(file);
}

static void stray_bytes_in_a_jpeg_header_are_refused(void **state)
{
    struct slice file = file_load("grey.jpg");
    char *copy = malloc(file.len + 1);
    memcpy(copy, file.ptr, 20); /* SOI and APP0 */
    copy[20] = 'x';
    memcpy(copy + 21, file.ptr + 20, file.len - 20);
    struct image image;
    struct image_fault fault;
    assert_int_equal(decode(*state, slice_of(copy, file.len + 1), &image, &fault), ERR_SYNTAX);
    assert_string_equal(fault.text, "JPEG: byte 20 is 0x78, expected a marker");
    copy[20] = (char)0xFF; /* a fill byte */
    assert_int_equal(decode(*state, slice_of(copy, file.len + 1), &image, &fault), ERR_OK);
    free(copy);
    file_free(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(decodes_every_file_to_pillows_pixels),
        TEST(probe_tells_what_the_header_says),
        TEST(every_orientation_is_turned_upright),
        TEST(zero_bytes_are_refused),
        TEST(other_formats_are_refused_by_name),
        TEST(sixty_thousand_squared_is_refused_before_memory_is_taken),
        TEST(zero_sides_are_refused),
        TEST(full_arena_is_an_error_and_not_a_crash),
        TEST(truncated_at_every_tenth_byte_is_refused),
        TEST(bytes_after_the_end_are_ignored),
        TEST(damage_is_survived),
        TEST(corrupt_entropy_data_of_a_jpeg_is_an_error_and_not_grey),
        TEST(jpeg_with_too_many_scans_is_refused),
        TEST(working_memory_of_a_progressive_jpeg_is_limited),
        TEST(animated_files_are_refused),
        TEST(scaled_decode_keeps_at_least_the_wanted_size),
        TEST(alpha_is_laid_over_the_background_when_asked),
        TEST(background_shows_through_in_png_and_webp),
        TEST(malformed_exif_is_no_reason_to_refuse),
        TEST(unknown_critical_png_chunk_is_refused),
        TEST(stray_bytes_in_a_jpeg_header_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
