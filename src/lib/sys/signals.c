/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t set_of(const int *numbers)
{
    sigset_t set;
    sigemptyset(&set);
    for (; *numbers; numbers++)
        sigaddset(&set, *numbers);
    return set;
}

void signals_block(const int *numbers)
{
    sigset_t set = set_of(numbers);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct signals *signals = CONTAINER_OF(watch, struct signals, watch);
    struct signalfd_siginfo info;
    (void)events;
    while (watch->fd >= 0 && read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->on_signal(signals, (int)info.ssi_signo);
}

enum err signals_start(struct signals *signals, struct loop *loop, const int *numbers)
{
    sigset_t set = set_of(numbers);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    signals->watch = (struct watch){.on_events = on_events, .fd = fd};
    enum err err = watch_add(&signals->watch, loop, EPOLLIN);
    if (err != ERR_OK) {
        close(fd);
        signals->watch.fd = -1;
    }
    return err;
}

void signals_stop(struct signals *signals)
{
    if (signals->watch.fd < 0)
        return;
    watch_remove(&signals->watch);
    close(signals->watch.fd);
    signals->watch.fd = -1;
}

void process_exit_now(int code)
{
    _exit(code);
}
