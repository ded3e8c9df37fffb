/* SPDX-License-Identifier: Apache-2.0 */
/* Types become sets of kinds; lengths and bounds are gathered into one step each; enumerated strings become a table. */
#include "lib/json/compare.h"
#include "lib/schema/lower_int.h"

#include <math.h>
#include <stdlib.h>

/* Below this, every integer is a double of its own. */
#define EXACT_MAX 9007199254740992.0

static bool waives(const struct block *block)
{
    return block->allow_empty == SCHEMA_YES;
}

static enum err lower_text_step(struct builder *builder, const struct block *block, struct step step)
{
    if (waives(block)) {
        step.waived = step.op;
        step.op = FAST_WAIVED;
    }
    return lower_step(builder, KINDS_STRING, &step);
}

/* Whether a double tells the bound from every other number of a document. */
static bool is_exact(yyjson_val *value)
{
    return !unsafe_yyjson_is_raw(value) && fabs(unsafe_yyjson_get_num(value)) < EXACT_MAX;
}

static enum err end_bounds(struct builder *builder);

static enum err lower_bound(struct builder *builder, const struct rule *rule)
{
    if (builder->exact_count == ARRAY_LEN(builder->exact))
        TRY(end_bounds(builder));
    builder->exact[builder->exact_count++] = rule;
    if (!is_exact(rule->value)) {
        builder->needs_digits = true;
        return ERR_OK;
    }
    double bound = unsafe_yyjson_get_num(rule->value);
    if (rule->op == OP_MINIMUM)
        builder->low = fmax(builder->low, bound);
    else if (rule->op == OP_EXCLUSIVE_MINIMUM)
        builder->low = fmax(builder->low, nextafter(bound, INFINITY));
    else if (rule->op == OP_MAXIMUM)
        builder->high = fmin(builder->high, bound);
    else
        builder->high = fmin(builder->high, nextafter(bound, -INFINITY));
    return ERR_OK;
}

static enum err end_bounds(struct builder *builder)
{
    if (builder->exact_count == 0)
        return ERR_OK;
    struct fast_exact *exact = arena_alloc_zero(builder->lowering->arena, sizeof *exact);
    const struct rule **rules = arena_alloc_array(builder->lowering->arena, builder->exact_count, sizeof *rules);
    if (!exact || !rules)
        return ERR_NOMEM;
    memcpy(rules, builder->exact, builder->exact_count * sizeof *rules);
    *exact = (struct fast_exact){rules, builder->exact_count};
    struct step step = {.op = FAST_BOUNDS, .bounds = {builder->low, builder->high, exact}};
    if (builder->needs_digits)
        step = (struct step){.op = FAST_EXACT, .exact = exact};
    builder->exact_count = 0;
    builder->needs_digits = false;
    builder->low = -INFINITY;
    builder->high = INFINITY;
    return lower_step(builder, KINDS_NUMBER, &step);
}

static enum err end_length(struct builder *builder)
{
    if (builder->length_min == 0 && builder->length_max == UINT64_MAX)
        return ERR_OK;
    const struct step step = {.op = FAST_LENGTH, .length = {builder->length_min, builder->length_max}};
    builder->length_min = 0;
    builder->length_max = UINT64_MAX;
    return lower_step(builder, KINDS_STRING, &step);
}

enum err lower_values_end(struct builder *builder)
{
    TRY(end_length(builder));
    return end_bounds(builder);
}

static enum err lower_length(struct builder *builder, const struct block *block, const struct rule *rule)
{
    if (rule->op == OP_MAX_LENGTH) {
        builder->length_max = MIN(builder->length_max, rule->bound);
        return ERR_OK;
    }
    if (!waives(block)) {
        builder->length_min = MAX(builder->length_min, rule->bound);
        return ERR_OK;
    }
    const struct step step = {.op = FAST_LENGTH, .length = {rule->bound, UINT64_MAX}};
    return lower_text_step(builder, block, step);
}

/* The strings of a list, each once. */
static enum err make_texts(struct builder *builder, yyjson_val *first, size_t count, const struct names **ret_texts)
{
    struct arena *arena = builder->lowering->arena;
    struct slice *texts = arena_alloc_array(arena, count, sizeof *texts);
    struct names *names = arena_alloc_zero(arena, sizeof *names);
    struct map seen;
    if (!texts || !names)
        return ERR_NOMEM;
    map_init(&seen, (struct hash_key){5, 6});
    uint32_t kept = 0;
    enum err err = ERR_OK;
    for (yyjson_val *item = first; count > 0 && err == ERR_OK; count--, item = unsafe_yyjson_get_next(item)) {
        if (!is_string(item) || map_find(&seen, string_of(item)))
            continue;
        texts[kept++] = string_of(item);
        err = map_add(&seen, string_of(item), item);
    }
    map_deinit(&seen);
    TRY(err);
    *ret_texts = names;
    return names_make(arena, texts, kept, names);
}

