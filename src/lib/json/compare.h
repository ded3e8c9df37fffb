/* SPDX-License-Identifier: Apache-2.0 */
/* Values of documents compared as JSON Schema compares them: numbers by what they are worth, exactly, whatever their
 * digits; objects whatever the order of their members.
 *
 * A number of a document is an integer of 64 bits, a double, or, where json_limits asked for it, its text as written
 * (yyjson's "raw"): beyond 64 bits, beyond the range of double, or with more digits than a double keeps. */
#ifndef WEIR_LIB_JSON_COMPARE_H
#define WEIR_LIB_JSON_COMPARE_H

#include "lib/base/hash.h"
#include "lib/json/json.h"

/* A number, exactly: (-1)^is_negative × digits × 10^exponent. */
struct json_decimal {
    bool is_negative;
    struct slice digits; /* decimal, without leading or trailing zeros; empty: zero. Borrowed, or in `memory` */
    int64_t exponent;    /* clamped where no document could tell the difference */
    char memory[24];
};

/* Whether it is a number, in either form. */
static inline bool json_is_number(yyjson_val *value)
{
    return yyjson_is_num(value) || yyjson_is_raw(value);
}

/* Takes a number apart; a double gives the shortest digits that read back equal. The result may borrow from the value and
 * must not be copied. */
void json_decimal_of(yyjson_val *number, struct json_decimal *ret_decimal);
/* Whether a number has no fraction: 1.0 and 1e400 have none. */
bool json_is_integer(yyjson_val *number);
/* <0, 0, >0 as a is less than, equal to or greater than b; both numbers. */
int json_compare_numbers(yyjson_val *a, yyjson_val *b);
/* Whether number / divisor is an integer; divisor is greater than 0. The work is bounded by the digits of both and not by
 * their exponents. */
bool json_is_multiple(yyjson_val *number, yyjson_val *divisor);

/* Whether two values are equal. *steps counts down with the work; at 0 the answer is false and *steps stays 0. */
bool json_equal(yyjson_val *a, yyjson_val *b, uint64_t *steps);
/* Equal values have the same hash. */
uint64_t json_hash(struct hash_key key, yyjson_val *value);

#endif
