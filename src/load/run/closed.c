/* SPDX-License-Identifier: Apache-2.0 */
/* Users of a closed loop: each begins an iteration when its last one has ended. */
#include "load/run/generator_int.h"

#include <stdlib.h>

enum err closed_init(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    uint32_t capacity = load_share(load_users_max(plan), generator->part, generator->parts);
    load_users_init(&generator->users, plan);
    generator->iterations_left = UINT64_MAX;
    if (plan->iterations_max)
        generator->iterations_left =
            plan->iterations_max / generator->parts + (plan->iterations_max % generator->parts > generator->part);
    generator->user_slots = calloc(MAX(capacity, 1), sizeof(struct slot *));
    if (!generator->user_slots)
        return ERR_NOMEM;
    for (; generator->user_capacity < capacity; generator->user_capacity++) {
        struct slot **slot = &generator->user_slots[generator->user_capacity];
        TRY(slot_create(generator, slot));
        (*slot)->user = generator->user_capacity;
    }
    return ERR_OK;
}

/* Warming up does not use up what iterations_max grants. */
void closed_begin(struct slot *slot, uint64_t now_ns)
{
    struct generator *generator = slot->generator;
    bool counts = now_ns >= generator->warm_end_ns;
    if (generator->is_over || slot->user >= generator->user_count || generator->iterations_left == 0) {
        slot->state = SLOT_FREE;
        return;
    }
    uint64_t number = generator->part + generator->parts * generator->iteration_count++;
    if (counts && generator->plan->iterations_max)
        generator->iterations_left--;
    if (counts)
        counter_add(&generator->record->iterations_due, 1);
    slot_begin(slot, number, now_ns, counts, false);
}

/* After a failure the next one begins when the turn ends: else a server that refuses would have us nest without end. The deadline of
 * what has failed may pass within the same turn, and must not begin it too. */
void closed_next(struct slot *slot, bool has_failed, uint64_t now_ns)
{
    struct generator *generator = slot->generator;
    uint64_t due_ns = slot->begun_ns + generator->plan->pacing_ns;
    if (due_ns > now_ns) {
        slot->state = SLOT_RESTING;
        timer_set(&generator->loop.timers, &slot->timer, due_ns);
    } else if (has_failed) {
        slot->state = SLOT_RESTING;
        timer_cancel(&slot->timer);
        list_add_last(&generator->again, &slot->node);
    } else {
        closed_begin(slot, now_ns);
    }
}

void closed_look(struct generator *generator, uint64_t now_ns)
{
    if (now_ns < generator->users_look_ns || generator->is_over)
        return;
    uint64_t next_ns;
    uint32_t count = load_users_at(&generator->users, now_ns - generator->begin_ns, &next_ns);
    generator->users_look_ns = next_ns < UINT64_MAX - generator->begin_ns ? generator->begin_ns + next_ns : UINT64_MAX;
    uint32_t before = generator->user_count;
    generator->user_count = MIN(load_share(count, generator->part, generator->parts), generator->user_capacity);
    for (uint32_t i = before; i < generator->user_count; i++)
        if (generator->user_slots[i]->state == SLOT_FREE)
            closed_begin(generator->user_slots[i], now_ns);
}

/* Who thinks is not waited for. */
void closed_end(struct generator *generator)
{
    for (uint32_t i = 0; i < generator->user_capacity; i++) {
        struct slot *slot = generator->user_slots[i];
        if (slot->state == SLOT_THINKING)
            generator->busy_count--;
        if (slot->state == SLOT_THINKING || slot->state == SLOT_RESTING) {
            list_remove(&slot->node);
            slot->state = SLOT_FREE;
        }
    }
}
