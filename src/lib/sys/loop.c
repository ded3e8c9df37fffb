/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/loop.h"

#include "lib/sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define ACCEPTS_AT_STOP  65536      /* more than a queue holds, and an end when they come as fast as they are taken */
#define WAIT_MS_MAX      3600000    /* an hour */
#define EVENTS_PER_LOOK  16         /* a power of two; see stall.h */
#define EVENTS_ASKED     4          /* how long their bytes have been there */
#define KNOWN            (1U << 31) /* in watch.armed: epoll has the descriptor, whatever the events */

static void arm(struct watch *watch, uint32_t events);
static void on_stream_events(struct watch *watch, uint32_t events);
static void on_rare_events(struct stream *stream, uint32_t events);
static void on_listener_events(struct watch *watch, uint32_t events);
static void on_mailbox_events(struct watch *watch, uint32_t events);
static void wait_for_events(struct loop *loop, uint64_t wait_ns);
static bool has_mail(struct loop *loop);

enum err loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC), .now_ns = clock_now_ns()};
    if (loop->epoll < 0)
        return ERR_IO;
    timer_wheel_init(&loop->timers, loop->now_ns);
    stall_watch_init(&loop->stalls);
    loop_watch_closely(loop, false);
    return ERR_OK;
}

void loop_watch_closely(struct loop *loop, bool is_closely)
{
    loop->look_mask = is_closely ? 0 : EVENTS_PER_LOOK - 1;
}

void loop_deinit(struct loop *loop)
{
    if (loop->epoll >= 0)
        close(loop->epoll);
    loop->epoll = -1;
}

void loop_run(struct loop *loop)
{
    stall_watch_begin(&loop->stalls, clock_now_ns());
    while (!loop->is_stopping)
        loop_turn(loop, UINT64_MAX);
    stall_watch_end(&loop->stalls);
}

void loop_turn(struct loop *loop, uint64_t wait_ns)
{
    wait_for_events(loop, wait_ns);
    loop->turns++;
    for (int i = 0; i < loop->ready_count; i++) {
        struct watch *watch = loop->ready[i].data.ptr;
        if (watch)
            watch->on_events(watch, loop->ready[i].events);
        if (UNLIKELY((i & loop->look_mask) == loop->look_mask))
            stall_look(&loop->stalls, clock_now_ns(), STALL_AT_EVENTS);
    }
    loop->ready_count = 0;
    timer_wheel_run(&loop->timers, loop->now_ns);
    if (UNLIKELY(!loop->look_mask))
        stall_look(&loop->stalls, clock_now_ns(), STALL_AT_TIMERS);
    if (loop->on_turn)
        loop->on_turn(loop);
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

/* For how long bytes have been there already, which a sleep should have ended: the process was stopped, or the machine below this
 * one. The system counts in ticks, of 10 ms at most; what is within two of them is nothing. */
static RARELY_CALLED uint64_t bytes_waited_ns(const struct loop *loop)
{
    uint64_t waited_ns = 0;
    for (int i = 0; i < MIN(loop->ready_count, EVENTS_ASKED); i++) {
        const struct watch *watch = loop->ready[i].data.ptr;
        if (watch->on_events == on_stream_events && loop->ready[i].events == EPOLLIN)
            waited_ns = MAX(waited_ns, socket_received_ago_ns(watch->fd));
    }
    return waited_ns > 20 * NS_PER_MS ? waited_ns : 0;
}

/* Linux before 5.11 cannot wait for less than milliseconds: there the last one is spent without sleeping. */
static int wait_precisely(struct loop *loop, uint64_t wait_ns)
{
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S)};
    long count = syscall(SYS_epoll_pwait2, loop->epoll, loop->ready, LOOP_EVENTS_MAX, &wait, NULL, 0L);
    if (count < 0 && errno == ENOSYS)
        return epoll_wait(loop->epoll, loop->ready, LOOP_EVENTS_MAX, (int)(wait_ns / NS_PER_MS));
    return (int)count;
}

