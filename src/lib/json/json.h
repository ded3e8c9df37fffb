/* SPDX-License-Identifier: Apache-2.0 */
/* The door to yyjson: text → document, in an arena, by the letter of RFC 8259.
 *
 * Refused: comments, trailing commas, NaN and Infinity, a byte order mark, anything behind the value, malformed UTF-8,
 * escaped halves of surrogate pairs, numbers beyond the range of double (unless json_limits.keeps_numbers). A document is read with yyjson's own inline
 * accessors (yyjson_get_*, yyjson_arr_iter, yyjson_obj_iter), which this header hands on because the data path needs
 * them inlined; nothing of yyjson that takes memory is to be called.
 *
 * Members with equal names: json_get finds the FIRST one. Others (Python, JavaScript) take the last, so whoever checks
 * a text here and passes the same bytes on must ask for refuse_duplicate_keys, or the two read different documents. */
#ifndef WEIR_LIB_JSON_JSON_H
#define WEIR_LIB_JSON_JSON_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/base/text.h"

#include <yyjson.h>

/* The deepest nesting that any limit may ask for; walkers of documents may size their stacks by it. */
#define JSON_DEPTH_MAX 256

struct json_limits {
    size_t bytes_max;           /* of text */
    uint32_t depth_max;         /* 1 for [], 2 for [[]]; 1..JSON_DEPTH_MAX */
    bool refuse_duplicate_keys; /* in every object, as RFC 8259 section 4 advises senders */
    bool keeps_numbers;         /* those that a number of yyjson is not worth exactly are "raw": text, as written */
};

struct json_document {
    yyjson_val *root;    /* never NULL after ERR_OK; read only, but yyjson's accessors want it like this */
    size_t values_count; /* keys are values too */
    const char *copy;    /* where its texts stand: each begins as far from here as it did from the text's first byte */
};

/* Where and why a text was refused. */
struct json_fault {
    size_t byte;      /* offset of the offending byte, at most the length of the text */
    uint32_t line;    /* from 1; lines end with LF */
    uint32_t column;  /* from 1, in characters (code points), so that it is what an editor shows */
    const char *what; /* a static string, such as "unexpected character" */
};

/* Parses the whole of `text`, which is left as it is; strings of the document are copies in the arena. Never mallocs.
 * ERR_SYNTAX; ERR_LIMIT over bytes_max or depth_max; ERR_EXISTS for a duplicate key; ERR_NOMEM over the arena's limit.
 * *ret_fault is written on every error, *ret_document only on ERR_OK.
 * Takes from the arena: the length of the text once, and 16 bytes for each value, but at least 2.7 times the length
 * for compact text, because yyjson reserves before it knows. */
MUST_USE enum err json_parse(struct arena *arena, struct slice text, const struct json_limits *limits,
                             struct json_document *ret_document, struct json_fault *ret_fault);

/* Of values whose numbers are all raw, makes numbers of those that are worth exactly what was written. */
void json_settle_numbers(yyjson_val *root, size_t values_count);

/* The first member of that name; NULL when there is none or `object` is no object (or NULL). Linear in the members. */
static inline yyjson_val *json_get(yyjson_val *object, struct slice name)
{
    return yyjson_obj_getn(object, name.ptr ? name.ptr : "", name.len);
}

/* The text of a string or key; {NULL, 0} for any other kind and for NULL. May contain NUL bytes. */
static inline struct slice json_text(yyjson_val *value)
{
    const char *text = yyjson_get_str(value);
    return slice_of(text, text ? unsafe_yyjson_get_len(value) : 0);
}

/* A number as written, where it is kept like that; {NULL, 0} for any other value. */
static inline struct slice json_raw(yyjson_val *value)
{
    const char *text = yyjson_get_raw(value);
    return slice_of(text, text ? unsafe_yyjson_get_len(value) : 0);
}

/* Whether it is a number, in either form. */
static inline bool json_is_number(yyjson_val *value)
{
    return yyjson_is_num(value) || yyjson_is_raw(value);
}

/* For messages: "null", "a boolean", "a number", "a string", "an array", "an object"; "nothing" for NULL. */
const char *json_kind(yyjson_val *value);

/* Appends one reference token to a JSON Pointer under construction (RFC 6901: "~" becomes ~0, "/" becomes ~1). */
void json_pointer_add(struct text *pointer, struct slice token);
void json_pointer_add_index(struct text *pointer, size_t index);

#endif
