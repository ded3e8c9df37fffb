/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/timer.h"

#define SLOT_MASK (TIMER_LEVEL_SLOTS - 1)

static void file_timer(struct timer_wheel *wheel, struct timer *timer);
static uint64_t next_tick(const struct timer_wheel *wheel);
static void run_tick(struct timer_wheel *wheel);
static void cascade(struct timer_wheel *wheel, unsigned level);

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns)
{
    wheel->tick = now_ns >> TIMER_TICK_BITS;
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < TIMER_LEVEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

void timer_init(struct timer *timer, void (*on_fire)(struct timer *timer))
{
    *timer = (struct timer){.filed_tick = TIMER_NOT_FILED, .on_fire = on_fire};
    list_init(&timer->node);
}

NOT_INLINE void timer_file(struct timer_wheel *wheel, struct timer *timer)
{
    list_remove(&timer->node);
    file_timer(wheel, timer);
}

void timer_cancel(struct timer *timer)
{
    list_remove(&timer->node);
    timer->deadline_ns = 0;
    timer->filed_tick = TIMER_NOT_FILED;
}

void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ns)
{
    uint64_t now_tick = now_ns >> TIMER_TICK_BITS;
    uint64_t next;
    /* From occupied slot to occupied slot: a loop that slept for an hour must not walk through 3 million ticks. */
    while ((next = next_tick(wheel)) <= now_tick) {
        wheel->tick = next;
        run_tick(wheel);
    }
    wheel->tick = MAX(wheel->tick, now_tick + 1);
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel, uint64_t now_ns)
{
    uint64_t tick = next_tick(wheel);
    if (tick == UINT64_MAX)
        return UINT64_MAX;
    uint64_t due_ns = tick << TIMER_TICK_BITS;
    return due_ns > now_ns ? due_ns - now_ns : 0;
}

/* Rotates the bits so that the slot of `from` is bit 0. */
static uint64_t seen_from(uint64_t bits, unsigned from)
{
    return from ? bits >> from | bits << (TIMER_LEVEL_SLOTS - from) : bits;
}

/* The first slot of a level that holds something, as the tick at which it is entered. */
static uint64_t next_tick_of(const struct timer_wheel *wheel, unsigned level)
{
    if (!wheel->occupied[level])
        return UINT64_MAX;
    unsigned shift = level * TIMER_LEVEL_BITS;
    uint64_t position = wheel->tick >> shift;
    uint64_t bits = seen_from(wheel->occupied[level], (unsigned)position & SLOT_MASK);
    bool was_entered = (wheel->tick & ((1ULL << shift) - 1)) != 0;
    if (was_entered)
        bits &= ~1ULL; /* what stands there is a whole turn ahead */
    uint64_t ahead = bits ? (uint64_t)__builtin_ctzll(bits) : TIMER_LEVEL_SLOTS;
    return (position + ahead) << shift;
}

/* The first tick, not before wheel->tick, that has something to run or to move down; UINT64_MAX when nothing is set. */
static uint64_t next_tick(const struct timer_wheel *wheel)
{
    uint64_t best = UINT64_MAX;
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        uint64_t tick = next_tick_of(wheel, level);
        best = MIN(best, tick);
    }
    return best;
}

static void file_timer(struct timer_wheel *wheel, struct timer *timer)
{
    uint64_t tick = timer_tick_of(timer->deadline_ns);
    if (tick < wheel->tick)
        tick = wheel->tick;
    uint64_t horizon = (1ULL << (TIMER_LEVEL_BITS * TIMER_LEVELS)) - 1;
    if (tick - wheel->tick > horizon)
        tick = wheel->tick + horizon;
    unsigned level = 0;
    while (tick - wheel->tick >= 1ULL << (TIMER_LEVEL_BITS * (level + 1)))
        level++;
    unsigned slot = (unsigned)(tick >> (level * TIMER_LEVEL_BITS)) & SLOT_MASK;
    timer->filed_tick = tick;
    wheel->occupied[level] |= 1ULL << slot;
    list_add_last(&wheel->slots[level][slot], &timer->node);
}

static void run_tick(struct timer_wheel *wheel)
{
    for (unsigned level = 1; level < TIMER_LEVELS; level++) {
        if (wheel->tick & ((1ULL << (level * TIMER_LEVEL_BITS)) - 1))
            break;
        cascade(wheel, level);
    }
    unsigned slot = (unsigned)wheel->tick & SLOT_MASK;
    struct list due;
    list_init(&due);
    struct list *node;
    while ((node = list_pop_first(&wheel->slots[0][slot])))
        list_add_last(&due, node);
    wheel->occupied[0] &= ~(1ULL << slot);
    wheel->tick++;
    while ((node = list_pop_first(&due))) {
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        if (timer_tick_of(timer->deadline_ns) >= wheel->tick) {
            file_timer(wheel, timer);
            continue;
        }
        timer->deadline_ns = 0;
        timer->filed_tick = TIMER_NOT_FILED;
        timer->on_fire(timer);
    }
}

/* Entering a slot of a higher level: its timers move down. */
static void cascade(struct timer_wheel *wheel, unsigned level)
{
    unsigned slot = (unsigned)(wheel->tick >> (level * TIMER_LEVEL_BITS)) & SLOT_MASK;
    struct list moving;
    list_init(&moving);
    struct list *node;
    while ((node = list_pop_first(&wheel->slots[level][slot])))
        list_add_last(&moving, node);
    wheel->occupied[level] &= ~(1ULL << slot);
    while ((node = list_pop_first(&moving)))
        file_timer(wheel, CONTAINER_OF(node, struct timer, node));
}
