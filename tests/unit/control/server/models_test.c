/* SPDX-License-Identifier: Apache-2.0 */
/* Which models configurations share, and what readiness is about. */
#include "control/server/models.h"

#include "control/metrics/metrics_render.h"

#include "pipeline/config_make.h"
#include "pipeline/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MISSING "/nonexistent/model.onnx"

/* A port of the middlewares, which no configuration here has. */
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)path;
    (void)fault;
    (void)ret_sink;
    return ERR_UNSUPPORTED;
}

static struct meter_registry *registry;
static struct models *models;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(meter_registry_create(1, &registry), ERR_OK);
    assert_int_equal(models_create(&(struct models_options){.worker_count = 1, .registry = registry}, &models), ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    models_destroy(models);
    meter_registry_destroy(registry);
    return 0;
}

/* A configuration with one model, attached. */
static struct config *make(const char *path, uint64_t queue)
{
    struct config *config = config_create();
    assert_non_null(config);
    struct model_config *model = arena_alloc_zero(&config->arena, sizeof *model);
    struct slice *provider = arena_alloc_zero(&config->arena, sizeof *provider);
    *provider = SLICE_LIT("cpu");
    *model = (struct model_config){
        .name = SLICE_LIT("net"),
        .version = SLICE_LIT("1"),
        .path = slice_of_text(path),
        .providers = {provider, 1},
        .threads = 1,
        .queue = queue,
    };
    config->models = (struct option_list){model, 1};
    config->model_entries = arena_alloc_array(&config->arena, 1, sizeof(struct model_entry *));
    assert_int_equal(models_attach(models, config, (struct slice){NULL, 0}), ERR_OK);
    return config;
}

static uint32_t load(struct config *config)
{
    const struct models_round round = {.models = models, .config = config};
    return models_load(&round);
}

static bool is_ready(char why[512])
{
    struct text text = text_init(why, 512);
    return models_are_ready(models, &text);
}

static void shares_a_model_between_configurations_that_want_the_same(void **state)
{
    (void)state;
    struct config *first = make(MISSING, 4);
    struct config *same = make(MISSING, 4);
    struct config *other = make(MISSING, 5);
    assert_ptr_equal(first->model_entries[0], same->model_entries[0]);
    assert_ptr_not_equal(first->model_entries[0], other->model_entries[0]);
    config_unref(other);
    config_unref(same);
    config_unref(first);
}

static void is_ready_only_when_the_current_configuration_has_its_models(void **state)
{
    (void)state;
    char why[512];
    assert_true(is_ready(why));
    struct config *current = make(MISSING, 4);
    models_expect(models, current);
    assert_false(is_ready(why));
    assert_string_equal(why, "model net is loading");
    assert_int_equal(load(current), 1);
    assert_false(is_ready(why));
    assert_string_equal(why, "model net could not be loaded");
    assert_int_equal(atomic_load(&current->model_entries[0]->state), MODEL_FAILED);
    config_unref(current);
}

static void does_not_ask_what_a_reload_is_trying_out(void **state)
{
    (void)state;
    char why[512];
    struct config *empty = config_create();
    models_expect(models, empty);
    struct config *tried = make(MISSING, 4);
    assert_true(is_ready(why));
    models_expect(models, tried);
    assert_false(is_ready(why));
    models_expect(models, empty);
    assert_true(is_ready(why));
    config_unref(tried);
    config_unref(empty);
}

static void tries_a_failed_model_again(void **state)
{
    (void)state;
    struct config *current = make(MISSING, 4);
    assert_int_equal(load(current), 1);
    struct config *next = make(MISSING, 4);
    assert_ptr_equal(next->model_entries[0], current->model_entries[0]);
    assert_int_equal(load(next), 1);
    assert_int_equal(atomic_load(&next->model_entries[0]->state), MODEL_FAILED);
    config_unref(next);
    config_unref(current);
}

static void keeps_a_loaded_model_until_the_last_configuration_goes(void **state)
{
    (void)state;
    char why[512];
    struct text fault = text_init(why, sizeof why);
    if (!runtime_version((struct slice){NULL, 0}, &fault).ptr)
        skip();
    struct config *first = make(TESTS_DIR "/data/models/identity.onnx", 4);
    struct model_entry *entry = first->model_entries[0];
    assert_int_equal(load(first), 0);
    struct model *model = atomic_load(&entry->model);
    assert_non_null(model);
    struct config *second = make(TESTS_DIR "/data/models/identity.onnx", 4);
    assert_ptr_equal(second->model_entries[0], entry);
    config_unref(first);
    assert_ptr_equal(atomic_load(&entry->model), model);
    assert_int_equal(load(second), 0);
    assert_ptr_equal(atomic_load(&entry->model), model);
    config_unref(second);
    assert_null(atomic_load(&entry->model));
    assert_int_equal(atomic_load(&entry->state), MODEL_LOADING);
}

/* --- models of repositories ------------------------------------------------------------------------------------------ */

#define FOLDER TESTS_DIR "/data/models"

