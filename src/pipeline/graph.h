/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: models and built-in steps as a graph, as a configuration has compiled it (control/config/pipelines.c) and the
 * stage graph/ runs it.
 *
 * A step takes what earlier steps give, so that a graph has no circles. A step that gives a list (boxes of a page, rows of
 * a batch) opens a domain: a step that takes an element of that list runs once for each, and what it gives is again of
 * that domain. Elements of different domains do not go together, and no list holds lists. All of this is checked when the
 * configuration is read; types and shapes of tensors once the models are there (graph_bind). */
#ifndef WEIR_PIPELINE_GRAPH_H
#define WEIR_PIPELINE_GRAPH_H

#include "lib/image/image.h"
#include "lib/vision/quad.h"
#include "pipeline/config.h"
#include "pipeline/problem.h"

#include <stdatomic.h>

#define GRAPH_PIPELINES_MAX   256
#define GRAPH_STEPS_MAX       64
#define GRAPH_KIND_INPUTS_MAX 4
#define GRAPH_OUTPUTS_MAX     4 /* of a step, that others ask for */
#define GRAPH_ANSWERS_MAX     16
#define GRAPH_FIELDS_MAX      16
#define GRAPH_BODY            UINT32_MAX /* in place of a step: the request */
#define GRAPH_NO_DOMAIN       0

/* GRAPH_TYPE(name, as it is called in messages) */
#define GRAPH_TYPES(GRAPH_TYPE)                                                                                        \
    GRAPH_TYPE(FILE, "file")                                                                                           \
    GRAPH_TYPE(IMAGE, "image")                                                                                         \
    GRAPH_TYPE(TENSOR, "tensor")                                                                                       \
    GRAPH_TYPE(TEXT, "text")                                                                                           \
    GRAPH_TYPE(BOX, "box")                                                                                             \
    GRAPH_TYPE(NUMBER, "number")

enum graph_type {
#define GRAPH_TYPE(name, word) GRAPH_##name,
    GRAPH_TYPES(GRAPH_TYPE)
#undef GRAPH_TYPE
};
const char *graph_type_name(enum graph_type type);

struct step_meter;

struct graph_tensor {
    enum tensor_type type;
    uint32_t rank;
    int64_t dims[TENSOR_RANK_MAX];
    void *data; /* aligned to TENSOR_ALIGN; the request's, or a run's that is kept as long as somebody wants it */
    size_t bytes;
};

/* What goes along an edge. Memory is the request's. */
struct graph_value {
    enum graph_type type;
    bool is_list;
    uint32_t count; /* of a list */
    union {
        const struct graph_value *items; /* of a list */
        struct slice text;               /* of a FILE too */
        struct image image;
        struct graph_tensor tensor;
        struct quad box;
        float number;
    };
};

/* --- Kinds of built-in steps: one file each or for a few in graph/, one row each in graph_kinds.def --------------------- */

struct graph_port {
    const char *name; /* NULL: behind the last */
    enum graph_type type;
    bool is_list; /* an input: it takes a list as a whole; an output: it opens a domain */
    bool is_optional;
};

/* One use of a step on one element. `plan` sees inputs and options, `run` all. */
struct graph_call {
    const void *options;
    const void *prepared;
    const struct graph_value *inputs[GRAPH_KIND_INPUTS_MAX]; /* NULL: an optional one that is not there */
    const struct limits_config *limits;
    struct arena *memory; /* as much as plan has asked for; for outputs and work */
    void *tensor;         /* for the first output, if plan has given it a shape */
    struct graph_value outputs[GRAPH_OUTPUTS_MAX];
    enum problem problem; /* of what has failed; PROBLEM_NONE: PROBLEM_PIPELINE_FAILED */
    const char *fault;    /* and why, in a sentence without its full stop: static, or in `memory` */
};

/* What a call takes, told before by the worker, which alone has memory to give. */
struct graph_need {
    size_t bytes;
    uint64_t cost_ns; /* about; what is dear is done by a crew thread */
    bool has_tensor;  /* the first output is this tensor, without its data */
    struct graph_tensor tensor;
};

/* What is known of a tensor before there is one. */
struct graph_shape {
    bool is_known; /* else nothing */
    enum tensor_type type;
    uint32_t rank;
    int64_t dims[TENSOR_RANK_MAX];         /* TENSOR_DIM_ANY: open */
    struct slice symbols[TENSOR_RANK_MAX]; /* of open ones; may be empty */
};

/* What graph_kind.bind gets. */
struct graph_binding {
    const void *options;
    const struct graph_shape *inputs[GRAPH_KIND_INPUTS_MAX]; /* NULL: no tensor, or not there */
    const struct model_info *source;                         /* the model that the first input comes from; NULL: none */
    struct graph_shape output;                               /* of the first output, if that is a tensor */
    void *prepared;                                          /* heap; by graph_kind.release */
    struct text *fault;
};

struct graph_kind {
    const char *name;
    const char *help;
    const struct option_table *options; /* NULL: takes none */
    bool decodes_images;                /* which are counted */
    struct graph_port inputs[GRAPH_KIND_INPUTS_MAX + 1];
    struct graph_port outputs[GRAPH_OUTPUTS_MAX + 1];

