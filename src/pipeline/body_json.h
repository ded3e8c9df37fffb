/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of JSON, for whichever stage wants them: which are, and a request's as a document. */
#ifndef WEIR_PIPELINE_BODY_JSON_H
#define WEIR_PIPELINE_BODY_JSON_H

#include "pipeline/request.h"

enum body_kind {
    BODY_JSON,   /* application/json, or anything with the suffix +json (RFC 6839) */
    BODY_EVENTS, /* text/event-stream: of no length that anybody could wait for */
    BODY_OTHER,
};

/* By its Content-Type. */
enum body_kind body_kind_of(struct slice content_type);

/* What a text of JSON from outside is read by: depth, no duplicate keys. */
struct json_limits body_json_limits(const struct request *request, struct slice text);
/* Where the route runs a model on tensors and a header says how much of the body is JSON, makes `body` that and body_tail
 * what stands behind it; once, and before anybody reads the body. FAIL when the header says what cannot be. */
enum verdict body_split(struct request *request);
/* The body of the request, complete by now, parsed once however many stages ask. As json_parse; the request has not failed. */
MUST_USE enum err body_json_parse(struct request *request, yyjson_val **ret_root, struct json_fault *ret_fault);
/* The same. FAIL with line and column. */
enum verdict body_json(struct request *request, yyjson_val **ret_root);

#endif
