/* SPDX-License-Identifier: Apache-2.0 */
/* The loop itself: waiting, timers, mail, and the end. */
#include "lib/sys/loop.h"

#include "lib/sys/clock.h"
#include "lib/sys/ring.h"
#include "lib/sys/thread.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define WATCHDOG_S 60 /* a wake-up that was missed ends the test by SIGALRM instead of hanging it */
#define LETTERS    20000

static void an_idle_turn_lasts_as_long_as_it_may(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop), ERR_OK);
    uint64_t before_ns = clock_now_ns();
    loop_turn(&loop, 20 * NS_PER_MS);
    assert_true(clock_now_ns() - before_ns >= 20 * NS_PER_MS);
    assert_int_equal(loop.turns, 1);
    loop_deinit(&loop);
}

struct bell {
    struct timer timer;
    struct loop *loop;
    uint64_t fired_ns;
};

static void ring_bell(struct timer *timer)
{
    struct bell *bell = CONTAINER_OF(timer, struct bell, timer);
    bell->fired_ns = clock_now_ns();
    loop_stop(bell->loop);
}

static void timers_fire_on_time_and_in_few_turns(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop), ERR_OK);
    struct bell bell = {.loop = &loop};
    timer_init(&bell.timer, ring_bell);
    uint64_t deadline_ns = loop.now_ns + 150 * NS_PER_MS;
    timer_set(&loop.timers, &bell.timer, deadline_ns);
    loop_run(&loop);
    assert_true(bell.fired_ns >= deadline_ns);
    assert_true(bell.fired_ns < deadline_ns + 100 * NS_PER_MS); /* the machine may be busy */
    assert_true(loop.turns <= TIMER_LEVELS + 1);
    loop_deinit(&loop);
}

static void count_turn(struct loop *loop)
{
    unsigned *count = loop->owner;
    ++*count;
}

static void on_turn_is_called_at_the_end_of_each_turn(void **state)
{
    (void)state;
    unsigned count = 0;
    struct loop loop;
    assert_int_equal(loop_init(&loop), ERR_OK);
    loop.owner = &count;
    loop.on_turn = count_turn;
    loop_turn(&loop, 0);
    loop_turn(&loop, 0);
    assert_int_equal(count, 2);
    loop_deinit(&loop);
}

struct post {
    struct mailbox mailbox;
    struct loop loop;
    struct ring ring;
    uintptr_t taken;
    unsigned looks;
    unsigned answers; /* how often on_mail says yes without a look at the ring */
    bool was_announced_early;
};

static struct post post;

static bool take_letters(struct mailbox *mailbox)
{
    struct post *self = CONTAINER_OF(mailbox, struct post, mailbox);
    bool has_found = false;
    void *letter;
    self->looks++;
    while ((letter = ring_pop(&self->ring))) {
        assert_int_equal((uintptr_t)letter, ++self->taken);
        has_found = true;
    }
    if (self->taken == LETTERS)
        loop_stop(&self->loop);
    return has_found;
}

static void start_post(bool (*on_mail)(struct mailbox *mailbox))
{
    post = (struct post){.mailbox.on_mail = on_mail};
    assert_int_equal(ring_init(&post.ring, 64), ERR_OK);
    assert_int_equal(loop_init(&post.loop), ERR_OK);
    assert_int_equal(mailbox_start(&post.mailbox, &post.loop), ERR_OK);
}

static void stop_post(void)
{
    mailbox_stop(&post.mailbox);
    loop_deinit(&post.loop);
    ring_deinit(&post.ring);
}

/* In bursts, with pauses in which the loop falls asleep. */
static void write_letters(void *argument)
{
    (void)argument;
    for (uintptr_t i = 1; i <= LETTERS; i++) {
        while (!ring_push(&post.ring, (void *)i))
            clock_sleep_ns(1000);
        wake_up(&post.mailbox.wake);
        if (i % 61 == 0)
            clock_sleep_ns(1000 * (i % 3));
    }
}

static void mail_of_another_thread_is_never_missed(void **state)
{
    (void)state;
    struct thread writer;
    start_post(take_letters);
    alarm(WATCHDOG_S);
    assert_int_equal(thread_start(&writer, "writer", write_letters, NULL), ERR_OK);
    loop_run(&post.loop);
    thread_join(&writer);
    alarm(0);
    assert_int_equal(post.taken, LETTERS);
    stop_post();
}

