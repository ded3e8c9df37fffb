/* SPDX-License-Identifier: Apache-2.0 */
/* The turns of a generator thread. */
#include "load/run/generator_int.h"

#include "lib/regex/regex.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

#define CACHE_BYTES_MAX ((size_t)256 << 20)
#define POOL_BYTES_MAX  ((size_t)8 << 30)
#define WAIT_NS         (10 * NS_PER_MS) /* how long words of other threads may wait */
#define CPU_LOOK_NS     (50 * NS_PER_MS)
#define SPIN_LEAST_NS   20000 /* less than this is not slept: falling asleep and waking up take as long */
#define REGEX_STEPS     LOAD_REGEX_STEPS_MAX

static enum err init_memory(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    TRY(load_record_create(plan, &generator->record));
    TRY(loop_init(&generator->loop));
    generator->loop.is_precise = true;
    TRY(load_wire_create(plan, &generator->loop, &generator->wire));
    TRY(load_streams_create(&generator->streams));
    TRY(regex_work_create(REGEX_STEPS, &generator->regex_work));
    TRY(requests_init(generator));
    TRY(connections_init(generator));
    return is_closed_loop(generator) ? closed_init(generator) : ERR_OK;
}

enum err generator_init(struct generator *generator, struct load_run *run, uint32_t index)
{
    const struct load_plan *plan = run->options.plan;
    *generator = (struct generator){.run = run, .plan = plan, .loop.epoll = -1};
    generator->part = run->options.part + run->options.parts * index;
    generator->parts = run->options.parts * run->thread_count;
    generator->sequence = generator->part + 1;
    pool_init(&generator->pool, CACHE_BYTES_MAX, POOL_BYTES_MAX);
    list_init(&generator->free);
    list_init(&generator->heads);
    list_init(&generator->again);
    for (uint32_t i = 0; i < plan->scenario_count; i++)
        generator->weight_sum += plan->scenarios[i].weight;
    if (!is_closed_loop(generator))
        open_init(generator);
    return init_memory(generator);
}

void generator_deinit(struct generator *generator)
{
    if (!generator->run)
        return;
    connections_deinit(generator);
    slots_deinit(generator);
    free(generator->user_slots);
    arena_reset(&generator->literal_memory);
    regex_work_destroy(generator->regex_work);
    load_streams_destroy(generator->streams);
    load_wire_destroy(generator->wire);
    if (generator->loop.epoll >= 0)
        loop_deinit(&generator->loop);
    load_record_destroy(generator->record);
    pool_deinit(&generator->pool);
}

/* --- the course of a test ----------------------------------------------------------------------------------------- */

static bool is_set(const _Atomic bool *flag)
{
    return atomic_load_explicit(flag, memory_order_acquire);
}

static void begin_if_told(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    uint64_t begin_ns = atomic_load_explicit(&generator->run->begin_ns, memory_order_acquire);
    if (!begin_ns)
        return;
    uint64_t duration_ns = load_plan_duration_ns(plan);
    generator->begin_ns = begin_ns;
    generator->warm_end_ns = begin_ns + plan->warm_ns;
    generator->end_ns =
        duration_ns < UINT64_MAX - generator->warm_end_ns ? generator->warm_end_ns + duration_ns : UINT64_MAX;
    generator->users_look_ns = begin_ns;
}

/* Nothing new begins; what has begun, or was due, has until drain_end_ns. */
static void end_course(struct generator *generator, uint64_t now_ns)
{
    uint64_t drain_ns = generator->plan->drain_ns;
    generator->is_over = true;
    generator->drain_end_ns = drain_ns < UINT64_MAX - now_ns ? now_ns + drain_ns : UINT64_MAX;
    if (is_closed_loop(generator))
        closed_end(generator);
    else
        open_stop(generator, now_ns);
}

/* iterations_max is reached. An open loop goes on to the end of its last stage, though nothing more is due in it: rates are of the
 * whole time. */
static bool is_exhausted(const struct generator *generator)
{
    uint64_t most = generator->plan->iterations_max;
    if (is_closed_loop(generator))
        return generator->iterations_left == 0;
    return !generator->has_next && most > 0 && generator->arrivals.counted >= most;
}

static void look(struct generator *generator, uint64_t now_ns)
{
    if (!generator->begin_ns)
        begin_if_told(generator);
    if (!generator->begin_ns || now_ns < generator->begin_ns)
        return;
    if (is_closed_loop(generator))
        closed_look(generator, now_ns);
    else
        open_begin_due(generator, now_ns);
    bool is_stopped = is_set(&generator->run->is_stopped);
    if (!generator->is_over && (now_ns >= generator->end_ns || is_stopped || is_exhausted(generator)))
        end_course(generator, now_ns);
}

