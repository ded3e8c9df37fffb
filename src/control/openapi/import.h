/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenAPI document, 3.0 or 3.1, in JSON or YAML, as a folder that weir serves: weir.yaml with a route for each
 * operation, and in schemas/ what bodies, parameters and responses have to look like, as JSON Schema 2020-12.
 *
 * Nothing is dropped in silence: what weir has no words for is told with its place in the document, and where a reader of
 * weir.yaml should know of it, in a comment there. */
#ifndef WEIR_CONTROL_OPENAPI_IMPORT_H
#define WEIR_CONTROL_OPENAPI_IMPORT_H

#include "lib/sys/tree.h"
#include "lib/yaml/report.h"

struct import_settings {
    const char *name;      /* of the document's file: for messages, and to tell JSON from YAML */
    struct slice upstream; /* http://host:port or https://host:port in place of what the document says; may be empty */
};

struct import_result {
    const struct tree_file *files; /* weir.yaml is the first */
    uint32_t file_count;
    uint32_t route_count;
    uint32_t schema_count;
};

/* Whether it is an upstream that the settings take. */
bool import_upstream_is_valid(struct slice url);

/* Slices of the result are in the arena. The report is begun with the document's text; warnings are what was dropped or
 * changed. ERR_INVALID: it has errors, and there is no result. ERR_NOMEM. */
MUST_USE enum err import_openapi(struct slice text, const struct import_settings *settings, struct arena *arena,
                                 struct report *report, struct import_result *ret_result);

#endif
