/* SPDX-License-Identifier: Apache-2.0 */
/* Tracing of inferences, as the trace extension of the Open Inference Protocol v2 has it: which requests are traced, and what
 * is noted of each. Settings hold for all models or for one; both wires read and change the same ones. A thread of the control
 * plane makes a file of the records (control/log/trace_log.h).
 *
 * Workers look at the settings without a lock; as long as nothing is traced that is one load. */
#ifndef WEIR_PIPELINE_TRACING_H
#define WEIR_PIPELINE_TRACING_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "pipeline/job.h"

#define TRACE_MODELS_MAX 256 /* that have settings of their own */
#define TRACE_RATE_FIRST 1000

struct request;
struct tracing;

struct trace_settings {
    bool is_on;             /* TIMESTAMPS, else OFF */
    uint64_t rate;          /* one request of so many; at least 1 */
    int64_t count;          /* how many are still to be traced; -1: no end */
    uint64_t log_frequency; /* a file of its own for each so many; 0: one file for all */
};

/* Bits, for what of the settings is meant. */
enum trace_setting { TRACE_LEVEL = 1, TRACE_RATE = 2, TRACE_COUNT = 4, TRACE_FREQUENCY = 8 };

/* Heap. ERR_NOMEM. */
MUST_USE enum err tracing_create(struct tracing **ret_tracing);
void tracing_destroy(struct tracing *tracing);

/* Those of a model, or, for an empty name, of all that have none of their own. Any thread, as below. */
struct trace_settings tracing_settings(const struct tracing *tracing, struct slice model);
/* Takes `set` of the settings; `cleared` become again what holds for all models, or what the server began with. ERR_LIMIT:
 * too many models have settings of their own. */
MUST_USE enum err tracing_change(struct tracing *tracing, struct slice model, const struct trace_settings *settings,
                                 uint32_t set, uint32_t cleared);

/* The points of time of a record, in their order. */
#define TRACE_POINTS(TRACE_POINT)                                                                                      \
    TRACE_POINT(HTTP_RECV_START)                                                                                       \
    TRACE_POINT(HTTP_RECV_END)                                                                                         \
    TRACE_POINT(REQUEST_START)                                                                                         \
    TRACE_POINT(QUEUE_START)                                                                                           \
    TRACE_POINT(COMPUTE_START)                                                                                         \
    TRACE_POINT(COMPUTE_INPUT_END)                                                                                     \
    TRACE_POINT(COMPUTE_OUTPUT_START)                                                                                  \
    TRACE_POINT(COMPUTE_END)                                                                                           \
    TRACE_POINT(REQUEST_END)                                                                                           \
    TRACE_POINT(HTTP_SEND_START)                                                                                       \
    TRACE_POINT(HTTP_SEND_END)

enum trace_point {
#define TRACE_POINT(name) TRACE_##name,
    TRACE_POINTS(TRACE_POINT)
#undef TRACE_POINT
        TRACE_POINT_COUNT
};

#define TRACE_MODEL_BYTES   128
#define TRACE_VERSION_BYTES 32
#define TRACE_ID_BYTES      64

struct trace_record {
    uint64_t id;
    uint64_t log_frequency;
    uint64_t at_ns[TRACE_POINT_COUNT]; /* of the loop's clock; 0: it did not come to that */
    uint8_t model_bytes;
    uint8_t version_bytes;
    uint8_t id_bytes;
    char model[TRACE_MODEL_BYTES];
    char version[TRACE_VERSION_BYTES];
    char request_id[TRACE_ID_BYTES]; /* the client's, cut to its share */
};

/* Decides whether the request is traced, whose model and inference are known and whose body is here: notes
 * request->trace_id. Worker's thread, as below. */
void trace_begin(struct request *request);
/* Hands on the record of a request that is traced and over. */
void trace_end(struct request *request);

#endif
