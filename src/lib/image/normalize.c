/* SPDX-License-Identifier: Apache-2.0 */
/* Each row leaves the resize while it is in the first-level cache and goes straight to its place in the tensor. */
#include "lib/image/normalize.h"

#include "lib/image/normalize_int.h"
#include "lib/image/resize_int.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#endif

/* Everything a row needs. Channel c of pixel x of row y is element c × channel_step + x × pixel_step + y × row_step. */
struct output {
    const struct normalize_spec *spec;
    const struct resize_plan *plan;
    void *tensor;
    size_t channel_step;
    size_t pixel_step;
    size_t row_step;
    float factor[3]; /* by channel of the tensor */
    float term[3];
    float (*table)[256]; /* fma(pixel, factor, term); NULL where FMA is an instruction */
    uint32_t from[3];    /* channel of the picture */
};

static enum err output_init(struct output *output, bool has_fma, struct arena *scratch);
static void fill_padding(const struct output *output);
static resize_row_fn row_fn_of(const struct output *output);
static enum err luma(const struct image *image, struct arena *scratch, struct resize_source *ret);

struct normalize_spec normalize_spec_default(uint32_t width, uint32_t height)
{
    return (struct normalize_spec){
        .width = width, .height = height, .channels = 3, .scale = 1.0f / 255.0f, .std = {1.0f, 1.0f, 1.0f}};
}

enum err normalize_spec_check(const struct normalize_spec *spec, const char **ret_reason)
{
    const char *reason = NULL;
    if (spec->width < 1 || spec->width > RESIZE_SIDE_MAX || spec->height < 1 || spec->height > RESIZE_SIDE_MAX)
        reason = "width and height must be 1 to 65535";
    if (spec->channels != 1 && spec->channels != 3)
        reason = "channels must be 1 or 3";
    if (!isfinite(spec->scale))
        reason = "scale must be a finite number";
    for (uint32_t c = 0; c < 3; c++) {
        if (!isfinite(spec->mean[c]) || !isfinite(spec->std[c]) || spec->std[c] == 0)
            reason = "mean and std must be finite numbers, and std not 0";
        if (!(spec->pad[c] >= 0 && spec->pad[c] <= 255))
            reason = "pad must be 0 to 255";
    }
    if (!reason)
        return ERR_OK;
    *ret_reason = reason;
    return ERR_INVALID;
}

size_t normalize_tensor_bytes(const struct normalize_spec *spec)
{
    size_t bytes = spec->type == NORMALIZE_F32 ? sizeof(float) : 1;
    return bytes * spec->width * spec->height * spec->channels;
}

enum err image_normalize(const struct image *image, const struct normalize_spec *spec, struct arena *scratch,
                         void *ret_tensor)
{
    return image_normalize_at(cpu_level(), image, spec, scratch, ret_tensor);
}

enum err image_normalize_at(enum cpu_level level, const struct image *image, const struct normalize_spec *spec,
                            struct arena *scratch, void *ret_tensor)
{
    struct resize_spec sizes = {.src_width = image->width,
                                .src_height = image->height,
                                .dst_width = spec->width,
                                .dst_height = spec->height,
                                .channels = spec->channels,
                                .fit = spec->fit};
    struct resize_plan plan;
    TRY(resize_plan_init(&plan, &sizes, scratch));
    struct output output = {.spec = spec, .plan = &plan, .tensor = ret_tensor};
    TRY(output_init(&output, level >= CPU_AVX2, scratch));
    fill_padding(&output);
    struct resize_source source = {image->pixels, image->stride_bytes};
    if (spec->channels == 1)
        TRY(luma(image, scratch, &source));
    return resize_rows_at(level, &plan, &source, scratch, row_fn_of(&output), &output);
}

