/* SPDX-License-Identifier: Apache-2.0 */
/* A controller: a thread that talks to all agents, and beside it the session's thread, which reads what they reported and gives
 * orders. Records change hands under a mutex, once an interval for each agent. */
#include "load/remote/controller_int.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_NS       (50 * NS_PER_MS)
#define ASK_NS        NS_PER_S
#define POLL_NS       (5 * NS_PER_MS)
#define PREPARE_NS    (30 * NS_PER_S)
#define SCRATCH_BYTES ((size_t)2 << 30)

static void on_tick(struct timer *timer);
static bool on_mail(struct mailbox *mailbox);
static void look_for_outcome(struct load_controller *controller);

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum err make_links(struct load_controller *controller)
{
    const struct load_controller_options *options = &controller->options;
    controller->links = calloc(options->agent_count, sizeof *controller->links);
    if (!controller->links)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < options->agent_count; i++) {
        struct agent_link *link = &controller->links[controller->link_count++];
        link->controller = controller;
        link->part = i;
        link->address = options->agents[i];
        link->why = text_init(link->why_memory, sizeof link->why_memory);
        link->name = arena_copy(&controller->arena, options->names[i]);
        if (!link->name.ptr)
            return ERR_NOMEM;
        TRY(load_record_create(options->plan, &link->record));
        TRY(load_record_create(options->plan, &link->spare));
    }
    return ERR_OK;
}

static enum err start_thread(struct load_controller *controller)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop || loop_init(loop) != ERR_OK) {
        free(loop);
        return ERR_NOMEM;
    }
    controller->mailbox.on_mail = on_mail;
    loop->owner = controller;
    enum err err = mailbox_start(&controller->mailbox, loop);
    if (err == ERR_OK) {
        controller->loop = loop;
        err = thread_start(&controller->thread, "controller", controller_run, controller);
        if (err != ERR_OK)
            mailbox_stop(&controller->mailbox);
    }
    if (err != ERR_OK) {
        controller->loop = NULL;
        loop_deinit(loop);
        free(loop);
    }
    return err;
}

/* The first that is lost is the reason; what comes of the others follows from it. */
static enum err explain(struct load_controller *controller, struct text *why)
{
    const struct agent_link *first = NULL;
    mutex_lock(&controller->mutex);
    for (uint32_t i = 0; i < controller->link_count; i++) {
        const struct agent_link *link = &controller->links[i];
        if (link->state == LINK_LOST && (!first || link->lost_ns < first->lost_ns))
            first = link;
    }
    ASSERT(first, "a failure without an agent that is lost");
    text_printf(why, "agent " SLICE_FMT ": %s", SLICE_ARG(first->name), first->why.ptr);
    mutex_unlock(&controller->mutex);
    return first->err;
}

static enum err wait_until_ready(struct load_controller *controller, struct text *why)
{
    const struct load_controller_options *options = &controller->options;
    for (;;) {
        enum controller_outcome outcome = atomic_load_explicit(&controller->outcome, memory_order_acquire);
        if (outcome == OUTCOME_READY)
            return ERR_OK;
        if (outcome == OUTCOME_FAILED)
            return explain(controller, why);
        if (options->is_cancelled && options->is_cancelled(options->owner))
            return ERR_CANCELLED;
        clock_sleep_ns(POLL_NS);
    }
}

enum err load_controller_create(const struct load_controller_options *options, struct text *why,
                                struct load_controller **ret_controller)
{
    struct load_controller *controller = calloc(1, sizeof *controller);
    if (!controller)
        return ERR_NOMEM;
    ASSERT(options->agent_count >= 1 && options->agent_count <= LOAD_AGENTS_MAX, "no agents, or too many");
    controller->options = *options;
    if (!options->prepare_timeout_ns)
        controller->options.prepare_timeout_ns = PREPARE_NS;
    controller->digest = load_plan_digest(options->plan);
    mutex_init(&controller->mutex);
    pool_init(&controller->pool, (size_t)64 << 20, SCRATCH_BYTES);
    arena_init(&controller->arena, &controller->pool, 4096, SCRATCH_BYTES);
    arena_init(&controller->scratch, &controller->pool, 65536, SCRATCH_BYTES);
    timer_init(&controller->tick, on_tick);
    enum err err = make_links(controller);
    if (err == ERR_OK)
        err = start_thread(controller);
    if (err == ERR_OK)
        err = wait_until_ready(controller, why);
    if (err != ERR_OK) {
        load_controller_destroy(controller);
        return err;
    }
    controller->options.inputs = NULL;
    *ret_controller = controller;
    return ERR_OK;
}

