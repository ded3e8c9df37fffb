/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane needs from above: implemented by the control plane, plugged in by control/server/ports.c, faked by tests. */
#ifndef WEIR_PIPELINE_PORTS_H
#define WEIR_PIPELINE_PORTS_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/sys/notice.h"
#include "pipeline/access_record.h"

struct config;

/* What an endpoint of that name answers. */
enum debug_document { DEBUG_STALLS, DEBUG_ALLOCATIONS, DEBUG_DOCUMENTS };

struct shared_regions;
struct trace_record;
struct tracing;

#define SCHEMAS_FAULTS_MAX 16

/* What became of reading the schemas anew. */
struct schemas_outcome {
    bool is_given_up; /* the server is shutting down, and reads nothing any more */
    bool is_good;
    bool has_changed;                        /* some schema is another one now */
    struct slice faults[SCHEMAS_FAULTS_MAX]; /* "file:line:column: what is wrong" */
    uint32_t fault_count;
};

/* What somebody wants of the repositories that are under explicit control. Texts are copied. */
enum repository_wish { REPOSITORY_WISH_LOAD, REPOSITORY_WISH_UNLOAD };
struct repository_request {
    enum repository_wish wish;
    struct slice name;
    struct slice settings; /* JSON in place of the model's config.pbtxt; {NULL, 0}: none */
};
enum repository_result {
    REPOSITORY_DONE,      /* it is in use, or is not any more */
    REPOSITORY_NOT_FOUND, /* there is no such model */
    REPOSITORY_REFUSED,   /* it is no good; what was served before goes on being served */
    REPOSITORY_GIVEN_UP,  /* the server is shutting down */
};
struct repository_outcome {
    enum repository_result result;
    struct slice reason; /* in the arena; empty with REPOSITORY_DONE */
};

enum repository_state { REPOSITORY_READY, REPOSITORY_UNAVAILABLE, REPOSITORY_LOADING, REPOSITORY_UNLOADING };
struct repository_row {
    struct slice name;
    struct slice version; /* empty: nobody knows one */
    enum repository_state state;
    struct slice reason; /* why it is not READY, or not the newest; may be empty */
};
/* One piece of heap memory. */
struct repository_index {
    uint32_t count;
    struct repository_row rows[]; /* by name, higher versions first */
};

/* What the server says of itself on standard error. */
struct log_settings {
    bool is_info;
    bool is_error;
};

struct ports {
    void *owner;
    struct shared_regions *shared_regions; /* of the process; NULL: shared memory is not to be had */
    struct tracing *tracing;               /* of the process; NULL: nothing can be traced */

    /* Whether traffic should come; if not, why, for people. Any thread, quick. */
    bool (*is_ready)(void *owner, struct text *why);

    /* Renders all metrics into heap memory that the caller frees. Any thread but a worker. */
    enum err (*metrics_render)(void *owner, bool is_openmetrics, char **ret_text, size_t *ret_bytes);

    /* A document of what the server is doing, in JSON, into heap memory that the caller frees. Any thread but a worker. */
    enum err (*debug_render)(void *owner, enum debug_document document, char **ret_text, size_t *ret_bytes);

    /* The OpenAPI document of the configuration, which the caller holds, into heap memory that the caller frees. Any thread
     * but a worker. */
    enum err (*openapi_render)(void *owner, const struct config *config, bool is_yaml, char **ret_text,
                               size_t *ret_bytes);

    /* Whether the schemas that are in use are not those of the files, and why: those are not good. Any thread, quick. */
    bool (*schemas_are_stale)(void *owner, struct text *why);
    /* Has the schemas read anew; the ticket is for asking what became of that. Any thread, quick. */
    uint64_t (*schemas_reload)(void *owner);
    /* ERR_AGAIN: not yet; ERR_NOMEM. Texts are in the arena. Any thread; may wait for another that asks. */
    enum err (*schemas_outcome)(void *owner, uint64_t ticket, struct arena *arena, struct schemas_outcome *ret_outcome);

    /* Has a model loaded or unloaded; the ticket is for asking what became of that. 0: too many wait already. Any thread,
     * quick. */
    uint64_t (*repository_ask)(void *owner, const struct repository_request *request);
    /* ERR_AGAIN: not yet; ERR_NOMEM. An outcome that nobody asks for is forgotten after a while (REPOSITORY_GIVEN_UP). Any
     * thread; may wait for another that asks. */
    enum err (*repository_outcome)(void *owner, uint64_t ticket, struct arena *arena,
                                   struct repository_outcome *ret_outcome);
    /* All models, or those that are READY, into heap memory that the caller frees. Reads folders: any thread but a worker. */
    enum err (*repository_index)(void *owner, bool is_ready_only, struct repository_index **ret_index);

    /* The place of the next record of this worker, or NULL when the log is behind; then log_commit. Workers only. */
    struct access_record *(*log_reserve)(void *owner, uint32_t worker_index);
    void (*log_commit)(void *owner, uint32_t worker_index);

    /* An empty record for trace_commit, or NULL when the writer is behind. Workers only. */
    struct trace_record *(*trace_reserve)(void *owner, uint32_t worker_index);
    void (*trace_commit)(void *owner, uint32_t worker_index, struct trace_record *record);

    /* Which messages of its own the server writes; with a change, from now on. Any thread, quick. */
    struct log_settings (*log_settings)(void *owner, const struct log_settings *change);
};

/* A sink number for a log file ("-": standard output), the same for the same path. While a configuration loads. */
MUST_USE enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink);

#endif
