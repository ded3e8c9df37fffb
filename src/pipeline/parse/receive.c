/* SPDX-License-Identifier: Apache-2.0 */
/* The body, within the route's limit. A small one stays where it was received, behind its head, and is never copied. A
 * larger one gets memory of the announced size at once, and the socket is read straight into it. A chunked one is
 * decoded as it comes into memory that doubles up to the limit. */
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#define ROOM_BYTES_MIN        4096
#define CHUNKED_BYTES_FIRST   16384
#define CHUNK_EXTENSION_BYTES 4096
#define TRAILER_BYTES         4096

static enum verdict begin_body(struct request *request);
static enum verdict begin_sized(struct request *request);
static enum verdict begin_chunked(struct request *request);
static enum verdict receive_sized(struct request *request);
static enum verdict receive_chunked(struct request *request);
static enum verdict too_large(struct request *request);

enum verdict stage_receive(struct request *request)
{
    if (!request->head.has_body || request->is_body_complete)
        return VERDICT_NEXT;
    if (!request->has_begun_body) {
        request->has_begun_body = true;
        request->body_begin_ns = request->worker->loop.now_ns;
        enum verdict verdict = begin_body(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    enum verdict verdict = request->head.is_chunked ? receive_chunked(request) : receive_sized(request);
    if (verdict == VERDICT_NEXT) {
        request->is_body_complete = true;
        request->received_bytes += request->body.len;
    }
    return verdict;
}

static bool is_identity(struct slice encoding)
{
    return encoding.len == 0 || slice_equal_nocase(encoding, SLICE_LIT("identity"));
}

static enum verdict send_continue(struct request *request)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct connection *connection = request->connection;
    char *place = connection_reserve(connection, sizeof line - 1);
    if (!place)
        return request_fail_memory(request);
    memcpy(place, line, sizeof line - 1);
    connection->out.end += sizeof line - 1;
    return VERDICT_NEXT;
}

static enum verdict begin_body(struct request *request)
{
    struct slice encoding = request_header(request, HTTP_FIELD_CONTENT_ENCODING);
    if (!is_identity(encoding))
        return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                            "Content-Encoding " SLICE_FMT " is not taken; send the body as it is.",
                            SLICE_ARG(slice_first(encoding, 40)));
    if (request->head.content_length > request->route->body_bytes_max)
        return too_large(request);
    enum verdict verdict = request->head.is_chunked ? begin_chunked(request) : begin_sized(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    bool is_here =
        !request->head.is_chunked && connection_input(request->connection).len >= request->head.content_length;
    return request->head.expects_continue && !is_here ? send_continue(request) : VERDICT_NEXT;
}

static enum verdict too_large(struct request *request)
{
    return request_fail(request, PROBLEM_BODY_TOO_LARGE, "This route takes bodies of up to %llu bytes.",
                        (unsigned long long)request->route->body_bytes_max);
}

static enum verdict begin_sized(struct request *request)
{
    struct connection *connection = request->connection;
    uint64_t bytes = request->head.content_length;
    if (bytes <= connection_room(connection))
        return VERDICT_NEXT;
    request->body_memory = arena_alloc_aligned(&request->arena, bytes);
    if (!request->body_memory)
        return request_fail_memory(request);
    request->body_capacity = bytes;
    struct slice here = slice_first(connection_input(connection), bytes);
    if (here.len)
        memcpy(request->body_memory, here.ptr, here.len);
    connection_consume(connection, here.len);
    request->body_received = here.len;
    return VERDICT_NEXT;
}

static enum verdict receive_sized(struct request *request)
{
    struct connection *connection = request->connection;
    uint64_t bytes = request->head.content_length;
    if (request->body_memory) {
        if (request->body_received < bytes)
            return VERDICT_WAIT;
        request->body = slice_of(request->body_memory, bytes);
        return VERDICT_NEXT;
    }
    struct slice here = connection_input(connection);
    request->body_received = MIN(here.len, bytes);
    if (here.len < bytes)
        return VERDICT_WAIT;
    request->body = slice_first(here, bytes);
    connection_consume(connection, bytes);
    connection_pin(connection, true);
    return VERDICT_NEXT;
}

static enum verdict begin_chunked(struct request *request)
{
    struct chunked_limits limits = {
        .body_bytes_max = request->route->body_bytes_max,
        .extension_bytes_max = CHUNK_EXTENSION_BYTES,
        .trailer_bytes_max = TRAILER_BYTES,
    };
    chunked_init(&request->chunked, &limits);
    request->body_memory = arena_alloc_aligned(&request->arena, CHUNKED_BYTES_FIRST);
    if (!request->body_memory)
        return request_fail_memory(request);
    request->body_capacity = CHUNKED_BYTES_FIRST;
    if (connection_room(request->connection) < ROOM_BYTES_MIN &&
        connection_park_input(request->connection, request) != ERR_OK)
        return request_fail_memory(request);
    return VERDICT_NEXT;
}

/* Room for `bytes` behind what was decoded. */
static bool grow(struct request *request, size_t bytes)
{
    size_t wanted = request->body_received + bytes;
    if (wanted <= request->body_capacity)
        return true;
    size_t capacity = MAX(wanted, request->body_capacity * 2);
    char *memory = arena_alloc_aligned(&request->arena, capacity);
    if (!memory)
        return false;
    memcpy(memory, request->body_memory, request->body_received);
    request->body_memory = memory;
    request->body_capacity = capacity;
    return true;
}

static enum verdict receive_chunked(struct request *request)
{
    struct slice here = connection_input(request->connection);
    if (!grow(request, here.len))
        return request_fail_memory(request);
    char *place = request->body_memory + request->body_received;
    if (here.len)
        memcpy(place, here.ptr, here.len);
    struct chunked_result result = {0};
    enum err err = chunked_decode(&request->chunked, place, here.len, &result);
    if (err == ERR_OK || err == ERR_AGAIN) {
        connection_consume(request->connection, result.consumed);
        request->body_received += result.produced;
    } else {
        enum http1_fault fault = request->chunked.fault;
        if (http1_fault_status(fault) == 413)
            return too_large(request);
        return request_fail(request, problem_of_status(http1_fault_status(fault)), "%s.", http1_fault_text(fault));
    }
    if (!result.is_done)
        return VERDICT_WAIT;
    request->body = slice_of(request->body_memory, request->body_received);
    connection_pin(request->connection, true);
    return VERDICT_NEXT;
}