/* One version of "net", of a repository. */
static struct config *make_found(const char *version, const char *file, uint64_t signature)
{
    static struct repository_config repository = {.folder = SLICE_LIT(FOLDER)};
    struct config *config = config_create();
    assert_non_null(config);
    struct model_config *model = arena_alloc_zero(&config->arena, sizeof *model);
    struct slice *provider = arena_alloc_zero(&config->arena, sizeof *provider);
    *provider = SLICE_LIT("cpu");
    *model = (struct model_config){
        .name = SLICE_LIT("net"),
        .version = slice_of_text(version),
        .path = arena_printf(&config->arena, FOLDER "/%s", file),
        .providers = {provider, 1},
        .threads = 1,
        .queue = 4,
        .repository = SLICE_LIT(FOLDER),
        .signature = signature,
    };
    config->repositories = (struct option_list){&repository, 1};
    config->models = config->models_wanted = (struct option_list){model, 1};
    config->model_entries = arena_alloc_array(&config->arena, 1, sizeof(struct model_entry *));
    assert_int_equal(models_attach(models, config, (struct slice){NULL, 0}), ERR_OK);
    return config;
}

static struct config *take_next(struct config *old, struct config *config)
{
    const struct models_round round = {.models = models, .config = config, .old = old};
    assert_int_equal(models_load(&round), 0);
    assert_int_equal(models_settle(&round), ERR_OK);
    models_expect(models, config);
    config_unref(old);
    return config;
}

static void need_runtime(void)
{
    char why[512];
    struct text fault = text_init(why, sizeof why);
    if (!runtime_version((struct slice){NULL, 0}, &fault).ptr)
        skip();
}

static void goes_on_with_the_model_before_when_the_next_one_fails(void **state)
{
    (void)state;
    char why[1024];
    struct text fault = text_init(why, sizeof why);
    need_runtime();
    struct config *config = take_next(NULL, make_found("1", "identity.onnx", 1));
    struct model_entry *entry = config->model_entries[0];
    config = take_next(config, make_found("1", "not_onnx.onnx", 2));
    assert_int_equal(config->models.count, 1);
    assert_ptr_equal(config->model_entries[0], entry);
    assert_int_equal(atomic_load(&entry->state), MODEL_READY);
    assert_int_equal(config->model_failure_count, 1);
    assert_true(models_fault(config, SLICE_LIT("net"), &fault));
    assert_non_null(strstr(why, "not_onnx.onnx"));
    assert_null(strstr(why, FOLDER));
    assert_true(is_ready(why));
    config = take_next(config, make_found("1", "identity.onnx", 3));
    assert_ptr_not_equal(config->model_entries[0], entry);
    assert_int_equal(atomic_load(&config->model_entries[0]->state), MODEL_READY);
    assert_null(atomic_load(&entry->model));
    config_unref(config);
}

static void keeps_the_version_before_beside_one_that_fails(void **state)
{
    (void)state;
    need_runtime();
    struct config *config = take_next(NULL, make_found("1", "identity.onnx", 1));
    struct model_entry *entry = config->model_entries[0];
    config = take_next(config, make_found("2", "not_onnx.onnx", 1));
    assert_int_equal(config->models.count, 2);
    assert_string_equal(config->model_entries[0]->config->version.ptr, "2");
    assert_ptr_equal(config_model(config, SLICE_LIT("net")), entry);
    config_unref(config);
}

static void does_not_read_again_what_failed_until_it_changes(void **state)
{
    (void)state;
    need_runtime();
    struct config *config = take_next(NULL, make_found("1", "not_onnx.onnx", 1));
    uint64_t failed = counter_read(&models_loads(models)->failed);
    config = take_next(config, make_found("1", "not_onnx.onnx", 1));
    assert_int_equal(counter_read(&models_loads(models)->failed), failed);
    config = take_next(config, make_found("1", "not_onnx.onnx", 2));
    assert_int_equal(counter_read(&models_loads(models)->failed), failed + 1);
    char why[512];
    assert_true(is_ready(why)); /* it fails alone */
    config_unref(config);
}

static void shares_the_one_that_was_loaded_last(void **state)
{
    (void)state;
    need_runtime();
    struct config *first = take_next(NULL, make_found("1", "identity.onnx", 1));
    struct config *anew = make_found("1", "identity.onnx", 1);
    assert_ptr_equal(anew->model_entries[0], first->model_entries[0]);
    assert_int_equal(models_attach(models, anew, SLICE_LIT("net")), ERR_OK);
    struct model_entry *entry = anew->model_entries[0];
    assert_ptr_not_equal(entry, first->model_entries[0]);
    anew = take_next(first, anew);
    struct config *next = make_found("1", "identity.onnx", 1);
    assert_ptr_equal(next->model_entries[0], entry);
    config_unref(next);
    config_unref(anew);
}

static void refuses_a_model_that_is_not_what_its_settings_declare(void **state)
{
    (void)state;
    char why[1024];
    struct text fault = text_init(why, sizeof why);
    need_runtime();
    struct config *config = config_create();
    struct config *found = make_found("1", "identity.onnx", 8);
    struct model_config *model = found->models.items;
    model->settings = SLICE_LIT("input { name: \"z\" }");
    model->settings_path = SLICE_LIT("net/config.pbtxt");
    assert_int_equal(models_attach(models, found, (struct slice){NULL, 0}), ERR_OK);
    found = take_next(config, found);
    assert_true(models_fault(found, SLICE_LIT("net"), &fault));
    assert_string_equal(why, "net/config.pbtxt:1:7: the model has no input \"z\"; the first one is \"x\"");
    config_unref(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_a_model_between_configurations_that_want_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_ready_only_when_the_current_configuration_has_its_models, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_ask_what_a_reload_is_trying_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tries_a_failed_model_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_loaded_model_until_the_last_configuration_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_with_the_model_before_when_the_next_one_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_version_before_beside_one_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_read_again_what_failed_until_it_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shares_the_one_that_was_loaded_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_model_that_is_not_what_its_settings_declare, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
