/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML, section 9.2.5 and 9.2.6), fed in pieces of any size while the stream arrives.
 *
 * An event that stands whole in one piece and has one line of data, as nearly all do, comes out as slices of that piece;
 * others are put together in a block of the pool, which goes back when the event is over: a stream that waits holds none.
 *
 * Where this differs from an EventSource of a browser: an event is told also when it has no data (has_data), so that a lone
 * id or retry is not lost, and the id is that of the event itself, not the last one that any event had. */
#ifndef WEIR_LIB_HTTP_SSE_H
#define WEIR_LIB_HTTP_SSE_H

#include "lib/base/err.h"
#include "lib/base/pool.h"
#include "lib/base/slice.h"

struct sse {
    struct pool *pool;
    uint32_t event_bytes_max;
    char *held; /* of the event at hand what earlier pieces had; NULL: nothing */
    size_t held_capacity;
    size_t held_bytes;
    size_t line_begin;  /* in `held`, of the line that is not over yet */
    uint8_t mark_bytes; /* of the byte order mark that may begin the stream; behind it: SSE_NO_MARK */
    bool is_behind_cr;  /* a LF that comes next belongs to it */
    bool is_given;      /* what is held was the last event, and is over */
};

/* Slices live as long as the piece that was fed, and until the next call. */
struct sse_event {
    struct slice type; /* empty: "message" */
    struct slice data; /* of several lines, joined by LF */
    struct slice id;   /* NULL: none; one with a NUL in it is none */
    uint64_t retry_ms;
    bool has_data; /* else a browser would not dispatch it */
    bool has_retry;
};

/* `pool` is borrowed. */
void sse_init(struct sse *sse, struct pool *pool, uint32_t event_bytes_max);
/* What is held goes back; a zeroed one is accepted. */
void sse_deinit(struct sse *sse);

/* Takes bytes from the front of *input and gives the next event. ERR_AGAIN: all of *input was taken, feed the next piece.
 * ERR_LIMIT: an event of more than event_bytes_max, its comments and line ends counted. ERR_NOMEM of the pool. */
MUST_USE enum err sse_next(struct sse *sse, struct slice *input, struct sse_event *ret_event);

/* An event has begun and is not over. Where the stream ends now, it is lost (section 9.2.6). */
static inline bool sse_is_within_event(const struct sse *sse)
{
    return sse->held_bytes > 0 && !sse->is_given;
}

#endif
