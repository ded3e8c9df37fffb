/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may be JSON or YAML, such as OpenAPI documents, as JSON documents. */
#ifndef WEIR_CONTROL_CONFIG_READ_DOCUMENT_H
#define WEIR_CONTROL_CONFIG_READ_DOCUMENT_H

#include "control/config/report.h"
#include "lib/json/json.h"

#define DOCUMENT_BYTES_MAX (16U << 20)
#define DOCUMENT_DEPTH_MAX 128
#define DOCUMENT_NODES_MAX 10000000

/* A file that begins with { or [ and does not end in .yaml or .yml is JSON; all else is YAML. A key that stands twice is
 * refused. ERR_INVALID: the report, initialised by the caller and used for this only, says what is wrong and where.
 * ERR_NOMEM. The document is in the arena. */
MUST_USE enum err document_read(const char *path, struct arena *arena, struct config_report *report,
                                struct json_document *ret_document);
/* The same of a text; `path` is for messages. */
MUST_USE enum err document_read_text(struct slice text, const char *path, struct arena *arena,
                                     struct config_report *report, struct json_document *ret_document);

#endif
