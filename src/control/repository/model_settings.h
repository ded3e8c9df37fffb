/* SPDX-License-Identifier: Apache-2.0 */
/* What a config.pbtxt says (Triton's ModelConfig), read by name, and held against what the model turns out to be.
 *
 * A field that nobody knows is an error, as it is for Triton. A field that has no meaning here is told once and passed over; one
 * whose meaning weir could not keep is refused: an answer that is silently another one is worse than none. */
#ifndef WEIR_CONTROL_REPOSITORY_MODEL_SETTINGS_H
#define WEIR_CONTROL_REPOSITORY_MODEL_SETTINGS_H

#include "control/repository/text_format.h"
#include "pipeline/model.h"

/* Where the words are from, and where to put what is to be said about them. */
struct settings_source {
    struct slice path; /* as it is shown, such as "mlp/config.pbtxt" */
    struct slice text;
    bool is_json; /* of a request to load */
    struct arena *arena;
    /* A fault, or with is_error false something that has no effect; place 0: about the whole. May be NULL. */
    void (*note)(void *context, bool is_error, struct report_place place, const char *words);
    void *context;
};

enum version_policy { VERSIONS_UNSAID, VERSIONS_LATEST, VERSIONS_ALL, VERSIONS_SPECIFIC };

/* An `input` or `output`. Without the batch dimension where max_batch_size says that there is one. */
struct declared_tensor {
    struct slice name;
    enum tensor_type type; /* NONE: not said */
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t rank;
    bool has_dims;
    bool is_optional;
    struct slice labels; /* name of a file; empty: none */
    struct report_place place;
};

/* A `state` of sequence_batching; dims without the batch dimension, as above. */
struct declared_state {
    struct slice input;
    struct slice output;
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t rank;
    int64_t first_dims[TENSOR_RANK_MAX]; /* of initial_state */
    uint32_t first_rank;
};

struct model_settings {
    struct slice name; /* empty: not said, here and wherever a slice is */
    struct slice file; /* default_model_filename */
    bool has_batch_max;
    uint64_t batch_max; /* max_batch_size; 0: the model has no batch dimension */
    enum version_policy policy;
    uint64_t latest_count;
    uint64_t *versions; /* of VERSIONS_SPECIFIC */
    uint32_t version_count;
    struct declared_tensor inputs[MODEL_TENSORS_MAX];
    struct declared_tensor outputs[MODEL_TENSORS_MAX];
    uint32_t input_count;
    uint32_t output_count;
    bool has_batching; /* dynamic_batching */
    uint64_t preferred[16];
    uint32_t preferred_count;
    uint64_t delay_us;
    uint64_t priority_default;
    uint64_t queue_max; /* max_queue_size; 0: not said */
    uint64_t instances; /* 0: not said */
    bool wants_gpu;
    uint64_t threads; /* of parameters; 0: not said */
    bool has_optimization;
    uint32_t optimization; /* enum model_optimization */
    struct slice accelerators[4];
    uint32_t accelerator_count;
    struct option_shape warm_up[MODEL_TENSORS_MAX];
    uint32_t warm_up_count;
    uint64_t warm_up_rows; /* batch_size */
    bool has_cache;
    struct declared_state states[MODEL_TENSORS_MAX];
    uint32_t state_count;
    uint64_t idle_us; /* max_sequence_idle_microseconds; 0: not said */
};

/* ERR_INVALID: something was wrong and has been noted; ERR_NOMEM. Texts are in the arena. */
MUST_USE enum err model_settings_read(const struct settings_source *source, struct model_settings *ret_settings);
/* Whether the inputs and outputs that are declared are those of the model. False: `fault` says which is not, and where it
 * stands. */
bool model_settings_fit(const struct model_settings *settings, const struct model_info *info, struct slice path,
                        struct text *fault);
/* Which of `versions`, the highest first, are to be served: moves them to the front, in order, and returns how many.
 * `latest_count` is for models that say nothing; 0: all. */
uint32_t model_settings_choose(const struct model_settings *settings, uint64_t latest_count, uint64_t *versions,
                               uint32_t count);

#endif
