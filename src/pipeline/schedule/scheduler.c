/* SPDX-License-Identifier: Apache-2.0 */
/* The workers' side of the scheduler, and its making and end. What executors do is in executor.c. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDOVER_NS_FIRST 15e3 /* until it is measured */

static enum err make(struct scheduler *scheduler, const struct scheduler_options *options);
static enum err make_executor(struct scheduler *scheduler, uint32_t index);
static void *alloc_lines(size_t count, size_t bytes);
static void end_executors(struct scheduler *scheduler);
static void give_up_jobs(struct scheduler *scheduler);
static void free_executor(struct scheduler *scheduler, struct executor *executor);

enum err scheduler_create(const struct scheduler_options *options, struct scheduler **ret_scheduler)
{
    struct scheduler *scheduler = alloc_lines(1, sizeof *scheduler);
    if (!scheduler)
        return ERR_NOMEM;
    mutex_init(&scheduler->baton);
    list_init(&scheduler->lanes);
    enum err err = make(scheduler, options);
    if (err == ERR_OK)
        *ret_scheduler = scheduler;
    else
        scheduler_destroy(scheduler);
    return err;
}

static void *alloc_lines(size_t count, size_t bytes)
{
    void *memory = aligned_alloc(64, (count * bytes + 63) & ~(size_t)63);
    return memory ? memset(memory, 0, count * bytes) : NULL;
}

static enum err make(struct scheduler *scheduler, const struct scheduler_options *options)
{
    ASSERT(options->executor_count > 0 && options->worker_count > 0 && options->ring_entries > 0,
           "a scheduler works for somebody");
    scheduler->executor_count = options->executor_count;
    scheduler->worker_count = options->worker_count;
    scheduler->ring_entries = options->ring_entries;
    scheduler->executors = alloc_lines(options->executor_count, sizeof *scheduler->executors);
    scheduler->inboxes = alloc_lines(options->worker_count, sizeof *scheduler->inboxes);
    scheduler->wakes = calloc(options->worker_count, sizeof(struct wake *));
    scheduler->idle = calloc(options->executor_count, sizeof(struct executor *));
    for (uint32_t i = 0; scheduler->executors && i < options->executor_count; i++)
        scheduler->executors[i].wake.fd = -1;
    if (!scheduler->executors || !scheduler->inboxes || !scheduler->wakes || !scheduler->idle)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < options->worker_count; i++) {
        scheduler->wakes[i] = options->wakes[i];
        scheduler->inboxes[i].inline_end = &scheduler->inboxes[i].inline_jobs;
        scheduler->inboxes[i].handover_ns = HANDOVER_NS_FIRST;
        TRY(ring_init(&scheduler->inboxes[i].to_executors, options->ring_entries));
    }
    for (uint32_t i = 0; i < options->executor_count; i++)
        TRY(make_executor(scheduler, i));
    for (uint32_t i = 0; options->cpu_count && i < options->executor_count; i++)
        TRY(thread_pin(&scheduler->executors[i].thread, options->cpus[i % options->cpu_count]));
    return ERR_OK;
}

/* What a worker has out may all come back before it looks: each ring has room for that. */
static enum err make_executor(struct scheduler *scheduler, uint32_t index)
{
    struct executor *executor = &scheduler->executors[index];
    char name[32];
    executor->scheduler = scheduler;
    executor->index = index;
    executor->lists = calloc(scheduler->worker_count, sizeof(struct job *));
    executor->ends = calloc(scheduler->worker_count, sizeof(struct job **));
    executor->noted = calloc(scheduler->worker_count, sizeof(uint32_t));
    executor->to_workers = alloc_lines(scheduler->worker_count, sizeof(struct ring));
    if (!executor->lists || !executor->ends || !executor->noted || !executor->to_workers)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < scheduler->worker_count; i++)
        TRY(ring_init(&executor->to_workers[i], scheduler->ring_entries));
    TRY(wake_init(&executor->wake));
    (void)snprintf(name, sizeof name, "executor%u", index);
    TRY(thread_start(&executor->thread, name, executor_run, executor));
    executor->has_started = true;
    return ERR_OK;
}

void scheduler_destroy(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    end_executors(scheduler);
    give_up_jobs(scheduler);
    for (uint32_t i = 0; scheduler->executors && i < scheduler->executor_count; i++)
        free_executor(scheduler, &scheduler->executors[i]);
    for (uint32_t i = 0; scheduler->inboxes && i < scheduler->worker_count; i++)
        ring_deinit(&scheduler->inboxes[i].to_executors);
    mutex_deinit(&scheduler->baton);
    free(scheduler->executors);
    free(scheduler->inboxes);
    free(scheduler->wakes);
    free(scheduler->idle);
    free(scheduler);
}

static void end_executors(struct scheduler *scheduler)
{
    atomic_store(&scheduler->is_stopping, true);
    for (uint32_t i = 0; scheduler->executors && i < scheduler->executor_count; i++)
        if (scheduler->executors[i].has_started)
            wake_up(&scheduler->executors[i].wake);
    for (uint32_t i = 0; scheduler->executors && i < scheduler->executor_count; i++)
        if (scheduler->executors[i].has_started)
            thread_join(&scheduler->executors[i].thread);
}

/* No thread of the scheduler is left. A lane goes with the last of its jobs, so they are all taken out before any of them
 * is done. */