static bool answer_yes(struct mailbox *mailbox)
{
    struct post *self = CONTAINER_OF(mailbox, struct post, mailbox);
    self->looks++;
    self->was_announced_early |= atomic_load(&mailbox->wake.is_asleep);
    return self->answers && self->answers--;
}

/* Who brings mail to a worker that is busy with mail need not write to its eventfd. */
static void sleep_is_announced_only_when_there_is_no_mail(void **state)
{
    (void)state;
    start_post(answer_yes);
    post.answers = 3;
    for (int i = 0; i < 3; i++)
        loop_turn(&post.loop, UINT64_MAX); /* would block for an hour */
    assert_int_equal(post.looks, 3);
    assert_false(post.was_announced_early);
    loop_turn(&post.loop, 0);
    assert_int_equal(post.looks, 5);
    assert_true(post.was_announced_early);
    assert_false(atomic_load(&post.mailbox.wake.is_asleep));
    stop_post();
}

static bool stop_loop(struct mailbox *mailbox)
{
    loop_stop(mailbox->watch.loop);
    return false;
}

static void stopping_from_mail_needs_no_event_to_take_effect(void **state)
{
    (void)state;
    start_post(stop_loop);
    alarm(WATCHDOG_S);
    loop_run(&post.loop);
    alarm(0);
    assert_int_equal(post.loop.turns, 1);
    stop_post();
}

static struct bell mail_bell;

static bool set_bell(struct mailbox *mailbox)
{
    struct post *self = CONTAINER_OF(mailbox, struct post, mailbox);
    if (self->looks++ == 0)
        timer_set(&self->loop.timers, &mail_bell.timer, clock_now_ns() + 10 * NS_PER_MS);
    return false;
}

static void a_timer_set_from_mail_shortens_the_sleep(void **state)
{
    (void)state;
    start_post(set_bell);
    mail_bell = (struct bell){.loop = &post.loop};
    timer_init(&mail_bell.timer, ring_bell);
    alarm(WATCHDOG_S);
    loop_run(&post.loop);
    alarm(0);
    assert_true(mail_bell.fired_ns != 0);
    stop_post();
}

static uint64_t mail_now_ns;

static bool note_now(struct mailbox *mailbox)
{
    mail_now_ns = mailbox->watch.loop->now_ns;
    return false;
}

/* Deadlines and latencies are counted from now_ns: that of the last turn would be as old as its work was long. */
static void mail_sees_the_time_of_its_own_turn(void **state)
{
    (void)state;
    start_post(note_now);
    clock_sleep_ns(3 * NS_PER_MS);
    uint64_t before_ns = clock_now_ns();
    loop_turn(&post.loop, 0);
    assert_true(mail_now_ns >= before_ns);
    stop_post();
}

static bool close_mailbox(struct mailbox *mailbox)
{
    mailbox_stop(mailbox);
    memset(mailbox, 0xa5, sizeof *mailbox);
    return false;
}

static void a_mailbox_may_be_stopped_from_its_own_mail(void **state)
{
    (void)state;
    start_post(close_mailbox);
    loop_turn(&post.loop, 0);
    loop_turn(&post.loop, 0);
    assert_null(post.loop.mailbox);
    loop_deinit(&post.loop);
    ring_deinit(&post.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_turn_lasts_as_long_as_it_may),
        cmocka_unit_test(timers_fire_on_time_and_in_few_turns),
        cmocka_unit_test(on_turn_is_called_at_the_end_of_each_turn),
        cmocka_unit_test(mail_of_another_thread_is_never_missed),
        cmocka_unit_test(sleep_is_announced_only_when_there_is_no_mail),
        cmocka_unit_test(stopping_from_mail_needs_no_event_to_take_effect),
        cmocka_unit_test(a_timer_set_from_mail_shortens_the_sleep),
        cmocka_unit_test(mail_sees_the_time_of_its_own_turn),
        cmocka_unit_test(a_mailbox_may_be_stopped_from_its_own_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
