/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a test: made, begun at one moment, watched from outside, and joined. */
#include "load/run/generator_int.h"

#include "lib/sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_NS          NS_PER_MS
#define SPARE_FILES      64 /* descriptors that a process needs beside links, and some for each thread */
#define FILES_PER_THREAD 4

static uint64_t links_of(const struct load_run *run)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < run->thread_count; i++)
        count += run->generators[i].connection_count;
    return count;
}

static enum err check_files(struct load_run *run)
{
    uint64_t wanted = links_of(run) + SPARE_FILES + (uint64_t)FILES_PER_THREAD * run->thread_count;
    uint64_t most = process_raise_open_files();
    if (wanted <= most)
        return ERR_OK;
    (void)snprintf(run->why, sizeof run->why,
                   "%llu connections need %llu open files, and this process may have %llu (ulimit -n)",
                   (unsigned long long)links_of(run), (unsigned long long)wanted, (unsigned long long)most);
    return ERR_LIMIT;
}

/* Fisher and Yates's shuffle, of the plan's seed: the same in each process. */
static uint32_t *shuffle(const struct load_plan *plan, uint32_t index)
{
    uint32_t count = plan->data[index].row_count;
    uint32_t *rows = malloc(count * sizeof rows[0]);
    struct load_random random = {.state = plan->seed ^ (index + 1)};
    for (uint32_t i = 0; rows && i < count; i++) {
        uint32_t other = (uint32_t)(load_draw(&random) % (i + 1));
        rows[i] = rows[other];
        rows[other] = i;
    }
    return rows;
}

