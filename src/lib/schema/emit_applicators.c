/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords about arrays and objects, and what they hold. */
#include "lib/schema/emitter_int.h"

static bool is_schema(yyjson_val *value)
{
    return yyjson_is_obj(value) || yyjson_is_bool(value);
}

/* "/keyword": of a schema that stands there itself. */
static enum err emit_sub_at(struct emitter *emitter, const char *keyword, struct sub *ret_sub)
{
    struct slice pointer;
    TRY(emit_pointer(emitter, keyword, (struct slice){NULL, 0}, &pointer));
    return emit_sub(emitter, keyword_of(emitter->node, keyword), pointer, ret_sub);
}

enum err emit_sub_rule(struct emitter *emitter, enum op op, const char *keyword)
{
    struct rule *rule;
    if (!is_schema(keyword_of(emitter->node, keyword)))
        return ERR_OK;
    TRY(emit_rule(emitter, op, keyword, &rule));
    return emit_sub_at(emitter, keyword, &rule->sub);
}

enum err emit_subs(struct emitter *emitter, enum op op, const char *keyword)
{
    yyjson_val *value = keyword_of(emitter->node, keyword);
    struct rule *rule;
    if (!yyjson_is_arr(value))
        return ERR_OK;
    TRY(emit_rule(emitter, op, keyword, &rule));
    uint32_t count = (uint32_t)yyjson_arr_size(value);
    struct sub *subs = arena_alloc_array(emitter->arena, count, sizeof *subs);
    if (!subs)
        return ERR_NOMEM;
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    for (uint32_t i = 0; i < count; i++) {
        struct slice pointer;
        TRY(emit_pointer_index(emitter, keyword, i, &pointer));
        TRY(emit_sub(emitter, yyjson_arr_iter_next(&iter), pointer, &subs[i]));
    }
    rule->subs = (struct subs){subs, count};
    return ERR_OK;
}

/* What `items` and its like say of the items behind the first `from`. */
static enum err emit_rest(struct emitter *emitter, const char *keyword, uint32_t from)
{
    struct rule *rule;
    if (!is_schema(keyword_of(emitter->node, keyword)))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_ITEMS, keyword, &rule));
    rule->items.from = from;
    return emit_sub_at(emitter, keyword, &rule->items.sub);
}

static enum err emit_items(struct emitter *emitter)
{
    struct schema_node *node = emitter->node;
    bool is_new = node->resource->draft == SCHEMA_DRAFT_2020_12;
    const char *prefix = is_new ? "prefixItems" : "items";
    yyjson_val *value = keyword_of(node, prefix);
    TRY(emit_subs(emitter, OP_PREFIX_ITEMS, prefix));
    uint32_t count = (uint32_t)yyjson_arr_size(value);
    if (is_new || !yyjson_is_arr(value))
        return emit_rest(emitter, "items", count);
    return emit_rest(emitter, "additionalItems", count);
}

static enum err emit_contains(struct emitter *emitter)
{
    struct schema_node *node = emitter->node;
    struct rule *rule;
    if (!is_schema(keyword_of(node, "contains")))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_CONTAINS, "contains", &rule));
    rule->contains.min = 1;
    rule->contains.max = UINT64_MAX;
    rule->contains.is_mark = node->resource->draft == SCHEMA_DRAFT_2020_12;
    if (node->resource->draft != SCHEMA_DRAFT_7 && graph_has_vocabulary(node, VOCABULARY_VALIDATION)) {
        (void)emit_read_bound(node, "minContains", &rule->contains.min);
        (void)emit_read_bound(node, "maxContains", &rule->contains.max);
    }
    return emit_sub_at(emitter, "contains", &rule->contains.sub);
}

enum err emit_array_keywords(struct emitter *emitter)
{
    struct rule *rule;
    if (graph_has_vocabulary(emitter->node, VOCABULARY_VALIDATION)) {
        TRY(emit_bound(emitter, OP_MAX_ITEMS, "maxItems"));
        TRY(emit_bound(emitter, OP_MIN_ITEMS, "minItems"));
        if (yyjson_is_true(keyword_of(emitter->node, "uniqueItems")))
            TRY(emit_rule(emitter, OP_UNIQUE_ITEMS, "uniqueItems", &rule));
    }
    if (!graph_has_vocabulary(emitter->node, VOCABULARY_APPLICATOR))
        return ERR_OK;
    TRY(emit_items(emitter));
    return emit_contains(emitter);
}

static enum err copy_names(struct emitter *emitter, yyjson_val *value, const struct slice **ret_names,
                           uint32_t *ret_count)
{
    struct slice *copies = arena_alloc_array(emitter->arena, yyjson_arr_size(value), sizeof *copies);
    if (!copies)
        return ERR_NOMEM;
    uint32_t count = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter)) != NULL;)
        if (yyjson_is_str(item))
            TRY(emit_text(emitter, json_text(item), &copies[count++]));
    *ret_names = copies;
    *ret_count = count;
    return ERR_OK;
}

static enum err emit_required(struct emitter *emitter)
{
    yyjson_val *value = keyword_of(emitter->node, "required");
    struct rule *rule;
    if (!yyjson_is_arr(value))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_REQUIRED, "required", &rule));
    return copy_names(emitter, value, &rule->required.names, &rule->required.count);
}

