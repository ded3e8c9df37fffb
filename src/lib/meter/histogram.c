/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/histogram.h"

#include "lib/base/attr.h"

#include <float.h>

static inline uint64_t read_place(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static inline void write_place(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

/* The largest value that falls into a bucket. */
static uint64_t last_value_of(uint32_t index)
{
    if (index < 2U << HISTOGRAM_STEP_BITS)
        return index;
    uint32_t shift = (index >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t step = (1U << HISTOGRAM_STEP_BITS) + (index & ((1U << HISTOGRAM_STEP_BITS) - 1));
    return ((step + 1) << shift) - 1;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t bucket = read_place(&from->buckets[i]);
        count += bucket;
        if (bucket)
            histogram_bump(&into->buckets[i], bucket);
    }
    histogram_bump(&into->count, count);
    histogram_bump(&into->sum_ns, read_place(&from->sum_ns));
    write_place(&into->max_ns, MAX(read_place(&into->max_ns), read_place(&from->max_ns)));
}

void histogram_reset(struct histogram *histogram)
{
    write_place(&histogram->count, 0);
    write_place(&histogram->sum_ns, 0);
    write_place(&histogram->max_ns, 0);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        write_place(&histogram->buckets[i], 0);
}

uint64_t histogram_count(const struct histogram *histogram)
{
    return read_place(&histogram->count);
}

uint64_t histogram_sum_ns(const struct histogram *histogram)
{
    return read_place(&histogram->sum_ns);
}

uint64_t histogram_max_ns(const struct histogram *histogram)
{
    return read_place(&histogram->max_ns);
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
    uint64_t count = histogram_count(histogram);
    if (count == 0)
        return 0;
    uint64_t max_ns = histogram_max_ns(histogram);
    /* The rank of the value asked for, from 1: the smallest whole number that is not below q × count, where 0.95 × 100
     * must be 95 although the product of the two doubles may come out a bit above. */
    double rank = q * (double)count * (1 - 4 * DBL_EPSILON);
    uint64_t wanted = rank <= 1 ? 1 : rank >= (double)count ? count : (uint64_t)rank;
    wanted += (double)wanted < rank && wanted < count;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += read_place(&histogram->buckets[i]);
        if (seen >= wanted)
            return MIN(last_value_of(i), max_ns);
    }
    return max_ns;
}

uint64_t histogram_count_at_most(const struct histogram *histogram, uint64_t value_ns)
{
    value_ns = MIN(value_ns, HISTOGRAM_VALUE_MAX_NS);
    uint32_t index = histogram_index(value_ns);
    uint32_t end = last_value_of(index) == value_ns ? index + 1 : index;
    uint64_t count = 0;
    for (uint32_t i = 0; i < end; i++)
        count += read_place(&histogram->buckets[i]);
    return count;
}
