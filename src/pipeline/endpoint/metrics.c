/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: all meters as text.
 *
 * A scrape visits every bucket of every histogram of every worker, which takes too long for an event loop. */
#include "lib/meter/exposition_accept.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/negotiate.h"

static enum err run(struct rendering *rendering);
static enum verdict conclude(struct request *request);

enum verdict endpoint_metrics(struct request *request)
{
    if (request->was_submitted)
        return conclude(request);
    struct slice accept = negotiate_accept(request);
    enum exposition_format format;
    if (!exposition_accept(accept, &format))
        return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                            "Accept is \"" SLICE_FMT "\"; metrics are text/plain; version=0.0.4 or "
                            "application/openmetrics-text; version=1.0.0.",
                            SLICE_ARG(slice_first(accept, 100)));
    return endpoint_render(request, run, (int)format);
}

static enum err run(struct rendering *rendering)
{
    const struct ports *ports = rendering->ports;
    return ports->metrics_render(ports->owner, rendering->form == EXPOSITION_OPENMETRICS, &rendering->text,
                                 &rendering->bytes);
}

static enum verdict conclude(struct request *request)
{
    const struct rendering *rendering = endpoint_rendered(request);
    if (rendering->err != ERR_OK)
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to render the metrics.");
    response_set(request, 200, exposition_content_type((enum exposition_format)rendering->form),
                 slice_of(rendering->text, rendering->bytes));
    return VERDICT_NEXT;
}
