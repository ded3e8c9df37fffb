/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people: three digits and a unit that fits. */
#ifndef WEIR_LOAD_RESULTS_FORMAT_H
#define WEIR_LOAD_RESULTS_FORMAT_H

#include "load/plan.h"

#include <stdio.h>

#define FORMAT_BYTES 32

/* "850 ns", "12.3 us", "1.23 ms", "2.05 s", "3m20s"; "-" for NaN. NUL-terminated. Returns out. */
char *format_ns(char out[FORMAT_BYTES], double ns);
/* "17", "1,234", "12.3k", "4.56M": what is counted, or a rate. Below ten with a digit behind the point, where it has one. */
char *format_count(char out[FORMAT_BYTES], double count);
/* "12.3 kB", "4.5 MB": thousands, as networks count. */
char *format_bytes(char out[FORMAT_BYTES], double bytes);
/* In the unit of its quantity. */
char *format_threshold_value(char out[FORMAT_BYTES], const struct load_threshold *threshold, double value);
/* Words that come from plans and answers, to a terminal: what would control it is shown as "?". */
void format_shown(struct slice text, FILE *out);

#endif
