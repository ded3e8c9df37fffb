/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two schemas of two documents are equal, whatever they are called there and whatever their texts say.
 *
 * "$ref"s are followed in both documents: what is written the same may lead to something else. A pair of schemas that is
 * met again is taken to be equal, which holds because one difference anywhere makes the whole unequal. Where the work
 * becomes too much the answer is no, so that a difference is told rather than missed. */
#include "control/openapi/diff_int.h"

#include "lib/json/compare.h"

#define DEPTH_MAX 400

enum kind {
    KIND_SCHEMA,
    KIND_MAP, /* its members are schemas, and their names are no keywords */
    KIND_DATA,
};

struct equality {
    struct diff *diff;
    struct map seen;
    uint32_t depth;
};

static bool is_one_of(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(name, names[i]))
            return true;
    return false;
}

/* Keywords that a value can neither keep nor break. */
static bool is_remark(struct slice name)
{
    static const char *const remarks[] = {"title",    "description", "default",    "example",    "examples",
                                          "readOnly", "writeOnly",   "deprecated", "$comment",   "$schema",
                                          "$id",      "$anchor",     "$defs",      "definitions"};
    return is_one_of(name, remarks, ARRAY_LEN(remarks)) || slice_starts(name, SLICE_LIT("x-"));
}

static enum kind kind_of(struct slice keyword)
{
    static const char *const maps[] = {"properties", "patternProperties", "dependentSchemas"};
    static const char *const data[] = {"enum", "const", "required", "dependentRequired", "discriminator", "xml"};
    if (is_one_of(keyword, maps, ARRAY_LEN(maps)))
        return KIND_MAP;
    return is_one_of(keyword, data, ARRAY_LEN(data)) ? KIND_DATA : KIND_SCHEMA;
}

/* Whether a "$ref" has a keyword beside it that demands something. */
static bool has_siblings(yyjson_val *schema)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(schema);
    if (!json_get(schema, SLICE_LIT("$ref")))
        return false;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (!slice_is(json_text(key), "$ref") && !is_remark(json_text(key)))
            return true;
    return false;
}

yyjson_val *diff_resolve_schema(struct diff *diff, yyjson_val *root, yyjson_val *schema)
{
    for (int i = 0; i < DIFF_REFS_MAX && schema && !has_siblings(schema); i++) {
        yyjson_val *target = diff_target(diff, root, schema);
        if (!target)
            return schema;
        schema = target;
    }
    return schema;
}

static bool is_equal(struct equality *equality, struct pair pair, enum kind kind);

static bool is_in_both(enum kind kind, yyjson_val *key)
{
    return kind == KIND_MAP || !is_remark(json_text(key));
}

static size_t count_members(yyjson_val *object, enum kind kind)
{
    size_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        count += is_in_both(kind, key);
    return count;
}

static bool are_objects_equal(struct equality *equality, struct pair pair, enum kind kind)
{
    struct pair roots = equality->diff->roots;
    if (count_members(pair.before, kind) != count_members(pair.after, kind))
        return false;
    yyjson_obj_iter iter = yyjson_obj_iter_with(pair.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct slice name = json_text(key);
        struct pair values = {yyjson_obj_iter_get_val(key), json_get(pair.after, name)};
        if (!is_in_both(kind, key))
            continue;
        enum kind inner = kind == KIND_MAP ? KIND_SCHEMA : kind_of(name);
        if (kind == KIND_SCHEMA && slice_is(name, "$ref")) {
            struct pair targets = {diff_target(equality->diff, roots.before, pair.before),
                                   diff_target(equality->diff, roots.after, pair.after)};
            values = targets.before && targets.after ? targets : values;
        }
        if (!values.after || !is_equal(equality, values, inner))
            return false;
    }
    return true;
}

static bool are_lists_equal(struct equality *equality, struct pair pair)
{
    size_t count = yyjson_arr_size(pair.before);
    yyjson_arr_iter before = yyjson_arr_iter_with(pair.before);
    yyjson_arr_iter after = yyjson_arr_iter_with(pair.after);
    if (count != yyjson_arr_size(pair.after))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_equal(equality, (struct pair){yyjson_arr_iter_next(&before), yyjson_arr_iter_next(&after)},
                      KIND_SCHEMA))
            return false;
    return true;
}

/* True: the pair is being compared, or has been. */
static bool is_seen(struct equality *equality, struct pair pair)
{
    if (map_find(&equality->diff->equal, slice_of(&pair, sizeof pair)) ||
        map_find(&equality->seen, slice_of(&pair, sizeof pair)))
        return true;
    struct slice copy = arena_copy(equality->diff->arena, slice_of(&pair, sizeof pair));
    enum err err = copy.ptr ? map_add(&equality->seen, copy, equality) : ERR_NOMEM;
    if (err == ERR_NOMEM)
        equality->diff->err = ERR_NOMEM;
    return err != ERR_OK;
}

static bool is_equal(struct equality *equality, struct pair pair, enum kind kind)
{
    struct diff *diff = equality->diff;
    if (diff->equal_steps == 0 || equality->depth == DEPTH_MAX)
        return false;
    diff->equal_steps--;
    if (kind == KIND_DATA)
        return json_equal(pair.before, pair.after, &diff->equal_steps);
    struct pair resolved = pair;
    if (kind == KIND_SCHEMA)
        resolved = (struct pair){diff_resolve_schema(diff, diff->roots.before, pair.before),
                                 diff_resolve_schema(diff, diff->roots.after, pair.after)};
    bool is_reference = resolved.before != pair.before || resolved.after != pair.after ||
                        (kind == KIND_SCHEMA && json_get(pair.before, SLICE_LIT("$ref")));
    if (is_reference && is_seen(equality, resolved))
        return true;
    bool result;
    equality->depth++;
    if (yyjson_is_obj(resolved.before) && yyjson_is_obj(resolved.after))
        result = are_objects_equal(equality, resolved, kind);
    else if (yyjson_is_arr(resolved.before) && yyjson_is_arr(resolved.after))
        result = are_lists_equal(equality, resolved);
    else
        result = json_equal(resolved.before, resolved.after, &diff->equal_steps);
    equality->depth--;
    return result;
}

/* All that was taken to be equal is, once the whole is. */
static void keep_seen(struct equality *equality)
{
    for (size_t i = 0; i < equality->seen.capacity; i++) {
        struct slice key = equality->seen.entries[i].key;
        if (key.ptr && map_add(&equality->diff->equal, key, equality->diff) == ERR_NOMEM)
            equality->diff->err = ERR_NOMEM;
    }
}

static bool start(struct diff *diff, struct pair pair, enum kind kind)
{
    struct equality equality = {.diff = diff};
    if (!pair.before || !pair.after)
        return pair.before == pair.after;
    map_init(&equality.seen, (struct hash_key){(uintptr_t)diff, 1});
    bool result = is_equal(&equality, pair, kind);
    if (result)
        keep_seen(&equality);
    map_deinit(&equality.seen);
    return result;
}

bool diff_schemas_are_equal(struct diff *diff, struct pair schemas)
{
    return start(diff, schemas, KIND_SCHEMA);
}

bool diff_keywords_are_equal(struct diff *diff, const char *name, struct pair values)
{
    return start(diff, values, kind_of(slice_of_text(name)));
}
