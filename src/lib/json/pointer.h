/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Pointers (RFC 6901): from a pointer to the value, and to the place in the text. */
#ifndef WEIR_LIB_JSON_POINTER_H
#define WEIR_LIB_JSON_POINTER_H

#include "lib/json/json.h"

/* A place in a text, as editors show it. */
struct json_place {
    size_t byte;
    uint32_t line;   /* from 1; lines end with LF */
    uint32_t column; /* from 1, in characters */
};

/* The value that `pointer` ("" or "/a/0") names; NULL when there is none or it is no pointer. Of members with equal names
 * the first, as json_get. */
yyjson_val *json_pointer_find(yyjson_val *root, struct slice pointer);
/* Where in `text`, which is well-formed JSON, the value stands that json_pointer_find finds (`is_key`: its key; an item and
 * the root have none and stand for themselves). ERR_NOT_FOUND. */
MUST_USE enum err json_pointer_locate(struct slice text, struct slice pointer, bool is_key,
                                      struct json_place *ret_place);
/* The pointer to `value`, which is `root` or below it; appended to `ret_pointer`. Of a key, that of its value. Walks the
 * document. */
void json_pointer_of(yyjson_val *root, yyjson_val *value, struct text *ret_pointer);
/* The line and the column of a byte, which is at most the length of the text. */
struct json_place json_place_at(struct slice text, size_t byte);

#endif
