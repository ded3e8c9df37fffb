/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/poller.h"

#include <sys/epoll.h>

static void on_events(struct watch *watch, uint32_t events)
{
    struct poller *poller = CONTAINER_OF(watch, struct poller, watch);
    uint32_t both = EPOLLERR | EPOLLHUP;
    poller->on_ready(poller, events & (EPOLLIN | EPOLLRDHUP | both), events & (EPOLLOUT | both));
}

enum err poller_watch(struct poller *poller, struct loop *loop, int fd, bool wants_read, bool wants_write)
{
    poller_stop(poller);
    poller->watch = (struct watch){.on_events = on_events, .fd = fd};
    return watch_add(&poller->watch, loop, (wants_read ? EPOLLIN : 0U) | (wants_write ? EPOLLOUT : 0U));
}

void poller_stop(struct poller *poller)
{
    if (poller->watch.loop)
        watch_remove(&poller->watch);
    poller->watch.loop = NULL;
}
