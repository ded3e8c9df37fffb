/* SPDX-License-Identifier: Apache-2.0 */
/* format_output: the answer of a classifier in words: {"result": "180", "confidence": 0.99, …}.
 *
 * The row of scores becomes probabilities when it is none yet. Whether it is can be seen from the row: with
 * `activation: auto` a row whose values all lie in 0..1 and add up to 1 within 0.001 is taken as it is, anything else
 * goes through softmax; a single value, which cannot compete with itself, is taken as it is when it lies in 0..1 and
 * goes through the logistic function otherwise. That guess is right for models that end in softmax and for models that
 * end in logits; for several independent labels say `sigmoid`, and for regressions `none`.
 *
 * All activations are monotone, so the ranking is made on the raw values and only what is shown is converted. Skippable:
 * a debug route shows the raw tensors without it. */
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "pipeline/description.h"
#include "pipeline/negotiate.h"

#include <math.h>

#define LABELS_MAX        1000000
#define LABEL_FILE_BYTES  (16u << 20)
#define TOP_MAX           100
#define SUM_TOLERANCE     1e-3
#define BODY_BYTES        256 /* of an answer without candidates */
#define CANDIDATE_BYTES   64
#define LABELS_LISTED_MAX 1000 /* in a description; more are only counted */

enum activation { ACTIVATION_AUTO, ACTIVATION_NONE, ACTIVATION_SOFTMAX, ACTIVATION_SIGMOID };

static const char *const activation_choices[] = {
    [ACTIVATION_AUTO] = "auto",       [ACTIVATION_NONE] = "none",      [ACTIVATION_SOFTMAX] = "softmax",
    [ACTIVATION_SIGMOID] = "sigmoid", [ACTIVATION_SIGMOID + 1] = NULL,
};

struct options {
    struct option_list labels; /* of struct slice; of labels_file once prepared */
    struct slice labels_file;
    uint32_t activation; /* enum activation */
    uint64_t top;        /* candidates shown; 0: none */
    struct slice output;
};

static const struct option rows[] = {
    {.name = "labels",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, labels),
     .max = LABELS_MAX,
     .help = "Names of the classes in the order of the output; empty: their numbers"},
    {.name = "labels_file",
     .type = OPTION_PATH,
     .offset = offsetof(struct options, labels_file),
     .max = 4096,
     .help = "A file with one label a line, instead of labels"},
    {.name = "activation",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, activation),
     .fallback = "auto",
     .choices = activation_choices,
     .help = "What makes scores of the output: auto (softmax unless they are probabilities), none, softmax or sigmoid"},
    {.name = "top_k",
     .type = OPTION_COUNT,
     .offset = offsetof(struct options, top),
     .fallback = "0",
     .max = TOP_MAX,
     .help = "Adds that many best classes as candidates; 0: none"},
    {.name = "output",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, output),
     .max = 256,
     .help = "The model's output to read; empty: the first"},
};

static const struct option_table table = {
    .name = "format_output",
    .help = "How a classifier's output becomes the answer",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static bool fits_model(const void *options, const struct model_info *model, struct text *fault);
static enum err describe(const void *options, struct description *description);
static enum verdict on_request(struct request *request, const void *options, void *state);
static enum verdict on_output(struct request *request, const void *options, void *state);

const struct middleware middleware_format_output = {
    .name = "format_output",
    .help = "Answers with the label of the best class",
    .place = PLACE_OUTPUT,
    .duty = DUTY_SKIPPABLE,
    .options = &table,
    .prepare = prepare,
    .fits_model = fits_model,
    .describe = describe,
    .on_request = on_request,
    .on_output = on_output,
};

/* The scores of one row and how they become confidences. */
struct scores {
    const struct tensor *tensor;
    size_t count;
    enum activation activation;
    double max;
    double exp_sum; /* of exp(value - max) */
};

/* The best classes, best first; of equals the one that stands first in the output. */
struct ranking {
    size_t index[TOP_MAX];
    size_t count;
};

static enum err read_labels(struct middleware_setup *setup);
static enum err split_lines(struct arena *arena, struct slice text, struct option_list *ret_labels);
static enum verdict take_row(struct request *request, const struct options *options, struct scores *ret_scores);
static bool measure(struct scores *scores, enum activation wanted);
static double value_at(const struct scores *scores, size_t index);
static double confidence_at(const struct scores *scores, size_t index);
static void rank(const struct scores *scores, size_t want, struct ranking *ranking);
static enum verdict write(struct request *request, const struct options *options, const struct scores *scores,
                          const struct ranking *ranking);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    if (!options->labels_file.len)
        return ERR_OK;
    if (options->labels.count) {
        text_printf(setup->fault, "labels and labels_file exclude each other");
        return ERR_INVALID;
    }
    return read_labels(setup);
}

