/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of two documents: what was allowed and is no longer (narrower), what is allowed now (wider).
 *
 * A request that became narrower breaks who sends it; a response that became wider breaks who reads it. Keywords are
 * compared one by one, which is exact for what stands alone and an approximation for what depends on its neighbours; what
 * has no order (a pattern, a condition) counts as both when it changes. */
#include "control/openapi/diff_int.h"

#include "lib/json/compare.h"

#define DEPTH_MAX 200

enum change { CHANGE_NARROWER = 1, CHANGE_WIDER = 2, CHANGE_BOTH = 3 };

struct scope {
    struct diff *diff;
    enum direction direction;
};

static void compare(struct scope *scope, struct pair schemas);

static void tell(const struct scope *scope, enum change change, const char *what, const char *name)
{
    enum change breaks = scope->direction == DIRECTION_REQUEST ? CHANGE_NARROWER : CHANGE_WIDER;
    diff_add(scope->diff, change & breaks, "%s%s", name, what);
}

static bool is_true_schema(yyjson_val *schema)
{
    return !schema || yyjson_is_true(schema) || (yyjson_is_obj(schema) && yyjson_obj_size(schema) == 0);
}

/* --- types --------------------------------------------------------------------------------------------------------------- */

static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
#define TYPE_INTEGER 4U
#define TYPE_NUMBER  8U
#define TYPES_ALL    127U

static uint32_t type_bit(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_is(name, types[i]))
            return types[i][0] == 'n' && types[i][2] == 'm' ? TYPE_NUMBER | TYPE_INTEGER : 1U << i;
    return 0;
}

/* Bits by the order of `types`; a number may be an integer. `nullable` is of OpenAPI 3.0. */
static uint32_t types_of(yyjson_val *schema)
{
    yyjson_val *type = json_get(schema, SLICE_LIT("type"));
    uint32_t bits = type_bit(json_text(type));
    if (!type)
        return TYPES_ALL;
    yyjson_arr_iter iter = yyjson_arr_iter_with(type);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        bits |= type_bit(json_text(item));
    return bits | (yyjson_is_true(json_get(schema, SLICE_LIT("nullable"))) ? 1U : 0);
}

static void compare_types(const struct scope *scope, struct pair schemas)
{
    uint32_t before = types_of(schemas.before);
    uint32_t after = types_of(schemas.after);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        bool was = before >> i & 1;
        bool is = after >> i & 1;
        if (was != is)
            tell(scope, was ? CHANGE_NARROWER : CHANGE_WIDER,
                 was ? " is no longer one of the types" : " is one of the types now", types[i]);
    }
}

/* --- values -------------------------------------------------------------------------------------------------------------- */

static bool has_value(yyjson_val *values, yyjson_val *wanted)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(values);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        if (pair_is_equal((struct pair){item, wanted}))
            return true;
    return false;
}

static void compare_enum(const struct scope *scope, struct pair schemas)
{
    struct pair lists = pair_get(schemas, "enum");
    if (!lists.before && !lists.after)
        return;
    if (!lists.before || !lists.after) {
        tell(scope, lists.after ? CHANGE_NARROWER : CHANGE_WIDER, lists.after ? "is new" : "is gone", "enum ");
        return;
    }
    bool is_less = false;
    bool is_more = false;
    yyjson_arr_iter iter = yyjson_arr_iter_with(lists.before);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        is_less |= !has_value(lists.after, item);
    iter = yyjson_arr_iter_with(lists.after);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        is_more |= !has_value(lists.before, item);
    if (is_less)
        tell(scope, CHANGE_NARROWER, "lacks values that were in it", "enum ");
    if (is_more)
        tell(scope, CHANGE_WIDER, "has more values", "enum ");
}

/* Bounds, and what a change upward means. */
static const struct bound {
    const char *name;
    enum change upward;
} bounds[] = {
    {"minimum", CHANGE_NARROWER},       {"exclusiveMinimum", CHANGE_NARROWER},
    {"maximum", CHANGE_WIDER},          {"exclusiveMaximum", CHANGE_WIDER},
    {"minLength", CHANGE_NARROWER},     {"maxLength", CHANGE_WIDER},
    {"minItems", CHANGE_NARROWER},      {"maxItems", CHANGE_WIDER},
    {"minProperties", CHANGE_NARROWER}, {"maxProperties", CHANGE_WIDER},
    {"maxContains", CHANGE_WIDER},
};
static const struct bound min_contains = {"minContains", CHANGE_NARROWER};

