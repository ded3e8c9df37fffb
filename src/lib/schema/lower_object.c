/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: what all blocks of a stream say of members by name is one table, which also knows the members that must be
 * there by a bit each. One block of them may have additionalProperties; then the names that it knows are "declared". */
#include "lib/schema/lower_int.h"

static struct lower_name *find_name(struct builder *builder, struct slice text)
{
    struct lower_name *name = map_find(&builder->names, text);
    if (name)
        return name;
    name = arena_alloc_zero(builder->lowering->arena, sizeof *name);
    if (!name)
        return NULL;
    name->text = text;
    if (map_add(&builder->names, text, name) != ERR_OK)
        return NULL;
    *builder->names_end = name;
    builder->names_end = &name->next;
    builder->name_count++;
    return name;
}

static bool has_additional(const struct block *block)
{
    for (uint32_t i = 0; i < block->rule_count; i++)
        if (block->rules[i].op == OP_ADDITIONAL_PROPERTIES)
            return true;
    return false;
}

static enum err lower_required(struct builder *builder, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->required.count; i++) {
        struct lower_name *name = find_name(builder, rule->required.names[i]);
        if (!name)
            return ERR_NOMEM;
        builder->required_count += !name->is_required;
        name->is_required = true;
    }
    return ERR_OK;
}

static enum err lower_properties(struct builder *builder, const struct block *block, const struct rule *rule)
{
    bool is_declared = has_additional(block);
    for (uint32_t i = 0; i < rule->properties.members.names.count; i++) {
        struct lower_name *name = find_name(builder, rule->properties.members.texts[i]);
        const struct block **blocks =
            name ? arena_alloc_array(builder->lowering->arena, name->block_count + 1, sizeof *blocks) : NULL;
        if (!blocks)
            return ERR_NOMEM;
        if (name->block_count > 0)
            memcpy(blocks, name->blocks, name->block_count * sizeof *blocks);
        blocks[name->block_count++] = rule->properties.subs[i].block;
        name->blocks = blocks;
        name->is_declared |= is_declared;
    }
    return ERR_OK;
}

static enum err lower_patterns(struct builder *builder, const struct block *block, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->patterns.count; i++) {
        const struct pattern *pattern = &rule->patterns.items[i];
        struct lower_pattern *item = arena_alloc_zero(builder->lowering->arena, sizeof *item);
        if (!item)
            return ERR_NOMEM;
        item->pattern.regex = pattern->regex;
        item->pattern.declares = has_additional(block);
        item->pattern.fast = lower_block(builder->lowering, pattern->sub.block);
        if (!item->pattern.fast)
            return ERR_NOMEM;
        *builder->patterns_end = item;
        builder->patterns_end = &item->next;
        builder->pattern_count++;
    }
    return ERR_OK;
}

static enum err lower_dependencies(struct builder *builder, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->dependencies.count; i++) {
        const struct dependency *from = &rule->dependencies.items[i];
        struct fast_dependency *item = arena_alloc_zero(builder->lowering->arena, sizeof *item);
        if (!item)
            return ERR_NOMEM;
        *item =
            (struct fast_dependency){.name = from->name, .wanted = from->wanted, .wanted_count = from->wanted_count};
        if (from->sub.block && !(item->fast = lower_block(builder->lowering, from->sub.block)))
            return ERR_NOMEM;
        const struct step step = {.op = FAST_DEPENDENT, .dependency = item};
        TRY(lower_step(builder, KIND_OBJ, &step));
    }
    return ERR_OK;
}

