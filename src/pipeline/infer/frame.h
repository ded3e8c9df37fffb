/* SPDX-License-Identifier: Apache-2.0 */
/* One set of input and output tensors with the runtime's handles around them: what the session is run with.
 *
 * Inputs are wrapped in place, and outputs have memory before the run wherever their shape can be told (shapes.h): then
 * the runtime neither copies nor takes its allocator's lock, which costs more than a small model when two threads want
 * it. A guess may be wrong, because models lie about their outputs and because some shapes depend on values. The
 * runtime compares the shape of a given output with the one it computed and fails the run before writing; we then run
 * again with the outputs left to it, remember which way of guessing failed, and do not guess that way again.
 *
 * A run has a frame. The memory that batches are gathered in has many, one for each combination of dims, over the same
 * memory: so a handle is made once for each and not for each batch. */
#ifndef WEIR_PIPELINE_INFER_FRAME_H
#define WEIR_PIPELINE_INFER_FRAME_H

#include "pipeline/infer/ort.h"
#include "pipeline/infer/shapes.h"

#include <stdatomic.h>

struct model;

/* What all memory of a model counts against. */
struct budget {
    _Atomic size_t bytes;
    size_t bytes_max; /* 0: no limit */
};

/* Memory of the tensors of one side; each is kept from use to use and only ever grows. */
struct tensor_memory {
    struct budget *budget; /* borrowed */
    void *ptr[MODEL_TENSORS_MAX];
    size_t capacity[MODEL_TENSORS_MAX];
};
/* ERR_NOMEM also when the budget has no room. */
MUST_USE enum err tensor_memory_reserve(struct tensor_memory *memory, uint32_t index, size_t bytes);
void tensor_memory_release(struct tensor_memory *memory, uint32_t index);

/* Shared by frames of which one at a time is used. */
struct frame_memory {
    struct tensor_memory in;
    struct tensor_memory out;
    struct tensor_memory texts; /* what elements of outputs of BYTES point to */
};
void frame_memory_init(struct frame_memory *memory, struct budget *budget);
void frame_memory_deinit(struct frame_memory *memory);

enum guess { GUESS_NONE, GUESS_DERIVED, GUESS_REMEMBERED };

struct tensor_set {
    struct tensor tensors[MODEL_TENSORS_MAX];
    struct OrtValue *values[MODEL_TENSORS_MAX];
    struct tensor_memory *memory; /* borrowed; may be replaced by larger, which makes handles from before void */
};

struct frame {
    struct model *model; /* borrowed */
    struct tensor_set in;
    struct tensor_set out;
    struct tensor_memory *texts;           /* borrowed; what the elements of outputs of BYTES point to */
    enum guess guesses[MODEL_TENSORS_MAX]; /* of outputs; GUESS_NONE: the runtime allocates it */
    size_t output_bytes_max;               /* of one that gets memory before the run; larger ones are the runtime's */
    bool is_planned;                       /* for these input dims, each output's guess is settled */
    bool has_lent;        /* some outputs are left to the runtime, and its memory is to be given back */
    uint64_t duration_ns; /* of the last run inside the runtime */
};

void frame_init(struct frame *frame, struct model *model, struct frame_memory *memory);
void frame_deinit(struct frame *frame);
/* Gives an input dims, which fit its spec, and memory. */
MUST_USE enum err frame_lay_input(struct frame *frame, uint32_t index, const struct shape *shape);
/* The same in memory of the caller, which outlives the use: aligned as its elements want it. */
void frame_borrow_input(struct frame *frame, uint32_t index, const struct shape *shape, void *data);
/* Afterwards the input has no memory, only its dims. */
void frame_forget_input(struct frame *frame, uint32_t index);
/* The same for an output that is not the runtime's work but copied there. */
MUST_USE enum err frame_lay_output(struct frame *frame, uint32_t index, const struct shape *shape);
/* Shows a tensor of somebody else's as an output, until frame_drop_lent. */
void frame_lend_output(struct frame *frame, uint32_t index, const struct tensor *tensor);
/* Runs the session with all inputs as they were laid. `fault` starts empty; on failure it has the runtime's words. */
MUST_USE enum err frame_execute(struct frame *frame, struct OrtRunOptions *options, struct text *fault);
/* Copies the texts that the elements of an output point to into memory of this frame. */
MUST_USE enum err frame_own_texts(struct frame *frame, uint32_t index);
/* Frees the memory and the handles of both sides; whether there was any. Not of a frame that shares its memory. */
bool frame_forget(struct frame *frame);
/* Gives the runtime back what it allocated for outputs; they are void then. */
void frame_drop_lent(struct frame *frame);

#endif
