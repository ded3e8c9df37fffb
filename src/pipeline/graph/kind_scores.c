/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on tensors of scores: softmax, the best class, the best few, text of a sequence; and a batch taken apart and put
 * together. */
#include "lib/sys/file.h"
#include "lib/vision/scores.h"
#include "pipeline/graph/graph_int.h"

#include <stdlib.h>

#define NS_PER_SCORE         1
#define NS_PER_EXP           8
#define DICTIONARY_BYTES_MAX (4U << 20)
#define LABELS_MAX           1000000
#define LABEL_BYTES          16 /* of a class without a name: "#4294967295" */
#define TOP_MAX              1000

static int64_t last_dim(const struct graph_tensor *tensor)
{
    return tensor->rank ? tensor->dims[tensor->rank - 1] : 1;
}

static size_t count_of(const struct graph_tensor *tensor)
{
    return tensor->bytes / sizeof(float);
}

static enum err want_f32(struct graph_binding *binding, uint32_t rank_min)
{
    const struct graph_shape *shape = binding->inputs[0];
    if (!shape || !shape->is_known || (shape->type == TENSOR_F32 && shape->rank >= rank_min))
        return ERR_OK;
    text_printf(binding->fault, "expects FP32 of at least %u dimension%s, but is given ", rank_min,
                rank_min == 1 ? "" : "s");
    graph_shape_print(binding->fault, shape);
    return ERR_MISMATCH;
}

/* Of a run: what binding could not see. */
static enum err check_f32(struct graph_call *call, uint32_t rank_min)
{
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    if (tensor->type == TENSOR_F32 && tensor->rank >= rank_min && last_dim(tensor) > 0 && tensor->bytes > 0)
        return ERR_OK;
    call->fault = "its input is not a tensor of scores that it takes";
    return ERR_MISMATCH;
}

/* --- softmax ------------------------------------------------------------------------------------------------------ */

static enum err bind_softmax(struct graph_binding *binding)
{
    TRY(want_f32(binding, 1));
    if (binding->inputs[0])
        binding->output = *binding->inputs[0];
    return ERR_OK;
}

static enum err plan_softmax(struct graph_call *call, struct graph_need *ret_need)
{
    TRY(check_f32(call, 1));
    ret_need->has_tensor = true;
    ret_need->tensor = call->inputs[0]->tensor;
    ret_need->cost_ns = count_of(&ret_need->tensor) * NS_PER_EXP;
    return ERR_OK;
}

static enum err run_softmax(struct graph_call *call)
{
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    uint32_t columns = (uint32_t)last_dim(tensor);
    scores_softmax(tensor->data, (uint32_t)(count_of(tensor) / columns), columns, call->tensor);
    return ERR_OK;
}

const struct graph_kind graph_kind_softmax = {
    .name = "softmax",
    .help = "Scores as probabilities, along the last dimension",
    .inputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .outputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .bind = bind_softmax,
    .plan = plan_softmax,
    .run = run_softmax,
};

/* --- argmax and top_k --------------------------------------------------------------------------------------------- */

struct classes {
    struct option_list labels; /* of struct slice */
    uint64_t k;
};

static const struct option argmax_rows[] = {
    {.name = "labels",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct classes, labels),
     .max = LABELS_MAX,
     .help = "Names of the classes; one without a name is its number"},
};
static const struct option top_rows[] = {
    {.name = "labels",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct classes, labels),
     .max = LABELS_MAX,
     .help = "Names of the classes; one without a name is its number"},
    {.name = "k",
     .type = OPTION_COUNT,
     .offset = offsetof(struct classes, k),
     .fallback = "5",
     .min = 1,
     .max = TOP_MAX,
     .help = "How many"},
};
static const struct option_table argmax_table = {.name = "argmax",
                                                 .help = "The best class",
                                                 .bytes = sizeof(struct classes),
                                                 .rows = argmax_rows,
                                                 .count = ARRAY_LEN(argmax_rows)};
static const struct option_table top_table = {.name = "top_k",
                                              .help = "The best classes",
                                              .bytes = sizeof(struct classes),
                                              .rows = top_rows,
                                              .count = ARRAY_LEN(top_rows)};

/* One vector: a tensor of one row. */
static enum err bind_classes(struct graph_binding *binding)
{
    const struct classes *options = binding->options;
    const struct graph_shape *shape = binding->inputs[0];
    TRY(want_f32(binding, 1));
    if (!shape || !shape->is_known)
        return ERR_OK;
    int64_t classes = shape->dims[shape->rank - 1];
    if (options->labels.count && classes != TENSOR_DIM_ANY && classes != options->labels.count) {
        text_printf(binding->fault, "there are %u labels, but is given ", options->labels.count);
        graph_shape_print(binding->fault, shape);
        return ERR_MISMATCH;
    }
    return ERR_OK;
}

static uint32_t vector_size(const struct graph_call *call)
{
    return (uint32_t)count_of(&call->inputs[0]->tensor);
}

