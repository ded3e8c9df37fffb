/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks of a model beside the tensors, whichever wire it came by: the Open Inference Protocol v2 as JSON, as
 * JSON with binary tensors, or as gRPC. decode writes it, schedule and format read it; zero is a request that asks for
 * nothing in particular. Texts are slices of the request's body or arena. */
#ifndef WEIR_PIPELINE_INFERENCE_H
#define WEIR_PIPELINE_INFERENCE_H

#include "pipeline/tensor.h"

/* Part of a registered region of shared memory that a tensor is read from or written to; no region: not shared. */
struct shared_region;
struct shared_range {
    struct slice region;
    uint64_t offset;
    uint64_t bytes;
    struct shared_region *held; /* of an output, while its request is under way */
};

/* One output that a response is to have. */
struct output_wish {
    uint32_t index;   /* of the model's output */
    uint32_t classes; /* classification: the best so many as "score:index:label"; 0: the tensor itself */
    bool is_binary;   /* behind the JSON instead of in it */
    struct shared_range shared;
};

struct inference {
    struct slice id;                   /* which the response repeats; {NULL, 0}: none */
    const struct output_wish *outputs; /* in the order of the response; at most MODEL_TENSORS_MAX */
    uint32_t output_count;             /* 0: all outputs, as is_binary says */
    bool is_binary;                    /* what is said of no output: behind the JSON */
    uint32_t priority;                 /* 1 is served first; 0: the model's default */
    uint64_t timeout_ns;               /* from the arrival of the request; 0: none of its own */
    struct slice sequence; /* the correlation id of a stateful model, a number as its digits; {NULL, 0}: none */
    bool is_sequence_start;
    bool is_sequence_end;
};

#endif
