/* SPDX-License-Identifier: Apache-2.0 */
/* The response goes the way that its request came. */
#include "pipeline/flow.h"
#include "pipeline/protocol.h"

enum verdict stage_respond(struct request *request)
{
    return request->connection ? request->connection->protocol->respond(request) : VERDICT_NEXT;
}
