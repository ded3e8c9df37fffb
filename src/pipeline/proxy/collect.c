/* SPDX-License-Identifier: Apache-2.0 */
/* A response that a contract holds back: its body is taken whole while the request still waits in the stage proxy, where a
 * failure of the upstream finds it as before the head. Afterwards it is a response like one that weir has made. */
#include "pipeline/proxy/proxy_int.h"

#include "pipeline/body_json.h"

#define BYTES_FIRST 4096

/* Only what can be looked at is worth waiting for; what validate_response makes of the rest is its affair. */
static bool is_held(const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    const struct contract_schema *schema = contract_schema_of(request->route->contract, request->response.status);
    return schema && schema->mode == CONTRACT_ENFORCE && request->response.source && exchange->head.has_body &&
           body_kind_of(request->response.content_type) == BODY_JSON;
}

static enum verdict refuse(struct exchange *exchange)
{
    struct request *request = exchange->request;
    counter_add(&request->worker->meter.contract_responses_refused, 1);
    proxy_drop_response(request);
    return request_fail(request, PROBLEM_INVALID_UPSTREAM_RESPONSE,
                        "The response is larger than the %llu bytes that are held against a schema.",
                        (unsigned long long)request->config->limits.body_bytes);
}

static enum verdict fail_memory(struct exchange *exchange)
{
    proxy_drop_response(exchange->request);
    exchange->request->retry_after_s = 1;
    return request_fail(exchange->request, PROBLEM_OUT_OF_MEMORY, "The memory for requests is taken; try again.");
}

/* What was outgrown stays in the arena. */
static bool reserve(struct exchange *exchange)
{
    uint64_t known = exchange->head.has_content_length ? exchange->head.content_length + 1 : BYTES_FIRST;
    if (exchange->collected_bytes < exchange->collected_capacity)
        return true;
    size_t capacity = MAX(exchange->collected_capacity * 2, (size_t)known);
    char *memory = arena_alloc(&exchange->request->arena, capacity);
    if (!memory)
        return false;
    if (exchange->collected_bytes)
        memcpy(memory, exchange->collected, exchange->collected_bytes);
    exchange->collected = memory;
    exchange->collected_capacity = capacity;
    return true;
}

/* HTTP/1 has trailers behind chunks only, and this body has got a length. */
static void drop_trailers(struct exchange *exchange)
{
    struct response *response = &exchange->request->response;
    uint32_t kept = exchange->field_count;
    for (uint32_t i = exchange->field_count; i < response->field_count; i++)
        if (!slice_equal_nocase(response->fields[i].name, SLICE_LIT("trailer")))
            response->fields[kept++] = response->fields[i];
    response->field_count = kept;
    response->trailer_count = 0;
}

static enum verdict conclude(struct exchange *exchange)
{
    struct response *response = &exchange->request->response;
    if (exchange->request->head.version_major == 1)
        drop_trailers(exchange);
    response->source = NULL;
    response->body = slice_of(exchange->collected, exchange->collected_bytes);
    return VERDICT_NEXT;
}

enum verdict collect_response(struct exchange *exchange)
{
    struct request *request = exchange->request;
    uint64_t bytes_max = request->config->limits.body_bytes;
    if (!is_held(exchange))
        return VERDICT_NEXT;
    if (exchange->head.has_content_length && exchange->head.content_length > bytes_max)
        return refuse(exchange);
    for (;;) {
        size_t bytes;
        if (exchange->collected_bytes > bytes_max)
            return refuse(exchange);
        if (!reserve(exchange))
            return fail_memory(exchange);
        enum err err = exchange->source.read(&exchange->source, exchange->collected + exchange->collected_bytes,
                                             exchange->collected_capacity - exchange->collected_bytes, &bytes);
        if (err == ERR_AGAIN)
            return VERDICT_WAIT;
        if (err == ERR_EOF)
            return conclude(exchange);
        if (err != ERR_OK) {
            proxy_drop_response(request);
            return request_fail(request, PROBLEM_BAD_GATEWAY, "The upstream broke off its response.");
        }
        exchange->collected_bytes += bytes;
    }
}
