/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec refuses is answered by its own status and text. */
#include "pipeline/http1/protocol_int.h"
#include "pipeline/worker.h"

enum err http1_read_head(struct request *request)
{
    struct connection *connection = request->connection;
    enum err err = http1_request_parse(&connection->parser, connection_input(connection), &request->head);
    if (err == ERR_AGAIN)
        return err;
    if (err != ERR_OK) {
        parse_refuse(request, &(struct http_head){.version_major = 1, .version_minor = 1}, connection->parser.fault);
        return http1_fault_err(connection->parser.fault);
    }
    request->received_bytes = request->head.head_bytes;
    connection_consume(connection, request->head.head_bytes);
    connection_pin(connection, true);
    connection->request_count++;
    request->stage = STAGE_route;
    request->is_timed = request->head.has_body || loop_is_watched_closely(&request->worker->loop);
    request->stage_begin_ns = request->worker->loop.now_ns;
    return parse_target(request);
}
