/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that find boxes: lines of text in the map of a detector, objects among the candidates of one. */
#include "lib/vision/nms.h"
#include "lib/vision/text_boxes.h"
#include "pipeline/graph/graph_int.h"

#define BOXES_MAX       10000
#define CANDIDATES_MAX  30000
#define NS_PER_MAPPED   6
#define NS_PER_EXAMINED 4

static void set_lists(struct graph_call *call, struct graph_value *boxes, struct graph_value *scores, uint32_t count)
{
    call->outputs[0] = (struct graph_value){.type = GRAPH_BOX, .is_list = true, .count = count, .items = boxes};
    call->outputs[1] = (struct graph_value){.type = GRAPH_NUMBER, .is_list = true, .count = count, .items = scores};
}

static size_t lists_bytes(uint64_t count)
{
    return count * 2 * sizeof(struct graph_value) + 4 * (size_t)ARENA_ALIGN;
}

/* --- text_boxes --------------------------------------------------------------------------------------------------- */

struct text_finder {
    double threshold;
    double box_threshold;
    double unclip_ratio;
    bool is_dilated;
    uint64_t boxes_max;
};

static const struct option text_rows[] = {
    {.name = "threshold",
     .type = OPTION_REAL,
     .offset = offsetof(struct text_finder, threshold),
     .fallback = "0.3",
     .max = 1,
     .help = "What is greater in the map is text"},
    {.name = "box_threshold",
     .type = OPTION_REAL,
     .offset = offsetof(struct text_finder, box_threshold),
     .fallback = "0.6",
     .max = 1,
     .help = "Least mean of the map in a box"},
    {.name = "unclip_ratio",
     .type = OPTION_REAL,
     .offset = offsetof(struct text_finder, unclip_ratio),
     .fallback = "1.5",
     .max = 10,
     .help = "How far a box grows, times its area divided by its perimeter: models show the kernels of lines"},
    {.name = "dilate",
     .type = OPTION_BOOL,
     .offset = offsetof(struct text_finder, is_dilated),
     .fallback = "false",
     .help = "Whether what is text grows by a pixel first"},
    {.name = "boxes_max",
     .type = OPTION_COUNT,
     .offset = offsetof(struct text_finder, boxes_max),
     .fallback = "1000",
     .min = 1,
     .max = BOXES_MAX,
     .help = "Regions of the map that are looked at"},
};
static const struct option_table text_table = {.name = "text_boxes",
                                               .help = "What is a line of text",
                                               .bytes = sizeof(struct text_finder),
                                               .rows = text_rows,
                                               .count = ARRAY_LEN(text_rows)};

static enum err bind_text(struct graph_binding *binding)
{
    const struct graph_shape *shape = binding->inputs[0];
    if (!shape || !shape->is_known || (shape->type == TENSOR_F32 && shape->rank >= 2))
        return ERR_OK;
    text_printf(binding->fault, "expects a map, FP32 [1, 1, height, width], but is given ");
    graph_shape_print(binding->fault, shape);
    return ERR_MISMATCH;
}

static struct text_boxes_options text_options(const struct graph_call *call)
{
    const struct text_finder *options = call->options;
    return (struct text_boxes_options){.threshold = (float)options->threshold,
                                       .box_threshold = (float)options->box_threshold,
                                       .unclip_ratio = (float)options->unclip_ratio,
                                       .is_dilated = options->is_dilated,
                                       .boxes_max = (uint32_t)options->boxes_max};
}

/* The last two dimensions; those before are 1. */
static enum err read_map(struct graph_call *call, struct text_boxes_map *ret_map)
{
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    const struct image *image = &call->inputs[1]->image;
    call->fault = "its input is no map of one image";
    if (tensor->type != TENSOR_F32 || tensor->rank < 2)
        return ERR_MISMATCH;
    int64_t height = tensor->dims[tensor->rank - 2];
    int64_t width = tensor->dims[tensor->rank - 1];
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX ||
        (size_t)height * (size_t)width * sizeof(float) != tensor->bytes)
        return ERR_MISMATCH;
    call->fault = NULL;
    *ret_map = (struct text_boxes_map){.values = tensor->data,
                                       .width = (uint32_t)width,
                                       .height = (uint32_t)height,
                                       .image_width = (float)image->width,
                                       .image_height = (float)image->height};
    return ERR_OK;
}

