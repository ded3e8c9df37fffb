/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics/meter_registry.h"
#include "lib/sys/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define WORKERS 3

static struct meter_registry *make_registry(void)
{
    struct meter_registry *registry;
    assert_int_equal(meter_registry_create(WORKERS, &registry), ERR_OK);
    return registry;
}

static struct route_meter *route(struct meter_registry *registry, const char *name)
{
    struct route_meter *meters = NULL;
    assert_int_equal(meter_registry_route(registry, slice_of_text(name), &meters), ERR_OK);
    return meters;
}

static struct model_meter *model(struct meter_registry *registry, const char *name, const char *version)
{
    struct model_meter *meters = NULL;
    assert_int_equal(meter_registry_model(registry, slice_of_text(name), slice_of_text(version), &meters), ERR_OK);
    return meters;
}

static void the_same_name_keeps_its_counts(void **state)
{
    (void)state;
    struct meter_registry *registry = make_registry();
    char name[] = "GET /a"; /* what the configuration that goes held */
    struct route_meter *meters = route(registry, name);
    counter_add(&meters[WORKERS - 1].requests[100], 5);
    name[5] = 'x';
    assert_ptr_equal(route(registry, "GET /a"), meters);
    assert_ptr_not_equal(route(registry, "GET /x"), meters);
    assert_int_equal(counter_read(&route(registry, "GET /a")[WORKERS - 1].requests[100]), 5);
    meter_registry_destroy(registry);
}

static void another_version_of_a_model_counts_anew(void **state)
{
    (void)state;
    struct meter_registry *registry = make_registry();
    struct model_meter *first = model(registry, "m", "1");
    counter_add(&first[0].runs, 7);
    assert_int_equal(counter_read(&model(registry, "m", "2")[0].runs), 0);
    assert_ptr_equal(model(registry, "m", "1"), first);
    /* The two texts stand one behind the other in memory, and still are not taken for one. */
    assert_ptr_not_equal(model(registry, "m1", ""), first);
    meter_registry_destroy(registry);
}

static void new_meters_are_zero_and_begin_a_cache_line(void **state)
{
    (void)state;
    struct meter_registry *registry = make_registry();
    char name[20] = "";
    for (size_t i = 0; i + 1 < sizeof name; i++) {
        name[i] = 'n';
        struct route_meter *meters = route(registry, name);
        assert_int_equal((uintptr_t)meters % 64, 0);
        assert_int_equal((uintptr_t)model(registry, name, "1") % 64, 0);
        for (int w = 0; w < WORKERS; w++) {
            assert_int_equal(gauge_read(&meters[w].in_flight), 0);
            assert_int_equal(histogram_count(&meters[w].request_time), 0);
        }
    }
    meter_registry_destroy(registry);
}

static void series_come_in_the_order_of_adding(void **state)
{
    (void)state;
    struct meter_registry *registry = make_registry();
    assert_null(meter_registry_first_route(registry));
    assert_null(meter_registry_first_model(registry));
    (void)route(registry, "GET /b");
    (void)route(registry, "GET /a");
    (void)route(registry, "GET /b");
    (void)model(registry, "m", "2");
    (void)model(registry, "m", "1");
    const struct route_series *routes = meter_registry_first_route(registry);
    assert_true(slice_is(routes->name, "GET /b"));
    routes = route_series_next(routes);
    assert_true(slice_is(routes->name, "GET /a"));
    assert_null(route_series_next(routes));
    const struct model_series *models = meter_registry_first_model(registry);
    assert_true(slice_is(models->version, "2"));
    models = model_series_next(models);
    assert_true(slice_is(models->version, "1"));
    assert_null(model_series_next(models));
    meter_registry_destroy(registry);
}

static void names_have_a_limit(void **state)
{
    (void)state;
    struct meter_registry *registry;
    struct route_meter *meters = NULL;
    assert_int_equal(meter_registry_create(1, &registry), ERR_OK);
    for (int i = 0; i < 2 * METER_ROUTES_MAX; i++)
        (void)route(registry, "GET /always-the-same");
    for (int i = 1; i < METER_ROUTES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%d", i);
        (void)route(registry, name);
    }
    assert_int_equal(meter_registry_route(registry, SLICE_LIT("one more"), &meters), ERR_LIMIT);
    assert_null(meters);
    assert_int_equal(meter_registry_route(registry, SLICE_LIT("17"), &meters), ERR_OK);
    meter_registry_destroy(registry);
}

static void add_routes(void *argument)
{
    for (int i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "route %d", i);
        (void)route(argument, name);
    }
}

static void walking_while_others_add_sees_whole_series(void **state)
{
    (void)state;
    struct meter_registry *registry = make_registry();
    struct thread adders[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_start(&adders[i], "adder", add_routes, registry), ERR_OK);
    for (int i = 0; i < 200; i++) {
        const struct route_series *series = meter_registry_first_route(registry);
        for (; series; series = route_series_next(series)) {
            assert_true(slice_starts(series->name, SLICE_LIT("route ")));
            assert_int_equal(gauge_read(&series->meters[WORKERS - 1].in_flight), 0);
        }
    }
    for (int i = 0; i < 2; i++)
        thread_join(&adders[i]);
    uint32_t count = 0;
    for (const struct route_series *s = meter_registry_first_route(registry); s; s = route_series_next(s))
        count++;
    assert_int_equal(count, 200);
    meter_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_keeps_its_counts),
        cmocka_unit_test(another_version_of_a_model_counts_anew),
        cmocka_unit_test(new_meters_are_zero_and_begin_a_cache_line),
        cmocka_unit_test(series_come_in_the_order_of_adding),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(walking_while_others_add_sees_whole_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
