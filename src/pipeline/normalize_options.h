/* SPDX-License-Identifier: Apache-2.0 */
/* How pixels become numbers, as a configuration says it: the options that the middleware normalize_image and the step
 * normalize of pipelines have in common. */
#ifndef WEIR_PIPELINE_NORMALIZE_OPTIONS_H
#define WEIR_PIPELINE_NORMALIZE_OPTIONS_H

#include "lib/base/text.h"
#include "lib/image/normalize.h"
#include "lib/options/option.h"

struct normalize_options {
    uint32_t layout;
    uint32_t color;
    uint32_t dtype;
    uint64_t channels;
    double scale;
    struct option_list mean; /* of double: one, or one for each channel; as std and pad */
    struct option_list std;
    struct option_list pad;
};

extern const char *const normalize_layout_choices[];
extern const char *const normalize_color_choices[];
extern const char *const normalize_dtype_choices[];

/* Rows of an option table, for the member `field` of `owner`. */
#define NORMALIZE_OPTION_ROWS(owner, field)                                                                            \
    {.name = "layout",                                                                                                 \
     .type = OPTION_CHOICE,                                                                                            \
     .offset = offsetof(owner, field.layout),                                                                          \
     .fallback = "nchw",                                                                                               \
     .choices = normalize_layout_choices,                                                                              \
     .help = "Order of the tensor's dimensions: nchw (planes) or nhwc (interleaved)"},                                 \
        {.name = "color",                                                                                              \
         .type = OPTION_CHOICE,                                                                                        \
         .offset = offsetof(owner, field.color),                                                                       \
         .fallback = "rgb",                                                                                            \
         .choices = normalize_color_choices,                                                                           \
         .help = "Order of the channels: rgb, or bgr for models trained with OpenCV"},                                 \
        {.name = "dtype",                                                                                              \
         .type = OPTION_CHOICE,                                                                                        \
         .offset = offsetof(owner, field.dtype),                                                                       \
         .fallback = "f32",                                                                                            \
         .choices = normalize_dtype_choices,                                                                           \
         .help = "f32, or u8 for models that scale by themselves (scale, mean and std are then left out)"},            \
        {.name = "channels",                                                                                           \
         .type = OPTION_COUNT,                                                                                         \
         .offset = offsetof(owner, field.channels),                                                                    \
         .fallback = "3",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 3,                                                                                                     \
         .help = "3, or 1 for grey"},                                                                                  \
        {.name = "scale",                                                                                              \
         .type = OPTION_REAL,                                                                                          \
         .offset = offsetof(owner, field.scale),                                                                       \
         .fallback = "0.00392156862745098",                                                                            \
         .min = -1e6,                                                                                                  \
         .max = 1e6,                                                                                                   \
         .help = "A pixel of 0..255 is multiplied by it first; the default is 1/255"},                                 \
        {.name = "mean",                                                                                               \
         .type = OPTION_REALS,                                                                                         \
         .offset = offsetof(owner, field.mean),                                                                        \
         .fallback = "[0]",                                                                                            \
         .min = 1,                                                                                                     \
         .max = 3,                                                                                                     \
         .help = "Then taken away: one number, or one for each channel in the tensor's order"},                        \
        {.name = "std",                                                                                                \
         .type = OPTION_REALS,                                                                                         \
         .offset = offsetof(owner, field.std),                                                                         \
         .fallback = "[1]",                                                                                            \
         .min = 1,                                                                                                     \
         .max = 3,                                                                                                     \
         .help = "Then divided by: one number, or one for each channel in the tensor's order"},                        \
        {.name = "pad",                                                                                                \
         .type = OPTION_REALS,                                                                                         \
         .offset = offsetof(owner, field.pad),                                                                         \
         .fallback = "[0]",                                                                                            \
         .min = 1,                                                                                                     \
         .max = 3,                                                                                                     \
         .help =                                                                                                       \
             "What is beside the image is filled with this, as a pixel of 0..255 before scale: one number, or one "    \
             "for each channel"},

/* All of the spec but width, height and fit. ERR_INVALID, and `fault` says why. */
MUST_USE enum err normalize_options_apply(const struct normalize_options *options, struct normalize_spec *spec,
                                          struct text *fault);

#endif
