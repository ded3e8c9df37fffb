/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the Open Inference Protocol v2: media type, document and what stands behind it, check, run, numbers. */
#include "lib/http/media.h"
#include "pipeline/body_json.h"
#include "pipeline/decode/decode_int.h"
#include "pipeline/decode/tensors_int.h"
#include "pipeline/flow.h"
#include "pipeline/outputs.h"
#include "pipeline/shared_input.h"

static enum verdict read_body(struct request *request, struct tensors_plan *plan);
static enum verdict check_media_type(struct request *request);
static enum verdict fill_inputs(struct request *request, struct model *model, struct tensors_plan *plan);
static enum err fill_input(struct request *request, struct tensors_plan *plan, uint32_t i);
static enum err read_shared(struct request *request, struct tensors_plan *plan, uint32_t i, void *data);
static enum verdict keep_inference(struct request *request, struct tensors_plan *plan);
static enum verdict hold_shared(struct request *request, struct tensors_plan *plan);
static enum verdict refuse(struct request *request, const struct tensors_plan *plan);

static struct tensors_plan plan_of(struct request *request, struct model *model)
{
    return (struct tensors_plan){
        .model = model_info(model),
        .arena = &request->arena,
        .bytes_max = request->config->limits.request_memory,
        .has_tail = request->has_body_tail,
        .tail = request->body_tail,
    };
}

/* The fast way, where nobody has wanted the document before. False: nothing has happened yet, but that there may be a run, and
 * that the plan is spoilt if it has cuts. */
static bool read_numbers(struct request *request, struct model *model, struct tensors_plan *plan,
                         enum verdict *ret_verdict)
{
    struct json_limits limits = body_json_limits(request, request->body);
    if (request->body_root || !tensors_scan(plan, request->body, &limits))
        return false;
    *ret_verdict = fill_inputs(request, model, plan);
    if (*ret_verdict == VERDICT_NEXT && !plan->is_refused)
        *ret_verdict = keep_inference(request, plan);
    return *ret_verdict == VERDICT_FAIL || !plan->is_refused;
}

enum verdict decode_tensors(struct request *request, struct model *model)
{
    enum verdict verdict = body_split(request);
    if (verdict == VERDICT_NEXT && !request->has_body_tail)
        verdict = check_media_type(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    struct tensors_plan plan = plan_of(request, model);
    if (read_numbers(request, model, &plan, &verdict))
        return verdict;
    if (plan.cuts.count)
        plan = plan_of(request, model);
    verdict = read_body(request, &plan);
    if (verdict == VERDICT_NEXT && !plan.is_refused)
        verdict = fill_inputs(request, model, &plan);
    if (verdict != VERDICT_NEXT)
        return verdict;
    return plan.is_refused ? refuse(request, &plan) : keep_inference(request, &plan);
}

static enum verdict read_body(struct request *request, struct tensors_plan *plan)
{
    yyjson_val *root = NULL;
    if (plan->has_tail && !request->body.len) {
        tensors_check_raw(plan);
        return VERDICT_NEXT;
    }
    enum verdict verdict = body_json(request, &root);
    if (verdict == VERDICT_NEXT)
        tensors_check(plan, root);
    return verdict;
}

/* Where a header says how much of the body is JSON, it says what the body is, whatever that is called: Triton's clients call
 * it nothing, or application/octet-stream. A body without a type is taken as JSON, and so is one of bytes: tritonclient.http.aio calls all of its bodies that. */
static enum verdict check_media_type(struct request *request)
{
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    struct media_type type;
    if (!content_type.ptr ||
        (media_type_parse(content_type, &type) == ERR_OK &&
         (media_type_is(&type, "application/json") || media_type_is(&type, "application/octet-stream"))))
        return VERDICT_NEXT;
    response_field_add(request, "Accept", SLICE_LIT("application/json, application/octet-stream"));
    return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Type is \"" SLICE_FMT "\"; tensors are taken as application/json, or, with the header "
                        "Inference-Header-Content-Length, as application/octet-stream.",
                        SLICE_ARG(slice_first(content_type, 100)));
}