/* By a stop of the process, mostly: what has come meanwhile shall tell how long it took. */
static RARELY_CALLED int wait_interrupted(struct loop *loop)
{
    ASSERT(errno == EINTR, "epoll_wait fails only when interrupted");
    return MAX(epoll_wait(loop->epoll, loop->ready, LOOP_EVENTS_MAX, 0), 0);
}

/* Of whole milliseconds, unless the loop is precise. */
ALWAYS_INLINE int wait_once(struct loop *loop, uint64_t wait_ns)
{
    int count = UNLIKELY(loop->is_precise) && wait_ns > 0
                    ? wait_precisely(loop, wait_ns)
                    : epoll_wait(loop->epoll, loop->ready, LOOP_EVENTS_MAX, (int)(wait_ns / NS_PER_MS));
    return LIKELY(count >= 0) ? count : wait_interrupted(loop);
}

static uint64_t round_wait(const struct loop *loop, uint64_t wait_ns)
{
    wait_ns = MIN(wait_ns, WAIT_MS_MAX * NS_PER_MS);
    return loop->is_precise ? wait_ns : (wait_ns + NS_PER_MS - 1) / NS_PER_MS * NS_PER_MS;
}

static RARELY_CALLED void look_up(struct loop *loop, uint64_t wait_ns)
{
    uint64_t due_ns = loop->stalls.since_ns + wait_ns;
    uint64_t waited_ns = bytes_waited_ns(loop);
    stall_look_up(&loop->stalls, loop->now_ns, MAX(waited_ns, loop->now_ns - MIN(due_ns, loop->now_ns)));
}

static void wait_for_events(struct loop *loop, uint64_t wait_ns)
{
    loop->now_ns = clock_now_ns();
    stall_look(&loop->stalls, loop->now_ns, STALL_AT_END);
    bool is_urgent = has_mail(loop) || loop->is_stopping;
    uint64_t next_ns = is_urgent ? 0 : timer_wheel_next_ns(&loop->timers, loop->now_ns);
    wait_ns = round_wait(loop, MIN(next_ns, wait_ns));
    loop->ready_count = wait_once(loop, wait_ns);
    if (loop->mailbox)
        wake_clear(&loop->mailbox->wake);
    loop->now_ns = clock_now_ns();
    if (is_urgent)
        stall_look(&loop->stalls, loop->now_ns, STALL_AT_MAIL);
    else if (UNLIKELY(stall_has_slept(&loop->stalls, loop->now_ns)))
        look_up(loop, wait_ns);
}

/* Looks before sleeping, and once more after sleep was announced: see wake.h. While there is mail nothing is announced,
 * and who brings more saves the system call. */
static bool has_mail(struct loop *loop)
{
    struct mailbox *mailbox = loop->mailbox;
    if (!mailbox)
        return false;
    if (mailbox->on_mail(mailbox))
        return true;
    if (loop->mailbox != mailbox)
        return false;
    wake_announce(&mailbox->wake);
    return mailbox->on_mail(mailbox);
}

enum err watch_add(struct watch *watch, struct loop *loop, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->loop = loop;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) != 0)
        return ERR_IO;
    watch->armed = events | KNOWN;
    return ERR_OK;
}