static enum err plan_text(struct graph_call *call, struct graph_need *ret_need)
{
    struct text_boxes_options options = text_options(call);
    struct text_boxes_map map;
    TRY(read_map(call, &map));
    ret_need->bytes = text_boxes_bytes(map.width, map.height, &options) + lists_bytes(options.boxes_max);
    ret_need->cost_ns = (uint64_t)map.width * map.height * NS_PER_MAPPED;
    return ERR_OK;
}

static enum err run_text(struct graph_call *call)
{
    struct text_boxes_options options = text_options(call);
    struct text_boxes_map map;
    struct text_box *found;
    uint32_t count;
    TRY(read_map(call, &map));
    TRY(text_boxes_find(&map, &options, call->memory, &found, &count));
    struct graph_value *boxes = arena_alloc(call->memory, count * sizeof *boxes);
    struct graph_value *scores = arena_alloc(call->memory, count * sizeof *scores);
    if (!boxes || !scores)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        boxes[i] = (struct graph_value){.type = GRAPH_BOX, .box = found[i].quad};
        scores[i] = (struct graph_value){.type = GRAPH_NUMBER, .number = found[i].score};
    }
    set_lists(call, boxes, scores, count);
    return ERR_OK;
}

const struct graph_kind graph_kind_text_boxes = {
    .name = "text_boxes",
    .help = "Boxes of lines of text, in reading order, from the map of a detector with differentiable binarization",
    .options = &text_table,
    .inputs = {{"map", GRAPH_TENSOR, false, false}, {"image", GRAPH_IMAGE, false, false}},
    .outputs = {{"boxes", GRAPH_BOX, true, false}, {"scores", GRAPH_NUMBER, true, false}},
    .bind = bind_text,
    .plan = plan_text,
    .run = run_text,
};

/* --- nms ---------------------------------------------------------------------------------------------------------- */

struct selector {
    uint32_t form;
    double overlap;
    double score_min;
    uint64_t boxes_max;
    uint64_t candidates_max;
};

static const char *const form_choices[] = {[NMS_CORNERS] = "corners", [NMS_CENTER] = "center", NULL};

static const struct option nms_rows[] = {
    {.name = "form",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct selector, form),
     .fallback = "corners",
     .choices = form_choices,
     .help = "What four numbers of a box are: corners (left, top, right, bottom) or center (middle x and y, width, "
             "height)"},
    {.name = "overlap",
     .type = OPTION_REAL,
     .offset = offsetof(struct selector, overlap),
     .fallback = "0.5",
     .max = 1,
     .help = "Intersection over union beyond which the lesser of two goes"},
    {.name = "score_min",
     .type = OPTION_REAL,
     .offset = offsetof(struct selector, score_min),
     .fallback = "0.25",
     .min = -1e9,
     .max = 1e9,
     .help = "What scores less is not looked at"},
    {.name = "boxes_max",
     .type = OPTION_COUNT,
     .offset = offsetof(struct selector, boxes_max),
     .fallback = "300",
     .min = 1,
     .max = BOXES_MAX,
     .help = "Most boxes that stay"},
    {.name = "candidates_max",
     .type = OPTION_COUNT,
     .offset = offsetof(struct selector, candidates_max),
     .fallback = "3000",
     .min = 1,
     .max = CANDIDATES_MAX,
     .help = "The best so many are held against each other"},
};
static const struct option_table nms_table = {.name = "nms",
                                              .help = "Which boxes stay",
                                              .bytes = sizeof(struct selector),
                                              .rows = nms_rows,
                                              .count = ARRAY_LEN(nms_rows)};

