/* SPDX-License-Identifier: Apache-2.0 */
/* What waits in a lane: by priority, then in fair shares by tenant, then in the order of arrival; and of each batch key
 * together, so that a batch is filled without looking at what does not fit it. Pure: no clock, no lock. */
#ifndef WEIR_PIPELINE_SCHEDULE_QUEUE_INT_H
#define WEIR_PIPELINE_SCHEDULE_QUEUE_INT_H

#include "lib/base/list.h"
#include "lib/base/slab.h"
#include "pipeline/job.h"

#define QUEUE_LEVELS  8  /* priorities; what is beyond counts as the last */
#define QUEUE_BUCKETS 32 /* a power of two */

/* Jobs of one batch key in a level. */
struct queue_key {
    struct queue_key *next; /* in its bucket */
    uint64_t key;
    uint32_t level;
    uint32_t rows;
    uint32_t jobs;
    struct list flows;
};

/* A tenant in a level. */
struct queue_tenant {
    struct queue_tenant *next; /* in its bucket */
    struct list node;          /* of the level, in the order of turns */
    uint64_t tenant;
    uint32_t level;
    double credit_ns; /* of executors' time: what it may still take in this turn; a debt when negative */
    struct list flows;
};

/* Jobs of one tenant and key in a level, in the order of arrival. */
struct queue_flow {
    struct queue_flow *next; /* in its bucket */
    struct list tenant_node;
    struct list key_node;
    struct queue_tenant *tenant;
    struct queue_key *key;
    struct job *first;
    struct job **end;
};

struct queue {
    uint32_t jobs;
    uint32_t rows;
    uint64_t deadline_ns; /* no job's is earlier; may be too early */
    struct list tenants[QUEUE_LEVELS];
    struct queue_key *keys[QUEUE_BUCKETS];
    struct queue_tenant *tenants_by_hash[QUEUE_BUCKETS];
    struct queue_flow *flows[QUEUE_BUCKETS];
    struct slab key_slab;
    struct slab tenant_slab;
    struct slab flow_slab;
};

void queue_init(struct queue *queue);
/* It is empty. */
void queue_deinit(struct queue *queue);
/* By job->key, tenant and priority (1..QUEUE_LEVELS). ERR_NOMEM. */
MUST_USE enum err queue_push(struct queue *queue, struct job *job);
/* Whose turn it is to open a batch, with at least one job, or NULL. Tenants in turn have `quantum_ns` more to take. */
struct queue_flow *queue_turn(struct queue *queue, double quantum_ns);
/* Who may add to a batch of this key: of the first level that has any. NULL: there is nobody. */
struct queue_flow *queue_more(struct queue *queue, uint64_t key, double quantum_ns);
/* Takes the first job of a flow, whose tenant pays. The flow, its tenant and its key are gone if there is nothing more. */
struct job *queue_take(struct queue *queue, struct queue_flow *flow, double cost_ns);
/* Takes out all that are over, and sees anew when the earliest deadline is. */
void queue_sweep(struct queue *queue, bool (*is_over)(struct job *job, void *context),
                 void (*on_over)(struct job *job, void *context), void *context);

#endif
