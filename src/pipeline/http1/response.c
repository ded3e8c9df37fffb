/* SPDX-License-Identifier: Apache-2.0 */
/* The response goes to the connection's send buffer. One that is whole goes there at once, head and body in one piece, so
 * that responses to pipelined requests leave together and the request's memory is free at once. A body from a source
 * follows as the client takes it: in chunks when nobody knows how long it is. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

#define HEAD_BYTES_BASE  256 /* status line, Date, Content-Length, Connection */
#define SOURCE_PIECE     16384
#define FILE_PIECE       (2U << 20)
#define WAITING_HIGH     65536 /* no more is asked of a source while so much waits to be sent */
#define CHUNK_HEAD_BYTES CHUNKED_SIZE_BYTES_MAX
#define CHUNK_OVERHEAD   (CHUNK_HEAD_BYTES + 2 + sizeof CHUNKED_END)

static void end_input(struct request *request);
static bool write_head(struct request *request, struct http1_writer *writer, bool is_keeping);
static enum verdict begin_response(struct request *request);
static enum verdict pump(struct request *request);

static size_t fields_bytes(const struct response_field *fields, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += fields[i].name.len + fields[i].value.len + 4;
    return bytes;
}

static size_t head_bytes(const struct response *response)
{
    return HEAD_BYTES_BASE + response->content_type.len + fields_bytes(response->fields, response->field_count);
}

