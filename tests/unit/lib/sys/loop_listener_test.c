/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/sys/net.h"

#include "lib/sys/clock.h"

#include <errno.h>
#include <sys/resource.h>

#define CLIENTS         100
#define QUIET_TURNS_MAX 3

struct gate {
    struct listener listener;
    unsigned accepted;
    unsigned accepted_max; /* on_accepted says false at the last one */
    unsigned exhausted;
    int fds[2 * CLIENTS];
    struct address peer; /* of the last one */
    bool stops_itself;
    bool pauses_itself;
};

static struct loop loop;
static struct gate gate;
static struct address address;
static int clients[CLIENTS];

static bool take(struct listener *listener, int fd, const struct address *peer)
{
    struct gate *self = CONTAINER_OF(listener, struct gate, listener);
    self->fds[self->accepted++] = fd;
    self->peer = *peer;
    if (self->pauses_itself)
        listener_pause(listener);
    if (self->stops_itself) {
        self->stops_itself = false;
        listener_stop(listener);
    }
    return self->accepted < self->accepted_max;
}

static void note_exhausted(struct listener *listener)
{
    CONTAINER_OF(listener, struct gate, listener)->exhausted++;
}

static int setup(void **state)
{
    (void)state;
    gate = (struct gate){.listener = {.on_accepted = take, .on_exhausted = note_exhausted}, .accepted_max = UINT32_MAX};
    if (loop_init(&loop) != ERR_OK)
        return -1;
    int fd = net_listen(&address);
    return listener_start(&gate.listener, &loop, fd) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    listener_stop(&gate.listener);
    for (unsigned i = 0; i < gate.accepted; i++)
        close(gate.fds[i]);
    loop_deinit(&loop);
    return 0;
}

static void connect_clients(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        clients[i] = net_connect(&address);
}

static void close_clients(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        close(clients[i]);
}

static unsigned run_for_ms(unsigned ms)
{
    uint64_t before = loop.turns;
    uint64_t end_ns = clock_now_ns() + ms * NS_PER_MS;
    for (uint64_t now_ns; (now_ns = clock_now_ns()) < end_ns;)
        loop_turn(&loop, end_ns - now_ns);
    return (unsigned)(loop.turns - before);
}

static void run_until_accepted(unsigned count)
{
    for (int i = 0; i < 1000 && gate.accepted < count; i++)
        loop_turn(&loop, NS_PER_MS);
    assert_int_equal(gate.accepted, count);
}

static void accepts_many_and_says_who(void **state)
{
    (void)state;
    connect_clients(CLIENTS);
    run_until_accepted(CLIENTS);
    struct address last;
    char expected[ADDRESS_TEXT_MAX];
    char said[ADDRESS_TEXT_MAX];
    assert_int_equal(socket_address(clients[CLIENTS - 1], &last), ERR_OK);
    address_format(&last, expected);
    address_format(&gate.peer, said);
    assert_string_equal(said, expected);
    close_clients(CLIENTS);
}

static void pauses_when_told_and_resumes(void **state)
{
    (void)state;
    gate.accepted_max = 2;
    connect_clients(5);
    assert_true(run_for_ms(15) <= QUIET_TURNS_MAX);
    assert_int_equal(gate.accepted, 2);
    gate.accepted_max = UINT32_MAX;
    assert_int_equal(listener_resume(&gate.listener), ERR_OK);
    assert_int_equal(listener_resume(&gate.listener), ERR_OK);
    run_until_accepted(5);
    close_clients(5);
}

static void a_pause_inside_on_accepted_takes_effect_at_once(void **state)
{
    (void)state;
    gate.pauses_itself = true;
    connect_clients(3);
    run_for_ms(10);
    assert_int_equal(gate.accepted, 1);
    gate.pauses_itself = false;
    assert_int_equal(listener_resume(&gate.listener), ERR_OK);
    run_until_accepted(3);
    close_clients(3);
}

static void out_of_descriptors_pauses_says_so_and_recovers(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    connect_clients(4);
    int free_numbers[2] = {dup(0), dup(0)};
    struct rlimit few = {.rlim_cur = (rlim_t)free_numbers[1] + 1, .rlim_max = before.rlim_max};
    close(free_numbers[0]);
    close(free_numbers[1]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    unsigned turns = run_for_ms(15);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(gate.accepted, 2);
    assert_int_equal(gate.exhausted, 1);
    assert_true(turns <= QUIET_TURNS_MAX);
    assert_int_equal(listener_resume(&gate.listener), ERR_OK);
    run_until_accepted(4);
    assert_int_equal(gate.exhausted, 1);
    close_clients(4);
}

static void stop_takes_what_is_queued_and_then_refuses(void **state)
{
    (void)state;
    connect_clients(CLIENTS);
    listener_stop(&gate.listener);
    assert_int_equal(gate.accepted, CLIENTS);
    int fd;
    assert_int_equal(socket_connect(&address, 1000, &fd), ERR_CLOSED);
    char byte = 'x';
    assert_int_equal(send(gate.fds[CLIENTS - 1], &byte, 1, MSG_NOSIGNAL), 1);
    assert_int_equal(run_for_ms(5), 1);
    close_clients(CLIENTS);
}

static void stop_ends_at_false(void **state)
{
    (void)state;
    gate.accepted_max = 3;
    connect_clients(5);
    listener_stop(&gate.listener);
    assert_int_equal(gate.accepted, 3);
    assert_int_equal(listener_resume(&gate.listener), ERR_OK); /* stopped: nothing happens */
    run_for_ms(5);
    assert_int_equal(gate.accepted, 3);
    close_clients(5);
}

static void stop_while_paused_takes_what_is_queued(void **state)
{
    (void)state;
    listener_pause(&gate.listener);
    connect_clients(3);
    run_for_ms(5);
    assert_int_equal(gate.accepted, 0);
    listener_stop(&gate.listener);
    assert_int_equal(gate.accepted, 3);
    close_clients(3);
}

static void stop_inside_on_accepted_is_fine(void **state)
{
    (void)state;
    gate.stops_itself = true;
    connect_clients(3);
    run_until_accepted(3);
    run_for_ms(5);
    assert_int_equal(gate.listener.watch.fd, -1);
    close_clients(3);
}

static void a_failed_start_closes_the_descriptor(void **state)
{
    (void)state;
    struct address other;
    struct gate second = {.listener = {.on_accepted = take}};
    int fd = net_listen(&other);
    int epoll = loop.epoll;
    loop.epoll = -1;
    enum err err = listener_start(&second.listener, &loop, fd);
    loop.epoll = epoll;
    assert_int_equal(err, ERR_IO);
    assert_int_equal(close(fd), -1);
    assert_int_equal(errno, EBADF);
    listener_stop(&second.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accepts_many_and_says_who, setup, teardown),
        cmocka_unit_test_setup_teardown(pauses_when_told_and_resumes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_inside_on_accepted_takes_effect_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_descriptors_pauses_says_so_and_recovers, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_takes_what_is_queued_and_then_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_ends_at_false, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_while_paused_takes_what_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_inside_on_accepted_is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_start_closes_the_descriptor, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
