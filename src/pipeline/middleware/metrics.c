/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: counts a route's requests by status and measures how long they took.
 *
 * Every worker has its own meter of every route and is its only writer; a scrape adds them up. What is measured is the
 * time from the first byte of the head until the response was handed to the kernel, for refused and abandoned requests
 * too: a latency figure that leaves failures out looks best when everything fails. */
#include "pipeline/middleware/outcome_int.h"
#include "pipeline/worker.h"

static enum verdict on_request(struct request *request, const void *options, void *state);
static void on_complete(struct request *request, const void *options, void *state);

const struct middleware middleware_metrics = {
    .name = "metrics",
    .help = "Counts the route's requests by status and their duration",
    .place = PLACE_OBSERVE,
    .duty = DUTY_OPTIONAL,
    .on_request = on_request,
    .on_complete = on_complete,
};

/* NULL where nobody attached meters. */
static struct route_meter *meter_of(const struct request *request)
{
    struct route_meter *meters = request->route->meters;
    return meters ? &meters[request->worker->index] : NULL;
}

static enum verdict on_request(struct request *request, const void *options, void *state)
{
    (void)options;
    (void)state;
    struct route_meter *meter = meter_of(request);
    if (meter)
        gauge_add(&meter->in_flight, 1);
    return VERDICT_NEXT;
}

static void on_complete(struct request *request, const void *options, void *state)
{
    (void)options;
    (void)state;
    struct route_meter *meter = meter_of(request);
    if (!meter)
        return;
    int status = outcome_status(request);
    ASSERT(status >= METER_STATUS_MIN && status < METER_STATUS_MIN + METER_STATUS_COUNT, "a status has three digits");
    gauge_add(&meter->in_flight, -1);
    counter_add(&meter->requests[status - METER_STATUS_MIN], 1);
    histogram_record(&meter->request_time, request->end_ns - request->begin_ns);
}
