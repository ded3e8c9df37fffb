/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 (RFC 9113) without I/O, server and client side: bytes in, events out, bytes out by pull. A thin codec over
 * nghttp2, whose types do not show; what it adds are heads as struct http_head, memory from free lists, limits against
 * floods, and a body that goes from its source into the caller's send buffer without a stop in between.
 *
 * Everything of one struct http2_context belongs to one thread. Events are called from within http2_receive and
 * http2_send; they may call everything here but those two and http2_destroy. */
#ifndef WEIR_LIB_HTTP2_HTTP2_H
#define WEIR_LIB_HTTP2_HTTP2_H

#include "lib/base/list.h"
#include "lib/http/http2_head.h"

#define HTTP2_PREFACE          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_SEND_BYTES_MIN   512         /* http2_send writes nothing into less */
#define HTTP2_SEND_BYTES_MOST  (16384 + 9) /* more than it ever needs at a time */
#define HTTP2_FIELDS_MAX       1024        /* of a head or of trailers that we send */
#define HTTP2_WINDOW_BYTES_MIN 65535

/* RFC 9113 section 7. */
enum http2_code {
    HTTP2_NO_ERROR,
    HTTP2_PROTOCOL_ERROR,
    HTTP2_INTERNAL_ERROR,
    HTTP2_FLOW_CONTROL_ERROR,
    HTTP2_SETTINGS_TIMEOUT,
    HTTP2_STREAM_CLOSED,
    HTTP2_FRAME_SIZE_ERROR,
    HTTP2_REFUSED_STREAM,
    HTTP2_CANCEL,
    HTTP2_COMPRESSION_ERROR,
    HTTP2_CONNECT_ERROR,
    HTTP2_ENHANCE_YOUR_CALM,
    HTTP2_INADEQUATE_SECURITY,
    HTTP2_HTTP_1_1_REQUIRED,
};

enum http2_abuse {
#define ABUSE(name, field, fallback, what, more) HTTP2_ABUSE_##name,
#include "lib/http2/abuses.def"
#undef ABUSE
    HTTP2_ABUSE_COUNT,
};

/* "resets"; a static string. */
const char *http2_abuse_name(enum http2_abuse abuse);

struct http2_limits {
    struct http2_head_limits head; /* head_bytes_max is announced as SETTINGS_MAX_HEADER_LIST_SIZE */
    uint32_t streams_max;          /* open at a time, SETTINGS_MAX_CONCURRENT_STREAMS */
    uint32_t stream_window_bytes;  /* that one peer may have under way to us, HTTP2_WINDOW_BYTES_MIN .. 2^31 - 1 */
    uint32_t connection_window_bytes;
    uint32_t discard_bytes; /* at once and in 30 s, of bodies whose requests are answered; then RST_STREAM */
#define ABUSE(name, field, fallback, what, more) uint32_t field;
#include "lib/http2/abuses.def"
#undef ABUSE
};

/* Everything but `head`: what the rows of abuses.def say, 100 streams, windows of 64 KiB and 1 MiB. */
void http2_limits_default(struct http2_limits *ret_limits);

struct http2_context;
struct http2_session;

/* A request and its response. In memory of the caller, who gives it in on_open or to http2_request, and gets it back
 * with on_close or by http2_reset: then `session` is NULL, and all functions on it do nothing. */
struct http2_stream {
    struct http2_session *session;
    struct list node;       /* of the session's */
    struct http_head *head; /* set by the caller, as its `headers` */
    uint64_t left_bytes;    /* of our body, set by the caller before it is pulled; UINT64_MAX: nobody knows */
    uint32_t unconsumed_bytes;
    int32_t id;
    enum http1_fault fault; /* of a head that was refused */
    bool has_head;          /* the head is complete; of a response: the final one */
    bool has_data;          /* something of the body has come */
    bool has_ended;         /* the other side will send no more */
    bool has_trailers;      /* ours come behind the body */
    bool has_body;          /* there may be more of ours to be pulled */
    bool is_sparing;        /* ours waits for more window than the silly little that is left */
    bool takes_any_window;  /* and has waited enough */
};

