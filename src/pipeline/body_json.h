/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body as a JSON document, for whichever stage wants it. */
#ifndef WEIR_PIPELINE_BODY_JSON_H
#define WEIR_PIPELINE_BODY_JSON_H

#include "pipeline/request.h"

/* What a text of JSON from outside is read by: depth, no duplicate keys. */
struct json_limits body_json_limits(const struct request *request, struct slice text);
/* The body, complete by now, parsed once however many stages ask. FAIL with line and column. */
enum verdict body_json(struct request *request, yyjson_val **ret_root);

#endif
