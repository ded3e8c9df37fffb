/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/contract.h"

#include "lib/base/text.h"

#define PART_BYTES 256

static bool is_checked(const struct contract_schema *schema)
{
    return schema->schema && schema->mode != CONTRACT_OFF;
}

bool contract_checks_bodies(const struct contract *contract)
{
    return contract && contract->has_body && is_checked(&contract->body);
}

bool contract_checks_requests(const struct contract *contract)
{
    if (!contract)
        return false;
    bool has_rules = contract->is_body_required || contract->refuses_unknown_query || contract->parameter_count;
    if (contract_checks_bodies(contract) || (contract->mode != CONTRACT_OFF && has_rules))
        return true;
    for (uint32_t i = 0; i < contract->parameter_count; i++)
        if (is_checked(&contract->parameters[i].schema))
            return true;
    return false;
}

bool contract_checks_responses(const struct contract *contract)
{
    for (uint32_t i = 0; contract && i < contract->response_count; i++)
        if (is_checked(&contract->responses[i].schema))
            return true;
    return false;
}

static const struct contract_response *find_response(const struct contract *contract, int status)
{
    for (uint32_t i = 0; contract && i < contract->response_count; i++) {
        const struct contract_response *response = &contract->responses[i];
        if (status >= response->status_min && status <= response->status_max)
            return response;
    }
    return NULL;
}

/* RFC 9110 section 15.3.7: what a 206 is a part of is the 200. Unless it has a schema of its own it is held against that
 * one, or whoever asks for a part would get what the whole is not to show. */
const struct contract_schema *contract_schema_of(const struct contract *contract, int status)
{
    const struct contract_response *response = find_response(contract, status);
    bool is_named = response && response->status_min == response->status_max;
    if (status == 206 && !is_named)
        response = find_response(contract, 200);
    return response && is_checked(&response->schema) ? &response->schema : NULL;
}

void contract_response_key(const struct contract_response *response, struct text *out)
{
    if (response->status_min == response->status_max)
        text_printf(out, "%u", response->status_min);
    else if (response->status_max - response->status_min < 100)
        text_printf(out, "%uXX", response->status_min / 100U);
    else
        text_add(out, SLICE_LIT("default"));
}

void contract_each(const struct contract *contract, contract_visit visit, void *context)
{
    static const char *const places[] = {[CONTRACT_PATH] = "path",
                                         [CONTRACT_QUERY] = "query",
                                         [CONTRACT_HEADER] = "header",
                                         [CONTRACT_COOKIE] = "cookie"};
    char memory[PART_BYTES];
    if (contract && contract->body.schema)
        visit(context, SLICE_LIT("body"), &contract->body);
    for (uint32_t i = 0; contract && i < contract->parameter_count; i++) {
        const struct contract_parameter *parameter = &contract->parameters[i];
        struct text part = text_init(memory, sizeof memory);
        text_printf(&part, "%s " SLICE_FMT, places[parameter->place], SLICE_ARG(parameter->name));
        if (parameter->schema.schema)
            visit(context, text_slice(&part), &parameter->schema);
    }
    for (uint32_t i = 0; contract && i < contract->response_count; i++) {
        struct text part = text_init(memory, sizeof memory);
        text_add(&part, SLICE_LIT("response "));
        contract_response_key(&contract->responses[i], &part);
        if (contract->responses[i].schema.schema)
            visit(context, text_slice(&part), &contract->responses[i].schema);
    }
}
