/* SPDX-License-Identifier: Apache-2.0 */
/* Between http2.c, which speaks with nghttp2, and frames.c and events.c, which decide what a frame means to us. Functions here that
 * return false have failed the session: nothing more of it is to be received. */
#ifndef WEIR_LIB_HTTP2_SESSION_INT_H
#define WEIR_LIB_HTTP2_SESSION_INT_H

#include "lib/http2/guard_int.h"

struct nghttp2_session;

/* RFC 9113 section 6. */
enum http2_frame_type {
    HTTP2_FRAME_DATA,
    HTTP2_FRAME_HEADERS,
    HTTP2_FRAME_PRIORITY,
    HTTP2_FRAME_RST_STREAM,
    HTTP2_FRAME_SETTINGS,
    HTTP2_FRAME_PUSH_PROMISE,
    HTTP2_FRAME_PING,
    HTTP2_FRAME_GOAWAY,
    HTTP2_FRAME_WINDOW_UPDATE,
    HTTP2_FRAME_CONTINUATION,
};
#define HTTP2_FRAME_PRIORITY_UPDATE 0x10 /* RFC 9218 section 7.1 */
#define HTTP2_FLAG_ACK              1
#define HTTP2_FLAG_END_STREAM       1

/* A DATA frame of less than this that fills the client's window to the brim earns it nothing: it asked for that. */
#define HTTP2_TINY_FRAME_BYTES 512

struct http2_session {
    struct nghttp2_session *ng;
    struct http2_context *context;
    const struct http2_events *events;
    void *owner;
    struct http2_head_limits head_limits;
    struct http2_guard guard;
    struct http2_head builder;
    struct list streams;
    uint32_t stream_count;
    struct slice pending; /* of a frame that did not fit, in memory of nghttp2 that stays until its next frame */
    char *place;          /* while in http2_send: [place, place_end) is free */
    char *place_end;
    size_t room_wanted; /* for the next frame of a body; 0: not known */
    uint64_t now_ns;
    bool is_client;
    bool has_settings;   /* of the peer */
    bool is_failed;      /* nothing more is received */
    bool is_broken;      /* nothing more is sent either */
    bool is_in_trailers; /* the block being received */
    bool is_frame_tiny;  /* the DATA frame being sent */
};

/* One more, or a size: fails the session for it when it is too much. */
bool http2_count(struct http2_session *session, enum http2_abuse abuse);
bool http2_measure(struct http2_session *session, enum http2_abuse abuse, size_t size);

/* Looks at the heads of the frames in `input`, which is about to be received. */
bool http2_frames_tracked(struct http2_session *session, struct slice input);
/* Whether so much of a body that nobody wants any more is still worth reading. */
bool http2_may_discard(struct http2_session *session, size_t bytes);
/* A DATA frame has arrived. */
bool http2_data_received(struct http2_session *session, uint8_t flags, size_t length, size_t padding);
/* A frame of ours has left. `stream` may be NULL. */
void http2_frame_sent(struct http2_session *session, struct http2_stream *stream, uint8_t type, uint8_t flags,
                      uint32_t length, uint32_t code);

/* A header block: begins, gives fields, ends. */
struct http2_stream *http2_stream_opened(struct http2_session *session, int32_t id);
void http2_block_begun(struct http2_session *session, struct http2_stream *stream);
bool http2_field_received(struct http2_session *session, struct http2_stream *stream, struct slice name,
                          struct slice value);
void http2_block_ended(struct http2_session *session, struct http2_stream *stream, bool is_last);

/* The stream belongs to the session, and no longer. */
void http2_stream_attach(struct http2_session *session, struct http2_stream *stream, int32_t id);
void http2_stream_detach(struct http2_stream *stream);
void http2_stream_closed(struct http2_stream *stream, uint32_t code);

/* Whether a field that we are to send has no place in a message: RFC 9113 section 8.2; Host is what :authority says. */
bool http2_is_left_out(struct slice name, struct slice value, bool is_client);

/* The client waits for a 100 that will not come, now that the response is there. */
static inline bool http2_is_waiting(const struct http2_stream *stream)
{
    return stream->head->expects_continue && !stream->has_data && !stream->has_ended;
}

/* The caller's memory while in http2_send. */
static inline size_t http2_room(const struct http2_session *session)
{
    return (size_t)(session->place_end - session->place);
}

static inline void http2_write(struct http2_session *session, const void *bytes, size_t count)
{
    memcpy(session->place, bytes, count);
    session->place += count;
}

static inline void http2_write_pending(struct http2_session *session)
{
    size_t count = MIN(session->pending.len, http2_room(session));
    if (count > 0)
        http2_write(session, session->pending.ptr, count);
    session->pending = slice_skip(session->pending, count);
}

/* Whether so little of a window is not to be used for a stream with more to send. */
bool http2_window_is_silly(const struct http2_stream *stream, size_t window_bytes, uint32_t whole_window_bytes);
/* Goes on with what was spared. All streams when the window is the connection's, id 0, or windows have a new size. */
void http2_window_opened(struct http2_session *session, int32_t id);

#endif
