/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: bytes in, bytes out, and the clock on both. Implemented in accept/.
 *
 * Requests on it are answered one after the other. The receive buffer and the send buffer exist only while there is
 * something in them or a request is in flight. Responses to requests that came in one read leave in one send. */
#ifndef WEIR_PIPELINE_CONNECTION_H
#define WEIR_PIPELINE_CONNECTION_H

#include "lib/base/list.h"
#include "lib/http/http1.h"
#include "lib/sys/loop.h"

struct worker;
struct worker_listener;
struct request;

/* What a connection is waiting for; fixes the deadline. */
enum connection_phase {
    CONNECTION_NONE,    /* between two requests: the end of flow_input says what is next */
    CONNECTION_IDLE,    /* a request */
    CONNECTION_HEAD,    /* the rest of a head */
    CONNECTION_BODY,    /* the rest of a body */
    CONNECTION_RUN,     /* the response */
    CONNECTION_WRITE,   /* the client to take it */
    CONNECTION_DISCARD, /* the client to notice that no more is wanted: reads and drops, then closes */
};

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
    struct request *request;                /* the one being read or answered */
    struct connection_buffer in;
    struct connection_buffer out;
    struct http1_parser parser; /* its limits are those of the day the connection was opened */
    uint64_t phase_begin_ns;
    uint64_t seen_bytes; /* at phase_begin_ns, of the body or still to be sent: for progress */
    uint32_t request_count;
    uint8_t phase;
    bool is_closing;                  /* no further request after the current response */
    bool is_eof;                      /* the client will send no more */
    bool is_processing;               /* inside flow_input: sending and closing wait for its end */
    bool is_broken;                   /* to be closed at the end of flow_input */
    bool needs_discard;               /* unread input: closing at once would reset the response away */
    char peer_text[ADDRESS_TEXT_MAX]; /* without the port */
};

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
/* Room for `bytes` at the end of what will be sent; NULL without memory. The caller raises out.end. */
MUST_USE char *connection_reserve(struct connection *connection, size_t bytes);
/* Answers 503 without taking memory, if it can, and takes no further request. For when memory has run out. */
void connection_refuse(struct connection *connection);
/* At the end of flow_input: sends what is there and sets what is waited for next. May close the connection. */
void connection_flush(struct connection *connection);
/* Ends it now; inside flow_input, at its end. Its request, if any, is cancelled through flow_cancel. */
void connection_close(struct connection *connection);

#endif
