/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane counts. Each struct has one writer, its worker; a scrape reads them all and adds up. */
#ifndef WEIR_PIPELINE_METERS_H
#define WEIR_PIPELINE_METERS_H

#include "lib/meter/counter.h"
#include "lib/meter/histogram.h"
#include "pipeline/stage.h"

#define METER_STATUS_MIN   100
#define METER_STATUS_COUNT 500 /* 100..599 */

enum tls_failure_reason {
#define TLS_FAILURE(name) TLS_FAILURE_##name,
#include "pipeline/tls_failures.def"
#undef TLS_FAILURE
    TLS_FAILURE_COUNT,
};

/* Worker-wide; the unlabelled metrics are rows of metrics.def. */
struct worker_meter {
#define METER_KIND_COUNTER             struct counter
#define METER_KIND_GAUGE               struct gauge
#define METRIC(name, kind, unit, help) METER_KIND_##kind name;
#include "pipeline/metrics.def"
#undef METRIC
#undef METER_KIND_COUNTER
#undef METER_KIND_GAUGE
    struct histogram stage_time[STAGE_COUNT];
    struct counter tls_handshakes_failed[TLS_FAILURE_COUNT];
};

/* What became of what did not fit the contract of a route. */
enum contract_event {
    CONTRACT_REQUEST_REFUSED,
    CONTRACT_REQUEST_REPORTED,
    CONTRACT_RESPONSE_REFUSED,
    CONTRACT_RESPONSE_REPORTED,
    CONTRACT_EVENT_COUNT,
};

/* Of one route on one worker, written by the middleware `metrics`. */
struct route_meter {
    struct counter requests[METER_STATUS_COUNT]; /* by status */
    struct histogram request_time;               /* first byte of the head to the response handed over */
    struct gauge in_flight;
    struct counter contract[CONTRACT_EVENT_COUNT]; /* written by the stage validate */
};

/* Of one model on one worker. */
struct model_meter {
    struct counter runs;
    struct counter failures;
    struct gauge in_flight;
    struct histogram run_time;   /* inside the runtime */
    struct histogram queue_time; /* from submit to the start of the run */
};

#endif
