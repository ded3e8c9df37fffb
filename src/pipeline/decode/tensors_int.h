/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors out of a v2 request, in JSON or in binary behind it. Knows the model's declarations and no request, so that it can be fuzzed alone.
 *
 * In two steps, with the run of the model taken in between: tensors_check looks at everything but the numbers and says
 * what memory is needed; tensors_fill writes the numbers there. Both go on after a mistake, so that a client sees all of
 * them at once. */
#ifndef WEIR_PIPELINE_DECODE_TENSORS_INT_H
#define WEIR_PIPELINE_DECODE_TENSORS_INT_H

#include "pipeline/request.h"

/* An array of `data` that is not in the document but still where it was received. */
struct tensor_cut {
    size_t start; /* of its bracket, in the text */
    size_t end;
    const char *place; /* what the document has instead: an empty string, told by where it stands */
};

struct tensors_cuts {
    struct slice text; /* of the request */
    struct tensor_cut items[MODEL_TENSORS_MAX];
    uint32_t count;
    uint32_t used;
    uint32_t rank_max; /* how deep the limit on nesting lets arrays of data be */
};

/* Where the elements of an input are. */
enum tensor_source { TENSOR_IN_JSON, TENSOR_IN_TAIL, TENSOR_IN_SHARED_MEMORY };

/* What a request says about one input of the model. */
struct tensor_item {
    enum tensor_source source;
    yyjson_val *data;             /* in JSON: of texts, and where the fast way was not taken */
    const struct tensor_cut *cut; /* in JSON, else */
    struct slice binary;          /* in the tail */
    struct shared_range shared;   /* in shared memory */
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t position; /* in the request's `inputs` */
    bool is_given;
    bool is_nested; /* arrays in arrays, as the shape says; else flat */
};

struct tensors_plan {
    const struct model_info *model; /* borrowed, as all of these */
    struct arena *arena;            /* of the texts of faults */
    uint64_t bytes_max;             /* of one tensor */
    bool has_tail;                  /* a header says where it begins */
    struct slice tail;              /* what stands behind the JSON and no input has taken yet */

    struct tensor_item items[MODEL_TENSORS_MAX]; /* by index of the model's input */
    struct inference inference;
    struct output_wish outputs[MODEL_TENSORS_MAX]; /* what inference.outputs will be a copy of */
    struct tensors_cuts cuts;

    bool is_raw;     /* the tail is all there is */
    bool is_refused; /* something is wrong; faults say what, if there was memory to say it */
    struct request_fault faults[REQUEST_FAULTS_MAX];
    uint32_t fault_count;
};

/* The borrowed fields and the tail are set, all others zero. When nothing is refused, every input of the model has an item
 * whose dims fit its spec and whose data have as many elements, as far as that can be seen without looking at them. */
void tensors_check(struct tensors_plan *plan, yyjson_val *root);
/* The same for a body that is nothing but the one input's elements: the tail. */
void tensors_check_raw(struct tensors_plan *plan);
/* `data` holds the elements of items[input].dims. Nothing may be refused yet, but by other fills. Not for what is in
 * shared memory, which tensors_fill_shared has read. */
void tensors_fill(struct tensors_plan *plan, uint32_t input, void *data);

/* The fast way. Like tensors_check on the parsed text, but false when anything is wrong or odd: then `plan` is of no use any more,
 * and a fresh one is to be made by tensors_check. */
bool tensors_scan(struct tensors_plan *plan, struct slice text, const struct json_limits *limits);
/* Like tensors_fill for an item that has a cut. False when the numbers are not what they must be. */
bool tensors_read(const struct tensors_plan *plan, uint32_t input, void *data);
/* The cut that stands behind a value of the document; NULL: it is what it is. */
const struct tensor_cut *tensors_cut_of(struct tensors_plan *plan, yyjson_val *value);

/* Shared by tensors_*.c. */
#define TENSORS_POINTER_BYTES 160
void tensors_fault(struct tensors_plan *plan, const struct text *pointer, const char *format, ...) PRINTF_LIKE(3, 4);
/* "/inputs/2/data"; `memory` holds TENSORS_POINTER_BYTES. */
struct text tensors_pointer(char *memory, uint32_t position, const char *member);
/* The same for what stands at the root. */
struct text tensors_pointer_to(char *memory, const char *path);

/* tensors_parameters.c: of the request into plan->inference; of an input or output. False: something is refused. */
struct tensor_parameters;
void tensors_take_parameters(struct tensors_plan *plan, yyjson_val *root);
bool tensors_read_parameters(struct tensors_plan *plan, yyjson_val *tensor, const struct text *pointer,
                             struct tensor_parameters *ret_parameters);

/* tensors_binary.c: takes the input's part of the tail. */
void tensors_take_binary(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item,
                         uint64_t bytes);
/* Notes where in shared memory it is. */
void tensors_take_shared(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item,
                         const struct shared_range *range);
/* Says what no input has taken. */
void tensors_check_tail(struct tensors_plan *plan);
/* Whether what stands there are values of the input's type; not of BYTES, which are looked at when they are taken apart. */
void tensors_check_binary(struct tensors_plan *plan, uint32_t input);
void tensors_fill_binary(struct tensors_plan *plan, uint32_t input, void *data);

#endif
