/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the stages, and nothing else: flow.c is the only place that knows it. Worker threads only. */
#ifndef WEIR_PIPELINE_FLOW_H
#define WEIR_PIPELINE_FLOW_H

#include "pipeline/connection.h"
#include "pipeline/request.h"

/* Bytes have come (or the end of input): parse and run what can be run. The connection may be closed on return. */
void flow_input(struct connection *connection);
/* The wait of a request is over: its stage is called again, and the rest after it. */
void flow_resume(struct request *request);
/* The client has gone, or its time is up without a response being possible. */
void flow_cancel(struct request *request);
/* The request's time is up: answer with the problem, whatever it is waiting for. */
void flow_expire(struct request *request, enum problem problem);

/* The stages (stages.def), each in its folder. */
#define STAGE(name, help) enum verdict stage_##name(struct request *request);
#include "pipeline/stages.def"
#undef STAGE

/* parse/: one head. ERR_OK: request->head and what follows from it are set and the head is consumed. ERR_AGAIN. Else
 * the problem is set. */
MUST_USE enum err parse_head(struct request *request);

/* chain/: the backward passes. */
enum verdict chain_output(struct request *request);
void chain_response_head(struct request *request);
void chain_response_chunk(struct request *request, struct slice *chunk);
void chain_complete(struct request *request);

#endif
