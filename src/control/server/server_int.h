/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CONTROL_SERVER_SERVER_INT_H
#define WEIR_CONTROL_SERVER_SERVER_INT_H

#include "control/config/load.h"
#include "control/log/access_log.h"
#include "control/log/trace_log.h"
#include "control/metrics/debug_render.h"
#include "control/metrics/metrics_render.h"
#include "control/server/models.h"
#include "control/server/server.h"
#include "lib/sys/crew.h"
#include "lib/sys/folder_watch.h"
#include "lib/sys/loop.h"
#include "lib/sys/notice.h"
#include "lib/sys/signals.h"
#include "lib/yaml/report.h"
#include "pipeline/ports.h"
#include "pipeline/scheduler.h"
#include "pipeline/worker.h"

enum server_phase { SERVER_SERVING, SERVER_DELAYING, SERVER_DRAINING, SERVER_STOPPING };

/* The one slow job at a time. */
enum loader_job {
    LOADER_FIRST,   /* the first models */
    LOADER_CONFIG,  /* a whole new configuration, from its file */
    LOADER_SCHEMAS, /* the current configuration's text, with the schemas as they are now */
    LOADER_MODELS,  /* the same, with other models of its repositories */
};

struct loader {
    struct thread thread;
    bool is_running;
    enum loader_job job;
    bool wants_config; /* a SIGHUP came meanwhile */
    bool wants_schemas;
    bool wants_models;
    struct config *config; /* in: the one whose models to load (first); out: the new one, NULL when it was bad */
    struct report *report; /* of schemas; heap, NULL without memory */
    bool is_unchanged;     /* the schemas are what they were: there is no new configuration, and none is needed */
    uint64_t ticket;       /* the last of those whose wish the job fulfils */
    _Atomic bool is_done;
};

/* What became of reading schemas anew. */
struct schema_state {
    struct folder_watch watch;
    struct notice stale; /* why the schemas in use are not those of the files; empty: they are */
    struct reload_meter meter;
    _Atomic uint64_t asked;          /* tickets that the endpoint was given */
    uint64_t said[REPORT_NOTES_MAX]; /* hashes of the warnings of the last reading that was good; the loader's thread */
    uint32_t said_count;
    bool has_read;     /* the loader's thread */
    struct mutex lock; /* of what follows */
    uint64_t answered; /* tickets up to this one have their outcome */
    bool is_given_up;  /* the server is shutting down: no further ticket gets an outcome */
    bool is_good;
    bool has_changed;
    char *faults; /* lines; heap */
};

#define REPOSITORY_WISHES_MAX 64

enum wish_state { WISH_NONE, WISH_WAITING, WISH_RUNNING, WISH_DONE };
struct wish {
    enum wish_state state;
    uint64_t ticket;
    enum repository_wish wish;
    char *name; /* heap, in one piece with the settings */
    struct slice settings;
    enum repository_result result;
    char *reason; /* heap; NULL: none */
    uint64_t done_ns;
};

struct repository_control_state {
    struct folder_watch watch;
    struct timer timer; /* the next look that nobody asked for */
    struct wish *wish;  /* the one that the loader's job fulfils; NULL: it looks at the folders */
    bool is_growing;    /* of the last job: files were changing */
    struct mutex lock;  /* of what follows */
    struct wish wishes[REPOSITORY_WISHES_MAX];
    uint64_t last_ticket;
    bool is_given_up;
};

/* Counters of all workers together, for what is said about them once a second. */
struct server_watched {
    uint64_t accept_paused;
    uint64_t denied;
    uint64_t preface_refused;
};

struct server {
    const char *path;
    struct config *config; /* the current one: one reference. Written under config_lock */
    struct mutex config_lock;
    _Atomic bool is_draining;

    struct loop loop;
    struct mailbox mailbox;
    struct signals signals;
    struct timer timer; /* of the phase */
    struct timer watch_timer;
    enum server_phase phase;
    uint64_t deadline_ns;
    uint64_t begin_ns;
    struct allocation_span allocations;
    struct server_watched seen;
    struct loader loader;
    void (*on_started)(const char *address, const struct config *config);
    char address[ADDRESS_TEXT_MAX];                        /* of the first listener, as it was bound */
    struct socket_file socket_files[WORKER_LISTENERS_MAX]; /* of entries of `listen:` that are unix sockets */

