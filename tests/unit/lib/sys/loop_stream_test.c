/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over real TCP connections: what the handlers are told, how often, and that nothing spins. */
#include "unit/lib/sys/net.h"

#include "lib/sys/clock.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET_TURNS_MAX 4 /* of a loop that has nothing to do */
#define BIG_BYTES       (16U << 20)

/* One end of a connection, and what its handlers saw. */
struct probe {
    struct stream stream;
    unsigned buffers;
    unsigned receives;
    size_t received_bytes;
    unsigned ends;
    enum err end;
    unsigned sents;
    enum err sent;
    unsigned hangups;
    size_t room_bytes;
    char room[4096];
};

static struct loop loop;

static struct iovec give_room(struct stream *stream)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    probe->buffers++;
    return (struct iovec){probe->room, probe->room_bytes};
}

static void count_received(struct stream *stream, size_t bytes, enum err err)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    probe->receives++;
    probe->received_bytes += bytes;
    assert_true((err == ERR_OK) == (bytes > 0));
    if (err == ERR_OK)
        return;
    probe->ends++;
    probe->end = err;
}

static void count_sent(struct stream *stream, enum err err)
{
    struct probe *probe = CONTAINER_OF(stream, struct probe, stream);
    probe->sents++;
    probe->sent = err;
}

static void count_hangup(struct stream *stream)
{
    CONTAINER_OF(stream, struct probe, stream)->hangups++;
}

static const struct stream_handlers counting = {give_room, count_received, count_sent, count_hangup, NULL};

static int setup(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does: sendfile has no MSG_NOSIGNAL */
    return loop_init(&loop) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_deinit(&loop);
    return 0;
}

static void open_probe(struct probe *probe, int *ret_theirs)
{
    int ours;
    net_pair(&ours, ret_theirs);
    *probe = (struct probe){.room_bytes = sizeof probe->room};
    stream_open(&probe->stream, &loop, ours, &counting);
}

/* Lets the loop run for a while; returns how many turns it made of it. */
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

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void receives_only_while_started(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    put(theirs, "one");
    assert_quiet();
    assert_int_equal(probe.receives, 0);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.received_bytes, 3);
    assert_memory_equal(probe.room, "one", 3);
    stream_receive_stop(&probe.stream);
    put(theirs, "three");
    assert_quiet();
    put(theirs, "four");
    assert_quiet();
    assert_int_equal(probe.received_bytes, 3);
    assert_int_equal(probe.buffers, probe.receives);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.received_bytes, 12);
    assert_int_equal(probe.hangups, 0);
    stream_close(&probe.stream);
    close(theirs);
}

static void an_empty_buffer_stops_receiving(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    probe.room_bytes = 0;
    put(theirs, "one");
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.buffers, 1);
    assert_int_equal(probe.receives, 0);
    probe.room_bytes = sizeof probe.room;
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.received_bytes, 3);
    stream_close(&probe.stream);
    close(theirs);
}

static void the_end_is_said_once(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    socket_shutdown_write(theirs);
    assert_quiet();
    close(theirs);
    assert_quiet();
    assert_int_equal(probe.ends, 1);
    assert_int_equal(probe.end, ERR_EOF);
    assert_int_equal(probe.hangups, 0);
    stream_close(&probe.stream);
}

static void a_reset_ends_receiving_with_an_error(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    net_reset(theirs);
    assert_quiet();
    assert_int_equal(probe.ends, 1);
    assert_int_equal(probe.end, ERR_IO);
    assert_int_equal(probe.hangups, 0);
    stream_close(&probe.stream);
}

static void register_without_receiving(struct probe *probe)
{
    assert_int_equal(stream_receive_start(&probe->stream), ERR_OK);
    stream_receive_stop(&probe->stream);
}

static void a_half_close_while_not_receiving_is_a_hangup_said_once(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    register_without_receiving(&probe);
    put(theirs, "tail");
    socket_shutdown_write(theirs);
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    assert_int_equal(probe.buffers, 0);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.received_bytes, 4);
    assert_int_equal(probe.ends, 1);
    assert_int_equal(probe.end, ERR_EOF);
    net_reset(theirs);
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    stream_close(&probe.stream);
}

static void a_reset_while_not_receiving_is_a_hangup_said_once(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    register_without_receiving(&probe);
    net_reset(theirs);
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    assert_quiet();
    assert_int_equal(probe.ends, 1);
    assert_int_equal(probe.hangups, 1);
    stream_close(&probe.stream);
}

static void a_reset_after_a_half_close_does_not_spin(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    register_without_receiving(&probe);
    socket_shutdown_write(theirs);
    assert_quiet();
    net_reset(theirs);
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    stream_close(&probe.stream);
}

