/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations as people write them, and what an option takes in words. */
#ifndef WEIR_LIB_OPTIONS_SCALAR_H
#define WEIR_LIB_OPTIONS_SCALAR_H

#include "lib/base/text.h"
#include "lib/options/option.h"

/* 4096, 16KiB, 10MiB or 1GiB. ERR_SYNTAX, or ERR_LIMIT on overflow. */
MUST_USE enum err size_parse(struct slice text, uint64_t *ret_bytes);
/* 250ms, 10s, 5m, 1h or 1m30s; 0 needs no unit. */
MUST_USE enum err duration_parse(struct slice text, uint64_t *ret_ns);
/* The largest unit that divides the value. */
void size_format(uint64_t bytes, struct text *out);
void duration_format(uint64_t ns, struct text *out);

/* Whether the row has bounds: a number's for its value, a text's or list's for its length. A max below min is none. */
bool option_is_bounded(const struct option *option);
/* "a whole number from 1 to 256" */
void option_describe(const struct option *option, struct text *out);

#endif
