/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies on their way through, in pieces, with at most one piece of each direction in our memory. Whoever is behind holds
 * up the other side: the sink takes nothing while a send is under way, and nothing is received while the client has
 * not taken what came before. */
#include "pipeline/proxy/proxy_int.h"

#define CHUNK_OVERHEAD  (CHUNKED_SIZE_BYTES_MAX + 2)
#define END_BYTES       (sizeof CHUNKED_END - 1)
#define EXTENSION_BYTES 65536 /* of all chunks; more than any server has a use for */

static size_t sink_write(struct body_sink *sink, struct slice bytes);
static void sink_end(struct body_sink *sink);
static enum err source_read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);

void http1_body_init(struct exchange *exchange)
{
    const struct chunked_limits limits = {
        .body_bytes_max = UINT64_MAX,
        .extension_bytes_max = EXTENSION_BYTES,
        .trailer_bytes_max = (uint32_t)exchange->request->worker->limits.head_bytes,
    };
    exchange->sink = (struct body_sink){.write = sink_write, .end = sink_end};
    exchange->source = (struct body_source){.read = source_read};
    chunked_init(&exchange->chunked, &limits);
}

/* The request. */

/* It may have answered before, so the end of the connection decides. Whatever was wrong, an upstream that is still there
 * must not wait for the rest. */
void http1_body_break_off(struct exchange *exchange)
{
    exchange->is_write_broken = true;
    socket_shutdown_write(exchange->link->stream.watch.fd);
    buffer_drop(exchange, &exchange->out);
}

void http1_body_flush(struct exchange *exchange)
{
    struct exchange_buffer *out = &exchange->out;
    struct stream *stream = exchange->link ? &exchange->link->stream : NULL;
    size_t sent;
    if (!stream || stream->unsent.len || !out->ptr)
        return;
    if (out->begin == out->end) {
        buffer_drop(exchange, out);
        return;
    }
    struct slice bytes = slice_of(out->ptr + out->begin, out->end - out->begin);
    out->begin = out->end;
    enum err err = link_send(exchange->link, bytes, &sent);
    if (err == ERR_OK)
        buffer_drop(exchange, out);
    else if (err != ERR_AGAIN)
        http1_body_break_off(exchange);
}

/* Room is always left for the end of a chunked body. */
static size_t append(struct exchange *exchange, struct slice bytes)
{
    struct exchange_buffer *out = &exchange->out;
    size_t overhead = exchange->is_chunked ? CHUNK_OVERHEAD : 0;
    if (!buffer_ensure(exchange, out, out->end + overhead + END_BYTES + 1))
        return 0;
    size_t room = out->capacity - out->end;
    if (room <= overhead + END_BYTES)
        return 0;
    size_t taken = MIN(bytes.len, room - overhead - END_BYTES);
    if (exchange->is_chunked)
        out->end += chunked_format_size(out->ptr + out->end, taken);
    memcpy(out->ptr + out->end, bytes.ptr, taken);
    out->end += taken;
    if (exchange->is_chunked) {
        memcpy(out->ptr + out->end, "\r\n", 2);
        out->end += 2;
    }
    return taken;
}

/* Without a chunk head to put before them, bytes go to the kernel from where they lie; the rest of a piece that it did not
 * take moves to a buffer of ours. */
static size_t send_directly(struct exchange *exchange, struct slice bytes)
{
    struct stream *stream = &exchange->link->stream;
    struct exchange_buffer *out = &exchange->out;
    size_t sent;
    enum err err = link_send(exchange->link, bytes, &sent);
    if (err == ERR_OK || (err == ERR_AGAIN && sent == bytes.len))
        return bytes.len;
    if (err != ERR_AGAIN) {
        http1_body_break_off(exchange);
        return bytes.len;
    }
    stream->unsent = (struct slice){NULL, 0};
    if (!buffer_ensure(exchange, out, PROXY_PIECE_BYTES)) {
        (void)request_fail_memory(exchange->request);
        return sent;
    }
    size_t kept = MIN(bytes.len - sent, out->capacity);
    memcpy(out->ptr, bytes.ptr + sent, kept);
    out->begin = kept;
    out->end = kept;
    stream->unsent = slice_of(out->ptr, kept);
    return sent + kept;
}

/* As many as the kernel takes at once, and one more. */
static size_t send_chunks(struct exchange *exchange, struct slice bytes)
{
    size_t taken = 0;
    while (taken < bytes.len && !exchange->link->stream.unsent.len && !exchange->is_write_broken) {
        if (!buffer_ensure(exchange, &exchange->out, PROXY_PIECE_BYTES)) {
            (void)request_fail_memory(exchange->request);
            return taken;
        }
        taken += append(exchange, slice_skip(bytes, taken));
        http1_body_flush(exchange);
    }
    return exchange->is_write_broken ? bytes.len : taken;
}

static size_t sink_write(struct body_sink *sink, struct slice bytes)
{
    struct exchange *exchange = CONTAINER_OF(sink, struct exchange, sink);
    if (!exchange->link || exchange->is_write_broken)
        return bytes.len;
    if (exchange->is_corked)
        return append(exchange, bytes);
    if (exchange->link->stream.unsent.len)
        return 0;
    link_wait(exchange->link, exchange_time_ns(exchange));
    receive_note_progress(exchange->request);
    if (!exchange->is_chunked)
        return send_directly(exchange, bytes);
    return send_chunks(exchange, bytes);
}

