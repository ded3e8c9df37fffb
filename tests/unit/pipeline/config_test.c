/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of a model answers for it. */
#include "pipeline/config.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MODEL(n, v) {.name = SLICE_LIT(n), .version = SLICE_LIT(v)}

struct fixture {
    struct model_config models[8];
    struct model_entry entries[8];
    struct model_entry *list[8];
    struct config config;
};

static void make(struct fixture *fixture, const struct model_config *models, uint32_t count)
{
    *fixture = (struct fixture){0};
    memcpy(fixture->models, models, count * sizeof *models);
    qsort(fixture->models, count, sizeof *models, model_config_order);
    for (uint32_t i = 0; i < count; i++) {
        fixture->entries[i].config = &fixture->models[i];
        atomic_store(&fixture->entries[i].state, MODEL_READY);
        fixture->list[i] = &fixture->entries[i];
    }
    fixture->config.models = (struct option_list){fixture->models, count};
    fixture->config.model_entries = fixture->list;
}

static const char *version_of(const struct fixture *fixture, const char *name)
{
    const struct model_entry *entry = config_model(&fixture->config, slice_of_text(name));
    return entry ? entry->config->version.ptr : NULL;
}

static const struct model_config models[] = {MODEL("b", "2"), MODEL("a", "1"),  MODEL("b", "10"), MODEL("b", "9"),
                                             MODEL("c", "x"), MODEL("ab", "1"), MODEL("b", "old")};

static void orders_versions_as_numbers_above_words(void **state)
{
    (void)state;
    assert_true(model_version_order(SLICE_LIT("10"), SLICE_LIT("9")) > 0);
    assert_true(model_version_order(SLICE_LIT("9"), SLICE_LIT("x")) > 0);
    assert_true(model_version_order(SLICE_LIT("2024-01"), SLICE_LIT("2024-02")) < 0);
    assert_true(model_version_order(SLICE_LIT("7"), SLICE_LIT("7")) == 0);
}

static void answers_with_the_highest_version_that_is_ready(void **state)
{
    (void)state;
    struct fixture fixture;
    make(&fixture, models, ARRAY_LEN(models));
    assert_string_equal(version_of(&fixture, "b"), "10");
    atomic_store(&fixture.list[2]->state, MODEL_FAILED);
    assert_string_equal(fixture.list[2]->config->version.ptr, "10");
    assert_string_equal(version_of(&fixture, "b"), "9");
    for (int i = 2; i < 6; i++)
        atomic_store(&fixture.list[i]->state, MODEL_LOADING);
    assert_string_equal(version_of(&fixture, "b"), "10");
}

static void finds_all_versions_of_a_name_and_of_no_other(void **state)
{
    (void)state;
    struct fixture fixture;
    make(&fixture, models, ARRAY_LEN(models));
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("b")).count, 4);
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("a")).count, 1);
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("ab")).count, 1);
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("c")).count, 1);
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("")).count, 0);
    assert_int_equal(config_model_versions(&fixture.config, SLICE_LIT("d")).count, 0);
    assert_null(version_of(&fixture, "aa"));
    make(&fixture, models, 0);
    assert_null(version_of(&fixture, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_versions_as_numbers_above_words),
        cmocka_unit_test(answers_with_the_highest_version_that_is_ready),
        cmocka_unit_test(finds_all_versions_of_a_name_and_of_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
