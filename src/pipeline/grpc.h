/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC: what the stages ask of it. Implemented in grpc/.
 *
 * A remote procedure is a route (rpcs.def), and its request passes the same stages as any other: middlewares, limits and
 * the schedule know no difference. Where a request came by gRPC, what was wrong with it is told by gRPC as well, also
 * when no route, or one to something else, was found. Only HTTP/2 has trailers both ways, so only there is it spoken. */
#ifndef WEIR_PIPELINE_GRPC_H
#define WEIR_PIPELINE_GRPC_H

#include "pipeline/request.h"

/* Its media type says so, and it came by HTTP/2. */
bool grpc_is_request(const struct request *request);

/* For the stage route: a request for a remote procedure that is none of gRPC fails, and so does one that is coded in a way
 * that nobody here knows; its deadline is set. */
void grpc_admit(struct request *request);

/* For the stage receive: the body is to be collected as a message. */
enum verdict grpc_expect_body(struct request *request);
/* For the stage decode: a ModelInferRequest into request->run and request->inference. */
enum verdict grpc_decode(struct request *request);
/* For the stage format: its outputs as a ModelInferResponse. */
enum verdict grpc_format(struct request *request);
/* For the stage endpoint: all other procedures. */
enum verdict grpc_endpoint(struct request *request);
/* For the stage respond: hands the answer to a message of a stream to the stream. */
enum verdict grpc_deliver(struct request *message);
/* For the stage format: the response that says request->problem. Cannot fail: without memory it says less. */
void grpc_problem(struct request *request);

#endif
