/* SPDX-License-Identifier: Apache-2.0 */
/* The door to libspng.
 *
 * The library sees only the chunks that decide about pixels. Text, profiles and whatever else a file may carry (a kilobyte
 * of zTXt inflates to a megabyte) is left out of the stream it reads, so its memory is a few rows and the state of zlib,
 * and the size of IHDR bounds what the pixels inflate to. */
#include "lib/image/image_int.h"

#include <spng.h>

/* The signature or one chunk at a time: file[at, end) is what the decoder may read before the next one is looked for. */
struct feed {
    struct slice file;
    size_t at;
    size_t end;
    bool wants_transparency;
};

static int feed_read(spng_ctx *spng, void *context, void *out, size_t bytes);
static enum err decode(spng_ctx *spng, const struct decode_task *task, struct image *ret);
static enum err refuse(const struct decode_task *task, int code);

enum err png_decode(const struct decode_task *task, struct image *ret)
{
    spng_ctx *spng = spng_ctx_new(0);
    if (!spng)
        return REFUSE(task->fault, ERR_NOMEM, "memory", "PNG: no memory for the decoder");
    struct feed feed = {
        .file = task->file, .end = PNG_SIGNATURE_BYTES, .wants_transparency = task->options->has_background};
    int code = spng_set_png_stream(spng, feed_read, &feed);
    if (code == SPNG_OK)
        code = spng_set_image_limits(spng, task->info->width, task->info->height);
    enum err err = code == SPNG_OK ? decode(spng, task, ret) : refuse(task, code);
    spng_ctx_free(spng);
    return err;
}

static enum err decode(spng_ctx *spng, const struct decode_task *task, struct image *ret)
{
    bool is_blended = task->options->has_background && task->info->has_alpha;
    uint32_t channels = is_blended ? 4 : IMAGE_CHANNELS;
    TRY(image_alloc(task, task->info->width, task->info->height, channels, ret));
    int code = spng_decode_image(spng, ret->pixels, ret->stride_bytes * ret->height,
                                 is_blended ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8, is_blended ? SPNG_DECODE_TRNS : 0);
    if (code == SPNG_OK)
        code = spng_decode_chunks(spng); /* to IEND: checks the last CRCs */
    if (code != SPNG_OK)
        return refuse(task, code);
    if (is_blended)
        image_composite(ret, task->options->background);
    return ERR_OK;
}

static bool feed_wants(const struct feed *feed, const struct png_chunk *chunk)
{
    return png_chunk_is(chunk, "IHDR") || png_chunk_is(chunk, "PLTE") || png_chunk_is(chunk, "IDAT") ||
           png_chunk_is(chunk, "IEND") || (feed->wants_transparency && png_chunk_is(chunk, "tRNS"));
}

/* Moves on to the next chunk that the decoder is to see. */
static bool feed_next(struct feed *feed)
{
    struct png_chunk chunk;
    for (size_t at = feed->end; png_chunk_read(feed->file, &at, &chunk) == ERR_OK;) {
        if (!feed_wants(feed, &chunk))
            continue;
        feed->at = chunk.offset;
        feed->end = at;
        return true;
    }
    return false;
}

static int feed_read(spng_ctx *spng, void *context, void *out, size_t bytes)
{
    (void)spng;
    struct feed *feed = context;
    for (char *to = out; bytes > 0;) {
        if (feed->at == feed->end && !feed_next(feed))
            return SPNG_IO_EOF;
        size_t count = MIN(bytes, feed->end - feed->at);
        memcpy(to, feed->file.ptr + feed->at, count);
        feed->at += count;
        to += count;
        bytes -= count;
    }
    return 0;
}

static enum err refuse(const struct decode_task *task, int code)
{
    if (code == SPNG_EMEM || code == SPNG_EZLIB_INIT)
        return REFUSE(task->fault, ERR_NOMEM, "memory", "PNG: no memory for the decoder");
    if (code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT)
        return REFUSE(task->fault, ERR_TRUNCATED, "truncated", "PNG: %s", spng_strerror(code));
    return REFUSE(task->fault, ERR_SYNTAX, "corrupt", "PNG: %s", spng_strerror(code));
}
