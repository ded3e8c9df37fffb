/* SPDX-License-Identifier: Apache-2.0 */
/* A loaded model and its runs, as the stages see them. Implemented in infer/.
 *
 * A `run` is one use of a model: aligned input memory that decode fills in place, output memory that the model fills,
 * and the runtime's own handles around both, kept from use to use. Runs belong to a worker's pool of that model: a
 * worker acquires one, fills it, an executor thread executes it, the worker reads the outputs and releases it. Between
 * hand-over and return the worker does not touch it. Nothing is allocated by weir once a pool is warm and shapes
 * repeat. */
#ifndef WEIR_PIPELINE_MODEL_H
#define WEIR_PIPELINE_MODEL_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/options/option.h"
#include "pipeline/tensor.h"

#include <stdatomic.h>

enum model_optimization { MODEL_OPTIMIZE_NONE, MODEL_OPTIMIZE_BASIC, MODEL_OPTIMIZE_EXTENDED, MODEL_OPTIMIZE_ALL };
/* What executors are for: many runs of one thread each, or one run at a time of many threads. */
enum model_profile { MODEL_PROFILE_THROUGHPUT, MODEL_PROFILE_LATENCY };
enum model_provider_missing { MODEL_PROVIDER_FALL_BACK, MODEL_PROVIDER_STOP };

/* `batch:` of a model; zero is a model that is never batched. */
enum batch_policy { BATCH_ADAPTIVE, BATCH_FIXED };
struct batch_config {
    uint64_t max;                 /* rows of a batch; 1 or 0: every run goes alone */
    uint32_t policy;              /* enum batch_policy */
    struct option_list preferred; /* of uint64_t; BATCH_FIXED, as the next: rows that a batch does not wait beyond */
    uint64_t max_delay;           /* ns; how long a run waits for a preferred size, or for `max` */
    double tolerance; /* by how much a row of a batch may differ from the same row alone, times 1 + its magnitude */
    uint64_t trial_time_ns; /* that loading takes to try sizes; 0: no limit */
};

/* An entry of `pad:` of a model. */
struct pad_config {
    struct slice input;
    uint64_t dim;
    struct option_list sizes; /* of uint64_t, ascending */
    double value;
    struct slice mask; /* empty: none */
};

/* `cache:` of a model. */
struct cache_config {
    uint64_t ttl_ns; /* 0: outputs are not kept */
    uint64_t entries;
    uint64_t bytes;
};

/* An entry of `state:` of `sequence:` of a model. */
struct sequence_state_config {
    struct slice input;
    struct slice output;
    struct option_list dims; /* of uint64_t, of the first state; empty: the input's */
};

/* `sequence:` of a model. */
struct sequence_config {
    struct option_list states; /* of struct sequence_state_config; empty: the model has none */
    uint64_t idle_ns;
    uint64_t max;
};

/* One entry of `models:`; option rows in options.def. */
struct model_config {
    struct slice name;
    struct slice version;
    struct slice path;
    uint32_t optimization;
    uint32_t provider_missing;
    struct option_list providers; /* of struct slice, in order of preference */
    uint32_t profile;
    uint64_t threads;           /* intra-op threads of one run; 0: as the profile says */
    uint64_t instances;         /* batches at once; 0: as the profile says */
    bool spinning;              /* of threads inside a run while they wait for each other */
    uint64_t memory;            /* most bytes of inputs and outputs; 0: no limit */
    uint64_t queue;             /* most runs of one worker in flight */
    uint64_t queue_total;       /* most of all workers waiting or running; 0: no such bound */
    uint64_t priority;          /* of requests that say none; 1 is served first */
    struct option_list warm_up; /* of struct option_shape: concrete sizes for open dimensions */
    struct batch_config batch;
    struct option_list pad; /* of struct pad_config */
    struct cache_config cache;
    bool is_single_flight;
    struct sequence_config sequence;
    struct slice labels;   /* path of a file of class names, one a line; empty: none */
    uint64_t record;       /* inputs that each worker keeps for comparing */
    double difference_max; /* of a model that is to take another's place; 0: any */

    /* Of a model of a repository. No rows: model_config_copy copies them too. */
    struct slice repository;    /* the folder; empty: it stands in `models:` */
    struct slice settings;      /* text of its config.pbtxt, or JSON in its place; {NULL, 0}: none */
    struct slice settings_path; /* as it is shown */
    uint64_t signature;         /* of its files, as they were; 0: they are looked at when it is attached */
};

struct model;
struct run;

/* Loads, inspects and warms a model: slow; any thread but a worker, one load at a time. On failure `fault` says what,
 * where and what to do; ERR_UNSUPPORTED when ONNX Runtime itself is missing. Notices (such as a provider that was
 * asked for and is absent) are added to `notices`, one line each. `library` is the configured path of ONNX Runtime or
 * empty. */
