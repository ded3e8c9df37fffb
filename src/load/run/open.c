/* SPDX-License-Identifier: Apache-2.0 */
/* Iterations of an open loop: begun when they are due, or as soon as there is a link for them. */
#include "load/run/generator_int.h"

static void advance(struct generator *generator)
{
    generator->has_next =
        load_arrivals_next(&generator->arrivals, &generator->next) && generator->next.number < generator->stop_number;
}

void open_init(struct generator *generator)
{
    load_arrivals_init(&generator->arrivals, generator->plan, generator->part, generator->parts);
    generator->stop_number = UINT64_MAX;
    advance(generator);
}

static bool counts(const struct generator *generator, const struct load_due *due)
{
    return due->ns >= generator->plan->warm_ns;
}

static void count_due(struct generator *generator, const struct load_due *due)
{
    struct load_random random;
    if (!counts(generator, due))
        return;
    counter_add(&generator->record->iterations_due, 1);
    const struct load_step *first = &scenario_of(generator, due, &random)->steps[0];
    counter_add(&generator->record->series[first->index].due, 1);
}

/* What is due while it is stalled. */
static void look(struct generator *generator, uint64_t now_ns)
{
    while (generator->has_ahead && generator->begin_ns + generator->ahead.ns <= now_ns) {
        count_due(generator, &generator->ahead);
        generator->backlog++;
        generator->has_ahead = load_arrivals_next(&generator->ahead_arrivals, &generator->ahead) &&
                               generator->ahead.number < generator->stop_number;
    }
}

static void stall(struct generator *generator, uint64_t now_ns)
{
    if (!generator->is_stalled) {
        generator->is_stalled = true;
        generator->ahead_arrivals = generator->arrivals;
        generator->ahead = generator->next;
        generator->has_ahead = true;
    }
    look(generator, now_ns);
}

/* Takes the next one out. True: it was counted as due before. */
static bool take_next(struct generator *generator, struct load_due *ret_due)
{
    bool was_counted = generator->backlog > 0;
    *ret_due = generator->next;
    advance(generator);
    if (was_counted)
        generator->backlog--;
    generator->is_stalled = generator->backlog > 0;
    return was_counted;
}

/* With one target nobody needs to wait in a slot for what can wait as a moment. */
static bool may_begin(struct generator *generator, struct target *target)
{
    if (!generator->plan->is_kept_alive)
        return target->waiting_count + generator->asking_count < generator->connection_count;
    if (list_is_empty(&target->waiting) && connection_find(target))
        return true;
    return generator->plan->target_count > 1 && target->waiting_count < SLOTS_WAITING_MAX;
}

void open_begin_due(struct generator *generator, uint64_t now_ns)
{
    struct load_random random;
    struct load_due due;
    while (generator->has_next && generator->begin_ns + generator->next.ns <= now_ns) {
        const struct load_scenario *scenario = scenario_of(generator, &generator->next, &random);
        struct target *target = &generator->targets[scenario->steps[0].target];
        struct slot *slot = may_begin(generator, target) ? slot_take(generator) : NULL;
        if (!slot) {
            stall(generator, now_ns);
            return;
        }
        bool was_counted = take_next(generator, &due);
        if (!was_counted)
            count_due(generator, &due);
        slot_begin(slot, due.number, generator->begin_ns + due.ns, counts(generator, &due), was_counted);
    }
}

void open_stop(struct generator *generator, uint64_t now_ns)
{
    if (!generator->has_next)
        return;
    if (generator->is_stalled)
        look(generator, now_ns);
    generator->stop_number = generator->next.number + generator->backlog * generator->parts;
    generator->has_ahead = false;
    generator->has_next = generator->backlog > 0;
}

void open_abandon(struct generator *generator, const struct target *target, enum load_failure failure)
{
    struct load_random random;
    struct load_due due;
    while (generator->has_next && generator->backlog > 0) {
        const struct load_step *first = &scenario_of(generator, &generator->next, &random)->steps[0];
        if (target && &generator->targets[first->target] != target)
            return;
        (void)take_next(generator, &due);
        if (!counts(generator, &due))
            continue;
        if (failure == LOAD_FAILURE_NONE)
            counter_add(&generator->record->unsent, 1);
        else
            counter_add(&generator->record->series[first->index].failed[failure], 1);
    }
}
