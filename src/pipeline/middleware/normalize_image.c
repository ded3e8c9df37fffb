/* SPDX-License-Identifier: Apache-2.0 */
/* normalize_image: the body is an image, and this is how it becomes the model's input.
 *
 * Nothing is decoded here: the middleware writes the plan that the stage `decode` carries out once the body is there,
 * and refuses media types that cannot hold an image before a single byte of the body has been waited for. Every number
 * of the plan has to be the one the model was trained with; the defaults are those of a plain ToTensor(): stretched,
 * RGB, NCHW, 0..1. */
#include "lib/http/media.h"
#include "lib/json/writer.h"
#include "pipeline/description.h"
#include "pipeline/image_input.h"
#include "pipeline/request.h"

#define SIDE_MAX 16384

static const char *const layout_choices[] = {[NORMALIZE_NCHW] = "nchw", [NORMALIZE_NHWC] = "nhwc", NULL};
static const char *const color_choices[] = {[NORMALIZE_RGB] = "rgb", [NORMALIZE_BGR] = "bgr", NULL};
static const char *const dtype_choices[] = {[NORMALIZE_F32] = "f32", [NORMALIZE_U8] = "u8", NULL};
static const char *const fit_choices[] = {
    [RESIZE_STRETCH] = "stretch", [RESIZE_CONTAIN] = "contain", [RESIZE_CONTAIN_CENTER] = "contain_center",
    [RESIZE_COVER] = "cover",     [RESIZE_COVER + 1] = NULL,
};

struct options {
    struct option_list size; /* of uint64_t: width, height */
    uint32_t layout;
    uint32_t color;
    uint32_t fit;
    uint32_t dtype;
    uint64_t channels;
    double scale;
    struct option_list mean; /* of double: one, or one for each channel; as std and pad */
    struct option_list std;
    struct option_list pad;
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
    {.name = "layout",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, layout),
     .fallback = "nchw",
     .choices = layout_choices,
     .help = "Order of the tensor's dimensions: nchw (planes) or nhwc (interleaved)"},
    {.name = "color",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, color),
     .fallback = "rgb",
     .choices = color_choices,
     .help = "Order of the channels: rgb, or bgr for models trained with OpenCV"},
    {.name = "fit",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, fit),
     .fallback = "stretch",
     .choices = fit_choices,
     .help = "stretch; contain (upper left, the rest padded); contain_center (padded around); cover (cropped evenly)"},
    {.name = "dtype",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, dtype),
     .fallback = "f32",
     .choices = dtype_choices,
     .help = "f32, or u8 for models that scale by themselves (scale, mean and std are then left out)"},
    {.name = "channels",
     .type = OPTION_COUNT,
     .offset = offsetof(struct options, channels),
     .fallback = "3",
     .min = 1,
     .max = 3,
     .help = "3, or 1 for grey"},
    {.name = "scale",
     .type = OPTION_REAL,
     .offset = offsetof(struct options, scale),
     .fallback = "0.00392156862745098",
     .min = -1e6,
     .max = 1e6,
     .help = "A pixel of 0..255 is multiplied by it first; the default is 1/255"},
    {.name = "mean",
     .type = OPTION_REALS,
     .offset = offsetof(struct options, mean),
     .fallback = "[0]",
     .min = 1,
     .max = 3,
     .help = "Then taken away: one number, or one for each channel in the tensor's order"},
    {.name = "std",
     .type = OPTION_REALS,
     .offset = offsetof(struct options, std),
     .fallback = "[1]",
     .min = 1,
     .max = 3,
     .help = "Then divided by: one number, or one for each channel in the tensor's order"},
    {.name = "pad",
     .type = OPTION_REALS,
     .offset = offsetof(struct options, pad),
     .fallback = "[0]",
     .min = 1,
     .max = 3,
     .help =
         "What contain fills the rest with, as a pixel of 0..255 before scale: one number, or one for each channel"},
    {.name = "background",
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

static enum err spread(const struct option_list *numbers, const char *name, uint32_t channels, struct text *fault,
                       float out[3]);
static enum err make_spec(struct options *options, struct text *fault);
static enum err make_background(struct options *options, struct text *fault);
static bool is_taken(struct slice content_type);

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
    uint32_t channels = (uint32_t)options->channels;
    options->spec = (struct normalize_spec){
        .width = (uint32_t)size[0],
        .height = (uint32_t)size[1],
        .channels = channels,
        .fit = (enum resize_fit)options->fit,
        .layout = (enum normalize_layout)options->layout,
        .order = (enum normalize_order)options->color,
        .type = (enum normalize_type)options->dtype,
        .scale = (float)options->scale,
    };
    TRY(spread(&options->mean, "mean", channels, fault, options->spec.mean));
    TRY(spread(&options->std, "std", channels, fault, options->spec.std));
    return spread(&options->pad, "pad", channels, fault, options->spec.pad);
}

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

static const char *const taken[] = {
    "application/json", "multipart/form-data", "image/jpeg", "image/png", "image/webp", "application/octet-stream",
};
#define TAKEN_TEXT "application/json, multipart/form-data, image/jpeg, image/png, image/webp, application/octet-stream"

/* An object of one member. */
static enum err describe_member(struct arena *arena, struct slice field, struct slice schema, struct slice *ret_schema)
{
    struct json_writer writer = json_writer_in_arena(arena, 256);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("type"));
    json_write_string(&writer, SLICE_LIT("object"));
    json_write_key(&writer, SLICE_LIT("required"));
    json_write_array_begin(&writer);
    json_write_string(&writer, field);
    json_write_array_end(&writer);
    json_write_key(&writer, SLICE_LIT("properties"));
    json_write_object_begin(&writer);
    json_write_key(&writer, field);
    json_write_raw(&writer, schema);
    json_write_object_end(&writer);
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_schema);
}

static enum err describe(const void *options_, struct description *description)
{
    const struct options *options = options_;
    struct slice bytes = SLICE_LIT("{\"type\":\"string\",\"format\":\"binary\"}");
    struct slice base64 = SLICE_LIT("{\"type\":\"string\",\"contentEncoding\":\"base64\",\"description\":"
                                    "\"The bytes of a JPEG, PNG or WebP file, or a data: URL of them.\"}");
    description->arises |= AT_IMAGE;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct slice schema = bytes;
        if (slice_is(SLICE_LIT("application/json"), taken[i]))
            TRY(describe_member(description->arena, options->field, base64, &schema));
        else if (slice_is(SLICE_LIT("multipart/form-data"), taken[i]))
            TRY(describe_member(description->arena, options->field, bytes, &schema));
        description_add_input(description, taken[i], schema);
    }
    return ERR_OK;
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    request->decode = options->plan;
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    if (is_taken(content_type))
        return VERDICT_NEXT;
    /* RFC 9110 section 15.5.16: a 415 may say by Accept what would have been taken. */
    response_field_add(request, "Accept", SLICE_LIT(TAKEN_TEXT));
    return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Type is \"" SLICE_FMT "\"; an image is taken as " TAKEN_TEXT ".",
                        SLICE_ARG(slice_first(content_type, 100)));
}

/* Without a Content-Type the body is taken as the bytes of an image (RFC 9110 section 8.3: octet-stream). */
static bool is_taken(struct slice content_type)
{
    struct media_type type;
    if (!content_type.ptr)
        return true;
    if (media_type_parse(content_type, &type) != ERR_OK)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (media_type_is(&type, taken[i]))
            return true;
    return false;
}
