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
};

struct changes {
    struct change *items;
    uint32_t count;
    uint32_t capacity;
    yyjson_val *copy;
    yyjson_val *copy_end;
};

#endif