static void give_up_jobs(struct scheduler *scheduler)
{
    struct job *jobs = NULL;
    if (!scheduler->inboxes || !scheduler->executors)
        return;
    scheduler_drain(scheduler, &scheduler->executors[0]);
    executor_tell(&scheduler->executors[0]);
    struct list *node;
    while ((node = list_pop_first(&scheduler->lanes))) {
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        for (struct job *job; (job = lane_pop(lane)); jobs = job)
            job->next = jobs;
    }
    for (uint32_t w = 0; w < scheduler->worker_count; w++) {
        for (struct job *job; (job = inline_pop(&scheduler->inboxes[w])); jobs = job)
            job->next = jobs;
        while (scheduler_collect(scheduler, w))
            continue;
    }
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        job->err = ERR_CANCELLED;
        lane_leave(job->lane, job);
        job->is_out = false;
        job->on_done(job);
    }
}

static void free_executor(struct scheduler *scheduler, struct executor *executor)
{
    for (uint32_t w = 0; executor->to_workers && w < scheduler->worker_count; w++)
        ring_deinit(&executor->to_workers[w]);
    wake_deinit(&executor->wake);
    free(executor->to_workers);
    free(executor->lists);
    free(executor->ends);
    free(executor->noted);
}

/* --- On the workers ---------------------------------------------------------------------------------------------- */

static enum err refuse(enum refusal refusal, uint64_t wait_ns, struct admission *ret_admission)
{
    *ret_admission = (struct admission){refusal, wait_ns};
    return ERR_BUSY;
}

static enum err admit(struct scheduler *scheduler, uint32_t worker_index, const struct lane *lane,
                      const struct job *job, struct admission *ret_admission)
{
    if (UNLIKELY(atomic_load_explicit(&scheduler->is_stopping, memory_order_relaxed)))
        return refuse(REFUSAL_STOPPING, NS_PER_S, ret_admission);
    if (UNLIKELY(scheduler->inboxes[worker_index].outstanding >= scheduler->ring_entries))
        return refuse(REFUSAL_FULL, NS_PER_S, ret_admission);
    return lane_admit(lane, scheduler, worker_index, job, ret_admission);
}

enum err scheduler_admit(struct scheduler *scheduler, uint32_t worker_index, const struct model *model,
                         const struct job *job, struct admission *ret_admission)
{
    return admit(scheduler, worker_index, model_lane(model), job, ret_admission);
}

enum err scheduler_submit(struct scheduler *scheduler, uint32_t worker_index, struct job *job,
                          struct admission *ret_admission)
{
    struct inbox *inbox = &scheduler->inboxes[worker_index];
    ASSERT(job->run && job->on_done && !job->is_out, "a job is submitted whole, and once");
    struct lane *lane = model_lane(run_model(job->run));
    TRY(admit(scheduler, worker_index, lane, job, ret_admission));
    job->lane = lane;
    job->rows = run_rows(job->run);
    job->key = job->rows ? run_batch_key(job->run) : ~run_batch_key(job->run);
    job->worker_index = worker_index;
    job->submit_ns = clock_now_ns();
    job->err = ERR_OK;
    job->times = (struct job_times){0};
    job->batch_rows = job->batch_jobs = 0;
    job->is_first = job->is_inline = false;
    job->is_out = true;
    atomic_store_explicit(&job->is_cancelled, false, memory_order_relaxed);
    atomic_store_explicit(&job->marks, 0, memory_order_relaxed);
    lane_enter(lane, job);
    struct lane_slot *slot = &lane->slots[worker_index];
    job->was_alone = atomic_load_explicit(&slot->out, memory_order_relaxed) == 1;
    if (inline_decide(lane, slot, inbox))
        inline_push(inbox, job);
    else
        inbox_push(inbox, job);
    return ERR_OK;
}

void scheduler_turn(struct scheduler *scheduler, uint32_t worker_index)
{
    if (scheduler->inboxes[worker_index].inline_jobs)
        inline_run(scheduler, worker_index);
    scheduler_tell(scheduler, worker_index);
}

void scheduler_tell(struct scheduler *scheduler, uint32_t worker_index)
{
    struct inbox *inbox = &scheduler->inboxes[worker_index];
    if (LIKELY(!inbox->has_news))
        return;
    inbox->has_news = false;
    executors_call(scheduler);
}

static bool collect_from(struct ring *ring, struct inbox *inbox, uint32_t lists_max)
{
    struct job *next;
    uint32_t count = 0;
    uint64_t now_ns = ring_is_empty(ring) ? 0 : clock_now_ns();
    for (; count < lists_max && (next = ring_pop(ring)); count++)
        while (next) {
            struct job *job = next;
            next = job->next;
            inbox->outstanding--;
            if (job->was_alone && job->batch_jobs == 1)
                inline_note_handover(inbox, job, now_ns);
            lane_leave(job->lane, job);
            job->is_out = false;
            job->on_done(job);
        }
    return count > 0;
}

bool scheduler_collect(struct scheduler *scheduler, uint32_t worker_index)
{
    bool has_found = false;
    if (LIKELY(!scheduler->inboxes[worker_index].outstanding))
        return false;
    for (uint32_t i = 0; i < scheduler->executor_count; i++) {
        struct executor *executor = &scheduler->executors[i];
        if (executor->to_workers && executor->to_workers[worker_index].slots)
            has_found |= collect_from(&executor->to_workers[worker_index], &scheduler->inboxes[worker_index],
                                      scheduler->ring_entries);
    }
    return has_found;
}

void job_cancel(struct job *job)
{
    if (!job->is_out)
        return;
    atomic_store_explicit(&job->is_cancelled, true, memory_order_relaxed);
    uint32_t marks = atomic_fetch_or_explicit(&job->marks, JOB_CANCELLED, memory_order_acq_rel);
    if (marks == JOB_BEGUN)
        batch_drop(job);
    else if (!marks)
        atomic_fetch_add_explicit(&job->lane->cancelled, 1, memory_order_release);
}