enum err lower_object_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    struct step step = {.op = FAST_NAMES};
    switch (rule->op) {
    case OP_MAX_PROPERTIES:
        builder->members_max = MIN(builder->members_max, rule->bound);
        return ERR_OK;
    case OP_MIN_PROPERTIES:
        builder->members_min = MAX(builder->members_min, rule->bound);
        return ERR_OK;
    case OP_REQUIRED:
        return lower_required(builder, rule);
    case OP_PROPERTIES:
        return lower_properties(builder, block, rule);
    case OP_PATTERN_PROPERTIES:
        return lower_patterns(builder, block, rule);
    case OP_ADDITIONAL_PROPERTIES:
        builder->rest = lower_block(builder->lowering, rule->additional.sub.block);
        return builder->rest ? ERR_OK : ERR_NOMEM;
    case OP_PROPERTY_NAMES:
        step.fast = lower_block(builder->lowering, rule->sub.block);
        return step.fast ? lower_step(builder, KIND_OBJ, &step) : ERR_NOMEM;
    default:
        return lower_dependencies(builder, rule);
    }
}

static uint32_t list_texts(const struct builder *builder, struct slice *texts, const struct lower_name **names)
{
    uint32_t count = 0;
    for (const struct lower_name *name = builder->first_name; name; name = name->next) {
        names[count] = name;
        texts[count++] = name->text;
    }
    return count;
}

static enum err fill_place(struct builder *builder, const struct lower_name *name, struct fast_place *place)
{
    place->is_declared = name->is_declared;
    place->fast = builder->lowering->any;
    if (name->block_count > 0)
        place->fast = lower_blocks(builder->lowering, name->blocks, name->block_count);
    return place->fast ? ERR_OK : ERR_NOMEM;
}

static enum err make_table(struct builder *builder, struct fast_object *object)
{
    struct arena *arena = builder->lowering->arena;
    struct slice *texts = arena_alloc_array(arena, builder->name_count, sizeof *texts);
    const struct lower_name **list = arena_alloc_array(arena, builder->name_count, sizeof *list);
    struct names names;
    if (!texts || !list)
        return ERR_NOMEM;
    TRY(names_make(arena, texts, list_texts(builder, texts, list), &names));
    object->is_few = names.count <= FAST_FEW_MAX;
    uint32_t place_count = object->is_few ? names.count : names.mask + 1;
    struct fast_place *places = arena_alloc_aligned(arena, place_count * sizeof *places);
    struct lower_table *table = arena_alloc_zero(arena, sizeof *table);
    if (!places || !table)
        return ERR_NOMEM;
    memset(places, 0, place_count * sizeof *places);
    uint32_t bits = 0;
    struct fast_place *place = places;
    for (uint32_t i = 0; i <= names.mask; i++) {
        const struct name_place *from = &names.places[i];
        if (object->is_few && from->len == NAMES_NONE)
            continue;
        place->len = from->len;
        if (from->len != NAMES_NONE) {
            place->first = from->first;
            place->last = from->last;
            place->ptr = from->ptr;
            TRY(fill_place(builder, list[from->index], place));
            if (list[from->index]->is_required && bits < 64)
                place->bit = (uint64_t)1 << bits++;
        }
        place++;
    }
    object->places = places;
    object->seed = names.seed;
    object->shift = names.shift;
    object->mask = place_count - 1;
    object->name_count = names.count;
    object->required = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    *table = (struct lower_table){places, place_count, builder->lowering->tables};
    builder->lowering->tables = table;
    return ERR_OK;
}

/* Where more members must be there than a word has bits, all are asked for one by one. */
static enum err require_many(struct builder *builder)
{
    struct fast_dependency *all = arena_alloc_zero(builder->lowering->arena, sizeof *all);
    struct slice *wanted = arena_alloc_array(builder->lowering->arena, builder->required_count, sizeof *wanted);
    if (!all || !wanted)
        return ERR_NOMEM;
    for (const struct lower_name *name = builder->first_name; name; name = name->next)
        if (name->is_required)
            wanted[all->wanted_count++] = name->text;
    all->wanted = wanted;
    const struct step step = {.op = FAST_DEPENDENT, .dependency = all};
    return lower_step(builder, KIND_OBJ, &step);
}

