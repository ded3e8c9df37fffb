/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs of a run as a response of the Open Inference Protocol v2: `data` flat and row-major in the JSON, or in binary
 * behind it.
 *
 * Floats are written with the fewest digits that read back as the same float. NaN and the infinities, which JSON cannot
 * say, become null; so does what is no UTF-8 in a text become U+FFFD. In binary both are as they are. */
#include "lib/json/writer.h"
#include "pipeline/format/format_int.h"
#include "pipeline/outputs.h"
#include "pipeline/tensor_json.h"
#include "pipeline/tensor_wire.h"

#define HEAD_BYTES    256
#define ELEMENT_BYTES 13 /* of a float32 with its comma, about */
#define LENGTH_BYTES  20

static enum verdict check_types(struct request *request, const struct output *outputs, uint32_t count);
static size_t guess_bytes(const struct output *outputs, uint32_t count);
static void write_head(struct json_writer *writer, const struct request *request, const struct output *outputs,
                       uint32_t count);
static enum verdict write_tail(struct request *request, struct json_writer *writer, const struct output *outputs,
                               uint32_t count, struct slice *ret_body);
static void write_output(struct json_writer *writer, const struct output *output);

enum verdict format_tensors(struct request *request)
{
    struct output outputs[MODEL_TENSORS_MAX];
    uint32_t count;
    if (outputs_collect(request, outputs, &count) == VERDICT_FAIL ||
        check_types(request, outputs, count) == VERDICT_FAIL ||
        outputs_write_shared(request, outputs, count) == VERDICT_FAIL)
        return VERDICT_FAIL;
    struct json_writer writer = json_writer_in_arena(&request->arena, guess_bytes(outputs, count));
    write_head(&writer, request, outputs, count);
    struct slice body;
    if (json_writer_finish(&writer, &body) != ERR_OK)
        return request_fail_memory(request);
    bool has_tail = false;
    for (uint32_t i = 0; i < count; i++)
        has_tail |= outputs[i].is_binary;
    if (has_tail && write_tail(request, &writer, outputs, count, &body) == VERDICT_FAIL)
        return VERDICT_FAIL;
    response_set(request, 200, has_tail ? "application/octet-stream" : "application/json", body);
    return VERDICT_NEXT;
}

static bool is_shared(const struct output *output)
{
    return output->wish && output->wish->shared.held;
}

static enum verdict check_types(struct request *request, const struct output *outputs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor_spec *spec = outputs[i].tensor->spec;
        bool is_in_json = !outputs[i].is_binary && !is_shared(&outputs[i]);
        if (spec->type == TENSOR_NONE || (is_in_json && !tensor_type_has_json(spec->type)))
            return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                                "The output \"" SLICE_FMT "\" is %s, which has no form in JSON; ask for it in binary "
                                "(parameter binary_data of the output, or binary_data_output of the request).",
                                SLICE_ARG(spec->name), tensor_type_name(spec->type));
    }
    return VERDICT_NEXT;
}

/* A good guess, because a buffer that grows leaves what it outgrew in the arena. */
static size_t guess_bytes(const struct output *outputs, uint32_t count)
{
    size_t bytes = HEAD_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor *tensor = outputs[i].tensor;
        size_t element_bytes = tensor_type_bytes(tensor->spec->type);
        bool is_counted = outputs[i].is_binary || !element_bytes;
        bytes += HEAD_BYTES;
        if (!is_shared(&outputs[i]))
            bytes += is_counted ? tensor_wire_bytes(tensor) : tensor->bytes / element_bytes * ELEMENT_BYTES;
    }
    return bytes;
}

static void write_head(struct json_writer *writer, const struct request *request, const struct output *outputs,
                       uint32_t count)
{
    const struct model_info *model = model_info(run_model(request->run));
    json_write_object_begin(writer);
    json_write_member_string(writer, "model_name", model->name);
    json_write_member_string(writer, "model_version", model->version);
    if (request->inference.id.ptr) {
        json_write_member_string(writer, "id", request->inference.id);
    }
    json_write_key(writer, SLICE_LIT("outputs"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < count; i++)
        write_output(writer, &outputs[i]);
    json_write_array_end(writer);
    json_write_object_end(writer);
}

static enum verdict write_tail(struct request *request, struct json_writer *writer, const struct output *outputs,
                               uint32_t count, struct slice *ret_body)
{
    struct buffer *buffer = &writer->buffer;
    char *length = arena_alloc(&request->arena, LENGTH_BYTES);
    if (!length)
        return request_fail_memory(request);
    response_field_add(request, "Inference-Header-Content-Length",
                       slice_of(length, text_format_u64(length, buffer->len)));
    for (uint32_t i = 0; i < count; i++) {
        size_t bytes = outputs[i].is_binary ? tensor_wire_bytes(outputs[i].tensor) : 0;
        char *place = bytes ? buffer_reserve(buffer, bytes) : NULL;
        if (place)
            buffer->len += (size_t)(tensor_wire_write(place, outputs[i].tensor) - place);
    }
    return buffer_finish(buffer, ret_body) == ERR_OK ? VERDICT_NEXT : request_fail_memory(request);
}

static void write_binary_size(struct json_writer *writer, const struct tensor *tensor)
{
    json_write_key(writer, SLICE_LIT("parameters"));
    json_write_object_begin(writer);
    json_write_member_u64(writer, "binary_data_size", tensor_wire_bytes(tensor));
    json_write_object_end(writer);
}

/* Of one that was written to shared memory nothing more is said: Triton's C++ client takes any `parameters` of an output for
 * those of binary data. */
static void write_output(struct json_writer *writer, const struct output *output)
{
    const struct tensor *tensor = output->tensor;
    json_write_object_begin(writer);
    tensor_write_members(writer, tensor->spec, tensor->dims, tensor->rank);
    if (output->is_binary) {
        write_binary_size(writer, tensor);
    } else if (!is_shared(output)) {
        json_write_key(writer, SLICE_LIT("data"));
        tensor_write_data(writer, tensor->spec->type, tensor->data, tensor->bytes);
    }
    json_write_object_end(writer);
}
