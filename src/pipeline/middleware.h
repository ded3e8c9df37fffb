/* SPDX-License-Identifier: Apache-2.0 */
/* Middlewares: what a route does around its target. One file each in middleware/, one row each in middlewares.def.
 *
 * A route's list runs forward on the way in and backward on the way out. The place of a middleware fixes its order:
 * a list that is not in ascending places is refused when the configuration loads, so that nothing can slip in front
 * of authentication by a mistake in YAML. */
#ifndef WEIR_PIPELINE_MIDDLEWARE_H
#define WEIR_PIPELINE_MIDDLEWARE_H

#include "lib/base/arena.h"
#include "lib/base/text.h"
#include "lib/options/option.h"
#include "pipeline/stage.h"

struct description;
struct model_info;
struct request;
struct route;

/* In the order of the way in. */
enum middleware_place {
    PLACE_IDENTIFY, /* names the request */
    PLACE_OBSERVE,  /* logs and counts, refused requests too */
    PLACE_ENCODE,   /* the last to touch a response's body, refusals too */
    PLACE_AUTHENTICATE,
    PLACE_CONTEXT, /* what follows from who is asking */
    PLACE_INPUT,   /* says how the body becomes tensors */
    PLACE_OUTPUT,  /* shapes the answer */
};

enum middleware_duty {
    DUTY_OPTIONAL,  /* in a list or not */
    DUTY_SKIPPABLE, /* the same, and a debug route lets the client turn it off by X-Weir-Skip */
    DUTY_MANDATORY, /* on every route that is not declared public */
};

/* What prepare and release get. */
struct middleware_setup {
    struct arena *arena; /* of the configuration */
    struct slice folder; /* of the configuration file */
    void *options;       /* the filled struct of `options` */
    struct text *fault;  /* say what is wrong and what to do */
};

/* All functions may be NULL. Those on a request run on its worker and must not block. */
struct middleware {
    const char *name;
    const char *help;
    enum middleware_place place;
    enum middleware_duty duty;
    const struct option_table *options; /* NULL: takes none */
    size_t state_bytes;                 /* zeroed memory for each request */

    /* When a configuration loads; may read files. */
    enum err (*prepare)(struct middleware_setup *setup);
    /* When it goes. */
    void (*release)(void *options);
    /* When a model of a route is ready: whether the options fit it; if not, `fault` says why in a sentence. */
    bool (*fits_model)(const void *options, const struct model_info *model, struct text *fault);

    /* What clients are to know of it. Any thread. ERR_NOMEM. */
    enum err (*describe)(const void *options, struct description *description);

    /* Forward: before the body is read. NEXT, ANSWER or FAIL. */
    enum verdict (*on_request)(struct request *request, const void *options, void *state);
    /* Backward: the target's outputs are there and no body was made yet. */
    enum verdict (*on_output)(struct request *request, const void *options, void *state);
    /* Backward: status and fields are known and may be changed. Problems pass here too. */
    void (*on_response_head)(struct request *request, const void *options, void *state);
    /* Backward: a piece of the body, which may be replaced by arena memory. */
    void (*on_response_chunk)(struct request *request, const void *options, void *state, struct slice *chunk);
    /* Backward: the response was handed to the kernel, or the client has gone. */
    void (*on_complete)(struct request *request, const void *options, void *state);
};

/* All of them, in the order of middlewares.def. */
extern const struct middleware *const middlewares[];
extern const size_t middleware_count;
/* NULL when unknown. */
const struct middleware *middleware_find(struct slice name);

#endif
