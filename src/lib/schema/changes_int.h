/* SPDX-License-Identifier: Apache-2.0 */
/* What schema_adapt does to its copy of a document, so that it can be undone and told. */
#ifndef WEIR_LIB_SCHEMA_CHANGES_INT_H
#define WEIR_LIB_SCHEMA_CHANGES_INT_H

#include "lib/schema/walk_int.h"

struct change {
    enum schema_edit_kind kind;
    yyjson_val *at; /* in the copy, or in what has been added */
    yyjson_val was; /* of what is replaced; of the key that is removed */
    struct slice name;
    yyjson_val *value; /* what is added */
    uint32_t next;     /* of the same chain; CHANGES_END: the last */
};

#define CHANGES_END UINT32_MAX

struct changes {
    struct change *items;
    uint32_t count;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t *chains;  /* `capacity` of them: what has been added, by the object that it came to; the latest first */
    yyjson_val *copy;
    yyjson_val *copy_end;
};

/* For reading only, after which nothing may be added or undone: chains have the earliest first. */
void changes_settle(struct changes *changes);
/* The chain that has all of an object; CHANGES_END where there is none. */
uint32_t changes_chain(const struct changes *changes, const yyjson_val *object);

#endif