static bool is_done(const struct generator *generator, uint64_t now_ns)
{
    if (!generator->is_over)
        return false;
    bool is_idle = generator->busy_count == 0 && !generator->has_next;
    return is_idle || now_ns >= generator->drain_end_ns;
}

static void begin_again(struct generator *generator)
{
    struct list now;
    struct list *node;
    list_init(&now);
    while ((node = list_pop_first(&generator->again)))
        list_add_last(&now, node);
    while ((node = list_pop_first(&now)))
        closed_begin(CONTAINER_OF(node, struct slot, node), clock_now_ns());
}

/* Room that came without an answer: by requests that failed. */
static void serve(struct generator *generator)
{
    for (uint32_t i = 0; i < generator->plan->target_count; i++)
        if (generator->targets[i].waiting_count > 0)
            target_serve(&generator->targets[i]);
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

static uint64_t next_event_ns(const struct generator *generator)
{
    uint64_t next_ns = connections_next_ns(generator);
    if (!generator->begin_ns)
        return next_ns;
    if (generator->is_over)
        return MIN(next_ns, generator->drain_end_ns);
    next_ns = MIN(next_ns, generator->end_ns);
    if (is_closed_loop(generator))
        return MIN(next_ns, MAX(generator->users_look_ns, generator->begin_ns));
    return next_ns;
}

/* For the next request: the thread wakes up before, as far as the plan wants it, and looks for answers until then. */
static uint64_t wait_for_due(const struct generator *generator, uint64_t now_ns)
{
    uint64_t spin_ns = generator->plan->spin_ns;
    if (!generator->begin_ns || !generator->has_next || generator->is_stalled)
        return UINT64_MAX;
    uint64_t due_ns = generator->begin_ns + generator->next.ns;
    return due_ns > now_ns + MAX(spin_ns, SPIN_LEAST_NS) ? due_ns - now_ns - spin_ns : 0;
}

static uint64_t wait_of(const struct generator *generator)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t next_ns = next_event_ns(generator);
    if (!list_is_empty(&generator->again) || next_ns <= now_ns)
        return 0;
    uint64_t wait_ns = MIN(next_ns - now_ns, wait_for_due(generator, now_ns));
    return MIN(wait_ns, WAIT_NS);
}

static void show(struct generator *generator, uint64_t now_ns, bool is_last)
{
    struct load_record *record = generator->record;
    int64_t waiting = 0;
    for (uint32_t i = 0; i < generator->plan->target_count; i++)
        waiting += generator->targets[i].waiting_count;
    gauge_set(&record->users, is_last ? 0 : generator->user_count);
    gauge_set(&record->links, is_last ? 0 : generator->ready_count);
    gauge_set(&record->in_flight, generator->asking_count);
    gauge_set(&record->backlog, waiting + (int64_t)generator->backlog);
    counter_add(&record->turns, 1);
    if ((now_ns < generator->cpu_look_ns && !is_last) || !generator->begin_ns || now_ns < generator->warm_end_ns)
        return;
    uint64_t cpu_ns = clock_thread_cpu_ns();
    if (generator->cpu_look_ns)
        counter_add(&record->cpu_ns, cpu_ns - generator->cpu_base_ns);
    generator->cpu_base_ns = cpu_ns;
    generator->cpu_look_ns = now_ns + CPU_LOOK_NS;
}

static void tell_ready(struct generator *generator)
{
    bool is_ready = !generator->plan->is_kept_alive || generator->ready_count == generator->connection_count;
    if (is_ready && atomic_load_explicit(&generator->state, memory_order_relaxed) == GENERATOR_OPENING)
        atomic_store_explicit(&generator->state, GENERATOR_READY, memory_order_release);
}

void generator_main(void *argument)
{
    struct generator *generator = argument;
    uint64_t now_ns = clock_now_ns();
    thread_be_punctual();
    while (!is_set(&generator->run->is_ending) && !is_done(generator, now_ns)) {
        look(generator, now_ns);
        serve(generator);
        begin_again(generator);
        connections_open(generator, now_ns);
        load_wire_flush(generator->wire);
        tell_ready(generator);
        show(generator, now_ns, false);
        loop_turn(&generator->loop, wait_of(generator));
        now_ns = clock_now_ns();
    }
    generator->is_over = true;
    slots_give_up(generator);
    show(generator, now_ns, true);
    atomic_store_explicit(&generator->state, GENERATOR_OVER, memory_order_release);
    connections_deinit(generator); /* of many takes a while, in which nothing is recorded any more */
}
