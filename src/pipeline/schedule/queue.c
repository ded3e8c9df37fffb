/* SPDX-License-Identifier: Apache-2.0 */
/* Deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin", 1995) over tenants, where
 * what is shared is executors' time as the cost model tells it, and not the number of jobs: a tenant that sends batches of
 * its own, or shapes that nobody else has, pays for that. A tenant is served while it has credit and pays afterwards, so
 * that its last job may leave it in debt; no job is larger than what one may take (Surplus Round Robin; Adiseshu, Parulkar and
 * Varghese, 1996). A tenant without jobs is forgotten, with its credit and its debt.
 *
 * Levels are strict: nothing of a later one is opened while an earlier one has anything. It may ride along, though, where a batch
 * has room. */
#include "pipeline/schedule/queue_int.h"

#include <math.h>

#define SLAB_CHUNK 16
#define ROUNDS_MAX 2 /* before what all of them lack is given at once */

static uint32_t bucket_of(uint32_t level, uint64_t a, uint64_t b)
{
    uint64_t hash = (a ^ (b + level) * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU;
    return (uint32_t)(hash >> 40) & (QUEUE_BUCKETS - 1);
}

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.deadline_ns = JOB_NO_DEADLINE};
    for (uint32_t level = 0; level < QUEUE_LEVELS; level++)
        list_init(&queue->tenants[level]);
    slab_init(&queue->key_slab, sizeof(struct queue_key), SLAB_CHUNK, UINT32_MAX);
    slab_init(&queue->tenant_slab, sizeof(struct queue_tenant), SLAB_CHUNK, UINT32_MAX);
    slab_init(&queue->flow_slab, sizeof(struct queue_flow), SLAB_CHUNK, UINT32_MAX);
}

void queue_deinit(struct queue *queue)
{
    ASSERT(!queue->jobs, "a queue goes after its jobs");
    slab_deinit(&queue->key_slab);
    slab_deinit(&queue->tenant_slab);
    slab_deinit(&queue->flow_slab);
}

/* --- Finding and making ------------------------------------------------------------------------------------------ */

static struct queue_key *find_key(const struct queue *queue, uint32_t level, uint64_t hash)
{
    struct queue_key *key = queue->keys[bucket_of(level, 0, hash)];
    while (key && (key->key != hash || key->level != level))
        key = key->next;
    return key;
}

static struct queue_key *need_key(struct queue *queue, uint32_t level, uint64_t hash)
{
    struct queue_key **bucket = &queue->keys[bucket_of(level, 0, hash)];
    struct queue_key *key = find_key(queue, level, hash);
    if (key || !(key = slab_acquire(&queue->key_slab)))
        return key;
    *key = (struct queue_key){.next = *bucket, .key = hash, .level = level};
    list_init(&key->flows);
    return *bucket = key;
}

static struct queue_tenant *need_tenant(struct queue *queue, uint32_t level, uint64_t hash)
{
    struct queue_tenant **bucket = &queue->tenants_by_hash[bucket_of(level, hash, 0)];
    for (struct queue_tenant *tenant = *bucket; tenant; tenant = tenant->next)
        if (tenant->tenant == hash && tenant->level == level)
            return tenant;
    struct queue_tenant *tenant = slab_acquire(&queue->tenant_slab);
    if (!tenant)
        return NULL;
    *tenant = (struct queue_tenant){.next = *bucket, .tenant = hash, .level = level};
    list_init(&tenant->flows);
    list_add_last(&queue->tenants[level], &tenant->node);
    return *bucket = tenant;
}

static void drop_key(struct queue *queue, struct queue_key *key)
{
    struct queue_key **place = &queue->keys[bucket_of(key->level, 0, key->key)];
    while (*place != key)
        place = &(*place)->next;
    *place = key->next;
    slab_release(&queue->key_slab, key);
}

static void drop_tenant(struct queue *queue, struct queue_tenant *tenant)
{
    struct queue_tenant **place = &queue->tenants_by_hash[bucket_of(tenant->level, tenant->tenant, 0)];
    while (*place != tenant)
        place = &(*place)->next;
    *place = tenant->next;
    list_remove(&tenant->node);
    slab_release(&queue->tenant_slab, tenant);
}

static void drop_flow(struct queue *queue, struct queue_flow *flow)
{
    struct queue_flow **place = &queue->flows[bucket_of(flow->key->level, flow->tenant->tenant, flow->key->key)];
    while (*place != flow)
        place = &(*place)->next;
    *place = flow->next;
    list_remove(&flow->tenant_node);
    list_remove(&flow->key_node);
    if (list_is_empty(&flow->tenant->flows))
        drop_tenant(queue, flow->tenant);
    if (list_is_empty(&flow->key->flows))
        drop_key(queue, flow->key);
    slab_release(&queue->flow_slab, flow);
}

static struct queue_flow *make_flow(struct queue *queue, struct queue_flow **bucket, uint32_t level,
                                    const struct job *job)
{
    struct queue_tenant *tenant = need_tenant(queue, level, job->tenant);
    struct queue_key *key = tenant ? need_key(queue, level, job->key) : NULL;
    struct queue_flow *flow = key ? slab_acquire(&queue->flow_slab) : NULL;
    if (!flow) {
        if (key && list_is_empty(&key->flows))
            drop_key(queue, key);
        if (tenant && list_is_empty(&tenant->flows))
            drop_tenant(queue, tenant);
        return NULL;
    }
    *flow = (struct queue_flow){.next = *bucket, .tenant = tenant, .key = key};
    flow->end = &flow->first;
    list_add_last(&tenant->flows, &flow->tenant_node);
    list_add_last(&key->flows, &flow->key_node);
    return *bucket = flow;
}

