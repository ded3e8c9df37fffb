/* SPDX-License-Identifier: Apache-2.0 */
/* The types that a schema allows, without running it. Whatever else a schema says narrows them further, so what is told here
 * is never too little. */
#include "lib/schema/compiler_int.h"

#define DEPTH_MAX 16   /* of references and combinations; deeper, anything may be */
#define STEPS_MAX 4096 /* of one shape: what combines itself with itself would never end */

struct shaping {
    struct graph *graph;
    uint32_t steps_left;
};

static uint32_t types_of(struct shaping *shaping, struct schema_node *node, unsigned depth);

static uint32_t type_named(struct slice name)
{
    static const struct {
        const char *name;
        uint32_t types;
    } rows[] = {
        {"null", SCHEMA_TYPE_NULL},       {"boolean", SCHEMA_TYPE_BOOLEAN},
        {"integer", SCHEMA_TYPE_INTEGER}, {"number", SCHEMA_TYPE_NUMBER | SCHEMA_TYPE_INTEGER},
        {"string", SCHEMA_TYPE_STRING},   {"array", SCHEMA_TYPE_ARRAY},
        {"object", SCHEMA_TYPE_OBJECT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_is(name, rows[i].name))
            return rows[i].types;
    return 0;
}

static uint32_t types_by_type(yyjson_val *type)
{
    uint32_t types = type_named(json_text(type));
    size_t index;
    size_t max;
    yyjson_val *item;
    if (!yyjson_is_arr(type))
        return types ? types : SCHEMA_TYPE_ANY;
    yyjson_arr_foreach(type, index, max, item) types |= type_named(json_text(item));
    return types;
}

/* A number is taken for an integer too when it may be one: 1.0 is. */
static uint32_t type_of_value(yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return SCHEMA_TYPE_NULL;
    case YYJSON_TYPE_BOOL:
        return SCHEMA_TYPE_BOOLEAN;
    case YYJSON_TYPE_STR:
        return SCHEMA_TYPE_STRING;
    case YYJSON_TYPE_ARR:
        return SCHEMA_TYPE_ARRAY;
    case YYJSON_TYPE_OBJ:
        return SCHEMA_TYPE_OBJECT;
    default:
        return SCHEMA_TYPE_NUMBER | SCHEMA_TYPE_INTEGER;
    }
}

static uint32_t types_by_enum(yyjson_val *values)
{
    uint32_t types = 0;
    size_t index;
    size_t max;
    yyjson_val *value;
    if (!yyjson_is_arr(values))
        return SCHEMA_TYPE_ANY;
    yyjson_arr_foreach(values, index, max, value) types |= type_of_value(value);
    return types;
}

static uint32_t types_by_list(struct shaping *shaping, struct schema_node *node, yyjson_val *list, unsigned depth,
                              bool is_all)
{
    uint32_t types = is_all ? SCHEMA_TYPE_ANY : 0;
    size_t index;
    size_t max;
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return SCHEMA_TYPE_ANY;
    yyjson_arr_foreach(list, index, max, item)
    {
        uint32_t part = types_of(shaping, graph_subschema(shaping->graph, node, item), depth + 1);
        types = is_all ? types & part : types | part;
    }
    return types;
}

static uint32_t types_of(struct shaping *shaping, struct schema_node *node, unsigned depth)
{
    uint32_t types = SCHEMA_TYPE_ANY;
    if (yyjson_is_false(node->value))
        return 0;
    if (depth == DEPTH_MAX || !shaping->steps_left || !yyjson_is_obj(node->value))
        return types;
    shaping->steps_left--;
    if (node->ref)
        types &= types_of(shaping, node->ref, depth + 1);
    if (node->ref && node->ignores_siblings)
        return types;
    yyjson_val *type = json_get(node->value, SLICE_LIT("type"));
    yyjson_val *constant = json_get(node->value, SLICE_LIT("const"));
    if (type)
        types &= types_by_type(type);
    if (constant)
        types &= type_of_value(constant);
    types &= types_by_enum(json_get(node->value, SLICE_LIT("enum")));
    types &= types_by_list(shaping, node, json_get(node->value, SLICE_LIT("allOf")), depth, true);
    types &= types_by_list(shaping, node, json_get(node->value, SLICE_LIT("anyOf")), depth, false);
    types &= types_by_list(shaping, node, json_get(node->value, SLICE_LIT("oneOf")), depth, false);
    return types;
}

