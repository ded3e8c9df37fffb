/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration may say, printed from the rows that the loader reads: they cannot disagree. */
#ifndef WEIR_CONTROL_CONFIG_REFERENCE_H
#define WEIR_CONTROL_CONFIG_REFERENCE_H

#include "lib/base/buffer.h"

/* A page of Markdown: every table with its options, the middlewares, the endpoints. */
void config_reference_write(struct buffer *out);
/* The JSON Schema (draft 2020-12) of a configuration, for editors. `arena` is for the text. */
MUST_USE enum err config_schema_write(struct arena *arena, struct slice *ret_schema);

#endif
