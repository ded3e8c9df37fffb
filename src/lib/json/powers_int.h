/* SPDX-License-Identifier: Apache-2.0 */
/* Powers of ten as 128-bit fractions, for number_format.c and number_parse.c. */
#ifndef WEIR_LIB_JSON_POWERS_INT_H
#define WEIR_LIB_JSON_POWERS_INT_H

#include <stdint.h>

#define POWER_MIN (-342)
#define POWER_MAX 324

/* (high, low) = ceil(10^e / 2^(power_log2(e) - 127)), so the highest bit is set. Exact for e in 0..55. */
struct power {
    uint64_t high;
    uint64_t low;
};

extern const struct power powers[POWER_MAX - POWER_MIN + 1];

static inline const struct power *power_of_ten(int e)
{
    return &powers[e - POWER_MIN];
}

/* floor(log2(10^e)) for |e| ≤ 1233. */
static inline int power_log2(int e)
{
    return (e * 1741647) >> 19;
}

#endif