static char *make_big(void)
{
    char *big = malloc(BIG_BYTES);
    assert_non_null(big);
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 2654435761U >> 13);
    return big;
}

/* Reads from the other end while the loop runs, and compares. */
static void drain(int fd, const char *expected, size_t bytes)
{
    static char chunk[1 << 16];
    size_t done = 0;
    while (done < bytes) {
        loop_turn(&loop, 0);
        ssize_t count = recv(fd, chunk, sizeof chunk, 0);
        if (count < 0)
            continue;
        assert_true(count > 0);
        assert_memory_equal(chunk, expected + done, (size_t)count);
        done += (size_t)count;
    }
}

static size_t send_big(struct probe *probe, const char *big)
{
    size_t sent = 0;
    assert_int_equal(stream_send(&probe->stream, slice_of(big, BIG_BYTES), &sent), ERR_AGAIN);
    assert_true(sent < BIG_BYTES);
    return sent;
}

static void a_send_that_blocks_completes_and_leaves_no_interest(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    char *big = make_big();
    for (unsigned round = 1; round <= 2; round++) {
        assert_true(send_big(&probe, big) > 0);
        assert_quiet();
        assert_int_equal(probe.sents, round - 1);
        drain(theirs, big, BIG_BYTES);
        assert_quiet();
        assert_int_equal(probe.sents, round);
        assert_int_equal(probe.sent, ERR_OK);
    }
    size_t sent = 0;
    assert_int_equal(stream_send(&probe.stream, SLICE_LIT("small"), &sent), ERR_OK);
    assert_int_equal(sent, 5);
    assert_int_equal(probe.sents, 2);
    free(big);
    stream_close(&probe.stream);
    close(theirs);
}

static void a_half_close_does_not_disturb_a_send(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    char *big = make_big();
    register_without_receiving(&probe);
    send_big(&probe, big);
    socket_shutdown_write(theirs);
    assert_quiet();
    assert_int_equal(probe.hangups, 1);
    drain(theirs, big, BIG_BYTES);
    assert_quiet();
    assert_int_equal(probe.sents, 1);
    assert_int_equal(probe.sent, ERR_OK);
    assert_int_equal(probe.hangups, 1);
    free(big);
    stream_close(&probe.stream);
    close(theirs);
}

static void a_reset_fails_a_send_that_waits(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    char *big = make_big();
    send_big(&probe, big);
    net_reset(theirs);
    assert_quiet(); /* although nobody closes the stream */
    assert_int_equal(probe.sents, 1);
    assert_int_equal(probe.sent, ERR_CLOSED);
    size_t sent = 1;
    assert_int_equal(stream_send(&probe.stream, SLICE_LIT("more"), &sent), ERR_CLOSED);
    assert_int_equal(sent, 0);
    free(big);
    stream_close(&probe.stream);
}

static void bytes_arrive_while_a_send_waits(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    char *big = make_big();
    assert_int_equal(stream_receive_start(&probe.stream), ERR_OK);
    send_big(&probe, big);
    put(theirs, "next");
    assert_quiet();
    assert_int_equal(probe.received_bytes, 4);
    drain(theirs, big, BIG_BYTES);
    assert_quiet();
    assert_int_equal(probe.sents, 1);
    free(big);
    stream_close(&probe.stream);
    close(theirs);
}

/* epoll_ctl fails when a user has too many watches; here because there is no epoll. */
static void a_send_that_cannot_wait_fails_whole(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    open_probe(&probe, &theirs);
    char *big = make_big();
    size_t sent = 0;
    int epoll = loop.epoll;
    loop.epoll = -1;
    assert_int_equal(stream_send(&probe.stream, slice_of(big, BIG_BYTES), &sent), ERR_IO);
    assert_int_equal(stream_send(&probe.stream, slice_of(big, BIG_BYTES), &sent), ERR_IO);
    assert_int_equal(stream_receive_start(&probe.stream), ERR_IO);
    assert_false(probe.stream.is_receiving);
    loop.epoll = epoll;
    free(big);
    stream_close(&probe.stream);
    close(theirs);
}

/* An unlinked file of so many bytes, each the low byte of its place. */
static int open_file(size_t bytes)
{
    static unsigned char content[1U << 20];
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 7);
    for (size_t done = 0; done < bytes; done += sizeof content)
        assert_int_equal(fwrite(content, 1, MIN(sizeof content, bytes - done), file),
                         MIN(sizeof content, bytes - done));
    assert_int_equal(fflush(file), 0);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static size_t take_all(int fd, size_t at)
{
    unsigned char room[65536];
    ssize_t count;
    size_t done = 0;
    while ((count = recv(fd, room, sizeof room, MSG_DONTWAIT)) > 0)
        for (ssize_t i = 0; i < count; i++, done++)
            assert_int_equal(room[i], (unsigned char)((at + done) % (1U << 20) * 7));
    return done;
}

