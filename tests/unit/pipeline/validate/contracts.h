/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts made by hand, for tests of the stage validate. Included behind stand.h. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_VALIDATE_CONTRACTS_H
#define WEIR_TESTS_UNIT_PIPELINE_VALIDATE_CONTRACTS_H

#include "lib/schema/schema.h"
#include "pipeline/contract.h"

#define CONTRACT_SCHEMAS_MAX 16

static struct schema *contract_schemas[CONTRACT_SCHEMAS_MAX];
static uint32_t contract_schema_count;

static struct contract_schema schema_of_text(const char *text, enum contract_mode mode)
{
    const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12, .asserts_formats = true};
    struct schema_compiler *compiler;
    struct schema *schema;
    struct slice uri = SLICE_LIT("file:///s.json");
    assert_true(contract_schema_count < CONTRACT_SCHEMAS_MAX);
    assert_int_equal(schema_compiler_create(&settings, &compiler), ERR_OK);
    assert_int_equal(schema_compiler_add(compiler, uri, SLICE_LIT("s.json"), slice_of_text(text)), ERR_OK);
    if (schema_compile(compiler, uri, NULL, &schema) != ERR_OK) {
        uint32_t count;
        const struct schema_fault *faults = schema_compiler_faults(compiler, &count);
        fail_msg(SLICE_FMT, SLICE_ARG(faults[0].message));
    }
    schema_compiler_destroy(compiler);
    contract_schemas[contract_schema_count++] = schema;
    return (struct contract_schema){.schema = schema, .mode = mode};
}

static void drop_contract_schemas(void)
{
    while (contract_schema_count > 0)
        schema_unref(contract_schemas[--contract_schema_count]);
}

#endif
