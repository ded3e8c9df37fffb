/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP/1.1 in a thread of the test, which does what it is told and keeps a record of its own: how long each request was
 * inside, to the nanosecond, every value by itself. */
#ifndef TESTS_UNIT_LOAD_RUN_SERVER_H
#define TESTS_UNIT_LOAD_RUN_SERVER_H

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "unit/lib/sys/net.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_LINKS_MAX   4096
#define SERVER_RECORDS_MAX (1u << 20)
#define SERVER_ASKED_MAX   8192

struct server_link {
    struct stream stream;
    struct timer timer;
    uint64_t received_ns;
    unsigned served;
    size_t len;
    char in[65536];
};

static struct server {
    /* What it is told, before it starts. */
    uint64_t delay_least_ns, delay_most_ns; /* drawn evenly */
    uint64_t stop_at_ns, stop_for_ns;       /* from its first request: stands still */
    unsigned requests_per_link;             /* then it says "close"; 0: any number */
    bool is_silent;                         /* never answers */
    bool is_hanging_up;                     /* closes the link where it would answer */
    const char *fields;                     /* of an answer; NULL: none */

    struct thread thread;
    struct loop loop;
    struct listener listener;
    struct address address;
    _Atomic bool is_ending;
    _Atomic bool is_refusing; /* from now on: closes its door and all links */
    bool has_stopped;
    uint64_t first_ns;
    uint64_t random;
    struct server_link *links[SERVER_LINKS_MAX];
    unsigned link_count;
    _Atomic unsigned accepted;
    uint64_t *records;
    unsigned record_count;
    unsigned asked[SERVER_ASKED_MAX]; /* of paths "/N": how often */
} server;

static void server_answer(struct server_link *link)
{
    if (server.is_hanging_up) {
        stream_close(&link->stream);
        return;
    }
    char text[256];
    size_t sent;
    bool is_last = server.requests_per_link && ++link->served == server.requests_per_link;
    int len = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s%sContent-Length: 2\r\n\r\nok",
                       server.fields ? server.fields : "", is_last ? "Connection: close\r\n" : "");
    if (server.record_count < SERVER_RECORDS_MAX)
        server.records[server.record_count++] = clock_now_ns() - link->received_ns;
    (void)!stream_send(&link->stream, slice_of(text, (size_t)len), &sent);
    if (is_last)
        socket_shutdown_write(link->stream.watch.fd);
}

static void server_fire(struct timer *timer)
{
    server_answer(CONTAINER_OF(timer, struct server_link, timer));
}

static void server_stand_still(void)
{
    uint64_t now_ns = clock_now_ns();
    if (!server.first_ns)
        server.first_ns = now_ns;
    if (!server.stop_for_ns || server.has_stopped || now_ns < server.first_ns + server.stop_at_ns)
        return;
    server.has_stopped = true;
    clock_sleep_ns(server.stop_for_ns);
}

static void server_take(struct server_link *link, const char *head)
{
    unsigned number;
    link->received_ns = clock_now_ns();
    if (sscanf(head, "%*s /%u", &number) == 1 && number < SERVER_ASKED_MAX)
        server.asked[number]++;
    if (server.is_silent)
        return;
    if (!server.delay_most_ns) {
        server_answer(link);
        return;
    }
    server.random = server.random * 6364136223846793005u + 1442695040888963407u;
    uint64_t span_ns = server.delay_most_ns - server.delay_least_ns + 1;
    timer_set(&server.loop.timers, &link->timer,
              link->received_ns + server.delay_least_ns + (server.random >> 20) % span_ns);
}

static struct iovec server_buffer(struct stream *stream)
{
    struct server_link *link = CONTAINER_OF(stream, struct server_link, stream);
    return (struct iovec){link->in + link->len, sizeof link->in - 1 - link->len};
}

static void server_received(struct stream *stream, size_t bytes, enum err err)
{
    struct server_link *link = CONTAINER_OF(stream, struct server_link, stream);
    char *end;
    if (err != ERR_OK) {
        timer_cancel(&link->timer);
        stream_close(stream);
        return;
    }
    server_stand_still();
    link->len += bytes;
    link->in[link->len] = 0;
    while ((end = strstr(link->in, "\r\n\r\n"))) {
        server_take(link, link->in);
        link->len -= (size_t)(end + 4 - link->in);
        memmove(link->in, end + 4, link->len + 1);
    }
}

static void server_sent(struct stream *stream, enum err err)
{
    (void)stream;
    (void)err;
}

static void server_hangup(struct stream *stream)
{
    stream_close(stream);
}

static const struct stream_handlers server_handlers = {
    .on_buffer = server_buffer, .on_received = server_received, .on_sent = server_sent, .on_hangup = server_hangup};

static bool server_accepted(struct listener *listener, int fd, const struct address *peer)
{
    (void)listener;
    (void)peer;
    struct server_link *link = calloc(1, sizeof *link);
    atomic_fetch_add(&server.accepted, 1);
    if (!link || server.link_count == SERVER_LINKS_MAX) {
        free(link);
        socket_close(fd);
        return true;
    }
    server.links[server.link_count++] = link;
    timer_init(&link->timer, server_fire);
    stream_open(&link->stream, &server.loop, fd, &server_handlers);
    (void)!stream_receive_start(&link->stream);
    return true;
}

static void server_exhausted(struct listener *listener)
{
    (void)listener;
}

static void server_close_links(void)
{
    for (unsigned i = 0; i < server.link_count; i++) {
        timer_cancel(&server.links[i]->timer);
        if (server.links[i]->stream.watch.fd >= 0)
            stream_close(&server.links[i]->stream);
        free(server.links[i]);
    }
    server.link_count = 0;
}

static void server_main(void *argument)
{
    (void)argument;
    bool is_open = true;
    while (!server.is_ending) {
        loop_turn(&server.loop, NS_PER_MS);
        if (server.is_refusing && is_open) {
            listener_stop(&server.listener);
            server_close_links();
            is_open = false;
        }
    }
    if (is_open)
        listener_stop(&server.listener);
    server_close_links();
}

static void server_start(void)
{
    server.listener.on_accepted = server_accepted;
    server.listener.on_exhausted = server_exhausted;
    server.records = calloc(SERVER_RECORDS_MAX, sizeof server.records[0]);
    assert_non_null(server.records);
    assert_int_equal(loop_init(&server.loop), ERR_OK);
    server.loop.is_precise = true;
    assert_int_equal(listener_start(&server.listener, &server.loop, net_listen(&server.address)), ERR_OK);
    assert_int_equal(thread_start(&server.thread, "server", server_main, NULL), ERR_OK);
}

/* It has ended: what it wrote down may be read. */
static void server_join(void)
{
    if (!server.is_ending) {
        server.is_ending = true;
        thread_join(&server.thread);
    }
}

static void server_stop(void)
{
    if (!server.records)
        return;
    server_join();
    loop_deinit(&server.loop);
    free(server.records);
    memset(&server, 0, sizeof server);
}

#endif