static enum err check_vector(struct graph_call *call)
{
    TRY(check_f32(call, 1));
    if ((size_t)last_dim(&call->inputs[0]->tensor) == count_of(&call->inputs[0]->tensor))
        return ERR_OK;
    call->fault = "its input has several rows; take it apart by the step split first";
    return ERR_MISMATCH;
}

static enum err plan_argmax(struct graph_call *call, struct graph_need *ret_need)
{
    TRY(check_vector(call));
    ret_need->bytes = LABEL_BYTES + (size_t)ARENA_ALIGN;
    ret_need->cost_ns = (uint64_t)vector_size(call) * NS_PER_SCORE;
    return ERR_OK;
}

static enum err set_label(struct graph_call *call, uint32_t index, struct graph_value *ret_value)
{
    const struct classes *options = call->options;
    const struct slice *labels = options->labels.items;
    *ret_value = (struct graph_value){.type = GRAPH_TEXT};
    if (index < options->labels.count) {
        ret_value->text = labels[index];
        return ERR_OK;
    }
    char *digits = arena_alloc(call->memory, LABEL_BYTES);
    if (!digits)
        return ERR_NOMEM;
    ret_value->text = slice_of(digits, text_format_u64(digits, index));
    return ERR_OK;
}

static enum err run_argmax(struct graph_call *call)
{
    const float *scores = call->inputs[0]->tensor.data;
    uint32_t best = scores_argmax(scores, vector_size(call));
    call->outputs[1] = (struct graph_value){.type = GRAPH_NUMBER, .number = scores[best]};
    return set_label(call, best, &call->outputs[0]);
}

const struct graph_kind graph_kind_argmax = {
    .name = "argmax",
    .help = "The best class of a vector of scores, and its score",
    .options = &argmax_table,
    .inputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .outputs = {{"label", GRAPH_TEXT, false, false}, {"score", GRAPH_NUMBER, false, false}},
    .bind = bind_classes,
    .plan = plan_argmax,
    .run = run_argmax,
};

static enum err plan_top(struct graph_call *call, struct graph_need *ret_need)
{
    const struct classes *options = call->options;
    TRY(check_vector(call));
    size_t one = 2 * sizeof(struct graph_value) + sizeof(uint32_t) + LABEL_BYTES + (size_t)ARENA_ALIGN;
    ret_need->bytes = options->k * one + 4 * (size_t)ARENA_ALIGN;
    ret_need->cost_ns = (uint64_t)vector_size(call) * NS_PER_SCORE * 4;
    return ERR_OK;
}

static enum err run_top(struct graph_call *call)
{
    const struct classes *options = call->options;
    const float *scores = call->inputs[0]->tensor.data;
    uint32_t *indices = arena_alloc(call->memory, options->k * sizeof *indices);
    struct graph_value *labels = arena_alloc(call->memory, options->k * sizeof *labels);
    struct graph_value *values = arena_alloc(call->memory, options->k * sizeof *values);
    if (!indices || !labels || !values)
        return ERR_NOMEM;
    uint32_t count = scores_top(scores, vector_size(call), (uint32_t)options->k, indices);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (struct graph_value){.type = GRAPH_NUMBER, .number = scores[indices[i]]};
        TRY(set_label(call, indices[i], &labels[i]));
    }
    call->outputs[0] = (struct graph_value){.type = GRAPH_TEXT, .is_list = true, .count = count, .items = labels};
    call->outputs[1] = (struct graph_value){.type = GRAPH_NUMBER, .is_list = true, .count = count, .items = values};
    return ERR_OK;
}

const struct graph_kind graph_kind_top_k = {
    .name = "top_k",
    .help = "The best classes of a vector of scores, best first, and their scores",
    .options = &top_table,
    .inputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .outputs = {{"labels", GRAPH_TEXT, true, false}, {"scores", GRAPH_NUMBER, true, false}},
    .bind = bind_classes,
    .plan = plan_top,
    .run = run_top,
};

/* --- ctc ---------------------------------------------------------------------------------------------------------- */

struct ctc {
    struct slice dictionary; /* a path */
    struct slice metadata;
    bool has_space;
};

static const struct option ctc_rows[] = {
    {.name = "dictionary",
     .type = OPTION_PATH,
     .offset = offsetof(struct ctc, dictionary),
     .max = 4096,
     .help = "A file with a label in each line; class 0 is the blank, class 1 the first line"},
    {.name = "metadata",
     .type = OPTION_TEXT,
     .offset = offsetof(struct ctc, metadata),
     .fallback = "character",
     .max = 256,
     .help = "Without a dictionary: the metadata of the model before that holds these lines"},
    {.name = "space",
     .type = OPTION_BOOL,
     .offset = offsetof(struct ctc, has_space),
     .fallback = "true",
     .help = "Whether a space is the class behind the last line"},
};
static const struct option_table ctc_table = {.name = "ctc",
                                              .help = "What the classes are",
                                              .bytes = sizeof(struct ctc),
                                              .rows = ctc_rows,
                                              .count = ARRAY_LEN(ctc_rows)};

