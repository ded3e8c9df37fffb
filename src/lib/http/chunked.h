/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked transfer coding (RFC 9112 section 7.1), strict: sizes are 1 to 16 hex digits, every line ends in CRLF,
 * extensions and trailers are checked and bounded, and extensions are dropped. */
#ifndef WEIR_LIB_HTTP_CHUNKED_H
#define WEIR_LIB_HTTP_CHUNKED_H

#include "lib/base/slice.h"
#include "lib/http/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunked_limits {
    uint64_t body_bytes_max;      /* of decoded data */
    uint32_t extension_bytes_max; /* of all chunks together */
    uint32_t trailer_bytes_max;   /* of the trailer section, line ends counted */
};

struct chunked {
    struct chunked_limits limits;
    uint64_t remaining;  /* of the chunk at hand; its size while that is being read */
    uint64_t body_bytes; /* announced by chunk sizes so far */
    uint32_t extension_bytes;
    uint32_t trailer_bytes;
    uint8_t state;
    uint8_t digits;
    enum http1_fault fault;
};

struct chunked_result {
    size_t consumed;       /* of the input; less than all of it only when is_done */
    size_t produced;       /* decoded bytes, now at the start of the buffer */
    struct slice trailers; /* what of the trailer section is in the input, the last empty line included; stands in it */
    bool is_done;          /* the trailer section has ended; what was not consumed is the next request */
};

void chunked_init(struct chunked *chunked, const struct chunked_limits *limits);

/* Decodes data[0..len) in place. What was not consumed stays where it is, at data + consumed. On an error the body is
 * refused for chunked->fault and *ret is not written. A chunk whose announced size would exceed the limit is refused
 * before its data arrives. */
MUST_USE enum err chunked_decode(struct chunked *chunked, char *data, size_t len, struct chunked_result *ret);

#define CHUNKED_SIZE_BYTES_MAX 18
#define CHUNKED_END            "0\r\n\r\n"

/* Writes the size line of a chunk: hex digits and CRLF, at most CHUNKED_SIZE_BYTES_MAX, no NUL; returns its length.
 * The data and a CRLF follow. A size of 0 would end the body: write CHUNKED_END for that. */
size_t chunked_format_size(char *out, uint64_t size);

#endif
