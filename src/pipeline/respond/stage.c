/* SPDX-License-Identifier: Apache-2.0 */
/* The response goes to the connection's send buffer, head and body in one piece, so that responses to pipelined requests
 * leave together and the request's memory is free at once. */
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#define HEAD_BYTES_BASE 256 /* status line, Date, Content-Length, Connection */

static void end_input(struct request *request);
static bool write_head(struct request *request, struct http1_writer *writer, bool is_keeping);

static size_t head_bytes(const struct response *response)
{
    size_t bytes = HEAD_BYTES_BASE + response->content_type.len;
    for (uint32_t i = 0; i < response->field_count; i++)
        bytes += response->fields[i].name.len + response->fields[i].value.len + 4;
    return bytes;
}

enum verdict stage_respond(struct request *request)
{
    struct connection *connection = request->connection;
    struct response *response = &request->response;
    if (!connection)
        return VERDICT_NEXT;
    end_input(request);
    bool is_head = request->head.method == HTTP_METHOD_HEAD;
    size_t body_bytes = is_head ? 0 : response->body.len;
    size_t head_room = head_bytes(response);
    char *place = connection_reserve(connection, head_room + body_bytes);
    if (!place) {
        connection_refuse(connection);
        response->status = 503;
        return VERDICT_NEXT;
    }
    struct http1_writer writer;
    http1_writer_init(&writer, place, head_room);
    if (!write_head(request, &writer, !connection->is_closing)) {
        connection_close(connection);
        return VERDICT_NEXT;
    }
    if (body_bytes)
        memcpy(place + writer.len, response->body.ptr, body_bytes);
    connection->out.end += writer.len + body_bytes;
    request->sent_bytes = writer.len + body_bytes;
    return VERDICT_NEXT;
}

/* Decides whether the connection can go on. A body that nobody wanted is skipped when it is here already; otherwise the
 * connection ends, because waiting for it would serve no one. A client that is not the one to end it may have sent its
 * next request already, so that has to be discarded for the response to arrive. */
static void end_input(struct request *request)
{
    struct connection *connection = request->connection;
    if (request->head.has_body && !request->is_body_complete) {
        bool is_here = !request->head.is_chunked && !request->body_memory &&
                       connection_input(connection).len >= request->head.content_length;
        if (is_here) {
            connection_consume(connection, request->head.content_length);
        } else {
            connection->is_closing = true;
            connection->needs_discard = true;
        }
    }
    if (request->response.is_closing || request->worker->is_draining ||
        connection->request_count >= request->worker->limits.connection_requests) {
        connection->is_closing = true;
        connection->needs_discard = true;
    }
    if (!request->head.is_keep_alive)
        connection->is_closing = true;
}

static bool write_head(struct request *request, struct http1_writer *writer, bool is_keeping)
{
    const struct response *response = &request->response;
    http1_write_status(writer, response->status);
    http1_write_prebuilt(writer, worker_date_line(request->worker));
    if (response->content_type.len)
        http1_write_field(writer, SLICE_LIT("Content-Type"), response->content_type);
    if (response->status != 204)
        http1_write_length(writer, response->body.len);
    for (uint32_t i = 0; i < response->field_count; i++)
        http1_write_field(writer, response->fields[i].name, response->fields[i].value);
    if (!is_keeping)
        http1_write_prebuilt(writer, SLICE_LIT("Connection: close\r\n"));
    else if (request->head.version_minor == 0)
        http1_write_prebuilt(writer, SLICE_LIT("Connection: keep-alive\r\n"));
    http1_write_end(writer);
    return !writer->is_cut;
}
