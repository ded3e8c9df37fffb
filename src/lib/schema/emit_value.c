/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords about a value as a whole, about numbers and about strings. */
#include "lib/json/compare.h"
#include "lib/schema/emitter_int.h"

static const struct {
    const char *name;
    uint32_t kinds;
    uint32_t fractions;
} types[TYPE_COUNT] = {
    [TYPE_NULL] = {"null", KIND_NULL, 0},
    [TYPE_BOOLEAN] = {"boolean", KINDS_BOOLEAN, 0},
    [TYPE_INTEGER] = {"integer", KINDS_INTEGER, KINDS_FRACTIONS},
    [TYPE_NUMBER] = {"number", KINDS_NUMBER, 0},
    [TYPE_STRING] = {"string", KINDS_STRING, 0},
    [TYPE_ARRAY] = {"array", KIND_ARR, 0},
    [TYPE_OBJECT] = {"object", KIND_OBJ, 0},
};

static void add_type(struct rule *rule, struct slice name)
{
    for (uint8_t i = 0; i < TYPE_COUNT; i++) {
        if (!slice_is(name, types[i].name) || rule->type.type_count == TYPE_COUNT)
            continue;
        rule->type.kinds |= types[i].kinds;
        rule->type.fractions |= types[i].fractions;
        rule->type.types[rule->type.type_count++] = i;
    }
}

static enum err emit_type(struct emitter *emitter)
{
    yyjson_val *value = keyword_of(emitter->node, "type");
    struct rule *rule;
    if (!yyjson_is_str(value) && !yyjson_is_arr(value))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_TYPE, "type", &rule));
    if (yyjson_is_str(value))
        add_type(rule, json_text(value));
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter)) != NULL;)
        add_type(rule, json_text(item));
    rule->type.fractions &= ~rule->type.kinds;
    return ERR_OK;
}

/* Whether there is a number in it whose digits matter. */
static bool has_raw(yyjson_val *value)
{
    yyjson_val *end = unsafe_yyjson_get_next(value);
    for (; value < end; value++)
        if (unsafe_yyjson_is_raw(value))
            return true;
    return false;
}

static enum err emit_with_value(struct emitter *emitter, enum op op, const char *keyword)
{
    yyjson_val *value = keyword_of(emitter->node, keyword);
    struct rule *rule;
    if (!value || (op == OP_ENUM && !yyjson_is_arr(value)))
        return ERR_OK;
    if (op != OP_ENUM && op != OP_CONST && !json_is_number(value))
        return ERR_OK;
    TRY(emit_rule(emitter, op, keyword, &rule));
    emitter->schema->wants_numbers |=
        has_raw(value) || (op == OP_MULTIPLE_OF && unsafe_yyjson_is_real(value) && !json_is_integer(value));
    return emit_copy(emitter->arena, value, &rule->value);
}

/* A length or count: an integer of at least 0, in whatever digits. What no document reaches counts as much. */
static bool read_bound(yyjson_val *value, uint64_t *ret_bound)
{
    if (!value || !json_is_number(value))
        return false;
    if (unsafe_yyjson_is_uint(value))
        *ret_bound = unsafe_yyjson_get_uint(value);
    else if (unsafe_yyjson_is_real(value) && unsafe_yyjson_get_real(value) >= 0 && unsafe_yyjson_get_real(value) < 1e18)
        *ret_bound = (uint64_t)unsafe_yyjson_get_real(value);
    else
        *ret_bound = UINT64_MAX;
    return true;
}

enum err emit_bound(struct emitter *emitter, enum op op, const char *keyword)
{
    struct rule *rule;
    uint64_t bound;
    if (!read_bound(keyword_of(emitter->node, keyword), &bound))
        return ERR_OK;
    TRY(emit_rule(emitter, op, keyword, &rule));
    rule->bound = bound;
    return ERR_OK;
}

bool emit_read_bound(const struct schema_node *node, const char *keyword, uint64_t *ret_bound)
{
    return read_bound(keyword_of(node, keyword), ret_bound);
}

static enum err emit_pattern(struct emitter *emitter)
{
    yyjson_val *value = keyword_of(emitter->node, "pattern");
    struct rule *rule;
    if (!yyjson_is_str(value))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_PATTERN, "pattern", &rule));
    TRY(emit_text(emitter, json_text(value), &rule->pattern.text));
    return emit_regex(emitter, json_text(value), SLICE_LIT("/pattern"), false, &rule->pattern.regex);
}

static bool knows_format(const struct schema_node *node, enum format format)
{
    return format_since(format) != FORMAT_SINCE_2019_09 || node->resource->draft != SCHEMA_DRAFT_7;
}

static enum err emit_format(struct emitter *emitter)
{
    struct schema_node *node = emitter->node;
    yyjson_val *value = keyword_of(node, "format");
    enum format format;
    struct rule *rule;
    if (!yyjson_is_str(value))
        return ERR_OK;
    if (!emitter->settings->asserts_formats && !graph_has_vocabulary(node, VOCABULARY_FORMAT_ASSERTION))
        return ERR_OK;
    if (format_find(json_text(value), &format) != ERR_OK || !knows_format(node, format))
        return ERR_OK;
    TRY(emit_rule(emitter, OP_FORMAT, "format", &rule));
    rule->format = format;
    return ERR_OK;
}

/* Of "" where it is refused. What applies to the same value as its parent need not say it again. */
static enum err emit_empty(struct emitter *emitter)
{
    const struct block *block = emitter->node->emitted;
    struct rule *rule;
    if (block->allow_empty != SCHEMA_NO || !yyjson_is_obj(emitter->node->value))
        return ERR_OK;
    return emit_rule(emitter, OP_EMPTY, "allowEmptyString", &rule);
}

enum err emit_value_keywords(struct emitter *emitter)
{
    if (graph_has_vocabulary(emitter->node, VOCABULARY_VALIDATION)) {
        TRY(emit_type(emitter));
        TRY(emit_empty(emitter));
        TRY(emit_with_value(emitter, OP_ENUM, "enum"));
        TRY(emit_with_value(emitter, OP_CONST, "const"));
        TRY(emit_with_value(emitter, OP_MULTIPLE_OF, "multipleOf"));
        TRY(emit_with_value(emitter, OP_MAXIMUM, "maximum"));
        TRY(emit_with_value(emitter, OP_EXCLUSIVE_MAXIMUM, "exclusiveMaximum"));
        TRY(emit_with_value(emitter, OP_MINIMUM, "minimum"));
        TRY(emit_with_value(emitter, OP_EXCLUSIVE_MINIMUM, "exclusiveMinimum"));
        TRY(emit_bound(emitter, OP_MAX_LENGTH, "maxLength"));
        TRY(emit_bound(emitter, OP_MIN_LENGTH, "minLength"));
        TRY(emit_pattern(emitter));
    }
    return emit_format(emitter);
}