static void compare_bound(const struct scope *scope, const struct bound *bound, struct pair values)
{
    if (pair_is_equal(values))
        return;
    bool are_numbers =
        (!values.before || json_is_number(values.before)) && (!values.after || json_is_number(values.after));
    enum change downward = bound->upward == CHANGE_NARROWER ? CHANGE_WIDER : CHANGE_NARROWER;
    if (!are_numbers) /* OpenAPI 3.0 has exclusiveMinimum as a flag */
        tell(scope, CHANGE_BOTH, " is another", bound->name);
    else if (!values.before)
        tell(scope, CHANGE_NARROWER, " is new", bound->name);
    else if (!values.after)
        tell(scope, CHANGE_WIDER, " is gone", bound->name);
    else if (json_compare_numbers(values.after, values.before) > 0)
        tell(scope, bound->upward, " is larger", bound->name);
    else
        tell(scope, downward, " is smaller", bound->name);
}

/* Keywords that only narrow by being there, and that have no order. */
static const char *const atoms[] = {"pattern", "multipleOf", "format", "uniqueItems", "contentEncoding"};

/* false stands for uniqueItems that is not there; of const it is a value. */
static bool is_absent(const char *name, yyjson_val *value)
{
    return !value || (yyjson_is_false(value) && strcmp(name, "const") != 0);
}

static void compare_atom(const struct scope *scope, const char *name, struct pair values)
{
    if (pair_is_equal(values) || (is_absent(name, values.before) && is_absent(name, values.after)))
        return;
    if (is_absent(name, values.before))
        tell(scope, CHANGE_NARROWER, " is new", name);
    else if (is_absent(name, values.after))
        tell(scope, CHANGE_WIDER, " is gone", name);
    else
        tell(scope, CHANGE_BOTH, " is another", name);
}

/* Without minContains one item has to be there. */
static void compare_min_contains(const struct scope *scope, const struct bound *bound, struct pair schemas)
{
    yyjson_val one = {0};
    struct pair values = pair_get(schemas, bound->name);
    struct pair contains = pair_get(schemas, "contains");
    (void)yyjson_set_uint(&one, 1);
    if (contains.before && !values.before)
        values.before = &one;
    if (contains.after && !values.after)
        values.after = &one;
    if (contains.before && contains.after)
        compare_bound(scope, bound, values);
}

static void compare_values(const struct scope *scope, struct pair schemas)
{
    compare_types(scope, schemas);
    compare_enum(scope, schemas);
    compare_atom(scope, "const", pair_get(schemas, "const"));
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        compare_bound(scope, &bounds[i], pair_get(schemas, bounds[i].name));
    compare_min_contains(scope, &min_contains, schemas);
    for (size_t i = 0; i < ARRAY_LEN(atoms); i++)
        compare_atom(scope, atoms[i], pair_get(schemas, atoms[i]));
}

/* --- objects ------------------------------------------------------------------------------------------------------------- */

static void compare_required(const struct scope *scope, struct pair schemas)
{
    struct pair lists = pair_get(schemas, "required");
    yyjson_arr_iter iter = yyjson_arr_iter_with(lists.before);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        if (has_value(lists.after, item))
            continue;
        size_t where = diff_enter(scope->diff, "/" SLICE_FMT, SLICE_ARG(diff_shown(json_text(item))));
        tell(scope, CHANGE_WIDER, "is not required any more", "");
        diff_leave(scope->diff, where);
    }
    iter = yyjson_arr_iter_with(lists.after);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        if (has_value(lists.before, item))
            continue;
        size_t where = diff_enter(scope->diff, "/" SLICE_FMT, SLICE_ARG(diff_shown(json_text(item))));
        tell(scope, CHANGE_NARROWER, "is required now", "");
        diff_leave(scope->diff, where);
    }
}

static bool is_closed(yyjson_val *schema)
{
    return yyjson_is_false(json_get(schema, SLICE_LIT("additionalProperties"))) ||
           yyjson_is_false(json_get(schema, SLICE_LIT("unevaluatedProperties")));
}

/* What members that are not named have to be, if that is said by a schema. */
static yyjson_val *further_of(yyjson_val *schema)
{
    yyjson_val *additional = json_get(schema, SLICE_LIT("additionalProperties"));
    yyjson_val *further = additional ? additional : json_get(schema, SLICE_LIT("unevaluatedProperties"));
    return yyjson_is_obj(further) && yyjson_obj_size(further) ? further : NULL;
}

/* A member that only one of the two names: the other takes it as any further one. Where those are open, a client that
 * did not know of it is not concerned; where they have a schema, that is what the member is compared with. */
