/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/graph_state_int.h"

#define KEYWORD(name, shape, first, last, is_in_place)                                                                 \
    {{name, sizeof(name) - 1}, SHAPE_##shape, SCHEMA_DRAFT_##first, SCHEMA_DRAFT_##last, is_in_place}

/* "definitions" and "dependencies" are no keywords since 2019-09, but its metaschema and that of 2020-12 still hold them to
 * their old form, and schemas still use them. */
static const struct subschema_keyword keywords[] = {
    KEYWORD("$defs", MAP, 2019_09, 2020_12, false),
    KEYWORD("definitions", MAP, 7, 2020_12, false),
    KEYWORD("properties", MAP, 7, 2020_12, false),
    KEYWORD("patternProperties", MAP, 7, 2020_12, false),
    KEYWORD("additionalProperties", ONE, 7, 2020_12, false),
    KEYWORD("propertyNames", ONE, 7, 2020_12, false),
    KEYWORD("unevaluatedProperties", ONE, 2019_09, 2020_12, false),
    KEYWORD("prefixItems", LIST, 2020_12, 2020_12, false),
    KEYWORD("items", ONE, 2020_12, 2020_12, false),
    KEYWORD("items", ONE_OR_LIST, 7, 2019_09, false),
    KEYWORD("additionalItems", ONE, 7, 2019_09, false),
    KEYWORD("contains", ONE, 7, 2020_12, false),
    KEYWORD("unevaluatedItems", ONE, 2019_09, 2020_12, false),
    KEYWORD("contentSchema", ONE, 2019_09, 2020_12, false),
    KEYWORD("dependentSchemas", MAP, 2019_09, 2020_12, true),
    KEYWORD("dependencies", MAP, 7, 2020_12, true),
    KEYWORD("allOf", LIST, 7, 2020_12, true),
    KEYWORD("anyOf", LIST, 7, 2020_12, true),
    KEYWORD("oneOf", LIST, 7, 2020_12, true),
    KEYWORD("not", ONE, 7, 2020_12, true),
    KEYWORD("if", ONE, 7, 2020_12, true),
    KEYWORD("then", ONE, 7, 2020_12, true),
    KEYWORD("else", ONE, 7, 2020_12, true),
};

const struct subschema_keyword *subschema_keyword_find(struct slice name, enum schema_draft draft)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (slice_equal(keywords[i].name, name) && draft >= keywords[i].first && draft <= keywords[i].last)
            return &keywords[i];
    return NULL;
}

struct subschema_iter subschema_iter_begin(yyjson_val *schema, enum schema_draft draft)
{
    struct subschema_iter iter = {.draft = draft, .members = yyjson_obj_iter_with(schema)};
    /* Draft 7: what stands beside $ref is ignored. Definitions beside it are common nevertheless. */
    iter.only_definitions = draft == SCHEMA_DRAFT_7 && yyjson_is_str(json_get(schema, SLICE_LIT("$ref")));
    return iter;
}

static bool is_schema(yyjson_val *value)
{
    return yyjson_is_obj(value) || yyjson_is_bool(value);
}

/* The next of the list or map that is open. */
static bool next_inside(struct subschema_iter *iter, struct subschema *ret_subschema)
{
    yyjson_val *value;
    if (iter->is_map) {
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter->map)) != NULL;) {
            value = yyjson_obj_iter_get_val(key);
            if (!is_schema(value))
                continue;
            *ret_subschema = (struct subschema){iter->keyword, json_text(key), SIZE_MAX, value};
            return true;
        }
        return false;
    }
    while ((value = yyjson_arr_iter_next(&iter->list)) != NULL) {
        if (!is_schema(value))
            continue;
        *ret_subschema = (struct subschema){iter->keyword, {NULL, 0}, iter->list.idx - 1, value};
        return true;
    }
    return false;
}

/* Opens what a keyword holds; a single schema is told at once. */
static bool open_keyword(struct subschema_iter *iter, yyjson_val *value, struct subschema *ret_subschema)
{
    enum subschema_shape shape = iter->keyword->shape;
    iter->is_map = shape == SHAPE_MAP;
    if (iter->is_map && yyjson_is_obj(value)) {
        iter->map = yyjson_obj_iter_with(value);
        return next_inside(iter, ret_subschema);
    }
    if ((shape == SHAPE_LIST || shape == SHAPE_ONE_OR_LIST) && yyjson_is_arr(value)) {
        iter->list = yyjson_arr_iter_with(value);
        return next_inside(iter, ret_subschema);
    }
    const struct subschema_keyword *keyword = iter->keyword;
    iter->keyword = NULL;
    if ((shape != SHAPE_ONE && shape != SHAPE_ONE_OR_LIST) || !is_schema(value))
        return false;
    *ret_subschema = (struct subschema){keyword, {NULL, 0}, SIZE_MAX, value};
    return true;
}

bool subschema_iter_next(struct subschema_iter *iter, struct subschema *ret_subschema)
{
    if (iter->keyword && next_inside(iter, ret_subschema))
        return true;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter->members)) != NULL;) {
        iter->keyword = subschema_keyword_find(json_text(key), iter->draft);
        if (iter->keyword && iter->only_definitions && !slice_is(iter->keyword->name, "definitions"))
            iter->keyword = NULL;
        if (iter->keyword && open_keyword(iter, yyjson_obj_iter_get_val(key), ret_subschema))
            return true;
    }
    iter->keyword = NULL;
    return false;
}
