/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the proxies: answers GETs with one fixed body, and /events with server-sent events for ever.
 *
 *   upstream --body FILE [--interval-us 2000]
 *
 * Prints its port, serves until its standard input ends. Every interval each open stream gets one event, numbered from 0:
 * one chunk, one write, as a model's tokens come. */
#include "common.h"

#include <sys/timerfd.h>

#define CONNECTIONS_MAX 4096
#define EVENTS_MAX      256

struct connection {
    struct connection *next_dropped;
    int fd; /* -1: dropped */
    bool is_streaming;
    unsigned next_event;
    size_t len;
    char in[8192];
};

static struct {
    int epoll;
    char answer[TEXT_SIZE * 2];
    size_t answer_len;
    struct connection *streams[CONNECTIONS_MAX];
    int stream_count;
    struct connection *dropped;
} serve;

static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

static void drop(struct connection *connection)
{
    for (int i = 0; i < serve.stream_count; i++)
        if (serve.streams[i] == connection)
            serve.streams[i] = serve.streams[--serve.stream_count];
    close(connection->fd);
    connection->fd = -1;
    connection->next_dropped = serve.dropped; /* epoll may have it in this turn's list: freed behind it */
    serve.dropped = connection;
}

static void free_dropped(void)
{
    for (struct connection *next; serve.dropped; serve.dropped = next) {
        next = serve.dropped->next_dropped;
        free(serve.dropped);
    }
}

static bool put(struct connection *connection, const char *bytes, size_t len)
{
    ssize_t count = send(connection->fd, bytes, len, MSG_NOSIGNAL);
    if (count == (ssize_t)len)
        return true;
    if (count >= 0 || errno == EAGAIN)
        fprintf(stderr, "upstream: a proxy does not read\n");
    drop(connection);
    return false;
}

/* False when the connection has gone. */
static bool answer(struct connection *connection)
{
    bool is_events = memcmp(connection->in, "GET /events ", 12) == 0;
    if (!is_events)
        return put(connection, serve.answer, serve.answer_len);
    if (serve.stream_count == CONNECTIONS_MAX)
        FAIL("too many streams");
    connection->is_streaming = true;
    serve.streams[serve.stream_count++] = connection;
    return put(connection, stream_head, sizeof stream_head - 1);
}

static void on_readable(struct connection *connection)
{
    char *in = connection->in;
    if (connection->fd < 0)
        return;
    ssize_t count = recv(connection->fd, in + connection->len, sizeof connection->in - connection->len, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0 || connection->is_streaming) {
        drop(connection);
        return;
    }
    connection->len += (size_t)count;
    char *end;
    while ((end = memmem(in, connection->len, "\r\n\r\n", 4)) != NULL) {
        size_t len = (size_t)(end - in) + 4;
        if (!answer(connection))
            return;
        memmove(in, in + len, connection->len - len);
        connection->len -= len;
    }
}

static void on_tick(int timer)
{
    uint64_t ticks;
    if (read(timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    for (int i = serve.stream_count; i-- > 0;) {
        char event[128];
        char chunk[160];
        struct connection *connection = serve.streams[i];
        int len =
            snprintf(event, sizeof event, "data: {\"n\":%010u,\"choices\":[{\"delta\":{\"content\":\" token\"}}]}\n\n",
                     connection->next_event++);
        int chunk_len = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)len, event);
        put(connection, chunk, (size_t)chunk_len);
    }
}

static void on_connection(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        FAIL("out of memory");
    connection->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(serve.epoll, fd, connection);
}

static int start_timer(long interval_us)
{
    struct timespec interval = {.tv_sec = interval_us / 1000000, .tv_nsec = interval_us % 1000000 * 1000};
    struct itimerspec spec = {.it_interval = interval, .it_value = interval};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) != 0)
        FAIL("no timer: %s", strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    char body[TEXT_SIZE];
    size_t body_len = read_file(option(argc, argv, "--body", NULL), body, sizeof body);
    int port = 0;
    int listener = listen_at(&port);
    int timer = start_timer(number(argc, argv, "--interval-us", "2000"));
    int head_len = snprintf(serve.answer, sizeof serve.answer,
                            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body_len);
    memcpy(serve.answer + head_len, body, body_len);
    serve.answer_len = (size_t)head_len + body_len;
    allow_many_files();
    serve.epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(serve.epoll, listener, &listener);
    watch(serve.epoll, timer, &timer);
    watch(serve.epoll, STDIN_FILENO, NULL);
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(serve.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (!owner)
                return 0;
            if (owner == &listener)
                on_connection(listener);
            else if (owner == &timer)
                on_tick(timer);
            else
                on_readable(owner);
        }
        free_dropped();
    }
}