static void a_range_of_a_file_is_sent_at_once_when_it_fits(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    uint64_t sent = 0;
    int fd = open_file(5000);
    open_probe(&probe, &theirs);
    struct file_piece piece = {.fd = fd, .offset = 1000, .bytes = 3000};
    assert_int_equal(stream_send_file(&probe.stream, piece, &sent), ERR_OK);
    assert_int_equal(sent, 3000);
    assert_int_equal(take_all(theirs, 1000), 3000);
    assert_quiet();
    assert_int_equal(probe.sents, 0);
    stream_close(&probe.stream);
    close(theirs);
    close(fd);
}

static void a_large_file_goes_on_by_itself_as_the_other_side_reads(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    uint64_t sent = 0;
    int fd = open_file(BIG_BYTES);
    open_probe(&probe, &theirs);
    struct file_piece piece = {.fd = fd, .offset = 3, .bytes = BIG_BYTES - 3};
    assert_int_equal(stream_send_file(&probe.stream, piece, &sent), ERR_AGAIN);
    assert_int_equal(probe.stream.unsent_file.bytes, BIG_BYTES - 3 - sent);
    assert_quiet();
    size_t done = 0;
    for (int i = 0; i < 100000 && done < BIG_BYTES - 3; i++) {
        done += take_all(theirs, 3 + done);
        loop_turn(&loop, NS_PER_MS);
    }
    assert_int_equal(done, BIG_BYTES - 3);
    assert_int_equal(probe.sents, 1);
    assert_int_equal(probe.sent, ERR_OK);
    assert_quiet();
    stream_close(&probe.stream);
    close(theirs);
    close(fd);
}

static void a_file_that_became_shorter_is_truncated(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    uint64_t sent = 0;
    int fd = open_file(1000);
    open_probe(&probe, &theirs);
    struct file_piece piece = {.fd = fd, .offset = 0, .bytes = 1001};
    assert_int_equal(stream_send_file(&probe.stream, piece, &sent), ERR_TRUNCATED);
    assert_int_equal(sent, 1000);
    stream_close(&probe.stream);
    close(theirs);
    close(fd);
    fd = open_file(BIG_BYTES);
    open_probe(&probe, &theirs);
    piece = (struct file_piece){.fd = fd, .bytes = BIG_BYTES};
    assert_int_equal(stream_send_file(&probe.stream, piece, &sent), ERR_AGAIN);
    assert_int_equal(ftruncate(fd, 1000), 0);
    static char dropped[65536]; /* pages on their way may have become zeros */
    for (int i = 0; i < 1000 && probe.sents == 0; i++) {
        while (recv(theirs, dropped, sizeof dropped, MSG_DONTWAIT) > 0)
            continue;
        loop_turn(&loop, NS_PER_MS);
    }
    assert_int_equal(probe.sent, ERR_TRUNCATED);
    stream_close(&probe.stream);
    close(theirs);
    close(fd);
}

static void a_reset_ends_the_sending_of_a_file(void **state)
{
    (void)state;
    struct probe probe;
    int theirs;
    uint64_t sent = 0;
    int fd = open_file(BIG_BYTES);
    open_probe(&probe, &theirs);
    struct file_piece piece = {.fd = fd, .bytes = BIG_BYTES};
    assert_int_equal(stream_send_file(&probe.stream, piece, &sent), ERR_AGAIN);
    net_reset(theirs);
    assert_quiet();
    assert_int_equal(probe.sents, 1);
    assert_true(probe.sent == ERR_CLOSED || probe.sent == ERR_IO);
    stream_close(&probe.stream);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receives_only_while_started, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_buffer_stops_receiving, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_is_said_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_ends_receiving_with_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_half_close_while_not_receiving_is_a_hangup_said_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_while_not_receiving_is_a_hangup_said_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_after_a_half_close_does_not_spin, setup, teardown),
        cmocka_unit_test_setup_teardown(a_send_that_blocks_completes_and_leaves_no_interest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_half_close_does_not_disturb_a_send, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_fails_a_send_that_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_arrive_while_a_send_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_send_that_cannot_wait_fails_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_of_a_file_is_sent_at_once_when_it_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_file_goes_on_by_itself_as_the_other_side_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_became_shorter_is_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_ends_the_sending_of_a_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
