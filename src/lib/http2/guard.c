/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http2/guard_int.h"

#define FRAME_BYTES_USUAL 16384 /* that every peer may send, RFC 9113 section 4.2 */

static const char *const abuse_names[] = {
#define ABUSE(name, field, fallback, what, more) #field,
#include "lib/http2/abuses.def"
#undef ABUSE
};

const char *http2_abuse_name(enum http2_abuse abuse)
{
    return abuse_names[abuse];
}

void http2_limits_default(struct http2_limits *ret_limits)
{
    *ret_limits = (struct http2_limits){
        .streams_max = 100,
        .stream_window_bytes = HTTP2_WINDOW_BYTES_MIN,
        .connection_window_bytes = 1u << 20,
        .discard_bytes = 32u << 20,
#define ABUSE(name, field, fallback, what, more) .field = fallback,
#include "lib/http2/abuses.def"
#undef ABUSE
    };
}

/* A head within its own limit is no abuse, whatever the numbers say. */
void http2_guard_init(struct http2_guard *guard, const struct http2_limits *limits)
{
    uint32_t head_bytes_max = limits->head.head_bytes_max;
    *guard = (struct http2_guard){
        .max =
            {
#define ABUSE(name, field, fallback, what, more) [HTTP2_ABUSE_##name] = limits->field,
#include "lib/http2/abuses.def"
#undef ABUSE
            },
    };
    guard->max[HTTP2_RATE_DISCARD] = limits->discard_bytes / 1024;
    guard->max[HTTP2_ABUSE_HEADER_BYTES] = MAX(limits->header_bytes, head_bytes_max);
    guard->max[HTTP2_ABUSE_CONTINUATIONS] = MAX(limits->continuations, head_bytes_max / FRAME_BYTES_USUAL);
}

static uint64_t price_ns(const struct http2_guard *guard, unsigned rate)
{
    return HTTP2_GUARD_SPAN_NS / MAX(guard->max[rate], 1u);
}

bool http2_guard_spend(struct http2_guard *guard, unsigned rate, uint32_t count, uint64_t now_ns)
{
    uint64_t *paid_until_ns = &guard->paid_until_ns[rate];
    *paid_until_ns = MAX(*paid_until_ns, now_ns) + price_ns(guard, rate) * count;
    return *paid_until_ns - now_ns <= HTTP2_GUARD_SPAN_NS;
}

void http2_guard_earn_updates(struct http2_guard *guard, uint32_t count, uint64_t now_ns)
{
    const unsigned rate = HTTP2_ABUSE_WINDOW_UPDATES;
    uint64_t paid_until_ns = guard->paid_until_ns[rate];
    uint64_t owed = paid_until_ns > now_ns ? (paid_until_ns - now_ns) / price_ns(guard, rate) : 0;
    uint64_t kept = guard->banked_updates + (count - MIN(count, owed));
    http2_guard_earn(guard, rate, (uint32_t)MIN(count, owed));
    guard->banked_updates = (uint32_t)MIN(kept, guard->max[rate]);
}

bool http2_guard_spend_update(struct http2_guard *guard, uint64_t now_ns)
{
    if (guard->banked_updates == 0)
        return http2_guard_spend(guard, HTTP2_ABUSE_WINDOW_UPDATES, 1, now_ns);
    guard->banked_updates--;
    return true;
}

void http2_guard_earn(struct http2_guard *guard, unsigned rate, uint32_t count)
{
    uint64_t earned_ns = price_ns(guard, rate) * count;
    guard->paid_until_ns[rate] -= MIN(guard->paid_until_ns[rate], earned_ns);
}
