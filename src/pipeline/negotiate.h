/* SPDX-License-Identifier: Apache-2.0 */
/* What media types the client of a request wants (RFC 9110 section 12.5.1). */
#ifndef WEIR_PIPELINE_NEGOTIATE_H
#define WEIR_PIPELINE_NEGOTIATE_H

#include "pipeline/request.h"

/* All Accept fields as one list: they may be repeated. Empty: the client takes anything. Joined in the request's arena
 * when there are several; the first alone when it has no room. */
struct slice negotiate_accept(struct request *request);

/* VERDICT_NEXT when the client takes JSON, else VERDICT_FAIL with 406: to be asked before the work is done. */
enum verdict negotiate_json(struct request *request);

#endif
