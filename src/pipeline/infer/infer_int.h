/* SPDX-License-Identifier: Apache-2.0 */
/* What model.c, warm_up.c and run.c share. */
#ifndef WEIR_PIPELINE_INFER_INFER_INT_H
#define WEIR_PIPELINE_INFER_INFER_INT_H

#include "pipeline/infer/ort.h"
#include "pipeline/infer/shapes.h"
#include "pipeline/model.h"

/* Runs of one worker. Touched by that worker only, so it needs no lock; aligned so that neighbours share no line. */
struct run_pool {
    struct run *free;
    uint32_t made_count; /* free and out; at most model_config.queue */
    uint32_t out_count;  /* while it is not 0 the pool holds a reference to the model */
} CACHE_ALIGNED;

struct model {
    _Atomic uint32_t refs;
    uint32_t worker_count;
    const struct model_config *config; /* borrowed */
    struct OrtSession *session;
    struct pool pool;
    struct arena arena; /* names and symbols */
    struct model_info info;
    struct batch_info batch_info;
    const char *input_names[MODEL_TENSORS_MAX];
    const char *output_names[MODEL_TENSORS_MAX];
    struct shapes shapes;
    /* One bit for each output that proved its shape guess wrong, by either way of guessing (shapes.h). With both set it
     * depends on the values of the inputs, and the runtime allocates it each time. */
    _Atomic uint32_t not_derivable;
    _Atomic uint32_t not_rememberable;
    struct run_pool pools[];
};

/* Frees the runs of a pool; none is out. */
void run_pool_deinit(struct run_pool *pool);

/* Sets the session, its provider and how long that took. */
MUST_USE enum err session_open(struct model *model, const struct model_load_options *options);

/* Runs the model a few times on zeros, so that the first client does not pay for what the runtime puts off to its
 * first run. ERR_OK with a notice when it fails on sizes that nobody chose. */
MUST_USE enum err warm_up(struct model *model, const struct model_load_options *options);

#endif