enum err lower_object_end(struct builder *builder)
{
    if (builder->name_count == 0 && builder->pattern_count == 0 && !builder->rest && builder->members_min == 0 &&
        builder->members_max == UINT64_MAX)
        return ERR_OK;
    struct fast_object *object = arena_alloc_zero(builder->lowering->arena, sizeof *object);
    struct fast_pattern *patterns =
        arena_alloc_array(builder->lowering->arena, builder->pattern_count, sizeof *patterns);
    if (!object || !patterns)
        return ERR_NOMEM;
    if (builder->name_count > 0)
        TRY(make_table(builder, object));
    for (const struct lower_pattern *item = builder->patterns; item; item = item->next)
        patterns[object->pattern_count++] = item->pattern;
    object->patterns = patterns;
    object->rest = builder->rest;
    object->min = MAX(builder->members_min, MIN(builder->required_count, 64));
    object->max = builder->members_max;
    if (builder->required_count > 64)
        TRY(require_many(builder));
    struct step step = {.op = FAST_MEMBERS, .object = object};
    if (object->pattern_count == 0 && !object->rest)
        step.op = object->name_count == 0 ? FAST_COUNT : object->is_few ? FAST_KNOWN_FEW : FAST_KNOWN;
    return lower_step(builder, KIND_OBJ, &step);
}

/* ---- arrays ---------------------------------------------------------------------------------------------------------------- */

static const struct rule *rule_of(const struct block *block, enum op op)
{
    for (uint32_t i = 0; i < block->rule_count; i++)
        if (block->rules[i].op == op)
            return &block->rules[i];
    return NULL;
}

static enum err lower_prefix(struct builder *builder, const struct rule *rule, struct fast_array *array)
{
    const struct fast **prefix = arena_alloc_array(builder->lowering->arena, rule->subs.count, sizeof *prefix);
    if (!prefix)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < rule->subs.count; i++)
        if (!(prefix[i] = lower_block(builder->lowering, rule->subs.items[i].block)))
            return ERR_NOMEM;
    array->prefix = prefix;
    array->prefix_count = rule->subs.count;
    return ERR_OK;
}

/* The first of a block's rules about lengths and items brings all of them. */
static enum err lower_items(struct builder *builder, const struct block *block, const struct rule *rule)
{
    const struct rule *max = rule_of(block, OP_MAX_ITEMS);
    const struct rule *min = rule_of(block, OP_MIN_ITEMS);
    const struct rule *prefix = rule_of(block, OP_PREFIX_ITEMS);
    const struct rule *items = rule_of(block, OP_ITEMS);
    if (rule != (max ? max : min ? min : prefix ? prefix : items))
        return ERR_OK;
    struct fast_array *array = arena_alloc_zero(builder->lowering->arena, sizeof *array);
    if (!array)
        return ERR_NOMEM;
    array->min = min ? min->bound : 0;
    array->max = max ? max->bound : UINT64_MAX;
    if (prefix)
        TRY(lower_prefix(builder, prefix, array));
    if (items && !(array->rest = lower_block(builder->lowering, items->items.sub.block)))
        return ERR_NOMEM;
    const struct step step = {.op = FAST_ARRAY, .array = array};
    return lower_step(builder, KIND_ARR, &step);
}

static enum err lower_contains(struct builder *builder, const struct rule *rule)
{
    struct fast_contains *contains = arena_alloc_zero(builder->lowering->arena, sizeof *contains);
    if (!contains)
        return ERR_NOMEM;
    *contains = (struct fast_contains){lower_block(builder->lowering, rule->contains.sub.block), rule->contains.min,
                                       rule->contains.max};
    const struct step step = {.op = FAST_CONTAINS, .contains = contains};
    return contains->fast ? lower_step(builder, KIND_ARR, &step) : ERR_NOMEM;
}

enum err lower_array_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    const struct step unique = {.op = FAST_UNIQUE};
    switch (rule->op) {
    case OP_UNIQUE_ITEMS:
        return lower_step(builder, KIND_ARR, &unique);
    case OP_CONTAINS:
        return lower_contains(builder, rule);
    default:
        return lower_items(builder, block, rule);
    }
}
