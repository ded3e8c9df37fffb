/* SPDX-License-Identifier: Apache-2.0 */
/* The metaschemas of the standard, built in: a table that cmake/embed_metaschemas.cmake makes of the files in metaschemas/.
 *
 * The files are kept there as the JSON Schema organisation and the OpenAPI Initiative publish them, and not taken from a
 * package when weir is built: they say what a schema is, so they are part of what weir promises, and a package's update
 * must not change it; no package of Debian has those of OpenAPI; and they are 25 KB that never change. */
#ifndef WEIR_LIB_SCHEMA_METASCHEMAS_INT_H
#define WEIR_LIB_SCHEMA_METASCHEMAS_INT_H

#include "lib/base/slice.h"

struct metaschema {
    struct slice uri; /* without fragment */
    struct slice text;
};

extern const struct metaschema metaschemas[];
extern const size_t metaschema_count;

/* NULL: it is none of them. */
static inline const struct metaschema *metaschema_find(struct slice uri)
{
    for (size_t i = 0; i < metaschema_count; i++)
        if (slice_equal(metaschemas[i].uri, uri))
            return &metaschemas[i];
    return NULL;
}

#endif
