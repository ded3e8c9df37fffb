/* SPDX-License-Identifier: Apache-2.0 */
/* Durations in nanoseconds, counted in log-linear buckets: 32 equal steps for each power of two.
 *
 * Below 64 ns every value has its own bucket. Above, a bucket that starts at x is at most x/32 wide, so the error of
 * anything read from it is at most 1/32 (3.125 %) of the value. 1216 buckets reach 2^42 ns (73 minutes); longer ones
 * are recorded as the longest. The layout is the same everywhere, so histograms of workers, and of processes, merge by
 * addition without a further error.
 *
 * One writer (histogram_record), any readers (histogram_merge, histogram_count, ...), relaxed order. What a reader sees
 * while the writer runs: every bucket is a value it had, buckets never fall, but a value recorded in between may be
 * seen in a later bucket, in count or in sum and not yet elsewhere. To publish figures that agree with each other merge into a
 * histogram of your own first: its count is made from the very buckets it holds. 9.5 KiB each. */
#ifndef WEIR_LIB_METER_HISTOGRAM_H
#define WEIR_LIB_METER_HISTOGRAM_H

#include "lib/base/attr.h"

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_STEP_BITS    5
#define HISTOGRAM_VALUE_BITS   42
#define HISTOGRAM_VALUE_MAX_NS ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)
#define HISTOGRAM_BUCKETS      ((HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

/* Zeroed memory is an empty histogram. */
struct histogram {
    _Atomic uint64_t count;
    _Atomic uint64_t sum_ns; /* wraps after 584 years of summed durations */
    _Atomic uint64_t max_ns;
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Bucket of a value that is at most HISTOGRAM_VALUE_MAX_NS. */
static inline uint32_t histogram_index(uint64_t value_ns)
{
    /* The highest bit says which power of two; values below 32 share the first 32 buckets, one each. */
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value_ns | (1U << HISTOGRAM_STEP_BITS)) - HISTOGRAM_STEP_BITS;
    return (shift << HISTOGRAM_STEP_BITS) + (uint32_t)(value_ns >> shift);
}

ALWAYS_INLINE void histogram_bump(_Atomic uint64_t *place, uint64_t amount)
{
    atomic_store_explicit(place, atomic_load_explicit(place, memory_order_relaxed) + amount, memory_order_relaxed);
}

/* Writer's thread. */
static inline void histogram_record(struct histogram *histogram, uint64_t value_ns)
{
    if (__builtin_expect(value_ns > HISTOGRAM_VALUE_MAX_NS, 0))
        value_ns = HISTOGRAM_VALUE_MAX_NS;
    histogram_bump(&histogram->buckets[histogram_index(value_ns)], 1);
    histogram_bump(&histogram->sum_ns, value_ns);
    histogram_bump(&histogram->count, 1);
    if (value_ns > atomic_load_explicit(&histogram->max_ns, memory_order_relaxed))
        atomic_store_explicit(&histogram->max_ns, value_ns, memory_order_relaxed);
}

/* Adds `from`, which its writer may be changing, to `into`, which the caller alone writes. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Writer's thread, or before the histogram is shared. */
void histogram_reset(struct histogram *histogram);

uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_sum_ns(const struct histogram *histogram);
/* Exact, up to HISTOGRAM_VALUE_MAX_NS. 0 when empty. */
uint64_t histogram_max_ns(const struct histogram *histogram);

/* The value that a share `q` (0..1) of what was recorded does not exceed: never below the true one, at most 1/32 above
 * it, and never above the largest recorded. 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

/* How many values were at most value_ns, for the `le` buckets of Prometheus. The bucket that value_ns cuts in two is
 * left out, so the answer is exact for a bound at most 1/32 below value_ns, and it never counts a larger value. */
uint64_t histogram_count_at_most(const struct histogram *histogram, uint64_t value_ns);

#endif
