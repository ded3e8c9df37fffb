/* SPDX-License-Identifier: Apache-2.0 */
/* Durations in nanoseconds, to three significant digits: the layout of Gil Tene's HdrHistogram with 2048 sub-buckets
 * (https://hdrhistogram.org), so that its tools read what hdr_encode writes.
 *
 * Below 2048 ns every value has its own bucket. Above, a bucket that starts at x is at most x/1024 wide. The layout is the same
 * everywhere, so histograms of threads and of machines merge by addition without a further error. 264 KiB each: for a
 * load generator's few series; the server has lib/meter/histogram.h, of 9.5 KiB.
 *
 * One writer (hdr_record), any readers (hdr_merge, hdr_count, ...), relaxed order, as in histogram.h. */
#ifndef WEIR_LIB_METER_HDR_H
#define WEIR_LIB_METER_HDR_H

#include "lib/base/arena.h"
#include "lib/base/attr.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdatomic.h>
#include <stdint.h>

#define HDR_STEP_BITS    10
#define HDR_VALUE_BITS   42
#define HDR_VALUE_MAX_NS ((UINT64_C(1) << HDR_VALUE_BITS) - 1)
#define HDR_BUCKETS      ((HDR_VALUE_BITS - HDR_STEP_BITS + 1) << HDR_STEP_BITS)

/* Zeroed memory is an empty histogram. */
struct hdr {
    _Atomic uint64_t count;
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t min_ns_plus_1; /* 0: empty */
    _Atomic uint64_t max_ns;
    _Atomic uint64_t buckets[HDR_BUCKETS];
};

/* Bucket of a value that is at most HDR_VALUE_MAX_NS. */
static inline uint32_t hdr_index(uint64_t value_ns)
{
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value_ns | (UINT64_C(1) << HDR_STEP_BITS)) - HDR_STEP_BITS;
    return (shift << HDR_STEP_BITS) + (uint32_t)(value_ns >> shift);
}
/* The smallest and the largest value of a bucket. */
uint64_t hdr_bucket_lowest_ns(uint32_t index);
uint64_t hdr_bucket_highest_ns(uint32_t index);

ALWAYS_INLINE uint64_t hdr_place_read(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}
ALWAYS_INLINE void hdr_place_write(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

/* Writer's thread. Longer ones are recorded as HDR_VALUE_MAX_NS. */
static inline void hdr_record(struct hdr *hdr, uint64_t value_ns)
{
    if (UNLIKELY(value_ns > HDR_VALUE_MAX_NS))
        value_ns = HDR_VALUE_MAX_NS;
    _Atomic uint64_t *bucket = &hdr->buckets[hdr_index(value_ns)];
    if (UNLIKELY(value_ns > hdr_place_read(&hdr->max_ns)))
        hdr_place_write(&hdr->max_ns, value_ns);
    if (UNLIKELY(value_ns + 1 < hdr_place_read(&hdr->min_ns_plus_1) || hdr_place_read(&hdr->min_ns_plus_1) == 0))
        hdr_place_write(&hdr->min_ns_plus_1, value_ns + 1);
    hdr_place_write(bucket, hdr_place_read(bucket) + 1);
    hdr_place_write(&hdr->sum_ns, hdr_place_read(&hdr->sum_ns) + value_ns);
    hdr_place_write(&hdr->count, hdr_place_read(&hdr->count) + 1);
}

/* Adds `from`, which its writer may be changing, to `into`, which the caller alone writes. */
void hdr_merge(struct hdr *into, const struct hdr *from);
/* into = later - earlier, for two readings of one histogram: what was recorded in between. min and max are those of the
 * buckets (a bucket's lowest and highest value). */
void hdr_subtract(struct hdr *into, const struct hdr *later, const struct hdr *earlier);
void hdr_reset(struct hdr *hdr);

uint64_t hdr_count(const struct hdr *hdr);
uint64_t hdr_sum_ns(const struct hdr *hdr);
uint64_t hdr_min_ns(const struct hdr *hdr); /* 0 when empty */
uint64_t hdr_max_ns(const struct hdr *hdr); /* 0 when empty */
double hdr_mean_ns(const struct hdr *hdr);  /* 0 when empty */
double hdr_stddev_ns(const struct hdr *hdr);
/* The value that a share `q` (0..1) of what was recorded does not exceed: never below the true one, at most 1/1024 above it, and
 * never above the largest recorded. 0 when empty. */
uint64_t hdr_quantile(const struct hdr *hdr, double q);
/* How many values were at most value_ns, to the bucket. */
uint64_t hdr_count_at_most(const struct hdr *hdr, uint64_t value_ns);

/* HdrHistogram's V2 encoding (not compressed), as base64 text in the arena: what JSON results and agents carry. ERR_NOMEM. */
MUST_USE enum err hdr_encode(const struct hdr *hdr, struct arena *arena, struct slice *ret_text);
/* Adds what a text holds to `into`, all of it or nothing. The encoding holds counts only: smallest, largest and sum are
 * taken from the buckets (their lowest, highest and middle values). Takes hostile input. ERR_SYNTAX (no such encoding, cut
 * short, counts that overflow), ERR_UNSUPPORTED (another layout: other digits, unit or range), ERR_NOMEM. */
MUST_USE enum err hdr_decode_add(struct slice text, struct hdr *into);
/* Of a histogram that was decoded: what its encoding did not hold. ERR_INVALID when the buckets contradict: a smallest or
 * largest that is not in the first or last bucket that has any, or a sum that these cannot add up to. */
MUST_USE enum err hdr_set_exact(struct hdr *hdr, uint64_t sum_ns, uint64_t min_ns, uint64_t max_ns);

#endif
