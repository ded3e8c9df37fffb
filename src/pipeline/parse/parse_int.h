/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIPELINE_PARSE_PARSE_INT_H
#define WEIR_PIPELINE_PARSE_PARSE_INT_H

#include "pipeline/request.h"

/* content_coding.c: the body is coded as Content-Encoding says. Puts a sink in front of request->sink, or of
 * request->body if there is none, that takes the coding off. FAIL when it cannot be taken off. */
enum verdict content_coding_begin(struct request *request);

#endif
