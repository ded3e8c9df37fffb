/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/grpc/infer_int.h"

#define NAME_SHOWN 64 /* of a client's text in a message */

/* Fields of grpc_service.proto. */
enum {
    REQUEST_MODEL_NAME = 1,
    REQUEST_MODEL_VERSION,
    REQUEST_ID,
    REQUEST_PARAMETERS,
    REQUEST_INPUTS,
    REQUEST_OUTPUTS,
    REQUEST_RAW
};
enum { INPUT_NAME = 1, INPUT_DATATYPE, INPUT_SHAPE, INPUT_PARAMETERS, INPUT_CONTENTS };
enum { OUTPUT_NAME = 1, OUTPUT_PARAMETERS };
enum { ENTRY_KEY = 1, ENTRY_VALUE };
enum { PARAMETER_IN_BOOL = 1, PARAMETER_IN_INT64, PARAMETER_IN_STRING, PARAMETER_IN_DOUBLE, PARAMETER_IN_UINT64 };

static enum err take_field(struct infer_message *message, const struct protobuf_field *field);
static enum err take_parameter(struct infer_message *message, const struct protobuf_field *field);
static enum err take_input(struct infer_message *message, const struct protobuf_field *field);
static enum err take_output(struct infer_message *message, const struct protobuf_field *field);
static enum err take_raw(struct infer_message *message, const struct protobuf_field *field);
static enum err read_entry(const struct protobuf_field *field, struct parameter *parameter);

static enum err syntax_unless(bool is_right)
{
    return is_right ? ERR_OK : ERR_SYNTAX;
}

static enum err end_of(enum err err)
{
    return err == ERR_EOF ? ERR_OK : ERR_SYNTAX;
}

enum err infer_parse(struct infer_message *message, struct slice bytes)
{
    struct protobuf_field field;
    enum err err;
    while ((err = protobuf_next(&bytes, &field)) == ERR_OK)
        TRY(take_field(message, &field));
    return end_of(err);
}

static enum err take_field(struct infer_message *message, const struct protobuf_field *field)
{
    switch (field->number) {
    case REQUEST_MODEL_NAME:
        return syntax_unless(protobuf_string(field, &message->model_name));
    case REQUEST_MODEL_VERSION:
        return syntax_unless(protobuf_string(field, &message->model_version));
    case REQUEST_ID:
        return syntax_unless(protobuf_string(field, &message->inference.id));
    case REQUEST_PARAMETERS:
        return take_parameter(message, field);
    case REQUEST_INPUTS:
        return take_input(message, field);
    case REQUEST_OUTPUTS:
        return take_output(message, field);
    case REQUEST_RAW:
        return take_raw(message, field);
    default:
        return ERR_OK;
    }
}

/* The sentence of the parameter's own goes behind its name. */
static enum err refuse_parameter(struct infer_message *message, const struct parameter *parameter, enum err err,
                                 const struct text *why)
{
    if (err == ERR_INVALID)
        text_printf(message->fault, "The parameter \"" SLICE_FMT "\" does not do: " SLICE_FMT,
                    SLICE_ARG(slice_first(parameter->name, NAME_SHOWN)), SLICE_ARG(text_slice(why)));
    return err;
}

static enum err take_parameter(struct infer_message *message, const struct protobuf_field *field)
{
    char memory[200];
    struct text why = text_init(memory, sizeof memory);
    struct parameter parameter;
    TRY(read_entry(field, &parameter));
    enum err err = inference_parameter_take(&message->inference, &parameter, message->arena, &why);
    return err == ERR_OK ? err : refuse_parameter(message, &parameter, err, &why);
}

static enum err take_tensor_parameter(struct infer_message *message, const struct protobuf_field *field,
                                      struct tensor_parameters *parameters)
{
    char memory[200];
    struct text why = text_init(memory, sizeof memory);
    struct parameter parameter;
    TRY(read_entry(field, &parameter));
    enum err err = tensor_parameter_take(parameters, &parameter, &why);
    return err == ERR_OK ? err : refuse_parameter(message, &parameter, err, &why);
}

static void set_whole(struct parameter *parameter, int64_t number)
{
    if (number < 0)
        *parameter = (struct parameter){.kind = PARAMETER_NEGATIVE, .negative = number, .found = "a negative number"};
    else
        *parameter = (struct parameter){.kind = PARAMETER_WHOLE, .number = (uint64_t)number, .found = "a whole number"};
}

/* InferParameter; of several values the last one counts, as in every oneof. */
static enum err read_value(struct slice bytes, struct parameter *ret_parameter)
{
    struct parameter value = {.kind = PARAMETER_OTHER, .found = "nothing"};
    struct protobuf_field field;
    bool is_true;
    int64_t number;
    enum err err;
    while ((err = protobuf_next(&bytes, &field)) == ERR_OK) {
        if (field.number == PARAMETER_IN_BOOL) {
            TRY(syntax_unless(protobuf_bool(&field, &is_true)));
            value = (struct parameter){.kind = PARAMETER_BOOL, .is_true = is_true, .found = "true or false"};
        } else if (field.number == PARAMETER_IN_INT64) {
            TRY(syntax_unless(protobuf_i64(&field, &number)));
            set_whole(&value, number);
        } else if (field.number == PARAMETER_IN_UINT64) {
            value = (struct parameter){.kind = PARAMETER_WHOLE, .found = "a whole number"};
            TRY(syntax_unless(protobuf_u64(&field, &value.number)));
        } else if (field.number == PARAMETER_IN_STRING) {
            value = (struct parameter){.kind = PARAMETER_TEXT, .found = "a text"};
            TRY(syntax_unless(protobuf_string(&field, &value.text)));
        } else if (field.number == PARAMETER_IN_DOUBLE) {
            TRY(syntax_unless(field.wire == PROTOBUF_FIXED64));
            value = (struct parameter){.kind = PARAMETER_REAL, .found = "a number with a point"};
        }
    }
    *ret_parameter = value;
    return end_of(err);
}

