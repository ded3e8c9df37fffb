/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on images: a file's pixels, a tensor of pixels, a part of an image, an image turned around. */
#include "lib/image/work.h"
#include "lib/vision/crop.h"
#include "pipeline/graph/graph_int.h"
#include "pipeline/normalize_options.h"

#include <math.h>

#define SIDE_MAX 16384

/* What a pixel costs, about, on one core of a small machine. */
#define NS_PER_DECODED    12
#define NS_PER_NORMALIZED 4
#define NS_PER_CROPPED    60
#define NS_PER_COPIED     2

/* --- decode ------------------------------------------------------------------------------------------------------- */

static struct image_options options_of(const struct graph_call *call)
{
    struct image_options options = image_options_default();
    options.limits.pixels_max = call->limits->image_pixels;
    options.limits.decoder_bytes_max = call->limits->request_memory;
    return options;
}

static enum err fail_image(struct graph_call *call, enum err err, const struct image_fault *fault)
{
    if (err == ERR_NOMEM)
        return err;
    bool is_large = err == ERR_LIMIT && strcmp(fault->what, "dimensions") == 0;
    struct slice text = arena_printf(call->memory, "The image was refused: %s", fault->text);
    call->problem = is_large ? PROBLEM_IMAGE_TOO_LARGE : PROBLEM_INVALID_IMAGE;
    call->fault = text.ptr ? text.ptr : "The image was refused";
    return err;
}

static enum err plan_decode(struct graph_call *call, struct graph_need *ret_need)
{
    struct image_options options = options_of(call);
    const struct normalize_spec least = normalize_spec_default(1, 1);
    struct image_info info;
    struct image_fault fault;
    enum err err = image_probe(call->inputs[0]->text, &info, &fault);
    if (err == ERR_OK)
        err = image_check(&info, &options.limits, &fault);
    if (err != ERR_OK)
        return fail_image(call, err, &fault);
    ret_need->bytes = image_work_bytes(&info, &least);
    ret_need->cost_ns = image_work_pixels(&info, &least) * NS_PER_DECODED;
    return ERR_OK;
}

static enum err run_decode(struct graph_call *call)
{
    struct image_options options = options_of(call);
    struct image_fault fault;
    call->outputs[0] = (struct graph_value){.type = GRAPH_IMAGE};
    enum err err = image_decode(call->inputs[0]->text, &options, call->memory, &call->outputs[0].image, &fault);
    return err == ERR_OK ? ERR_OK : fail_image(call, err, &fault);
}

const struct graph_kind graph_kind_decode = {
    .name = "decode",
    .help = "The image of a JPEG, PNG or WebP file, upright",
    .decodes_images = true,
    .inputs = {{"file", GRAPH_FILE, false, false}},
    .outputs = {{"image", GRAPH_IMAGE, false, false}},
    .plan = plan_decode,
    .run = run_decode,
};

/* --- normalize ---------------------------------------------------------------------------------------------------- */

struct normalize {
    struct option_list size; /* of uint64_t: width, height; or none */
    uint64_t height;
    uint64_t side_max;
    uint64_t multiple;
    uint64_t width_min;
    uint64_t width_max;
    struct normalize_options pixels;
    struct normalize_spec spec; /* without the sides */
};

static const struct option normalize_rows[] = {
    {.name = "size",
     .type = OPTION_COUNTS,
     .offset = offsetof(struct normalize, size),
     .max = 2,
     .help = "Width and height, [192, 48]: every image is stretched to that"},
    {.name = "height",
     .type = OPTION_COUNT,
     .offset = offsetof(struct normalize, height),
     .max = SIDE_MAX,
     .help = "In place of size: this high and as wide as its sides' ratio says; what is beside it is padded"},
    {.name = "side_max",
     .type = OPTION_COUNT,
     .offset = offsetof(struct normalize, side_max),
     .max = SIDE_MAX,
     .help = "In place of size: as large as it is, but no side longer; both are rounded to `multiple`"},
    {.name = "multiple",
     .type = OPTION_COUNT,
     .offset = offsetof(struct normalize, multiple),
     .fallback = "32",
     .min = 1,
     .max = 1024,
     .help = "What open sides are multiples of: images of like sides then share a shape, and so a batch"},
    {.name = "width_min",
     .type = OPTION_COUNT,
     .offset = offsetof(struct normalize, width_min),
     .fallback = "1",
     .min = 1,
     .max = SIDE_MAX,
     .help = "With height: at least so wide"},
    {.name = "width_max",
     .type = OPTION_COUNT,
     .offset = offsetof(struct normalize, width_max),
     .fallback = "3200",
     .min = 1,
     .max = SIDE_MAX,
     .help = "With height: at most so wide; a longer image is squeezed"},
    NORMALIZE_OPTION_ROWS(struct normalize, pixels)};

