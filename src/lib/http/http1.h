/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x heads in and out (RFC 9112): of requests and responses, for a server and for the client of an upstream.
 * Bytes in, structs out: no I/O, no memory of its own.
 *
 * A message is refused whenever two readers could disagree about it. What is accepted comes back as slices of the input
 * and needs no second validation: names are tokens, values hold no control character, Host is a host, the framing is
 * decided. */
#ifndef WEIR_LIB_HTTP_HTTP1_H
#define WEIR_LIB_HTTP_HTTP1_H

#include "lib/http/fault.h"
#include "lib/http/head.h"

#define HTTP1_METHOD_BYTES_MAX  32
#define HTTP1_BLANK_LINES_MAX   2     /* CRLFs skipped before a request line, RFC 9112 section 2.2 */
#define HTTP1_HEADER_COUNT_MAX  65535 /* bound of http1_limits.header_count_max */
#define HTTP1_HEAD_BYTES_LOWEST 16    /* bound of http1_limits.head_bytes_max */

struct http1_limits {
    uint32_t head_bytes_max; /* from the first byte to the empty line, both counted */
    uint32_t target_bytes_max;
    uint16_t header_count_max; /* the caller's array has at least as many */
};

/* The state between two calls. Set by http1_parser_init, read by the caller only for `fault`. */
struct http1_parser {
    const struct scan *scan;
    struct http1_limits limits;
    const char *base; /* input.ptr of the last call: headers found so far point there */
    uint32_t offset;  /* everything before has been parsed */
    uint32_t mark;    /* where the element under the cursor began, <= offset */
    uint8_t state;
    uint8_t blank_lines;
    enum http1_fault fault; /* why it was refused */
};

/* Before the first message of a connection, and again before each next one. */
void http1_parser_init(struct http1_parser *parser, const struct http1_limits *limits);
/* The same with the limits as they are. */
void http1_parser_reset(struct http1_parser *parser);

/* Parses a request head. `input` is everything received since the end of the request before; a later call gives the
 * same bytes and more of them (at the same place or moved), and *ret_head untouched in between. Before the first call
 * the caller sets ret_head->headers, nothing else. A byte is looked at once however the input is split.
 *
 * ERR_OK: *ret_head is complete. ERR_AGAIN: more bytes are needed. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED: refused for
 * parser->fault; answer http1_fault_status() and close. The outcome depends on the bytes alone, not on how they came. */
MUST_USE enum err http1_request_parse(struct http1_parser *parser, struct slice input, struct http_head *ret_head);

/* The same for the head of a response to a request with that method, which decides whether there is a body. Statuses of
 * 1xx come back like any other and without a body: reset the parser and go on for the one that counts; 101 is refused.
 * With every refusal the connection is of no further use, and the answer is 502. */
MUST_USE enum err http1_response_parse(struct http1_parser *parser, enum http_method method, struct slice input,
                                       struct http_head *ret_head);

/* A head under construction in the caller's memory. What does not fit is left out whole, and is_cut says so;
 * what could split the message (CR, LF, NUL and other controls in a value, a name that is not a token) is left out,
 * and is_refused says so. Check both once, at the end. */
struct http1_writer {
    char *ptr;
    size_t len;
    size_t capacity;
    bool is_cut;
    bool is_refused;
};

void http1_writer_init(struct http1_writer *writer, char *memory, size_t capacity);
/* "HTTP/1.1 200 OK" CRLF. `status` is 100..999. */
void http1_write_status(struct http1_writer *writer, int status);
/* "GET /path HTTP/1.1" CRLF. `method` is a token and `target` has no character that could end it, or the line is left
 * out and is_refused says so. */
void http1_write_request(struct http1_writer *writer, struct slice method, struct slice target);
void http1_write_field(struct http1_writer *writer, struct slice name, struct slice value);
/* The same for a name that is a token for certain: a literal. */
void http1_write_named(struct http1_writer *writer, struct slice name, struct slice value);
/* The same for what a parser of ours has already found good: nothing is looked at again. */
void http1_write_parsed(struct http1_writer *writer, const struct http_header *header);
/* Content-Length. */
void http1_write_length(struct http1_writer *writer, uint64_t length);
/* Lines made beforehand and trusted to be whole, CRLF included: Date, Server. */
void http1_write_prebuilt(struct http1_writer *writer, struct slice lines);
/* The empty line. */
void http1_write_end(struct http1_writer *writer);

/* The head of a response, quicker: its room is measured once and not asked for line by line. The caller has HTTP1_HEAD_BYTES,
 * and for each field http1_field_bytes, and the bytes of the type. All return the place behind. A value that could split the
 * message is left out with its name. */
#define HTTP1_HEAD_BYTES 256 /* status line, content without the type, Connection, Transfer-Encoding, the empty line */
#define HTTP1_NO_LENGTH  UINT64_MAX

static inline size_t http1_field_bytes(struct slice name, struct slice value)
{
    return name.len + value.len + sizeof ": \r\n" - 1;
}

/* "HTTP/1.1 200 OK" CRLF. `status` is 100..999. */
char *http1_put_status(char *out, int status);
/* Content-Type unless it is empty, Content-Length unless it is HTTP1_NO_LENGTH. */
char *http1_put_content(char *out, struct slice type, uint64_t length);
/* `name` is a token. */
char *http1_put_field(char *out, struct slice name, struct slice value);

#endif
