/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/flow.h"

void parse_refuse(struct request *request, const struct http_head *kept, enum http1_fault fault)
{
    struct http_header *headers = request->head.headers;
    enum http_method method = request->head.method;
    request->head = *kept;
    request->head.headers = headers;
    request->head.method = method;
    if (fault == HTTP1_FAULT_NONE)
        (void)request_fail_memory(request);
    else
        (void)request_fail(request, problem_of_status(http1_fault_status(fault)), "%s.", http1_fault_text(fault));
}