static bool is_small_integer(const yyjson_val *value)
{
    return KIND(KIND_OF(value)) & KINDS_INTEGER;
}

static int compare_integers(const void *a, const void *b)
{
    return fast_compare_integers(*(yyjson_val *const *)a, *(yyjson_val *const *)b);
}

/* Numbers, or arrays, or objects of a list. */
static enum err lower_values(struct builder *builder, yyjson_val *first, size_t count, uint32_t kinds)
{
    struct arena *arena = builder->lowering->arena;
    yyjson_val **items = arena_alloc_array(arena, count, sizeof *items);
    struct fast_values *values = arena_alloc_zero(arena, sizeof *values);
    if (!items || !values)
        return ERR_NOMEM;
    values->items = items;
    yyjson_val *item = first;
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item))
        if ((KIND(KIND_OF(item)) & kinds) && is_small_integer(item))
            items[values->count++] = item;
    qsort(items, values->count, sizeof *items, compare_integers);
    values->integer_count = values->count;
    item = first;
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item))
        if ((KIND(KIND_OF(item)) & kinds) && !is_small_integer(item))
            items[values->count++] = item;
    if (values->count == 0) {
        builder->allowed &= ~kinds;
        return ERR_OK;
    }
    const struct step step = {.op = FAST_VALUES, .values = values};
    return lower_step(builder, kinds, &step);
}

static enum err lower_enum(struct builder *builder, const struct block *block, yyjson_val *first, size_t count)
{
    uint32_t kinds = 0;
    yyjson_val *item = first;
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item))
        kinds |= KIND(KIND_OF(item));
    uint32_t constants = KIND_NULL | KINDS_BOOLEAN;
    builder->allowed &= ~constants | kinds;
    if (kinds & KINDS_STRING || waives(block)) {
        struct step step = {.op = FAST_TEXTS};
        TRY(make_texts(builder, first, count, &step.texts));
        TRY(lower_text_step(builder, block, step));
    } else {
        builder->allowed &= ~KINDS_STRING;
    }
    TRY(lower_values(builder, first, count, KINDS_NUMBER));
    TRY(lower_values(builder, first, count, KIND_ARR));
    return lower_values(builder, first, count, KIND_OBJ);
}

static enum err lower_type(struct builder *builder, const struct rule *rule)
{
    const struct step step = {.op = FAST_INTEGRAL};
    builder->allowed &= rule->type.kinds | rule->type.fractions;
    if (!rule->type.fractions || builder->has_integral)
        return ERR_OK;
    builder->has_integral = true;
    return lower_step(builder, KINDS_NUMBER, &step);
}

enum err lower_value_rule(struct builder *builder, const struct block *block, const struct rule *rule)
{
    struct step step = {0};
    switch (rule->op) {
    case OP_TYPE:
        return lower_type(builder, rule);
    case OP_ENUM:
        return lower_enum(builder, block, unsafe_yyjson_get_first(rule->value), unsafe_yyjson_get_len(rule->value));
    case OP_CONST:
        return lower_enum(builder, block, rule->value, 1);
    case OP_MAXIMUM:
    case OP_EXCLUSIVE_MAXIMUM:
    case OP_MINIMUM:
    case OP_EXCLUSIVE_MINIMUM:
        return lower_bound(builder, rule);
    case OP_MULTIPLE_OF:
        step.op = FAST_MULTIPLE;
        step.multiple.divisor = unsafe_yyjson_is_uint(rule->value) ? unsafe_yyjson_get_uint(rule->value) : 0;
        step.multiple.number = rule->value;
        return lower_step(builder, KINDS_NUMBER, &step);
    case OP_MAX_LENGTH:
    case OP_MIN_LENGTH:
        return lower_length(builder, block, rule);
    case OP_PATTERN:
        step.op = FAST_PATTERN;
        step.regex = rule->pattern.regex;
        return lower_text_step(builder, block, step);
    case OP_FORMAT:
        step.op = FAST_FORMAT;
        step.format = rule->format;
        return lower_text_step(builder, block, step);
    case OP_EMPTY:
        step.op = FAST_NOT_EMPTY;
        return lower_step(builder, KINDS_STRING, &step);
    default:
        return ERR_INTERNAL;
    }
}
