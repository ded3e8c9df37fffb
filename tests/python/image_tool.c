/* SPDX-License-Identifier: Apache-2.0 */
/* What resize_compare.py drives: commands on standard input, one a line, raw results on standard output.
 *
 *   pixels WIDTH HEIGHT FIT CHANNELS FILE    uint8, interleaved, after decoding and resizing
 *   tensor WIDTH HEIGHT FIT CHANNELS FILE    float32, planes, ImageNet's mean and std
 *   decode FILE                              RGB as decoded
 *
 * Each result is a line "WIDTH HEIGHT BYTES" and the bytes; or a line "error TEXT". With "time REPEAT FILE WIDTH HEIGHT
 * SCALED" as arguments it prints the processor time of each step instead. */
#include "lib/base/cpu.h"
#include "lib/base/text.h"
#include "lib/image/normalize.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REPEAT_MAX 1000

static struct slice load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(bytes + 1);
    if (!data || fread(data, 1, bytes, file) != bytes) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return slice_of(data, bytes);
}

static void answer(uint32_t width, uint32_t height, const void *data, size_t bytes)
{
    printf("%u %u %zu\n", width, height, bytes);
    fwrite(data, 1, bytes, stdout);
    fflush(stdout);
}

static void answer_error(const char *text)
{
    printf("error %s\n", text);
    fflush(stdout);
}

static void normalize(const struct image *image, const struct normalize_spec *spec, struct arena *arena)
{
    size_t bytes = normalize_tensor_bytes(spec);
    void *tensor = arena_alloc_aligned(arena, bytes);
    if (!tensor || image_normalize(image, spec, arena, tensor) != ERR_OK)
        answer_error("image_normalize failed");
    else
        answer(spec->width, spec->height, tensor, bytes);
}

static void run_command(const char *line, struct arena *arena)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f};
    static const float deviation[3] = {0.229f, 0.224f, 0.225f};
    char verb[16], path[1024];
    unsigned width = 1, height = 1, fit = 0, channels = 3;
    bool is_decode = sscanf(line, "decode %1023[^\n]", path) == 1;
    if (!is_decode && sscanf(line, "%15s %u %u %u %u %1023[^\n]", verb, &width, &height, &fit, &channels, path) != 6) {
        answer_error("unknown command");
        return;
    }
    struct slice file = load(path);
    struct image_options options = image_options_default();
    struct image image;
    struct image_fault fault;
    struct normalize_spec spec = normalize_spec_default(width, height);
    spec.fit = (enum resize_fit)fit;
    spec.channels = channels;
    if (!is_decode && verb[0] == 'p') {
        spec.type = NORMALIZE_U8;
        spec.layout = NORMALIZE_NHWC;
    } else {
        memcpy(spec.mean, mean, sizeof mean);
        memcpy(spec.std, deviation, sizeof deviation);
    }
    if (image_decode(file, &options, arena, &image, &fault) != ERR_OK)
        answer_error(fault.text);
    else if (is_decode)
        answer(image.width, image.height, image.pixels, image.stride_bytes * image.height);
    else
        normalize(&image, &spec, arena);
    free((void *)(uintptr_t)file.ptr);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare_times(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void print_times(const char *name, double *times, size_t count)
{
    qsort(times, count, sizeof *times, compare_times);
    printf("%-10s %9.4f ms least, %9.4f median\n", name, times[0], times[count / 2]);
}

static void measure(size_t repeat, const char *path, const struct normalize_spec *spec, uint32_t scaled_min)
{
    static double decode_ms[REPEAT_MAX], normalize_ms[REPEAT_MAX];
    struct slice file = load(path);
    struct pool pool;
    struct arena arena;
    pool_init(&pool, (size_t)1 << 30, (size_t)1 << 31);
    arena_init(&arena, &pool, (size_t)1 << 20, (size_t)1 << 30);
    void *tensor = malloc(normalize_tensor_bytes(spec));
    struct image_options options = image_options_default();
    options.allow_scaled_decode = scaled_min > 0;
    options.min_width = options.min_height = scaled_min;
    struct image image = {0};
    for (size_t i = 0; i < repeat; i++) {
        struct image_fault fault;
        double start = now_ms();
        if (image_decode(file, &options, &arena, &image, &fault) != ERR_OK)
            exit(1);
        double middle = now_ms();
        if (image_normalize(&image, spec, &arena, tensor) != ERR_OK)
            exit(1);
        normalize_ms[i] = now_ms() - middle;
        decode_ms[i] = middle - start;
        arena_reset(&arena);
    }
    printf("%s: %u x %u to %u x %u, %s\n", path, image.width, image.height, spec->width, spec->height,
           cpu_level_name(cpu_level()));
    print_times("decode", decode_ms, repeat);
    print_times("normalise", normalize_ms, repeat);
    free(tensor);
    pool_deinit(&pool);
}

static uint32_t parse(const char *text)
{
    uint64_t value;
    if (text_parse_u64(slice_of_text(text), &value) != ERR_OK || value > UINT32_MAX) {
        fprintf(stderr, "%s: expected a number\n", text);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "time") == 0) {
        struct normalize_spec spec = normalize_spec_default(parse(argv[4]), parse(argv[5]));
        measure(MIN(parse(argv[2]), REPEAT_MAX), argv[3], &spec, parse(argv[6]));
        return 0;
    }
    struct pool pool;
    struct arena arena;
    pool_init(&pool, (size_t)64 << 20, (size_t)1 << 30);
    arena_init(&arena, &pool, (size_t)1 << 16, (size_t)1 << 30);
    char line[2048];
    while (fgets(line, sizeof line, stdin)) {
        run_command(line, &arena);
        arena_reset(&arena);
    }
    pool_deinit(&pool);
    return 0;
}
