/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of steps: those without anything to fill in are made once, in both versions of HTTP; and what is to be said of an answer. */
#include "load/run/generator_int.h"

#include <stdlib.h>

#define TEXT_BYTES 256 /* first guess at what a template becomes */

static struct slice literal_text(const struct load_template *template)
{
    return template->count ? template->pieces[0].text : SLICE_LIT("");
}

/* The step before sends the same, from the same memory. */
static bool is_repeated(const struct load_plan *plan, uint32_t index)
{
    if (index == 0)
        return false;
    const struct load_step *step = &plan->steps[index];
    const struct load_step *before = &plan->steps[index - 1];
    return before->is_literal && before->target == step->target && before->path.pieces == step->path.pieces &&
           before->body.pieces == step->body.pieces && before->fields == step->fields &&
           before->field_count == step->field_count && slice_equal(before->method, step->method);
}

static enum err make_literal(struct generator *generator, const struct load_step *step)
{
    struct load_request *request = &generator->requests[step->index];
    struct http2_field *fields =
        arena_alloc_array(&generator->literal_memory, MAX(step->field_count, 1), sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < step->field_count; i++)
        fields[i] = (struct http2_field){step->fields[i].name, literal_text(&step->fields[i].value)};
    *request = (struct load_request){.method = step->method,
                                     .path = literal_text(&step->path),
                                     .fields = fields,
                                     .field_count = step->field_count,
                                     .body = literal_text(&step->body)};
    return load_request_write_http1(request, &generator->plan->targets[step->target], generator->plan->is_kept_alive,
                                    &generator->literal_memory, &request->http1);
}

enum err requests_init(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    arena_init(&generator->literal_memory, &generator->pool, 16384, SIZE_MAX);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct load_step *step = &plan->steps[i];
        generator->reads_body[step->index] = load_step_reads_body(step);
        if (step->is_literal && is_repeated(plan, i))
            generator->requests[i] = generator->requests[i - 1];
        else if (step->is_literal)
            TRY(make_literal(generator, step));
    }
    return ERR_OK;
}

static enum err fill(struct slot *slot, const struct load_template *template, struct slice *ret_text)
{
    if (load_template_is_literal(template)) {
        *ret_text = literal_text(template);
        return ERR_OK;
    }
    struct buffer out = buffer_in_arena(&slot->memory, TEXT_BYTES);
    TRY(load_fill(template, &slot->values, &out));
    return buffer_finish(&out, ret_text);
}

enum err request_make(struct slot *slot, const struct load_step *step)
{
    struct http2_field *fields = arena_alloc_array(&slot->memory, MAX(step->field_count, 1), sizeof *fields);
    struct load_request *request = &slot->request;
    if (!fields)
        return ERR_NOMEM;
    *request = (struct load_request){.method = step->method, .fields = fields, .field_count = step->field_count};
    TRY(fill(slot, &step->path, &request->path));
    TRY(fill(slot, &step->body, &request->body));
    for (uint32_t i = 0; i < step->field_count; i++) {
        fields[i].name = step->fields[i].name;
        TRY(fill(slot, &step->fields[i].value, &fields[i].value));
    }
    return ERR_OK;
}

static bool is_right_status(const struct load_step *step, uint16_t status)
{
    return step->has_status_check || (status >= 200 && status < 400);
}

static enum load_failure judge_values(struct slot *slot, const struct load_step *step)
{
    struct slice body = {NULL, 0};
    if (buffer_finish(&slot->body, &body) != ERR_OK)
        return LOAD_FAILURE_LOCAL;
    struct load_response response = {
        .head = slot->exchange.head, .body = body, .latency_ns = slot->exchange.received_ns - slot->due_ns};
    if (step->check_count && load_check_all(step, &response, &slot->values, &slot->iteration) >= 0)
        return LOAD_FAILURE_CHECK;
    if (step->extract_count && load_extract_all(step, &response, &slot->values, &slot->iteration) != ERR_OK)
        return LOAD_FAILURE_EXTRACT;
    return LOAD_FAILURE_NONE;
}

enum load_failure request_judge(struct slot *slot, const struct load_step *step)
{
    const struct load_exchange *exchange = &slot->exchange;
    enum load_failure failure = LOAD_FAILURE_NONE;
    if (UNLIKELY(slot->is_too_large))
        return LOAD_FAILURE_TOO_LARGE;
    if (UNLIKELY(!is_right_status(step, exchange->head->status)))
        return LOAD_FAILURE_STATUS;
    if (step->check_count || step->extract_count)
        failure = judge_values(slot, step);
    if (failure == LOAD_FAILURE_NONE && step->kind == LOAD_STEP_CHAT)
        failure = load_stream_is_one(exchange->head)
                      ? load_stream_end(&slot->stream, exchange->sent_ns, exchange->received_ns)
                      : LOAD_FAILURE_STREAM;
    return failure;
}
