/* SPDX-License-Identifier: Apache-2.0 */
/* Responses against the contract. One that is at hand whole is looked at before it is sent, which is all that `enforce`
 * ever meets: what an upstream sends was collected in the stage proxy. Under `report` a body that comes from a source is
 * sent as it comes, and put aside to be looked at when its last byte has been read; how much may be put aside has a
 * limit.
 *
 * What is told of a response goes to the log and not to the client: it may be what the schema was to hold back. */
#include "pipeline/body_json.h"
#include "pipeline/flow.h"
#include "pipeline/validate/validate_int.h"

#define ASIDE_BYTES_FIRST 4096

/* Stands before the source of a response, and keeps what it gives. */
struct aside {
    struct body_source source;
    struct body_source *inner;
    struct request *request;
    const struct contract_schema *schema;
    char *memory;
    size_t bytes;
    size_t capacity;
    uint64_t length; /* of the whole; UINT64_MAX: nobody knows */
    bool is_over;    /* looked at, or given up */
};

static const struct slice response_name = SLICE_LIT("response");
static const struct slice none = {NULL, 0};

static enum verdict put_aside(struct request *request, const struct contract_schema *schema);
static bool fits(struct request *request, const struct contract_schema *schema, struct slice body);
static enum verdict refuse(struct request *request);
static void report(struct request *request);

static void skip(struct request *request)
{
    counter_add(&request->worker->meter.contract_responses_skipped, 1);
}

static bool is_coded(const struct response *response)
{
    for (uint32_t i = 0; i < response->field_count; i++)
        if (slice_equal_nocase(response->fields[i].name, SLICE_LIT("content-encoding")) &&
            !slice_equal_nocase(response->fields[i].value, SLICE_LIT("identity")))
            return true;
    return false;
}

/* Whether there is anything to be looked at (RFC 9110 section 15.3.6 for the 205). */
static bool may_have_content(const struct request *request)
{
    int status = request->response.status;
    return request->head.method != HTTP_METHOD_HEAD && http_status_may_have_body(status) && status != 205;
}

/* No JSON text is empty, so that no schema is kept by nothing at all. */
static bool is_empty(const struct response *response)
{
    return response->source ? response->has_length && response->source_bytes == 0 : response->body.len == 0;
}

enum verdict validate_response(struct request *request)
{
    const struct response *response = &request->response;
    const struct contract_schema *schema = contract_schema_of(request->route->contract, response->status);
    if (!schema || !may_have_content(request))
        return VERDICT_NEXT;
    enum body_kind kind = body_kind_of(response->content_type);
    bool is_enforced = schema->mode == CONTRACT_ENFORCE;
    if (kind == BODY_EVENTS || (is_coded(response) && !is_enforced)) {
        skip(request);
        return VERDICT_NEXT;
    }
    if (response->source && !is_enforced && kind == BODY_JSON && !is_empty(response))
        return put_aside(request, schema);
    if (response->source && !request->exchange) {
        skip(request); /* a file */
        return VERDICT_NEXT;
    }
    bool is_good = false;
    if (is_empty(response))
        validate_note(request, response_name, none, SLICE_LIT("no content"));
    else if (is_coded(response))
        validate_note(request, response_name, none, SLICE_LIT("content coding"));
    else if (kind != BODY_JSON)
        validate_note(request, response_name, none, SLICE_LIT("media type"));
    else
        is_good = fits(request, schema, response->body);
    if (is_good)
        return VERDICT_NEXT;
    if (is_enforced)
        return refuse(request);
    report(request);
    return VERDICT_NEXT;
}

/* What was said of the body that is not sent: of the fields of others, such as those of the chain, nothing is lost. */
static void drop_fields(struct response *response)
{
    static const char *const names[] = {"etag",          "last-modified",    "accept-ranges",   "content-range",
                                        "cache-control", "content-encoding", "content-location"};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < response->field_count; i++) {
        bool is_dropped = false;
        for (size_t n = 0; n < ARRAY_LEN(names); n++)
            is_dropped |= slice_equal_nocase(response->fields[i].name, slice_of_text(names[n]));
        if (!is_dropped)
            response->fields[kept++] = response->fields[i];
    }
    response->field_count = kept;
}

