/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x requests in, response heads out (RFC 9112). Bytes in, structs out: no I/O, no memory of its own.
 *
 * A request is refused whenever two readers could disagree about it. What is accepted comes back as slices of the input
 * and needs no second validation: names are tokens, values hold no control character, Host is a host, the framing is
 * decided. */
#ifndef WEIR_LIB_HTTP_HTTP1_H
#define WEIR_LIB_HTTP_HTTP1_H

#include "lib/http/fault.h"
#include "lib/http/http.h"

#define HTTP1_METHOD_BYTES_MAX  32
#define HTTP1_BLANK_LINES_MAX   2     /* CRLFs skipped before a request line, RFC 9112 section 2.2 */
#define HTTP1_HEADER_COUNT_MAX  65535 /* bound of http1_limits.header_count_max */
#define HTTP1_HEAD_BYTES_LOWEST 16    /* bound of http1_limits.head_bytes_max */

struct http1_limits {
    uint32_t head_bytes_max; /* from the first byte to the empty line, both counted */
    uint32_t target_bytes_max;
    uint16_t header_count_max; /* the caller's array has at least as many */
};

struct http1_head {
    enum http_method method;
    struct slice method_text;
    struct slice target;
    uint8_t version_minor; /* 0 or 1; HTTP/1.2 and higher are read as 1.1 (RFC 9110 section 2.5) */
    bool has_body;         /* is_chunked, or content_length is not 0 */
    bool is_chunked;
    bool has_content_length;
    bool is_keep_alive;    /* what the client allows: the server may still close */
    bool expects_continue; /* and is owed a 100 before it sends the body; never true without a body */
    uint16_t header_count;
    uint64_t content_length; /* 0 unless has_content_length */
    struct slice host;       /* host [":" port]: of an absolute target, else the Host field; empty only in HTTP/1.0 */
    uint64_t present;        /* bit n: there is a field with id n */
    uint64_t repeated;       /* bit n: there is more than one */
    size_t head_bytes;       /* the body or the next request starts here */
    struct http_header *headers;      /* the caller's array */
    uint16_t first[HTTP_FIELD_COUNT]; /* index of the first header with this id, where `present` says so */
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

/* Before the first request of a connection, and again before each next one. */
void http1_parser_init(struct http1_parser *parser, const struct http1_limits *limits);
/* The same with the limits as they are. */
void http1_parser_reset(struct http1_parser *parser);

/* Parses a request head. `input` is everything received since the end of the request before; a later call gives the
 * same bytes and more of them (at the same place or moved), and *ret_head untouched in between. Before the first call
 * the caller sets ret_head->headers, nothing else. A byte is looked at once however the input is split.
 *
 * ERR_OK: *ret_head is complete. ERR_AGAIN: more bytes are needed. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED: refused for
 * parser->fault; answer http1_fault_status() and close. The outcome depends on the bytes alone, not on how they came. */
MUST_USE enum err http1_request_parse(struct http1_parser *parser, struct slice input, struct http1_head *ret_head);

/* The first header with that id, or NULL. Not for HTTP_FIELD_OTHER's siblings: use http1_find_name. */
static inline const struct http_header *http1_find(const struct http1_head *head, enum http_field field)
{
    return head->present >> field & 1 ? &head->headers[head->first[field]] : NULL;
}

/* The value of the first header with that id, or {NULL, 0}. An empty value has a pointer. */
static inline struct slice http1_value(const struct http1_head *head, enum http_field field)
{
    const struct http_header *header = http1_find(head, field);
    return header ? header->value : (struct slice){NULL, 0};
}

/* The next header with the same id (for OTHER: with the same name), or NULL. */
const struct http_header *http1_find_next(const struct http1_head *head, const struct http_header *header);
/* The first header with that name, in any case of letters, or NULL. */
const struct http_header *http1_find_name(const struct http1_head *head, struct slice name);

/* A response head under construction in the caller's memory. What does not fit is left out whole, and is_cut says so;
 * what could split the response (CR, LF, NUL and other controls in a value, a name that is not a token) is left out,
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
void http1_write_field(struct http1_writer *writer, struct slice name, struct slice value);
/* Content-Length. */
void http1_write_length(struct http1_writer *writer, uint64_t length);
/* Lines made beforehand and trusted to be whole, CRLF included: Date, Server. */
void http1_write_prebuilt(struct http1_writer *writer, struct slice lines);
/* The empty line. */
void http1_write_end(struct http1_writer *writer);

#endif
