/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a header block, which frames that have come or gone are too many, and when a stream is over. Knows
 * nothing of nghttp2. */
#include "lib/http2/session_int.h"

/* By a frame of ours. The library that most clients of gRPC are made of opens two windows, of the stream and of the connection,
 * twice for each message: by the five bytes before it when it begins to wait for one, also where an error comes instead,
 * and by what these say is to follow. */
#define UPDATES_EARNED 4

bool http2_is_greeted(const struct http2_session *session)
{
    return session->guard.has_begun;
}

bool http2_has_settings(const struct http2_session *session)
{
    return session->has_settings;
}

uint32_t http2_stream_count(const struct http2_session *session)
{
    return session->stream_count;
}

bool http2_count(struct http2_session *session, enum http2_abuse abuse)
{
    return http2_guard_spend(&session->guard, abuse, 1, session->now_ns) || http2_measure(session, abuse, SIZE_MAX);
}

bool http2_measure(struct http2_session *session, enum http2_abuse abuse, size_t size)
{
    if (LIKELY(http2_guard_allows(&session->guard, abuse, size)))
        return true;
    if (session->is_failed)
        return false;
    http2_terminate(session, HTTP2_ENHANCE_YOUR_CALM);
    if (session->events->on_abuse)
        session->events->on_abuse(session->owner, abuse);
    return false;
}

bool http2_may_discard(struct http2_session *session, size_t bytes)
{
    return http2_guard_spend(&session->guard, HTTP2_RATE_DISCARD, (uint32_t)(bytes / 1024 + 1), session->now_ns);
}

/* A frame of padding alone is as good as empty. */
bool http2_data_received(struct http2_session *session, uint8_t flags, size_t length, size_t padding)
{
    bool is_empty = length > 0 && length <= padding && !(flags & HTTP2_FLAG_END_STREAM);
    return !is_empty || http2_count(session, HTTP2_ABUSE_EMPTY_FRAMES);
}

/* What we reset because the client broke a rule costs us as much as what it resets itself: who may not do the one
 * without end may not do the other. */
static bool is_their_fault(uint32_t code)
{
    return code == HTTP2_PROTOCOL_ERROR || code == HTTP2_FLOW_CONTROL_ERROR || code == HTTP2_STREAM_CLOSED ||
           code == HTTP2_FRAME_SIZE_ERROR || code == HTTP2_REFUSED_STREAM;
}

void http2_frame_sent(struct http2_session *session, struct http2_stream *stream, uint8_t type, uint8_t flags,
                      uint32_t length, uint32_t code)
{
    if (type == HTTP2_FRAME_RST_STREAM && is_their_fault(code))
        (void)http2_count(session, HTTP2_ABUSE_RESETS);
    bool is_data = type == HTTP2_FRAME_DATA && !session->is_frame_tiny;
    if (is_data || type == HTTP2_FRAME_HEADERS)
        http2_guard_earn_updates(&session->guard, UPDATES_EARNED + (is_data ? length / 1024 : 0), session->now_ns);
    if (is_data)
        http2_guard_earn(&session->guard, HTTP2_ABUSE_PINGS, 1);
    if (type == HTTP2_FRAME_HEADERS && session->is_client)
        http2_guard_earn(&session->guard, HTTP2_ABUSE_RESETS,
                         1); /* a request that is reset has cost its server as much */
    bool may_end = type == HTTP2_FRAME_DATA || type == HTTP2_FRAME_HEADERS;
    if (stream && may_end && flags & HTTP2_FLAG_END_STREAM)
        stream->has_body = false;
}

struct http2_stream *http2_stream_opened(struct http2_session *session, int32_t id)
{
    struct http2_stream *stream = session->events->on_open(session->owner);
    if (stream)
        http2_stream_attach(session, stream, id);
    return stream;
}

static void *memory_of(void *stream, size_t bytes)
{
    struct http2_stream *self = stream;
    return self->session->events->on_memory(self, bytes);
}