/* dependentRequired, dependentSchemas, and dependencies, which may be of both kinds. */
static enum err emit_dependencies(struct emitter *emitter, enum op op, const char *keyword)
{
    yyjson_val *value = keyword_of(emitter->node, keyword);
    struct rule *rule;
    if (!yyjson_is_obj(value))
        return ERR_OK;
    TRY(emit_rule(emitter, op, keyword, &rule));
    struct dependency *items = arena_alloc_array(emitter->arena, yyjson_obj_size(value), sizeof *items);
    if (!items)
        return ERR_NOMEM;
    uint32_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *wanted = yyjson_obj_iter_get_val(key);
        struct dependency *item = &items[count];
        struct slice pointer;
        if (!yyjson_is_arr(wanted) && (op == OP_DEPENDENT_REQUIRED || !is_schema(wanted)))
            continue;
        TRY(emit_text(emitter, json_text(key), &item->name));
        TRY(emit_pointer(emitter, keyword, json_text(key), &pointer));
        item->sub.path = pointer;
        if (yyjson_is_arr(wanted))
            TRY(copy_names(emitter, wanted, &item->wanted, &item->wanted_count));
        else
            TRY(emit_sub(emitter, wanted, pointer, &item->sub));
        count++;
    }
    rule->dependencies.items = items;
    rule->dependencies.count = count;
    return ERR_OK;
}

/* No two have one name: such documents are refused. */
static uint32_t count_members(yyjson_val *object)
{
    return (uint32_t)yyjson_obj_size(object);
}

static enum err emit_properties(struct emitter *emitter)
{
    yyjson_val *value = keyword_of(emitter->node, "properties");
    struct rule *rule;
    if (!yyjson_is_obj(value))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_PROPERTIES, "properties", &rule));
    struct slice *texts = arena_alloc_array(emitter->arena, count_members(value), sizeof *texts);
    struct sub *subs = arena_alloc_array(emitter->arena, count_members(value), sizeof *subs);
    if (!texts || !subs)
        return ERR_NOMEM;
    uint32_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct slice pointer;
        if (!is_schema(yyjson_obj_iter_get_val(key)))
            continue;
        TRY(emit_text(emitter, json_text(key), &texts[count]));
        TRY(emit_pointer(emitter, "properties", json_text(key), &pointer));
        TRY(emit_sub(emitter, yyjson_obj_iter_get_val(key), pointer, &subs[count]));
        count++;
    }
    rule->properties.subs = subs;
    rule->properties.members.texts = texts;
    return names_make(emitter->arena, texts, count, &rule->properties.members.names);
}

static enum err emit_pattern_properties(struct emitter *emitter)
{
    yyjson_val *value = keyword_of(emitter->node, "patternProperties");
    struct rule *rule;
    if (!yyjson_is_obj(value))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_PATTERN_PROPERTIES, "patternProperties", &rule));
    struct pattern *items = arena_alloc_array(emitter->arena, count_members(value), sizeof *items);
    if (!items)
        return ERR_NOMEM;
    uint32_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct pattern *item = &items[count];
        struct slice pointer;
        if (!is_schema(yyjson_obj_iter_get_val(key)))
            continue;
        TRY(emit_text(emitter, json_text(key), &item->text));
        TRY(emit_pointer(emitter, "patternProperties", json_text(key), &pointer));
        TRY(emit_regex(emitter, json_text(key), pointer, true, &item->regex));
        TRY(emit_sub(emitter, yyjson_obj_iter_get_val(key), pointer, &item->sub));
        count++;
    }
    rule->patterns = (struct patterns){items, count};
    return ERR_OK;
}

static const struct rule *rule_of(const struct emitter *emitter, enum op op)
{
    for (uint32_t i = 0; i < emitter->rule_count; i++)
        if (emitter->rules[i].op == op)
            return &emitter->rules[i];
    return NULL;
}

static enum err emit_additional(struct emitter *emitter)
{
    struct rule *rule;
    if (!is_schema(keyword_of(emitter->node, "additionalProperties")))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_ADDITIONAL_PROPERTIES, "additionalProperties", &rule));
    rule->additional.properties = rule_of(emitter, OP_PROPERTIES);
    rule->additional.patterns = rule_of(emitter, OP_PATTERN_PROPERTIES);
    return emit_sub_at(emitter, "additionalProperties", &rule->additional.sub);
}

enum err emit_object_keywords(struct emitter *emitter)
{
    bool is_old = emitter->node->resource->draft == SCHEMA_DRAFT_7;
    if (graph_has_vocabulary(emitter->node, VOCABULARY_APPLICATOR)) {
        TRY(emit_properties(emitter));
        TRY(emit_pattern_properties(emitter));
        TRY(emit_additional(emitter));
        TRY(emit_sub_rule(emitter, OP_PROPERTY_NAMES, "propertyNames"));
    }
    if (graph_has_vocabulary(emitter->node, VOCABULARY_VALIDATION)) {
        TRY(emit_required(emitter));
        TRY(emit_bound(emitter, OP_MAX_PROPERTIES, "maxProperties"));
        TRY(emit_bound(emitter, OP_MIN_PROPERTIES, "minProperties"));
        if (!is_old)
            TRY(emit_dependencies(emitter, OP_DEPENDENT_REQUIRED, "dependentRequired"));
    }
    if (!graph_has_vocabulary(emitter->node, VOCABULARY_APPLICATOR))
        return ERR_OK;
    if (!is_old)
        TRY(emit_dependencies(emitter, OP_DEPENDENT_SCHEMAS, "dependentSchemas"));
    /* Later drafts advise to go on understanding it. */
    return emit_dependencies(emitter, OP_DEPENDENT_SCHEMAS, "dependencies");
}
