/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request against its schema. Where the schema may edit, the body is written anew, and whoever comes behind
 * sees only that. A schema that only reports changes nothing. */
#include "lib/base/utf8.h"
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/flow.h"
#include "pipeline/validate/validate_int.h"

#define ACCEPTED   "application/json"
#define ROOM_BYTES 64 /* of what edits add */

static const struct slice body_name = SLICE_LIT("body");
static const struct slice none = {NULL, 0};

static enum verdict refuse_missing(struct request *request, const struct contract *contract);
static enum verdict check_media_type(struct request *request, bool is_enforced);
static enum verdict check_head(struct request *request, const struct contract *contract);
static enum verdict check(struct request *request, const struct contract *contract);
static enum verdict refuse(struct request *request, const struct contract *contract, yyjson_val *root);
static enum verdict apply(struct request *request, yyjson_val *root, const struct schema_edits *edits);

/* A body that is handed on while it comes is not here yet; no schema asks for it. */
static bool is_missing(const struct request *request)
{
    return request->route->is_streamed ? !request->head.has_body : !request->body.len && !request->form;
}

/* A route may take any method; those that bring a body as a rule are asked for it. */
static bool is_wanted(const struct request *request, const struct contract *contract)
{
    return contract->has_body && contract->is_body_required && http_method_wants_body(request->head.method);
}

enum verdict validate_body(struct request *request, const struct contract *contract)
{
    if (is_missing(request))
        return is_wanted(request, contract) ? refuse_missing(request, contract) : VERDICT_NEXT;
    if (!contract_checks_bodies(contract))
        return VERDICT_NEXT;
    if (body_split(request) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (request->has_body_tail)
        return check_head(request, contract);
    bool is_enforced = contract->body.mode == CONTRACT_ENFORCE;
    if (body_kind_of(request_header(request, HTTP_FIELD_CONTENT_TYPE)) != BODY_JSON &&
        request_header(request, HTTP_FIELD_CONTENT_TYPE).ptr)
        return check_media_type(request, is_enforced);
    return check(request, contract);
}

/* How strictly is what the schema says at its root, as for a body that is there. */
static enum verdict refuse_missing(struct request *request, const struct contract *contract)
{
    static const struct fault_terms terms = {
        .keyword = SLICE_LIT("required"), .expected = SLICE_LIT("a body"), .found = SLICE_LIT("nothing")};
    enum contract_mode mode = contract->body.schema ? contract->body.mode : contract->mode;
    if (mode == CONTRACT_OFF)
        return VERDICT_NEXT;
    validate_note(request, body_name, none, terms.keyword);
    if (mode == CONTRACT_REPORT)
        return VERDICT_NEXT;
    request_fault_add(request, none, "Expected a body, found nothing.");
    if (request->fault_count)
        request->faults[0].terms = &terms;
    return request_fail(request, PROBLEM_INVALID_BODY, "The body is empty; a JSON document is expected.");
}

/* It is another. A body without a type is taken for JSON, as it is everywhere in weir: RFC 9110 section 8.3 allows it. */
static enum verdict check_media_type(struct request *request, bool is_enforced)
{
    validate_note(request, body_name, none, SLICE_LIT("media type"));
    if (!is_enforced)
        return VERDICT_NEXT;
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    response_field_add(request, "Accept", SLICE_LIT(ACCEPTED));
    return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Type is \"" SLICE_FMT "\"; this route takes " ACCEPTED " and types that end in +json.",
                        SLICE_ARG(slice_first(content_type, 100)));
}

/* The JSON in front of binary tensors, whatever the whole is called. A tensor alone, without JSON, has no form that a schema
 * speaks of; that it fits the model is seen when it is decoded. */
static enum verdict check_head(struct request *request, const struct contract *contract)
{
    return request->body.len ? check(request, contract) : VERDICT_NEXT;
}

static enum verdict check_json(struct request *request, bool is_enforced, yyjson_val **ret_root)
{
    struct json_fault fault;
    if (is_enforced)
        return body_json(request, ret_root);
    enum err err = body_json_parse(request, ret_root, &fault);
    if (err != ERR_OK)
        validate_note(request, body_name, none, err == ERR_NOMEM ? SLICE_LIT("no memory") : SLICE_LIT("invalid JSON"));
    return VERDICT_NEXT;
}

