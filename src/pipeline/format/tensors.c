/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs of a run as a response of the Open Inference Protocol v2, `data` flat and row-major.
 *
 * Floats are written with the fewest digits that read back as the same float. NaN and the infinities, which JSON cannot
 * say, become null. */
#include "lib/json/writer.h"
#include "pipeline/format/format_int.h"
#include "pipeline/tensor_json.h"

#define HEAD_BYTES    256
#define ELEMENT_BYTES 13 /* of a float32 with its comma, about */

static size_t guess_bytes(const struct request *request, uint32_t count);
static enum verdict check_type(struct request *request, const struct tensor *tensor);
static void write_output(struct json_writer *writer, const struct tensor *tensor);
static void write_data(struct json_writer *writer, const struct tensor *tensor);

static uint32_t output_count(const struct request *request)
{
    return request->inference.output_count ? request->inference.output_count
                                           : model_info(run_model(request->run))->output_count;
}

static const struct tensor *output_at(const struct request *request, uint32_t i)
{
    return run_output(request->run, request->inference.output_count ? request->inference.outputs[i].index : i);
}

enum verdict format_tensors(struct request *request)
{
    const struct model_info *model = model_info(run_model(request->run));
    uint32_t count = output_count(request);
    for (uint32_t i = 0; i < count; i++)
        if (check_type(request, output_at(request, i)) == VERDICT_FAIL)
            return VERDICT_FAIL;
    struct json_writer writer = json_writer_in_arena(&request->arena, guess_bytes(request, count));
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("model_name"));
    json_write_string(&writer, model->name);
    json_write_key(&writer, SLICE_LIT("model_version"));
    json_write_string(&writer, model->version);
    if (request->inference.id.ptr) {
        json_write_key(&writer, SLICE_LIT("id"));
        json_write_string(&writer, request->inference.id);
    }
    json_write_key(&writer, SLICE_LIT("outputs"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < count; i++)
        write_output(&writer, output_at(request, i));
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    struct slice body;
    if (json_writer_finish(&writer, &body) != ERR_OK)
        return request_fail_memory(request);
    response_set(request, 200, "application/json", body);
    return VERDICT_NEXT;
}

/* A good guess, because a buffer that grows leaves what it outgrew in the arena. */
static size_t guess_bytes(const struct request *request, uint32_t count)
{
    size_t bytes = HEAD_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor *tensor = output_at(request, i);
        size_t element_bytes = tensor_type_bytes(tensor->spec->type);
        bytes += HEAD_BYTES + (element_bytes ? tensor->bytes / element_bytes * ELEMENT_BYTES : 0);
    }
    return bytes;
}

static enum verdict check_type(struct request *request, const struct tensor *tensor)
{
    enum tensor_type type = tensor->spec->type;
    if (type != TENSOR_F16 && type != TENSOR_BF16 && type != TENSOR_BYTES && type != TENSOR_NONE)
        return VERDICT_NEXT;
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                        "The output \"" SLICE_FMT "\" is %s, which has no form in JSON that this server writes.",
                        SLICE_ARG(tensor->spec->name), tensor_type_name(type));
}

static void write_output(struct json_writer *writer, const struct tensor *tensor)
{
    json_write_object_begin(writer);
    tensor_write_members(writer, tensor->spec, tensor->dims, tensor->rank);
    json_write_key(writer, SLICE_LIT("data"));
    write_data(writer, tensor);
    json_write_object_end(writer);
}

static void write_whole(struct json_writer *writer, const struct tensor *tensor, size_t i)
{
    const void *data = tensor->data;
    switch (tensor->spec->type) {
    case TENSOR_BOOL:
        json_write_bool(writer, ((const uint8_t *)data)[i]);
        break;
    case TENSOR_U8:
        json_write_u64(writer, ((const uint8_t *)data)[i]);
        break;
    case TENSOR_U16:
        json_write_u64(writer, ((const uint16_t *)data)[i]);
        break;
    case TENSOR_U32:
        json_write_u64(writer, ((const uint32_t *)data)[i]);
        break;
    case TENSOR_U64:
        json_write_u64(writer, ((const uint64_t *)data)[i]);
        break;
    case TENSOR_I8:
        json_write_i64(writer, ((const int8_t *)data)[i]);
        break;
    case TENSOR_I16:
        json_write_i64(writer, ((const int16_t *)data)[i]);
        break;
    case TENSOR_I32:
        json_write_i64(writer, ((const int32_t *)data)[i]);
        break;
    case TENSOR_I64:
        json_write_i64(writer, ((const int64_t *)data)[i]);
        break;
    case TENSOR_F64:
        json_write_f64(writer, ((const double *)data)[i]);
        break;
    default:
        ASSERT(false, "check_type lets only types with a form in JSON pass");
    }
}

static void write_data(struct json_writer *writer, const struct tensor *tensor)
{
    size_t count = tensor->bytes / tensor_type_bytes(tensor->spec->type);
    if (tensor->spec->type == TENSOR_F32) {
        json_write_f32_array(writer, tensor->data, count);
        return;
    }
    json_write_array_begin(writer);
    for (size_t i = 0; i < count; i++)
        write_whole(writer, tensor, i);
    json_write_array_end(writer);
}