static enum err output_init(struct output *output, bool has_fma, struct arena *scratch)
{
    const struct normalize_spec *spec = output->spec;
    bool is_planar = spec->layout == NORMALIZE_NCHW;
    output->channel_step = is_planar ? (size_t)spec->width * spec->height : 1;
    output->pixel_step = is_planar ? 1 : spec->channels;
    output->row_step = output->pixel_step * spec->width;
    for (uint32_t c = 0; c < spec->channels; c++) {
        output->factor[c] = (float)((double)spec->scale / spec->std[c]);
        output->term[c] = (float)(-(double)spec->mean[c] / spec->std[c]);
        output->from[c] = spec->order == NORMALIZE_BGR ? spec->channels - 1 - c : c;
    }
    if (has_fma || spec->type == NORMALIZE_U8)
        return ERR_OK;
    output->table = arena_alloc(scratch, spec->channels * sizeof *output->table);
    if (!output->table)
        return ERR_NOMEM;
    for (uint32_t c = 0; c < spec->channels; c++)
        for (int value = 0; value < 256; value++)
            output->table[c][value] = fmaf((float)value, output->factor[c], output->term[c]);
    return ERR_OK;
}

/* Fills the whole tensor where the picture does not: simpler than four borders, and rare. */
static void fill_padding(const struct output *output)
{
    const struct normalize_spec *spec = output->spec;
    if (output->plan->place_width == spec->width && output->plan->place_height == spec->height)
        return;
    size_t pixels = (size_t)spec->width * spec->height;
    for (uint32_t c = 0; c < spec->channels; c++) {
        float value = fmaf(spec->pad[c], output->factor[c], output->term[c]);
        for (size_t i = 0; i < pixels; i++) {
            size_t at = c * output->channel_step + i * output->pixel_step;
            if (spec->type == NORMALIZE_F32)
                ((float *)output->tensor)[at] = value;
            else
                ((uint8_t *)output->tensor)[at] = (uint8_t)lrintf(spec->pad[c]);
        }
    }
}

/* Element of the tensor where row `y` of the picture begins, for channel `c`. */
static size_t row_start(const struct output *output, uint32_t c, uint32_t y)
{
    const struct resize_plan *plan = output->plan;
    return c * output->channel_step + (plan->place_y + y) * output->row_step + plan->place_x * output->pixel_step;
}

static void put_row_u8(void *context, uint32_t y, const uint8_t *row)
{
    const struct output *output = context;
    uint32_t channels = output->spec->channels;
    for (uint32_t c = 0; c < channels; c++) {
        uint8_t *to = (uint8_t *)output->tensor + row_start(output, c, y);
        const uint8_t *from = row + output->from[c];
        for (uint32_t x = 0; x < output->plan->place_width; x++)
            to[x * output->pixel_step] = from[(size_t)x * channels];
    }
}

static void put_row_f32(void *context, uint32_t y, const uint8_t *row)
{
    const struct output *output = context;
    uint32_t channels = output->spec->channels;
    for (uint32_t c = 0; c < channels; c++) {
        float *to = (float *)output->tensor + row_start(output, c, y);
        const uint8_t *from = row + output->from[c];
        for (uint32_t x = 0; x < output->plan->place_width; x++)
            to[x * output->pixel_step] = output->table[c][from[(size_t)x * channels]];
    }
}

#if defined(__x86_64__)

/* The rest of a row from pixel `x` on, and any layout without vector code of its own. */
TARGET_AVX2 static void put_rest_fma(const struct output *output, uint32_t y, const uint8_t *row, uint32_t x)
{
    uint32_t channels = output->spec->channels;
    for (uint32_t c = 0; c < channels; c++) {
        float *to = (float *)output->tensor + row_start(output, c, y);
        const uint8_t *from = row + output->from[c];
        for (uint32_t i = x; i < output->plan->place_width; i++)
            to[i * output->pixel_step] = fmaf(from[(size_t)i * channels], output->factor[c], output->term[c]);
    }
}

static void put_row_fma(void *context, uint32_t y, const uint8_t *row)
{
    put_rest_fma(context, y, row, 0);
}