static const struct option_table normalize_table = {.name = "normalize",
                                                    .help = "How an image becomes a tensor",
                                                    .bytes = sizeof(struct normalize),
                                                    .rows = normalize_rows,
                                                    .count = ARRAY_LEN(normalize_rows)};

static enum err prepare_normalize(void *options_, struct arena *arena, struct text *fault)
{
    struct normalize *options = options_;
    const uint64_t *size = options->size.items;
    uint32_t ways = (options->size.count != 0) + (options->height != 0) + (options->side_max != 0);
    const char *reason;
    (void)arena;
    if (ways != 1) {
        text_printf(fault, "one of size, height and side_max says how large the tensor is; found %s",
                    ways ? "several" : "none");
        return ERR_INVALID;
    }
    if (options->size.count &&
        (options->size.count != 2 || !size[0] || !size[1] || size[0] > SIDE_MAX || size[1] > SIDE_MAX)) {
        text_printf(fault, "size must be [width, height], each 1 to %d", SIDE_MAX);
        return ERR_INVALID;
    }
    if (options->width_min > options->width_max) {
        text_printf(fault, "width_min is more than width_max");
        return ERR_INVALID;
    }
    options->spec = normalize_spec_default(1, 1);
    TRY(normalize_options_apply(&options->pixels, &options->spec, fault));
    if (normalize_spec_check(&options->spec, &reason) == ERR_OK)
        return ERR_OK;
    text_printf(fault, "%s", reason);
    return ERR_INVALID;
}

static struct graph_shape pixel_shape(const struct normalize_spec *spec, int64_t width, int64_t height)
{
    bool is_planar = spec->layout == NORMALIZE_NCHW;
    return (struct graph_shape){
        .is_known = true,
        .type = spec->type == NORMALIZE_F32 ? TENSOR_F32 : TENSOR_U8,
        .rank = 4,
        .dims = {1, is_planar ? spec->channels : height, is_planar ? height : width,
                 is_planar ? width : spec->channels},
    };
}

static enum err bind_normalize(struct graph_binding *binding)
{
    const struct normalize *options = binding->options;
    const uint64_t *size = options->size.items;
    int64_t height = options->height ? (int64_t)options->height : TENSOR_DIM_ANY;
    bool has_size = options->size.count == 2;
    binding->output =
        pixel_shape(&options->spec, has_size ? (int64_t)size[0] : TENSOR_DIM_ANY, has_size ? (int64_t)size[1] : height);
    return ERR_OK;
}

/* To the nearest multiple, and to one at least: as PP-OCR's detector is fed. */
static uint32_t round_side(double side, uint64_t multiple)
{
    double rounded = fmax(rint(side / (double)multiple), 1) * (double)multiple;
    return (uint32_t)fmin(rounded, SIDE_MAX);
}

/* The sides of the tensor for this image. */
static struct normalize_spec fit(const struct normalize *options, const struct image *image)
{
    struct normalize_spec spec = options->spec;
    const uint64_t *size = options->size.items;
    if (options->size.count) {
        spec.width = (uint32_t)size[0];
        spec.height = (uint32_t)size[1];
    } else if (options->height) {
        double width = floor((double)options->height * image->width / image->height);
        uint64_t multiple = options->multiple;
        uint64_t padded = (uint64_t)fmin(fmax(width, (double)options->width_min), (double)options->width_max);
        padded = MIN((padded + multiple - 1) / multiple * multiple, options->width_max);
        spec.width = (uint32_t)padded;
        spec.height = (uint32_t)options->height;
        spec.fit = width > (double)options->width_max ? RESIZE_STRETCH : RESIZE_CONTAIN;
    } else {
        uint32_t longer = MAX(image->width, image->height);
        double ratio = fmin((double)options->side_max / longer, 1);
        spec.width = round_side(image->width * ratio, options->multiple);
        spec.height = round_side(image->height * ratio, options->multiple);
    }
    return spec;
}

static enum err plan_normalize(struct graph_call *call, struct graph_need *ret_need)
{
    const struct image *image = &call->inputs[0]->image;
    struct normalize_spec spec = fit(call->options, image);
    struct graph_shape shape = pixel_shape(&spec, spec.width, spec.height);
    ret_need->has_tensor = true;
    ret_need->tensor.type = shape.type;
    ret_need->tensor.rank = shape.rank;
    memcpy(ret_need->tensor.dims, shape.dims, sizeof shape.dims);
    ret_need->tensor.bytes = normalize_tensor_bytes(&spec);
    ret_need->bytes = image_normalize_bytes(image->width, image->height, &spec);
    uint64_t pixels = MAX((uint64_t)image->height, spec.height) * MAX(image->width, spec.width);
    ret_need->cost_ns = pixels * NS_PER_NORMALIZED;
    return ERR_OK;
}

static enum err run_normalize(struct graph_call *call)
{
    const struct image *image = &call->inputs[0]->image;
    struct normalize_spec spec = fit(call->options, image);
    return image_normalize(image, &spec, call->memory, call->tensor);
}

