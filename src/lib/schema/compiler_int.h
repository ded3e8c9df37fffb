/* SPDX-License-Identifier: Apache-2.0 */
/* What compiler.c and compiler_check.c share. */
#ifndef WEIR_LIB_SCHEMA_COMPILER_INT_H
#define WEIR_LIB_SCHEMA_COMPILER_INT_H

#include "lib/schema/graph_state_int.h"

struct schema_compiler {
    struct schema_settings settings;
    struct graph *graph;
    struct pool pool;     /* of `scratch` */
    struct arena scratch; /* of one check */
    struct regex_work *regex;
    bool has_searched; /* for a metaschema, so that what the last search came to is forgotten */
};

/* Holds what the last search came to against its metaschemas; what is wrong becomes faults. ERR_OK also then; ERR_NOMEM,
 * ERR_LIMIT. */
MUST_USE enum err compiler_check(struct schema_compiler *compiler);
/* suspects.c: what looks like a slip in the schemas of a search that went well, as faults. */
void suspects_tell(struct graph *graph);

#endif
