/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/form-data (RFC 7578, on RFC 2046 section 5.1), fed in pieces of any size while the body arrives.
 *
 * Data is never copied: part data comes out as slices of what was fed, and as one slice a part when the whole body is
 * fed at once. Only part headers are collected, in memory of the caller, because they must be seen whole. Bytes that
 * looked like the beginning of a delimiter at the end of a piece and were not are emitted from the parser's own copy of
 * the delimiter. Accepted: preamble, epilogue, white space after a delimiter. Refused: bare LF line ends, a part without
 * a form-data name, transfer encodings that change the data. */
#ifndef WEIR_LIB_HTTP_MULTIPART_H
#define WEIR_LIB_HTTP_MULTIPART_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define MULTIPART_BOUNDARY_BYTES_MAX  70
#define MULTIPART_DELIMITER_BYTES_MAX (MULTIPART_BOUNDARY_BYTES_MAX + 4)

enum multipart_event_kind {
    MULTIPART_PART_BEGIN, /* part is set */
    MULTIPART_PART_DATA,  /* data is set and not empty */
    MULTIPART_PART_END,
    MULTIPART_END, /* the closing delimiter; the epilogue is swallowed */
};

struct multipart_part {
    struct slice name;
    struct slice filename;     /* of filename, else of filename* in UTF-8 */
    struct slice content_type; /* empty: text/plain (RFC 7578 section 4.4) */
    bool has_filename;
};

struct multipart_event {
    enum multipart_event_kind kind;
    struct multipart_part part; /* valid until the next MULTIPART_PART_BEGIN */
    struct slice data;          /* valid as long as the fed buffer, and the parser */
};

struct multipart_config {
    struct slice boundary;   /* the parameter of the media type, unquoted */
    char *head_memory;       /* borrowed; holds one part's header section */
    uint32_t head_bytes_max; /* its size, and the limit of a part's header section */
    uint32_t part_count_max;
};

struct multipart {
    char *head_memory;
    uint32_t head_bytes_max;
    uint32_t head_bytes;
    uint32_t part_count_max;
    uint32_t part_count;
    uint8_t delimiter_bytes;
    uint8_t matched; /* bytes of the delimiter that ended the last piece */
    uint8_t state;
    char delimiter[MULTIPART_DELIMITER_BYTES_MAX]; /* CR LF - - boundary */
};

/* ERR_SYNTAX when the boundary is not 1 to 70 bytes of RFC 2046's bchars, or ends in a space. */
MUST_USE enum err multipart_init(struct multipart *multipart, const struct multipart_config *config);

/* Takes bytes from the front of *input and gives the next event. ERR_AGAIN: all of *input was taken, feed the next piece.
 * ERR_EOF: after MULTIPART_END; all of *input was swallowed. ERR_SYNTAX, ERR_LIMIT (parts, header bytes),
 * ERR_UNSUPPORTED (Content-Transfer-Encoding): refused. When the body ends before MULTIPART_END, it is truncated. */
MUST_USE enum err multipart_next(struct multipart *multipart, struct slice *input, struct multipart_event *ret_event);

#endif