static void arm(struct watch *watch, uint32_t events)
{
    if ((watch->armed & ~KNOWN) == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    (void)epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
    watch->armed = events | KNOWN;
}

/* What this turn still holds is forgotten too. Closing alone would leave epoll with a descriptor that a child process
 * still has open. */
void watch_remove(struct watch *watch)
{
    struct loop *loop = watch->loop;
    for (int i = 0; i < loop->ready_count; i++)
        if (loop->ready[i].data.ptr == watch)
            loop->ready[i].data.ptr = NULL;
    if (watch->armed & KNOWN)
        (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->armed = 0;
}

/* Streams. */

void stream_open(struct stream *stream, struct loop *loop, int fd, const struct stream_handlers *handlers)
{
    *stream = (struct stream){.watch = {.on_events = on_stream_events, .loop = loop, .fd = fd}, .handlers = handlers};
}

enum err stream_connect(struct stream *stream, struct loop *loop, const struct address *address,
                        const struct address *source, const struct stream_handlers *handlers)
{
    int fd;
    TRY(socket_connect_start(address, source, &fd));
    stream_open(stream, loop, fd, handlers);
    stream->is_connecting = true;
    enum err err = watch_add(&stream->watch, loop, EPOLLOUT);
    if (err != ERR_OK)
        stream_close(stream);
    return err;
}

NOT_INLINE enum err stream_receive_begin(struct stream *stream)
{
    ASSERT(!stream->is_connecting, "a stream is used once it is connected");
    if (!(stream->watch.armed & KNOWN))
        TRY(watch_add(&stream->watch, stream->watch.loop, EPOLLIN | EPOLLRDHUP));
    else if (!(stream->watch.armed & EPOLLIN))
        arm(&stream->watch, (stream->watch.armed & ~KNOWN) | EPOLLIN | EPOLLRDHUP);
    stream->is_receiving = true;
    return ERR_OK;
}

void stream_receive_stop(struct stream *stream)
{
    stream->is_receiving = false;
}

static NOT_INLINE enum err wait_writable(struct stream *stream)
{
    if (!(stream->watch.armed & KNOWN))
        return watch_add(&stream->watch, stream->watch.loop, EPOLLOUT | EPOLLRDHUP);
    arm(&stream->watch, (stream->watch.armed & ~KNOWN) | EPOLLOUT);
    return ERR_OK;
}

/* The C library's recv and send are cancellation points, which in a process with threads costs 60 instructions each time.
 * No thread of ours is ever cancelled. */
static inline ssize_t receive_bytes(int fd, void *place, size_t bytes)
{
    return syscall(SYS_recvfrom, fd, place, bytes, 0L, NULL, NULL);
}

static inline ssize_t send_bytes(int fd, struct slice bytes, long flags)
{
    return syscall(SYS_sendto, fd, bytes.ptr, bytes.len, flags, NULL, 0L);
}

static NOT_INLINE enum err send_error(void)
{
    return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
}

enum err stream_send(struct stream *stream, struct slice bytes, size_t *ret_sent_bytes)
{
    ASSERT(stream->unsent.len == 0 && !stream->is_connecting, "one send at a time, on a stream that is connected");
    *ret_sent_bytes = 0;
    ssize_t count;
    do
        count = send_bytes(stream->watch.fd, bytes, MSG_NOSIGNAL | (stream->has_more ? MSG_MORE : 0));
    while (UNLIKELY(count < 0) && errno == EINTR);
    if (UNLIKELY(count < 0)) {
        if (errno != EAGAIN)
            return send_error();
        count = 0;
    }
    *ret_sent_bytes = (size_t)count;
    stream->sent_bytes += (size_t)count;
    if (LIKELY((size_t)count == bytes.len))
        return ERR_OK;
    TRY(wait_writable(stream));
    stream->unsent = slice_skip(bytes, (size_t)count);
    return ERR_AGAIN;
}

/* Moves *piece on. ERR_AGAIN while the kernel takes no more. */
static enum err send_piece(struct stream *stream, struct file_piece *piece)
{
    while (piece->bytes > 0) {
        off_t offset = (off_t)piece->offset;
        ssize_t count = sendfile(stream->watch.fd, piece->fd, &offset, (size_t)MIN(piece->bytes, (uint64_t)SSIZE_MAX));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return ERR_AGAIN;
        if (count < 0)
            return send_error();
        if (count == 0)
            return ERR_TRUNCATED;
        piece->offset += (uint64_t)count;
        piece->bytes -= (uint64_t)count;
        stream->sent_bytes += (uint64_t)count;
    }
    return ERR_OK;
}

enum err stream_send_file(struct stream *stream, struct file_piece piece, uint64_t *ret_sent_bytes)
{
    ASSERT(stream->unsent.len == 0 && stream->unsent_file.bytes == 0, "one send at a time");
    uint64_t all_bytes = piece.bytes;
    enum err err = send_piece(stream, &piece);
    *ret_sent_bytes = all_bytes - piece.bytes;
    if (err != ERR_AGAIN)
        return err;
    TRY(wait_writable(stream));
    stream->unsent_file = piece;
    return ERR_AGAIN;
}

void stream_yield(struct stream *stream)
{
    ASSERT(stream->unsent.len == 0 && stream->unsent_file.bytes == 0 && stream->watch.armed & KNOWN,
           "who yields has sent all on a stream that receives");
    stream->is_yielding = true;
    arm(&stream->watch, (stream->watch.armed & ~KNOWN) | EPOLLOUT);
}

void stream_reset(struct stream *stream)
{
    struct linger now = {.l_onoff = 1};
    (void)setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

uint64_t stream_taken_bytes(const struct stream *stream)
{
    int queued = 0;
    if (ioctl(stream->watch.fd, SIOCOUTQ, &queued) != 0 || queued < 0)
        queued = 0;
    return stream->sent_bytes - MIN(stream->sent_bytes, (uint64_t)queued);
}

void stream_close(struct stream *stream)
{
    watch_remove(&stream->watch);
    close(stream->watch.fd);
    stream->watch.fd = -1;
    stream->is_receiving = false;
    stream->unsent = (struct slice){NULL, 0};
    stream->unsent_file = (struct file_piece){0};
}

/* Interest in writing stays: what is sent next probably has to wait as well. */
static void send_rest_of_file(struct stream *stream)
{
    enum err err = send_piece(stream, &stream->unsent_file);
    if (err == ERR_AGAIN)
        return;
    stream->unsent_file = (struct file_piece){0};
    stream->handlers->on_sent(stream, err);
}

static void send_rest(struct stream *stream)
{
    ssize_t count = send_bytes(stream->watch.fd, stream->unsent, MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count < 0) {
        stream->unsent = (struct slice){NULL, 0};
        stream->handlers->on_sent(stream, send_error());
        return;
    }
    stream->sent_bytes += (size_t)count;
    stream->unsent = slice_skip(stream->unsent, (size_t)count);
    if (stream->unsent.len == 0)
        stream->handlers->on_sent(stream, ERR_OK);
}

/* on_buffer may close the stream and then returns nothing: after an empty result the stream is not touched. */
static void receive(struct stream *stream)
{
    stream->is_receiving = false;
    struct iovec room = stream->handlers->on_buffer(stream);
    if (room.iov_len == 0)
        return;
    stream->is_receiving = true;
    ssize_t count = receive_bytes(stream->watch.fd, room.iov_base, room.iov_len);
    if (LIKELY(count > 0)) {
        stream->handlers->on_received(stream, (size_t)count, ERR_OK);
        return;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stream->is_receiving = false;
    stream->is_hung_up = true;
    stream->handlers->on_received(stream, 0, count == 0 ? ERR_EOF : ERR_IO);
}

/* Takes back interest that nobody has any more, or level-triggering would spin. An error or a full hang-up cannot be
 * masked: epoll must forget the descriptor. */
static void withdraw(struct stream *stream, uint32_t events)
{
    uint32_t stale = stream->unsent.len || stream->unsent_file.bytes ? 0 : EPOLLOUT;
    if (!stream->is_receiving)
        stale |= EPOLLIN | EPOLLRDHUP;
    if (!stream->is_receiving && events & (EPOLLHUP | EPOLLERR))
        watch_remove(&stream->watch);
    else
        arm(&stream->watch, stream->watch.armed & ~KNOWN & ~(stale & events));
}

/* Whoever connects means to receive: one change of interest does for both. */
static void finish_connecting(struct stream *stream, uint32_t events)
{
    enum err err = events & (EPOLLERR | EPOLLHUP) ? socket_failure(stream->watch.fd) : ERR_OK;
    stream->is_connecting = false;
    if (err == ERR_OK && events & EPOLLERR)
        err = ERR_IO;
    if (err == ERR_OK)
        arm(&stream->watch, EPOLLIN | EPOLLRDHUP);
    else
        watch_remove(&stream->watch);
    stream->handlers->on_connected(stream, err);
}

/* A handler may close the stream, which frees its memory: at most one is called, and nothing is touched after it.
 * What else there is comes again in the next turn. */
static void on_stream_events(struct watch *watch, uint32_t events)
{
    struct stream *stream = CONTAINER_OF(watch, struct stream, watch);
    if (LIKELY(events == EPOLLIN && stream->is_receiving))
        receive(stream);
    else
        on_rare_events(stream, events);
}

static NOT_INLINE void on_rare_events(struct stream *stream, uint32_t events)
{
    if (stream->is_connecting) {
        finish_connecting(stream, events);
        return;
    }
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && stream->unsent.len) {
        send_rest(stream);
        return;
    }
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && stream->unsent_file.bytes) {
        send_rest_of_file(stream);
        return;
    }
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && stream->is_yielding) {
        stream->is_yielding = false;
        stream->handlers->on_sent(stream, ERR_OK);
        return;
    }
    withdraw(stream, events);
    if (stream->is_receiving) {
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            receive(stream);
    } else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !stream->is_hung_up) {
        stream->is_hung_up = true;
        stream->handlers->on_hangup(stream);
    }
}

