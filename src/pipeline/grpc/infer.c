/* SPDX-License-Identifier: Apache-2.0 */
/* ModelInfer: a message into a run, and the outputs of the run into a message. */
#include "pipeline/flow.h"
#include "pipeline/grpc/grpc_int.h"
#include "pipeline/grpc/infer_int.h"
#include "pipeline/outputs.h"
#include "pipeline/shared_input.h"
#include "pipeline/tensor_wire.h"
#include "pipeline/tracing.h"

#define FAULT_BYTES    400
#define META_BYTES     512
#define COPY_BYTES_MAX 256 /* a tensor up to here is copied behind what describes it */

/* Fields of ModelInferResponse. */
enum {
    RESPONSE_MODEL_NAME = 1,
    RESPONSE_MODEL_VERSION,
    RESPONSE_ID,
    RESPONSE_PARAMETERS,
    RESPONSE_OUTPUTS,
    RESPONSE_RAW
};
enum { OUTPUT_NAME = 1, OUTPUT_DATATYPE, OUTPUT_SHAPE, OUTPUT_PARAMETERS };

static enum verdict refuse(struct request *request, const struct infer_message *message, enum err err);
static enum verdict fill_inputs(struct request *request, struct model *model, struct infer_message *message);
static enum err fill_input(struct request *request, struct infer_message *message, const struct model_info *info,
                           uint32_t index);
static enum verdict keep_inference(struct request *request, const struct infer_message *message);
static enum verdict hold_shared(struct request *request, const struct infer_message *message);

