/* SPDX-License-Identifier: Apache-2.0 */
/* A ModelInferRequest, taken apart where it stands. Knows the model's declarations and no request, so that it can be fuzzed
 * alone.
 *
 * In three steps: infer_parse walks the message, which names the model; infer_check holds it against what the model declares,
 * and says what memory is needed; infer_fill writes an input there. The first mistake ends it: gRPC has one text for it. */
#ifndef WEIR_PIPELINE_GRPC_INFER_INT_H
#define WEIR_PIPELINE_GRPC_INFER_INT_H

#include "lib/protobuf/protobuf.h"
#include "pipeline/inference_parameter.h"
#include "pipeline/model.h"

#define INFER_ITEM_NONE UINT32_MAX

struct infer_input {
    struct slice name;
    struct slice datatype;
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t rank;
    struct tensor_parameters parameters;
    struct slice contents; /* InferTensorContents */
    bool has_contents;     /* if only empty ones */
    struct slice raw;      /* its part of raw_input_contents */
    bool has_raw;
};

struct infer_output {
    struct slice name;
    struct tensor_parameters parameters;
};

/* Only what the counts say is there. */
struct infer_message {
    struct arena *arena; /* borrowed, as is `fault` */
    struct text *fault;  /* what is wrong, in a sentence */
    struct slice model_name;
    struct slice model_version;
    struct inference inference;
    uint32_t input_count;
    uint32_t output_count;
    uint32_t raw_count;
    struct infer_input inputs[MODEL_TENSORS_MAX];
    struct infer_output outputs[MODEL_TENSORS_MAX];
    struct slice raws[MODEL_TENSORS_MAX];

    /* Of infer_check. */
    uint32_t items[MODEL_TENSORS_MAX]; /* by index of the model's input: which of `inputs` it is, or INFER_ITEM_NONE */
    struct output_wish wishes[MODEL_TENSORS_MAX]; /* as many as inference.output_count */
};

/* `arena` and `fault` are set, all before `inputs` is zero. ERR_SYNTAX: it is no such message; ERR_INVALID: `fault` says
 * what is wrong; ERR_NOMEM. */
MUST_USE enum err infer_parse(struct infer_message *message, struct slice bytes);
/* Then every input of the model, but for those that are written where they are not given, has an item, whose dims fit, and whose data have as many elements, each of no more than
 * bytes_max. ERR_INVALID. */
MUST_USE enum err infer_check(struct infer_message *message, const struct model_info *model, uint64_t bytes_max);
/* Writes the elements of the model's input `index` to `data`, which has room for them; those of BYTES point into the
 * message. ERR_INVALID. */
MUST_USE enum err infer_fill(struct infer_message *message, const struct model_info *model, uint32_t index, void *data);

/* Whether raw contents are values of their type. ERR_INVALID. */
MUST_USE enum err infer_check_raw(struct infer_message *message, const struct tensor_spec *spec,
                                  const struct infer_input *input);

/* infer_contents.c: how many elements a datatype has in typed contents. ERR_INVALID: they stand in the field of another. */
MUST_USE enum err infer_contents_count(struct infer_message *message, const struct tensor_spec *spec,
                                       struct slice contents, uint64_t *ret_count);
/* Writes as many. */
MUST_USE enum err infer_contents_fill(struct infer_message *message, const struct tensor_spec *spec,
                                      struct slice contents, void *data);

#endif
