/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that are closed and freed from inside handlers: their own and those of others, in the same turn. What is
 * wrong here is seen by AddressSanitizer. */
#include "unit/lib/sys/net.h"

#include "lib/sys/clock.h"

#include <stdlib.h>

struct victim {
    struct stream stream;
    struct victim *other; /* closed by the handler of this one */
    char room[64];
};

static struct loop loop;
static unsigned called;

static void destroy(struct victim *victim)
{
    stream_close(&victim->stream);
    free(victim);
}

static struct iovec give_room(struct stream *stream)
{
    struct victim *victim = CONTAINER_OF(stream, struct victim, stream);
    return (struct iovec){victim->room, sizeof victim->room};
}

static void ignore_received(struct stream *stream, size_t bytes, enum err err)
{
    (void)stream;
    (void)bytes;
    (void)err;
}

static void ignore_sent(struct stream *stream, enum err err)
{
    (void)stream;
    (void)err;
}

static void ignore_hangup(struct stream *stream)
{
    (void)stream;
}

static void close_self(struct stream *stream)
{
    called++;
    destroy(CONTAINER_OF(stream, struct victim, stream));
}

static struct iovec close_self_for_room(struct stream *stream)
{
    close_self(stream);
    return (struct iovec){NULL, 0};
}

static void close_self_received(struct stream *stream, size_t bytes, enum err err)
{
    (void)bytes;
    (void)err;
    close_self(stream);
}

static void close_self_sent(struct stream *stream, enum err err)
{
    (void)err;
    close_self(stream);
}

static int setup(void **state)
{
    (void)state;
    called = 0;
    return loop_init(&loop) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_deinit(&loop);
    return 0;
}

static struct victim *make_victim(const struct stream_handlers *handlers, int *ret_theirs)
{
    int ours;
    struct victim *victim = calloc(1, sizeof *victim);
    assert_non_null(victim);
    net_pair(&ours, ret_theirs);
    stream_open(&victim->stream, &loop, ours, handlers);
    assert_int_equal(stream_receive_start(&victim->stream), ERR_OK);
    return victim;
}

static void run_turns(unsigned count)
{
    while (count--)
        loop_turn(&loop, NS_PER_MS);
}

static void closes_inside_on_buffer(void **state)
{
    (void)state;
    static const struct stream_handlers handlers = {close_self_for_room, ignore_received, ignore_sent, ignore_hangup,
                                                    NULL};
    int theirs;
    (void)make_victim(&handlers, &theirs);
    assert_int_equal(send(theirs, "x", 1, 0), 1);
    run_turns(5);
    assert_int_equal(called, 1);
    close(theirs);
}

static void closes_inside_on_received(void **state)
{
    (void)state;
    static const struct stream_handlers handlers = {give_room, close_self_received, ignore_sent, ignore_hangup, NULL};
    int theirs;
    (void)make_victim(&handlers, &theirs);
    assert_int_equal(send(theirs, "x", 1, 0), 1);
    run_turns(5);
    assert_int_equal(called, 1);
    close(theirs);
    (void)make_victim(&handlers, &theirs);
    close(theirs);
    run_turns(5);
    assert_int_equal(called, 2);
    (void)make_victim(&handlers, &theirs);
    net_reset(theirs);
    run_turns(5);
    assert_int_equal(called, 3);
}

static void closes_inside_on_hangup(void **state)
{
    (void)state;
    static const struct stream_handlers handlers = {give_room, ignore_received, ignore_sent, close_self, NULL};
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        int theirs;
        struct victim *victim = make_victim(&handlers, &theirs);
        stream_receive_stop(&victim->stream);
        if (is_reset)
            net_reset(theirs);
        else
            close(theirs);
        run_turns(5);
        assert_int_equal(called, 1 + is_reset);
    }
}

static void closes_inside_on_sent(void **state)
{
    (void)state;
    static const struct stream_handlers handlers = {give_room, ignore_received, close_self_sent, ignore_hangup, NULL};
    static char big[8 << 20];
    static char chunk[1 << 16];
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        int theirs;
        size_t sent = 0;
        struct victim *victim = make_victim(&handlers, &theirs);
        assert_int_equal(stream_send(&victim->stream, slice_of(big, sizeof big), &sent), ERR_AGAIN);
        if (is_reset)
            net_reset(theirs);
        while (called == (unsigned)is_reset) {
            loop_turn(&loop, 0);
            if (!is_reset)
                (void)recv(theirs, chunk, sizeof chunk, 0);
        }
        run_turns(3);
        assert_int_equal(called, 1 + is_reset);
        if (!is_reset)
            close(theirs);
    }
}