static enum err bind_nms(struct graph_binding *binding)
{
    const struct graph_shape *boxes = binding->inputs[0];
    const struct graph_shape *scores = binding->inputs[1];
    if (boxes && boxes->is_known &&
        (boxes->type != TENSOR_F32 || boxes->rank < 2 ||
         (boxes->dims[boxes->rank - 1] != 4 && boxes->dims[boxes->rank - 1] != TENSOR_DIM_ANY))) {
        text_printf(binding->fault, "expects boxes, FP32 [boxes, 4], but is given ");
        graph_shape_print(binding->fault, boxes);
        return ERR_MISMATCH;
    }
    if (scores && scores->is_known && (scores->type != TENSOR_F32 || !scores->rank)) {
        text_printf(binding->fault, "expects scores, FP32 [boxes], but is given ");
        graph_shape_print(binding->fault, scores);
        return ERR_MISMATCH;
    }
    return ERR_OK;
}

static enum err plan_nms(struct graph_call *call, struct graph_need *ret_need)
{
    const struct selector *options = call->options;
    const struct graph_tensor *boxes = &call->inputs[0]->tensor;
    const struct graph_tensor *scores = &call->inputs[1]->tensor;
    if (boxes->type != TENSOR_F32 || scores->type != TENSOR_F32 || boxes->bytes != scores->bytes * 4) {
        call->fault = "there are not four numbers of a box for each score";
        return ERR_MISMATCH;
    }
    size_t count = scores->bytes / sizeof(float);
    size_t candidates = MIN(options->candidates_max, count);
    size_t stay = MIN(options->boxes_max, candidates);
    ret_need->bytes = 2 * candidates * sizeof(struct nms_box) + lists_bytes(stay) + 4 * (size_t)ARENA_ALIGN;
    ret_need->cost_ns = count * NS_PER_EXAMINED + candidates * stay * NS_PER_EXAMINED;
    return ERR_OK;
}

static enum err run_nms(struct graph_call *call)
{
    const struct selector *options = call->options;
    uint32_t count = (uint32_t)(call->inputs[1]->tensor.bytes / sizeof(float));
    uint32_t candidates = (uint32_t)MIN(options->candidates_max, count);
    struct nms_options limits = {.form = (enum nms_form)options->form,
                                 .overlap = (float)options->overlap,
                                 .score = (float)options->score_min,
                                 .kept_max = (uint32_t)MIN(options->boxes_max, candidates),
                                 .candidates_max = candidates};
    struct nms_box *work = arena_alloc(call->memory, candidates * sizeof *work);
    struct nms_box *kept = arena_alloc(call->memory, candidates * sizeof *kept);
    if (!work || !kept)
        return ERR_NOMEM;
    uint32_t stay = nms_select(call->inputs[0]->tensor.data, call->inputs[1]->tensor.data, count, &limits, work, kept);
    struct graph_value *boxes = arena_alloc(call->memory, stay * sizeof *boxes);
    struct graph_value *scores = arena_alloc(call->memory, stay * sizeof *scores);
    if (!boxes || !scores)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < stay; i++) {
        const struct nms_box *box = &kept[i];
        boxes[i] = (struct graph_value){
            .type = GRAPH_BOX,
            .box = {
                {{box->left, box->top}, {box->right, box->top}, {box->right, box->bottom}, {box->left, box->bottom}}}};
        scores[i] = (struct graph_value){.type = GRAPH_NUMBER, .number = box->score};
    }
    set_lists(call, boxes, scores, stay);
    return ERR_OK;
}

const struct graph_kind graph_kind_nms = {
    .name = "nms",
    .help = "Boxes that stay when those that overlap a better one are left out, best first",
    .options = &nms_table,
    .inputs = {{"boxes", GRAPH_TENSOR, false, false}, {"scores", GRAPH_TENSOR, false, false}},
    .outputs = {{"boxes", GRAPH_BOX, true, false}, {"scores", GRAPH_NUMBER, true, false}},
    .bind = bind_nms,
    .plan = plan_nms,
    .run = run_nms,
};
