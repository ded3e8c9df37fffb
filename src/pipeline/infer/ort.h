/* SPDX-License-Identifier: Apache-2.0 */
/* The door to ONNX Runtime: the only place that knows its C API. Everything is a plain function on its opaque handles;
 * each failure is an enum err and the runtime's own words, added to `fault`.
 *
 * ERR_NOT_FOUND: no such file. ERR_SYNTAX: the file is no ONNX model. ERR_INVALID: the model or a value is not
 * acceptable. ERR_UNSUPPORTED: the runtime itself is missing or too old. ERR_INTERNAL: anything else it says. */
#ifndef WEIR_PIPELINE_INFER_ORT_H
#define WEIR_PIPELINE_INFER_ORT_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/text.h"
#include "pipeline/model.h"
#include "pipeline/tensor.h"

struct OrtSession;
struct OrtValue;
struct OrtRunOptions;

/* Opens the library on the first call that succeeds and keeps it for the life of the process; later calls ignore
 * `library`. Any thread. All other functions here want it to have succeeded before. */
MUST_USE enum err ort_open(struct slice library, struct text *fault);
/* "1.30.0". */
struct slice ort_version(void);
/* What the library was compiled with, as its own names with commas between. That says nothing about whether the parts
 * it loads at run time are there: only a session tells. */
void ort_providers(struct text *names);

struct ort_session_options {
    const char *path;
    uint32_t optimization; /* enum model_optimization */
    uint32_t threads;
    bool is_spinning;              /* threads inside a run, while they wait */
    const struct slice *providers; /* "cuda" and others, with key=value options behind; "cpu" need not be named */
    uint32_t provider_count;
};
/* One at a time in the process: whether two may be created at once is not promised by the runtime. Always written,
 * *ret_failed_provider is the one that could not be added, or provider_count when it was something else. */
MUST_USE enum err ort_session_create(const struct ort_session_options *options, struct text *fault,
                                     uint32_t *ret_failed_provider, struct OrtSession **ret_session);
void ort_session_destroy(struct OrtSession *session);

enum ort_side { ORT_INPUTS, ORT_OUTPUTS };
uint32_t ort_session_count(struct OrtSession *session, enum ort_side side);
/* Name, type, dims and symbols; text is copied to the arena. ERR_INVALID for what weir does not serve. */
MUST_USE enum err ort_session_spec(struct OrtSession *session, enum ort_side side, uint32_t index, struct arena *arena,
                                   struct text *fault, struct tensor_spec *ret_spec);

#define ORT_METADATA_MAX       64
#define ORT_METADATA_BYTES_MAX (256U << 10)
/* What the file says about itself; copied to the arena, empty where it is silent. */
struct ort_metadata {
    struct slice producer;
    struct slice graph;
    struct slice domain;
    struct slice description;
    int64_t version;
    struct model_metadata *own; /* what whoever made it has written into it under names of their own */
    uint32_t own_count;         /* at most ORT_METADATA_MAX; larger ones than ORT_METADATA_BYTES_MAX are left out */
};
MUST_USE enum err ort_session_metadata(struct OrtSession *session, struct arena *arena, struct ort_metadata *ret);

/* A handle around memory of the caller, which must outlive it: dims, type, data and bytes of `tensor`. */
MUST_USE enum err ort_value_create(const struct tensor *tensor, enum tensor_type type, struct text *fault,
                                   struct OrtValue **ret_value);
/* Also for what the runtime allocated. NULL is accepted. */
void ort_value_destroy(struct OrtValue *value);
/* Dims, rank, data and bytes of a tensor that the runtime made; the data lives as long as the value, and is NULL for BYTES.
 * ERR_MISMATCH when it is no tensor of the type that `tensor->spec` says. */
MUST_USE enum err ort_value_read(struct OrtValue *value, struct text *fault, struct tensor *tensor);

/* A tensor of texts of the runtime's own, and its elements. */
MUST_USE enum err ort_strings_create(const struct tensor *tensor, struct text *fault, struct OrtValue **ret_value);
MUST_USE enum err ort_strings_write(struct OrtValue *value, const struct slice *texts, size_t count,
                                    struct text *fault);
/* How many bytes all elements have together. */
MUST_USE enum err ort_strings_bytes(struct OrtValue *value, struct text *fault, size_t *ret_bytes);
/* Copies all of them to `memory`, one behind the other, and makes `ret_texts` say where each is. */
MUST_USE enum err ort_strings_read(struct OrtValue *value, void *memory, size_t bytes, size_t count, struct text *fault,
                                   struct slice *ret_texts);

MUST_USE enum err ort_run_options_create(struct OrtRunOptions **ret_options);
void ort_run_options_destroy(struct OrtRunOptions *options);
/* A run with these options ends with memory given back that the runtime kept from larger ones. */
MUST_USE enum err ort_run_options_set_shrink(struct OrtRunOptions *options);
/* A run with these options stops between two nodes, until it is unset. Any thread. */
void ort_run_options_set_terminate(struct OrtRunOptions *options, bool is_terminated);

struct ort_run {
    struct OrtSession *session;
    struct OrtRunOptions *options;
    const char *const *input_names;
    const char *const *output_names;
    const struct OrtValue *const *inputs;
    struct OrtValue **outputs; /* NULL: the runtime allocates it, and the caller destroys it */
    uint32_t input_count;
    uint32_t output_count;
};
/* Blocks. Any number of threads may run one session. */
MUST_USE enum err ort_run(const struct ort_run *run, struct text *fault);

#endif
