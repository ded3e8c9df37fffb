/* SPDX-License-Identifier: Apache-2.0 */
/* Conditional requests (RFC 9110 section 13) against the validators of what would be sent. */
#ifndef WEIR_LIB_HTTP_CONDITIONAL_H
#define WEIR_LIB_HTTP_CONDITIONAL_H

#include "lib/http/head.h"

struct http_validators {
    struct slice etag; /* as it is sent: "\"v1\"" or "W/\"v1\""; empty: none */
    int64_t modified_s;
    bool has_modified;
};

enum http_condition {
    HTTP_CONDITION_PROCEED,
    HTTP_CONDITION_NOT_MODIFIED, /* 304 */
    HTTP_CONDITION_FAILED,       /* 412 */
};

/* All preconditions but If-Range, in the order of section 13.2.2. There is a current representation: what does not
 * exist is answered without asking. */
enum http_condition http_condition_check(const struct http_head *head, const struct http_validators *validators);

/* Whether a Range field of the request counts: no If-Range, or one that holds (section 13.1.5). */
bool http_range_applies(const struct http_head *head, const struct http_validators *validators);

/* An entity tag of section 8.8.3, well-formed. */
bool http_etag_is_valid(struct slice etag);
/* Section 8.8.3.2. */
bool http_etag_equal_strong(struct slice a, struct slice b);
bool http_etag_equal_weak(struct slice a, struct slice b);

#endif
