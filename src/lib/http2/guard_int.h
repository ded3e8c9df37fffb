/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what abuses.def limits, for one connection. */
#ifndef WEIR_LIB_HTTP2_GUARD_INT_H
#define WEIR_LIB_HTTP2_GUARD_INT_H

#include "lib/http2/http2.h"

#define HTTP2_GUARD_SPAN_NS    UINT64_C(30000000000)
#define HTTP2_FRAME_HEAD_BYTES 9

/* A rate is kept as the time at which everything so far would have been allowed at an even pace: one number, and no
 * timer. It may run ahead of the clock by HTTP2_GUARD_SPAN_NS, which is the burst. */
#define HTTP2_RATE_DISCARD     HTTP2_ABUSE_COUNT /* no abuse: limits.discard_bytes, in KiB */
#define HTTP2_GUARD_RATE_COUNT (HTTP2_ABUSE_COUNT + 1)

struct http2_guard {
    uint64_t paid_until_ns[HTTP2_GUARD_RATE_COUNT];
    uint32_t max[HTTP2_GUARD_RATE_COUNT];
    uint32_t banked_updates; /* WINDOW_UPDATE frames earned and not come yet */
    uint32_t block_frames;   /* CONTINUATIONs of the header block, and what it has unpacked to */
    size_t block_bytes;
    uint8_t head[HTTP2_FRAME_HEAD_BYTES + 4]; /* of the next frame, as far as it is here */
    uint8_t head_bytes;
    bool has_begun;          /* a first frame has */
    uint32_t skip_bytes;     /* to the next frame's head */
    uint32_t stream_last;    /* the highest that the client has opened */
    uint64_t streams_opened; /* frames.c */
    uint64_t streams_ended;
};

void http2_guard_init(struct http2_guard *guard, const struct http2_limits *limits);
/* `count` more of a rate: false when it is too many. */
MUST_USE bool http2_guard_spend(struct http2_guard *guard, unsigned rate, uint32_t count, uint64_t now_ns);
/* `count` more are allowed; never more than the burst. */
void http2_guard_earn(struct http2_guard *guard, unsigned rate, uint32_t count);
/* The same for WINDOW_UPDATE frames, of which up to a burst are kept for later: those for a whole window of small frames
 * may come at once, when the peer gets around to it. */
void http2_guard_earn_updates(struct http2_guard *guard, uint32_t count, uint64_t now_ns);
MUST_USE bool http2_guard_spend_update(struct http2_guard *guard, uint64_t now_ns);
/* Against a size. */
static inline bool http2_guard_allows(const struct http2_guard *guard, enum http2_abuse abuse, size_t count)
{
    return count <= guard->max[abuse];
}

#endif
