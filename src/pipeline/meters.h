/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane counts. Each struct has one writer, its worker; a scrape reads them all and adds up. */
#ifndef WEIR_PIPELINE_METERS_H
#define WEIR_PIPELINE_METERS_H

#include "lib/meter/counter.h"
#include "lib/meter/histogram.h"
#include "pipeline/stage.h"
#include "pipeline/stalls.h"

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
    struct histogram upstream_time; /* from handing a request on to the head of the response */
    struct counter tls_handshakes_failed[TLS_FAILURE_COUNT];
    struct stall_meter stalls;
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

/* Why a model gave no outputs. The words are Triton's, so that what watches one watches the other. */
enum model_failure {
    MODEL_FAILURE_REJECTED, /* never begun: queues full, or its deadline came first */
    MODEL_FAILURE_CANCELED, /* nobody wanted it any more */
    MODEL_FAILURE_BACKEND,  /* the runtime failed */
    MODEL_FAILURE_OTHER,
    MODEL_FAILURE_COUNT,
};

/* Executions of one size. */
struct batch_meter {
    struct counter count;
    struct counter gather_ns; /* summed, here and below */
    struct counter run_ns;
    struct counter scatter_ns;
};

#define METER_BATCH_ROWS_MAX 256

/* Of one model on one worker; written by the functions of model_meter.h. What is of jobs counts each run that was asked for, what
 * is of batches each execution, which is counted by the worker of its first job. */
struct model_meter {
    struct counter runs; /* jobs that were executed, failed ones included */
    struct counter rows; /* of jobs that succeeded */
    struct counter batches;
    struct counter batch_rows;                    /* of all batches, summed */
    struct counter failures[MODEL_FAILURE_COUNT]; /* jobs */
    struct counter success_ns;                    /* from submit to the end of scattering, summed */
    struct counter failure_ns;
    struct counter sequences_begun;
    struct counter sequences_expired;
    struct counter sequences_refused;
    struct counter cache_hits;
    struct counter cache_misses;
    struct counter cache_joined; /* waited for a request that ran already */
    struct counter cache_evicted;
    struct gauge cache_entries;
    struct gauge cache_bytes; /* of its memory, free blocks included */
    struct gauge in_flight;
    struct gauge last_ns;        /* when a job last succeeded, of the loop's clock; 0: never */
    struct histogram queue_time; /* from submit to the start of the batch; of jobs that succeeded, here and below */
    struct histogram gather_time;
    struct histogram run_time; /* inside the runtime */
    struct histogram scatter_time;
    struct histogram format_time; /* outputs to the response's body, with what the chain does to it */
    struct batch_meter sizes[METER_BATCH_ROWS_MAX + 1]; /* by rows; [0]: of more than METER_BATCH_ROWS_MAX */
};

/* Of one step of a pipeline on one worker. */
struct step_meter {
    struct histogram
        time; /* from its inputs being there and it being begun to its end, waiting for a thread included */
    struct counter failures;
};

#endif