static enum err read_labels(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    struct file_content content;
    enum err err = file_read(options->labels_file.ptr, LABEL_FILE_BYTES, &content);
    if (err == ERR_OK) {
        struct slice copy = arena_copy(setup->arena, slice_of(content.data, content.bytes));
        file_content_deinit(&content);
        err = copy.ptr ? split_lines(setup->arena, copy, &options->labels) : ERR_NOMEM;
    }
    if (err != ERR_OK)
        text_printf(setup->fault, "labels_file " SLICE_FMT ": %s", SLICE_ARG(options->labels_file), err_text(err));
    return err;
}

/* A line is a label to the byte, spaces included: dictionaries of character models hold a space as a class. */
static enum err split_lines(struct arena *arena, struct slice text, struct option_list *ret_labels)
{
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (!text.len)
        return ERR_INVALID;
    uint32_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    if (count > LABELS_MAX)
        return ERR_LIMIT;
    struct slice *labels = arena_alloc_array(arena, count, sizeof *labels);
    if (!labels)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        labels[i] = slice_cut(&text, '\n');
        if (labels[i].len && labels[i].ptr[labels[i].len - 1] == '\r')
            labels[i].len--;
    }
    *ret_labels = (struct option_list){.items = labels, .count = count};
    return ERR_OK;
}

static const struct tensor_spec *find_output(const struct model_info *model, struct slice name)
{
    for (uint32_t i = 0; i < model->output_count; i++)
        if (name.len == 0 || slice_equal(model->outputs[i].name, name))
            return &model->outputs[i];
    return NULL;
}

/* An open last dimension is known only when the model has run. */
static bool fits_model(const void *options_, const struct model_info *model, struct text *fault)
{
    const struct options *options = options_;
    const struct tensor_spec *output = find_output(model, options->output);
    if (!output)
        text_printf(fault, "format_output reads the output \"" SLICE_FMT "\", which the model does not have.",
                    SLICE_ARG(options->output));
    else if (output->type != TENSOR_F32 && output->type != TENSOR_F64)
        text_printf(fault, "format_output reads FP32 or FP64, but the output \"" SLICE_FMT "\" is %s.",
                    SLICE_ARG(output->name), tensor_type_name(output->type));
    else if (options->labels.count && output->rank && output->dims[output->rank - 1] != TENSOR_DIM_ANY &&
             output->dims[output->rank - 1] != (int64_t)options->labels.count)
        text_printf(fault, "format_output has %u labels, but the output \"" SLICE_FMT "\" has %lld values.",
                    options->labels.count, SLICE_ARG(output->name), (long long)output->dims[output->rank - 1]);
    return fault->len == 0;
}

/* What the client does not take is refused before the model runs for nothing. */
static enum verdict on_request(struct request *request, const void *options, void *state)
{
    (void)options;
    (void)state;
    return negotiate_json(request);
}

