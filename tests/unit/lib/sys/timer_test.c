/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel against a model that looks at every timer, and the things that on_fire may do. */
#include "lib/sys/timer.h"

#include "lib/sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICK_NS (1ULL << TIMER_TICK_BITS)
#define TIMERS  200

/* What the model knows of a timer: from which tick on it must fire. */
struct model {
    struct timer timer;
    uint64_t due_tick; /* 0: not set */
    uint64_t deadline_ns;
    uint64_t fired;
};

static struct model models[TIMERS];
static struct timer_wheel wheel;
static uint64_t now_ns;
static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t random_below(uint64_t end)
{
    return next_random() % end;
}

/* Microseconds to a month: every power of two is as likely as the next. */
static uint64_t random_span_ns(void)
{
    return random_below(1ULL << (10 + random_below(42)));
}

static void set_model(struct model *model, uint64_t deadline_ns)
{
    uint64_t tick = (deadline_ns >> TIMER_TICK_BITS) + 1;
    model->due_tick = MAX(tick, (now_ns >> TIMER_TICK_BITS) + 1);
    model->deadline_ns = deadline_ns;
    timer_set(&wheel, &model->timer, deadline_ns);
}

static void on_fire(struct timer *timer)
{
    struct model *model = CONTAINER_OF(timer, struct model, timer);
    assert_true(model->due_tick != 0);
    assert_true(now_ns >= model->deadline_ns);
    assert_true(model->due_tick <= now_ns >> TIMER_TICK_BITS);
    model->due_tick = 0;
    model->fired++;
    struct model *neighbour = &models[random_below(TIMERS)];
    switch (random_below(6)) {
    case 0:
        set_model(model, now_ns + random_span_ns());
        break;
    case 1:
        timer_cancel(&neighbour->timer);
        neighbour->due_tick = 0;
        break;
    case 2:
        set_model(neighbour, now_ns + random_span_ns());
        break;
    default:
        break;
    }
}

static void change_one(void)
{
    struct model *model = &models[random_below(TIMERS)];
    uint64_t choice = random_below(8);
    if (choice == 0) {
        timer_cancel(&model->timer);
        model->due_tick = 0;
    } else if (choice == 1) {
        set_model(model, now_ns > 50 * TICK_NS ? now_ns - random_below(50 * TICK_NS) : 1); /* in the past */
    } else if (choice == 2 && model->due_tick) {
        set_model(model, model->deadline_ns + random_span_ns()); /* push back */
    } else {
        set_model(model, now_ns + random_span_ns());
    }
}

/* The tick at which the next timer must fire. */
static uint64_t earliest_tick(void)
{
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < TIMERS; i++)
        if (models[i].due_tick)
            best = MIN(best, models[i].due_tick);
    return best;
}

static void check_nothing_due(void)
{
    uint64_t earliest = earliest_tick();
    assert_true(earliest > now_ns >> TIMER_TICK_BITS);
    uint64_t next_ns = timer_wheel_next_ns(&wheel, now_ns);
    if (earliest == UINT64_MAX)
        return;
    assert_true(next_ns <= (earliest << TIMER_TICK_BITS) - now_ns);
}

static void start_at(uint64_t start_ns)
{
    now_ns = start_ns;
    timer_wheel_init(&wheel, now_ns);
    timer_wheel_run(&wheel, now_ns); /* from here on a deadline in the past means the next tick */
    for (size_t i = 0; i < TIMERS; i++) {
        models[i] = (struct model){0};
        timer_init(&models[i].timer, on_fire);
    }
}

static void run_random(uint64_t start_ns, unsigned steps)
{
    start_at(start_ns);
    for (unsigned step = 0; step < steps; step++) {
        for (uint64_t changes = random_below(20); changes; changes--)
            change_one();
        check_nothing_due();
        now_ns += random_below(2) ? random_span_ns() : timer_wheel_next_ns(&wheel, now_ns) % (1ULL << 52);
        timer_wheel_run(&wheel, now_ns);
        check_nothing_due();
    }
}

static void fires_once_never_early_and_within_a_tick(void **state)
{
    (void)state;
    run_random(1, 4000);
    run_random(12345678901234567ULL, 4000);
    for (unsigned i = 0; i < 64; i++) /* around the borders of the levels */
        run_random((((uint64_t)i << 24) - i) << TIMER_TICK_BITS | i, 60);
}

/* Following next_ns alone must arrive, and in few wake-ups: one for each level, no more. */
static void next_ns_arrives_in_few_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        start_at(next_random() >> 12);
        set_model(&models[0], now_ns + random_below(10ULL * 24 * 3600 * NS_PER_S));
        unsigned steps = 0;
        while (models[0].fired == 0) {
            uint64_t wait_ns = timer_wheel_next_ns(&wheel, now_ns);
            assert_true(wait_ns != UINT64_MAX);
            now_ns += wait_ns;
            timer_wheel_run(&wheel, now_ns);
            assert_true(++steps <= TIMER_LEVELS + 1);
        }
    }
}

