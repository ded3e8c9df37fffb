/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: what would wait in vain is refused at once, on the worker, without a lock.
 *
 * Each worker counts what it has out in a slot of its own, which the others read; nobody writes what another writes.
 *
 * A tenant may have ALPHA times as much out as the queue has room left (dynamic thresholds; Choudhury and Hahne, "Dynamic Queue
 * Length Thresholds for Shared-Memory Packet Switches", 1998): alone most of the queue, among many a fair part, and there is
 * always some room for one that has nothing yet.
 *
 * With a deadline it matters how long the work ahead takes: what is out of the model in levels no later than the job's, in batches
 * as they would be formed, over the executors that may work at it, times the models that want them. A tenant's own jobs are
 * served in turn with the others', so that of a tenant with little out waits for less. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

#include <math.h>

#define ALPHA            4
#define PRIORITY_DEFAULT 4
#define HOPELESS_MAX                                                                                                   \
    16 /* then one is let in, should the cost model be mistaken: by request_admit and by the submit after it */

static uint32_t level_of(const struct lane *lane, const struct job *job)
{
    uint32_t fallback = lane->config->priority ? (uint32_t)lane->config->priority : PRIORITY_DEFAULT;
    return MIN(job->priority ? job->priority : fallback, QUEUE_LEVELS) - 1;
}

static uint32_t *tenant_of(struct lane_slot *slot, const struct job *job)
{
    return &slot->tenants[(job->tenant ^ job->tenant >> 32) & (SLOT_TENANTS - 1)];
}

static void change(_Atomic uint32_t *count, int by)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + (uint32_t)by,
                          memory_order_relaxed);
}

void lane_enter(struct lane *lane, struct job *job)
{
    struct lane_slot *slot = &lane->slots[job->worker_index];
    arrivals_add(&slot->arrivals, MAX(job->rows, 1), job->submit_ns);
    atomic_store_explicit(&slot->arrivals_per_ns, slot->arrivals.per_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->arrivals_at_ns, slot->arrivals.at_ns, memory_order_relaxed);
    job->priority = level_of(lane, job) + 1;
    slot->hopeless_count = 0;
    change(&slot->out, 1);
    change(&slot->levels[job->priority - 1], 1);
    if ((*tenant_of(slot, job))++ == 0)
        slot->tenant_count++;
}

void lane_leave(struct lane *lane, const struct job *job)
{
    struct lane_slot *slot = &lane->slots[job->worker_index];
    change(&slot->out, -1);
    change(&slot->levels[job->priority - 1], -1);
    if (--*tenant_of(slot, job) == 0)
        slot->tenant_count--;
}

static uint32_t count_out(const struct lane *lane)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < lane->worker_count; w++)
        count += atomic_load_explicit(&lane->slots[w].out, memory_order_relaxed);
    return count;
}

/* Jobs that come before one of this level; those that run are among them. */
static uint32_t count_ahead(const struct lane *lane, uint32_t level)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < lane->worker_count; w++)
        for (uint32_t l = 0; l <= level; l++)
            count += atomic_load_explicit(&lane->slots[w].levels[l], memory_order_relaxed);
    return MAX(count, atomic_load_explicit(&lane->running, memory_order_relaxed));
}

static struct cost cost_of(const struct lane *lane)
{
    return (struct cost){.a_ns = atomic_load_explicit(&lane->a_ns, memory_order_relaxed),
                         .b_ns = atomic_load_explicit(&lane->b_ns, memory_order_relaxed),
                         .error_ratio = atomic_load_explicit(&lane->error_ratio, memory_order_relaxed)};
}

/* How long `jobs` of the model take, begun now. */
static double estimate_ns(const struct lane *lane, const struct scheduler *scheduler, const struct cost *cost,
                          double jobs)
{
    double rows = jobs * atomic_load_explicit(&lane->rows_a_job, memory_order_relaxed);
    double size = form_rows_knee(&lane->config->batch, cost, lane->rows_max);
    uint32_t servers = MIN(lane->instance_count, scheduler->executor_count);
    uint32_t lanes = atomic_load_explicit(&scheduler->lane_count, memory_order_relaxed);
    return (rows * cost->a_ns + ceil(rows / size) * cost->b_ns) / servers * MAX(lanes, 1);
}

static enum err refuse(enum refusal refusal, double wait_ns, struct admission *ret_admission)
{
    *ret_admission = (struct admission){refusal, (uint64_t)fmax(wait_ns, 0)};
    return ERR_BUSY;
}

/* The rule of the header, for one that has `own` out. */
static double jobs_before(const struct lane_slot *slot, uint32_t own, uint32_t ahead)
{
    uint32_t out = atomic_load_explicit(&slot->out, memory_order_relaxed);
    double share = out ? (double)(own + 1) * (slot->tenant_count + (own == 0)) / out : 1;
    return ahead * fmin(share, 1);
}

static enum err admit_deadline(const struct lane *lane, const struct scheduler *scheduler, struct lane_slot *slot,
                               const struct job *job, struct admission *ret_admission)
{
    struct cost cost = cost_of(lane);
    double before = jobs_before(slot, *tenant_of(slot, job), count_ahead(lane, level_of(lane, job)));
    double wait_ns = estimate_ns(lane, scheduler, &cost, before);
    double need_ns = wait_ns + cost_ns(&cost, 1) * fmax(1 - 2 * cost.error_ratio, 0);
    uint64_t now_ns = clock_now_ns();
    double left_ns = job->deadline_ns > now_ns ? (double)(job->deadline_ns - now_ns) : 0;
    if (left_ns > 0 && (need_ns <= left_ns || slot->hopeless_count >= HOPELESS_MAX))
        return ERR_OK;
    slot->hopeless_count++;
    return refuse(REFUSAL_DEADLINE, need_ns - left_ns, ret_admission);
}

enum err lane_admit(const struct lane *lane, const struct scheduler *scheduler, uint32_t worker_index,
                    const struct job *job, struct admission *ret_admission)
{
    struct lane_slot *slot = &lane->slots[worker_index];
    uint32_t out = atomic_load_explicit(&slot->out, memory_order_relaxed);
    uint64_t room = lane->config->queue > out ? lane->config->queue - out : 0;
    bool is_full = lane->config->queue && !room;
    if (!is_full && lane->config->queue_total)
        is_full = count_out(lane) >= lane->config->queue_total;
    bool is_tenant_full = job->tenant && lane->config->queue && *tenant_of(slot, job) >= ALPHA * room;
    if (UNLIKELY(is_full || is_tenant_full)) {
        struct cost cost = cost_of(lane);
        bool is_own = is_tenant_full && slot->tenant_count > 1;
        return refuse(is_own ? REFUSAL_TENANT_FULL : REFUSAL_FULL, estimate_ns(lane, scheduler, &cost, out),
                      ret_admission);
    }
    if (job->deadline_ns == JOB_NO_DEADLINE)
        return ERR_OK;
    return admit_deadline(lane, scheduler, slot, job, ret_admission);
}
