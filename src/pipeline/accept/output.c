/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection sends: bytes that wait in its send buffer, then at most one range of a file. The buffer is the worker's
 * spare one for as long as that is large enough. */
#include "pipeline/accept/output_int.h"

#include "pipeline/accept/secure_int.h"
#include "pipeline/worker.h"

#define OUT_BYTES_MIN 4096
#define OUT_SPARE_MAX 16384

static void note_sent(struct connection *connection);
static enum err send_out(struct connection *connection);
static enum err send_with_file(struct connection *connection);

/* More than there is, or than the spare buffer has. */
static NOT_INLINE char *grow(struct connection *connection, size_t bytes)
{
    struct connection_buffer *out = &connection->out;
    note_sent(connection);
    size_t waiting = out->end - out->begin;
    size_t capacity;
    size_t wanted = MAX(waiting + bytes, (size_t)OUT_BYTES_MIN);
    char *ptr = pool_acquire(&connection->worker->pool, wanted, &capacity);
    if (!ptr)
        return NULL;
    if (out->ptr)
        memcpy(ptr, out->ptr + out->begin, waiting);
    if (connection->stream.unsent.len && !connection->secure)
        connection->stream.unsent.ptr = ptr;
    connection_drop_output(connection);
    *out = (struct connection_buffer){.ptr = ptr, .capacity = capacity, .end = waiting};
    return ptr + waiting;
}

char *connection_reserve_more(struct connection *connection, size_t bytes)
{
    struct connection_buffer *out = &connection->out;
    if (out->ptr)
        return grow(connection, bytes);
    out->ptr = pool_spare_take(&connection->worker->out_spare, bytes, &out->capacity);
    return out->ptr ? out->ptr : grow(connection, bytes);
}

/* While a send is under way the stream moves on in our buffer by itself. */
static void note_sent(struct connection *connection)
{
    struct connection_buffer *out = &connection->out;
    if (!out->ptr || !connection->stream.unsent.ptr || connection->secure)
        return;
    size_t begin = (size_t)(connection->stream.unsent.ptr - out->ptr);
    counter_add(&connection->worker->meter.sent_bytes, begin - out->begin);
    out->begin = begin;
}

size_t connection_unsent(const struct connection *connection)
{
    return connection->out.end - connection->out.begin;
}

void connection_refuse(struct connection *connection, struct slice answer)
{
    size_t sent = 0;
    counter_add(&connection->worker->meter.connections_refused, 1);
    connection_close_after(connection);
    char *place = connection_reserve(connection, answer.len);
    if (place) {
        memcpy(place, answer.ptr, answer.len);
        connection->out.end += answer.len;
    } else if (connection->secure) {
        connection_close(connection);
    } else if (!connection->out.ptr && !connection->stream.unsent.len) {
        enum err err = stream_send(&connection->stream, answer, &sent);
        if (err != ERR_OK && err != ERR_AGAIN)
            connection_close(connection);
    }
    counter_add(&connection->worker->meter.sent_bytes, sent);
}

enum err connection_send_all(struct connection *connection)
{
    if (UNLIKELY(connection_is_sending(connection)))
        return send_with_file(connection);
    return send_out(connection);
}

static enum err send_out(struct connection *connection)
{
    struct connection_buffer *out = &connection->out;
    size_t sent = 0;
    if (connection->secure)
        return secure_send(connection);
    if (out->begin == out->end)
        return ERR_OK;
    struct slice bytes = slice_of(out->ptr + out->begin, out->end - out->begin);
    enum err err = stream_send(&connection->stream, bytes, &sent);
    counter_add(&connection->worker->meter.sent_bytes, sent);
    out->begin += sent;
    return err;
}

void connection_send_file(struct connection *connection, struct file_piece piece)
{
    ASSERT(connection->file.bytes == 0, "one file at a time");
    connection->file = piece;
}

static void note_file_sent(struct connection *connection, uint64_t bytes)
{
    counter_add(&connection->worker->meter.sent_bytes, bytes);
    connection->file.bytes -= bytes;
    connection->is_sending_file = connection->file.bytes > 0;
}

/* Its source may have more of it. */
static NOT_INLINE enum err send_with_file(struct connection *connection)
{
    uint64_t sent = 0;
    if (connection->stream.unsent.len || connection->is_sending_file)
        return ERR_AGAIN;
    connection->stream.has_more = true;
    enum err err = send_out(connection);
    connection->stream.has_more = false;
    if (err != ERR_OK)
        return err;
    err = stream_send_file(&connection->stream, connection->file, &sent);
    note_file_sent(connection, sent);
    if (err == ERR_OK)
        connection->has_more_output = true;
    return err;
}

void connection_on_sent(struct stream *stream, enum err err)
{
    struct connection *connection = CONTAINER_OF(stream, struct connection, stream);
    if (err != ERR_OK) {
        connection_close(connection);
        return;
    }
    note_sent(connection);
    if (connection->is_sending_file)
        note_file_sent(connection, connection->file.bytes);
    stream->unsent = (struct slice){NULL, 0};
    if (connection->secure)
        secure_sent(connection);
    connection_process(connection);
}

void connection_drop_output(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct connection_buffer *out = &connection->out;
    pool_spare_release(&worker->out_spare, &worker->pool, out->ptr, out->capacity, OUT_SPARE_MAX);
    *out = (struct connection_buffer){0};
}