/* It could not be looked at to the end. */
static enum verdict give_up(struct request *request, enum schema_outcome outcome, bool is_enforced)
{
    bool is_memory = outcome == SCHEMA_NO_MEMORY;
    validate_note(request, body_name, none, is_memory ? SLICE_LIT("no memory") : SLICE_LIT("over limit"));
    if (!is_memory)
        counter_add(&request->worker->meter.contract_over_limit, 1);
    if (!is_enforced)
        return VERDICT_NEXT;
    return is_memory ? request_fail_memory(request) : validate_fail_over_limit(request, body_name);
}

static enum verdict check(struct request *request, const struct contract *contract)
{
    const struct schema *schema = contract->body.schema;
    bool is_enforced = contract->body.mode == CONTRACT_ENFORCE;
    yyjson_val *root = NULL;
    enum verdict verdict = check_json(request, is_enforced, &root);
    if (verdict != VERDICT_NEXT || !root)
        return verdict;
    struct schema_edits edits = {.arena = &request->arena};
    enum schema_outcome outcome = validate_run(request, schema, root, request->body.len, &edits);
    if (outcome == SCHEMA_INVALID)
        verdict = refuse(request, contract, root);
    else if (outcome != SCHEMA_VALID)
        verdict = give_up(request, outcome, is_enforced);
    else if (is_enforced && edits.count > 0)
        verdict = apply(request, root, &edits);
    /* Tensors are read from numbers, and not from their digits. */
    if (schema_wants_numbers(schema))
        request->body_root = NULL;
    return verdict;
}

static void add_fault(struct request *request, const struct schema_error *error)
{
    struct fault_terms *terms = arena_alloc(&request->arena, sizeof *terms);
    struct request_fault *fault = terms ? request_fault_push(request) : NULL;
    if (!fault)
        return;
    *terms = (struct fault_terms){.schema = validate_place(request, error->location),
                                  .keyword = error->keyword,
                                  .expected = error->expected,
                                  .found = error->found};
    *fault = (struct request_fault){.pointer = error->instance, .detail = error->message, .terms = terms};
}

/* The detail repeats the first error, for those that show one text only. */
static enum verdict refuse(struct request *request, const struct contract *contract, yyjson_val *root)
{
    bool is_enforced = contract->body.mode == CONTRACT_ENFORCE;
    uint32_t max = is_enforced ? validate_errors_max(contract, &contract->body) : 1;
    struct schema_errors errors;
    enum schema_outcome outcome =
        validate_explain(request, contract->body.schema, root, request->body.len, max, &errors);
    const struct schema_error *first = errors.items;
    if (errors.count == 0)
        return give_up(request, outcome, is_enforced);
    validate_note(request, body_name, first->instance, first->keyword);
    if (!is_enforced)
        return VERDICT_NEXT;
    for (uint32_t i = 0; i < errors.count; i++)
        add_fault(request, &errors.items[i]);
    char more[80] = "";
    struct text out = text_init(more, sizeof more);
    if (errors.count > 1 || errors.is_cut)
        text_printf(&out, " See \"errors\" for %u more%s.", errors.count - 1,
                    errors.is_cut ? ", which are not all" : "");
    return request_fail(request, PROBLEM_INVALID_BODY, SLICE_FMT "%s" SLICE_FMT "%s",
                        SLICE_ARG(utf8_first(first->instance, 150)), first->instance.len ? ": " : "",
                        SLICE_ARG(utf8_first(first->message, 250)), more);
}

static enum verdict apply(struct request *request, yyjson_val *root, const struct schema_edits *edits)
{
    struct json_writer writer = json_writer_in_arena(&request->arena, request->body.len + ROOM_BYTES);
    struct slice body;
    schema_edits_write(root, edits, &writer);
    if (json_writer_finish(&writer, &body) != ERR_OK)
        return request_fail_memory(request);
    if (body.len > request->route->body_bytes_max)
        return receive_too_large(request);
    counter_add(&request->worker->meter.contract_edited, 1);
    request->body = body;
    request->body_root = NULL;
    request->is_body_rewritten = true;
    return VERDICT_NEXT;
}
