/* SPDX-License-Identifier: Apache-2.0 */
/* normalize_image: the body is an image, and this is how it becomes the model's input.
 *
 * Nothing is decoded here: the middleware writes the plan that the stage `decode` carries out once the body is there,
 * and refuses media types that cannot hold an image before a single byte of the body has been waited for. Every number
 * of the plan has to be the one the model was trained with; the defaults are those of a plain ToTensor(): stretched,
 * RGB, NCHW, 0..1. */
#include "pipeline/description.h"
#include "pipeline/image_body.h"
#include "pipeline/image_input.h"
#include "pipeline/normalize_options.h"
#include "pipeline/request.h"

#define SIDE_MAX 16384

static const char *const fit_choices[] = {
    [RESIZE_STRETCH] = "stretch", [RESIZE_CONTAIN] = "contain", [RESIZE_CONTAIN_CENTER] = "contain_center",
    [RESIZE_COVER] = "cover",     [RESIZE_COVER + 1] = NULL,
};

struct options {
    struct option_list size; /* of uint64_t: width, height */
    uint32_t fit;
    struct normalize_options pixels;
    struct option_list background; /* of uint64_t: none, or three */
    struct slice field;
    struct slice input;
    /* Made of the above. */
    struct decode_plan plan;
    struct normalize_spec spec;
};

static const struct option rows[] = {
    {.name = "size",
     .type = OPTION_COUNTS,
     .offset = offsetof(struct options, size),
     .min = 2,
     .max = 2,
     .flags = OPTION_REQUIRED,
     .help = "Width and height of the model's input: [192, 48]"},
    {.name = "fit",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, fit),
     .fallback = "stretch",
     .choices = fit_choices,
     .help = "stretch; contain (upper left, the rest padded); contain_center (padded around); cover (cropped evenly)"},
    NORMALIZE_OPTION_ROWS(struct options, pixels){
        .name = "background",
        .type = OPTION_COUNTS,
        .offset = offsetof(struct options, background),
        .max = 3,
        .help = "Puts transparent images on this colour, [255, 255, 255] for white; empty: transparency is dropped"},
    {.name = "field",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, field),
     .fallback = "image",
     .min = 1,
     .max = 128,
     .help = "The member of a JSON body, or the part of a multipart body, that holds the image"},
    {.name = "input",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, input),
     .max = 256,
     .help = "The model's input to fill; empty: the first"},
};

static const struct option_table table = {
    .name = "normalize_image",
    .help = "How an image becomes the model's input",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static bool fits_model(const void *options, const struct model_info *model, struct text *fault);
static enum err describe(const void *options, struct description *description);
static enum verdict on_request(struct request *request, const void *options, void *state);

const struct middleware middleware_normalize_image = {
    .name = "normalize_image",
    .help = "Takes an image and makes the model's input of it",
    .place = PLACE_INPUT,
    .duty = DUTY_OPTIONAL,
    .options = &table,
    .prepare = prepare,
    .fits_model = fits_model,
    .describe = describe,
    .on_request = on_request,
};

static enum err make_spec(struct options *options, struct text *fault);
static enum err make_background(struct options *options, struct text *fault);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    options->plan = (struct decode_plan){
        .kind = DECODE_IMAGE,
        .image = &options->spec,
        .image_field = options->field,
        .input = options->input,
    };
    TRY(make_spec(options, setup->fault));
    TRY(make_background(options, setup->fault));
    const char *reason;
    if (normalize_spec_check(&options->spec, &reason) == ERR_OK)
        return ERR_OK;
    text_printf(setup->fault, "%s", reason);
    return ERR_INVALID;
}

static enum err make_spec(struct options *options, struct text *fault)
{
    const uint64_t *size = options->size.items;
    if (options->size.count != 2 || !size[0] || !size[1] || size[0] > SIDE_MAX || size[1] > SIDE_MAX) {
        text_printf(fault, "size must be [width, height], each 1 to %d", SIDE_MAX);
        return ERR_INVALID;
    }
    options->spec.width = (uint32_t)size[0];
    options->spec.height = (uint32_t)size[1];
    options->spec.fit = (enum resize_fit)options->fit;
    return normalize_options_apply(&options->pixels, &options->spec, fault);
}

static enum err make_background(struct options *options, struct text *fault)
{
    const uint64_t *colour = options->background.items;
    if (!options->background.count)
        return ERR_OK;
    if (options->background.count != 3 || colour[0] > 255 || colour[1] > 255 || colour[2] > 255) {
        text_printf(fault, "background must be [red, green, blue], each 0 to 255");
        return ERR_INVALID;
    }
    for (int i = 0; i < 3; i++)
        options->plan.background[i] = (uint8_t)colour[i];
    options->plan.has_background = true;
    return ERR_OK;
}

static bool fits_model(const void *options_, const struct model_info *model, struct text *fault)
{
    const struct options *options = options_;
    struct image_input input;
    return image_input_find(&options->plan, model, fault, &input) == ERR_OK;
}

static enum err describe(const void *options_, struct description *description)
{
    const struct options *options = options_;
    description->arises |= AT_IMAGE;
    return image_body_describe(options->field, description);
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    request->decode = options->plan;
    return image_body_check_type(request);
}
