/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of many documents and drafts as one flat set of 2020-12 schemas, for documents that hold schemas of others.
 *
 * Each schema that is asked for, and each that a reference leads to from there, gets a name; all references become
 * "PREFIX" NAME, and identifiers, anchors, definitions and keywords that neither the standard nor OpenAPI has go. What 2020-12 writes in another way is written so: lists of
 * `items`, `dependencies`, a `$ref` of draft 7 that hides what stands beside it.
 *
 * One thing is lost: a $dynamicRef or $recursiveRef leads to where it leads at first, since its target would depend on the
 * way by which it was reached. */
#ifndef WEIR_LIB_SCHEMA_BUNDLE_H
#define WEIR_LIB_SCHEMA_BUNDLE_H

#include "lib/schema/schema.h"

struct schema_bundle;

struct schema_bundle_settings {
    struct schema_settings schemas; /* its source is borrowed */
    struct slice prefix;            /* "#/components/schemas/" */
    /* Makes a name that no other schema has of one that would be good; it lives as long as the bundle. {NULL, 0}: no
     * memory. */
    struct slice (*name)(void *context, struct slice wanted);
    void *context;
};

MUST_USE enum err schema_bundle_create(const struct schema_bundle_settings *settings,
                                       struct schema_bundle **ret_bundle);
/* NULL is accepted. */
void schema_bundle_destroy(struct schema_bundle *bundle);

/* Writes {"$ref": …} to the schema at an absolute URI, which is in the bundle from then on; or the schema itself, with
 * references to what is. ERR_NOT_FOUND and ERR_INVALID, of what does not compile either; ERR_LIMIT; ERR_NOMEM. */
MUST_USE enum err schema_bundle_ref(struct schema_bundle *bundle, struct slice uri, struct json_writer *out);
MUST_USE enum err schema_bundle_write(struct schema_bundle *bundle, struct slice uri, struct json_writer *out);
/* Writes the next schema that has not been written; its references may add more. False: there is none left. */
bool schema_bundle_next(struct schema_bundle *bundle, struct json_writer *out, struct slice *ret_name);
/* ERR_NOMEM when a name or a place for it was missing; what was written is of no use then. */
MUST_USE enum err schema_bundle_error(const struct schema_bundle *bundle);

#endif