struct model_load_options {
    const struct model_config *config; /* must outlive the model */
    struct slice library;
    uint32_t worker_count;
    uint32_t executor_count; /* how many batches can go at once; 0: one */
    bool keeps_no_runs;      /* each run and its tensors are made anew: diagnostics.pooling */
    bool is_untried;         /* it is only to be looked at: no batch is tried, and none formed */
    struct text *fault;
    struct text *notices;
};
MUST_USE enum err model_load(const struct model_load_options *options, struct model **ret_model);

/* References are atomic; the last one frees the model and its pools. NULL is accepted. */
struct model *model_ref(struct model *model);
void model_unref(struct model *model);

/* An entry that whoever made the file has written into it. */
struct model_metadata {
    struct slice key;
    struct slice value;
};

struct model_info {
    struct slice name;
    struct slice version;
    struct slice platform; /* "onnxruntime_onnx" */
    struct slice producer; /* what the file says of itself, here and in the next three; may be empty */
    struct slice graph;
    struct slice domain;
    struct slice description;
    const struct model_metadata *metadata; /* entries of its maker's own */
    uint32_t metadata_count;
    int64_t file_version; /* the file's own number; 0 when it has none */
    struct tensor_spec inputs[MODEL_TENSORS_MAX];
    struct tensor_spec outputs[MODEL_TENSORS_MAX];
    uint32_t input_count;
    uint32_t output_count;
    uint32_t
        written_inputs; /* one bit for each input that is written when it is not given (masks): it may be missing */
    const struct slice *labels; /* of classes, by index */
    uint32_t label_count;
    struct slice provider; /* the one that is used */
    uint64_t load_ns;      /* how long opening took */
    uint64_t warm_up_ns;   /* how long warming took */
    uint64_t first_run_ns; /* the first run of all, on the sizes of warm_up */
    uint64_t warm_run_ns;  /* a run after warming; 0 when warming was given up with a notice */
};
/* The value of an entry; empty when there is none. */
static inline struct slice model_info_metadata(const struct model_info *info, struct slice key)
{
    for (uint32_t i = 0; i < info->metadata_count; i++)
        if (slice_equal(info->metadata[i].key, key))
            return info->metadata[i].value;
    return (struct slice){NULL, 0};
}

/* Keeps the inputs of a run that went well, where model_config.record asks for it: the last ones of each worker. The worker. */
void run_record(const struct run *run);

/* How a model comes out beside the one that it is to take the place of, on the inputs that the other has kept, else on made-up
 * ones. */
struct model_comparison {
    uint32_t samples;  /* that both ran on */
    bool is_recorded;  /* they were real */
    double absolute;   /* largest difference of an element */
    double relative;   /* the same, times 1 + the magnitude */
    struct slice what; /* which output that was; of `after` */
    char form[160];    /* how inputs or outputs are other ones; empty: they are the same */
};
/* Slow; any thread but a worker, while both may be in use. ERR_NOMEM; a model that does not run on what there is has 0
 * samples. */
MUST_USE enum err model_compare(struct model *before, struct model *after, struct model_comparison *ret_comparison);

/* Immutable for the life of the model; any thread. */
const struct model_info *model_info(const struct model *model);
/* Index of an input by name, or -1. */
int model_input_index(const struct model *model, struct slice name);
int model_output_index(const struct model *model, struct slice name);

/* From the worker's own pool. ERR_BUSY at model_config.queue (twice that, where a cache may answer), ERR_NOMEM without memory. The run holds a reference to the
 * model. */
MUST_USE enum err run_acquire(struct model *model, uint32_t worker_index, struct run **ret_run);
/* Gives all inputs made-up values, of the sizes of warm_up (padded, where that is asked for) and so many rows, where the model
 * leaves them open: to try a model with. The same for the same seed. Errors as run_input has them. */
MUST_USE enum err run_make_up(struct run *run, uint32_t rows, uint64_t seed);
/* Frees what idle runs of this worker keep, when none was used since the last call. */
void model_tidy(struct model *model, uint32_t worker_index);
/* How often runs were acquired, by all workers; any thread. */
uint64_t model_uses(const struct model *model);
/* What inputs, outputs and batches take now, of model_config.memory; any thread. */
uint64_t model_memory_bytes(const struct model *model);
/* Of the control thread, now and then: once no run was acquired for half a minute, has the runtime give back what it kept
 * from larger runs, which blocks for a small one. True: it did. */
bool model_shrink_when_idle(struct model *model, uint64_t now_ns);

