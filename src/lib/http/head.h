/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a message as every version of HTTP gives it: what was asked for or answered, the fields, and what they say
 * about the body. Made by http1_request_parse, http1_response_parse and the HTTP/2 codec; read by everybody else, who
 * need not know which it was. */
#ifndef WEIR_LIB_HTTP_HEAD_H
#define WEIR_LIB_HTTP_HEAD_H

#include "lib/http/fault.h"
#include "lib/http/http.h"

struct http_head {
    enum http_method method; /* this and the next two: of a request */
    struct slice method_text;
    struct slice target;
    struct slice host;       /* host [":" port]: of an absolute target, else the Host field; empty only in HTTP/1.0 */
    uint64_t present;        /* bit n: there is a field with id n */
    uint64_t repeated;       /* bit n: there is more than one */
    uint64_t content_length; /* 0 unless has_content_length */
    uint16_t status;         /* 0: a request */
    uint16_t header_count;
    uint8_t version_major; /* 1 or 2 */
    uint8_t version_minor; /* 0 or 1; HTTP/1.2 and higher are read as 1.1 (RFC 9110 section 2.5) */
    bool has_body; /* is_chunked, is_until_close, or content_length is not 0; a response may have none for all that */
    bool is_chunked;
    bool is_until_close; /* of a response: the body ends with the connection */
    bool has_content_length;
    bool is_target_plain;             /* known to be a canonical path and nothing else; false says nothing */
    bool expects_continue;            /* the sender is owed a 100 before it sends the body; never true without a body */
    bool is_keep_alive;               /* what the sender allows: the other side may still close */
    size_t head_bytes;                /* the body or the next request starts here */
    struct http_header *headers;      /* the caller's array */
    uint16_t first[HTTP_FIELD_COUNT]; /* index of the first header with this id, where `present` says so */
};

/* The first header with that id, or NULL. Not for HTTP_FIELD_OTHER's siblings: use http_head_find_name. */
static inline const struct http_header *http_head_find(const struct http_head *head, enum http_field field)
{
    return head->present >> field & 1 ? &head->headers[head->first[field]] : NULL;
}

/* The value of the first header with that id, or {NULL, 0}. An empty value has a pointer. */
static inline struct slice http_head_value(const struct http_head *head, enum http_field field)
{
    const struct http_header *header = http_head_find(head, field);
    return header ? header->value : (struct slice){NULL, 0};
}

/* The next header with the same id (for OTHER: with the same name), or NULL. */
const struct http_header *http_head_find_next(const struct http_head *head, const struct http_header *header);
/* The first header with that name, in any case of letters, or NULL. */
const struct http_header *http_head_find_name(const struct http_head *head, struct slice name);

/* The rest is for the codecs that make a head. */

/* Why a second field of an id that is single is refused (RFC 9112 sections 3.2 and 6.3), or NONE. */
enum http1_fault http_head_repeat_fault(enum http_field field);
/* Notes where a header with that id stands among the others. */
static inline enum http1_fault http_head_note(struct http_head *head, enum http_field field, uint32_t index)
{
    uint64_t bit = UINT64_C(1) << field;
    if (LIKELY(!(head->present & bit))) {
        head->present |= bit;
        head->first[field] = (uint16_t)index;
        return HTTP1_FAULT_NONE;
    }
    head->repeated |= bit;
    return http_head_repeat_fault(field);
}
/* Content-Length, where there is one: one decimal number. Sets has_body by it. */
enum http1_fault http_head_read_length(struct http_head *head);
/* Expect, where there is one. Needs has_body. Sets expects_continue, which is never true for HTTP/1.0. */
enum http1_fault http_head_read_expectation(struct http_head *head);

#endif
