/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/normalize_options.h"

const char *const normalize_layout_choices[] = {[NORMALIZE_NCHW] = "nchw", [NORMALIZE_NHWC] = "nhwc", NULL};
const char *const normalize_color_choices[] = {[NORMALIZE_RGB] = "rgb", [NORMALIZE_BGR] = "bgr", NULL};
const char *const normalize_dtype_choices[] = {[NORMALIZE_F32] = "f32", [NORMALIZE_U8] = "u8", NULL};

/* One number stands for every channel. */
static enum err spread(const struct option_list *numbers, const char *name, uint32_t channels, struct text *fault,
                       float out[3])
{
    const double *values = numbers->items;
    if (numbers->count != 1 && numbers->count != channels) {
        text_printf(fault, "%s must hold 1 number or %u, one for each channel; it holds %u", name, channels,
                    numbers->count);
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < 3; i++)
        out[i] = (float)values[i < numbers->count ? i : 0];
    return ERR_OK;
}

enum err normalize_options_apply(const struct normalize_options *options, struct normalize_spec *spec,
                                 struct text *fault)
{
    spec->channels = (uint32_t)options->channels;
    spec->layout = (enum normalize_layout)options->layout;
    spec->order = (enum normalize_order)options->color;
    spec->type = (enum normalize_type)options->dtype;
    spec->scale = (float)options->scale;
    TRY(spread(&options->mean, "mean", spec->channels, fault, spec->mean));
    TRY(spread(&options->std, "std", spec->channels, fault, spec->std));
    return spread(&options->pad, "pad", spec->channels, fault, spec->pad);
}