    struct worker **workers;
    const struct worker_meter **meters;
    uint32_t worker_count;
    uint32_t started_count;
    struct crew *crew;
    struct scheduler *scheduler;
    struct places *places;
    struct access_log *log;
    struct trace_log *trace_log; /* NULL: nothing can be traced */
    char *trace_path;
    struct meter_registry *registry;
    struct models *models;
    struct resolver *resolver; /* NULL while no upstream has a name */
    struct reload_meter reloads;
    struct schema_state schemas;
    struct repository_control_state repository;
    struct ports ports;
};

/* ports.c */
void server_ports_init(struct server *server);
/* A reference to the current configuration. Any thread but a worker. */
struct config *server_config(struct server *server);

/* reload.c */
/* Gives the configuration its models and meters; `anew` as in models_attach. */
MUST_USE enum err server_attach(struct server *server, struct config *config, struct slice anew);
/* Begins the slow job. */
MUST_USE enum err server_load_first(struct server *server);
/* The same, or notes that it is wanted again. */
void server_reload(struct server *server);
/* From the mailbox: the slow job is done. */
void server_loaded(struct server *server);
/* Reads the schemas anew, or notes that it is wanted. */
void server_reload_schemas(struct server *server);

/* Has the models of repositories as they are now, or as the next wish says; or notes that it is wanted. */
void server_reload_models(struct server *server);

/* repository.c */
void repository_init(struct server *server);
void repository_deinit(struct server *server);
/* From the mailbox: somebody may have asked for a model. */
void repository_heed(struct server *server);
/* The next that waits becomes the one that runs; NULL: none waits. */
struct wish *repository_next(struct server *server);
/* On the loader's thread: the current configuration made anew. NULL in *ret_config when that failed or, with *ret_is_unchanged,
 * when there is nothing new. The report is the caller's. */
void repository_load(struct server *server, struct report *report, struct config **ret_config, bool *ret_is_unchanged);
/* Tells what became of a job that was about models. */
void repository_conclude(struct server *server, bool is_good);
/* A configuration is in use: watches its repositories. */
void repository_taken(struct server *server);
/* The server is shutting down: whoever waits for an outcome is told that there will be none. */
void repository_give_up(struct server *server);
/* How files that change are waited for when a configuration is made beside `like`. */
struct repository_choice repository_choose(enum repository_action action, const struct config *like);
/* Behind ports.h. */
uint64_t repository_ask(struct server *server, const struct repository_request *request);
MUST_USE enum err repository_outcome_of(struct server *server, uint64_t ticket, struct arena *arena,
                                        struct repository_outcome *ret_outcome);
/* repository_index.c */
MUST_USE enum err repository_index(struct server *server, bool is_ready_only, struct repository_index **ret_index);

/* schemas.c */
/* The report of the job, if there is one. */
void loader_forget_report(struct loader *loader);
/* Takes those warnings out that the reading before had too. On the loader's thread. */
void schemas_drop_said(struct schema_state *schemas, struct report *report);
void schemas_init(struct server *server);
void schemas_deinit(struct server *server);
/* From the mailbox: somebody may have asked for the schemas to be read anew. */
void schemas_heed(struct server *server);
/* On the loader's thread: what the current configuration says, made anew. NULL in *ret_config when it is not good, or, with
 * *ret_is_unchanged, when there is nothing new. The report is the caller's to print and to destroy. */
void schemas_load(struct server *server, struct report *report, struct config **ret_config, bool *ret_is_unchanged);
/* Documents whose text is that of the configuration before were loaded when they were. */
void schemas_keep_times(const struct config *before, struct config *config);
/* A configuration is in use, with the schemas as its files were then: watches those. */
void schemas_taken(struct server *server);
/* Tells what became of a job that read schemas anew. */
void schemas_conclude(struct server *server, bool is_good);
/* The server is shutting down: whoever waits for an outcome is told that there will be none. */
void schemas_give_up(struct server *server);
/* Behind ports.h. */
bool schemas_are_stale(const struct server *server, struct text *why);
uint64_t schemas_ask(struct server *server);
MUST_USE enum err schemas_outcome_of(struct server *server, uint64_t ticket, struct arena *arena,
                                     struct schemas_outcome *ret_outcome);

/* listen.c */
/* Opens what `listen:` names and gives it to the workers. What fails is said. */
MUST_USE enum err server_listen(struct server *server);
/* Removes the files of unix sockets. Again does no harm. */
void server_unlink_sockets(struct server *server);

/* shutdown.c */
void server_shutdown_begin(struct server *server);
void server_on_phase_timer(struct timer *timer);

/* server.c */
/* An order to every worker; waits for each to be taken, which is a turn of its loop. */
void server_send_all(struct server *server, enum worker_order order, struct config *config);

#endif
