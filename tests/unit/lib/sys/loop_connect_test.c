/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that the loop connects: told once, in a later turn, and quiet afterwards. */
#include "unit/lib/sys/net.h"

#include "lib/sys/clock.h"

#define QUIET_TURNS_MAX 4 /* of a loop that has nothing to do */

struct probe {
    struct stream stream;
    unsigned connects;
    enum err connected;
    unsigned receives;
    size_t received_bytes;
    unsigned hangups;
    bool is_closing; /* closes itself when told */
    char room[4096];
};

static struct loop loop;

static struct iovec give_room(struct stream *stream)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    return (struct iovec){probe->room, sizeof probe->room};
}

static void count_received(struct stream *stream, size_t bytes, enum err err)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    (void)err;
    probe->receives++;
    probe->received_bytes += bytes;
}

static void ignore_sent(struct stream *stream, enum err err)
{
    (void)stream;
    (void)err;
}

static void count_hangup(struct stream *stream)
{
    CONTAINER_OF(stream, struct probe, stream)->hangups++;
}

static void count_connected(struct stream *stream, enum err err)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    probe->connects++;
    probe->connected = err;
    if (probe->is_closing)
        stream_close(stream);
}

static const struct stream_handlers handlers = {give_room, count_received, ignore_sent, count_hangup, count_connected};

static int setup(void **state)
{
    (void)state;
    return loop_init(&loop) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_deinit(&loop);
    return 0;
}

static unsigned run_for_ms(unsigned ms)
{
    uint64_t before = loop.turns;
    uint64_t end_ns = clock_now_ns() + ms * NS_PER_MS;
    for (uint64_t now_ns; (now_ns = clock_now_ns()) < end_ns;)
        loop_turn(&loop, end_ns - now_ns);
    return (unsigned)(loop.turns - before);
}

static void assert_quiet(void)
{
    assert_true(run_for_ms(15) <= QUIET_TURNS_MAX);
}

static int connect_to(struct probe *probe, int listening, const struct address *address)
{
    *probe = (struct probe){0};
    assert_int_equal(stream_connect(&probe->stream, &loop, address, NULL, &handlers), ERR_OK);
    assert_int_equal(probe->connects, 0); /* never before the call has returned */
    assert_quiet();
    assert_int_equal(probe->connects, 1);
    assert_int_equal(probe->connected, ERR_OK);
    int theirs = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(theirs >= 0);
    return theirs;
}

static void connects_sends_and_receives(void **state)
{
    (void)state;
    struct probe probe;
    struct address address;
    char got[8];
    size_t sent;
    int listening = net_listen(&address);
    int theirs = connect_to(&probe, listening, &address);
    assert_int_equal(stream_send(&probe.stream, SLICE_LIT("hello"), &sent), ERR_OK);
    assert_int_equal(recv(theirs, got, sizeof got, 0), 5);
    assert_int_equal(send(theirs, "back", 4, MSG_NOSIGNAL), 4);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.received_bytes, 4);
    assert_int_equal(probe.connects, 1);
    stream_close(&probe.stream);
    close(theirs);
    close(listening);
}

static void notices_a_hangup_while_not_receiving(void **state)
{
    (void)state;
    struct probe probe;
    struct address address;
    int listening = net_listen(&address);
    close(connect_to(&probe, listening, &address));
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    stream_close(&probe.stream);
    close(listening);
}

static void says_that_nobody_listens(void **state)
{
    (void)state;
    struct probe probe = {0};
    struct address address;
    close(net_listen(&address));
    enum err err = stream_connect(&probe.stream, &loop, &address, NULL, &handlers);
    if (err != ERR_OK) {
        assert_int_equal(err, ERR_CLOSED);
        return;
    }
    assert_quiet();
    assert_int_equal(probe.connects, 1);
    assert_int_equal(probe.connected, ERR_CLOSED);
    stream_close(&probe.stream);
}

static void may_be_closed_before_and_inside_its_handler(void **state)
{
    (void)state;
    struct probe probe = {0};
    struct address address;
    unsigned open_files = net_open_files();
    int listening = net_listen(&address);
    assert_int_equal(stream_connect(&probe.stream, &loop, &address, NULL, &handlers), ERR_OK);
    stream_close(&probe.stream);
    assert_quiet();
    assert_int_equal(probe.connects, 0);
    probe.is_closing = true;
    assert_int_equal(stream_connect(&probe.stream, &loop, &address, NULL, &handlers), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.connects, 1);
    close(listening);
    assert_int_equal(net_open_files(), open_files);
}

static void leaves_nothing_open_when_it_cannot_begin(void **state)
{
    (void)state;
    struct probe probe = {0};
    struct address address;
    unsigned open_files = net_open_files();
    int listening = net_listen(&address);
    int epoll = loop.epoll;
    loop.epoll = -1;
    assert_int_equal(stream_connect(&probe.stream, &loop, &address, NULL, &handlers), ERR_IO);
    loop.epoll = epoll;
    close(listening);
    assert_int_equal(net_open_files(), open_files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connects_sends_and_receives, setup, teardown),
        cmocka_unit_test_setup_teardown(notices_a_hangup_while_not_receiving, setup, teardown),
        cmocka_unit_test_setup_teardown(says_that_nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(may_be_closed_before_and_inside_its_handler, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_nothing_open_when_it_cannot_begin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