enum verdict grpc_decode(struct request *request)
{
    char memory[FAULT_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    struct slice bytes;
    struct model *model = NULL;
    struct infer_message message;
    memset(&message, 0, offsetof(struct infer_message, inputs));
    message.arena = &request->arena;
    message.fault = &fault;
    enum verdict verdict = grpc_message(request, &bytes);
    if (verdict != VERDICT_NEXT)
        return verdict;
    enum err err = infer_parse(&message, bytes);
    request->inference.id = message.inference.id; /* which the answer repeats, whatever it is */
    if (err != ERR_OK)
        return refuse(request, &message, err);
    verdict = model_find_named(request, message.model_name, message.model_version);
    if (verdict == VERDICT_NEXT)
        verdict = model_need(request, &model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    trace_begin(request);
    err = infer_check(&message, model_info(model), request->config->limits.request_memory);
    if (err != ERR_OK)
        return refuse(request, &message, err);
    verdict = fill_inputs(request, model, &message);
    return verdict == VERDICT_NEXT ? keep_inference(request, &message) : verdict;
}

static enum verdict refuse(struct request *request, const struct infer_message *message, enum err err)
{
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    if (err != ERR_INVALID)
        return grpc_refuse_message(request, "ModelInferRequest");
    return request_fail(request, PROBLEM_INVALID_TENSOR, SLICE_FMT, SLICE_ARG(text_slice(message->fault)));
}

static enum verdict fill_inputs(struct request *request, struct model *model, struct infer_message *message)
{
    const struct model_info *info = model_info(model);
    enum verdict verdict = decode_acquire_run(request, model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    for (uint32_t i = 0; i < info->input_count; i++) {
        if (message->items[i] == INFER_ITEM_NONE)
            continue;
        enum err err = fill_input(request, message, info, i);
        if (err == ERR_INVALID || err == ERR_SYNTAX)
            return refuse(request, message, err);
        if (err != ERR_OK)
            return err == ERR_LIMIT ? request_fail_too_large(request) : request_fail_memory(request);
    }
    return VERDICT_NEXT;
}

/* Raw contents are read by the model where they are. */
static enum err fill_input(struct request *request, struct infer_message *message, const struct model_info *info,
                           uint32_t index)
{
    const struct infer_input *input = &message->inputs[message->items[index]];
    const struct tensor_spec *spec = &info->inputs[index];
    uint64_t bytes_max = request->config->limits.request_memory;
    void *data;
    if (input->has_raw && spec->type != TENSOR_BYTES) {
        TRY(infer_check_raw(message, spec, input));
        return run_wrap_input(request->run, index, input->dims, bytes_max, input->raw.ptr);
    }
    TRY(run_input(request->run, index, input->dims, bytes_max, &data));
    if (input->parameters.shared.region.ptr)
        return shared_input_read(request, &input->parameters.shared, spec, input->dims, data, message->fault);
    return infer_fill(message, info, index, data);
}

/* Of the time of the call and that of the inference the shorter one holds. */
static enum verdict keep_inference(struct request *request, const struct infer_message *message)
{
    uint64_t call_ns = request->inference.timeout_ns;
    struct inference *inference = &request->inference;
    uint32_t count = message->inference.output_count;
    *inference = message->inference;
    if (call_ns && (!inference->timeout_ns || call_ns < inference->timeout_ns))
        inference->timeout_ns = call_ns;
    if (!count)
        return VERDICT_NEXT;
    struct output_wish *wishes = arena_alloc_array(&request->arena, count, sizeof *wishes);
    if (!wishes)
        return request_fail_memory(request);
    memcpy(wishes, message->wishes, count * sizeof *wishes);
    inference->outputs = wishes;
    return hold_shared(request, message);
}

static enum verdict hold_shared(struct request *request, const struct infer_message *message)
{
    uint32_t index;
    if (outputs_hold_shared(request, &index, message->fault) == ERR_OK)
        return VERDICT_NEXT;
    return refuse(request, message, ERR_INVALID);
}

/* --- the response ------------------------------------------------------------------------------------------------------ */

/* Pieces under construction: parts of `meta`, which may move as it grows, and memory that stays. */
struct layout {
    struct buffer meta;
    size_t cuts[MODEL_TENSORS_MAX];           /* where in meta */
    struct slice outsides[MODEL_TENSORS_MAX]; /* this one stands */
    uint32_t count;
};

static void write_output(struct buffer *out, const struct tensor *tensor)
{
    size_t begin = protobuf_message_begin(out, RESPONSE_OUTPUTS);
    protobuf_write_text(out, OUTPUT_NAME, tensor->spec->name);
    protobuf_write_text(out, OUTPUT_DATATYPE, slice_of_text(tensor_type_name(tensor->spec->type)));
    protobuf_write_i64_packed(out, OUTPUT_SHAPE, tensor->dims, tensor->rank);
    protobuf_message_end(out, begin);
}

/* Each output has its part, in the same order: an empty one where it was written to shared memory. */
static enum err write_raw(struct request *request, struct layout *layout, const struct output *output)
{
    const struct tensor *tensor = output->tensor;
    struct buffer *meta = &layout->meta;
    bool is_elsewhere = output->wish && output->wish->shared.held;
    uint64_t bytes = is_elsewhere ? 0 : tensor_wire_bytes(tensor);
    bool is_as_in_memory = tensor->spec->type != TENSOR_BYTES;
    protobuf_write_length(meta, RESPONSE_RAW, bytes);
    if (bytes <= COPY_BYTES_MAX) {
        char *place = bytes ? buffer_reserve(meta, (size_t)bytes) : NULL;
        if (place)
            meta->len = (size_t)(tensor_wire_write(place, tensor) - meta->ptr);
        return meta->err;
    }
    char *copy = is_as_in_memory ? tensor->data : arena_alloc(&request->arena, (size_t)bytes);
    if (!copy)
        return ERR_NOMEM;
    if (!is_as_in_memory)
        (void)tensor_wire_write(copy, tensor);
    layout->cuts[layout->count] = meta->len;
    layout->outsides[layout->count++] = slice_of(copy, (size_t)bytes);
    return meta->err;
}

static void write_head(struct request *request, struct buffer *out)
{
    const struct model_info *model = model_info(run_model(request->run));
    protobuf_write_text(out, RESPONSE_MODEL_NAME, model->name);
    protobuf_write_text(out, RESPONSE_MODEL_VERSION, model->version);
    protobuf_write_text(out, RESPONSE_ID, request->inference.id);
}

static void add_pieces(struct grpc_reply *reply, const struct layout *layout)
{
    size_t from = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        grpc_reply_add(reply, slice_of(layout->meta.ptr + from, layout->cuts[i] - from));
        grpc_reply_add(reply, layout->outsides[i]);
        from = layout->cuts[i];
    }
    grpc_reply_add(reply, slice_of(layout->meta.ptr + from, layout->meta.len - from));
}

enum verdict grpc_format(struct request *request)
{
    struct output outputs[MODEL_TENSORS_MAX];
    uint32_t count;
    if (outputs_collect(request, outputs, &count) == VERDICT_FAIL ||
        outputs_write_shared(request, outputs, count) == VERDICT_FAIL)
        return VERDICT_FAIL;
    struct layout layout = {.meta = buffer_in_arena(&request->arena, META_BYTES)};
    write_head(request, &layout.meta);
    for (uint32_t i = 0; i < count; i++)
        write_output(&layout.meta, outputs[i].tensor);
    for (uint32_t i = 0; i < count; i++)
        if (write_raw(request, &layout, &outputs[i]) != ERR_OK)
            return request_fail_memory(request);
    struct grpc_reply *reply = grpc_reply_make(request);
    if (!reply)
        return request_fail_memory(request);
    add_pieces(reply, &layout);
    return grpc_reply_send(request, reply);
}