void load_controller_destroy(struct load_controller *controller)
{
    if (!controller)
        return;
    if (controller->loop) {
        atomic_store_explicit(&controller->quit_order, true, memory_order_release);
        wake_up(&controller->mailbox.wake);
        thread_join(&controller->thread);
    }
    for (uint32_t i = 0; i < controller->link_count; i++) {
        lines_deinit(&controller->links[i].lines);
        load_record_destroy(controller->links[i].record);
        load_record_destroy(controller->links[i].spare);
    }
    if (controller->loop) {
        mailbox_stop(&controller->mailbox);
        loop_deinit(controller->loop);
        free(controller->loop);
    }
    free(controller->links);
    arena_reset(&controller->scratch);
    arena_reset(&controller->arena);
    pool_deinit(&controller->pool);
    mutex_deinit(&controller->mutex);
    free(controller);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

void controller_run(void *argument)
{
    struct load_controller *controller = argument;
    for (uint32_t i = 0; i < controller->link_count; i++)
        agent_link_open(&controller->links[i]);
    arena_reset(&controller->scratch);
    timer_set(&controller->loop->timers, &controller->tick, clock_now_ns() + TICK_NS);
    loop_run(controller->loop);
    timer_cancel(&controller->tick);
}

static void ask_clocks(struct load_controller *controller, uint64_t now_ns)
{
    if (now_ns - controller->asked_ns < ASK_NS)
        return;
    controller->asked_ns = now_ns;
    for (uint32_t i = 0; i < controller->link_count; i++) {
        struct agent_link *link = &controller->links[i];
        if (link->state > LINK_SYNCING && link->state < LINK_DONE)
            agent_link_ask_clock(link);
    }
    arena_reset(&controller->scratch);
}

static void on_tick(struct timer *timer)
{
    struct load_controller *controller = CONTAINER_OF(timer, struct load_controller, tick);
    uint64_t now_ns = clock_now_ns();
    ask_clocks(controller, now_ns);
    for (uint32_t i = 0; i < controller->link_count; i++)
        agent_link_look(&controller->links[i], now_ns);
    look_for_outcome(controller);
    timer_set(&controller->loop->timers, &controller->tick, now_ns + TICK_NS);
}

/* Of the preparations: all are ready, or one never will be. */
static void look_for_outcome(struct load_controller *controller)
{
    uint32_t ready = 0;
    enum controller_outcome outcome = OUTCOME_PENDING;
    if (atomic_load_explicit(&controller->outcome, memory_order_relaxed) != OUTCOME_PENDING)
        return;
    for (uint32_t i = 0; i < controller->link_count; i++) {
        ready += controller->links[i].state == LINK_READY;
        if (controller->links[i].state == LINK_LOST)
            outcome = OUTCOME_FAILED;
    }
    if (ready == controller->link_count)
        outcome = OUTCOME_READY;
    atomic_store_explicit(&controller->outcome, outcome, memory_order_release);
}

static bool on_mail(struct mailbox *mailbox)
{
    struct load_controller *controller = CONTAINER_OF(mailbox, struct load_controller, mailbox);
    bool had_work = false;
    if (atomic_load_explicit(&controller->quit_order, memory_order_acquire)) {
        loop_stop(controller->loop);
        return false;
    }
    uint64_t begin_ns = atomic_load_explicit(&controller->begin_order_ns, memory_order_acquire);
    if (begin_ns && !controller->begin_ns) {
        had_work = true;
        controller->begin_ns = begin_ns;
        for (uint32_t i = 0; i < controller->link_count; i++)
            agent_link_begin(&controller->links[i]);
    }
    if (atomic_load_explicit(&controller->stop_order, memory_order_acquire) && !controller->has_stopped) {
        had_work = true;
        controller->has_stopped = true;
        for (uint32_t i = 0; i < controller->link_count; i++)
            agent_link_stop(&controller->links[i]);
    }
    arena_reset(&controller->scratch);
    return had_work;
}

/* --- the session's thread ----------------------------------------------------------------------------------------- */

void load_controller_begin(struct load_controller *controller, uint64_t begin_ns)
{
    atomic_store_explicit(&controller->begin_order_ns, begin_ns, memory_order_release);
    wake_up(&controller->mailbox.wake);
}

static void collect(void *owner, struct load_record *into)
{
    struct load_controller *controller = owner;
    mutex_lock(&controller->mutex);
    for (uint32_t i = 0; i < controller->link_count; i++)
        load_record_add(into, controller->links[i].record);
    mutex_unlock(&controller->mutex);
}

static bool is_over(void *owner)
{
    struct load_controller *controller = owner;
    uint32_t ended = 0;
    mutex_lock(&controller->mutex);
    for (uint32_t i = 0; i < controller->link_count; i++)
        ended += controller->links[i].state >= LINK_DONE;
    mutex_unlock(&controller->mutex);
    if (ended < controller->link_count)
        return false;
    /* The session's time is behind that of the agents, and it is to see the last interval whole. */
    if (!controller->ended_ns)
        controller->ended_ns = clock_now_ns();
    return clock_now_ns() - controller->ended_ns >= LOAD_REPORT_DELAY_NS - LOAD_AGENT_TICK_NS;
}

static void stop(void *owner)
{
    struct load_controller *controller = owner;
    atomic_store_explicit(&controller->stop_order, true, memory_order_release);
    wake_up(&controller->mailbox.wake);
}

static void count_agents(void *owner, struct load_results *results)
{
    struct load_controller *controller = owner;
    results->agent_count = controller->link_count;
    results->agents_lost = 0;
    mutex_lock(&controller->mutex);
    for (uint32_t i = 0; i < controller->link_count; i++)
        results->agents_lost += controller->links[i].state == LINK_LOST;
    mutex_unlock(&controller->mutex);
}

static void add_part(const struct load_controller *controller, const struct agent_link *link,
                     struct load_results *results)
{
    uint64_t counts_from_ns =
        atomic_load_explicit(&controller->begin_order_ns, memory_order_relaxed) + controller->options.plan->warm_ns;
    struct load_part *part = &results->parts[results->part_count];
    *part = (struct load_part){
        .name = arena_copy(&results->arena, link->name),
        .share = 1.0 / controller->link_count,
        .is_lost = link->state == LINK_LOST,
    };
    if (part->is_lost && link->lost_ns > counts_from_ns)
        part->lost_ns = link->lost_ns - counts_from_ns;
    if (!part->name.ptr || load_record_create(controller->options.plan, &part->record) != ERR_OK) {
        load_results_remark(results, LOAD_REMARK_WARNING, "agent_lost", "no memory for the part of agent " SLICE_FMT,
                            SLICE_ARG(link->name));
        return;
    }
    load_record_add(part->record, link->record);
    results->part_count++;
    if (part->is_lost)
        load_results_remark(results, LOAD_REMARK_WARNING, "agent_lost",
                            "agent " SLICE_FMT " was lost %.1f s after measuring began: %s; its share of %.0f %% is "
                            "missing from then on, and all figures are those of what remains",
                            SLICE_ARG(link->name), (double)part->lost_ns / 1e9, link->why.ptr, part->share * 100);
}

static void remark_clocks(const struct load_controller *controller, struct load_results *results)
{
    uint64_t error_ns = 0;
    for (uint32_t i = 0; i < controller->link_count; i++)
        error_ns = MAX(error_ns, controller->links[i].at_begin.error_ns);
    load_results_remark(results, LOAD_REMARK_NOTE, "clock", "%u agents began within %.3f ms of each other",
                        controller->link_count, (double)(2 * error_ns) / 1e6);
}

static void finish(void *owner, struct load_results *results)
{
    struct load_controller *controller = owner;
    results->parts = arena_alloc_array(&results->arena, controller->link_count, sizeof *results->parts);
    if (!results->parts) {
        load_results_remark(results, LOAD_REMARK_WARNING, "agent_lost", "no memory for the parts of agents");
        return;
    }
    mutex_lock(&controller->mutex);
    for (uint32_t i = 0; i < controller->link_count; i++)
        add_part(controller, &controller->links[i], results);
    mutex_unlock(&controller->mutex);
    remark_clocks(controller, results);
}

struct load_source load_controller_source(struct load_controller *controller)
{
    return (struct load_source){.collect = collect,
                                .is_over = is_over,
                                .stop = stop,
                                .count_agents = count_agents,
                                .finish = finish,
                                .owner = controller};
}
