/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a compiled schema, and what can be asked of it. */
#include "lib/schema/schema.h"

#include "lib/schema/program_int.h"

#include <stdlib.h>

struct schema *schema_ref(struct schema *schema)
{
    atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    return schema;
}

void schema_unref(struct schema *schema)
{
    if (!schema || atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (struct regex_list *item = schema->regexes; item; item = item->next)
        regex_destroy(item->regex);
    free(schema->blocks);
    arena_reset(&schema->arena);
    pool_deinit(&schema->pool);
    free(schema);
}

const struct schema_options *schema_options(const struct schema *schema)
{
    return &schema->options;
}

enum schema_draft schema_draft_of(const struct schema *schema)
{
    return schema->draft;
}

bool schema_adapts(const struct schema *schema)
{
    return schema->adapts;
}

bool schema_wants_numbers(const struct schema *schema)
{
    return schema->wants_numbers || schema->adapts;
}

uint32_t schema_instruction_count(const struct schema *schema)
{
    return schema->rule_count;
}

uint64_t count_code_points(struct slice text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}
