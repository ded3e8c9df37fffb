/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that take longer than a turn of the loop, for REST and gRPC alike. Implemented in endpoint/. */
#ifndef WEIR_PIPELINE_ENDPOINT_WORK_H
#define WEIR_PIPELINE_ENDPOINT_WORK_H

#include "pipeline/ports.h"
#include "pipeline/request.h"

/* What the control plane does for a request, on a thread of its own: the request looks for the outcome now and then. Nothing has
 * to be held for it, a worker's timer is all it takes, and such requests are rare. */
struct endpoint_wait {
    struct request *request;
    struct timer timer;
    uint64_t ticket;
};
/* WAIT, and then the endpoint is called again, with this as request->task_state; or FAIL. */
enum verdict endpoint_wait_begin(struct request *request, uint64_t ticket);
/* There is no outcome yet. */
enum verdict endpoint_wait_on(struct endpoint_wait *waiting);

/* A text that a crew thread makes. In the request's arena; with that thread while the request is held. */
struct rendering;
typedef enum err (*rendering_run)(struct rendering *rendering);
struct rendering {
    rendering_run run; /* on a crew thread: sets text and bytes */
    const struct ports *ports;
    const struct config *config;
    int form; /* the endpoint's */
    enum err err;
    char *text; /* heap */
    size_t bytes;
};
/* Gives it to the crew: WAIT, and then the endpoint is called again with request->was_submitted; or FAIL. */
enum verdict endpoint_render(struct request *request, rendering_run run, int form);
/* What came of it. */
const struct rendering *endpoint_rendered(struct request *request);

/* v2_repository.c: `run` of a rendering with what `write` makes of the index; the rendering's form is whether only models that are
 * ready are told. `write` is on a crew thread. */
typedef enum err (*repository_write)(struct arena *arena, const struct repository_index *index, struct slice *ret_text);
MUST_USE enum err repository_render(struct rendering *rendering, repository_write write);
/* Has a model loaded or unloaded. WAIT, and then repository_look with request->task_state; or FAIL. */
enum verdict repository_begin(struct request *request, const struct repository_request *wanted);
/* NEXT: it is done; WAIT; or FAIL, and the request says why. */
enum verdict repository_look(struct request *request);
/* "READY" */
const char *repository_state_name(enum repository_state state);
/* A model's files do not come by a request. */
enum verdict repository_refuse_file(struct request *request);

#endif
