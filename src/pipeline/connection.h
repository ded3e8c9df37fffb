/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: bytes in, bytes out, and the clock on both. Implemented in accept/.
 *
 * What the bytes mean is its protocol's affair (protocol.h). The receive buffer and the send buffer exist only while
 * there is something in them or a request is in flight. Responses to requests that came in one read leave in one send. */
#ifndef WEIR_PIPELINE_CONNECTION_H
#define WEIR_PIPELINE_CONNECTION_H

#include "lib/base/ip.h"
#include "lib/base/list.h"
#include "lib/http/http1.h"
#include "lib/sys/loop.h"

struct worker;
struct worker_listener;
struct request;
struct protocol;
struct secure;
struct tls_peer;

/* What a connection is waiting for; fixes the deadline. */
enum connection_phase {
    CONNECTION_NONE,      /* between two requests: the end of the bracket says what is next */
    CONNECTION_HANDSHAKE, /* TLS */
    CONNECTION_IDLE,      /* a request */
    CONNECTION_HEAD,      /* the rest of a head */
    CONNECTION_BODY,      /* the rest of a body */
    CONNECTION_RUN,       /* the response */
    CONNECTION_STREAM,    /* more of a response that has begun; its source has a clock of its own */
    CONNECTION_WRITE,     /* the client to take it */
    CONNECTION_DISCARD,   /* the client to notice that no more is wanted: reads and drops, then closes */
};

enum connection_tls { CONNECTION_PLAIN, CONNECTION_TLS_1_2, CONNECTION_TLS_1_3 };

struct connection_buffer {
    char *ptr; /* of the worker's pool; NULL: none */
    size_t capacity;
    size_t begin; /* first byte that is not consumed or sent */
    size_t end;
    size_t pinned; /* receiving: bytes before it belong to the request in flight and stay where they are */
};

struct connection {
    struct stream stream;
    struct timer timer;
    struct list node; /* of the worker's connections */
    struct worker *worker;
    const struct worker_listener *listener; /* that it came in by; its settings may change with a reload */
    const struct protocol *protocol;
    void *protocol_state;    /* HTTP/2: its session */
    struct secure *secure;   /* TLS; NULL: none */
    struct request *request; /* HTTP/1: the one being read or answered */
    struct connection_buffer in;
    struct connection_buffer out;
    struct file_piece file;     /* to be sent behind `out` */
    struct http1_parser parser; /* HTTP/1; its limits are those of the day the connection was opened */
    uint32_t head_bytes_max;    /* of the day the connection was opened: what the receive buffer holds at least */
    uint64_t phase_begin_ns;
    uint64_t seen_bytes;    /* at phase_begin_ns, of the body or taken by the client: for progress */
    uint32_t request_count; /* so far */
    uint32_t open_requests; /* that have not left it */
    uint8_t phase;
    uint8_t tls;          /* enum connection_tls, once the handshake is over */
    bool is_closing;      /* no further request after the current response */
    bool is_eof;          /* the client will send no more */
    bool is_processing;   /* within a bracket: sending and closing wait for its end */
    bool is_broken;       /* to be closed at the end of the bracket */
    bool has_more_output; /* there is more to send, or something changed in the bracket: one more round */
    bool is_resetting;    /* ends with a reset, which a client cannot take for the end of a body */
    bool is_sending_file; /* `file` is with the stream, or the part of it that is left */
    bool needs_discard;   /* unread input: closing at once would reset the response away */
    bool is_counted;      /* among the connections of its client */
    struct ip peer;       /* the other side, or whom a PROXY header names; IP_NONE: at a unix socket */
};

/* Work on a connection is bracketed: sending and closing wait for the end of the outermost bracket, which also lets the
 * protocol take up what came meanwhile. After the outermost connection_leave the connection may be gone. */
MUST_USE static inline bool connection_enter(struct connection *connection)
{
    bool is_outermost = !connection->is_processing;
    connection->is_processing = true;
    return is_outermost;
}
void connection_leave(struct connection *connection, bool is_outermost);
/* An empty bracket: something has changed. */
void connection_process(struct connection *connection);

/* The connection speaks another protocol from here on, which begins with what is in the receive buffer. No request is
 * open. Within a bracket. */
void connection_turn(struct connection *connection, const struct protocol *protocol);

void connection_set_phase(struct connection *connection, enum connection_phase phase);
/* Everything received and not yet consumed. */
static inline struct slice connection_input(const struct connection *connection)
{
    return slice_of(connection->in.ptr + connection->in.begin, connection->in.end - connection->in.begin);
}
/* Moves on in the input; for the end of a head or of a body. */
void connection_consume(struct connection *connection, size_t bytes);
/* All that is before the unconsumed input belongs to the request and must not move; false undoes it. */
void connection_pin(struct connection *connection, bool is_pinned);
/* Bytes that fit behind the unconsumed input without moving it. */
size_t connection_room(const struct connection *connection);
/* Gives the receive buffer to the request, which keeps it to its end, and goes on in a new one that holds the
 * unconsumed input. ERR_NOMEM. */
MUST_USE enum err connection_park_input(struct connection *connection, struct request *request);
MUST_USE char *connection_reserve_more(struct connection *connection, size_t bytes);
/* Room for `bytes` at the end of what will be sent; NULL without memory. The caller raises out.end. */
MUST_USE static inline char *connection_reserve(struct connection *connection, size_t bytes)
{
    const struct connection_buffer *out = &connection->out;
    bool has_room = out->ptr && out->capacity - out->end >= bytes;
    return has_room ? out->ptr + out->end : connection_reserve_more(connection, bytes);
}
/* Bytes that are reserved and filled, and not yet with the kernel. */
size_t connection_unsent(const struct connection *connection);
/* Queues a range of a file behind what is reserved and filled; nothing more before it is sent. Not under TLS. */
void connection_send_file(struct connection *connection, struct file_piece piece);
/* The kernel has not taken all of what it was given, or a file has not been given to it yet. */
static inline bool connection_is_sending(const struct connection *connection)
{
    return connection->stream.unsent.len || connection->file.bytes;
}
/* No further request: the connection ends when all is sent, and what the client still sends until then is read and
 * dropped, so that the last response arrives. */
static inline void connection_close_after(struct connection *connection)
{
    connection->is_closing = true;
    connection->needs_discard = true;
}
/* For when memory has run out: sends `answer`, if it can without memory, and ends the connection after it. */
void connection_refuse(struct connection *connection, struct slice answer);
/* TLS is between the two. */
bool connection_is_secure(const struct connection *connection);
/* The client's certificate, which was verified; NULL: none. Lives as long as the connection. */
const struct tls_peer *connection_tls_peer(const struct connection *connection);
/* Ends it now; within a bracket, at its end. Its requests are cancelled. */
void connection_close(struct connection *connection);

#endif
