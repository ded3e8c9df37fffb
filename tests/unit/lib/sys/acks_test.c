/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/sys/net.h"

#include "lib/sys/acks.h"
#include "lib/sys/clock.h"

#include <linux/tcp.h>
#include <string.h>

#define PIECE_BYTES 100
#define PIECES      400

static char piece[4096];

struct pair {
    int ours;
    int theirs; /* sends */
    struct acks acks;
    uint64_t now_ns;
};

static void open_pair(struct pair *pair)
{
    *pair = (struct pair){.now_ns = NS_PER_S};
    net_pair(&pair->ours, &pair->theirs);
}

static void close_pair(struct pair *pair)
{
    close(pair->ours);
    close(pair->theirs);
}

static void pass_on(struct pair *pair, size_t bytes, uint64_t after_ns)
{
    char in[sizeof piece];
    assert_int_equal(send(pair->theirs, piece, bytes, 0), bytes);
    assert_int_equal(recv(pair->ours, in, sizeof in, 0), bytes);
    pair->now_ns += after_ns;
    acks_note(&pair->acks, pair->ours, bytes, pair->now_ns);
}

static unsigned acknowledgements(const struct pair *pair)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(getsockopt(pair->theirs, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_segs_in;
}

static unsigned acknowledgements_of(uint64_t between_ns)
{
    struct pair pair;
    open_pair(&pair);
    unsigned before = acknowledgements(&pair);
    for (int i = 0; i < PIECES; i++)
        pass_on(&pair, PIECE_BYTES, between_ns);
    unsigned count = acknowledgements(&pair) - before;
    close_pair(&pair);
    return count;
}

static void a_quick_stream_is_acknowledged_half_as_often_as_a_slow_one(void **state)
{
    (void)state;
    unsigned quick = acknowledgements_of(NS_PER_MS);
    unsigned slow = acknowledgements_of(30 * NS_PER_MS);
    assert_in_range(quick, PIECES / 3, slow * 2 / 3);
}

static void pauses_large_pieces_and_sends_make_a_stream_no_quick_one(void **state)
{
    struct pair pair;
    (void)state;
    open_pair(&pair);
    for (int i = 0; i < PIECES; i++)
        pass_on(&pair, PIECE_BYTES, i % 20 ? NS_PER_MS : NS_PER_S);
    for (int i = 0; i < PIECES; i++)
        pass_on(&pair, i % 20 ? PIECE_BYTES : 1025, NS_PER_MS);
    for (int i = 0; i < PIECES; i++) {
        if (i % 20 == 0)
            acks_restart(&pair.acks);
        pass_on(&pair, PIECE_BYTES, NS_PER_MS);
    }
    assert_int_equal(pair.acks.trial_count, 0);
    assert_false(pair.acks.is_borne);
    for (int i = 0; i < 20; i++)
        pass_on(&pair, PIECE_BYTES, NS_PER_MS);
    assert_true(pair.acks.is_borne);
    close_pair(&pair);
}

/* To the end of the next trial, or to a pause within it. */
static void try_once(struct pair *pair, bool has_pause)
{
    for (int i = 0; i < 100 && !pair->acks.trial_count; i++)
        pass_on(pair, PIECE_BYTES, NS_PER_MS);
    pass_on(pair, PIECE_BYTES, has_pause ? NS_PER_S : NS_PER_MS);
    while (pair->acks.trial_count)
        pass_on(pair, PIECE_BYTES, NS_PER_MS);
}

static void a_sender_that_pauses_in_two_trials_is_left_alone(void **state)
{
    struct pair pair;
    (void)state;
    open_pair(&pair);
    try_once(&pair, true);
    try_once(&pair, true);
    assert_false(pair.acks.is_borne);
    for (int i = 0; i < PIECES; i++) {
        pass_on(&pair, PIECE_BYTES, NS_PER_MS);
        assert_int_equal(pair.acks.quick_count, 0);
    }
    close_pair(&pair);
}

static void a_sender_that_paused_once_by_chance_is_tried_again(void **state)
{
    struct pair pair;
    (void)state;
    open_pair(&pair);
    try_once(&pair, true);
    assert_int_equal(pair.acks.failed_trials, 1);
    try_once(&pair, false);
    assert_true(pair.acks.is_borne);
    for (int i = 0; i < PIECES; i++)
        pass_on(&pair, PIECE_BYTES, i % 40 ? NS_PER_MS : NS_PER_S);
    assert_int_equal(pair.acks.failed_trials, 1);
    close_pair(&pair);
}

/* Real time: Nagle's algorithm, and the kernel's 40 ms. */
static void a_sender_that_waits_for_acknowledgements_is_found_out(void **state)
{
    struct pair pair;
    char in[sizeof piece];
    (void)state;
    open_pair(&pair);
    assert_int_equal(setsockopt(pair.theirs, IPPROTO_TCP, TCP_NODELAY, &(int){0}, sizeof(int)), 0);
    for (int i = 0; i < 10000 && pair.acks.failed_trials < 2; i++) {
        assert_int_equal(send(pair.theirs, piece, 10, 0), 10);
        ssize_t count = recv(pair.ours, in, sizeof in, 0);
        if (count > 0)
            acks_note(&pair.acks, pair.ours, (size_t)count, clock_now_ns());
        clock_sleep_ns(NS_PER_MS);
    }
    assert_int_equal(pair.acks.failed_trials, 2);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quick_stream_is_acknowledged_half_as_often_as_a_slow_one),
        cmocka_unit_test(pauses_large_pieces_and_sends_make_a_stream_no_quick_one),
        cmocka_unit_test(a_sender_that_pauses_in_two_trials_is_left_alone),
        cmocka_unit_test(a_sender_that_paused_once_by_chance_is_tried_again),
        cmocka_unit_test(a_sender_that_waits_for_acknowledgements_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