/* --- what is below the root -------------------------------------------------------------------------------------- */

/* The types that a keyword's schema allows; anything when the keyword is not there. */
static uint32_t types_below(struct shaping *shaping, struct schema_node *node, const char *keyword)
{
    yyjson_val *value = json_get(node->value, slice_of_text(keyword));
    if (!yyjson_is_obj(value) && !yyjson_is_bool(value))
        return SCHEMA_TYPE_ANY;
    return types_of(shaping, graph_subschema(shaping->graph, node, value), 0);
}

static void add_property(struct schema_shape *shape, struct slice name, uint32_t types)
{
    for (uint32_t i = 0; i < shape->property_count; i++)
        if (slice_equal(shape->properties[i].name, name)) {
            shape->properties[i].types &= types;
            return;
        }
    shape->properties[shape->property_count++] = (struct schema_property){name, types};
}

static enum err add_properties(struct shaping *shaping, struct schema_node *node, struct arena *arena,
                               struct schema_shape *shape)
{
    yyjson_val *properties = json_get(node->value, SLICE_LIT("properties"));
    size_t index;
    size_t max;
    yyjson_val *key;
    yyjson_val *value;
    if (!yyjson_is_obj(properties))
        return ERR_OK;
    struct schema_property *grown =
        arena_alloc_array(arena, shape->property_count + yyjson_obj_size(properties), sizeof *grown);
    if (!grown)
        return ERR_NOMEM;
    if (shape->property_count)
        memcpy(grown, shape->properties, shape->property_count * sizeof *grown);
    shape->properties = grown;
    yyjson_obj_foreach(properties, index, max, key, value)
    {
        struct slice name = arena_copy(arena, json_text(key));
        if (!name.ptr)
            return ERR_NOMEM;
        add_property(shape, name, types_of(shaping, graph_subschema(shaping->graph, node, value), 0));
    }
    return ERR_OK;
}

/* The schema itself, what it refers to, and what allOf adds. What stands in branches is not known to hold. */
static enum err add_shape(struct shaping *shaping, struct schema_node *node, struct arena *arena, unsigned depth,
                          struct schema_shape *shape)
{
    if (depth == DEPTH_MAX || !shaping->steps_left || !yyjson_is_obj(node->value))
        return ERR_OK;
    shaping->steps_left--;
    if (node->ref)
        TRY(add_shape(shaping, node->ref, arena, depth + 1, shape));
    if (node->ref && node->ignores_siblings)
        return ERR_OK;
    shape->item_types &= types_below(shaping, node, "items");
    shape->member_types &= types_below(shaping, node, "additionalProperties");
    TRY(add_properties(shaping, node, arena, shape));
    yyjson_val *all = json_get(node->value, SLICE_LIT("allOf"));
    for (size_t i = 0; yyjson_is_arr(all) && i < yyjson_arr_size(all); i++)
        TRY(add_shape(shaping, graph_subschema(shaping->graph, node, yyjson_arr_get(all, i)), arena, depth + 1, shape));
    return ERR_OK;
}

enum err schema_compiler_shape(struct schema_compiler *compiler, struct slice uri, struct arena *arena,
                               struct schema_shape *ret_shape)
{
    struct shaping shaping = {.graph = compiler->graph, .steps_left = STEPS_MAX};
    struct schema_node *node;
    graph_faults_clear(compiler->graph);
    TRY(graph_find(compiler->graph, uri, &node));
    struct schema_shape shape = {
        .types = types_of(&shaping, node, 0), .item_types = SCHEMA_TYPE_ANY, .member_types = SCHEMA_TYPE_ANY};
    TRY(add_shape(&shaping, node, arena, 0, &shape));
    *ret_shape = shape;
    return ERR_OK;
}
