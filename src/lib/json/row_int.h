/* SPDX-License-Identifier: Apache-2.0 */
/* Between row.c, which takes one element after the other, and what takes many at a time: row_avx2.c, row_print_avx2.c. */
#ifndef WEIR_LIB_JSON_ROW_INT_H
#define WEIR_LIB_JSON_ROW_INT_H

#include "lib/json/row.h"

/* Reads elements from *at on, each with the comma behind it, at most `count`; returns how many, with *at behind the last of
 * these commas. It stops wherever something is not plain: that element is row.c's. */
typedef size_t (*row_burst_fn)(struct slice text, size_t *at, size_t count, void *out);

/* NULL where there is none for that type, or for this processor. */
row_burst_fn row_burst(enum json_element element);

/* As json_row_print_f32. */
typedef size_t (*row_print_fn)(char *out, const float *values, size_t count);
/* NULL where there is none for this processor. */
row_print_fn row_print(void);

/* number_parse.c: the nearest double of mantissa × 10^exponent. */
double number_scale_f64(uint64_t mantissa, int64_t exponent);

#endif
