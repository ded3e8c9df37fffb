/* SPDX-License-Identifier: Apache-2.0 */
/* Problems as clients of gRPC see them: a status, and the detail of the problem as its message, in a response that is nothing
 * but a head ("Trailers-Only"). When to come again is said as gRPC has it (gRFC A6), for clients that are told to retry. */
#include "pipeline/grpc/grpc_int.h"

#define DIGITS_BYTES 20
#define MS_PER_S     1000

/* The status of HTTP says it, but for what gRPC has a word of its own. A route that is not there is a procedure that is
 * not implemented, as everywhere in gRPC. */
static enum grpc_status status_of(enum problem problem)
{
    switch (problem) {
    case PROBLEM_MODEL_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case PROBLEM_DEADLINE:
    case PROBLEM_GATEWAY_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case PROBLEM_OUT_OF_MEMORY:
        return GRPC_RESOURCE_EXHAUSTED;
    default:
        break;
    }
    int status = problem_row(problem)->status;
    switch (status) {
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
    case 405:
    case 501:
    case 505:
        return GRPC_UNIMPLEMENTED;
    case 409:
        return GRPC_ALREADY_EXISTS;
    case 412:
        return GRPC_FAILED_PRECONDITION;
    case 408:
    case 502:
    case 503:
        return GRPC_UNAVAILABLE;
    case 413:
    case 414:
    case 429:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 499:
        return GRPC_CANCELLED;
    default:
        return status >= 500 ? GRPC_INTERNAL : GRPC_INVALID_ARGUMENT;
    }
}

static void add_pushback(struct request *request)
{
    char *digits = request->retry_after_s ? arena_alloc(&request->arena, DIGITS_BYTES) : NULL;
    if (digits)
        response_field_add(request, "grpc-retry-pushback-ms",
                           slice_of(digits, text_format_u64(digits, (uint64_t)request->retry_after_s * MS_PER_S)));
}

void grpc_problem(struct request *request)
{
    struct slice text = request->problem_detail;
    if (!text.len)
        text = slice_of_text(problem_row(request->problem)->title);
    struct buffer out = buffer_in_arena(&request->arena, text.len * 3);
    struct slice message;
    grpc_message_write(&out, text);
    response_set(request, 200, GRPC_CONTENT_TYPE, (struct slice){NULL, 0});
    request->response.source = NULL;
    request->response.trailer_count = 0;
    request->response.is_length_hidden = true;
    response_field_add(request, "grpc-status", grpc_status_text(status_of(request->problem)));
    if (buffer_finish(&out, &message) == ERR_OK)
        response_field_add(request, "grpc-message", message);
    add_pushback(request);
}