enum verdict http1_respond(struct request *request)
{
    if (!request->is_head_sent) {
        enum verdict verdict = begin_response(request);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    bool has_source = request->response.source && request->head.method != HTTP_METHOD_HEAD;
    enum verdict verdict = has_source ? pump(request) : VERDICT_NEXT;
    if (verdict == VERDICT_NEXT && request->head.has_body && !request->is_body_complete) {
        connection_close_after(request->connection);
    }
    return verdict;
}

/* Of a body from a source, whose length nobody knows. HTTP/1.0 has no chunks: there the end of the connection is the end
 * of the body. */
static bool is_in_chunks(const struct request *request)
{
    return request->response.source && !request->response.has_length && request->head.version_minor > 0;
}

static enum verdict begin_response(struct request *request)
{
    struct connection *connection = request->connection;
    struct response *response = &request->response;
    end_input(request);
    if (response->source && !response->has_length && request->head.version_minor == 0)
        connection->is_closing = true;
    bool is_head = request->head.method == HTTP_METHOD_HEAD;
    size_t body_bytes = is_head ? 0 : response->body.len;
    size_t head_room = head_bytes(response);
    char *place = connection_reserve(connection, head_room + body_bytes);
    if (!place) {
        connection->protocol->refuse(connection);
        response->status = 503;
        response->source = NULL;
        return VERDICT_NEXT;
    }
    struct http1_writer writer;
    http1_writer_init(&writer, place, head_room);
    if (!write_head(request, &writer, !connection->is_closing)) {
        response->source = NULL;
        connection_close(connection);
        return VERDICT_NEXT;
    }
    if (body_bytes)
        memcpy(place + writer.len, response->body.ptr, body_bytes);
    connection->out.end += writer.len + body_bytes;
    request->sent_bytes = writer.len + body_bytes;
    request->is_head_sent = true;
    return VERDICT_NEXT;
}

/* Decides whether the connection can go on. A body that nobody wanted is skipped when it is here already; otherwise the
 * connection ends, because waiting for it would serve no one. A client that is not the one to end it may have sent its
 * next request already, so that has to be discarded for the response to arrive. A body that a sink still takes comes on
 * beside the response. */
static void end_input(struct request *request)
{
    struct connection *connection = request->connection;
    bool is_wanted = request->sink && !request->problem;
    if (request->head.has_body && !request->is_body_complete && !is_wanted) {
        bool is_here = !request->head.is_chunked && !request->body_received &&
                       connection_input(connection).len >= request->head.content_length;
        if (is_here) {
            connection_consume(connection, request->head.content_length);
            request->is_body_complete = true;
        } else {
            connection_close_after(connection);
        }
    }
    if (request->response.is_closing || request->worker->is_draining ||
        connection->request_count >= request->worker->limits.connection_requests) {
        connection_close_after(connection);
    }
    if (!request->head.is_keep_alive)
        connection->is_closing = true;
}

static bool write_head(struct request *request, struct http1_writer *writer, bool is_keeping)
{
    const struct response *response = &request->response;
    bool is_chunked = is_in_chunks(request);
    bool has_length =
        !is_chunked && http_status_may_have_body(response->status) && (!response->source || response->has_length);
    struct slice date = response->has_date ? (struct slice){NULL, 0} : worker_date_line(request->worker);
    uint64_t length = response->source ? response->source_bytes : response->body.len;
    http1_write_opening(writer, response->status, date, response->content_type, has_length ? length : HTTP1_NO_LENGTH);
    if (is_chunked)
        http1_write_prebuilt(writer, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    for (uint32_t i = 0; i < response->field_count; i++)
        http1_write_named(writer, response->fields[i].name, response->fields[i].value);
    if (!is_keeping)
        http1_write_prebuilt(writer, SLICE_LIT("Connection: close\r\n"));
    else if (request->head.version_minor == 0)
        http1_write_prebuilt(writer, SLICE_LIT("Connection: keep-alive\r\n"));
    http1_write_end(writer);
    return !writer->is_cut;
}

/* HTTP/1.0 has no interim responses. */
enum err http1_inform(struct request *request, int status, const struct response_field *fields, uint32_t field_count)
{
    struct connection *connection = request->connection;
    size_t room = HEAD_BYTES_BASE + fields_bytes(fields, field_count);
    if (request->head.version_minor == 0)
        return ERR_UNSUPPORTED;
    if (connection_is_sending(connection))
        return ERR_BUSY;
    char *place = connection_reserve(connection, room);
    if (!place)
        return ERR_NOMEM;
    struct http1_writer writer;
    http1_writer_init(&writer, place, room);
    http1_write_status(&writer, status);
    for (uint32_t i = 0; i < field_count; i++)
        http1_write_named(&writer, fields[i].name, fields[i].value);
    http1_write_end(&writer);
    if (writer.is_cut || writer.is_refused)
        return ERR_INVALID;
    connection->out.end += writer.len;
    return ERR_OK;
}

/* A body from a source. */

static enum verdict break_off(struct request *request)
{
    request->connection->protocol->abort(request);
    return VERDICT_NEXT;
}

/* At the end of the source. A body that is shorter than announced is broken off. Trailers are for those who want them: RFC
 * 9110 section 6.5.1. */
static enum verdict end_body(struct request *request)
{
    struct connection *connection = request->connection;
    if (request->response.has_length)
        return request->source_sent_bytes == request->response.source_bytes ? VERDICT_NEXT : break_off(request);
    if (!is_in_chunks(request))
        return VERDICT_NEXT;
    const struct response *response = &request->response;
    uint32_t trailer_count = trailers_are_wanted(&request->head) ? response->trailer_count : 0;
    size_t room = sizeof CHUNKED_END + fields_bytes(response->trailers, trailer_count);
    char *place = connection_reserve(connection, room);
    if (!place)
        return break_off(request);
    struct http1_writer writer;
    http1_writer_init(&writer, place, room);
    http1_write_prebuilt(&writer, SLICE_LIT("0\r\n"));
    for (uint32_t i = 0; i < trailer_count; i++)
        http1_write_field(&writer, response->trailers[i].name, response->trailers[i].value);
    http1_write_end(&writer);
    connection->out.end += writer.len;
    request->sent_bytes += writer.len;
    return VERDICT_NEXT;
}

/* The size line goes right before the data, whose length is known only then: room is left for the longest. */
static size_t write_chunk(char *place, const char *data, size_t len)
{
    char size[CHUNK_HEAD_BYTES];
    size_t size_len = chunked_format_size(size, len);
    memcpy(place, size, size_len);
    memmove(place + size_len, data, len);
    memcpy(place + size_len + len, "\r\n", 2);
    return size_len + len + 2;
}

/* One piece of the source into the send buffer. */
static enum err pump_piece(struct request *request)
{
    struct connection *connection = request->connection;
    struct response *response = &request->response;
    bool is_chunk = is_in_chunks(request);
    uint64_t left = response->has_length ? response->source_bytes - request->source_sent_bytes : SOURCE_PIECE;
    size_t room = (size_t)MIN(left, (uint64_t)SOURCE_PIECE);
    size_t bytes = 0;
    if (room == 0)
        return ERR_EOF;
    char *place = connection_reserve(connection, room + CHUNK_OVERHEAD);
    if (!place)
        return ERR_NOMEM;
    char *data = is_chunk ? place + CHUNK_HEAD_BYTES : place;
    enum err err = response->source->read(response->source, data, room, &bytes);
    if (err != ERR_OK)
        return err;
    request->source_sent_bytes += bytes;
    size_t written = is_chunk ? write_chunk(place, data, bytes) : bytes;
    connection->out.end += written;
    request->sent_bytes += written;
    return ERR_OK;
}

/* A body in chunks has a line between its pieces, and one under TLS is not what the file has. */
static bool takes_files(const struct request *request)
{
    return request->response.source->next_file && request->response.has_length &&
           !connection_is_secure(request->connection);
}

/* One range of a file goes behind the send buffer, without a copy. */
static enum err pump_file(struct request *request)
{
    struct connection *connection = request->connection;
    struct response *response = &request->response;
    struct file_piece piece;
    TRY(response->source->next_file(response->source, FILE_PIECE, &piece));
    connection_send_file(connection, piece);
    request->source_sent_bytes += piece.bytes;
    request->sent_bytes += piece.bytes;
    return ERR_OK;
}

static enum verdict pump(struct request *request)
{
    struct connection *connection = request->connection;
    request->is_source_dry = false;
    for (;;) {
        if (connection_is_sending(connection))
            return VERDICT_WAIT;
        if (connection_unsent(connection) >= WAITING_HIGH) {
            connection->has_more_output = true;
            return VERDICT_WAIT;
        }
        enum err err = takes_files(request) ? pump_file(request) : pump_piece(request);
        request->is_source_dry = err == ERR_AGAIN;
        if (err == ERR_AGAIN)
            return VERDICT_WAIT;
        if (err == ERR_EOF)
            return end_body(request);
        if (err != ERR_OK)
            return break_off(request);
    }
}
