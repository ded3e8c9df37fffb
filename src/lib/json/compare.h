/* SPDX-License-Identifier: Apache-2.0 */
/* Values of documents compared as JSON Schema compares them: numbers by what they are worth, exactly, whatever their
 * digits; objects whatever the order of their members.
 *
 * A number of a document is an integer of 64 bits, a double, which is worth the shortest digits that read back equal, or,
 * where json_limits asked for it, its text as written (yyjson's "raw"): beyond 64 bits, beyond the range of double, or
 * with more digits than a double keeps. */
#ifndef WEIR_LIB_JSON_COMPARE_H
#define WEIR_LIB_JSON_COMPARE_H

#include "lib/base/hash.h"
#include "lib/json/json.h"
#include "lib/json/number.h"

/* The most digits that a divisor may have; whoever takes one from a schema refuses longer ones. */
#define JSON_DIVISOR_DIGITS_MAX 1000

/* A number, exactly: (-1)^is_negative × digits × 10^exponent. The digits are those of `digits` and then those of `more`,
 * without leading or trailing zeros; none: zero, which has no sign and no exponent. */
struct json_decimal {
    bool is_negative;
    struct slice digits; /* never empty but of zero. Borrowed, or in `memory` */
    struct slice more;   /* what stood behind the point */
    int64_t exponent;    /* clamped to ±10^18, where no memory holds what would tell the difference */
    char memory[NUMBER_BYTES_MAX];
};

/* Takes a number apart. The result may borrow from the value and from itself: it must not be copied. */
void json_decimal_of(yyjson_val *number, struct json_decimal *ret_decimal);
/* The same of a number as written, which is well-formed. */
void json_decimal_read(struct slice text, struct json_decimal *ret_decimal);
int json_decimal_compare(const struct json_decimal *a, const struct json_decimal *b);
bool json_decimal_is_multiple(const struct json_decimal *number, const struct json_decimal *divisor);

/* Whether a number has no fraction: 1.0 and 1e400 have none. */
bool json_is_integer(yyjson_val *number);
/* <0, 0, >0 as a is less than, equal to or greater than b; both numbers. */
int json_compare_numbers(yyjson_val *a, yyjson_val *b);
/* Whether number / divisor is an integer; divisor is greater than 0 and has at most JSON_DIVISOR_DIGITS_MAX digits (false
 * otherwise). The work is bounded by the digits of both and not by their exponents. */
bool json_is_multiple(yyjson_val *number, yyjson_val *divisor);

/* Whether two values are equal. *steps counts down with the work; at 0 the answer is false and *steps stays 0. Objects in
 * which a name stands twice are equal when each member has its own equal. */
bool json_equal(yyjson_val *a, yyjson_val *b, uint64_t *steps);
/* Equal values have the same hash. */
uint64_t json_hash(struct hash_key key, yyjson_val *value);

#endif
