/* SPDX-License-Identifier: Apache-2.0 */
/* The response goes to the connection's send buffer. One that is whole goes there at once, head and body in one piece, so
 * that responses to pipelined requests leave together and the request's memory is free at once. A body from a source
 * follows as the client takes it: in chunks when nobody knows how long it is. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

#define SOURCE_PIECE     16384
#define FILE_PIECE       (2U << 20)
#define WAITING_HIGH     65536 /* no more is asked of a source while so much waits to be sent */
#define CHUNK_HEAD_BYTES CHUNKED_SIZE_BYTES_MAX
#define CHUNK_OVERHEAD   (CHUNK_HEAD_BYTES + 2 + sizeof CHUNKED_END)

static void end_input(struct request *request);
static void begin_response(struct request *request);
static char *put_head(struct request *request, char *out);
static enum verdict pump(struct request *request);

static size_t fields_bytes(const struct response_field *fields, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += http1_field_bytes(fields[i].name, fields[i].value);
    return bytes;
}

static size_t head_bytes(const struct response *response)
{
    return HTTP1_HEAD_BYTES + WORKER_DATE_BYTES + response->content_type.len +
           fields_bytes(response->fields, response->field_count);
}

enum verdict http1_respond(struct request *request)
{
    if (!request->is_head_sent)
        begin_response(request);
    bool has_source = request->response.source && request->head.method != HTTP_METHOD_HEAD;
    enum verdict verdict = has_source ? pump(request) : VERDICT_NEXT;
    if (request->head.has_body && !request->is_body_complete && verdict == VERDICT_NEXT)
        connection_close_after(request->connection);
    return verdict;
}

/* Of a body from a source, whose length nobody knows. HTTP/1.0 has no chunks: there the end of the connection is the end
 * of the body. */
static bool is_in_chunks(const struct request *request)
{
    return request->response.source && !request->response.has_length && request->head.version_minor > 0;
}

static void begin_response(struct request *request)
{
    struct connection *connection = request->connection;
    struct response *response = &request->response;
    end_input(request);
    if (response->source && !response->has_length && request->head.version_minor == 0)
        connection->is_closing = true;
    bool is_head = request->head.method == HTTP_METHOD_HEAD;
    struct slice body = is_head ? (struct slice){NULL, 0} : response->body;
    char *place = connection_reserve(connection, head_bytes(response) + body.len);
    if (UNLIKELY(!place)) {
        connection->protocol->refuse(connection);
        response->status = 503;
        response->source = NULL;
        return;
    }
    char *end = slice_put(put_head(request, place), body);
    size_t bytes = (size_t)(end - place);
    connection->out.end += bytes;
    request->sent_bytes = bytes;
    request->is_head_sent = true;
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

/* Of a body from a source only the source's owner may know how long it is. */
static uint64_t length_of(const struct response *response)
{
    if (!http_status_may_have_body(response->status) || (response->source && !response->has_length))
        return HTTP1_NO_LENGTH;
    return response->source ? response->source_bytes : response->body.len;
}

static inline char *put_opening(const struct request *request, char *out)
{
    const struct response *response = &request->response;
    if (LIKELY(response->status == 200 && !response->has_date))
        return slice_put(out, worker_ok_lines(request->worker));
    out = http1_put_status(out, response->status);
    return response->has_date ? out : slice_put(out, worker_date_line(request->worker));
}

/* Into the room that head_bytes has measured. */
static char *put_head(struct request *request, char *out)
{
    const struct response *response = &request->response;
    out = put_opening(request, out);
    out = http1_put_content(out, response->content_type, length_of(response));
    if (is_in_chunks(request))
        out = slice_put(out, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    for (uint32_t i = 0; i < response->field_count; i++)
        out = http1_put_field(out, response->fields[i].name, response->fields[i].value);
    if (request->connection->is_closing)
        out = slice_put(out, SLICE_LIT("Connection: close\r\n"));
    else if (request->head.version_minor == 0)
        out = slice_put(out, SLICE_LIT("Connection: keep-alive\r\n"));
    return slice_put(out, SLICE_LIT("\r\n"));
}

/* HTTP/1.0 has no interim responses. */
enum err http1_inform(struct request *request, int status, const struct response_field *fields, uint32_t field_count)
{
    struct connection *connection = request->connection;
    size_t room = HTTP1_HEAD_BYTES + fields_bytes(fields, field_count);
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

static NOT_INLINE enum verdict pump(struct request *request)
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