/* Only when no executor holds the run. NULL is accepted. */
void run_release(struct run *run);
/* Gives input `index` concrete dims, as many as the spec's rank, and returns its memory to fill. The dims must fit the
 * spec (ERR_MISMATCH), their bytes stay within `bytes_max` (ERR_LIMIT) and the
 * model's memory has room (ERR_NOMEM). All of it is the caller's to fill: it holds
 * what an earlier request left. Elements of BYTES are slices of texts that live until the run has been executed; texts of an
 * output live as long as it does. */
MUST_USE enum err run_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, void **ret_data);
/* run_input with the values there already, which stay where they are and as they are until the run is released or the input is
 * given again. Small ones, and those that are not aligned to their elements, are copied. Not for BYTES. */
MUST_USE enum err run_wrap_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max,
                                 const void *data);
/* Runs the model as the inputs are, without padding; blocks; executor threads only. ERR_MISMATCH when an input was not given, ERR_CANCELLED after
 * run_terminate, ERR_INVALID or ERR_INTERNAL as the runtime sees it; then run_fault has its words. */
MUST_USE enum err run_execute(struct run *run);
/* Asks run_execute to stop between two nodes, or not to start; any thread, while somebody holds the run. Holds until
 * the run is released: it cannot be executed again before. */
void run_terminate(struct run *run);
/* Valid between a successful run_execute and run_release or the next run_execute. */
const struct tensor *run_output(const struct run *run, uint32_t index);
/* The same for an input that was given. */
const struct tensor *run_given_input(const struct run *run, uint32_t index);
bool run_is_given(const struct run *run, uint32_t index);
/* Makes an output of what somebody else has, who keeps it until run_release, in place of executing the run. */
void run_lend_output(struct run *run, uint32_t index, const struct tensor *tensor);
struct slice run_fault(const struct run *run);
struct model *run_model(const struct run *run);
/* How long the last run_execute took inside the runtime. */
uint64_t run_duration_ns(const struct run *run);

/* --- Batches: several runs as one. Executors only, unless said otherwise.
 *
 * A model can be batched when the first dimension of every input and output is open and the runs of a batch agree on all
 * others (after padding, where the model's configuration asks for it); and when loading it has proven that a row of a batch
 * comes out as it does alone. */

/* Rows that a filled run brings: its inputs' first dimension. 0: it cannot share a batch. Any thread that has the run. */
uint32_t run_rows(const struct run *run);
/* The same for runs that may share a batch; different ones may have the same, so run_fits_batch decides. */
uint64_t run_batch_key(const struct run *run);
bool run_fits_batch(const struct run *run, const struct run *other);

struct batch_member {
    struct run *run;
    const _Atomic bool *is_gone; /* looked at before gathering and scattering: its rows are left out, or dropped */
    enum err err;                /* written: as run_execute has it; ERR_CANCELLED when it was gone */
};
struct batch_times {
    uint64_t gather_ns;
    uint64_t run_ns;
    uint64_t scatter_ns;
};
/* Executes all members at once, in the memory of `instance`; one thread at a time has it. There are batch_info.instances for
 * executors, and behind them one for each worker, which may execute on its own thread. A single member is executed in place,
 * unless it is to be padded. Then each member's run_output is its own rows. The members fit each other and their
 * rows are at most batch_info.rows_max, unless there is one member only. A batch that fails as a whole is executed again,
 * one member at a time, so that what is wrong with one does not fail the others. */
void batch_execute(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times);
/* Has what the instance executes stop between two nodes; any thread. For a batch whose members have all gone: of another,
 * which may have begun in the meantime, those that are not gone are executed again. */
void batch_terminate(struct model *model, uint32_t instance);

/* How long runs of so many rows took when the model was warmed: where a cost model begins. */
struct batch_sample {
    uint32_t rows;
    uint64_t ns;
};
#define BATCH_SAMPLES_MAX 16
struct batch_info {
    uint32_t rows_max;      /* proven; 1: it is not batched */
    const char *why_single; /* NULL: it is */
    uint32_t instances;     /* batches at once */
    struct batch_sample samples[BATCH_SAMPLES_MAX];
    uint32_t sample_count;
};
/* Immutable once the model is loaded; any thread. */
const struct batch_info *model_batch_info(const struct model *model);
/* The scheduler's, made by model_load with lane_create. */
struct lane;
struct lane *model_lane(const struct model *model);
/* What it keeps of its outputs (model_cache.h); NULL: nothing. */
struct model_cache *model_cache(const struct model *model);
/* Its sequences (sequences.h); NULL: it has no state. */
struct sequences *model_sequences(const struct model *model);

/* The runtime's version text, or an empty slice when it cannot be opened; opens it on the first call. */
struct slice runtime_version(struct slice library, struct text *fault);
/* The execution providers it was compiled with, in its own names, commas between; nothing before it was opened. Whether
 * one can be used here, only loading a model tells. */
void runtime_providers(struct text *names);

#endif
