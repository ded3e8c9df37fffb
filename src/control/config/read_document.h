/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may be JSON or YAML, such as OpenAPI documents, as JSON documents. */
#ifndef WEIR_CONTROL_CONFIG_READ_DOCUMENT_H
#define WEIR_CONTROL_CONFIG_READ_DOCUMENT_H

#include "lib/json/json.h"
#include "lib/yaml/report.h"

#define DOCUMENT_BYTES_MAX (16U << 20)
#define DOCUMENT_DEPTH_MAX 128
#define DOCUMENT_NODES_MAX 10000000

/* A file that begins with { or [ and does not end in .yaml or .yml is JSON; all else is YAML. A key that stands twice is
 * refused. ERR_INVALID: the report, initialised by the caller and used for this only, says what is wrong and where.
 * ERR_NOMEM. The document is in the arena. */
MUST_USE enum err document_read(const char *path, struct arena *arena, struct report *report,
                                struct json_document *ret_document);
/* The same of a text; `path` is for messages. */
MUST_USE enum err document_read_text(struct slice text, const char *path, struct arena *arena, struct report *report,
                                     struct json_document *ret_document);

/* A document that knows where its values stand. */
struct placed_document {
    yyjson_val *root;
    struct slice text;            /* borrowed */
    const struct yaml_node *yaml; /* NULL: it is JSON */
};

/* The same with numbers kept as they are written (json_limits.keeps_numbers). */
MUST_USE enum err document_read_placed(struct slice text, const char *path, struct arena *arena, struct report *report,
                                       struct placed_document *ret_document);
/* Where the value (or its key) stands that a pointer leads to; line 0: nowhere. Walks the text, if it is JSON. */
struct report_place document_place_of(const struct placed_document *document, struct slice pointer, bool is_key);

#endif
