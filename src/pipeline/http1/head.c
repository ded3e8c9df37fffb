/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec refuses is answered by its own status and text. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

static enum err refuse(struct request *request, enum http1_fault fault);

enum err http1_read_head(struct request *request)
{
    struct connection *connection = request->connection;
    enum err err = http1_request_parse(&connection->parser, connection_input(connection), &request->head);
    if (err == ERR_AGAIN)
        return err;
    if (err != ERR_OK)
        return refuse(request, connection->parser.fault);
    request->received_bytes = request->head.head_bytes;
    connection_consume(connection, request->head.head_bytes);
    connection_pin(connection, true);
    connection->request_count++;
    request->stage = STAGE_route;
    request->is_timed = request->head.has_body;
    request->stage_begin_ns = request->worker->loop.now_ns;
    return parse_target(request);
}

/* The slices of a head that was refused are not to be looked at. */
static enum err refuse(struct request *request, enum http1_fault fault)
{
    enum err err = http1_fault_err(fault);
    struct http_header *headers = request->head.headers;
    enum http_method method = request->head.method; /* a HEAD is answered without a body, whatever was wrong */
    request->head = (struct http_head){.headers = headers, .method = method, .version_major = 1, .version_minor = 1};
    (void)request_fail(request, problem_of_status(http1_fault_status(fault)), "%s.", http1_fault_text(fault));
    return err;
}
