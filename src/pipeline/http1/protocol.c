/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x on a connection: requests one after the other, each answered before the next is looked at.
 *
 * What was pipelined behind a request stays in the receive buffer, unparsed. Responses to all requests that came in one
 * read are in the send buffer together when the bracket ends, and leave in one send. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

static enum err open(struct connection *connection);
static void close(struct connection *connection);
static void work(struct connection *connection);
static struct iovec direct_buffer(const struct connection *connection);
static void direct_received(struct connection *connection, size_t bytes);
static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input);
static void on_expired(struct connection *connection);
static void refuse(struct connection *connection);
static void drain(struct connection *connection);
static void detach(struct request *request);
static void abort_response(struct request *request);

const struct protocol protocol_http1 = {
    .name = "HTTP/1.1",
    .open = open,
    .close = close,
    .work = work,
    .direct_buffer = direct_buffer,
    .direct_received = direct_received,
    .phase = phase,
    .on_expired = on_expired,
    .refuse = refuse,
    .drain = drain,
    .receive = http1_receive,
    .respond = http1_respond,
    .inform = http1_inform,
    .detach = detach,
    .abort = abort_response,
};

static bool step(struct connection *connection);
static bool begin(struct connection *connection);
static bool go_on(struct request *request);
static bool is_http2(const struct connection *connection);
static void turn(struct connection *connection);

static enum err open(struct connection *connection)
{
    struct limits_config *limits = &connection->worker->limits;
    struct http1_limits parser_limits = {
        .head_bytes_max = (uint32_t)limits->head_bytes,
        .target_bytes_max = (uint32_t)limits->target_bytes,
        .header_count_max = (uint16_t)limits->header_count,
    };
    http1_parser_init(&connection->parser, &parser_limits);
    return ERR_OK;
}

static void close(struct connection *connection)
{
    if (connection->request)
        flow_cancel(connection->request);
}

static CALLS_INLINE void work(struct connection *connection)
{
    while (!connection->is_broken && step(connection))
        continue;
}

/* True when a request was answered and the next may already be here. */
static bool step(struct connection *connection)
{
    if (!connection->request && !begin(connection))
        return false;
    struct request *request = connection->request;
    if (request->head.head_bytes > 0)
        return go_on(request) && !connection->request;
    if (UNLIKELY(is_http2(connection))) {
        turn(connection);
        return false;
    }
    enum err err = http1_read_head(request);
    if (err == ERR_AGAIN)
        return false;
    if (err != ERR_OK) {
        counter_add(&connection->worker->meter.requests_malformed, 1);
        connection_close_after(connection);
        request->stage = STAGE_format;
    }
    flow_start(request);
    return !connection->request;
}

/* The preface of HTTP/2, which RFC 9113 section 3.4 made such that no request line begins like it: the method PRI is
 * reserved for it. Within TLS a client asks for HTTP/2 by ALPN, and in no other way (section 3.2). */
static bool is_http2(const struct connection *connection)
{
    return connection->request_count == 0 && listen_speaks(connection->listener->config, LISTEN_H2) &&
           !connection_is_secure(connection) && slice_starts(connection_input(connection), SLICE_LIT("PRI "));
}

/* What was begun as a request was none. */
static RARELY_CALLED void turn(struct connection *connection)
{
    struct request *request = connection->request;
    connection->request = NULL;
    connection->open_requests--;
    request_release(request);
    connection_turn(connection, &protocol_http2);
}

/* Whether a next request has begun to arrive. */
static bool begin(struct connection *connection)
{
    if (connection_input(connection).len == 0 || connection->is_closing || connection_is_sending(connection))
        return false;
    connection->request = request_acquire(connection, connection->parser.limits.header_count_max);
    if (!connection->request) {
        refuse(connection);
        return false;
    }
    http1_parser_reset(&connection->parser);
    return true;
}