static void compare_lone_property(struct scope *scope, struct pair schemas, struct pair property)
{
    bool is_new = property.after != NULL;
    struct pair known = {is_new ? further_of(schemas.before) : property.before,
                         is_new ? property.after : further_of(schemas.after)};
    if (is_new)
        tell(scope, is_closed(schemas.before) ? CHANGE_WIDER : (enum change)0, "is new", "");
    else
        tell(scope, is_closed(schemas.after) ? CHANGE_NARROWER : (enum change)0, "is not told of any more", "");
    if (known.before && known.after)
        compare(scope, known);
}

static void compare_properties(struct scope *scope, struct pair schemas)
{
    struct pair maps = pair_get(schemas, "properties");
    yyjson_obj_iter iter = yyjson_obj_iter_with(maps.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct pair property = {yyjson_obj_iter_get_val(key), json_get(maps.after, json_text(key))};
        size_t where = diff_enter(scope->diff, "/" SLICE_FMT, SLICE_ARG(diff_shown(json_text(key))));
        if (property.after)
            compare(scope, property);
        else
            compare_lone_property(scope, schemas, property);
        diff_leave(scope->diff, where);
    }
    iter = yyjson_obj_iter_with(maps.after);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (json_get(maps.before, json_text(key)))
            continue;
        size_t where = diff_enter(scope->diff, "/" SLICE_FMT, SLICE_ARG(diff_shown(json_text(key))));
        compare_lone_property(scope, schemas, (struct pair){NULL, yyjson_obj_iter_get_val(key)});
        diff_leave(scope->diff, where);
    }
}

/* --- schemas within ------------------------------------------------------------------------------------------------------ */

/* What stands for every item or member that nothing else names. */
static void compare_inner(struct scope *scope, const char *name, struct pair schemas)
{
    struct pair inner = pair_get(schemas, name);
    if (!inner.before && !inner.after)
        return;
    size_t where = diff_enter(scope->diff, "/(%s)", name);
    compare(scope, inner);
    diff_leave(scope->diff, where);
}

static void compare_prefix(struct scope *scope, struct pair schemas)
{
    struct pair lists = pair_get(schemas, "prefixItems");
    size_t before = yyjson_arr_size(lists.before);
    size_t after = yyjson_arr_size(lists.after);
    for (size_t i = 0; i < MAX(before, after); i++) {
        struct pair items = {i < before ? yyjson_arr_get(lists.before, i)
                                        : json_get(schemas.before, SLICE_LIT("items")),
                             i < after ? yyjson_arr_get(lists.after, i) : json_get(schemas.after, SLICE_LIT("items"))};
        size_t where = diff_enter(scope->diff, "/%zu", i);
        compare(scope, items);
        diff_leave(scope->diff, where);
    }
}

/* How many of one list have no equal in the other: of those before, or of those after. */
static size_t count_lone(struct diff *diff, struct pair lists, bool is_before)
{
    size_t count = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(is_before ? lists.before : lists.after);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        bool has_equal = false;
        yyjson_arr_iter inner = yyjson_arr_iter_with(is_before ? lists.after : lists.before);
        for (yyjson_val *other; !has_equal && (other = yyjson_arr_iter_next(&inner));)
            has_equal =
                diff_schemas_are_equal(diff, is_before ? (struct pair){item, other} : (struct pair){other, item});
        count += !has_equal;
    }
    return count;
}

/* Lists of the same length are compared one by one; of others those that have no equal on the other side are told. In
 * anyOf and oneOf more alternatives are wider, in allOf more demands are narrower. */
static void compare_list(struct scope *scope, const char *name, enum change more, struct pair schemas)
{
    struct pair lists = pair_get(schemas, name);
    if (!lists.before && !lists.after)
        return;
    size_t where = diff_enter(scope->diff, "/(%s)", name);
    size_t gone = count_lone(scope->diff, lists, true);
    size_t added = count_lone(scope->diff, lists, false);
    if (!lists.before != !lists.after) {
        tell(scope, lists.after ? CHANGE_NARROWER : CHANGE_WIDER, lists.after ? "is new" : "is gone", "");
    } else if (yyjson_arr_size(lists.before) == yyjson_arr_size(lists.after)) {
        for (size_t i = 0; (gone || added) && i < yyjson_arr_size(lists.before); i++)
            compare(scope, (struct pair){yyjson_arr_get(lists.before, i), yyjson_arr_get(lists.after, i)});
    } else {
        if (gone)
            tell(scope, more == CHANGE_WIDER ? CHANGE_NARROWER : CHANGE_WIDER, "lacks what was in it", "");
        if (added)
            tell(scope, more, "has more in it", "");
    }
    diff_leave(scope->diff, where);
}

