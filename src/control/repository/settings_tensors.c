/* SPDX-License-Identifier: Apache-2.0 */
/* Of a config.pbtxt: what goes in and out. */
#include "control/repository/settings_int.h"

#define COUNT_MAX 65536

/* --- input, output --------------------------------------------------------------------------------------------------- */

static void read_tensor_name(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct declared_tensor *)out)->name);
}

static void read_tensor_type(struct reader *reader, const struct field *field, void *out)
{
    ((struct declared_tensor *)out)->type = settings_type(reader, field);
}

static void read_tensor_dim(struct reader *reader, const struct field *field, void *out)
{
    struct declared_tensor *tensor = out;
    tensor->has_dims = true;
    if (tensor->rank == TENSOR_RANK_MAX)
        settings_refuse(reader, field, "at most 8 sizes");
    else if (settings_dim(reader, field, &tensor->dims[tensor->rank]))
        tensor->rank++;
}

static void read_labels(struct reader *reader, const struct field *field, void *out)
{
    settings_file(reader, field, "the name of a file in the folder of the model",
                  &((struct declared_tensor *)out)->labels);
}

static void read_optional(struct reader *reader, const struct field *field, void *out)
{
    ((struct declared_tensor *)out)->is_optional = settings_bool(reader, field);
}

#define SEES_SHAPES  "a request has the shape of the model; reshape the tensor in the model itself"
#define FORMAT_WORDS "it only tells readers of the configuration how a tensor is laid out"

static const struct rule input_rules[] = {
    {.name = "name", .read = read_tensor_name},
    {.name = "data_type", .read = read_tensor_type},
    {.name = "dims", .read = read_tensor_dim},
    {.name = "format", .ignored = FORMAT_WORDS},
    {.name = "optional", .read = read_optional},
    {.name = "reshape", .refused = SEES_SHAPES},
    {.name = "is_shape_tensor", .read = settings_refuse_true},
    {.name = "allow_ragged_batch", .read = settings_refuse_true},
    {.name = "is_non_linear_format_io", .read = settings_refuse_true},
    {0},
};
static const struct rule output_rules[] = {
    {.name = "name", .read = read_tensor_name},
    {.name = "data_type", .read = read_tensor_type},
    {.name = "dims", .read = read_tensor_dim},
    {.name = "label_filename", .read = read_labels},
    {.name = "reshape", .refused = SEES_SHAPES},
    {.name = "is_shape_tensor", .read = settings_refuse_true},
    {.name = "is_non_linear_format_io", .read = settings_refuse_true},
    {0},
};
static const struct message input_message = {"input", input_rules};
static const struct message output_message = {"output", output_rules};

static void read_tensor(struct reader *reader, const struct message *message, const struct field *field,
                        struct declared_tensor *tensors, uint32_t *count)
{
    if (*count == MODEL_TENSORS_MAX) {
        settings_note(reader, true, field->place, "weir serves up to %d of \"%s\"", MODEL_TENSORS_MAX, message->name);
        return;
    }
    struct declared_tensor *tensor = &tensors[(*count)++];
    tensor->place = field->place;
    settings_message(reader, message, field, tensor);
    if (!tensor->name.len)
        settings_note(reader, true, field->place, "%s lacks a name", message->name);
}

void settings_input(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    read_tensor(reader, &input_message, field, settings->inputs, &settings->input_count);
}

void settings_output(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    read_tensor(reader, &output_message, field, settings->outputs, &settings->output_count);
}

/* --- model_warmup ---------------------------------------------------------------------------------------------------- */

struct warming {
    uint64_t rows;
    struct option_shape *shape; /* the one that is read */
    bool is_first;
};

static void read_rows(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, COUNT_MAX, &((struct warming *)out)->rows);
}

static void read_warm_dim(struct reader *reader, const struct field *field, void *out)
{
    struct option_shape *shape = ((struct warming *)out)->shape;
    uint64_t dim;
    if (!settings_count(reader, field, INT32_MAX, &dim))
        return;
    if (dim == 0 || shape->rank >= OPTION_SHAPE_RANK_MAX)
        settings_refuse(reader, field, "up to 8 sizes of at least 1");
    else
        shape->dims[shape->rank++] = dim;
}

static void read_warm_type(struct reader *reader, const struct field *field, void *out)
{
    (void)out;
    (void)settings_type(reader, field);
}

static void read_warm_data(struct reader *reader, const struct field *field, void *out)
{
    (void)out;
    (void)settings_bool(reader, field);
}

static void read_warm_name(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct warming *)out)->shape->name);
}

static const struct rule warm_input_rules[] = {
    {.name = "data_type", .read = read_warm_type},
    {.name = "dims", .read = read_warm_dim},
    {.name = "zero_data", .read = read_warm_data},
    {.name = "random_data", .read = read_warm_data},
    {.name = "input_data_file", .ignored = "models are warmed with zeros"},
    {0},
};
static const struct message warm_input_message = {"inputs of model_warmup", warm_input_rules};

static void read_warm_value(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &warm_input_message, field, out);
}

static const struct message warm_entry_message = {
    "inputs of model_warmup",
    (const struct rule[]){{.name = "key", .read = read_warm_name}, {.name = "value", .read = read_warm_value}, {0}}};

static void read_warm_input(struct reader *reader, const struct field *field, void *out)
{
    struct warming *warming = out;
    struct model_settings *settings = reader->settings;
    struct option_shape spare = {0};
    bool is_kept = warming->is_first && settings->warm_up_count < MODEL_TENSORS_MAX;
    warming->shape = is_kept ? &settings->warm_up[settings->warm_up_count++] : &spare;
    settings_message(reader, &warm_entry_message, field, warming);
}

static const struct rule warm_rules[] = {
    {.name = "name", .ignored = "it is not logged"},
    {.name = "batch_size", .read = read_rows},
    {.name = "inputs", .read = read_warm_input},
    {.name = "count", .ignored = "weir decides how often"},
    {0},
};
static const struct message warm_message = {"model_warmup", warm_rules};

void settings_warm_up(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    struct warming warming = {.is_first = settings->warm_up_count == 0};
    if (!warming.is_first)
        settings_note(reader, false, field->name_place,
                      "only the first model_warmup is heeded: its sizes are tried with every size of a batch");
    settings_message(reader, &warm_message, field, &warming);
    if (warming.is_first)
        settings->warm_up_rows = MAX(warming.rows, 1);
}

void settings_warm_up_end(struct model_settings *settings)
{
    if (!settings->batch_max)
        return;
    for (uint32_t i = 0; i < settings->warm_up_count; i++) {
        struct option_shape *shape = &settings->warm_up[i];
        shape->rank = MIN(shape->rank, OPTION_SHAPE_RANK_MAX - 1);
        memmove(shape->dims + 1, shape->dims, shape->rank * sizeof shape->dims[0]);
        shape->dims[0] = settings->warm_up_rows;
        shape->rank++;
    }
}
