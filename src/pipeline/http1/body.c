/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request. A small one stays where it was received, behind its head, and is never copied. A larger one gets
 * memory of the announced size at once, and the socket is read straight into it. A chunked one is decoded as it comes
 * into memory that doubles up to the limit. One that goes into a sink is handed over where it was received, and what the
 * sink does not take keeps the socket from being read. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

#define ROOM_BYTES_MIN        4096
#define CHUNKED_BYTES_FIRST   16384
#define CHUNK_EXTENSION_BYTES 4096

static enum verdict begin(struct request *request);
static enum verdict begin_sized(struct request *request);
static enum verdict begin_chunked(struct request *request);
static enum verdict collect_sized(struct request *request);
static enum verdict collect_chunked(struct request *request);
static enum verdict stream_sized(struct request *request);
static enum verdict stream_chunked(struct request *request);
static enum verdict decode(struct request *request, char *data, size_t len, struct chunked_result *ret);

bool http1_can_receive(const struct request *request)
{
    if (!request->is_body_wanted || request->is_body_complete || request->is_body_blocked || request->holds)
        return false;
    if (request->stage == STAGE_receive)
        return request->is_waiting;
    return request->sink && (request->body_pending.len || connection_input(request->connection).len);
}

enum verdict http1_receive(struct request *request)
{
    if (!request->has_begun_body) {
        request->has_begun_body = true;
        enum verdict verdict = begin(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    if (request->sink)
        return request->head.is_chunked ? stream_chunked(request) : stream_sized(request);
    return request->head.is_chunked ? collect_chunked(request) : collect_sized(request);
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

static enum verdict begin(struct request *request)
{
    bool is_chunked = request->head.is_chunked;
    bool is_here = !is_chunked && connection_input(request->connection).len >= request->head.content_length;
    enum verdict verdict = is_chunked ? begin_chunked(request) : begin_sized(request);
    if (verdict != VERDICT_NEXT || !request->head.expects_continue || is_here || request->is_head_sent)
        return verdict;
    return send_continue(request);
}

static enum verdict begin_sized(struct request *request)
{
    struct connection *connection = request->connection;
    uint64_t bytes = request->head.content_length;
    if (request->sink || bytes <= connection_room(connection))
        return VERDICT_NEXT;
    request->body_memory = receive_alloc(request, bytes);
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

static enum verdict begin_chunked(struct request *request)
{
    struct chunked_limits limits = {
        .body_bytes_max = request->route->body_bytes_max,
        .extension_bytes_max = CHUNK_EXTENSION_BYTES,
        .trailer_bytes_max = (uint32_t)request->worker->limits.head_bytes,
    };
    chunked_init(&request->chunked, &limits);
    if (!request->sink) {
        request->body_memory = receive_alloc(request, CHUNKED_BYTES_FIRST);
        if (!request->body_memory)
            return request_fail_memory(request);
        request->body_capacity = CHUNKED_BYTES_FIRST;
    }
    if (connection_room(request->connection) < ROOM_BYTES_MIN &&
        connection_park_input(request->connection, request) != ERR_OK)
        return request_fail_memory(request);
    return VERDICT_NEXT;
}

/* Into memory. */

static enum verdict collect_sized(struct request *request)
{
    struct connection *connection = request->connection;
    uint64_t bytes = request->head.content_length;
    if (request->body_memory) {
        if (request->body_received < bytes)
            return VERDICT_WAIT;
        request->body = slice_of(request->body_memory, bytes);
        return receive_end(request);
    }
    struct slice here = connection_input(connection);
    request->body_received = MIN(here.len, bytes);
    if (here.len < bytes)
        return VERDICT_WAIT;
    request->body = slice_first(here, bytes);
    connection_consume(connection, bytes);
    connection_pin(connection, true);
    return receive_end(request);
}

static enum verdict collect_chunked(struct request *request)
{
    struct slice here = connection_input(request->connection);
    if (!receive_reserve(request, here.len))
        return request_fail_memory(request);
    char *place = request->body_memory + request->body_received;
    if (here.len)
        memcpy(place, here.ptr, here.len);
    struct chunked_result result = {0};
    if (decode(request, place, here.len, &result) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (!result.is_done)
        return VERDICT_WAIT;
    request->body = slice_of(request->body_memory, request->body_received);
    connection_pin(request->connection, true);
    return receive_end(request);
}

/* In place; what was consumed leaves the receive buffer. */
static enum verdict decode(struct request *request, char *data, size_t len, struct chunked_result *ret)
{
    enum err err = chunked_decode(&request->chunked, data, len, ret);
    if (err == ERR_OK || err == ERR_AGAIN) {
        if (request->route->is_streamed)
            trailers_add(&request->trailers, &request->arena, ret->trailers);
        connection_consume(request->connection, ret->consumed);
        request->body_received += ret->produced;
        return VERDICT_NEXT;
    }
    enum http1_fault fault = request->chunked.fault;
    if (http1_fault_status(fault) == 413)
        return receive_too_large(request);
    return request_fail(request, problem_of_status(http1_fault_status(fault)), "%s.", http1_fault_text(fault));
}

/* Into a sink. */

/* What the sink has left. */
static struct slice give(struct request *request, struct slice bytes)
{
    size_t taken = bytes.len ? request->sink->write(request->sink, bytes) : 0;
    request->is_body_blocked = taken < bytes.len;
    return request->problem ? bytes : slice_skip(bytes, taken);
}

static enum verdict stream_sized(struct request *request)
{
    struct connection *connection = request->connection;
    uint64_t left_bytes = request->head.content_length - request->body_received;
    struct slice here = slice_first(connection_input(connection), left_bytes);
    size_t taken = here.len - give(request, here).len;
    if (request->problem)
        return VERDICT_FAIL;
    connection_consume(connection, taken);
    request->body_received += taken;
    if (taken < left_bytes)
        return VERDICT_WAIT;
    connection_pin(connection, true);
    return receive_end(request);
}

/* Decoding in place leaves the data before the rest of the input, which nobody moves while the sink is blocked. */
static enum verdict stream_chunked(struct request *request)
{
    struct connection *connection = request->connection;
    struct chunked_result result = {.is_done = request->is_body_decoded};
    request->body_pending = give(request, request->body_pending);
    while (!request->problem && !request->body_pending.len && !result.is_done) {
        struct slice here = connection_input(connection);
        if (!here.len)
            return VERDICT_WAIT;
        if (decode(request, connection->in.ptr + connection->in.begin, here.len, &result) == VERDICT_FAIL)
            return VERDICT_FAIL;
        request->is_body_decoded = result.is_done;
        request->body_pending = give(request, slice_first(here, result.produced));
    }
    if (request->problem)
        return VERDICT_FAIL;
    if (request->body_pending.len)
        return VERDICT_WAIT;
    connection_pin(connection, true);
    return receive_end(request);
}
