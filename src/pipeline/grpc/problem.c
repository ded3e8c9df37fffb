/* SPDX-License-Identifier: Apache-2.0 */
/* Problems as clients of gRPC see them: a status, and the detail of the problem as its message, in a response that is nothing
 * but a head ("Trailers-Only"). When to come again is said as gRPC has it (gRFC A6), for clients that are told to retry. */
#include "pipeline/grpc/grpc_int.h"

#define DIGITS_BYTES 20
#define MS_PER_S     1000
#define PART_BYTES   32 /* of an answer beside its texts */

/* The status of HTTP says it, but for what gRPC has a word of its own. A route that is not there is a procedure that is
 * not implemented, as everywhere in gRPC. */
static enum grpc_status status_of(enum problem problem)
{
    switch (problem) {
    case PROBLEM_MODEL_NOT_FOUND:
    case PROBLEM_REGION_NOT_FOUND:
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

static struct slice text_of(const struct request *request)
{
    return request->problem_detail.len ? request->problem_detail : slice_of_text(problem_row(request->problem)->title);
}

static void add_pushback(struct request *request)
{
    char *digits = request->retry_after_s ? arena_alloc(&request->arena, DIGITS_BYTES) : NULL;
    if (digits)
        response_field_add(request, "grpc-retry-pushback-ms",
                           slice_of(digits, text_format_u64(digits, (uint64_t)request->retry_after_s * MS_PER_S)));
}

void grpc_problem_say(struct request *request, struct slice *ret_status, struct slice *ret_message)
{
    struct slice text = text_of(request);
    struct buffer out = buffer_in_arena(&request->arena, text.len * 3);
    grpc_message_write(&out, text);
    *ret_status = grpc_status_text(status_of(request->problem));
    if (buffer_finish(&out, ret_message) != ERR_OK)
        *ret_message = (struct slice){NULL, 0};
}

/* Of a message of a stream, which goes on: the text alone, and which message it was. Without memory there is no answer, and
 * the stream is broken off. */
static void answer_part(struct request *request)
{
    struct slice text = text_of(request);
    struct buffer out = buffer_in_arena(&request->arena, text.len + request->inference.id.len + PART_BYTES);
    struct grpc_reply *reply = grpc_reply_make(request);
    struct slice message;
    protobuf_write_text(&out, GRPC_STREAM_ERROR, text);
    size_t answer = protobuf_message_begin(&out, GRPC_STREAM_ANSWER);
    protobuf_write_text(&out, GRPC_ANSWER_ID, request->inference.id);
    protobuf_message_end(&out, answer);
    request->response.source = NULL;
    if (!reply || buffer_finish(&out, &message) != ERR_OK)
        return;
    reply->envelope = 0;
    grpc_reply_add(reply, message);
    (void)grpc_reply_send(request, reply);
}

void grpc_problem(struct request *request)
{
    struct slice status;
    struct slice message;
    if (request->parent) {
        answer_part(request);
        return;
    }
    grpc_problem_say(request, &status, &message);
    response_set(request, 200, GRPC_CONTENT_TYPE, (struct slice){NULL, 0});
    request->response.source = NULL;
    request->response.trailer_count = 0;
    request->response.is_length_hidden = true;
    response_field_add(request, "grpc-status", status);
    if (message.len)
        response_field_add(request, "grpc-message", message);
    add_pushback(request);
}
