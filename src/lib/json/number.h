/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as JSON text, both ways exact: what is formatted reads back as the same bits, and what is parsed is the
 * nearest float or double, ties to even, as strtof and strtod give it. Independent of the locale. */
#ifndef WEIR_LIB_JSON_NUMBER_H
#define WEIR_LIB_JSON_NUMBER_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Room that the format functions want; they may scribble on all of it, whatever length they return. */
#define NUMBER_BYTES_MAX 40

/* The shortest digits that read back equal, and of those the nearest to the value. Always with a point or an exponent
 * ("3.0", not "3"), so that a client that tells integers from floats sees a tensor of floats as floats. Plain notation
 * from 1e-4 up to 1e16, else like 1.5e-7 or 1e21. The value must be finite: JSON has no word for the others. Writes
 * no NUL; returns the length. */
size_t number_format_f32(char out[NUMBER_BYTES_MAX], float value);
size_t number_format_f64(char out[NUMBER_BYTES_MAX], double value);

/* Reads one number in the grammar of RFC 8259 section 6 from the front of *rest and leaves *rest behind its last
 * character. ERR_SYNTAX when no number stands there; ERR_LIMIT when it is beyond the largest finite value (too small a
 * number is a rounding matter and becomes zero). On an error nothing is written. Any number of digits. */
MUST_USE enum err number_read_f32(struct slice *rest, float *ret_value);
MUST_USE enum err number_read_f64(struct slice *rest, double *ret_value);

/* The same, and the number must be the whole text. */
MUST_USE enum err number_parse_f32(struct slice text, float *ret_value);
MUST_USE enum err number_parse_f64(struct slice text, double *ret_value);

#endif
