/* SPDX-License-Identifier: Apache-2.0 */
/* One stream is one request. What HTTP/2 needs beside struct request stands in its arena, from the first field of the
 * head until the request leaves the connection. */
#ifndef WEIR_PIPELINE_HTTP2_PROTOCOL_INT_H
#define WEIR_PIPELINE_HTTP2_PROTOCOL_INT_H

#include "lib/http2/http2.h"
#include "pipeline/flow.h"
#include "pipeline/protocol.h"
#include "pipeline/worker.h"

struct http2_worker {
    struct slab connections;
};

struct http2_connection {
    struct http2_session *session;
    struct connection *connection;
    struct list exchanges;         /* all */
    struct list undelivered;       /* bytes or the end of the body wait for whoever takes it */
    struct list done;              /* the last byte of the response is in the send buffer */
    struct http2_exchange *active; /* whose event is being handled; NULL when it has gone meanwhile */
    struct timer drain_timer;
    uint16_t header_count_max; /* of the day the connection was opened */
    bool is_draining;
};

struct http2_exchange {
    struct http2_stream stream;
    struct request *request;
    struct http2_connection *owner;
    struct list node;
    struct list undelivered_node;
    struct list done_node;
    struct timer timer; /* clock.c */
    uint64_t begin_ns;  /* of the head */
    uint64_t ready_ns;  /* the last byte of head or body was received */
    uint64_t taken_ns;  /* request->sent_bytes was taken_bytes then; since then it was the client who was waited for */
    uint64_t taken_bytes;
    uint64_t rated_ns; /* body_received was rated_bytes then */
    size_t rated_bytes;
    struct slice arrived; /* of the body, in the receive buffer, while on_data is on the stack */
    struct slice left;    /* of response.body */
    char *held;           /* of the body, in memory of the worker's pool: arrived and not taken yet */
    size_t held_begin;
    size_t held_end;
    size_t held_capacity;
    bool is_done;    /* no more is to be pulled: all was, or it cannot be */
    bool is_reading; /* the source is asked for more */
    bool is_resumed; /* and said meanwhile that there is more */
};

/* worker.c: makes worker->http2, if it is not there yet. ERR_NOMEM. */
MUST_USE enum err http2_worker_init(struct worker *worker);

/* clock.c: from now on the client is measured by what it takes of the response. */
void http2_clock_measure(struct http2_exchange *exchange);

/* request.c: events of the codec about heads, ends of streams, and their memory. */
struct http2_stream *http2_pipe_open(void *owner);
void *http2_pipe_memory(struct http2_stream *stream, size_t bytes);
void http2_pipe_head(struct http2_stream *stream, enum err err);
void http2_pipe_close(struct http2_stream *stream, uint32_t code);
/* The request leaves the connection. */
void http2_pipe_detach(struct request *request);
/* Tells the client that the response that has begun will not end. */
void http2_pipe_abort(struct request *request);

/* body.c */
void http2_pipe_data(struct http2_stream *stream, struct slice data);
void http2_pipe_trailer(struct http2_stream *stream, struct slice name, struct slice value);
void http2_pipe_end(struct http2_stream *stream);
enum verdict http2_pipe_receive(struct request *request);
/* Hands on what is undelivered, wherever it is wanted by now. */
void http2_pipe_deliver(struct http2_connection *self);

/* response.c */
enum verdict http2_pipe_respond(struct request *request);
MUST_USE enum err http2_pipe_inform(struct request *request, int status, const struct response_field *fields,
                                    uint32_t field_count);
enum err http2_pipe_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes);
/* Ends the requests whose responses are in the send buffer. */
void http2_pipe_finish(struct http2_connection *self);

/* clock.c: how long a stream may take. */
void http2_clock_start(struct http2_exchange *exchange);
/* The request is complete. */
void http2_clock_ready(struct http2_exchange *exchange);

static inline struct http2_exchange *http2_exchange_of(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct http2_exchange, stream);
}

static inline uint64_t http2_now_ns(const struct http2_exchange *exchange)
{
    return exchange->request->worker->loop.now_ns;
}

#endif