/* Listeners. */

enum err listener_start(struct listener *listener, struct loop *loop, int fd)
{
    listener->watch = (struct watch){.on_events = on_listener_events, .loop = loop, .fd = fd};
    enum err err = watch_add(&listener->watch, loop, EPOLLIN);
    if (err != ERR_OK) {
        close(fd);
        listener->watch.fd = -1;
    }
    return err;
}

void listener_pause(struct listener *listener)
{
    watch_remove(&listener->watch);
}

enum err listener_resume(struct listener *listener)
{
    if (listener->watch.armed & KNOWN || listener->watch.fd < 0)
        return ERR_OK;
    return watch_add(&listener->watch, listener->watch.loop, EPOLLIN);
}

/* False when there is nothing more to take for now. */
static bool accept_one(struct listener *listener)
{
    struct address peer = {.len = sizeof peer.local};
    int fd = accept4(listener->watch.fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (listener->on_accepted(listener, fd, &peer))
            return true;
        listener_pause(listener);
        return false;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        listener_pause(listener);
        listener->on_exhausted(listener);
        return false;
    }
    /* Errors of the network are those of a connection that died in the queue and say nothing about the next one
     * (accept(2), "Error handling"). */
    return errno != EAGAIN;
}

void listener_stop(struct listener *listener)
{
    if (listener->watch.fd < 0)
        return;
    watch_remove(&listener->watch);
    for (int i = 0; i < ACCEPTS_AT_STOP; i++)
        if (!accept_one(listener))
            break;
    watch_remove(&listener->watch);
    close(listener->watch.fd);
    listener->watch.fd = -1;
}

static void on_listener_events(struct watch *watch, uint32_t events)
{
    struct listener *listener = CONTAINER_OF(watch, struct listener, watch);
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && watch->armed & KNOWN; i++)
        if (!accept_one(listener))
            break;
}

/* Mailbox. */

enum err mailbox_start(struct mailbox *mailbox, struct loop *loop)
{
    TRY(wake_init(&mailbox->wake));
    mailbox->watch = (struct watch){.on_events = on_mailbox_events, .fd = mailbox->wake.fd};
    enum err err = watch_add(&mailbox->watch, loop, EPOLLIN);
    if (err == ERR_OK)
        loop->mailbox = mailbox;
    else
        wake_deinit(&mailbox->wake);
    return err;
}

void mailbox_stop(struct mailbox *mailbox)
{
    watch_remove(&mailbox->watch);
    mailbox->watch.loop->mailbox = NULL;
    wake_deinit(&mailbox->wake);
}

static void on_mailbox_events(struct watch *watch, uint32_t events)
{
    struct mailbox *mailbox = CONTAINER_OF(watch, struct mailbox, watch);
    (void)events;
    wake_take(&mailbox->wake);
    (void)mailbox->on_mail(mailbox);
}
