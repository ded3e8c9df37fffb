/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: one thread, one loop, and everything it owns. Workers share nothing that is written, except the rings of
 * the crew and the scheduler, the counters that a scrape reads, the mailbox, and the number of connections (places.h).
 *
 * A reload hands each worker the new configuration as a generation: the worker lets go of the old one when the last
 * request that began on it has ended. */
#ifndef WEIR_PIPELINE_WORKER_H
#define WEIR_PIPELINE_WORKER_H

#include "lib/base/pool.h"
#include "lib/base/slab.h"
#include "lib/codings/codings.h"
#include "lib/http/date.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "pipeline/config.h"
#include "pipeline/keys.h"
#include "pipeline/meters.h"
#include "pipeline/places.h"
#include "pipeline/ports.h"

struct http2_context;
struct regex_work;
struct http2_worker;
struct scheduler;

#define WORKER_LISTENERS_MAX 64

struct proxy_pools;

struct worker_generation {
    struct config *config;     /* one reference */
    uint32_t requests;         /* in flight on it, and one for being the current one */
    struct proxy_pools *pools; /* proxy/'s: this worker's connections to the upstreams of `config` */
    struct worker_generation *next;
};

/* What the control plane can ask of a worker; one at a time, answered through `on_done`. */
enum worker_order { WORKER_RELOAD, WORKER_DRAIN, WORKER_STOP };

struct worker_listener {
    struct listener listener;
    struct worker *worker;
    uint32_t index;                     /* in `listen:` */
    const struct listen_config *config; /* of the current generation */
};

/* A client that was accepted when all places were taken, and has the next one. */
struct worker_guest {
    struct worker_listener *listener; /* that it came in by; NULL: there is none */
    int fd;
    struct address peer;
};

struct worker {
    struct thread thread;
    struct loop loop;
    struct mailbox mailbox;
    uint32_t index;
    struct crew *crew;           /* borrowed */
    struct scheduler *scheduler; /* borrowed */
    uint32_t jobs_out;           /* with the scheduler: for most turns there is nothing to ask it */
    struct places *places;       /* borrowed */
    const struct ports *ports;
    struct worker_generation *generation; /* the current one first */
    struct limits_config limits;          /* of the current configuration: what a connection needs before a route */

    struct pool pool;
    bool is_pooling;            /* diagnostics.pooling: else nothing below keeps memory for the next */
    struct pool_spare in_spare; /* of connections, which need both for a moment in each turn */
    struct pool_spare out_spare;
    struct codings codings;
    struct regex_work *regex; /* what patterns of schemas are looked for with */
    struct slab connections;
    struct slab requests;
    struct slab upstream_links;          /* proxy/'s connections */
    struct list requests_due;            /* flow_resume_later */
    struct list upstream_links_due;      /* proxy/'s: with something to send at the end of the turn */
    char *upstream_input;                /* proxy/'s: where HTTP/2 is received; NULL until there was any */
    struct http2_worker *http2;          /* NULL until a client spoke HTTP/2 */
    struct http2_context *http2_context; /* NULL until somebody did, a client or an upstream */
    struct list open_connections;
    uint32_t connection_count;
    struct worker_listener listeners[WORKER_LISTENERS_MAX];
    uint32_t listener_count;
    struct timer accept_timer; /* when to try accepting again */
    uint32_t tidy_count;
    struct timer tidy_timer;  /* gauges, and memory back to the system when idle */
    uint64_t tidied_requests; /* how many there had been the last time */
    bool is_accept_paused;
    bool is_accept_exhausted; /* for want of descriptors: until the timer */
    struct worker_guest guest;
    bool is_draining;
    bool is_stopping;

    char discarded[4096]; /* what connections that discard read; nobody looks at it */
    struct key_verifier key_verifier;
    char ok_lines[64]; /* the status line of 200, and Date: how most responses of HTTP/1 begin */
    uint64_t date_second;
    uint64_t date_until_ns;   /* by loop.now_ns */
    uint64_t wall_read_ns;    /* when the system was asked for the time of day, by loop.now_ns */
    uint64_t wall_offset_ns;  /* what it said, less that */
    uint64_t random_state[2]; /* for request ids: not secret */

    struct stalls stalls;
    struct worker_meter meter;

    /* Orders from the control thread: it writes order and argument, then is_ordered; the worker clears it. */
    enum worker_order order;
    struct config *order_config;
    _Atomic bool is_ordered;
    _Atomic bool is_drained; /* no connection and no request left after WORKER_DRAIN or WORKER_STOP */
};

struct worker_options {
    uint32_t index;
    struct config *config; /* a reference is taken */
    struct crew *crew;     /* this and the next may be set later, before worker_start */
    struct scheduler *scheduler;
    struct places *places;
    const struct ports *ports;
};

/* Heap; opens no sockets yet. */
MUST_USE enum err worker_create(const struct worker_options *options, struct worker **ret_worker);
/* After its thread has ended. NULL is accepted. */
void worker_destroy(struct worker *worker);
/* Adds a listening socket for the entry `index` of `listen:`; the worker owns it from here on. Before worker_start. */
MUST_USE enum err worker_listen(struct worker *worker, int fd, uint32_t index);
MUST_USE enum err worker_start(struct worker *worker);
/* Control thread: hands over an order and returns at once. The order before must be done (worker_is_idle). */
void worker_send(struct worker *worker, enum worker_order order, struct config *config);
bool worker_is_idle(const struct worker *worker);
void worker_join(struct worker *worker);

/* The worker's own thread. */
/* The time of day at `now_ns` of the loop's clock. The system is asked once a second, which is how long a clock that was
 * set goes unnoticed; reading it for Date, auth and the log took five calls a request. */
uint64_t worker_wall_ns(struct worker *worker, uint64_t now_ns);
#define WORKER_OK_LINE    "HTTP/1.1 200 OK\r\n"
#define WORKER_OK_BYTES   (sizeof WORKER_OK_LINE - 1)
#define WORKER_DATE_BYTES (sizeof "Date: \r\n" - 1 + HTTP_DATE_BYTES)

void worker_set_date(struct worker *worker);

/* The time of day in whole seconds, as Date says it. */
static inline uint64_t worker_wall_s(struct worker *worker)
{
    if (UNLIKELY(worker->loop.now_ns >= worker->date_until_ns))
        worker_set_date(worker);
    return worker->date_second;
}

/* Prebuilt, formatted at most once a second. */
static inline struct slice worker_ok_lines(struct worker *worker)
{
    (void)worker_wall_s(worker);
    return slice_of(worker->ok_lines, WORKER_OK_BYTES + WORKER_DATE_BYTES);
}

static inline struct slice worker_date_line(struct worker *worker)
{
    return slice_skip(worker_ok_lines(worker), WORKER_OK_BYTES);
}

uint64_t worker_random(struct worker *worker);
/* The generation for a new request; the count is raised. */
struct worker_generation *worker_generation_acquire(struct worker *worker);
void worker_generation_release(struct worker *worker, struct worker_generation *generation);
/* A connection or request has gone: accepting may go on, draining may be over. */
void worker_connection_closed(struct worker *worker);

#endif