static enum verdict refuse(struct request *request)
{
    bool is_upstreams = request->exchange;
    struct response *response = &request->response;
    counter_add(&request->worker->meter.contract_responses_refused, 1);
    validate_count(request, CONTRACT_RESPONSE_REFUSED);
    if (is_upstreams)
        proxy_drop_response(request);
    drop_fields(response);
    response->body = none;
    return request_fail(request, is_upstreams ? PROBLEM_INVALID_UPSTREAM_RESPONSE : PROBLEM_INVALID_RESPONSE,
                        "The response was held back, because it does not fit the schema that this route promises; the "
                        "server's access log says where.");
}

static void report(struct request *request)
{
    counter_add(&request->worker->meter.contract_responses_reported, 1);
    validate_count(request, CONTRACT_RESPONSE_REPORTED);
}

static void note_first(struct request *request, const struct schema *schema, yyjson_val *root, size_t bytes)
{
    struct schema_errors errors;
    (void)validate_explain(request, schema, root, bytes, 1, &errors);
    if (errors.count > 0)
        validate_note(request, response_name, errors.items[0].instance, errors.items[0].keyword);
    else
        validate_note(request, response_name, none, SLICE_LIT("over limit"));
}

/* What there is no memory to look at does not fit: a promise that is enforced is not to be broken for want of memory. */
static bool fits(struct request *request, const struct contract_schema *schema, struct slice body)
{
    struct json_limits limits = body_json_limits(request, body);
    struct json_document document;
    struct json_fault fault;
    limits.keeps_numbers = schema_wants_numbers(schema->schema);
    counter_add(&request->worker->meter.contract_responses, 1);
    enum err err = json_parse(&request->arena, body, &limits, &document, &fault);
    if (err != ERR_OK) {
        validate_note(request, response_name, none,
                      err == ERR_NOMEM ? SLICE_LIT("no memory") : SLICE_LIT("invalid JSON"));
        return false;
    }
    switch (validate_run(request, schema->schema, document.root, body.len, NULL)) {
    case SCHEMA_VALID:
        return true;
    case SCHEMA_INVALID:
        note_first(request, schema->schema, document.root, body.len);
        return false;
    case SCHEMA_OVER_LIMIT:
        counter_add(&request->worker->meter.contract_over_limit, 1);
        validate_note(request, response_name, none, SLICE_LIT("over limit"));
        return false;
    case SCHEMA_NO_MEMORY:
        break;
    }
    validate_note(request, response_name, none, SLICE_LIT("no memory"));
    return false;
}

/* Aside. */

static void give_up(struct aside *aside)
{
    aside->is_over = true;
    skip(aside->request);
}

static void keep(struct aside *aside, const char *bytes, size_t count)
{
    struct request *request = aside->request;
    if (count > request->config->limits.body_bytes - aside->bytes) {
        give_up(aside);
        return;
    }
    if (count > aside->capacity - aside->bytes) {
        size_t capacity = MAX(aside->capacity * 2, MAX(aside->bytes + count, (size_t)ASIDE_BYTES_FIRST));
        char *memory = arena_alloc(&request->arena, capacity);
        if (!memory) {
            give_up(aside);
            return;
        }
        if (aside->bytes)
            memcpy(memory, aside->memory, aside->bytes);
        aside->memory = memory;
        aside->capacity = capacity;
    }
    memcpy(aside->memory + aside->bytes, bytes, count);
    aside->bytes += count;
}

static void look(struct aside *aside)
{
    aside->is_over = true;
    if (!fits(aside->request, aside->schema, slice_of(aside->memory, aside->bytes)))
        report(aside->request);
}

/* The end of a body whose length is known nobody asks for. */
static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct aside *aside = CONTAINER_OF(source, struct aside, source);
    enum err err = aside->inner->read(aside->inner, place, capacity, ret_bytes);
    if (aside->is_over)
        return err;
    if (err == ERR_OK)
        keep(aside, place, *ret_bytes);
    bool is_last = err == ERR_EOF || aside->bytes == aside->length;
    if (is_last && !aside->is_over)
        look(aside);
    return err;
}

static enum verdict put_aside(struct request *request, const struct contract_schema *schema)
{
    struct response *response = &request->response;
    struct aside *aside = NULL;
    bool is_large = response->has_length && response->source_bytes > request->config->limits.body_bytes;
    if (!is_large)
        aside = arena_alloc_zero(&request->arena, sizeof *aside);
    if (!aside) {
        skip(request);
        return VERDICT_NEXT;
    }
    aside->source = (struct body_source){.read = read};
    aside->inner = response->source;
    aside->request = request;
    aside->schema = schema;
    aside->length = response->has_length ? response->source_bytes : UINT64_MAX;
    response->source = &aside->source;
    return VERDICT_NEXT;
}
