/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every request its response: of a problem, of the outputs of a run, or the one a stage has made already. Then the
 * middlewares see it, backward. Nothing after this can fail any more, so a failure here becomes a problem here. */
#include "pipeline/format/format_int.h"

#include "pipeline/contract.h"
#include "pipeline/flow.h"
#include "pipeline/grpc.h"

static void make_response(struct request *request);

enum verdict stage_format(struct request *request)
{
    if (request->problem || !request->response.has_body)
        make_response(request);
    if (UNLIKELY(!request->problem && contract_checks_responses(request->route->contract)) &&
        validate_response(request) == VERDICT_FAIL)
        format_problem(request);
    if (request->config->server_header)
        response_field_add(request, "Server", SLICE_LIT("weir"));
    chain_response_head(request);
    chain_response_chunk(request, &request->response.body);
    return VERDICT_NEXT;
}

static enum verdict make_body(struct request *request)
{
    if (request->has_outputs && request->grpc)
        return grpc_format(request);
    if (request->has_outputs && chain_output(request) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (request->response.has_body)
        return VERDICT_NEXT;
    if (request->has_outputs)
        return format_tensors(request);
    return request_fail(request, PROBLEM_INTERNAL, "No stage has made a response.");
}

static RARELY_CALLED void make_response(struct request *request)
{
    if (!request->problem && make_body(request) == VERDICT_FAIL)
        ASSERT(request->problem, "whoever fails says why");
    if (request->problem)
        format_problem(request);
}
