/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside cache/. */
#ifndef WEIR_PIPELINE_CACHE_CACHE_INT_H
#define WEIR_PIPELINE_CACHE_CACHE_INT_H

#include "lib/base/list.h"
#include "lib/sys/timer.h"
#include "pipeline/model_cache.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

/* What was asked: SHA-256 of the inputs under a secret of the process's own. So nobody can find two requests that share
 * one, nor tell from the time of an answer what others' keys are. */
#define CACHE_KEY_BYTES 32
struct cache_key {
    uint8_t bytes[CACHE_KEY_BYTES];
};

/* Of the tenant and all inputs, their types and shapes; which outputs are wanted does not matter, since all are kept.
 * ERR_NOMEM. */
MUST_USE enum err cache_key_make(struct request *request, const uint8_t secret[CACHE_KEY_BYTES],
                                 struct cache_key *ret_key);

/* --- Outputs, and the memory they are kept in -------------------------------------------------------------------- */

#define STORE_CLASSES 256 /* of block sizes: four between a power of two and the next */

struct cache_entry {
    struct cache_key key;
    struct cache_entry *next; /* in its bucket */
    struct list node;         /* by last use */
    uint64_t expires_ns;
    uint32_t refs; /* of requests that show it, and one of the table */
    uint32_t class;
    uint32_t count;
    struct tensor tensors[]; /* their memory stands behind */
};

/* One worker's part of a model's cache. Blocks are kept when an entry goes and used again for the next of that size. */
struct store {
    uint64_t ttl_ns;    /* 0: nothing is kept */
    uint64_t bytes_max; /* of all blocks, used or not */
    uint32_t entries_max;
    uint64_t bytes;
    uint32_t entry_count;
    uint32_t bucket_mask;
    struct cache_entry **buckets;
    struct list recent; /* entries of the table, the last used first */
    struct free_block *free[STORE_CLASSES];
    uint64_t evicted; /* how many had to make room */
};

MUST_USE enum err store_init(struct store *store, const struct cache_config *config, uint32_t worker_count);
/* No entry is referred to. */
void store_deinit(struct store *store);
/* An entry that is not too old, now the last used; NULL: none. */
struct cache_entry *store_find(struct store *store, const struct cache_key *key, uint64_t now_ns);
/* A copy of all outputs of a run, with one reference; NULL when it takes more than there may be. */
struct cache_entry *store_copy(struct store *store, const struct run *run);
/* Puts it in the table, in the place of one with the same key. */
void store_add(struct store *store, struct cache_entry *entry, const struct cache_key *key, uint64_t now_ns);
void store_unref(struct store *store, struct cache_entry *entry);

/* --- Requests ------------------------------------------------------------------------------------------------------ */

enum ticket_state {
    TICKET_RUNS,    /* by itself, with nobody behind it */
    TICKET_LEADS,   /* runs, and others may wait for it */
    TICKET_FOLLOWS, /* waits for the one that leads */
    TICKET_SHOWS,   /* has its outputs from an entry */
    TICKET_FAILED,  /* with the one that led */
};

/* What a request has to do with the cache; in its arena. */
struct cache_ticket {
    struct request *request;
    struct part *part;
    enum ticket_state state;
    bool is_kept; /* the outputs are to be kept */
    bool is_anew; /* the client did not want what is kept */
    struct cache_key key;
    struct cache_ticket *next; /* of those that lead, in their bucket */
    struct list followers;     /* of one that leads */
    struct list node;          /* among followers */
    struct cache_entry *entry;
    struct timer timer; /* when a follower has waited long enough */
};

#define FLIGHT_BUCKETS 256

/* A worker's. */
struct part {
    bool is_ready; /* made when the worker first has use for it */
    bool joins;    /* single_flight */
    uint8_t secret[CACHE_KEY_BYTES];
    struct store store;
    struct cache_ticket *flights[FLIGHT_BUCKETS];
} CACHE_ALIGNED;

struct model_cache {
    struct cache_config config;
    bool joins;
    uint32_t worker_count;
    struct part parts[];
};

#endif
