/* SPDX-License-Identifier: Apache-2.0 */
/* The body, within the route's limit. How its bytes come is the protocol's affair; what is decided here is whether it is
 * wanted at all. A route that streams (route.is_streamed) does not wait for it here. */
#include "pipeline/flow.h"
#include "pipeline/parse/parse_int.h"
#include "pipeline/protocol.h"
#include "pipeline/worker.h"

static enum verdict begin_body(struct request *request);

enum verdict stage_receive(struct request *request)
{
    if (!request->head.has_body || request->is_body_complete)
        return VERDICT_NEXT;
    if (!request->is_body_admitted) {
        request->is_body_admitted = true;
        request->body_since_ns = request->worker->loop.now_ns;
        enum verdict verdict = begin_body(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    if (request->route->is_streamed)
        return VERDICT_NEXT;
    request->is_body_wanted = true;
    return request->connection->protocol->receive(request);
}

static enum verdict begin_body(struct request *request)
{
    if (request->head.content_length > request->route->body_bytes_max)
        return receive_too_large(request);
    if (request->route->is_streamed)
        return VERDICT_NEXT;
    enum verdict verdict = decode_expect_body(request);
    if (verdict == VERDICT_NEXT && http_head_find(&request->head, HTTP_FIELD_CONTENT_ENCODING))
        verdict = content_coding_begin(request);
    return verdict;
}

enum verdict receive_too_large(struct request *request)
{
    return request_fail(request, PROBLEM_BODY_TOO_LARGE, "This route takes bodies of up to %llu bytes.",
                        (unsigned long long)request->route->body_bytes_max);
}

enum verdict receive_end(struct request *request)
{
    request->is_body_complete = true;
    request->received_bytes += request->body_received;
    if (request->sink)
        request->sink->end(request->sink);
    return request->problem ? VERDICT_FAIL : VERDICT_NEXT;
}

bool receive_is_reading(const struct request *request)
{
    bool is_wanted = request->is_body_wanted && !request->is_body_complete && !request->is_body_blocked;
    return is_wanted && !request->holds && (request->stage == STAGE_receive || request->sink);
}

void receive_note_progress(struct request *request)
{
    if (request->route->is_streamed)
        request->body_since_ns = request->worker->loop.now_ns;
}

bool receive_rate_matters(const struct request *request)
{
    return !request->is_head_sent;
}

char *receive_alloc(struct request *request, size_t bytes)
{
    struct slice header = request_header(request, HTTP_FIELD_INFERENCE_HEADER_CONTENT_LENGTH);
    uint64_t json_bytes = 0;
    if (UNLIKELY(header.ptr) && text_parse_u64(header, &json_bytes) != ERR_OK)
        json_bytes = 0;
    size_t shift = (size_t)-json_bytes & (TENSOR_ALIGN - 1);
    char *memory = arena_alloc_aligned(&request->arena, bytes + shift);
    return memory ? memory + shift : NULL;
}

bool receive_reserve(struct request *request, size_t bytes)
{
    size_t wanted = request->body_received + bytes;
    if (wanted <= request->body_capacity)
        return true;
    size_t capacity = MAX(wanted, request->body_capacity * 2);
    char *memory = receive_alloc(request, capacity);
    if (!memory)
        return false;
    memcpy(memory, request->body_memory, request->body_received);
    request->body_memory = memory;
    request->body_capacity = capacity;
    return true;
}
