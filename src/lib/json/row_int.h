/* SPDX-License-Identifier: Apache-2.0 */
/* Between row.c, which reads one element after the other, and row_avx2.c, which reads what is common many at a time. */
#ifndef WEIR_LIB_JSON_ROW_INT_H
#define WEIR_LIB_JSON_ROW_INT_H

#include "lib/json/row.h"

/* Reads elements from *at on, each with the comma behind it, at most `count`; returns how many, with *at behind the last of
 * these commas. It stops wherever something is not plain: that element is row.c's. */
typedef size_t (*row_burst_fn)(struct slice text, size_t *at, size_t count, void *out);

/* NULL where there is none for that type, or for this processor. */
row_burst_fn row_burst(enum json_element element);

/* number_parse.c: the nearest double of mantissa × 10^exponent. */
double number_scale_f64(uint64_t mantissa, int64_t exponent);

#endif
