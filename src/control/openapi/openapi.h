/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration serves, as an OpenAPI 3.1 document.
 *
 * Made from the snapshot that the data plane runs: routes, middlewares, contracts, and what the loaded models say of
 * themselves. There is no second description that could say something else.
 *
 * Sources: https://spec.openapis.org/oas/v3.1.1, JSON Schema 2020-12. */
#ifndef WEIR_CONTROL_OPENAPI_OPENAPI_H
#define WEIR_CONTROL_OPENAPI_OPENAPI_H

#include "lib/base/arena.h"
#include "pipeline/config.h"

#define OPENAPI_BYTES_MAX ((size_t)256 << 20) /* of memory that making a document takes */

enum openapi_form { OPENAPI_JSON, OPENAPI_YAML };

/* The document, in the arena; the caller holds a reference to the configuration. Models that are not READY are told of
 * without their tensors. Any thread but a worker; milliseconds. ERR_NOMEM. */
MUST_USE enum err openapi_write(const struct config *config, enum openapi_form form, struct arena *arena,
                                struct slice *ret_text);
/* The same as heap memory that the caller frees. */
MUST_USE enum err openapi_render(const struct config *config, enum openapi_form form, char **ret_text,
                                 size_t *ret_bytes);

#endif