static enum verdict on_output(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    struct scores scores = {0};
    enum verdict verdict = take_row(request, options, &scores);
    if (verdict != VERDICT_NEXT)
        return verdict;
    ASSERT(scores.tensor && scores.count > 0, "a row that was taken has values");
    if (!measure(&scores, (enum activation)options->activation))
        return request_fail(request, PROBLEM_MODEL_FAILED,
                            "The model's output \"" SLICE_FMT "\" holds a value that is not finite.",
                            SLICE_ARG(scores.tensor->spec->name));
    struct ranking ranking = {0};
    rank(&scores, options->top ? options->top : 1, &ranking);
    return write(request, options, &scores, &ranking);
}

/* The one row of the output, which must have a value for each label. */
static enum verdict take_row(struct request *request, const struct options *options, struct scores *ret_scores)
{
    int index = options->output.len ? model_output_index(run_model(request->run), options->output) : 0;
    if (index < 0)
        return request_fail(request, PROBLEM_INTERNAL,
                            "format_output reads the output \"" SLICE_FMT "\", which the model does not have.",
                            SLICE_ARG(options->output));
    const struct tensor *tensor = run_output(request->run, (uint32_t)index);
    struct slice name = tensor->spec->name;
    if (tensor->spec->type != TENSOR_F32 && tensor->spec->type != TENSOR_F64)
        return request_fail(request, PROBLEM_INTERNAL,
                            "format_output reads FP32 or FP64, but the output \"" SLICE_FMT "\" is %s.",
                            SLICE_ARG(name), tensor_type_name(tensor->spec->type));
    size_t row = tensor->rank ? (size_t)tensor->dims[tensor->rank - 1] : 1;
    size_t count = tensor->bytes / tensor_type_bytes(tensor->spec->type);
    if (row == 0 || count != row)
        return request_fail(request, PROBLEM_INVALID_TENSOR,
                            "format_output answers for one row; the output \"" SLICE_FMT
                            "\" has %zu: send one at a time.",
                            SLICE_ARG(name), row ? count / row : 0);
    if (options->labels.count && options->labels.count != count)
        return request_fail(request, PROBLEM_INTERNAL,
                            "format_output has %u labels, but the output \"" SLICE_FMT "\" has %zu values: the "
                            "configuration does not fit the model.",
                            options->labels.count, SLICE_ARG(name), count);
    *ret_scores = (struct scores){.tensor = tensor, .count = count};
    return VERDICT_NEXT;
}

/* Looks at all values and settles the activation. False: a value is not finite. */
static bool measure(struct scores *scores, enum activation wanted)
{
    double sum = 0;
    bool is_inside = true;
    scores->max = value_at(scores, 0);
    for (size_t i = 0; i < scores->count; i++) {
        double value = value_at(scores, i);
        if (!isfinite(value))
            return false;
        is_inside = is_inside && value >= 0 && value <= 1 + SUM_TOLERANCE;
        sum += value;
        scores->max = MAX(scores->max, value);
    }
    scores->activation = wanted;
    if (wanted == ACTIVATION_AUTO && scores->count == 1)
        scores->activation = is_inside ? ACTIVATION_NONE : ACTIVATION_SIGMOID;
    else if (wanted == ACTIVATION_AUTO)
        scores->activation = is_inside && fabs(sum - 1) <= SUM_TOLERANCE ? ACTIVATION_NONE : ACTIVATION_SOFTMAX;
    scores->exp_sum = 0;
    if (scores->activation == ACTIVATION_SOFTMAX)
        for (size_t i = 0; i < scores->count; i++)
            scores->exp_sum += exp(value_at(scores, i) - scores->max);
    return true;
}

static double value_at(const struct scores *scores, size_t index)
{
    const void *data = scores->tensor->data;
    return scores->tensor->spec->type == TENSOR_F32 ? (double)((const float *)data)[index]
                                                    : ((const double *)data)[index];
}

static double confidence_at(const struct scores *scores, size_t index)
{
    double value = value_at(scores, index);
    switch (scores->activation) {
    case ACTIVATION_SOFTMAX:
        return exp(value - scores->max) / scores->exp_sum;
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-value));
    case ACTIVATION_AUTO:
    case ACTIVATION_NONE:
        break;
    }
    return value;
}