/* Conditions: no telling what they do to the whole. */
static const char *const conditions[] = {"not",
                                         "if",
                                         "then",
                                         "else",
                                         "contains",
                                         "propertyNames",
                                         "patternProperties",
                                         "dependentSchemas",
                                         "dependentRequired",
                                         "unevaluatedProperties",
                                         "unevaluatedItems"};

static void compare_conditions(const struct scope *scope, struct pair schemas)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        struct pair values = pair_get(schemas, conditions[i]);
        if (!diff_keywords_are_equal(scope->diff, conditions[i], values))
            tell(scope, CHANGE_BOTH, " is another", conditions[i]);
    }
}

static void compare_objects(struct scope *scope, struct pair schemas)
{
    compare_values(scope, schemas);
    compare_required(scope, schemas);
    compare_properties(scope, schemas);
    compare_inner(scope, "additionalProperties", schemas);
    compare_inner(scope, "items", schemas);
    compare_prefix(scope, schemas);
    compare_list(scope, "allOf", CHANGE_NARROWER, schemas);
    compare_list(scope, "anyOf", CHANGE_WIDER, schemas);
    compare_list(scope, "oneOf", CHANGE_WIDER, schemas);
    compare_conditions(scope, schemas);
}

/* False: the pair is being compared, or has been, in this direction. */
static bool note_seen(struct scope *scope, struct pair schemas)
{
    struct diff *diff = scope->diff;
    const struct {
        struct pair schemas;
        uintptr_t direction;
    } key = {schemas, scope->direction};
    struct slice copy = arena_copy(diff->arena, slice_of(&key, sizeof key));
    enum err err = copy.ptr ? map_add(&diff->seen, copy, diff) : ERR_NOMEM;
    if (err == ERR_NOMEM)
        diff->err = ERR_NOMEM;
    return err == ERR_OK;
}

/* A reference with keywords beside it demands both. What it leads to is compared with what the other's leads to, or with
 * the other itself, and what stands beside it on its own. */
static void compare_with_reference(struct scope *scope, struct pair schemas)
{
    struct diff *diff = scope->diff;
    struct pair targets = {diff_target(diff, diff->roots.before, schemas.before),
                           diff_target(diff, diff->roots.after, schemas.after)};
    struct pair beside = {targets.before || !targets.after ? schemas.before : NULL,
                          targets.after || !targets.before ? schemas.after : NULL};
    struct pair references = pair_get(schemas, "$ref");
    if (targets.before || targets.after)
        compare(scope, (struct pair){targets.before ? targets.before : schemas.before,
                                     targets.after ? targets.after : schemas.after});
    else if (!pair_is_equal(references))
        tell(scope, CHANGE_BOTH, " is another", "$ref");
    compare_objects(scope, beside);
}

static void compare(struct scope *scope, struct pair schemas)
{
    struct diff *diff = scope->diff;
    struct pair resolved = {diff_resolve_schema(diff, diff->roots.before, schemas.before),
                            diff_resolve_schema(diff, diff->roots.after, schemas.after)};
    bool has_reference =
        json_get(resolved.before, SLICE_LIT("$ref")) != NULL || json_get(resolved.after, SLICE_LIT("$ref")) != NULL;
    bool is_reference = has_reference || resolved.before != schemas.before || resolved.after != schemas.after;
    bool was_false = yyjson_is_false(resolved.before);
    if (diff->err != ERR_OK || diff->depth == DEPTH_MAX || (is_reference && !note_seen(scope, resolved)))
        return;
    if (is_true_schema(resolved.before) && is_true_schema(resolved.after))
        return;
    if (was_false || yyjson_is_false(resolved.after)) {
        if (was_false != yyjson_is_false(resolved.after))
            tell(scope, was_false ? CHANGE_WIDER : CHANGE_NARROWER,
                 was_false ? "is allowed now" : "is not allowed any more", "");
        return;
    }
    diff->depth++;
    if (has_reference)
        compare_with_reference(scope, resolved);
    else
        compare_objects(scope, resolved);
    diff->depth--;
}

void diff_schemas(struct diff *diff, struct pair schemas, enum direction direction)
{
    struct scope scope = {diff, direction};
    size_t where = diff_enter(diff, " #");
    compare(&scope, schemas);
    diff_leave(diff, where);
}