const struct graph_kind graph_kind_normalize = {
    .name = "normalize",
    .help = "An image resized and scaled into a tensor, as a model was trained with",
    .options = &normalize_table,
    .inputs = {{"image", GRAPH_IMAGE, false, false}},
    .outputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .prepare = prepare_normalize,
    .bind = bind_normalize,
    .plan = plan_normalize,
    .run = run_normalize,
};

/* --- crop --------------------------------------------------------------------------------------------------------- */

struct crop {
    double turn_ratio;
};

static const struct option crop_rows[] = {
    {.name = "turn_ratio",
     .type = OPTION_REAL,
     .offset = offsetof(struct crop, turn_ratio),
     .fallback = "1.5",
     .max = 1000,
     .help =
         "So many times higher than wide, it is turned a quarter to the left, as a line from top to bottom; 0: never"},
};

static const struct option_table crop_table = {.name = "crop",
                                               .help = "A part of an image",
                                               .bytes = sizeof(struct crop),
                                               .rows = crop_rows,
                                               .count = ARRAY_LEN(crop_rows)};

static enum err measure(struct graph_call *call, struct crop_size *ret_size)
{
    const struct crop *options = call->options;
    enum err err = crop_measure(&call->inputs[1]->box, (float)options->turn_ratio, ret_size);
    if (err == ERR_OK && (uint64_t)ret_size->width * ret_size->height > call->limits->image_pixels)
        err = ERR_LIMIT;
    if (err != ERR_OK)
        call->fault = "a box is no box of this image";
    return err;
}

static enum err plan_crop(struct graph_call *call, struct graph_need *ret_need)
{
    struct crop_size size;
    TRY(measure(call, &size));
    ret_need->bytes = crop_bytes(&size);
    ret_need->cost_ns = (uint64_t)size.width * size.height * NS_PER_CROPPED;
    return ERR_OK;
}

static enum err run_crop(struct graph_call *call)
{
    struct crop_size size;
    TRY(measure(call, &size));
    call->outputs[0] = (struct graph_value){.type = GRAPH_IMAGE};
    return crop_image(&call->inputs[0]->image, &call->inputs[1]->box, &size, call->memory, &call->outputs[0].image);
}

const struct graph_kind graph_kind_crop = {
    .name = "crop",
    .help = "What is in a box of an image, as an upright image of its own; a slanted box is straightened",
    .options = &crop_table,
    .inputs = {{"image", GRAPH_IMAGE, false, false}, {"box", GRAPH_BOX, false, false}},
    .outputs = {{"image", GRAPH_IMAGE, false, false}},
    .plan = plan_crop,
    .run = run_crop,
};

/* --- rotate180 ---------------------------------------------------------------------------------------------------- */

struct rotate {
    struct slice label;
    double score_min;
};

static const struct option rotate_rows[] = {
    {.name = "label",
     .type = OPTION_TEXT,
     .offset = offsetof(struct rotate, label),
     .fallback = "180",
     .max = 128,
     .help = "What is labelled like this is turned"},
    {.name = "score_min",
     .type = OPTION_REAL,
     .offset = offsetof(struct rotate, score_min),
     .fallback = "0.9",
     .max = 1,
     .help = "If its score is at least this"},
};

static const struct option_table rotate_table = {.name = "rotate180",
                                                 .help = "Which images are turned",
                                                 .bytes = sizeof(struct rotate),
                                                 .rows = rotate_rows,
                                                 .count = ARRAY_LEN(rotate_rows)};

static bool is_turned(const struct graph_call *call)
{
    const struct rotate *options = call->options;
    return slice_equal(call->inputs[1]->text, options->label) &&
           (!call->inputs[2] || call->inputs[2]->number >= (float)options->score_min);
}

static enum err plan_rotate(struct graph_call *call, struct graph_need *ret_need)
{
    const struct image *image = &call->inputs[0]->image;
    uint64_t pixels = is_turned(call) ? (uint64_t)image->width * image->height : 0;
    ret_need->bytes = pixels * IMAGE_CHANNELS + 2 * (size_t)ARENA_ALIGN;
    ret_need->cost_ns = pixels * NS_PER_COPIED;
    return ERR_OK;
}

static enum err run_rotate(struct graph_call *call)
{
    call->outputs[0] = *call->inputs[0];
    if (!is_turned(call))
        return ERR_OK;
    return crop_turn_around(&call->inputs[0]->image, call->memory, &call->outputs[0].image);
}

const struct graph_kind graph_kind_rotate180 = {
    .name = "rotate180",
    .help = "An image, turned by 180 degrees if its label says so",
    .options = &rotate_table,
    .inputs = {{"image", GRAPH_IMAGE, false, false},
               {"label", GRAPH_TEXT, false, false},
               {"score", GRAPH_NUMBER, false, true}},
    .outputs = {{"image", GRAPH_IMAGE, false, false}},
    .plan = plan_rotate,
    .run = run_rotate,
};
