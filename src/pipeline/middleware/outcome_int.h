/* SPDX-License-Identifier: Apache-2.0 */
/* How a request ended, for the middlewares that count and log. */
#ifndef WEIR_PIPELINE_MIDDLEWARE_OUTCOME_INT_H
#define WEIR_PIPELINE_MIDDLEWARE_OUTCOME_INT_H

#include "pipeline/request.h"

/* The status to book it under. A client that went away saw none, whatever was ready for it: 499. */
static inline int outcome_status(const struct request *request)
{
    if (request->is_cancelled)
        return problem_row(PROBLEM_CLIENT_CLOSED)->status;
    bool is_told_by_grpc = request->grpc && request->problem; /* under the 200 of HTTP */
    if (request->response.status && !is_told_by_grpc)
        return request->response.status;
    return problem_row(request->problem ? request->problem : PROBLEM_INTERNAL)->status;
}

#endif
