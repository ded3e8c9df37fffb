/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of one thread: sockets, timers, and mail from other threads.
 *
 * The interface speaks of completions (bytes were received, a send is done), not of readiness, so that io_uring can
 * stand behind it one day; today it is epoll, level-triggered. A stream is registered once. Interest that has become
 * stale is withdrawn only when an event proves it stale, so a request costs a receive, a send and its share of one
 * epoll_wait. Memory to receive into is asked for when bytes are there: an idle connection holds none.
 *
 * Everything here belongs to the loop's thread. Others leave their work in a ring and wake the mailbox. */
#ifndef WEIR_LIB_SYS_LOOP_H
#define WEIR_LIB_SYS_LOOP_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/sys/file.h"
#include "lib/sys/socket.h"
#include "lib/sys/stall.h"
#include "lib/sys/timer.h"
#include "lib/sys/wake.h"

#include <sys/epoll.h>
#include <sys/uio.h>

struct loop;
struct stream;

#define LOOP_EVENTS_MAX 256

/* Anything with a descriptor in a loop; the first member of each kind. */
struct watch {
    void (*on_events)(struct watch *watch, uint32_t events);
    struct loop *loop;
    int fd;
    uint32_t armed; /* what epoll was told */
};

/* What happens on a connection; const, one for each state a connection can be in. */
struct stream_handlers {
    /* Bytes are there: where to? An empty result stops receiving; with it, and only with it, the stream may have been
     * closed. May be asked again without an on_received between. */
    struct iovec (*on_buffer)(struct stream *stream);
    /* ERR_OK with bytes > 0; or ERR_EOF or ERR_IO, which end receiving and are not followed by on_hangup. */
    void (*on_received)(struct stream *stream, size_t bytes, enum err err);
    /* A send that had to wait is done (ERR_OK) or failed. */
    void (*on_sent)(struct stream *stream, enum err err);
    /* While not receiving: the other side has closed or reset the connection. Said once. */
    void (*on_hangup)(struct stream *stream);
    /* Of stream_connect, once, and before anything else: ERR_OK, or why not (the stream is still to be closed). */
    void (*on_connected)(struct stream *stream, enum err err);
};

struct stream {
    struct watch watch;
    const struct stream_handlers *handlers;
    struct slice unsent;           /* borrowed until on_sent */
    struct file_piece unsent_file; /* the same; at most one of the two */
    bool has_more;                 /* a file follows what is sent next: the kernel may let it wait for that */
    uint64_t sent_bytes;           /* given to the kernel so far */
    bool is_receiving;
    bool is_hung_up;
    bool is_yielding;
    bool is_connecting;
};

void stream_open(struct stream *stream, struct loop *loop, int fd, const struct stream_handlers *handlers);
/* Opens the stream by connecting to an address, without waiting: on_connected follows, in a later turn. How long that may
 * take is for the owner's timer. `source` is the local address; NULL: the system chooses. An error leaves nothing to close. */
MUST_USE enum err stream_connect(struct stream *stream, struct loop *loop, const struct address *address,
                                 const struct address *source, const struct stream_handlers *handlers);
MUST_USE enum err stream_receive_begin(struct stream *stream);
/* Registers with the loop on first use. ERR_IO when the system refuses. */
MUST_USE static inline enum err stream_receive_start(struct stream *stream)
{
    return stream->is_receiving ? ERR_OK : stream_receive_begin(stream);
}
/* No on_received any more; bytes that come wait in the kernel. */
void stream_receive_stop(struct stream *stream);
/* ERR_OK: all is with the kernel. ERR_AGAIN: the rest is borrowed, on_sent follows; no other send before it.
 * ERR_CLOSED or ERR_IO: failed. *ret_sent_bytes is what went at once. */
MUST_USE enum err stream_send(struct stream *stream, struct slice bytes, size_t *ret_sent_bytes);
/* The same for a range of a file, from the kernel's memory to the kernel's, without a copy of ours. ERR_TRUNCATED, here or
 * in on_sent: the file has become shorter. */
MUST_USE enum err stream_send_file(struct stream *stream, struct file_piece piece, uint64_t *ret_sent_bytes);
/* With nothing unsent: on_sent with ERR_OK comes in a later turn, when the kernel takes bytes. For who has sent enough for
 * one turn. */
void stream_yield(struct stream *stream);
/* Makes stream_close drop what the kernel still holds, and reset the connection. */
void stream_reset(struct stream *stream);
/* Of all that was sent so far, what the other side's system has taken: what waits in our kernel is not. */
uint64_t stream_taken_bytes(const struct stream *stream);
/* Closes the descriptor; no handler is called any more and the memory is free to go. */
void stream_close(struct stream *stream);

struct listener {
    struct watch watch;
    /* Takes over fd. False pauses accepting (the caller resumes it). */
    bool (*on_accepted)(struct listener *listener, int fd, const struct address *peer);
    /* Out of descriptors or memory; accepting has paused. */
    void (*on_exhausted)(struct listener *listener);
};

/* Owns fd from here on, and has closed it when it fails. */
MUST_USE enum err listener_start(struct listener *listener, struct loop *loop, int fd);
void listener_pause(struct listener *listener);
MUST_USE enum err listener_resume(struct listener *listener);
/* Takes what waits in the kernel's queue (until on_accepted says false), then closes: closing first would reset those
 * connections. */
void listener_stop(struct listener *listener);

/* Another thread's way in. */
struct mailbox {
    struct watch watch;
    struct wake wake;
    /* Work may be there: look for all of it. True: there was some. */
    bool (*on_mail)(struct mailbox *mailbox);
};

/* A loop has at most one. */
MUST_USE enum err mailbox_start(struct mailbox *mailbox, struct loop *loop);
void mailbox_stop(struct mailbox *mailbox);

struct loop {
    int epoll;
    uint64_t now_ns; /* read before mail and before events */
    struct timer_wheel timers;
    struct mailbox *mailbox;
    /* Called at the end of each turn; may be NULL. */
    void (*on_turn)(struct loop *loop);
    void *owner;
    bool is_stopping;
    bool is_precise; /* waits end when they are due, and not at the next millisecond; set by the owner */
    uint64_t turns;
    struct stall_watch stalls; /* the owner sets a threshold and on_stall, if it wants to know */
    int look_mask;             /* after the events of numbers that have all its bits, a look at the clock */
    struct epoll_event ready[LOOP_EVENTS_MAX]; /* of the turn; its pointer is NULL once the watch was closed */
    int ready_count;
};

MUST_USE enum err loop_init(struct loop *loop);
void loop_deinit(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* One turn that waits at most wait_ns; for tests. */
void loop_turn(struct loop *loop, uint64_t wait_ns);
/* Whether each event and each part of a turn is followed by a look at the clock (stall.h). */
void loop_watch_closely(struct loop *loop, bool is_closely);
static inline bool loop_is_watched_closely(const struct loop *loop)
{
    return !loop->look_mask;
}
/* On the loop's own thread. */
void loop_stop(struct loop *loop);

MUST_USE enum err watch_add(struct watch *watch, struct loop *loop, uint32_t events);
/* Before the descriptor is closed. */
void watch_remove(struct watch *watch);

#endif