static struct victim *survivor;

static void close_other_received(struct stream *stream, size_t bytes, enum err err)
{
    (void)bytes;
    (void)err;
    struct victim *victim = CONTAINER_OF(stream, struct victim, stream);
    called++;
    survivor = victim;
    destroy(victim->other);
}

static const struct stream_handlers closing_other = {give_room, close_other_received, ignore_sent, ignore_hangup, NULL};

/* Both have bytes in the same turn, and whichever comes first closes the other. */
static void make_rivals(struct victim *rivals[2], int theirs[2])
{
    for (int i = 0; i < 2; i++)
        rivals[i] = make_victim(&closing_other, &theirs[i]);
    for (int i = 0; i < 2; i++) {
        rivals[i]->other = rivals[1 - i];
        assert_int_equal(send(theirs[i], "x", 1, 0), 1);
    }
}

static void an_event_of_a_stream_closed_in_the_same_turn_is_dropped(void **state)
{
    (void)state;
    struct victim *rivals[2];
    int theirs[2];
    make_rivals(rivals, theirs);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(called, 1);
    run_turns(3);
    assert_int_equal(called, 1);
    destroy(survivor);
    close(theirs[0]);
    close(theirs[1]);
}

static unsigned reborn_calls;
static int reborn_source;

static struct iovec count_reborn_room(struct stream *stream)
{
    static char room[16];
    (void)stream;
    reborn_calls++;
    return (struct iovec){room, sizeof room};
}

static void count_reborn_hangup(struct stream *stream)
{
    (void)stream;
    reborn_calls++;
}

/* Closes the other and opens a new stream, of a quiet connection, under the same number and in the same memory. */
static void replace_other_received(struct stream *stream, size_t bytes, enum err err)
{
    static const struct stream_handlers handlers = {count_reborn_room, ignore_received, ignore_sent,
                                                    count_reborn_hangup, NULL};
    struct victim *victim = CONTAINER_OF(stream, struct victim, stream);
    (void)bytes;
    (void)err;
    called++;
    struct stream *other = &victim->other->stream;
    int number = other->watch.fd;
    stream_close(other);
    assert_int_equal(dup2(reborn_source, number), number);
    stream_open(other, &loop, number, &handlers);
    assert_int_equal(stream_receive_start(other), ERR_OK);
}

static void a_new_stream_gets_no_event_of_the_old_owner_of_its_number(void **state)
{
    (void)state;
    static const struct stream_handlers handlers = {give_room, replace_other_received, ignore_sent, ignore_hangup,
                                                    NULL};
    static struct victim rivals[2];
    int theirs[2];
    int quiet;
    net_pair(&reborn_source, &quiet);
    reborn_calls = 0;
    for (int i = 1; i >= 0; i--) {
        int ours;
        net_pair(&ours, &theirs[i]);
        rivals[i] = (struct victim){.other = &rivals[1 - i]};
        stream_open(&rivals[i].stream, &loop, ours, &handlers);
        assert_int_equal(stream_receive_start(&rivals[i].stream), ERR_OK);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(send(theirs[i], "x", 1, 0), 1);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(called, 1);
    assert_int_equal(reborn_calls, 0);
    run_turns(2);
    assert_int_equal(reborn_calls, 0);
    assert_int_equal(send(quiet, "x", 1, 0), 1);
    loop_turn(&loop, NS_PER_S);
    assert_int_equal(reborn_calls, 1);
    for (int i = 0; i < 2; i++) {
        stream_close(&rivals[i].stream);
        close(theirs[i]);
    }
    close(reborn_source);
    close(quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closes_inside_on_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_inside_on_received, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_inside_on_hangup, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_inside_on_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_of_a_stream_closed_in_the_same_turn_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_stream_gets_no_event_of_the_old_owner_of_its_number, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
