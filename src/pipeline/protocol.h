/* SPDX-License-Identifier: Apache-2.0 */
/* How the requests of a connection come and how their responses leave: one const struct for HTTP/1.1 (http1/), one for
 * HTTP/2 (http2/). A connection has one from its beginning, and at most once turns to another.
 *
 * accept/ moves bytes and keeps the clock, the protocol makes requests of bytes and bytes of responses, and flow.c
 * carries a request from stage to stage; neither knows the inside of the other. Worker's thread only. */
#ifndef WEIR_PIPELINE_PROTOCOL_H
#define WEIR_PIPELINE_PROTOCOL_H

#include "pipeline/connection.h"
#include "pipeline/stage.h"

struct request;
struct response_field;

struct protocol {
    const char *name; /* "HTTP/1.1" */

    /* The connection begins, or turns to this protocol with what is in its receive buffer. ERR_NOMEM. */
    enum err (*open)(struct connection *connection);
    /* The connection ends: cancels its requests by flow_cancel and frees what open made. */
    void (*close)(struct connection *connection);
    /* There may be something to do: input, an end of input, room for output. Within a bracket (connection_enter). */
    void (*work)(struct connection *connection);
    /* Memory of a request that the next bytes belong into; an empty one: the receive buffer. Both are NULL
     * where all bytes go there. */
    struct iovec (*direct_buffer)(const struct connection *connection);
    /* So many bytes are in what direct_buffer gave. */
    void (*direct_received)(struct connection *connection, size_t bytes);
    /* What the connection waits for when `work` has nothing more to do, and whether it is to read meanwhile. */
    enum connection_phase (*phase)(const struct connection *connection, bool *ret_wants_input);
    /* The time of a phase is over that is the protocol's: IDLE, HEAD, BODY, RUN or STREAM. */
    void (*on_expired)(struct connection *connection);
    /* There is no memory to go on: says so to the client if it can, and takes no further request. */
    void (*refuse)(struct connection *connection);
    /* The worker drains: the client is told, where the protocol can, and the connection ends with what is in flight. */
    void (*drain)(struct connection *connection);

    /* Of a request, whose connection is there. */
    /* Takes what has arrived of the body: NEXT when it is complete, WAIT for more, FAIL. Into request->sink where there
     * is one, else into request->body. */
    enum verdict (*receive)(struct request *request);
    /* Sends head and body of request->response; WAIT while the client or the source is behind, then called again. */
    enum verdict (*respond)(struct request *request);
    /* Sends an interim response (RFC 9110 section 15.2) before that of request->response, with the next bracket. Other
     * than ERR_OK: it is dropped, because the client knows no such thing or takes nothing now, or for want of memory. */
    enum err (*inform)(struct request *request, int status, const struct response_field *fields, uint32_t field_count);
    /* The request is answered or cancelled and leaves its connection, which keeps nothing of it. */
    void (*detach)(struct request *request);
    /* The response has begun and cannot be completed: lets the client see it. */
    void (*abort)(struct request *request);
};

extern const struct protocol protocol_http1;
extern const struct protocol protocol_http2;

#endif
