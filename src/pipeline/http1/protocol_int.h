/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIPELINE_HTTP1_PROTOCOL_INT_H
#define WEIR_PIPELINE_HTTP1_PROTOCOL_INT_H

#include "pipeline/flow.h"
#include "pipeline/protocol.h"

/* head.c: parses a head out of the receive buffer. ERR_OK: request->head and what follows from it are set and the head is
 * consumed. ERR_AGAIN. Else the problem is set. */
MUST_USE enum err http1_read_head(struct request *request);

/* body.c */
enum verdict http1_receive(struct request *request);
/* More of the body is here, or the sink has room for what was here before. */
bool http1_can_receive(const struct request *request);

/* response.c */
enum verdict http1_respond(struct request *request);
MUST_USE enum err http1_inform(struct request *request, int status, const struct response_field *fields,
                               uint32_t field_count);

#endif
