/* SPDX-License-Identifier: Apache-2.0 */
/* A stage is one function on a request. Stages never call each other; flow.c alone knows the order (stages.def). */
#ifndef WEIR_PIPELINE_STAGE_H
#define WEIR_PIPELINE_STAGE_H

struct request;

enum verdict {
    VERDICT_NEXT,   /* done: go on to the next stage */
    VERDICT_WAIT,   /* somebody holds the request and will call flow_resume; the stage is then called again */
    VERDICT_ANSWER, /* the response is ready: skip to format */
    VERDICT_FAIL,   /* request->error says why: skip to format, which makes a problem of it */
};

enum stage {
#define STAGE(name, help) STAGE_##name,
#include "pipeline/stages.def"
#undef STAGE
    STAGE_COUNT
};

typedef enum verdict (*stage_run)(struct request *request);

/* "route", "decode": for metrics and logs. */
const char *stage_name(enum stage stage);

#endif
