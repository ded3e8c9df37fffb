/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of all frames that come, looked at before nghttp2 gets them: it does not show those that it ignores, and it
 * lets some things pass that RFC 9113 calls errors.
 *
 * Of the last STREAMS_KNOWN streams is known whether the client opened them and whether it has ended them. That is its own
 * doing, whatever of ours is still on its way to it: so what it sends on a stream that it has ended is an error beyond
 * doubt, and the connection ends with it, as section 5.4.1 allows for any. */
#include "lib/http2/session_int.h"

#define STREAMS_KNOWN        64
#define PRIORITY_BYTES       5 /* RFC 9113 section 6.3 */
#define PRIORITY_WATCH_BYTES (HTTP2_FRAME_HEAD_BYTES + 4)
#define STREAM_ID_MASK       0x7fffffff

static bool fail(struct http2_session *session, enum http2_code code)
{
    http2_terminate(session, code);
    return false;
}

static uint32_t id_at(const uint8_t *bytes)
{
    return ((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]) & STREAM_ID_MASK;
}

/* The bit of a stream that is known, else 0. Bit n is of the n-th before the last one. */
static uint64_t bit_of(const struct http2_guard *guard, uint32_t id)
{
    uint32_t age = (guard->stream_last - id) / 2;
    return id % 2 == 1 && id <= guard->stream_last && age < STREAMS_KNOWN ? UINT64_C(1) << age : 0;
}

/* RFC 9113 section 5.1.1: all idle streams before it are closed by it. */
static void open_stream(struct http2_guard *guard, uint32_t id)
{
    uint32_t distance = (id - guard->stream_last) / 2;
    guard->streams_opened = distance < STREAMS_KNOWN ? guard->streams_opened << distance : 0;
    guard->streams_ended = distance < STREAMS_KNOWN ? guard->streams_ended << distance : 0;
    guard->streams_opened |= 1;
    guard->stream_last = id;
}

/* Sections 5.1 and 5.1.1. */
static bool is_stream_open(struct http2_session *session, uint8_t type, uint8_t flags, uint32_t id)
{
    struct http2_guard *guard = &session->guard;
    if (session->is_client || id % 2 == 0)
        return true;
    if (type == HTTP2_FRAME_HEADERS && id > guard->stream_last)
        open_stream(guard, id);
    uint64_t bit = bit_of(guard, id);
    if (type == HTTP2_FRAME_RST_STREAM) {
        guard->streams_ended |= bit;
        return true;
    }
    if (bit && !(guard->streams_opened & bit))
        return fail(session, HTTP2_PROTOCOL_ERROR);
    if (guard->streams_ended & bit)
        return fail(session, HTTP2_STREAM_CLOSED);
    if (flags & HTTP2_FLAG_END_STREAM)
        guard->streams_ended |= bit;
    return true;
}

/* nghttp2 ignores priorities that are not RFC 9218's, with all that may be wrong with them: section 6.3 of RFC 9113,
 * section 5.3.1 of RFC 7540. */
static bool is_priority_sound(struct http2_session *session, uint32_t id, uint32_t parent)
{
    return id != 0 && id != parent ? true : fail(session, HTTP2_PROTOCOL_ERROR);
}

static bool frame_begun(struct http2_session *session, const uint8_t *head, size_t length)
{
    struct http2_guard *guard = &session->guard;
    uint8_t type = head[3];
    uint8_t flags = head[4];
    uint32_t id = id_at(head + 5);
    switch (type) {
    case HTTP2_FRAME_DATA:
        return is_stream_open(session, type, flags, id) &&
               (length > 0 || (flags & HTTP2_FLAG_END_STREAM) || http2_count(session, HTTP2_ABUSE_EMPTY_FRAMES));
    case HTTP2_FRAME_HEADERS:
        guard->block_frames = 0;
        http2_guard_earn(guard, HTTP2_ABUSE_PRIORITIES, 2);
        return is_stream_open(session, type, flags, id);
    case HTTP2_FRAME_CONTINUATION:
        return http2_measure(session, HTTP2_ABUSE_CONTINUATIONS, ++guard->block_frames);
    case HTTP2_FRAME_PRIORITY:
    case HTTP2_FRAME_PRIORITY_UPDATE:
        return http2_count(session, HTTP2_ABUSE_PRIORITIES);
    case HTTP2_FRAME_RST_STREAM:
        return is_stream_open(session, type, flags, id) && http2_count(session, HTTP2_ABUSE_RESETS);
    case HTTP2_FRAME_SETTINGS:
        return (flags & HTTP2_FLAG_ACK) || http2_count(session, HTTP2_ABUSE_SETTINGS);
    case HTTP2_FRAME_PING:
        return http2_count(session, HTTP2_ABUSE_PINGS);
    case HTTP2_FRAME_WINDOW_UPDATE:
        return http2_guard_spend_update(guard, session->now_ns) ||
               http2_measure(session, HTTP2_ABUSE_WINDOW_UPDATES, SIZE_MAX);
    case HTTP2_FRAME_PUSH_PROMISE:
    case HTTP2_FRAME_GOAWAY:
        return true;
    default:
        return http2_count(session, HTTP2_ABUSE_EMPTY_FRAMES);
    }
}

/* One more byte of a frame's head: RFC 9113 section 4.1. Of PRIORITY the stream it depends on belongs to it. */
static bool take_byte(struct http2_session *session, uint8_t byte)
{
    struct http2_guard *guard = &session->guard;
    const uint8_t *head = guard->head;
    guard->head[guard->head_bytes++] = byte;
    if (guard->head_bytes < HTTP2_FRAME_HEAD_BYTES)
        return true;
    uint32_t length = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    bool is_watched = head[3] == HTTP2_FRAME_PRIORITY && length == PRIORITY_BYTES;
    if (guard->head_bytes == HTTP2_FRAME_HEAD_BYTES) {
        guard->has_begun = true;
        if (!frame_begun(session, head, length))
            return false;
    } else if (guard->head_bytes == PRIORITY_WATCH_BYTES &&
               !is_priority_sound(session, id_at(head + 5), id_at(head + HTTP2_FRAME_HEAD_BYTES))) {
        return false;
    }
    if (is_watched && guard->head_bytes < PRIORITY_WATCH_BYTES)
        return true;
    guard->skip_bytes = length - (guard->head_bytes - HTTP2_FRAME_HEAD_BYTES);
    guard->head_bytes = 0;
    return true;
}

bool http2_frames_tracked(struct http2_session *session, struct slice input)
{
    struct http2_guard *guard = &session->guard;
    while (input.len > 0) {
        size_t skipped = MIN(guard->skip_bytes, input.len);
        guard->skip_bytes -= (uint32_t)skipped;
        input = slice_skip(input, skipped);
        if (input.len == 0)
            break;
        if (!take_byte(session, (uint8_t)input.ptr[0]))
            return false;
        input = slice_skip(input, 1);
    }
    return true;
}
