/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints `stalls` and `allocations`: what the server is doing, for whoever looks into it. */
#include "pipeline/endpoint/endpoint_int.h"

static enum err run(struct rendering *rendering)
{
    const struct ports *ports = rendering->ports;
    return ports->debug_render(ports->owner, (enum debug_document)rendering->form, &rendering->text, &rendering->bytes);
}

static enum verdict answer(struct request *request, enum debug_document document)
{
    if (!request->was_submitted)
        return endpoint_render(request, run, (int)document);
    const struct rendering *rendering = endpoint_rendered(request);
    if (rendering->err != ERR_OK)
        return request_fail_memory(request);
    response_field_add(request, "Cache-Control", SLICE_LIT("no-store"));
    response_set(request, 200, "application/json", slice_of(rendering->text, rendering->bytes));
    return VERDICT_NEXT;
}

enum verdict endpoint_stalls(struct request *request)
{
    return answer(request, DEBUG_STALLS);
}

enum verdict endpoint_allocations(struct request *request)
{
    return answer(request, DEBUG_ALLOCATIONS);
}
