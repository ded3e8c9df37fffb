/* SPDX-License-Identifier: Apache-2.0 */
/* A program for people to read: a block after the other, a line for each rule. */
#include "lib/schema/program_int.h"

static const char *const names[] = {
#define OP(name, function) [OP_##name] = #function,
#include "lib/schema/ops.def"
#undef OP
};

static void list_sub(struct buffer *out, const struct sub *sub)
{
    if (sub->block)
        buffer_printf(out, " " SLICE_FMT "->%u", SLICE_ARG(sub->path), sub->block->index);
}

static void list_subs(struct buffer *out, const struct sub *subs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        list_sub(out, &subs[i]);
}

static void list_value(struct buffer *out, yyjson_val *value)
{
    char memory[64];
    struct json_writer writer = json_writer_in_memory(memory, sizeof memory);
    struct slice text;
    json_write_value(&writer, value);
    if (json_writer_finish(&writer, &text) == ERR_OK)
        buffer_printf(out, " " SLICE_FMT, SLICE_ARG(text));
    else
        buffer_printf(out, " %s", json_kind(value));
}

static void list_rule(struct buffer *out, const struct rule *rule)
{
    buffer_printf(out, "    %s", names[rule->op]);
    switch (rule->op) {
    case OP_TYPE:
        buffer_printf(out, " kinds=%08x fractions=%08x", rule->type.kinds, rule->type.fractions);
        break;
    case OP_ENUM:
    case OP_CONST:
    case OP_MULTIPLE_OF:
    case OP_MAXIMUM:
    case OP_EXCLUSIVE_MAXIMUM:
    case OP_MINIMUM:
    case OP_EXCLUSIVE_MINIMUM:
        list_value(out, rule->value);
        break;
    case OP_MAX_LENGTH:
    case OP_MIN_LENGTH:
    case OP_MAX_ITEMS:
    case OP_MIN_ITEMS:
    case OP_MAX_PROPERTIES:
    case OP_MIN_PROPERTIES:
        buffer_printf(out, " %llu", (unsigned long long)rule->bound);
        break;
    case OP_PATTERN:
        buffer_printf(out, " " SLICE_FMT, SLICE_ARG(rule->pattern.text));
        break;
    case OP_FORMAT:
        buffer_printf(out, " %s", format_name(rule->format));
        break;
    case OP_REQUIRED:
        for (uint32_t i = 0; i < rule->required.count; i++)
            buffer_printf(out, " " SLICE_FMT, SLICE_ARG(rule->required.names[i]));
        break;
    case OP_PROPERTIES:
        list_subs(out, rule->properties.subs, rule->properties.members.names.count);
        break;
    case OP_PATTERN_PROPERTIES:
        for (uint32_t i = 0; i < rule->patterns.count; i++)
            list_sub(out, &rule->patterns.items[i].sub);
        break;
    case OP_ADDITIONAL_PROPERTIES:
        list_sub(out, &rule->additional.sub);
        break;
    case OP_ITEMS:
        list_sub(out, &rule->items.sub);
        break;
    case OP_CONTAINS:
        list_sub(out, &rule->contains.sub);
        break;
    case OP_DEPENDENT_SCHEMAS:
        for (uint32_t i = 0; i < rule->dependencies.count; i++)
            list_sub(out, &rule->dependencies.items[i].sub);
        break;
    case OP_REF:
    case OP_NOT:
    case OP_PROPERTY_NAMES:
    case OP_UNEVALUATED_ITEMS:
    case OP_UNEVALUATED_PROPERTIES:
        list_sub(out, &rule->sub);
        break;
    case OP_DYNAMIC_REF:
        list_sub(out, &rule->dynamic.sub);
        for (uint32_t i = 0; i < rule->dynamic.candidate_count; i++)
            buffer_printf(out, " or %u", rule->dynamic.candidates[i].block->index);
        break;
    case OP_PREFIX_ITEMS:
    case OP_ALL_OF:
    case OP_ANY_OF:
    case OP_ONE_OF:
        list_subs(out, rule->subs.items, rule->subs.count);
        break;
    case OP_IF:
        list_sub(out, &rule->branch.condition);
        list_sub(out, &rule->branch.then);
        list_sub(out, &rule->branch.otherwise);
        break;
    default:
        break;
    }
    buffer_add_byte(out, '\n');
}

void schema_list(const struct schema *schema, struct buffer *out)
{
    for (uint32_t i = 0; i < schema->block_count; i++) {
        const struct block *block = schema->blocks[i];
        buffer_printf(out, "%u " SLICE_FMT "\n", block->index, SLICE_ARG(block->location));
        for (uint32_t j = 0; j < block->rule_count; j++)
            list_rule(out, &block->rules[j]);
    }
}
