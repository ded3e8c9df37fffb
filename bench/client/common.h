/* SPDX-License-Identifier: Apache-2.0 */
/* What the helpers of the benchmark share: the clock, other processes' CPU time, sockets, and one way to give up. */
#ifndef WEIR_BENCH_COMMON_H
#define WEIR_BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  UINT64_C(1000000000)
#define PIDS_MAX  8
#define TEXT_SIZE 65536

/* A run with an error is void: it says why and ends with 1. */
#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fputc('\n', stderr);                                                                                           \
        exit(1);                                                                                                       \
    } while (0)

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        FAIL("a clock cannot be read: %s", strerror(errno));
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static inline uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* Processes whose CPU time is wanted: user and system time of all their threads, in nanoseconds. */
struct pids {
    int count;
    clockid_t clocks[PIDS_MAX];
};

static inline void pids_add(struct pids *pids, const char *text)
{
    if (pids->count == PIDS_MAX || clock_getcpuclockid(atoi(text), &pids->clocks[pids->count]) != 0)
        FAIL("no process %s", text);
    pids->count++;
}

static inline uint64_t pids_cpu_ns(const struct pids *pids)
{
    uint64_t sum = 0;
    for (int i = 0; i < pids->count; i++)
        sum += clock_ns(pids->clocks[i]);
    return sum;
}

static inline size_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, text, size);
    if (count < 0 || (size_t)count == size)
        FAIL("%s cannot be read", path);
    close(fd);
    return (size_t)count;
}

static inline void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Blocking connect, then non-blocking and without Nagle. */
static inline int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        FAIL("no connection to port %d: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* At a port of loopback; 0: any, and *port says which. */
static inline int listen_at(int *port)
{
    struct sockaddr_in address = loopback(*port);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        FAIL("no socket to listen on: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

static inline void watch(int epoll, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        FAIL("epoll_ctl: %s", strerror(errno));
}

/* A large request may be more than the socket takes at once. */
static inline void send_all(int fd, const char *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t count = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN)
            FAIL("a request could not be sent: %s", strerror(errno));
        if (count > 0)
            sent += (size_t)count;
        if (sent < len && poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000) == 0)
            FAIL("a request could not be sent: the socket is full");
    }
}

static inline const char *option(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    if (!fallback)
        FAIL("%s is missing", name);
    return fallback;
}

static inline long number(int argc, char **argv, const char *name, const char *fallback)
{
    return atol(option(argc, argv, name, fallback));
}

static inline void pids_read(struct pids *pids, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--pid") == 0)
            pids_add(pids, argv[i + 1]);
}

#endif