/* NEXT also when it finds out that numbers are wrong: then the plan is refused. */
static enum verdict fill_inputs(struct request *request, struct model *model, struct tensors_plan *plan)
{
    enum verdict verdict = request->run ? VERDICT_NEXT : decode_acquire_run(request, model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    for (uint32_t i = 0; i < plan->model->input_count; i++) {
        if (!plan->items[i].is_given)
            continue;
        enum err err = fill_input(request, plan, i);
        if (err != ERR_OK)
            return err == ERR_LIMIT ? request_fail_too_large(request) : request_fail_memory(request);
        if (plan->is_refused && plan->cuts.count)
            break;
    }
    return VERDICT_NEXT;
}

/* What stands behind the JSON is read by the model where it is. */
static enum err fill_input(struct request *request, struct tensors_plan *plan, uint32_t i)
{
    const struct tensor_item *item = &plan->items[i];
    void *data;
    if (item->source == TENSOR_IN_TAIL && plan->model->inputs[i].type != TENSOR_BYTES) {
        tensors_check_binary(plan, i);
        return run_wrap_input(request->run, i, item->dims, plan->bytes_max, item->binary.ptr);
    }
    TRY(run_input(request->run, i, item->dims, plan->bytes_max, &data));
    if (item->source == TENSOR_IN_SHARED_MEMORY)
        return read_shared(request, plan, i, data);
    if (!item->cut)
        tensors_fill(plan, i, data);
    else if (!tensors_read(plan, i, data))
        plan->is_refused = true;
    return ERR_OK;
}

static enum err read_shared(struct request *request, struct tensors_plan *plan, uint32_t i, void *data)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[300];
    struct text fault = text_init(why, sizeof why);
    const struct tensor_item *item = &plan->items[i];
    struct text pointer = tensors_pointer(memory, item->position, "parameters/shared_memory_region");
    enum err err = shared_input_read(request, &item->shared, &plan->model->inputs[i], item->dims, data, &fault);
    if (err != ERR_INVALID)
        return err;
    tensors_fault(plan, &pointer, "%s", why);
    return ERR_OK;
}

static enum verdict keep_inference(struct request *request, struct tensors_plan *plan)
{
    uint32_t count = plan->inference.output_count;
    request->inference = plan->inference;
    if (!count)
        return VERDICT_NEXT;
    struct output_wish *outputs = arena_alloc_array(&request->arena, count, sizeof *outputs);
    if (!outputs)
        return request_fail_memory(request);
    memcpy(outputs, plan->outputs, count * sizeof *outputs);
    request->inference.outputs = outputs;
    return hold_shared(request, plan);
}

static enum verdict hold_shared(struct request *request, struct tensors_plan *plan)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[300];
    uint32_t index;
    struct text pointer = text_init(memory, sizeof memory);
    struct text fault = text_init(why, sizeof why);
    if (outputs_hold_shared(request, &index, &fault) == ERR_OK)
        return VERDICT_NEXT;
    text_printf(&pointer, "/outputs/%u/parameters/shared_memory_region", index);
    tensors_fault(plan, &pointer, "%s", why);
    return refuse(request, plan);
}

/* The detail repeats the first fault: clients of the protocol show one text only. */
static enum verdict refuse(struct request *request, const struct tensors_plan *plan)
{
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        struct request_fault *fault = request_fault_push(request);
        if (fault)
            *fault = plan->faults[i];
    }
    if (!request->fault_count)
        return request_fail_memory(request);
    const struct request_fault *first = &plan->faults[0];
    char more[60] = "";
    struct text out = text_init(more, sizeof more);
    if (plan->fault_count > 1)
        text_printf(&out, " See \"errors\" for %u more.", plan->fault_count - 1);
    return request_fail(request, PROBLEM_INVALID_TENSOR, SLICE_FMT "%s" SLICE_FMT "%s", SLICE_ARG(first->pointer),
                        first->pointer.len ? ": " : "", SLICE_ARG(first->detail), more);
}
