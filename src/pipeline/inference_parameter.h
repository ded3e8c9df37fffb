/* SPDX-License-Identifier: Apache-2.0 */
/* The `parameters` of an inference: of the request, of an input, of an output. Both wires of the Open Inference Protocol v2
 * have them, as members of JSON objects or as a map of protobuf messages; either makes a struct parameter of each, and
 * what it means is decided here.
 *
 * A name that nobody knows is passed over: backends of other servers have parameters of their own, and clients send them
 * to all. Names that begin with "triton_" are the protocol's to give out, and those that it has not given out are refused. */
#ifndef WEIR_PIPELINE_INFERENCE_PARAMETER_H
#define WEIR_PIPELINE_INFERENCE_PARAMETER_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "pipeline/inference.h"

enum parameter_kind {
    PARAMETER_BOOL,
    PARAMETER_WHOLE,    /* from 0 on */
    PARAMETER_NEGATIVE, /* whole */
    PARAMETER_REAL,
    PARAMETER_TEXT,
    PARAMETER_OTHER, /* that no parameter may be */
};

struct parameter {
    struct slice name;
    enum parameter_kind kind;
    bool is_true;      /* of BOOL */
    uint64_t number;   /* of WHOLE */
    int64_t negative;  /* of NEGATIVE */
    struct slice text; /* of TEXT; borrowed for as long as the inference */
    const char *found; /* for messages: "a string" */
};

/* Of the request. ERR_INVALID: `fault` says what was expected; ERR_NOMEM of the arena. */
MUST_USE enum err inference_parameter_take(struct inference *inference, const struct parameter *parameter,
                                           struct arena *arena, struct text *fault);

/* What parameters say of one input or output. */
struct tensor_parameters {
    uint64_t binary_bytes; /* of an input: binary_data_size */
    uint64_t classes;      /* of an output: classification */
    struct shared_range shared;
    bool has_binary_bytes;
    bool has_binary; /* of an output: binary_data */
    bool is_binary;
    bool has_shared_offset;
    bool has_shared_bytes;
};
/* ERR_INVALID: `fault` says what was expected. */
MUST_USE enum err tensor_parameter_take(struct tensor_parameters *parameters, const struct parameter *parameter,
                                        struct text *fault);
/* Whether those of an input go together. ERR_INVALID: `fault` says what does not. */
MUST_USE enum err tensor_parameters_check(const struct tensor_parameters *parameters, struct text *fault);
/* The wish for an output that has them; request-wide `inference` says what is said of none. ERR_INVALID: `fault` says
 * what does not go together, or not with the output. */
MUST_USE enum err output_wish_make(const struct tensor_parameters *parameters, const struct inference *inference,
                                   const struct tensor_spec *spec, uint32_t index, struct output_wish *ret_wish,
                                   struct text *fault);

#endif