/* An entry of map<string, InferParameter>. */
static enum err read_entry(const struct protobuf_field *entry, struct parameter *ret_parameter)
{
    struct parameter parameter = {.kind = PARAMETER_OTHER, .found = "nothing"};
    struct slice name = {"", 0};
    struct slice rest;
    struct slice value;
    struct protobuf_field field;
    enum err err;
    TRY(syntax_unless(protobuf_bytes(entry, &rest)));
    while ((err = protobuf_next(&rest, &field)) == ERR_OK) {
        if (field.number == ENTRY_KEY) {
            TRY(syntax_unless(protobuf_string(&field, &name)));
        } else if (field.number == ENTRY_VALUE) {
            TRY(syntax_unless(protobuf_bytes(&field, &value)));
            TRY(read_value(value, &parameter));
        }
    }
    parameter.name = name;
    *ret_parameter = parameter;
    return end_of(err);
}

static enum err too_many(struct infer_message *message, const char *what)
{
    text_printf(message->fault, "There are more than %d %s, which no model here has.", MODEL_TENSORS_MAX, what);
    return ERR_INVALID;
}

static enum err add_dim(struct infer_message *message, struct infer_input *input, uint64_t dim)
{
    if (input->rank == TENSOR_RANK_MAX) {
        text_printf(message->fault, "The input \"" SLICE_FMT "\" has more than %d dimensions.",
                    SLICE_ARG(slice_first(input->name, NAME_SHOWN)), TENSOR_RANK_MAX);
        return ERR_INVALID;
    }
    input->dims[input->rank++] = (int64_t)dim;
    return ERR_OK;
}

static enum err add_dims(struct infer_message *message, struct infer_input *input, const struct protobuf_field *field)
{
    struct protobuf_elements elements;
    uint64_t dim;
    TRY(protobuf_repeated(field, PROTOBUF_ELEMENT_VARINT, &elements));
    if (field->wire == PROTOBUF_VARINT)
        return add_dim(message, input, elements.value);
    while (elements.bytes.len) {
        TRY(syntax_unless(protobuf_varint(&elements.bytes, &dim) == ERR_OK));
        TRY(add_dim(message, input, dim));
    }
    return ERR_OK;
}

/* By the book two of these would be merged; nobody sends two. */
static enum err take_contents(struct infer_message *message, struct infer_input *input,
                              const struct protobuf_field *field)
{
    if (input->has_contents) {
        text_printf(message->fault, "The input \"" SLICE_FMT "\" has contents twice.",
                    SLICE_ARG(slice_first(input->name, NAME_SHOWN)));
        return ERR_INVALID;
    }
    input->has_contents = true;
    return syntax_unless(protobuf_bytes(field, &input->contents));
}

static enum err take_input_field(struct infer_message *message, struct infer_input *input,
                                 const struct protobuf_field *field)
{
    switch (field->number) {
    case INPUT_NAME:
        return syntax_unless(protobuf_string(field, &input->name));
    case INPUT_DATATYPE:
        return syntax_unless(protobuf_string(field, &input->datatype));
    case INPUT_SHAPE:
        return add_dims(message, input, field);
    case INPUT_PARAMETERS:
        return take_tensor_parameter(message, field, &input->parameters);
    case INPUT_CONTENTS:
        return take_contents(message, input, field);
    default:
        return ERR_OK;
    }
}

static enum err take_input(struct infer_message *message, const struct protobuf_field *whole)
{
    struct slice rest;
    struct protobuf_field field;
    enum err err;
    TRY(syntax_unless(protobuf_bytes(whole, &rest)));
    if (message->input_count == MODEL_TENSORS_MAX)
        return too_many(message, "inputs");
    struct infer_input *input = &message->inputs[message->input_count++];
    *input = (struct infer_input){.name = {"", 0}};
    while ((err = protobuf_next(&rest, &field)) == ERR_OK)
        TRY(take_input_field(message, input, &field));
    return end_of(err);
}

static enum err take_output(struct infer_message *message, const struct protobuf_field *whole)
{
    struct slice rest;
    struct protobuf_field field;
    enum err err;
    TRY(syntax_unless(protobuf_bytes(whole, &rest)));
    if (message->output_count == MODEL_TENSORS_MAX)
        return too_many(message, "outputs");
    struct infer_output *output = &message->outputs[message->output_count++];
    *output = (struct infer_output){.name = {"", 0}};
    while ((err = protobuf_next(&rest, &field)) == ERR_OK) {
        if (field.number == OUTPUT_NAME)
            TRY(syntax_unless(protobuf_string(&field, &output->name)));
        else if (field.number == OUTPUT_PARAMETERS)
            TRY(take_tensor_parameter(message, &field, &output->parameters));
    }
    return end_of(err);
}

static enum err take_raw(struct infer_message *message, const struct protobuf_field *field)
{
    if (message->raw_count == MODEL_TENSORS_MAX)
        return too_many(message, "raw_input_contents");
    return syntax_unless(protobuf_bytes(field, &message->raws[message->raw_count++]));
}
