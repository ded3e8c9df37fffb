/* SPDX-License-Identifier: Apache-2.0 */
/* What is different between two OpenAPI documents, and what of it breaks the clients of the first.
 *
 * A request may not become narrower, a response not wider. Where a change cannot be told to be harmless (a pattern, a
 * condition) it is taken for one that breaks. */
#ifndef WEIR_CONTROL_OPENAPI_DIFF_H
#define WEIR_CONTROL_OPENAPI_DIFF_H

#include "lib/json/json.h"

#define DIFFERENCES_MAX 10000

struct difference {
    bool is_breaking;
    struct slice where; /* "POST /v1/users, request body application/json, /name" */
    struct slice what;  /* "is required now" */
};

struct differences {
    struct difference *items;
    uint32_t count;
    uint32_t breaking_count;
    bool is_cut;           /* there are more than DIFFERENCES_MAX */
    struct slice dangling; /* "#/components/…" of the document before that leads nowhere; empty: none was met */
};

/* Both are whole documents of OpenAPI 3.0 or 3.1; references within them are followed, others only compared. Texts are in
 * the arena. Never recurses deeper than documents nest. ERR_NOMEM. */
MUST_USE enum err openapi_diff(yyjson_val *before, yyjson_val *after, struct arena *arena,
                               struct differences *ret_differences);

#endif
