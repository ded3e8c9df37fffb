/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/crew.h"

#include "lib/sys/ring.h"
#include "lib/sys/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One worker and one crew thread. */
struct pair {
    struct ring to_thread;
    struct ring to_worker;
    CACHE_ALIGNED uint32_t outstanding; /* the worker's */
};

struct member {
    struct wake wake;
    struct crew *crew;
    struct thread thread;
    uint32_t index;
    bool has_started;
};

struct crew {
    struct member *members;
    struct pair *pairs; /* [worker × thread_count + thread] */
    struct wake **wakes;
    uint32_t thread_count;
    uint32_t worker_count;
    uint32_t ring_entries;
    _Atomic bool is_stopping;
};

static enum err start(struct crew *crew, const struct crew_options *options);
static void run_member(void *argument);

enum err crew_create(const struct crew_options *options, struct crew **ret_crew)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return ERR_NOMEM;
    enum err err = start(crew, options);
    if (err == ERR_OK)
        *ret_crew = crew;
    else
        crew_destroy(crew);
    return err;
}

static struct pair *pair_of(const struct crew *crew, uint32_t worker, uint32_t thread)
{
    return &crew->pairs[worker * crew->thread_count + thread];
}

static void *alloc_lines(size_t count, size_t bytes)
{
    void *memory = aligned_alloc(64, count * bytes);
    return memory ? memset(memory, 0, count * bytes) : NULL;
}

static enum err start(struct crew *crew, const struct crew_options *options)
{
    ASSERT(options->thread_count > 0 && options->thread_count <= UINT16_MAX, "task.thread_index holds it");
    ASSERT(options->worker_count > 0 && options->ring_entries > 0, "a crew works for somebody");
    crew->thread_count = options->thread_count;
    crew->worker_count = options->worker_count;
    crew->ring_entries = options->ring_entries;
    size_t pair_count = (size_t)crew->thread_count * crew->worker_count;
    crew->members = alloc_lines(crew->thread_count, sizeof *crew->members);
    crew->pairs = alloc_lines(pair_count, sizeof *crew->pairs);
    crew->wakes = calloc(crew->worker_count, sizeof *crew->wakes);
    for (uint32_t t = 0; crew->members && t < crew->thread_count; t++)
        crew->members[t].wake.fd = -1;
    if (!crew->members || !crew->pairs || !crew->wakes)
        return ERR_NOMEM;
    for (uint32_t w = 0; w < crew->worker_count; w++)
        crew->wakes[w] = options->wakes[w];
    for (size_t i = 0; i < pair_count; i++) {
        TRY(ring_init(&crew->pairs[i].to_thread, options->ring_entries));
        TRY(ring_init(&crew->pairs[i].to_worker, options->ring_entries));
    }
    for (uint32_t t = 0; t < crew->thread_count; t++) {
        struct member *member = &crew->members[t];
        char name[32];
        member->crew = crew;
        member->index = t;
        TRY(wake_init(&member->wake));
        (void)snprintf(name, sizeof name, "%.12s%u", options->name, t);
        TRY(thread_start(&member->thread, name, run_member, member));
        member->has_started = true;
    }
    return ERR_OK;
}

static void end_member(struct member *member)
{
    if (member->has_started) {
        wake_up(&member->wake);
        thread_join(&member->thread);
    }
    wake_deinit(&member->wake);
}

void crew_destroy(struct crew *crew)
{
    if (!crew)
        return;
    atomic_store(&crew->is_stopping, true);
    for (uint32_t t = 0; crew->members && t < crew->thread_count; t++)
        end_member(&crew->members[t]);
    for (uint32_t w = 0; crew->pairs && w < crew->worker_count; w++)
        while (crew_collect(crew, w))
            continue;
    for (size_t i = 0; crew->pairs && i < (size_t)crew->thread_count * crew->worker_count; i++) {
        ring_deinit(&crew->pairs[i].to_thread);
        ring_deinit(&crew->pairs[i].to_worker);
    }
    free(crew->members);
    free(crew->pairs);
    free(crew->wakes);
    free(crew);
}

enum err crew_submit(struct crew *crew, uint32_t worker_index, struct task *task)
{
    if (atomic_load_explicit(&crew->is_stopping, memory_order_relaxed))
        return ERR_CLOSED;
    uint32_t best = 0;
    for (uint32_t t = 1; t < crew->thread_count; t++)
        if (pair_of(crew, worker_index, t)->outstanding < pair_of(crew, worker_index, best)->outstanding)
            best = t;
    struct pair *pair = pair_of(crew, worker_index, best);
    /* What is out may all come back before the worker looks: both rings must have room for it. */
    if (pair->outstanding >= crew->ring_entries)
        return ERR_BUSY;
    task->thread_index = (uint16_t)best;
    task->was_run = false;
    bool is_pushed = ring_push(&pair->to_thread, task);
    ASSERT(is_pushed, "a ring has room for all that is out");
    pair->outstanding++;
    wake_up(&crew->members[best].wake);
    return ERR_OK;
}

static bool collect_pair(struct pair *pair, uint32_t count_max)
{
    struct task *task;
    uint32_t count = 0;
    for (; count < count_max && (task = ring_pop(&pair->to_worker)); count++) {
        pair->outstanding--;
        task->on_done(task);
    }
    return count > 0;
}

bool crew_collect(struct crew *crew, uint32_t worker_index)
{
    bool has_found = false;
    for (uint32_t t = 0; t < crew->thread_count; t++)
        has_found |= collect_pair(pair_of(crew, worker_index, t), crew->ring_entries);
    return has_found;
}

uint32_t crew_outstanding(const struct crew *crew, uint32_t worker_index)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < crew->thread_count; t++)
        count += pair_of(crew, worker_index, t)->outstanding;
    return count;
}

static bool run_one(struct crew *crew, uint32_t worker, uint32_t thread)
{
    struct pair *pair = pair_of(crew, worker, thread);
    struct task *task = ring_pop(&pair->to_thread);
    if (!task)
        return false;
    if (!atomic_load_explicit(&task->is_cancelled, memory_order_relaxed)) {
        task->was_run = true;
        task->on_run(task);
    }
    bool is_pushed = ring_push(&pair->to_worker, task);
    ASSERT(is_pushed, "a ring has room for all that is out");
    wake_up(crew->wakes[worker]);
    return true;
}

/* One task of each worker in turn, so that a busy worker does not starve the others. */
static bool run_round(struct crew *crew, uint32_t thread)
{
    bool has_run = false;
    for (uint32_t w = 0; w < crew->worker_count; w++)
        has_run |= run_one(crew, w, thread);
    return has_run;
}

static void run_member(void *argument)
{
    struct member *member = argument;
    struct crew *crew = member->crew;
    for (;;) {
        if (run_round(crew, member->index))
            continue;
        wake_announce(&member->wake);
        /* Asked before the last look: what was submitted before the stop is found by it. */
        bool is_stopping = atomic_load(&crew->is_stopping);
        bool has_run = run_round(crew, member->index);
        if (has_run || is_stopping) {
            wake_clear(&member->wake);
            if (!has_run)
                return;
            continue;
        }
        wake_wait(&member->wake);
    }
}