/* Also when the kernel still has to take some of what is there. */
static bool grow(struct exchange *exchange, size_t bytes)
{
    struct exchange_buffer old = exchange->out;
    struct slice *unsent = &exchange->link->stream.unsent;
    if (old.ptr && old.capacity - old.end >= bytes)
        return true;
    exchange->out = (struct exchange_buffer){0};
    if (!buffer_ensure(exchange, &exchange->out, old.end + bytes)) {
        exchange->out = old;
        return false;
    }
    if (!old.ptr)
        return true;
    memcpy(exchange->out.ptr, old.ptr, old.end);
    exchange->out.begin = old.begin;
    exchange->out.end = old.end;
    if (unsent->len && !exchange->link->tls)
        unsent->ptr = exchange->out.ptr + (unsent->ptr - old.ptr);
    buffer_drop(exchange, &old);
    return true;
}

/* The last chunk, with what may follow it. */
static enum err write_last_chunk(struct exchange *exchange)
{
    struct response_field *trailers;
    uint32_t count;
    size_t bytes = END_BYTES;
    TRY(trailers_of_request(exchange, &trailers, &count));
    for (uint32_t i = 0; i < count; i++)
        bytes += trailers[i].name.len + trailers[i].value.len + 4;
    if (!grow(exchange, bytes)) {
        (void)request_fail_memory(exchange->request);
        return ERR_NOMEM;
    }
    struct http1_writer writer;
    http1_writer_init(&writer, exchange->out.ptr + exchange->out.end, bytes);
    http1_write_prebuilt(&writer, SLICE_LIT("0\r\n"));
    for (uint32_t i = 0; i < count; i++)
        http1_write_named(&writer, trailers[i].name, trailers[i].value);
    http1_write_end(&writer);
    exchange->out.end += writer.len;
    return ERR_OK;
}

static void sink_end(struct body_sink *sink)
{
    struct exchange *exchange = CONTAINER_OF(sink, struct exchange, sink);
    exchange->is_sent = true;
    if (!exchange->link || exchange->is_write_broken)
        return;
    if (exchange->is_chunked && write_last_chunk(exchange) != ERR_OK)
        return;
    if (!exchange->is_corked)
        http1_body_flush(exchange);
}

/* The response. */

/* The link goes back at once: the rest is in our memory, and the client may take its time. */
static void complete(struct exchange *exchange)
{
    struct upstream_link *link = exchange->link;
    exchange->is_complete = true;
    bool is_quiet = link && link->stream.unsent.len == 0 && exchange->out.begin == exchange->out.end;
    link_leave(exchange, is_quiet && exchange->is_sent && !exchange->is_write_broken && !exchange->is_dirty &&
                             exchange->head.is_keep_alive);
    exchange_leave(exchange);
}

/* Decodes in place. */
static bool take_chunks(struct exchange *exchange, size_t len)
{
    struct exchange_buffer *in = &exchange->in;
    struct chunked_result result;
    if (chunked_decode(&exchange->chunked, in->ptr + in->begin, len, &result) != ERR_OK)
        return false;
    trailers_add(&exchange->trailers, &exchange->request->arena, result.trailers);
    in->end = in->begin + result.produced;
    exchange->is_dirty = result.consumed < len;
    if (!result.is_done)
        return true;
    if (trailers_of_response(exchange) == ERR_LIMIT) {
        exchange->chunked.fault = HTTP1_FAULT_TRAILERS_TOO_LARGE;
        return false;
    }
    complete(exchange);
    return true;
}

bool http1_body_take(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    size_t len = in->end - in->begin;
    if (!exchange->head.has_body) {
        exchange->is_dirty |= len > 0;
        in->end = in->begin;
        complete(exchange);
    } else if (exchange->head.is_chunked) {
        if (!take_chunks(exchange, len))
            return false;
    } else if (!exchange->head.is_until_close) {
        size_t taken = (size_t)MIN((uint64_t)len, exchange->left_bytes);
        exchange->left_bytes -= taken;
        exchange->is_dirty = taken < len;
        in->end = in->begin + taken;
        if (exchange->left_bytes == 0)
            complete(exchange);
    }
    if (in->begin == in->end)
        buffer_drop(exchange, in);
    else if (exchange->link)
        link_receive_stop(exchange->link);
    return true;
}

static enum err source_read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = CONTAINER_OF(source, struct exchange, source);
    struct exchange_buffer *in = &exchange->in;
    size_t bytes = MIN(in->end - in->begin, capacity);
    if (bytes == 0)
        return exchange->is_complete ? ERR_EOF : exchange->failure ? exchange->failure : ERR_AGAIN;
    memcpy(place, in->ptr + in->begin, bytes);
    in->begin += bytes;
    *ret_bytes = bytes;
    if (in->begin < in->end)
        return ERR_OK;
    buffer_drop(exchange, in);
    if (exchange->link && link_receive_start(exchange->link) != ERR_OK) {
        exchange->failure = ERR_IO;
        link_leave(exchange, false);
    }
    return ERR_OK;
}