/* What happens. Streams that were given up have no events. */
struct http2_events {
    /* Server: a request begins. Where its head goes: a zeroed stream with `head` set; NULL refuses it. */
    struct http2_stream *(*on_open)(void *owner);
    /* Memory for fields, which lives as long as the head is wanted; NULL when there is no more. */
    void *(*on_memory)(struct http2_stream *stream, size_t bytes);
    /* The head is complete; has_body says whether more comes. Other than ERR_OK: it is refused for stream->fault, or for
     * want of memory (ERR_NOMEM), and the request is to be answered accordingly. Client: also for each 1xx. */
    void (*on_head)(struct http2_stream *stream, enum err err);
    /* Bytes of the body, where they stand in the input of http2_receive; http2_consumed asks for more of them. */
    void (*on_data)(struct http2_stream *stream, struct slice data);
    /* A trailer field; with an empty name one that is left out, because all together are larger than a head may be. NULL
     * drops them. */
    void (*on_trailer)(struct http2_stream *stream, struct slice name, struct slice value);
    /* The other side has sent its last byte. */
    void (*on_end)(struct http2_stream *stream);
    /* The next bytes of our body: up to `capacity` of them. ERR_OK: some. ERR_AGAIN: none now, http2_resume will tell.
     * ERR_EOF: *ret_bytes, which may be 0, were the last ones; http2_send_trailers may have been called just before.
     * Anything else resets the stream with INTERNAL_ERROR. */
    enum err (*on_read)(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes);
    /* It is over: both sides have ended (NO_ERROR), or it was reset by whichever side, or the connection has ended. */
    void (*on_close)(struct http2_stream *stream, uint32_t code);
    /* The other side will take (client) or make (server) no further stream. May be NULL. */
    void (*on_goaway)(void *owner, uint32_t code);
    /* A limit of abuses.def was exceeded; the connection is ending. May be NULL. */
    void (*on_abuse)(void *owner, enum http2_abuse abuse);
};

struct http2_field {
    struct slice name; /* in any case of letters */
    struct slice value;
};

/* What sessions of a thread share. Memory out at a time is bounded by memory_bytes_max, memory kept by
 * cache_bytes_max. */
MUST_USE enum err http2_context_create(size_t cache_bytes_max, size_t memory_bytes_max,
                                       struct http2_context **ret_context);
/* After its sessions. NULL is accepted. */
void http2_context_destroy(struct http2_context *context);
/* How often the system was asked for memory: flat once warm. */
uint64_t http2_context_mallocs(const struct http2_context *context);
/* Memory out: of all sessions. */
size_t http2_context_bytes(const struct http2_context *context);
/* Gives kept memory back to the system. */
void http2_context_trim(struct http2_context *context, size_t keep_bytes);

struct http2_options {
    struct http2_context *context;
    const struct http2_events *events; /* borrowed */
    void *owner;
    const struct http2_limits *limits; /* copied */
    bool is_client;
};

/* The first thing to do is http2_send. ERR_NOMEM. */
MUST_USE enum err http2_create(const struct http2_options *options, struct http2_session **ret_session);
/* Streams that are still open are closed without an event. NULL is accepted. */
void http2_destroy(struct http2_session *session);

/* Takes all of `input`, which for a server begins with the preface. ERR_CLOSED: the connection has failed or been
 * failed for abuse; nothing more is to be received, and it is to be closed when what http2_send gives is sent. */
MUST_USE enum err http2_receive(struct http2_session *session, struct slice input, uint64_t now_ns);
/* Writes what is due and returns how much it was. No frame of a body is made smaller than it could be for want of room:
 * clients that give each frame's window back by itself would be served in such pieces for ever. So it stops early when
 * there is less room than http2_send_room says. */
