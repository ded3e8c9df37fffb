/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a request against the contract of its route, before anything is done with it: parameters, then the body.
 *
 * What fits costs one pass over the document (schema_check). Only what does not is looked at again, to say all that is
 * wrong with it (schema_explain), so that a good request does not pay for the words of a bad one. */
#include "lib/base/utf8.h"
#include "pipeline/flow.h"
#include "pipeline/validate/validate_int.h"

/* So many steps for each byte of a text are free: a value has two bytes at least, and schemas that need more than 32 steps
 * for each of the smallest values are slower than the request is worth. */
#define STEPS_PER_BYTE 16

enum verdict stage_validate(struct request *request)
{
    const struct contract *contract = request->route->contract;
    counter_add(&request->worker->meter.contract_requests, 1);
    enum verdict verdict = validate_parameters(request, contract);
    if (verdict == VERDICT_NEXT)
        verdict = validate_body(request, contract);
    if (verdict == VERDICT_FAIL) {
        counter_add(&request->worker->meter.contract_refused, 1);
        validate_count(request, CONTRACT_REQUEST_REFUSED);
    } else if (request->contract_note.len) {
        counter_add(&request->worker->meter.contract_reported, 1);
        validate_count(request, CONTRACT_REQUEST_REPORTED);
    }
    return verdict;
}

struct schema_work validate_work(struct request *request, size_t text_bytes)
{
    uint64_t steps = request->config->limits.validation_steps + STEPS_PER_BYTE * (uint64_t)text_bytes;
    regex_work_allow(request->worker->regex, steps);
    return (struct schema_work){.scratch = &request->arena, .regex = request->worker->regex, .steps_left = steps};
}

enum schema_outcome validate_run(struct request *request, const struct schema *schema, yyjson_val *root,
                                 size_t text_bytes, struct schema_edits *edits)
{
    struct schema_work work = validate_work(request, text_bytes);
    struct schema_edits dropped = {.arena = &request->arena};
    if (!schema_adapts(schema))
        return schema_check(schema, root, &work);
    return schema_adapt(schema, root, &work, edits ? edits : &dropped, NULL);
}

enum schema_outcome validate_explain(struct request *request, const struct schema *schema, yyjson_val *root,
                                     size_t text_bytes, uint32_t max, struct schema_errors *ret_errors)
{
    struct schema_work work = validate_work(request, text_bytes);
    struct schema_edits dropped = {.arena = &request->arena};
    *ret_errors = (struct schema_errors){.arena = &request->arena, .max = max};
    if (!schema_adapts(schema))
        return schema_explain(schema, root, &work, ret_errors);
    return schema_adapt(schema, root, &work, &dropped, ret_errors);
}

uint32_t validate_errors_max(const struct contract *contract, const struct contract_schema *schema)
{
    uint32_t own = schema->schema ? schema_options(schema->schema)->errors_max : 0;
    return own ? own : MAX(contract->errors_max, 1u);
}

void validate_note(struct request *request, struct slice what, struct slice pointer, struct slice keyword)
{
    if (request->contract_note.len)
        return;
    request->contract_note =
        arena_printf(&request->arena, SLICE_FMT "%s" SLICE_FMT ": " SLICE_FMT, SLICE_ARG(what), pointer.len ? " " : "",
                     SLICE_ARG(utf8_first(pointer, 100)), SLICE_ARG(keyword));
}

struct slice validate_place(const struct request *request, struct slice location)
{
    struct slice base = request->config->documents_base;
    if (base.len && slice_starts(location, base))
        return slice_skip(location, base.len);
    if (!slice_starts(location, SLICE_LIT("file:")))
        return location;
    size_t begin = slice_find(location, '#');
    while (begin > 0 && location.ptr[begin - 1] != '/')
        begin--;
    return slice_skip(location, begin);
}

void validate_count(struct request *request, enum contract_event event)
{
    struct route_meter *meters = request->route->meters;
    if (meters)
        counter_add(&meters[request->worker->index].contract[event], 1);
}

enum verdict validate_fail_over_limit(struct request *request, struct slice what)
{
    const struct limits_config *limits = &request->config->limits;
    return request_fail(request, PROBLEM_VALIDATION_LIMIT,
                        "Checking the " SLICE_FMT
                        " takes more than limits.validation_steps (%llu, and %u for each of its "
                        "bytes) or limits.regex_steps (%llu) allow, or more nesting than is looked into.",
                        SLICE_ARG(what), (unsigned long long)limits->validation_steps, STEPS_PER_BYTE,
                        (unsigned long long)limits->regex_steps);
}
