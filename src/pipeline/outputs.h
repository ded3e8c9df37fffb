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

#endif
