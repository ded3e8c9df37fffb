/* SPDX-License-Identifier: Apache-2.0 */
/* The door to libjpeg-turbo.
 *
 * The library is lenient by tradition: it fills what is missing with grey and calls it a warning. A model would answer such
 * a picture with confidence, so warnings about the data are errors here. It reports through longjmp; everything between
 * setjmp and the end of decode_guarded lives in `struct session`, and nothing of ours needs unwinding.
 *
 * Its memory comes from malloc, within decoder_bytes_max (there is no backing store to fall back to). A progressive file
 * of a few kilobytes may ask for dozens of passes over all pixels; scans are counted and limited. */
#include "lib/image/image_int.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE */

#include <jpeglib.h>

#include <jerror.h>

#define ROWS_AT_ONCE 8

struct session {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const struct decode_task *task;
    struct image *image;
    enum err err; /* what longjmp carries */
};

static enum err decode_guarded(struct session *session);
static enum err decode(struct session *session);
static unsigned scale_of(const struct decode_task *task);
static enum err read_rows(struct session *session);
static enum err read_rows_cmyk(struct session *session);

static struct session *session_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static enum err err_of(int code)
{
    switch (code) {
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
    case JWRN_JPEG_EOF:
        return ERR_TRUNCATED;
    case JERR_OUT_OF_MEMORY:
        return ERR_NOMEM;
    case JERR_NO_BACKING_STORE:
    case JERR_IMAGE_TOO_BIG:
        return ERR_LIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        return ERR_UNSUPPORTED;
    default:
        return ERR_SYNTAX;
    }
}

static const char *what_of(enum err err)
{
    switch (err) {
    case ERR_TRUNCATED:
        return "truncated";
    case ERR_NOMEM:
    case ERR_LIMIT:
        return "memory";
    case ERR_UNSUPPORTED:
        return "format";
    default:
        return "corrupt";
    }
}

NORETURN static void escape(j_common_ptr cinfo)
{
    struct session *session = session_of(cinfo);
    char message[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, message);
    enum err err = err_of(cinfo->err->msg_code);
    session->err = REFUSE(session->task->fault, err, what_of(err), "JPEG: %s", message);
    longjmp(session->escape, 1);
}

/* Level -1 is a warning, 0 and above are traces. Tolerated are an unknown version of JFIF, an unknown Adobe transform, and
 * stray bytes between segments, which some cameras write; none of them costs a pixel. */
static void on_message(j_common_ptr cinfo, int level)
{
    int code = cinfo->err->msg_code;
    if (level < 0 && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM && code != JWRN_EXTRANEOUS_DATA)
        escape(cinfo);
}

static void on_progress(j_common_ptr cinfo)
{
    struct session *session = session_of(cinfo);
    uint32_t scans_max = session->task->options->limits.scans_max;
    if ((uint32_t)session->cinfo.input_scan_number <= scans_max)
        return;
    session->err = REFUSE(session->task->fault, ERR_LIMIT, "corrupt", "JPEG: more than %u scans", scans_max);
    longjmp(session->escape, 1);
}

enum err jpeg_decode(const struct decode_task *task, struct image *ret)
{
    struct session session = {.task = task, .image = ret, .progress = {.progress_monitor = on_progress}};
    session.cinfo.err = jpeg_std_error(&session.errors);
    session.cinfo.client_data = &session;
    session.errors.error_exit = escape;
    session.errors.emit_message = on_message;
    enum err err = decode_guarded(&session);
    jpeg_destroy_decompress(&session.cinfo);
    return err;
}

static enum err decode_guarded(struct session *session)
{
    if (setjmp(session->escape))
        return session->err;
    return decode(session);
}

static enum err decode(struct session *session)
{
    const struct decode_task *task = session->task;
    struct jpeg_decompress_struct *cinfo = &session->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->progress = &session->progress;
    cinfo->mem->max_memory_to_use = (long)MIN(task->options->limits.decoder_bytes_max, (size_t)LONG_MAX);
    jpeg_mem_src(cinfo, (const unsigned char *)task->file.ptr, task->file.len);
    (void)jpeg_read_header(cinfo, TRUE);
    if (cinfo->image_width != task->info->width || cinfo->image_height != task->info->height)
        return REFUSE(task->fault, ERR_SYNTAX, "header", "JPEG: two readers disagree about its dimensions");

    bool is_cmyk = cinfo->jpeg_color_space == JCS_CMYK || cinfo->jpeg_color_space == JCS_YCCK;
    cinfo->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    cinfo->scale_num = 1;
    cinfo->scale_denom = scale_of(task);
    (void)jpeg_start_decompress(cinfo);
    TRY(image_alloc(task, cinfo->output_width, cinfo->output_height, IMAGE_CHANNELS, session->image));
    TRY(is_cmyk ? read_rows_cmyk(session) : read_rows(session));
    (void)jpeg_finish_decompress(cinfo); /* reads to EOI, so that a cut tail is seen */
    return ERR_OK;
}

/* 1, 2, 4 or 8: the reductions that libjpeg-turbo has vector code for. */
static unsigned scale_of(const struct decode_task *task)
{
    const struct image_options *options = task->options;
    if (!options->allow_scaled_decode)
        return 1;
    bool is_turned = task->info->orientation >= 5;
    uint32_t width_min = is_turned ? options->min_height : options->min_width;
    uint32_t height_min = is_turned ? options->min_width : options->min_height;
    unsigned denom = 8;
    while (denom > 1 && ((task->info->width + denom - 1) / denom < width_min ||
                         (task->info->height + denom - 1) / denom < height_min))
        denom /= 2;
    return denom;
}

static enum err read_rows(struct session *session)
{
    struct image *image = session->image;
    while (session->cinfo.output_scanline < image->height) {
        JSAMPROW rows[ROWS_AT_ONCE];
        uint32_t first = session->cinfo.output_scanline;
        uint32_t count = MIN(image->height - first, (uint32_t)ROWS_AT_ONCE);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = image->pixels + (first + i) * image->stride_bytes;
        (void)jpeg_read_scanlines(&session->cinfo, rows, count);
    }
    return ERR_OK;
}

/* a × b / 255, rounded. */
static int multiply(int a, int b)
{
    int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Adobe stores CMYK inverted: 255 is no ink. Every file is taken that way, and turned into RGB as Pillow does it. */
static enum err read_rows_cmyk(struct session *session)
{
    struct image *image = session->image;
    struct image row;
    TRY(image_alloc(session->task, image->width, 1, 4, &row));
    while (session->cinfo.output_scanline < image->height) {
        const uint8_t *src = row.pixels;
        uint8_t *dst = image->pixels + session->cinfo.output_scanline * image->stride_bytes;
        JSAMPROW rows[] = {row.pixels};
        (void)jpeg_read_scanlines(&session->cinfo, rows, 1);
        for (uint32_t x = 0; x < image->width; x++, src += 4, dst += IMAGE_CHANNELS)
            for (int c = 0; c < IMAGE_CHANNELS; c++)
                dst[c] = (uint8_t)(src[3] - multiply(255 - src[c], src[3]));
    }
    return ERR_OK;
}