static uint32_t level_of(const struct job *job)
{
    return MIN(MAX(job->priority, 1), QUEUE_LEVELS) - 1;
}

static uint32_t rows_of(const struct job *job)
{
    return MAX(job->rows, 1);
}

enum err queue_push(struct queue *queue, struct job *job)
{
    uint32_t level = level_of(job);
    struct queue_flow **bucket = &queue->flows[bucket_of(level, job->tenant, job->key)];
    struct queue_flow *flow = *bucket;
    while (flow && (flow->tenant->tenant != job->tenant || flow->key->key != job->key || flow->key->level != level))
        flow = flow->next;
    if (!flow && !(flow = make_flow(queue, bucket, level, job)))
        return ERR_NOMEM;
    job->next = NULL;
    *flow->end = job;
    flow->end = &job->next;
    flow->key->jobs++;
    flow->key->rows += rows_of(job);
    queue->jobs++;
    queue->rows += rows_of(job);
    queue->deadline_ns = MIN(queue->deadline_ns, job->deadline_ns);
    return ERR_OK;
}

/* --- Turns ------------------------------------------------------------------------------------------------------- */

/* A ring holds tenants themselves, or flows that lead to them. */
typedef struct queue_tenant *(*tenant_of)(struct list *node);

static struct queue_tenant *itself(struct list *node)
{
    return CONTAINER_OF(node, struct queue_tenant, node);
}

static struct queue_tenant *of_flow(struct list *node)
{
    return CONTAINER_OF(node, struct queue_flow, key_node)->tenant;
}

/* All of them owe much: the rounds in which nobody would be served pass at once. */
static void skip_rounds(struct list *ring, tenant_of tenant, double quantum_ns)
{
    double rounds = INFINITY;
    LIST_EACH(node, ring)
    {
        rounds = fmin(rounds, floor(-tenant(node)->credit_ns / quantum_ns));
    }
    LIST_EACH(node, ring)
    {
        tenant(node)->credit_ns += fmax(rounds, 0) * quantum_ns;
    }
}

/* The first in the ring that has credit; who has none gets a quantum and comes last. */
static struct list *turn(struct list *ring, tenant_of tenant, double quantum_ns)
{
    struct list *end = ring->prev;
    for (uint32_t rounds = 0; tenant(ring->next)->credit_ns <= 0;) {
        struct list *node = ring->next;
        tenant(node)->credit_ns += quantum_ns;
        list_remove(node);
        list_add_last(ring, node);
        if (node == end && ++rounds == ROUNDS_MAX)
            skip_rounds(ring, tenant, quantum_ns);
    }
    return ring->next;
}

struct queue_flow *queue_turn(struct queue *queue, double quantum_ns)
{
    struct list *ring = queue->tenants;
    if (!queue->jobs)
        return NULL;
    while (list_is_empty(ring))
        ring++;
    struct queue_tenant *tenant = itself(turn(ring, itself, fmax(quantum_ns, 1)));
    struct queue_flow *oldest = NULL;
    LIST_EACH(node, &tenant->flows)
    {
        struct queue_flow *flow = CONTAINER_OF(node, struct queue_flow, tenant_node);
        if (!oldest || flow->first->submit_ns < oldest->first->submit_ns)
            oldest = flow;
    }
    return oldest;
}

struct queue_flow *queue_more(struct queue *queue, uint64_t hash, double quantum_ns)
{
    struct queue_key *key = NULL;
    for (uint32_t level = 0; level < QUEUE_LEVELS && !key; level++)
        key = find_key(queue, level, hash);
    if (!key)
        return NULL;
    return CONTAINER_OF(turn(&key->flows, of_flow, fmax(quantum_ns, 1)), struct queue_flow, key_node);
}

static void unlink_job(struct queue *queue, struct queue_flow *flow, struct job **place)
{
    struct job *job = *place;
    *place = job->next;
    if (!*place)
        flow->end = place;
    flow->key->jobs--;
    flow->key->rows -= rows_of(job);
    queue->jobs--;
    queue->rows -= rows_of(job);
}

struct job *queue_take(struct queue *queue, struct queue_flow *flow, double cost_ns)
{
    struct job *job = flow->first;
    unlink_job(queue, flow, &flow->first);
    flow->tenant->credit_ns -= cost_ns;
    if (!flow->first)
        drop_flow(queue, flow);
    if (!queue->jobs)
        queue->deadline_ns = JOB_NO_DEADLINE;
    return job;
}

/* --- What is over ------------------------------------------------------------------------------------------------ */

struct sweep {
    bool (*is_over)(struct job *job, void *context);
    void (*on_over)(struct job *job, void *context);
    void *context;
};

static void sweep_flow(struct queue *queue, struct queue_flow *flow, const struct sweep *sweep)
{
    for (struct job **place = &flow->first; *place;) {
        struct job *job = *place;
        if (sweep->is_over(job, sweep->context)) {
            unlink_job(queue, flow, place);
            sweep->on_over(job, sweep->context);
        } else {
            queue->deadline_ns = MIN(queue->deadline_ns, job->deadline_ns);
            place = &job->next;
        }
    }
    if (!flow->first)
        drop_flow(queue, flow);
}

void queue_sweep(struct queue *queue, bool (*is_over)(struct job *job, void *context),
                 void (*on_over)(struct job *job, void *context), void *context)
{
    const struct sweep sweep = {is_over, on_over, context};
    queue->deadline_ns = JOB_NO_DEADLINE;
    for (uint32_t b = 0; b < QUEUE_BUCKETS; b++)
        for (struct queue_flow *flow = queue->flows[b], *next; flow; flow = next) {
            next = flow->next;
            sweep_flow(queue, flow, &sweep);
        }
}