void http2_block_begun(struct http2_session *session, struct http2_stream *stream)
{
    session->guard.block_bytes = 0;
    session->is_in_trailers = stream->has_head;
    if (!stream->has_head)
        http2_head_begin(&session->builder, stream->head, &session->head_limits, memory_of, stream);
}

bool http2_field_received(struct http2_session *session, struct http2_stream *stream, struct slice name,
                          struct slice value)
{
    session->guard.block_bytes += name.len + value.len + HTTP2_FIELD_OVERHEAD;
    if (!http2_measure(session, HTTP2_ABUSE_HEADER_BYTES, session->guard.block_bytes))
        return false;
    if (!session->is_in_trailers)
        http2_head_add(&session->builder, name, value);
    else if (session->events->on_trailer && session->guard.block_bytes <= session->head_limits.head_bytes_max)
        session->events->on_trailer(stream, name, value);
    else if (session->events->on_trailer)
        session->events->on_trailer(stream, (struct slice){NULL, 0}, (struct slice){NULL, 0});
    return true;
}

void http2_block_ended(struct http2_session *session, struct http2_stream *stream, bool is_last)
{
    if (session->is_in_trailers)
        return;
    struct http2_head *builder = &session->builder;
    enum err err =
        session->is_client ? http2_head_end_response(builder, !is_last) : http2_head_end_request(builder, !is_last);
    stream->fault = builder->fault;
    stream->has_head = !session->is_client || stream->head->status >= 200;
    session->events->on_head(stream, err);
}

void http2_stream_attach(struct http2_session *session, struct http2_stream *stream, int32_t id)
{
    stream->session = session;
    stream->id = id;
    list_add_last(&session->streams, &stream->node);
    session->stream_count++;
}

void http2_stream_detach(struct http2_stream *stream)
{
    list_remove(&stream->node);
    stream->session->stream_count--;
    stream->session = NULL;
}

void http2_stream_closed(struct http2_stream *stream, uint32_t code)
{
    struct http2_session *session = stream->session;
    if (code == HTTP2_NO_ERROR)
        http2_guard_earn(&session->guard, HTTP2_ABUSE_RESETS, 1);
    http2_stream_detach(stream);
    session->events->on_close(stream, code);
}

bool http2_is_left_out(struct slice name, struct slice value, bool is_client)
{
    if (!http_is_token(name) || !http_is_value(value))
        return true;
    switch (http_field_parse(name)) {
    case HTTP_FIELD_CONNECTION:
    case HTTP_FIELD_KEEP_ALIVE:
    case HTTP_FIELD_PROXY_CONNECTION:
    case HTTP_FIELD_TRANSFER_ENCODING:
    case HTTP_FIELD_UPGRADE:
        return true;
    case HTTP_FIELD_HOST:
        return is_client;
    case HTTP_FIELD_TE:
        return !slice_equal_nocase(value, SLICE_LIT("trailers"));
    default:
        return false;
    }
}

/* Windows of the other side: a peer that gives back each frame by itself would have its window cut to shreds, were every
 * little rest of it used (RFC 1122 section 4.2.3.4). A small window from the start is the peer's wish. */

#define SPARED_WINDOW_MIN (8 * HTTP2_TINY_FRAME_BYTES)

bool http2_window_is_silly(const struct http2_stream *stream, size_t window_bytes, uint32_t whole_window_bytes)
{
    bool is_little = window_bytes < HTTP2_TINY_FRAME_BYTES && stream->left_bytes > window_bytes;
    return is_little && whole_window_bytes >= SPARED_WINDOW_MIN && !stream->takes_any_window;
}

void http2_window_opened(struct http2_session *session, int32_t id)
{
    LIST_EACH(node, &session->streams)
    {
        struct http2_stream *stream = CONTAINER_OF(node, struct http2_stream, node);
        if (!stream->is_sparing || (id != 0 && id != stream->id))
            continue;
        stream->is_sparing = false;
        http2_resume(stream);
    }
}

void http2_stop_sparing(struct http2_stream *stream)
{
    stream->takes_any_window = stream->is_sparing;
    stream->is_sparing = false;
    http2_resume(stream);
}
