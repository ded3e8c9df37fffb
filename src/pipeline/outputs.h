/* SPDX-License-Identifier: Apache-2.0 */
/* What a response of the Open Inference Protocol v2 has to show of a run, on either wire. */
#ifndef WEIR_PIPELINE_OUTPUTS_H
#define WEIR_PIPELINE_OUTPUTS_H

#include "pipeline/request.h"

struct output {
    const struct tensor *tensor;    /* the run's, or made of it by classification */
    const struct output_wish *wish; /* NULL: nothing was said of it */
    bool is_binary;                 /* REST: behind the JSON */
};

/* In the order of the response: those that request->inference asks for, else all that the model has. FAIL without memory. */
enum verdict outputs_collect(struct request *request, struct output outputs[MODEL_TENSORS_MAX], uint32_t *ret_count);

/* The table of regions, for a request whose configuration allows shared memory; NULL for others. */
struct shared_regions *outputs_regions(const struct request *request);
/* Holds the regions of shared memory that outputs are to be written to, as long as the request lives: each wish's
 * shared.held. Otherwise *ret_index is the wish that cannot be, and `fault` says why: ERR_NOT_FOUND, ERR_LIMIT. Once a
 * request, when request->inference is complete. */
MUST_USE enum err outputs_hold_shared(struct request *request, uint32_t *ret_index, struct text *fault);
/* Writes those outputs there. FAIL where one does not fit. */
enum verdict outputs_write_shared(struct request *request, const struct output *outputs, uint32_t count);

#endif