/* One piece of heap memory: the labels, then the texts that they point into. */
struct dictionary {
    struct ctc_labels labels;
    size_t longest;
    struct slice items[];
};

static struct slice cut_line(struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static enum err make_dictionary(struct slice text, bool has_space, struct dictionary **ret_dictionary)
{
    struct slice space = SLICE_LIT(" ");
    size_t count = has_space;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    count += text.len && text.ptr[text.len - 1] != '\n';
    struct dictionary *dictionary = malloc(sizeof *dictionary + count * sizeof(struct slice) + text.len + 1);
    if (!dictionary)
        return ERR_NOMEM;
    char *copy = (char *)(dictionary->items + count);
    *dictionary = (struct dictionary){.longest = 1};
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    struct slice rest = slice_of(copy, text.len);
    while (rest.ptr && rest.len) {
        dictionary->items[dictionary->labels.count] = cut_line(&rest);
        dictionary->longest = MAX(dictionary->longest, dictionary->items[dictionary->labels.count].len);
        dictionary->labels.count++;
    }
    if (has_space)
        dictionary->items[dictionary->labels.count++] = space;
    dictionary->labels.items = dictionary->items;
    *ret_dictionary = dictionary;
    return ERR_OK;
}

static enum err find_dictionary(struct graph_binding *binding, struct dictionary **ret_dictionary)
{
    const struct ctc *options = binding->options;
    struct file_content content = {0};
    if (options->dictionary.len) {
        enum err err = file_read(options->dictionary.ptr, DICTIONARY_BYTES_MAX, &content);
        if (err != ERR_OK) {
            text_printf(binding->fault, SLICE_FMT " cannot be read: %s", SLICE_ARG(options->dictionary), err_text(err));
            return err;
        }
        err = make_dictionary(slice_of(content.data, content.bytes), options->has_space, ret_dictionary);
        file_content_deinit(&content);
        return err;
    }
    struct slice text = binding->source ? model_info_metadata(binding->source, options->metadata) : (struct slice){0};
    if (text.len)
        return make_dictionary(text, options->has_space, ret_dictionary);
    text_printf(binding->fault,
                "there is no dictionary: the scores come from %s that has no metadata \"" SLICE_FMT
                "\"; name a file by `dictionary`",
                binding->source ? "a model" : "a step", SLICE_ARG(options->metadata));
    return ERR_MISMATCH;
}

static enum err bind_ctc(struct graph_binding *binding)
{
    const struct graph_shape *shape = binding->inputs[0];
    struct dictionary *dictionary = NULL;
    TRY(want_f32(binding, 2));
    TRY(find_dictionary(binding, &dictionary));
    int64_t classes = shape && shape->is_known ? shape->dims[shape->rank - 1] : TENSOR_DIM_ANY;
    if (classes != TENSOR_DIM_ANY && classes != (int64_t)dictionary->labels.count + 1) {
        text_printf(binding->fault, "the dictionary has %u labels and the blank, but is given ",
                    dictionary->labels.count);
        graph_shape_print(binding->fault, shape);
        free(dictionary);
        return ERR_MISMATCH;
    }
    binding->prepared = dictionary;
    return ERR_OK;
}

static enum err plan_ctc(struct graph_call *call, struct graph_need *ret_need)
{
    const struct dictionary *dictionary = call->prepared;
    TRY(check_f32(call, 2));
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    size_t steps = count_of(tensor) / (size_t)last_dim(tensor);
    if ((size_t)tensor->dims[tensor->rank - 2] != steps) {
        call->fault = "its input has several rows; take it apart by the step split first";
        return ERR_MISMATCH;
    }
    ret_need->bytes = steps * dictionary->longest + 2 * (size_t)ARENA_ALIGN;
    ret_need->cost_ns = count_of(tensor) * NS_PER_SCORE / 2;
    return ERR_OK;
}

static enum err run_ctc(struct graph_call *call)
{
    const struct dictionary *dictionary = call->prepared;
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    uint32_t classes = (uint32_t)last_dim(tensor);
    uint32_t steps = (uint32_t)(count_of(tensor) / classes);
    size_t bytes = MAX(steps * dictionary->longest, 1);
    char *memory = arena_alloc(call->memory, bytes);
    if (!memory)
        return ERR_NOMEM;
    struct buffer text = buffer_in_memory(memory, bytes);
    call->outputs[0] = (struct graph_value){.type = GRAPH_TEXT};
    call->outputs[1] = (struct graph_value){.type = GRAPH_NUMBER};
    ctc_decode(tensor->data, steps, classes, &dictionary->labels, &text, &call->outputs[1].number);
    return buffer_finish(&text, &call->outputs[0].text);
}

const struct graph_kind graph_kind_ctc = {
    .name = "ctc",
    .help = "The text of a sequence of scores, by the best path of CTC, and the mean of its scores",
    .options = &ctc_table,
    .inputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .outputs = {{"text", GRAPH_TEXT, false, false}, {"confidence", GRAPH_NUMBER, false, false}},
    .bind = bind_ctc,
    .release = free,
    .plan = plan_ctc,
    .run = run_ctc,
};
