/* SPDX-License-Identifier: Apache-2.0 */
/* From the graph of schemas to the program that runs: what schema_compile ends with. */
#ifndef WEIR_LIB_SCHEMA_EMIT_INT_H
#define WEIR_LIB_SCHEMA_EMIT_INT_H

#include "lib/schema/graph_int.h"

/* The program of `root` and all that it reaches. `options` (NULL: those of the settings) are in force where no
 * x-openapi-validation says otherwise. The schema keeps nothing of the graph: all texts and values are copied. Sets
 * `emitted` of the nodes that it visits, and clears it before it returns. Expects each keyword to have the form that its
 * metaschema asks for, and ignores those that have not, but tells faults of patterns that do not compile, of
 * x-openapi-validation and of defaults that would be added and are not valid. ERR_INVALID, ERR_LIMIT: with a fault; ERR_NOMEM. */
MUST_USE enum err emit_program(struct graph *graph, struct schema_node *root, const struct schema_settings *settings,
                               const struct schema_options *options, struct schema **ret_schema);

#endif