/* Insertion into a short sorted list: `want` is at most TOP_MAX. */
static void rank(const struct scores *scores, size_t want, struct ranking *ranking)
{
    want = MIN(want, scores->count);
    ranking->count = 0;
    for (size_t i = 0; i < scores->count; i++) {
        double value = value_at(scores, i);
        if (ranking->count == want && value <= value_at(scores, ranking->index[want - 1]))
            continue;
        size_t at = ranking->count < want ? ranking->count++ : want - 1;
        for (; at > 0 && value > value_at(scores, ranking->index[at - 1]); at--)
            ranking->index[at] = ranking->index[at - 1];
        ranking->index[at] = i;
    }
}

static void write_label(struct json_writer *writer, const struct options *options, size_t index)
{
    const struct slice *labels = options->labels.items;
    char number[20];
    if (options->labels.count)
        json_write_string(writer, labels[index]);
    else
        json_write_string(writer, slice_of(number, text_format_u64(number, index)));
}

/* As a float: digits beyond what the model computed with would be noise. */
static void write_confidence(struct json_writer *writer, const struct scores *scores, size_t index)
{
    json_write_f32(writer, (float)confidence_at(scores, index));
}

static void write_candidates(struct json_writer *writer, const struct options *options, const struct scores *scores,
                             const struct ranking *ranking)
{
    json_write_key(writer, SLICE_LIT("candidates"));
    json_write_array_begin(writer);
    for (size_t i = 0; i < ranking->count; i++) {
        json_write_object_begin(writer);
        json_write_key(writer, SLICE_LIT("label"));
        write_label(writer, options, ranking->index[i]);
        json_write_key(writer, SLICE_LIT("confidence"));
        write_confidence(writer, scores, ranking->index[i]);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static enum verdict write(struct request *request, const struct options *options, const struct scores *scores,
                          const struct ranking *ranking)
{
    const struct model_info *model = model_info(run_model(request->run));
    struct json_writer writer =
        json_writer_in_arena(&request->arena, BODY_BYTES + (options->top ? ranking->count * CANDIDATE_BYTES : 0));
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("result"));
    write_label(&writer, options, ranking->index[0]);
    json_write_key(&writer, SLICE_LIT("confidence"));
    write_confidence(&writer, scores, ranking->index[0]);
    if (options->top)
        write_candidates(&writer, options, scores, ranking);
    json_write_key(&writer, SLICE_LIT("model"));
    json_write_string(&writer, model->name);
    json_write_key(&writer, SLICE_LIT("model_version"));
    json_write_string(&writer, model->version);
    json_write_key(&writer, SLICE_LIT("latency_ms"));
    /* To the microsecond, so that it is written with at most three decimals. */
    uint64_t latency_us = (clock_now_ns() - request->begin_ns) / 1000;
    json_write_f64(&writer, (double)latency_us / 1000);
    if (request->id.len) {
        json_write_key(&writer, SLICE_LIT("request_id"));
        json_write_string(&writer, request->id);
    }
    json_write_object_end(&writer);
    struct slice body;
    if (json_writer_finish(&writer, &body) != ERR_OK)
        return request_fail_memory(request);
    response_set(request, 200, "application/json", body);
    return VERDICT_NEXT;
}

/* What `write` writes, as a schema. */

/* One label that stands twice would be no enum. */
static bool are_listable(const struct option_list *labels)
{
    const struct slice *names = labels->items;
    if (labels->count == 0 || labels->count > LABELS_LISTED_MAX)
        return false;
    for (uint32_t i = 0; i < labels->count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (slice_equal(names[i], names[k]))
                return false;
    return true;
}

static void describe_label(struct json_writer *writer, const struct options *options, const char *key)
{
    const struct slice *labels = options->labels.items;
    json_write_key(writer, slice_of_text(key));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("type"));
    json_write_string(writer, SLICE_LIT("string"));
    if (are_listable(&options->labels)) {
        json_write_key(writer, SLICE_LIT("enum"));
        json_write_array_begin(writer);
        for (uint32_t i = 0; i < options->labels.count; i++)
            json_write_string(writer, labels[i]);
        json_write_array_end(writer);
    }
    json_write_key(writer, SLICE_LIT("description"));
    json_write_string(writer, options->labels.count ? SLICE_LIT("The label of a class.")
                                                    : SLICE_LIT("The number of a class, from 0."));
    json_write_object_end(writer);
}

/* With `auto` a row may miss 1 by SUM_TOLERANCE. */
static void describe_confidence(struct json_writer *writer, const struct options *options)
{
    static const char *const schemas[] = {
        [ACTIVATION_AUTO] = "{\"type\":\"number\",\"minimum\":0}",
        [ACTIVATION_NONE] = "{\"type\":\"number\"}",
        [ACTIVATION_SOFTMAX] = "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
        [ACTIVATION_SIGMOID] = "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
    };
    json_write_key(writer, SLICE_LIT("confidence"));
    json_write_raw(writer, slice_of_text(schemas[options->activation]));
}

static void describe_candidates(struct json_writer *writer, const struct options *options)
{
    json_write_key(writer, SLICE_LIT("candidates"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("type"));
    json_write_string(writer, SLICE_LIT("array"));
    json_write_key(writer, SLICE_LIT("description"));
    json_write_string(writer, SLICE_LIT("The best classes, best first."));
    json_write_key(writer, SLICE_LIT("minItems"));
    json_write_u64(writer, 1);
    json_write_key(writer, SLICE_LIT("maxItems"));
    json_write_u64(writer, options->top);
    json_write_key(writer, SLICE_LIT("items"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("type"));
    json_write_string(writer, SLICE_LIT("object"));
    json_write_key(writer, SLICE_LIT("required"));
    json_write_raw(writer, SLICE_LIT("[\"label\",\"confidence\"]"));
    json_write_key(writer, SLICE_LIT("properties"));
    json_write_object_begin(writer);
    describe_label(writer, options, "label");
    describe_confidence(writer, options);
    json_write_object_end(writer);
    json_write_object_end(writer);
    json_write_object_end(writer);
}

static enum err describe(const void *options_, struct description *description)
{
    const struct options *options = options_;
    struct json_writer writer = json_writer_in_arena(description->arena, 1024);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("type"));
    json_write_string(&writer, SLICE_LIT("object"));
    json_write_key(&writer, SLICE_LIT("required"));
    json_write_array_begin(&writer);
    static const char *const members[] = {"result", "confidence", "model", "model_version", "latency_ms"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_write_string(&writer, slice_of_text(members[i]));
    if (options->top)
        json_write_string(&writer, SLICE_LIT("candidates"));
    if (description->has_request_id)
        json_write_string(&writer, SLICE_LIT("request_id"));
    json_write_array_end(&writer);
    json_write_key(&writer, SLICE_LIT("properties"));
    json_write_object_begin(&writer);
    describe_label(&writer, options, "result");
    describe_confidence(&writer, options);
    if (options->top)
        describe_candidates(&writer, options);
    json_write_key(&writer, SLICE_LIT("model"));
    json_write_raw(&writer, SLICE_LIT("{\"type\":\"string\"}"));
    json_write_key(&writer, SLICE_LIT("model_version"));
    json_write_raw(&writer, SLICE_LIT("{\"type\":\"string\"}"));
    json_write_key(&writer, SLICE_LIT("latency_ms"));
    json_write_raw(&writer, SLICE_LIT("{\"type\":\"number\",\"minimum\":0,\"description\":\"From the head of the "
                                      "request to this line.\"}"));
    if (description->has_request_id) {
        json_write_key(&writer, SLICE_LIT("request_id"));
        json_write_raw(&writer, SLICE_LIT("{\"type\":\"string\"}"));
    }
    json_write_object_end(&writer);
    json_write_object_end(&writer);
    description->arises |= AT_SCORES;
    return json_writer_finish(&writer, &description->answer);
}
