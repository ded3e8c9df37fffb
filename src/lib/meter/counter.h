/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges with one writer and any number of readers.
 *
 * Each worker writes its own and the scraper adds them up, so an addition is a plain load, add and store: no lock prefix,
 * no cache line that travels. Relaxed order is enough because a reader wants a recent number, not one that agrees with
 * other numbers. Two writers on one counter lose counts. */
#ifndef WEIR_LIB_METER_COUNTER_H
#define WEIR_LIB_METER_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* Only rises. Zeroed memory is a valid start, for the gauge too. */
struct counter {
    _Atomic uint64_t value;
};

struct gauge {
    _Atomic int64_t value;
};

/* Writer's thread. */
static inline void counter_add(struct counter *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + amount, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t counter_read(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* Writer's thread. */
static inline void gauge_set(struct gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

/* Writer's thread; the amount may be negative. */
static inline void gauge_add(struct gauge *gauge, int64_t amount)
{
    gauge_set(gauge, atomic_load_explicit(&gauge->value, memory_order_relaxed) + amount);
}

/* Any thread. */
static inline int64_t gauge_read(const struct gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

#endif
