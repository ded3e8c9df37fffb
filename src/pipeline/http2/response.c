/* SPDX-License-Identifier: Apache-2.0 */
/* The response: its head is submitted at once, its body is pulled by the codec as the client's windows allow, and read
 * right into the send buffer. The request stays until the last byte is there. */
#include "pipeline/http2/protocol_int.h"

#include "lib/base/text.h"

#define OUR_FIELDS      3 /* Content-Type, Content-Length, Date */
#define LENGTH_BYTES    20
#define DATE_PREFIX     "Date: "
#define DATE_LINE_EXTRA (sizeof DATE_PREFIX - 1 + 2)

static enum err begin_response(struct request *request);
static enum err end_body(struct request *request);

enum verdict http2_pipe_respond(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    if (!request->is_head_sent && begin_response(request) != ERR_OK) {
        http2_reset(&exchange->stream, HTTP2_INTERNAL_ERROR);
        exchange->is_done = true;
    }
    if (exchange->is_done)
        return VERDICT_NEXT;
    if (exchange->is_reading)
        exchange->is_resumed = true;
    else
        http2_resume(&exchange->stream);
    return VERDICT_WAIT;
}

static struct http2_field date_field(struct worker *worker)
{
    struct slice line = worker_date_line(worker);
    return (struct http2_field){SLICE_LIT("date"),
                                slice_of(line.ptr + sizeof DATE_PREFIX - 1, line.len - DATE_LINE_EXTRA)};
}

static size_t copy_fields(const struct response_field *from, uint32_t count, struct http2_field *to)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = (struct http2_field){from[i].name, from[i].value};
    return count;
}

enum err http2_pipe_inform(struct request *request, int status, const struct response_field *fields,
                           uint32_t field_count)
{
    struct http2_field *copies = arena_alloc_array(&request->arena, field_count, sizeof *copies);
    if (!copies)
        return ERR_NOMEM;
    if (connection_is_sending(request->connection))
        return ERR_BUSY;
    return http2_inform(&request->http2->stream, status, copies, copy_fields(fields, field_count, copies));
}

static enum err begin_response(struct request *request)
{
    struct http2_exchange *exchange = request->http2;
    const struct response *response = &request->response;
    struct http2_field *fields =
        arena_alloc(&request->arena, (response->field_count + OUR_FIELDS) * sizeof(struct http2_field));
    char length[LENGTH_BYTES];
    size_t count = 0;
    if (!fields)
        return ERR_NOMEM;
    if (!response->has_date)
        fields[count++] = date_field(request->worker);
    if (response->content_type.len)
        fields[count++] = (struct http2_field){SLICE_LIT("content-type"), response->content_type};
    bool has_length = (!response->source || response->has_length) && !response->is_length_hidden;
    if (http_status_may_have_body(response->status) && has_length) {
        uint64_t bytes = response->source ? response->source_bytes : response->body.len;
        fields[count++] =
            (struct http2_field){SLICE_LIT("content-length"), slice_of(length, text_format_u64(length, bytes))};
    }
    count += copy_fields(response->fields, response->field_count, fields + count);
    bool is_empty = response->source ? response->has_length && response->source_bytes == 0 : response->body.len == 0;
    bool has_body =
        request->head.method != HTTP_METHOD_HEAD && http_status_may_have_body(response->status) && !is_empty;
    exchange->left = response->body;
    exchange->stream.left_bytes = !response->source      ? response->body.len
                                  : response->has_length ? response->source_bytes
                                                         : UINT64_MAX;
    TRY(http2_respond(&exchange->stream, response->status, fields, count, has_body));
    for (size_t i = 0; i < count; i++)
        request->sent_bytes += fields[i].name.len + fields[i].value.len;
    request->is_head_sent = true;
    exchange->is_done = !has_body;
    http2_clock_measure(exchange);
    return ERR_OK;
}

static enum err read_whole(struct http2_exchange *exchange, char *place, size_t capacity, size_t *ret_bytes)
{
    size_t bytes = MIN(capacity, exchange->left.len);
    memcpy(place, exchange->left.ptr, bytes);
    exchange->left = slice_skip(exchange->left, bytes);
    *ret_bytes = bytes;
    return exchange->left.len > 0 ? ERR_OK : ERR_EOF;
}

/* A source that says it has none may get some before it has returned: then it is asked once more. */
static enum err read_source(struct http2_exchange *exchange, char *place, size_t capacity, size_t *ret_bytes)
{
    struct request *request = exchange->request;
    struct response *response = &request->response;
    uint64_t left = response->has_length ? response->source_bytes - request->source_sent_bytes : UINT64_MAX;
    enum err err = ERR_EOF;
    if (left > 0) {
        exchange->is_reading = true;
        do {
            exchange->is_resumed = false;
            err = response->source->read(response->source, place, (size_t)MIN(left, capacity), ret_bytes);
        } while (err == ERR_AGAIN && exchange->is_resumed);
        exchange->is_reading = false;
    }
    if (err == ERR_OK) {
        request->source_sent_bytes += *ret_bytes;
        return response->has_length && request->source_sent_bytes == response->source_bytes ? end_body(request)
                                                                                            : ERR_OK;
    }
    return err == ERR_EOF ? end_body(request) : err;
}

/* At the end of the source. A body that is shorter than announced is broken off. */
static enum err end_body(struct request *request)
{
    const struct response *response = &request->response;
    if (response->has_length && request->source_sent_bytes < response->source_bytes)
        return ERR_TRUNCATED;
    if (response->trailer_count == 0)
        return ERR_EOF;
    struct http2_field *fields = arena_alloc_array(&request->arena, response->trailer_count, sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    size_t count = copy_fields(response->trailers, response->trailer_count, fields);
    TRY(http2_send_trailers(&request->http2->stream, fields, count));
    return ERR_EOF;
}

enum err http2_pipe_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct http2_exchange *exchange = http2_exchange_of(stream);
    struct request *request = exchange->request;
    enum err err = request->response.source ? read_source(exchange, place, capacity, ret_bytes)
                                            : read_whole(exchange, place, capacity, ret_bytes);
    if (err == ERR_AGAIN) {
        http2_clock_measure(exchange); /* so far it was the source that was slow */
        return err;
    }
    request->sent_bytes += *ret_bytes;
    if (err != ERR_OK) {
        exchange->is_done = true;
        list_add_last(&exchange->owner->done, &exchange->done_node);
    }
    return err;
}

void http2_pipe_finish(struct http2_connection *self)
{
    struct list *node;
    while ((node = list_pop_first(&self->done)))
        flow_resume(CONTAINER_OF(node, struct http2_exchange, done_node)->request);
}
