/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that carries lines, of bounded length, both ways. Of one loop's thread. */
#ifndef WEIR_LOAD_REMOTE_LINES_INT_H
#define WEIR_LOAD_REMOTE_LINES_INT_H

#include "lib/sys/loop.h"

struct lines;

struct lines_events {
    /* One line, without its end; valid for the call. May close. */
    void (*on_line)(struct lines *lines, struct slice line);
    /* It is closed, not by lines_close: ERR_EOF in order, ERR_LIMIT a line too long, or output that nobody took; others. */
    void (*on_lost)(struct lines *lines, enum err err);
    void (*on_connected)(struct lines *lines); /* of lines_connect */
};

struct lines_bytes {
    char *ptr; /* heap */
    size_t len;
    size_t capacity;
};

/* Zeroed memory is one that is closed. It must not go within an event. */
struct lines {
    const struct lines_events *events;
    struct stream stream;
    struct lines_bytes input;
    struct lines_bytes sending; /* with the stream */
    struct lines_bytes waiting; /* behind it */
    size_t line_bytes_max;
    size_t output_bytes_max;
    bool is_open;
    bool is_connected;
    bool is_sending;
};

/* Owns fd from here on; closed when it fails. */
MUST_USE enum err lines_open(struct lines *lines, struct loop *loop, int fd, const struct lines_events *events);
/* on_connected follows, or on_lost. */
MUST_USE enum err lines_connect(struct lines *lines, struct loop *loop, const struct address *address,
                                const struct lines_events *events);
/* A line with its end; copied. What cannot be sent is on_lost's, in this call or later; nothing on one that is closed. */
void lines_send(struct lines *lines, struct slice line);
/* What was sent may be lost: see lines_is_sent. */
void lines_close(struct lines *lines);
/* All is with the kernel. */
bool lines_is_sent(const struct lines *lines);
/* Closes and frees. */
void lines_deinit(struct lines *lines);

#endif
