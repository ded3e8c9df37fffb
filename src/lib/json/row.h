/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of numbers, straight out of JSON text into memory of the type that they are to have: what a tensor is read by.
 *
 * Strict and exact: what RFC 8259 refuses is refused, integers must be written without point and exponent and fit their
 * type, a float64 is the nearest double, as strtod gives it, and a float32 the nearest float of that double, which is what
 * NumPy and JavaScript make of the same text. (strtof differs where the double lies on the middle of two floats
 * and the number itself beside it.) What a refused text was refused for is not told: parse it as a document. */
#ifndef WEIR_LIB_JSON_ROW_H
#define WEIR_LIB_JSON_ROW_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* JSON_ELEMENT(name, C type) */
#define JSON_ELEMENTS(JSON_ELEMENT)                                                                                    \
    JSON_ELEMENT(BOOL, uint8_t)                                                                                        \
    JSON_ELEMENT(U8, uint8_t)                                                                                          \
    JSON_ELEMENT(U16, uint16_t)                                                                                        \
    JSON_ELEMENT(U32, uint32_t)                                                                                        \
    JSON_ELEMENT(U64, uint64_t)                                                                                        \
    JSON_ELEMENT(I8, int8_t)                                                                                           \
    JSON_ELEMENT(I16, int16_t)                                                                                         \
    JSON_ELEMENT(I32, int32_t)                                                                                         \
    JSON_ELEMENT(I64, int64_t)                                                                                         \
    JSON_ELEMENT(F32, float)                                                                                           \
    JSON_ELEMENT(F64, double)

enum json_element {
#define JSON_ELEMENT(name, type) JSON_ELEMENT_##name,
    JSON_ELEMENTS(JSON_ELEMENT)
#undef JSON_ELEMENT
};

/* Reads an array of `count` elements, at least one, whose bracket stands at *at; leaves *at behind its end. ERR_SYNTAX when
 * it is not well-formed, has another number of elements, or one that the type cannot have: then *at stays and `out` holds
 * anything. */
MUST_USE enum err json_row_read(struct slice text, size_t *at, enum json_element element, size_t count, void *out);

/* How deep arrays may stand in each other. */
#define JSON_ROWS_RANK_MAX 8

/* The same of arrays in arrays as `dims` say, `rank` of them, from 1 to JSON_ROWS_RANK_MAX; row-major. Arrays without elements
 * are refused. */
MUST_USE enum err json_rows_read(struct slice text, size_t *at, enum json_element element, const int64_t *dims,
                                 uint32_t rank, void *out);

/* Room that json_row_print_f32 wants for so many elements. */
#define JSON_ROW_PRINT_BYTES(count) ((count) * 20 + 40)

/* Writes elements with a comma behind each, floats as number_format_f32 does, NaN and the infinities as null; returns the
 * length. It may scribble on all the room that JSON_ROW_PRINT_BYTES gives it. */
size_t json_row_print_f32(char *out, const float *values, size_t count);

#endif
