/* SPDX-License-Identifier: Apache-2.0 */
/* A model's lane: what waits for it, what its batches cost, and how many of them run. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_WEIGHT 0.05 /* of the latest job's, in the mean */

static void publish(struct lane *lane);

enum err lane_create(const struct lane_options *options, struct lane **ret_lane)
{
    const struct batch_info *info = model_batch_info(options->model);
    struct lane *lane = calloc(1, sizeof *lane + info->instances * sizeof lane->free_instances[0]);
    if (!lane)
        return ERR_NOMEM;
    lane->slots = aligned_alloc(64, options->worker_count * sizeof *lane->slots);
    if (!lane->slots) {
        free(lane);
        return ERR_NOMEM;
    }
    memset(lane->slots, 0, options->worker_count * sizeof *lane->slots);
    lane->worker_count = options->worker_count;
    for (uint32_t w = 0; w < options->worker_count; w++)
        lane->slots[w].arrivals.tau_ns = ARRIVALS_TAU_LONG_NS;
    lane->arrivals.tau_ns = ARRIVALS_TAU_NS;
    atomic_init(&lane->rows_a_job, 1);
    lane->model = options->model;
    lane->config = options->config;
    lane->rows_max = MAX(info->rows_max, 1);
    if (lane->config->batch.policy != BATCH_FIXED)
        lane->rows_max = cost_rows_paying(info->samples, info->sample_count, lane->rows_max);
    queue_init(&lane->queue);
    cost_init(&lane->cost, info->samples, info->sample_count);
    for (uint32_t i = 0; i < info->instances; i++)
        lane->free_instances[i] = info->instances - 1 - i;
    lane->free_count = lane->instance_count = info->instances;
    publish(lane);
    *ret_lane = lane;
    return ERR_OK;
}

void lane_destroy(struct lane *lane)
{
    if (!lane)
        return;
    ASSERT(lane->free_count == lane->instance_count, "a lane goes after its batches");
    queue_deinit(&lane->queue);
    free(lane->slots);
    free(lane);
}

static void publish(struct lane *lane)
{
    atomic_store_explicit(&lane->a_ns, lane->cost.a_ns, memory_order_relaxed);
    atomic_store_explicit(&lane->b_ns, lane->cost.b_ns, memory_order_relaxed);
    atomic_store_explicit(&lane->error_ratio, lane->cost.error_ratio, memory_order_relaxed);
    atomic_store_explicit(&lane->observed, lane->cost.count, memory_order_relaxed);
    atomic_store_explicit(&lane->queued, lane->queue.jobs, memory_order_relaxed);
    atomic_store_explicit(&lane->running, lane->instance_count - lane->free_count, memory_order_relaxed);
}

/* A job that says it brings no rows shares with nobody, and has a key of its own by that. */
enum err lane_push(struct lane *lane, struct job *job)
{
    arrivals_add(&lane->arrivals, MAX(job->rows, 1), job->submit_ns);
    TRY(queue_push(&lane->queue, job));
    if (UNLIKELY(atomic_load_explicit(&job->is_cancelled, memory_order_relaxed)))
        atomic_fetch_add_explicit(&lane->cancelled, 1, memory_order_relaxed);
    double rows_a_job = atomic_load_explicit(&lane->rows_a_job, memory_order_relaxed);
    rows_a_job += ROWS_WEIGHT * (MAX(job->rows, 1) - rows_a_job);
    atomic_store_explicit(&lane->rows_a_job, rows_a_job, memory_order_relaxed);
    publish(lane);
    return ERR_OK;
}

struct job *lane_pop(struct lane *lane)
{
    struct queue_flow *flow = queue_turn(&lane->queue, 1);
    return flow ? queue_take(&lane->queue, flow, 0) : NULL;
}

/* --- What is over ------------------------------------------------------------------------------------------------ */

struct sweeping {
    struct executor *executor;
    uint64_t now_ns;
};

