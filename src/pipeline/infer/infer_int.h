/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of infer/ share: models, runs, the memory that batches are gathered in. */
#ifndef WEIR_PIPELINE_INFER_INFER_INT_H
#define WEIR_PIPELINE_INFER_INFER_INT_H

#include "pipeline/infer/frame.h"
#include "pipeline/infer/made_up.h"
#include "pipeline/infer/ort.h"
#include "pipeline/infer/pad.h"
#include "pipeline/infer/shapes.h"
#include "pipeline/model.h"
#include "pipeline/model_cache.h"
#include "pipeline/scheduler.h"
#include "pipeline/sequences.h"

/* Runs of one worker. Touched by that worker only, so it needs no lock; aligned so that neighbours share no line. */
struct run_pool {
    struct run *free;
    uint32_t made_count;   /* free and out; at most model_config.queue, twice that with a cache */
    uint32_t out_count;    /* while it is not 0 the pool holds a reference to the model */
    uint64_t uses_seen;    /* by model_tidy */
    _Atomic uint64_t uses; /* written by the worker only */
} CACHE_ALIGNED;

struct instance;

struct model {
    _Atomic uint32_t refs;
    uint32_t worker_count;
    const struct model_config *config; /* borrowed */
    struct OrtSession *session;
    struct pool pool;
    struct arena arena; /* names and symbols */
    struct model_info info;
    struct batch_info batch_info;
    char why_single[256];
    size_t gather_bytes_max; /* of an input of a batch; runs that are more together go singly */
    struct pads pads;
    struct budget budget;
    uint64_t idle_uses; /* in model_shrink_when_idle: model_uses when it was last seen to change, and when that was */
    uint64_t idle_since_ns;
    bool keeps_no_runs;
    bool is_shrunk;             /* since then */
    enum made_up made_up;       /* what integers it takes, as far as was tried */
    struct instance *instances; /* of executors and workers (batch.c) */
    struct lane *lane;
    struct model_cache *cache;
    struct recording *recordings; /* one for each worker; NULL: nothing is kept */
    struct sequences *sequences;
    const char *input_names[MODEL_TENSORS_MAX];
    const char *output_names[MODEL_TENSORS_MAX];
    struct shapes shapes;
    /* One bit for each output that proved its shape guess wrong, by either way of guessing (shapes.h). With both set it
     * depends on the values of the inputs, and the runtime allocates it each time. */
    _Atomic uint32_t not_derivable;
    _Atomic uint32_t not_rememberable;
    struct run_pool pools[];
};

struct run {
    struct model *model;
    struct run *next_free;
    uint32_t worker_index;
    uint32_t given;    /* one bit for each input, since run_acquire */
    uint32_t borrowed; /* the same, of inputs in memory of somebody else */
    uint32_t masks;    /* the same, of masks that were written because nobody gave them */
    _Atomic bool is_terminated;
    uint64_t duration_ns;
    struct OrtRunOptions *options;
    struct frame frame;
    struct frame_memory memory;
    struct text fault;
    char fault_memory[512];
};

/* A run that is in no pool. */
MUST_USE enum err run_create(struct model *model, struct run **ret_run);
/* NULL is accepted. */
void run_destroy(struct run *run);
/* run_execute, stopped by these options and not by those of run_terminate. */
MUST_USE enum err run_execute_with(struct run *run, struct OrtRunOptions *options);
/* Frees the runs of a pool; none is out. */
void run_pool_deinit(struct run_pool *pool);

/* Where batches are gathered; without any memory yet. */
MUST_USE enum err instances_create(struct model *model);
void instances_destroy(struct model *model);
/* batch_execute of two or more members that does not run them alone when it fails: then none has outputs, and `words` the
 * runtime's words. */
MUST_USE enum err batch_try(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                            struct batch_times *ret_times, struct text *words);

/* Intra-op, by the configuration. */
uint32_t model_threads(const struct model_config *config);
/* Sets the session, its provider and how long that took. */
MUST_USE enum err session_open(struct model *model, const struct model_load_options *options);

/* Room for what run_record keeps, if anything is to be kept. */
MUST_USE enum err recordings_create(struct model *model);
void recordings_destroy(struct model *model);
/* Gives `run`, of a model with the same inputs, the inputs of the kept sample `index`; ERR_NOT_FOUND: there are fewer. */
MUST_USE enum err recordings_fill(struct model *model, uint32_t index, struct run *run);

/* Reads the file of labels, if there is one. */
MUST_USE enum err labels_load(struct model *model, struct text *fault);

/* Runs the model a few times on zeros, so that the first client does not pay for what the runtime puts off to its
 * first run. ERR_OK with a notice when it fails on sizes that nobody chose. */
MUST_USE enum err warm_up(struct model *model, const struct model_load_options *options);
/* The concrete dims that an input is warmed with. */
void warm_up_dims(const struct model *model, uint32_t index, int64_t *dims);

/* Finds out whether and how far the model can be batched, warms each size, and sets batch_info. Only without memory is it
 * not ERR_OK: a model that cannot be batched runs singly, with a notice. */
MUST_USE enum err prove_batches(struct model *model, const struct model_load_options *options);

#endif
