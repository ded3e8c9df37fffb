/* SPDX-License-Identifier: Apache-2.0 */
/* Models of repositories as models of a configuration. */
#include "unit/control/config/harness.h"

#define FOLDER TESTS_DIR "/data/repository"
#define ROUTES "\nroutes:\n  - {match: /v2, public: true, to: {endpoint: v2}}\n"

static struct config *load_with(const char *yaml, const struct repository_choice *choice)
{
    struct report report;
    struct config *config = NULL;
    report_init(&report);
    assert_int_equal(config_load_chosen(slice_of_text(yaml), "/srv/weir.yaml", choice, &report, &config), ERR_OK);
    report_deinit(&report);
    return config;
}

static const struct model_config *model_at(const struct config *config, uint32_t index, const char *name)
{
    const struct model_config *models = config->models.items;
    assert_true(index < config->models.count);
    assert_string_equal(models[index].name.ptr, name);
    return &models[index];
}

static void takes_a_folder_a_map_or_a_list(void **state)
{
    static const char *const texts[] = {
        "repository: " FOLDER ROUTES,
        "repository: {folder: " FOLDER "}" ROUTES,
        "repository: [" FOLDER "]" ROUTES,
        "repository:\n  - {folder: " FOLDER ", control: poll}" ROUTES,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config *config = load_with(texts[i], NULL);
        assert_int_equal(config->repositories.count, 1);
        assert_int_equal(config->models.count, 2);
        config_unref(config);
    }
}

static void makes_options_of_what_config_pbtxt_says(void **state)
{
    (void)state;
    struct config *config = load_with("repository: {folder: " FOLDER ", record: 3}" ROUTES, NULL);
    const struct model_config *net = model_at(config, 0, "net");
    const struct model_config *plain = model_at(config, 1, "plain");
    const struct option_shape *shape = net->warm_up.items;
    assert_string_equal(net->version.ptr, "2");
    assert_int_equal(net->batch.max, 8);
    assert_int_equal(net->batch.policy, BATCH_FIXED);
    assert_int_equal(net->batch.max_delay, 250000);
    assert_int_equal(net->batch.preferred.count, 1);
    assert_int_equal(net->queue_total, 64);
    assert_int_equal(net->instances, 2);
    assert_int_equal(net->threads, 3);
    assert_int_equal(net->record, 3);
    assert_int_equal(shape->rank, 2);
    assert_int_equal(shape->dims[0], 2);
    assert_true(net->settings.len > 0);
    assert_int_not_equal(net->signature, 0);
    assert_string_equal(plain->version.ptr, "1");
    assert_int_equal(plain->batch.max, 32);
    assert_int_equal(config->model_faults.count, 1);
    assert_string_equal(((const struct repository_fault *)config->model_faults.items)->name.ptr, "bad");
    config_unref(config);
}

static void loads_what_was_asked_for_under_explicit_control(void **state)
{
    static const char text[] = "repository: {folder: " FOLDER ", control: explicit, load: [plain]}" ROUTES;
    (void)state;
    struct config *config = load_with(text, NULL);
    assert_int_equal(config->models.count, 1);
    (void)model_at(config, 0, "plain");
    const struct repository_choice choices[] = {
        {.action = REPOSITORY_LOAD, .name = SLICE_LIT("net")},
        {.action = REPOSITORY_KEEP},
        {.action = REPOSITORY_LOOK},
        {.action = REPOSITORY_UNLOAD, .name = SLICE_LIT("plain")},
    };
    static const uint32_t counts[] = {2, 2, 2, 1};
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        struct repository_choice choice = choices[i];
        choice.like = config;
        struct config *next = load_with(text, &choice);
        config_unref(config);
        config = next;
        assert_int_equal(config->models.count, counts[i]);
        (void)model_at(config, 0, "net");
    }
    config_unref(config);
}

static void says_which_words_of_load_lead_nowhere(void **state)
{
    (void)state;
    assert_report("repository:\n  folder: " FOLDER "\n  control: explicit\n  load: [none]\nroutes:\n"
                  "  - {match: GET /, public: true, to: {endpoint: livez}}\n",
                  "4:9: warning: there is no model \"none\" in the repository\n");
    assert_report("repository:\n  folder: " TESTS_DIR "/none\n  load: [none]\nroutes:\n"
                  "  - {match: GET /, public: true, to: {endpoint: livez}}\n",
                  "2:3: warning: repository " TESTS_DIR "/none: there is no such folder\n"
                  "3:9: warning: \"load\" has no effect without `control: explicit`: all models are loaded\n");
}

static void prefers_models_that_are_listed(void **state)
{
    (void)state;
    struct config *config =
        load_with("models: [{name: net, path: " FOLDER "/plain.onnx}]\nrepository: " FOLDER ROUTES, NULL);
    assert_int_equal(config->models.count, 2);
    assert_int_equal(model_at(config, 0, "net")->repository.len, 0);
    assert_int_equal(config->model_faults.count, 2);
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_folder_a_map_or_a_list),
        cmocka_unit_test(makes_options_of_what_config_pbtxt_says),
        cmocka_unit_test(loads_what_was_asked_for_under_explicit_control),
        cmocka_unit_test(says_which_words_of_load_lead_nowhere),
        cmocka_unit_test(prefers_models_that_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