static bool is_over(struct job *job, void *context)
{
    const struct sweeping *sweeping = context;
    return atomic_load_explicit(&job->is_cancelled, memory_order_relaxed) || job->deadline_ns <= sweeping->now_ns;
}

static void give_back(struct job *job, void *context)
{
    const struct sweeping *sweeping = context;
    bool is_cancelled = atomic_load_explicit(&job->is_cancelled, memory_order_relaxed);
    job->err = is_cancelled ? ERR_CANCELLED : ERR_TIMEOUT;
    job->times.queue_ns = sweeping->now_ns - MIN(sweeping->now_ns, job->submit_ns);
    executor_note(sweeping->executor, job);
}

void lane_sweep(struct lane *lane, struct executor *executor, uint64_t now_ns)
{
    struct sweeping sweeping = {executor, now_ns};
    if (LIKELY(lane->queue.deadline_ns > now_ns && !atomic_load_explicit(&lane->cancelled, memory_order_relaxed)))
        return;
    (void)atomic_exchange_explicit(&lane->cancelled, 0, memory_order_acquire);
    queue_sweep(&lane->queue, is_over, give_back, &sweeping);
    publish(lane);
}

/* --- Forming ----------------------------------------------------------------------------------------------------- */

/* What a tenant is given in a turn: the time of one row alone. */
static double quantum_ns(const struct lane *lane)
{
    return cost_ns(&lane->cost, 1);
}

void lane_plan(struct lane *lane, uint32_t servers, uint64_t now_ns, struct plan *ret_plan)
{
    struct queue_flow *flow = queue_turn(&lane->queue, quantum_ns(lane));
    *ret_plan = (struct plan){.lane = lane, .flow = flow};
    if (!flow)
        return;
    ret_plan->situation = (struct situation){
        .rules = &lane->config->batch,
        .cost = &lane->cost,
        .rows_max = flow->first->rows ? lane->rows_max : 1,
        .rows = flow->key->rows,
        .servers = MIN(servers, lane->free_count),
        .arrivals = arrivals_per_ns(&lane->arrivals, now_ns),
        .now_ns = now_ns,
        .oldest_ns = flow->first->submit_ns,
        .deadline_ns = lane->queue.deadline_ns,
    };
    ret_plan->wait_until_ns = form_wait_until_ns(&ret_plan->situation);
}

static void add(struct batch *batch, struct job *job)
{
    batch->jobs[batch->count++] = job;
    batch->rows += MAX(job->rows, 1);
}

struct filling {
    struct batch *batch;
    uint32_t rows_max;
    uint64_t now_ns;
    uint64_t deadline_ns; /* of the members */
};

/* Whether nobody of the batch, the new one included, would be late for its sake. A batch that is late already hurries no more. */
static bool is_in_time(const struct filling *filling, const struct lane *lane, const struct job *job)
{
    uint64_t deadline_ns = MIN(filling->deadline_ns, job->deadline_ns);
    uint32_t rows = filling->batch->rows + MAX(job->rows, 1);
    return deadline_ns == JOB_NO_DEADLINE || filling->now_ns + form_cautious_ns(&lane->cost, rows) <= deadline_ns;
}

static bool has_room(const struct filling *filling, const struct job *job)
{
    const struct batch *batch = filling->batch;
    return batch->count < BATCH_JOBS_MAX && batch->rows + MAX(job->rows, 1) <= filling->rows_max;
}

/* Stops at the first that does not fit: the order of arrival is worth more than a full batch. */
static void add_more(struct lane *lane, struct filling *filling)
{
    const struct job *first = filling->batch->jobs[0];
    struct queue_flow *flow;
    while ((flow = queue_more(&lane->queue, first->key, quantum_ns(lane)))) {
        struct job *job = flow->first;
        if (!has_room(filling, job) || !is_in_time(filling, lane, job) || !run_fits_batch(first->run, job->run))
            return;
        add(filling->batch, queue_take(&lane->queue, flow, lane->cost.a_ns * MAX(job->rows, 1)));
        filling->deadline_ns = MIN(filling->deadline_ns, job->deadline_ns);
    }
}

