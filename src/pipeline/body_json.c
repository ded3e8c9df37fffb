/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/body_json.h"

#include "lib/http/media.h"
#include "lib/schema/schema.h"
#include "pipeline/config.h"
#include "pipeline/contract.h"

enum body_kind body_kind_of(struct slice content_type)
{
    static const struct slice suffix = SLICE_LIT("+json");
    struct media_type type;
    if (media_type_parse(content_type, &type) != ERR_OK)
        return BODY_OTHER;
    struct slice subtype = type.subtype;
    if (media_type_is(&type, "application/json") ||
        (subtype.len > suffix.len && slice_equal_nocase(slice_skip(subtype, subtype.len - suffix.len), suffix)))
        return BODY_JSON;
    return media_type_is(&type, "text/event-stream") ? BODY_EVENTS : BODY_OTHER;
}

/* A text that two readers could read differently is refused. */
struct json_limits body_json_limits(const struct request *request, struct slice text)
{
    return (struct json_limits){
        .bytes_max = text.len,
        .depth_max = (uint32_t)MIN(request->config->limits.json_depth, JSON_DEPTH_MAX),
        .refuse_duplicate_keys = true,
    };
}

enum verdict body_split(struct request *request)
{
    struct slice header = request_header(request, HTTP_FIELD_INFERENCE_HEADER_CONTENT_LENGTH);
    uint64_t bytes;
    bool takes_tensors = route_runs_model(request->route) && request->decode.kind != DECODE_IMAGE;
    if (!header.ptr || request->has_body_tail || !takes_tensors)
        return VERDICT_NEXT;
    if (text_parse_u64(header, &bytes) != ERR_OK)
        return request_fail(request, PROBLEM_BAD_REQUEST,
                            "Inference-Header-Content-Length is \"" SLICE_FMT
                            "\"; it takes how many bytes of the body are JSON.",
                            SLICE_ARG(slice_first(header, 40)));
    if (bytes > request->body.len)
        return request_fail(request, PROBLEM_BAD_REQUEST,
                            "Inference-Header-Content-Length is %llu, but the body has %zu bytes.",
                            (unsigned long long)bytes, request->body.len);
    request->has_body_tail = true;
    request->body_tail = slice_skip(request->body, bytes);
    request->body = slice_first(request->body, bytes);
    return VERDICT_NEXT;
}

enum err body_json_parse(struct request *request, yyjson_val **ret_root, struct json_fault *ret_fault)
{
    struct json_limits limits = body_json_limits(request, request->body);
    const struct contract *contract = request->route->contract;
    struct json_document document;
    if (!request->body_root) {
        limits.keeps_numbers = contract_checks_bodies(contract) && schema_wants_numbers(contract->body.schema);
        TRY(json_parse(&request->arena, request->body, &limits, &document, ret_fault));
        request->body_root = document.root;
    }
    *ret_root = request->body_root;
    return ERR_OK;
}

enum verdict body_json(struct request *request, yyjson_val **ret_root)
{
    struct json_fault fault;
    enum err err = body_json_parse(request, ret_root, &fault);
    if (err == ERR_OK)
        return VERDICT_NEXT;
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    return request_fail(request, PROBLEM_INVALID_JSON, "Line %u, column %u: %s.", fault.line, fault.column, fault.what);
}
