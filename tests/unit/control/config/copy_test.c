/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of what a configuration says is equal to it and owes it nothing. */
#include "unit/control/config/harness.h"

#include "control/config/compare.h"
#include "control/config/copy.h"
#include "control/config/option_tables.h"

static void copies_every_row_into_memory_of_its_own(void **state)
{
    (void)state;
    struct report report;
    struct config *config;
    struct config *again;
    struct config copy = {0};
    struct pool pool;
    struct arena arena;
    for (int i = 0; i < 2; i++) {
        report_init(&report);
        assert_int_equal(config_load(TESTS_DIR "/data/config/good.yaml", &report, i ? &again : &config), ERR_OK);
        report_deinit(&report);
    }
    pool_init(&pool, 0, 1U << 20);
    arena_init(&arena, &pool, 4096, 1U << 19);
    assert_int_equal(option_table_copy(&option_table_config, &arena, config, &copy), ERR_OK);
    assert_ptr_not_equal(copy.models.items, config->models.items);
    assert_ptr_not_equal(copy.onnxruntime.ptr, config->onnxruntime.ptr);
    config_unref(config);
    assert_true(option_table_equal(&option_table_config, &copy, again, 0));
    config_unref(again);
    arena_reset(&arena);
    pool_deinit(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies_every_row_into_memory_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
