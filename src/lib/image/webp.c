/* SPDX-License-Identifier: Apache-2.0 */
/* The door to libwebp. It decodes straight into our pixels; what it needs besides is bounded by the dimensions, which
 * webp_probe has read (lossless: four bytes a pixel; lossy: some rows). */
#include "lib/image/image_int.h"

#include <webp/decode.h>

static enum err refuse(const struct decode_task *task, VP8StatusCode status);

enum err webp_decode(const struct decode_task *task, struct image *ret)
{
    const uint8_t *data = (const uint8_t *)task->file.ptr;
    size_t bytes = (size_t)read_le32(task->file.ptr + 4) + 8; /* webp_probe found this many */
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return REFUSE(task->fault, ERR_INTERNAL, "format", "WebP: the library is of another version");
    VP8StatusCode status = WebPGetFeatures(data, bytes, &config.input);
    if (status != VP8_STATUS_OK)
        return refuse(task, status);
    if ((uint32_t)config.input.width != task->info->width || (uint32_t)config.input.height != task->info->height)
        return REFUSE(task->fault, ERR_SYNTAX, "header", "WebP: two readers disagree about its dimensions");

    bool is_blended = task->options->has_background && task->info->has_alpha;
    TRY(image_alloc(task, task->info->width, task->info->height, is_blended ? 4 : IMAGE_CHANNELS, ret));
    config.output.colorspace = is_blended ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = ret->pixels;
    config.output.u.RGBA.stride = (int)ret->stride_bytes;
    config.output.u.RGBA.size = ret->stride_bytes * ret->height;
    status = WebPDecode(data, bytes, &config);
    WebPFreeDecBuffer(&config.output);
    if (status != VP8_STATUS_OK)
        return refuse(task, status);
    if (is_blended)
        image_composite(ret, task->options->background);
    return ERR_OK;
}

static enum err refuse(const struct decode_task *task, VP8StatusCode status)
{
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return REFUSE(task->fault, ERR_NOMEM, "memory", "WebP: no memory for the decoder");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return REFUSE(task->fault, ERR_TRUNCATED, "truncated", "WebP: the picture ends too early");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return REFUSE(task->fault, ERR_UNSUPPORTED, "format", "WebP: a feature that is not supported");
    default:
        return REFUSE(task->fault, ERR_SYNTAX, "corrupt", "WebP: the picture cannot be decoded");
    }
}