static void reaches_deadlines_beyond_the_last_level(void **state)
{
    (void)state;
    start_at(777 * NS_PER_S);
    uint64_t deadline_ns = now_ns + 100ULL * 24 * 3600 * NS_PER_S;
    set_model(&models[0], deadline_ns);
    while (now_ns + 3600 * NS_PER_S < deadline_ns) {
        now_ns += 3600 * NS_PER_S;
        timer_wheel_run(&wheel, now_ns);
        assert_int_equal(models[0].fired, 0);
    }
    now_ns = deadline_ns + TICK_NS;
    timer_wheel_run(&wheel, now_ns);
    assert_int_equal(models[0].fired, 1);
}

/* A worker that slept through the night must answer the first request of the morning at once. */
static void waking_from_a_long_sleep_walks_no_empty_ticks(void **state)
{
    (void)state;
    start_at(NS_PER_S);
    uint64_t before_ns = clock_thread_cpu_ns();
    for (unsigned i = 0; i < 1000; i++) {
        set_model(&models[0], now_ns + 3600 * NS_PER_S);
        now_ns += 24ULL * 3600 * NS_PER_S;
        timer_wheel_run(&wheel, now_ns);
        models[0].due_tick = 0;
        timer_cancel(&models[0].timer);
    }
    assert_true(clock_thread_cpu_ns() - before_ns < NS_PER_S / 4);
}

static unsigned plain_fired;
static struct timer *victim;

static void count_fire(struct timer *timer)
{
    (void)timer;
    plain_fired++;
}

static void cancel_victim(struct timer *timer)
{
    (void)timer;
    plain_fired++;
    timer_cancel(victim);
    free(victim);
    victim = NULL;
}

/* Both are due in the same tick: the second is on the list that is being run. */
static void on_fire_may_cancel_and_free_its_neighbour(void **state)
{
    (void)state;
    start_at(NS_PER_S);
    plain_fired = 0;
    struct timer first;
    timer_init(&first, cancel_victim);
    timer_set(&wheel, &first, now_ns + NS_PER_MS);
    victim = malloc(sizeof *victim);
    timer_init(victim, count_fire);
    timer_set(&wheel, victim, now_ns + NS_PER_MS);
    timer_wheel_run(&wheel, now_ns + 4 * NS_PER_MS);
    assert_int_equal(plain_fired, 1);
}

static void free_self(struct timer *timer)
{
    plain_fired++;
    free(timer);
}

static void on_fire_may_free_its_own_memory(void **state)
{
    (void)state;
    start_at(NS_PER_S);
    plain_fired = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct timer *timer = malloc(sizeof *timer);
        timer_init(timer, free_self);
        timer_set(&wheel, timer, now_ns + i % 3 * NS_PER_MS);
    }
    timer_wheel_run(&wheel, now_ns + 10 * NS_PER_MS);
    assert_int_equal(plain_fired, 100);
    assert_true(timer_wheel_next_ns(&wheel, now_ns + 10 * NS_PER_MS) == UINT64_MAX);
}

static void set_self_in_the_past(struct timer *timer)
{
    plain_fired++;
    timer_set(&wheel, timer, 1);
}

/* A timer that is always overdue must not hold the loop: it gets one turn a tick. */
static void an_overdue_reload_fires_once_a_tick(void **state)
{
    (void)state;
    start_at(NS_PER_S);
    plain_fired = 0;
    struct timer timer;
    timer_init(&timer, set_self_in_the_past);
    timer_set(&wheel, &timer, now_ns);
    timer_wheel_run(&wheel, now_ns + 10 * TICK_NS);
    assert_int_equal(plain_fired, 10);
    timer_wheel_run(&wheel, now_ns + 10 * TICK_NS);
    assert_int_equal(plain_fired, 10);
}

static void cancelling_what_was_never_set_is_harmless(void **state)
{
    (void)state;
    start_at(NS_PER_S);
    timer_cancel(&models[0].timer);
    timer_cancel(&models[0].timer);
    assert_true(timer_wheel_next_ns(&wheel, now_ns) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_never_early_and_within_a_tick),
        cmocka_unit_test(next_ns_arrives_in_few_steps),
        cmocka_unit_test(reaches_deadlines_beyond_the_last_level),
        cmocka_unit_test(waking_from_a_long_sleep_walks_no_empty_ticks),
        cmocka_unit_test(on_fire_may_cancel_and_free_its_neighbour),
        cmocka_unit_test(on_fire_may_free_its_own_memory),
        cmocka_unit_test(an_overdue_reload_fires_once_a_tick),
        cmocka_unit_test(cancelling_what_was_never_set_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