/* Who opens a batch pays its fixed part. */
void lane_fill(const struct plan *plan, struct batch *batch)
{
    struct lane *lane = plan->lane;
    struct job *job = plan->flow->first;
    batch->lane = lane;
    batch->model = model_ref(run_model(job->run));
    batch->count = batch->rows = 0;
    add(batch, queue_take(&lane->queue, plan->flow, cost_ns(&lane->cost, MAX(job->rows, 1))));
    struct filling filling = {.batch = batch,
                              .rows_max = MIN(form_rows(&plan->situation), plan->situation.rows_max),
                              .now_ns = plan->situation.now_ns,
                              .deadline_ns = job->deadline_ns};
    if (job->rows && filling.rows_max > batch->rows)
        add_more(lane, &filling);
    ASSERT(lane->free_count > 0, "a batch is formed only where an instance is free");
    batch->instance = lane->free_instances[--lane->free_count];
    batch->expected_ns = cost_ns(&lane->cost, batch->rows);
    lane->served_ns += batch->expected_ns;
    publish(lane);
}

void lane_settle(struct batch *batch)
{
    struct lane *lane = batch->lane;
    if (batch->is_telling)
        cost_observe(&lane->cost, batch->rows, batch->ns);
    lane->served_ns += (double)batch->ns - batch->expected_ns;
    lane->free_instances[lane->free_count++] = batch->instance;
    publish(lane);
}

static double arrivals_of(const struct lane *lane)
{
    double per_ns = 0;
    uint64_t now_ns = clock_now_ns();
    for (uint32_t w = 0; w < lane->worker_count; w++) {
        const struct lane_slot *slot = &lane->slots[w];
        struct arrivals arrivals = {ARRIVALS_TAU_LONG_NS,
                                    atomic_load_explicit(&slot->arrivals_per_ns, memory_order_relaxed),
                                    atomic_load_explicit(&slot->arrivals_at_ns, memory_order_relaxed)};
        per_ns += arrivals_per_ns(&arrivals, now_ns);
    }
    return per_ns * (double)NS_PER_S;
}

/* A lane that workers run themselves shows what one of them has learned. */
void lane_look(const struct lane *lane, struct lane_view *ret_view)
{
    const struct batch_info *info = model_batch_info(lane->model);
    const struct lane_slot *inline_slot = NULL;
    for (uint32_t w = 0; w < lane->worker_count; w++)
        if (atomic_load_explicit(&lane->slots[w].is_inline, memory_order_relaxed))
            inline_slot = &lane->slots[w];
    const _Atomic double *a_ns = inline_slot ? &inline_slot->a_ns : &lane->a_ns;
    const _Atomic double *b_ns = inline_slot ? &inline_slot->b_ns : &lane->b_ns;
    const struct cost cost = {.a_ns = atomic_load_explicit(a_ns, memory_order_relaxed),
                              .b_ns = atomic_load_explicit(b_ns, memory_order_relaxed)};
    uint32_t rows_knee = form_rows_knee(&lane->config->batch, &cost, lane->rows_max);
    double ns = cost_ns(&cost, rows_knee);
    *ret_view = (struct lane_view){
        .a_ns = cost.a_ns,
        .b_ns = cost.b_ns,
        .rows_knee = rows_knee,
        .capacity_per_s = ns > 0 ? rows_knee / ns * (double)NS_PER_S : 0,
        .error_ratio = atomic_load_explicit(&lane->error_ratio, memory_order_relaxed),
        .arrivals_per_s = arrivals_of(lane),
        .rows_max = info->rows_max,
        .why_single = info->why_single,
        .queued = atomic_load_explicit(&lane->queued, memory_order_relaxed),
        .running = atomic_load_explicit(&lane->running, memory_order_relaxed),
        .instances = lane->instance_count,
        .is_inline = inline_slot != NULL,
    };
}