    /* When a configuration loads; as a middleware's. May be NULL. */
    enum err (*prepare)(void *options, struct arena *arena, struct text *fault);
    /* When models are there: whether the tensors are what it takes. ERR_MISMATCH, and `fault` says what is expected and what
     * was found. NULL: it neither takes nor gives tensors. */
    enum err (*bind)(struct graph_binding *binding);
    void (*release)(void *prepared); /* may be NULL */
    /* On the worker, quick. Errors as run has them. */
    enum err (*plan)(struct graph_call *call, struct graph_need *ret_need);
    /* Any thread. */
    enum err (*run)(struct graph_call *call);
};

extern const struct graph_kind *const graph_kinds[];
extern const size_t graph_kind_count;
/* NULL when unknown. */
const struct graph_kind *graph_kind_find(struct slice name);

/* --- A pipeline, compiled --------------------------------------------------------------------------------------------- */

/* One entry of `pipelines:`; option rows in options.def. */
struct pipeline_config {
    struct slice name;
    uint64_t in_flight;
    struct slice field;
};

struct graph_source {
    uint32_t step; /* GRAPH_BODY: the request */
    uint32_t output;
};

struct graph_input {
    struct graph_source from;
    struct slice tensor; /* of a model: its name; empty: the first */
    bool is_given;       /* an optional one may not be */
    bool is_whole;       /* a list, with all that is in it */
    bool is_direct;      /* the step before writes into the run of this model */
};

struct graph_output {
    struct slice name;    /* of a model's; empty: the first */
    enum graph_type type; /* these two: as one element of the step gives it */
    bool is_list;
};

struct graph_step {
    struct slice name;
    const struct graph_kind *kind; /* NULL: a model */
    void *options;
    struct slice model_name;
    struct graph_input inputs[MODEL_TENSORS_MAX];
    uint32_t input_count; /* of a kind: all that it may take */
    struct graph_output outputs[GRAPH_OUTPUTS_MAX];
    uint32_t output_count;
    uint32_t domain;       /* GRAPH_NO_DOMAIN: it runs once; else 1 + the step that gives the list */
    bool opens_domain;     /* 1 + its own index, that is */
    bool is_answered;      /* an answer is made of what it gives */
    bool is_kept;          /* of a model: its outputs are copied, for they are read when all elements are done */
    int32_t feeds;         /* the step whose run it writes into; -1: none */
    uint32_t feeds_input;  /* and which input of it */
    uint64_t consumers;    /* a bit for each step that takes something of it */
    _Atomic(void *) bound; /* by graph_kind.bind */
    struct step_meter *meters;
};

struct graph_field {
    struct slice name;
    struct graph_source from;
};

/* One member of the answer: a value, a text of many, or an array of objects with a member of each field. */
struct graph_answer {
    struct slice name;
    struct graph_field fields[GRAPH_FIELDS_MAX]; /* one without `is_each` */
    uint32_t field_count;
    bool is_each;
    bool is_joined;
    struct slice separator;
    struct slice event; /* of is_each: what one is called in a stream; empty: it is not streamed */
    uint32_t domain;
    bool has_score; /* elements whose score is less than score_min are left out */
    struct graph_source score;
    double score_min;
};

enum graph_state { GRAPH_UNBOUND, GRAPH_BOUND, GRAPH_MISFIT };

struct pipeline {
    const struct pipeline_config *config;
    struct graph_step steps[GRAPH_STEPS_MAX];
    uint32_t step_count;
    struct graph_answer answers[GRAPH_ANSWERS_MAX];
    uint32_t answer_count;
    const struct graph_answer *streamed; /* one of them, or NULL */
    _Atomic int state;                   /* enum graph_state */
};

/* The type that a source has, as one element and whether that is a list. */
const struct graph_output *graph_output_of(const struct pipeline *pipeline, struct graph_source source);
/* The domain that an element of the source belongs to. */
uint32_t graph_domain_of(const struct pipeline *pipeline, struct graph_source source);

/* Holds the shapes of tensors against those of the models, and prepares the steps. ERR_MISMATCH, and `fault` says step, edge, what is expected and what was found; ERR_AGAIN while a model is not loaded. Any thread but a worker, one at a time. */
MUST_USE enum err graph_bind(struct pipeline *pipeline, const struct config *config, struct text *fault);
/* Models that are taken from another configuration. */
struct graph_others {
    const struct config *config;
    const struct slice *names;
    uint32_t count;
};
/* What graph_bind would say, with other models where `others` is not NULL; binds nothing. */
MUST_USE enum err graph_try(struct pipeline *pipeline, const struct config *config, const struct graph_others *others,
                            struct text *fault);
/* Frees what graph_bind has made. */
void graph_unbind(struct pipeline *pipeline);

/* JSON Schemas of the answer, and of one line of a stream. ERR_NOMEM. */
MUST_USE enum err graph_describe_answer(const struct pipeline *pipeline, struct arena *arena, struct slice *ret_schema);
/* "[1, 3, ?, width]", for messages. */
void graph_shape_print(struct text *out, const struct graph_shape *shape);

#endif