TARGET_AVX2 static inline __m128i load128(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

TARGET_AVX2 static inline __m128i load64(const void *from)
{
    return _mm_loadl_epi64((const __m128i *)from);
}

/* Eight bytes → eight floats, scaled and stored. */
TARGET_AVX2 static inline void store8(float *to, __m128i bytes, __m256 factor, __m256 term)
{
    __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    _mm256_storeu_ps(to, _mm256_fmadd_ps(values, factor, term));
}

/* Planes. Eight pixels are 24 bytes: of channel c those at c, c+3, …, c+21, from a load at 0 and one at 8. */
TARGET_AVX2 static void put_row_planes_avx2(void *context, uint32_t y, const uint8_t *row)
{
    const struct output *output = context;
    const __m128i front[3] = {_mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
                              _mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
                              _mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)};
    const __m128i back[3] = {_mm_setr_epi8(-1, -1, -1, -1, -1, -1, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1),
                             _mm_setr_epi8(-1, -1, -1, -1, -1, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1),
                             _mm_setr_epi8(-1, -1, -1, -1, -1, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1)};
    uint32_t width = output->plan->place_width;
    for (uint32_t c = 0; c < 3; c++) {
        float *to = (float *)output->tensor + row_start(output, c, y);
        __m256 factor = _mm256_set1_ps(output->factor[c]), term = _mm256_set1_ps(output->term[c]);
        __m128i front_order = front[output->from[c]], back_order = back[output->from[c]];
        for (uint32_t x = 0; x + 8 <= width; x += 8) {
            const uint8_t *pixels = row + (size_t)x * 3;
            __m128i a = _mm_shuffle_epi8(load128(pixels), front_order);
            __m128i b = _mm_shuffle_epi8(load128(pixels + 8), back_order);
            store8(to + x, _mm_or_si128(a, b), factor, term);
        }
    }
    put_rest_fma(output, y, row, width & ~7u);
}

/* Interleaved and in the picture's own order: the factors repeat every three elements, that is every 24. */
TARGET_AVX2 static void put_row_pixels_avx2(void *context, uint32_t y, const uint8_t *row)
{
    const struct output *output = context;
    uint32_t channels = output->spec->channels;
    float factors[24], terms[24];
    for (uint32_t i = 0; i < 24; i++) {
        factors[i] = output->factor[i % channels];
        terms[i] = output->term[i % channels];
    }
    float *to = (float *)output->tensor + row_start(output, 0, y);
    uint32_t width = output->plan->place_width & ~7u;
    for (size_t i = 0; i < (size_t)width * channels; i += 8) {
        size_t phase = i % 24;
        store8(to + i, load64(row + i), _mm256_loadu_ps(factors + phase), _mm256_loadu_ps(terms + phase));
    }
    put_rest_fma(output, y, row, width);
}

#endif

static resize_row_fn row_fn_of(const struct output *output)
{
    const struct normalize_spec *spec = output->spec;
    if (spec->type == NORMALIZE_U8)
        return put_row_u8;
#if defined(__x86_64__)
    bool is_in_order = spec->channels == 1 || (spec->layout == NORMALIZE_NHWC && spec->order == NORMALIZE_RGB);
    if (!output->table && is_in_order)
        return put_row_pixels_avx2;
    if (!output->table)
        return spec->layout == NORMALIZE_NCHW ? put_row_planes_avx2 : put_row_fma;
#endif
    return put_row_f32;
}

/* ITU-R 601 in 16-bit fixed point: Pillow's convert("L"). A grey pixel keeps its value. */
static enum err luma(const struct image *image, struct arena *scratch, struct resize_source *ret)
{
    uint8_t *grey = arena_alloc_aligned(scratch, (size_t)image->width * image->height);
    if (!grey)
        return ERR_NOMEM;
    for (uint32_t y = 0; y < image->height; y++) {
        const uint8_t *rgb = image->pixels + y * image->stride_bytes;
        uint8_t *to = grey + (size_t)y * image->width;
        for (uint32_t x = 0; x < image->width; x++, rgb += 3)
            to[x] = (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
    }
    *ret = (struct resize_source){grey, image->width};
    return ERR_OK;
}
