/* SPDX-License-Identifier: Apache-2.0 */
/* Range requests for bytes (RFC 9110 section 14). Whether a range applies at all is in conditional.h: If-Range. */
#ifndef WEIR_LIB_HTTP_RANGE_H
#define WEIR_LIB_HTTP_RANGE_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* A request for more parts than this is answered with the whole content. */
#define HTTP_RANGES_MAX 16
/* "bytes 18446744073709551615-18446744073709551615/18446744073709551615" */
#define HTTP_CONTENT_RANGE_BYTES_MAX 68

struct http_range {
    uint64_t first;
    uint64_t last; /* first <= last < the content's bytes */
};

enum http_range_answer {
    HTTP_RANGE_WHOLE,         /* another unit, malformed, or not worth it: as if Range were not there */
    HTTP_RANGE_PARTS,         /* 206 with one or more parts, in the order asked for */
    HTTP_RANGE_UNSATISFIABLE, /* 416 with Content-Range: bytes * / length */
};

struct http_ranges {
    struct http_range parts[HTTP_RANGES_MAX];
    uint32_t count;
    uint64_t bytes; /* of all parts together, at most the content's */
};

/* Section 14.2: what a Range field asks of a content of that many bytes. A part that follows on or overlaps the one
 * before it is made one with it. Ranges that together are longer than the content are no ranges but an attack, or a
 * client that gains nothing: the whole is sent. */
enum http_range_answer http_ranges_parse(struct slice field, uint64_t content_bytes, struct http_ranges *ret_ranges);

/* "bytes 0-99/1234" (section 14.4); no NUL, returns the length. */
size_t http_content_range_format(char out[HTTP_CONTENT_RANGE_BYTES_MAX], struct http_range part,
                                 uint64_t content_bytes);
/* The form of a 416 response: bytes, space, star, slash, length. */
size_t http_content_range_format_none(char out[HTTP_CONTENT_RANGE_BYTES_MAX], uint64_t content_bytes);

#endif