size_t http2_send(struct http2_session *session, char *place, size_t capacity);
/* The least capacity with which http2_send goes on, HTTP2_SEND_BYTES_MOST at most. */
size_t http2_send_room(const struct http2_session *session);
/* Whether http2_send would write something, given room. */
bool http2_wants_to_send(const struct http2_session *session);
/* Nothing is left to be sent or received: to be closed. */
bool http2_is_over(const struct http2_session *session);
/* The peer has begun to speak HTTP/2: its preface and the head of its first frame are here. */
bool http2_is_greeted(const struct http2_session *session);
/* The peer has said by what rules it plays: its first SETTINGS are here. */
bool http2_has_settings(const struct http2_session *session);
/* How many streams the peer takes at a time, as far as it has said. */
uint32_t http2_peer_streams_max(const struct http2_session *session);
/* Streams that are open and not given up. */
uint32_t http2_stream_count(const struct http2_session *session);

/* Begins to end gracefully: the peer hears that no further stream is wanted (GOAWAY with the highest id), while those on
 * their way are still taken. Then, a round trip later, the second call: later ones are not taken. */
void http2_shut_down(struct http2_session *session, bool is_final);
/* Ends at once: GOAWAY, and nothing more. */
void http2_terminate(struct http2_session *session, enum http2_code code);

/* Server. `status` is 200..999. Names of fields are lowered. Left out are connection-specific fields (RFC 9113 section
 * 8.2.2), and those that could split a message: a name that is not a token, a value with a control character. With
 * has_body the body is pulled by on_read, stream->left_bytes of it. ERR_LIMIT: more than HTTP2_FIELDS_MAX; ERR_NOMEM. Then nothing is sent. What
 * a client still sends behind the end of the response is dropped; one that waits for a 100, or goes on beyond
 * limits.discard_bytes, hears NO_ERROR and may stop (section 8.1). */
MUST_USE enum err http2_respond(struct http2_stream *stream, int status, const struct http2_field *fields, size_t count,
                                bool has_body);
/* Server: an interim response, 1xx. Before http2_respond. */
MUST_USE enum err http2_inform(struct http2_stream *stream, int status, const struct http2_field *fields, size_t count);

struct http2_request {
    struct slice method;
    struct slice scheme;
    struct slice authority;
    struct slice path;
    const struct http2_field *fields; /* Host left out */
    size_t count;
    bool has_body;
};

/* Client: whether one more request may begin now. */
bool http2_can_request(const struct http2_session *session);
/* Client: begins a request in a zeroed stream with `head` set. Errors as for http2_respond; ERR_BUSY when
 * http2_can_request says no, ERR_INVALID when a pseudo-header field would be malformed. */
MUST_USE enum err http2_request(struct http2_session *session, struct http2_stream *stream,
                                const struct http2_request *request);

/* Both sides. From on_read only, which then returns ERR_EOF. */
MUST_USE enum err http2_send_trailers(struct http2_stream *stream, const struct http2_field *fields, size_t count);
/* After ERR_AGAIN of on_read: there may be more. */
void http2_resume(struct http2_stream *stream);
/* `bytes` of what on_data gave are no longer held: the peer may send as many more. */
void http2_consumed(struct http2_stream *stream, size_t bytes);
/* Gives the stream up: RST_STREAM if the peer does not think it closed, and no event any more. */
void http2_reset(struct http2_stream *stream, enum http2_code code);
/* Lets the stream end by itself, without an event: what was submitted and read is sent. Once on_read has said ERR_EOF, or
 * for a message without a body. */
void http2_release(struct http2_stream *stream);
/* If our body waits for more window although some is left (is_sparing): uses what there is, once. For a peer that gives
 * none before it has got all of the last. */
void http2_stop_sparing(struct http2_stream *stream);
/* Our body waits for the peer's window. */
bool http2_is_blocked(const struct http2_stream *stream);

#endif