/* With what the request waits for, when that is its body or the client. */
static NOT_INLINE bool go_on(struct request *request)
{
    bool is_output_ready = request->is_waiting && request->stage == STAGE_respond && !request->is_source_dry;
    bool is_input_ready = http1_can_receive(request);
    if (is_input_ready && request->stage != STAGE_receive) {
        enum verdict verdict = http1_receive(request);
        if (verdict == VERDICT_FAIL) {
            flow_fail(request);
            return true;
        }
    }
    bool is_stage_ready = is_output_ready || (is_input_ready && request->stage == STAGE_receive);
    if (is_stage_ready)
        flow_resume(request);
    return is_stage_ready;
}

/* Input. */

static struct iovec direct_buffer(const struct connection *connection)
{
    const struct request *request = connection->request;
    if (!request || !request->body_memory || request->head.is_chunked)
        return (struct iovec){NULL, 0};
    return (struct iovec){request->body_memory + request->body_received,
                          request->body_capacity - request->body_received};
}

static void direct_received(struct connection *connection, size_t bytes)
{
    connection->request->body_received += bytes;
}

/* What follows from its request and its buffers. While a request runs nobody reads, so that the kernel says when the
 * client goes; and while the client does not take its responses, nothing more is answered. */
static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input)
{
    const struct request *request = connection->request;
    bool is_in_head = request && request->head.head_bytes == 0;
    bool is_in_body = request && !is_in_head && receive_is_reading(request);
    bool is_sending = connection_is_sending(connection);
    *ret_wants_input = !is_sending && (!request || is_in_head || is_in_body);
    if (request && !is_in_head && !is_in_body && !request->is_head_sent)
        return CONNECTION_RUN;
    if (is_sending)
        return CONNECTION_WRITE;
    if (is_in_body || is_in_head)
        return is_in_head ? CONNECTION_HEAD : CONNECTION_BODY;
    return request ? CONNECTION_STREAM : CONNECTION_IDLE;
}

static void on_expired(struct connection *connection)
{
    struct request *request = connection->request;
    if (connection->phase == CONNECTION_IDLE) {
        connection_close(connection);
        return;
    }
    bool is_late_client = connection->phase == CONNECTION_HEAD || connection->phase == CONNECTION_BODY;
    if (is_late_client) {
        counter_add(&connection->worker->meter.connections_timed_out, 1);
        connection_close_after(connection);
    }
    flow_expire(request, is_late_client ? PROBLEM_REQUEST_TIMEOUT : PROBLEM_DEADLINE);
}

/* Ends. */

static RARELY_CALLED void refuse(struct connection *connection)
{
    connection_refuse(connection, SLICE_LIT("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                            "Retry-After: 1\r\nConnection: close\r\n\r\n"));
}

/* A connection with a request ends with the response; an idle one gets a short time for a request that is on its way. */
static void drain(struct connection *connection)
{
    if (connection->phase == CONNECTION_IDLE)
        connection_set_phase(connection, CONNECTION_IDLE);
}

static RARELY_CALLED void keep_input(struct connection *connection, struct request *request)
{
    if (connection_park_input(connection, request) != ERR_OK)
        connection->is_broken = true;
}

/* What the request still needs of the receive buffer goes with it. */
static void detach(struct request *request)
{
    struct connection *connection = request->connection;
    connection_pin(connection, false);
    connection->request = NULL;
    connection->phase = CONNECTION_NONE; /* the next request must not inherit this one's deadline */
    if (UNLIKELY(request->holds || request->is_cancelled))
        keep_input(connection, request);
}

/* The end of the connection tells that a body with a length, or in chunks, was cut short (RFC 9112 section 8); what was
 * written so far goes out before. Where the end of the connection is the end of the body, only a reset tells. */
static void abort_response(struct request *request)
{
    struct connection *connection = request->connection;
    connection->is_closing = true;
    connection->is_resetting = !request->response.has_length && request->head.version_minor == 0;
}
