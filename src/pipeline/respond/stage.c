/* SPDX-License-Identifier: Apache-2.0 */
/* The response goes the way that its request came: that of a part into the stream that it is a part of. */
#include "pipeline/flow.h"
#include "pipeline/grpc.h"
#include "pipeline/protocol.h"

enum verdict stage_respond(struct request *request)
{
    if (UNLIKELY(request->parent))
        return grpc_deliver(request);
    return request->connection ? request->connection->protocol->respond(request) : VERDICT_NEXT;
}
