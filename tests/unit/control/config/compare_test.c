/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload compares: rows that need a restart, within lists of tables too. */
#include "unit/control/config/harness.h"

#include "control/config/compare.h"
#include "control/config/option_tables.h"

#define ROUTES "\nroutes:\n  - {match: GET /, public: true, to: {endpoint: livez}}\n"

static bool are_equal(const char *a, const char *b, unsigned flags)
{
    struct config *left = load_good(a);
    struct config *right = load_good(b);
    bool is_same = option_table_equal(&option_table_config, left, right, flags);
    assert_int_equal(option_table_equal(&option_table_config, right, left, flags), is_same);
    config_unref(left);
    config_unref(right);
    return is_same;
}

static void sees_every_row_without_flags(void **state)
{
    static const char *const differing[] = {
        "listen: [\"127.0.0.1:81\"]" ROUTES,
        "workers: 2" ROUTES,
        "welcome: x" ROUTES,
        "limits: {body_rate: 7}" ROUTES,
        "listen: [{address: \"127.0.0.1:8080\", protocols: [http/1.1]}]" ROUTES,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(differing); i++) {
        assert_true(are_equal(differing[i], differing[i], 0));
        assert_false(are_equal(differing[i], "workers: 0" ROUTES, 0));
    }
}

static void sees_only_what_needs_a_restart_with_that_flag(void **state)
{
    static const char *const restarting[] = {
        "listen: [\"127.0.0.1:81\"]" ROUTES,
        "listen: [\"127.0.0.1:8080\", \"127.0.0.1:81\"]" ROUTES,
        "listen: [{address: \"127.0.0.1:8080\", backlog: 7}]" ROUTES,
        "workers: 2" ROUTES,
        "onnxruntime: x.so" ROUTES,
    };
    static const char *const reloadable[] = {
        "welcome: x" ROUTES,
        "limits: {body_rate: 7}" ROUTES,
        "listen: [{address: \"127.0.0.1:8080\", protocols: [http/1.1]}]" ROUTES,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(restarting); i++)
        assert_false(are_equal(restarting[i], "workers: 0" ROUTES, OPTION_RESTART));
    for (size_t i = 0; i < ARRAY_LEN(reloadable); i++)
        assert_true(are_equal(reloadable[i], "workers: 0" ROUTES, OPTION_RESTART));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_every_row_without_flags),
        cmocka_unit_test(sees_only_what_needs_a_restart_with_that_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