static enum err shuffle_data(struct load_run *run)
{
    const struct load_plan *plan = run->options.plan;
    run->shuffles = calloc(MAX(plan->data_count, 1), sizeof run->shuffles[0]);
    if (!run->shuffles)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < plan->data_count; i++) {
        if (plan->data[i].order != LOAD_DATA_SHUFFLED)
            continue;
        run->shuffles[i] = shuffle(plan, i);
        if (!run->shuffles[i])
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err start(struct load_run *run)
{
    const struct load_plan *plan = run->options.plan;
    for (uint32_t i = 0; i < run->thread_count; i++) {
        struct generator *generator = &run->generators[i];
        char name[16];
        (void)snprintf(name, sizeof name, "load-%u", i);
        TRY(thread_start(&generator->thread, name, generator_main, generator));
        generator->is_started = true;
        if (plan->first_cpu >= 0 && thread_pin(&generator->thread, (uint64_t)plan->first_cpu + i) != ERR_OK) {
            (void)snprintf(run->why, sizeof run->why, "thread %u cannot be pinned: there is no CPU %llu for it", i,
                           (unsigned long long)plan->first_cpu + i);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static uint32_t state_of(const struct generator *generator)
{
    return atomic_load_explicit(&generator->state, memory_order_acquire);
}

static const char *word_of(const struct generator *generator, enum load_failure failure)
{
    const char *reason = atomic_load_explicit(&generator->reason, memory_order_relaxed);
    if (failure == LOAD_FAILURE_LOCAL)
        return "this machine is out of ports, descriptors or memory";
    if (failure == LOAD_FAILURE_CONNECT || !reason || !reason[0])
        return "connections are refused or not answered";
    return reason;
}

static enum err err_of(enum load_failure failure)
{
    return failure == LOAD_FAILURE_LOCAL ? ERR_BUSY : failure == LOAD_FAILURE_TLS ? ERR_DENIED : ERR_CLOSED;
}

/* A thread all of whose links were refused so far will not be waited for. */
static enum err look(struct load_run *run, bool *ret_are_ready)
{
    *ret_are_ready = true;
    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct generator *generator = &run->generators[i];
        enum load_failure refusal = (enum load_failure)atomic_load_explicit(&generator->refusal, memory_order_acquire);
        if (state_of(generator) != GENERATOR_OPENING)
            continue;
        *ret_are_ready = false;
        if (refusal == LOAD_FAILURE_NONE || counter_read(&generator->record->connects) > 0)
            continue;
        (void)snprintf(run->why, sizeof run->why, "no connection to " SLICE_FMT ": %s",
                       SLICE_ARG(run->options.plan->targets[0].authority), word_of(generator, refusal));
        return err_of(refusal);
    }
    return ERR_OK;
}

static uint64_t connects_of(const struct load_run *run)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < run->thread_count; i++)
        count += counter_read(&run->generators[i].record->connects);
    return count;
}

/* As long as some come, it goes on. */
static enum err await_ready(struct load_run *run, uint64_t timeout_ns)
{
    uint64_t end_ns = clock_now_ns() + timeout_ns;
    uint64_t count = 0;
    bool are_ready;
    while (clock_now_ns() < end_ns) {
        TRY(look(run, &are_ready));
        if (are_ready)
            return ERR_OK;
        uint64_t more = connects_of(run);
        if (more > count)
            end_ns = clock_now_ns() + timeout_ns;
        count = more;
        clock_sleep_ns(LOOK_NS);
    }
    (void)snprintf(run->why, sizeof run->why, "only %llu of %llu connections were made, and no more in %.0f s",
                   (unsigned long long)count, (unsigned long long)links_of(run), (double)timeout_ns / (double)NS_PER_S);
    return ERR_TIMEOUT;
}

static enum err prepare(struct load_run *run)
{
    run->generators = calloc(run->thread_count, sizeof run->generators[0]);
    if (!run->generators)
        return ERR_NOMEM;
    TRY(shuffle_data(run));
    for (uint32_t i = 0; i < run->thread_count; i++)
        TRY(generator_init(&run->generators[i], run, i));
    return check_files(run);
}

enum err load_run_create(const struct load_run_options *options, uint64_t timeout_ns, struct load_run **ret_run,
                         const char **ret_why)
{
    static char why[256]; /* outlives a run that comes to nothing */
    struct load_run *run = calloc(1, sizeof *run);
    if (!run) {
        *ret_why = "out of memory";
        return ERR_NOMEM;
    }
    run->options = *options;
    run->thread_count = MAX(options->plan->thread_count, 1);
    enum err err = prepare(run);
    if (err == ERR_OK)
        err = start(run);
    if (err == ERR_OK)
        err = await_ready(run, timeout_ns);
    if (err == ERR_OK) {
        *ret_run = run;
        return ERR_OK;
    }
    (void)snprintf(why, sizeof why, "%s", run->why[0] ? run->why : err_text(err));
    *ret_why = why;
    load_run_destroy(run);
    return err;
}

void load_run_begin(struct load_run *run, uint64_t begin_ns)
{
    atomic_store_explicit(&run->begin_ns, begin_ns, memory_order_release);
}

void load_run_collect(const struct load_run *run, struct load_record *into)
{
    for (uint32_t i = 0; i < run->thread_count; i++)
        load_record_add(into, run->generators[i].record);
}

bool load_run_is_over(const struct load_run *run)
{
    for (uint32_t i = 0; i < run->thread_count; i++)
        if (state_of(&run->generators[i]) != GENERATOR_OVER)
            return false;
    return true;
}

void load_run_stop(struct load_run *run)
{
    atomic_store_explicit(&run->is_stopped, true, memory_order_release);
}

void load_run_destroy(struct load_run *run)
{
    if (!run)
        return;
    atomic_store_explicit(&run->is_ending, true, memory_order_release);
    for (uint32_t i = 0; run->generators && i < run->thread_count; i++) {
        if (run->generators[i].is_started)
            thread_join(&run->generators[i].thread);
        generator_deinit(&run->generators[i]);
    }
    for (uint32_t i = 0; run->shuffles && i < run->options.plan->data_count; i++)
        free(run->shuffles[i]);
    free(run->shuffles);
    free(run->generators);
    free(run);
}
