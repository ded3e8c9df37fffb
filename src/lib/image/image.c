/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/image/image.h"

#include "lib/base/memory_user.h"
#include "lib/image/image_int.h"

#include <stdarg.h>
#include <stdio.h>

#define SIGNATURE_BYTES_MAX 12

typedef enum err (*probe_fn)(struct slice file, struct image_info *ret, struct image_fault *fault);
typedef enum err (*decode_fn)(const struct decode_task *task, struct image *ret);

static const struct format {
    const char *name;
    probe_fn probe;
    decode_fn decode;
} formats[] = {
    [IMAGE_UNKNOWN] = {"unknown", NULL, NULL},
    [IMAGE_JPEG] = {"JPEG", jpeg_probe, jpeg_decode},
    [IMAGE_PNG] = {"PNG", png_probe, png_decode},
    [IMAGE_WEBP] = {"WebP", webp_probe, webp_decode},
};

struct image_options image_options_default(void)
{
    return (struct image_options){
        .limits = {.pixels_max = 50000000, .side_max = 65535, .scans_max = 64, .decoder_bytes_max = (size_t)512 << 20}};
}

const char *image_format_name(enum image_format format)
{
    return formats[format].name;
}

enum image_format image_format_of(struct slice file)
{
    if (slice_starts(file, slice_of("\xFF\xD8\xFF", 3)))
        return IMAGE_JPEG;
    if (slice_starts(file, slice_of("\x89PNG\r\n\x1A\n", PNG_SIGNATURE_BYTES)))
        return IMAGE_PNG;
    if (file.len >= SIGNATURE_BYTES_MAX && memcmp(file.ptr, "RIFF", 4) == 0 && memcmp(file.ptr + 8, "WEBP", 4) == 0)
        return IMAGE_WEBP;
    return IMAGE_UNKNOWN;
}

enum err image_probe(struct slice file, struct image_info *ret, struct image_fault *fault)
{
    if (file.len == 0)
        return REFUSE(fault, ERR_TRUNCATED, "empty", "the image has zero bytes");
    enum image_format format = image_format_of(file);
    if (format == IMAGE_UNKNOWN)
        return REFUSE(fault, ERR_UNSUPPORTED, "format",
                      "the first bytes are of no supported image format; supported are JPEG, PNG and WebP");
    return formats[format].probe(file, ret, fault);
}

enum err image_check(const struct image_info *info, const struct image_limits *limits, struct image_fault *fault)
{
    const char *name = image_format_name(info->format);
    if (info->width > limits->side_max || info->height > limits->side_max)
        return REFUSE(fault, ERR_LIMIT, "dimensions", "%s: %u x %u pixels, sides may be up to %u", name, info->width,
                      info->height, limits->side_max);
    uint64_t pixels = (uint64_t)info->width * info->height;
    if (pixels > limits->pixels_max)
        return REFUSE(fault, ERR_LIMIT, "dimensions", "%s: %u x %u = %llu pixels, at most %llu are allowed", name,
                      info->width, info->height, (unsigned long long)pixels, (unsigned long long)limits->pixels_max);
    return ERR_OK;
}

static enum err decode(const struct format *format, const struct decode_task *task, struct image *ret)
{
    AS_MEMORY_USER(images);
    return format->decode(task, ret);
}

enum err image_decode(struct slice file, const struct image_options *options, struct arena *arena, struct image *ret,
                      struct image_fault *fault)
{
    struct image_info info;
    TRY(image_probe(file, &info, fault));
    TRY(image_check(&info, &options->limits, fault));
    const struct format *format = &formats[info.format];
    if (info.is_animated)
        return REFUSE(fault, ERR_UNSUPPORTED, "animated", "%s: animated, expected a still picture", format->name);

    struct decode_task task = {.file = file, .info = &info, .options = options, .arena = arena, .fault = fault};
    struct image image;
    TRY(decode(format, &task, &image));
    if (image_orient(&image, info.orientation, arena) != ERR_OK)
        return REFUSE(fault, ERR_NOMEM, "memory", "%s: no memory to turn %u x %u pixels upright", format->name,
                      info.width, info.height);
    *ret = image;
    return ERR_OK;
}

enum err image_alloc(const struct decode_task *task, uint32_t width, uint32_t height, uint32_t channels,
                     struct image *ret)
{
    size_t stride = (size_t)width * channels;
    size_t bytes;
    bool is_over = __builtin_mul_overflow(stride, (size_t)height, &bytes);
    uint8_t *pixels = is_over ? NULL : arena_alloc_aligned(task->arena, bytes);
    if (!pixels)
        return REFUSE(task->fault, ERR_NOMEM, "memory", "%s: no memory for %u x %u pixels",
                      image_format_name(task->info->format), width, height);
    *ret = (struct image){.pixels = pixels, .width = width, .height = height, .stride_bytes = stride};
    return ERR_OK;
}

void image_fault_set(struct image_fault *fault, const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault->what = what;
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
}
