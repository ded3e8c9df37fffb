/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors out of a v2 request in JSON. Knows the model's declarations and no request, so that it can be fuzzed alone.
 *
 * In two steps, with the run of the model taken in between: tensors_check looks at everything but the numbers and says
 * what memory is needed; tensors_fill writes the numbers there. Both go on after a mistake, so that a client sees all of
 * them at once. */
#ifndef WEIR_PIPELINE_DECODE_TENSORS_INT_H
#define WEIR_PIPELINE_DECODE_TENSORS_INT_H

#include "pipeline/request.h"

/* What a request says about one input of the model. */
struct tensor_item {
    yyjson_val *data;
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t position; /* in the request's `inputs` */
    bool is_given;
    bool is_nested; /* arrays in arrays, as the shape says; else flat */
};

struct tensors_plan {
    const struct model_info *model; /* borrowed, as all of these */
    struct arena *arena;            /* of the texts of faults */
    uint64_t bytes_max;             /* of one tensor */

    struct tensor_item items[MODEL_TENSORS_MAX]; /* by index of the model's input */
    struct inference inference;
    struct output_wish outputs[MODEL_TENSORS_MAX]; /* what inference.outputs will be a copy of */

    bool is_refused; /* something is wrong; faults say what, if there was memory to say it */
    struct request_fault faults[REQUEST_FAULTS_MAX];
    uint32_t fault_count;
};

/* The three borrowed fields are set, all others zero. When nothing is refused, every input of the model has an item
 * whose dims fit its spec and whose data have as many elements. */
void tensors_check(struct tensors_plan *plan, yyjson_val *root);
/* `data` holds the elements of items[input].dims. Nothing may be refused yet, but by other fills. */
void tensors_fill(struct tensors_plan *plan, uint32_t input, void *data);

/* Shared with tensors_fill.c. */
#define TENSORS_POINTER_BYTES 160
void tensors_fault(struct tensors_plan *plan, const struct text *pointer, const char *format, ...) PRINTF_LIKE(3, 4);
/* "/inputs/2/data"; `memory` holds TENSORS_POINTER_BYTES. */
struct text tensors_pointer(char *memory, uint32_t position, const char *member);

#endif
