/* SPDX-License-Identifier: Apache-2.0 */
/* Options of every type: what is taken, and the exact words for what is not. */
#include "unit/control/config/harness.h"

#define IMAGE(options)                                                                                                 \
    "chain:\n"                                                                                                         \
    "  - normalize_image: {size: [1, 2], " options "}\n"

#define NO_ROUTES " warning: there are no routes: only /livez and /readyz will be answered\n"

/* The only middleware of the file's chain, loaded with these options. */
static void assert_image(const char *yaml, const char *expected)
{
    char all[4096];
    (void)snprintf(all, sizeof all, NO_ROUTES "%s", expected);
    assert_report(yaml, all);
}

static void assert_config(const char *yaml, const char *expected)
{
    assert_image(yaml, expected);
}

static void gives_every_option_its_default(void **state)
{
    (void)state;
    struct config *config = load_reporting(SLICE_LIT("{}"), "weir.yaml", NO_ROUTES);
    assert_int_equal(config->listen.count, 1);
    assert_true(slice_is(((const struct listen_config *)config->listen.items)[0].address, "127.0.0.1:8080"));
    assert_int_equal(config->workers, 0);
    assert_int_equal(config->limits.body_bytes, 10 << 20);
    assert_int_equal(config->limits.idle_time, 75000000000);
    assert_int_equal(config->shutdown.timeout_ns, 30000000000);
    assert_int_equal(config->inline_pixels, 262144);
    assert_int_equal(config->models.count, 0);
    config_unref(config);
}

static void suggests_the_nearest_name_for_an_unknown_option(void **state)
{
    (void)state;
    assert_config("lisen: [a]\n", "1:1: error: unknown option \"lisen\" in config; did you mean \"listen\"?\n");
    assert_config("limits:\n  body_byte: 1\n",
                  "2:3: error: unknown option \"body_byte\" in limits; did you mean \"body_bytes\"?\n");
    assert_config("chain:\n  - format_output: {lable: [\"0\", \"180\"]}\n",
                  "2:21: error: unknown option \"lable\" in format_output; did you mean \"labels\"?\n");
}

static void lists_what_there_is_when_nothing_is_near(void **state)
{
    (void)state;
    assert_config("shutdown: {x: 1}\n", "1:12: error: unknown option \"x\" in shutdown; it takes delay, timeout\n");
}

static void suggests_chain_and_routes_though_they_are_no_rows(void **state)
{
    (void)state;
    assert_config("rutes: []\n", "1:1: error: unknown option \"rutes\" in config; did you mean \"routes\"?\n");
}

static void wants_whole_numbers_within_bounds(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"1025", "\"1025\""},   {"-1", "\"-1\""},     {"1.5", "\"1.5\""},
        {"0x10", "\"0x10\""},   {"many", "\"many\""}, {"\"4\"", "the text \"4\""},
        {"[1]", "a list of 1"}, {"{a: 1}", "a map"},  {"99999999999999999999", "\"99999999999999999999\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[128];
        char expected[256];
        (void)snprintf(yaml, sizeof yaml, "workers: %s\n", bad[i][0]);
        (void)snprintf(expected, sizeof expected,
                       "1:10: error: \"workers\" in config takes a whole number from 0 to 1024 (default 0), found %s\n",
                       bad[i][1]);
        assert_config(yaml, expected);
    }
    assert_config("workers: 1024\n", "");
}

static void wants_a_value_behind_a_name(void **state)
{
    (void)state;
    assert_config("limits:\n  body_bytes:\nworkers: 1\n",
                  "2:3: error: \"body_bytes\" in limits takes a size from 0 to 1GiB, such as 4096, 16KiB or 10MiB "
                  "(default 10MiB), found nothing\n");
}

static void reads_sizes_with_binary_units(void **state)
{
    (void)state;
    static const char words[] = "error: \"head_bytes\" in limits takes a size from 1KiB to 1MiB, such as 4096, 16KiB "
                                "or 10MiB (default 16KiB), found";
    static const char *const bad[] = {"1023", "2MiB", "16kb", "16 KiB", "KiB", "1.5MiB", "99999999999GiB"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[128];
        char expected[512];
        (void)snprintf(yaml, sizeof yaml, "limits: {target_bytes: 1KiB, head_bytes: %s}\n", bad[i]);
        (void)snprintf(expected, sizeof expected, "1:42: %s \"%s\"\n", words, bad[i]);
        assert_config(yaml, expected);
    }
    struct config *config = load_reporting(SLICE_LIT("limits: {head_bytes: 16384, body_bytes: 0, worker_memory: 3GiB}"),
                                           "weir.yaml", NO_ROUTES);
    assert_int_equal(config->limits.head_bytes, 16384);
    assert_int_equal(config->limits.body_bytes, 0);
    assert_int_equal(config->limits.worker_memory, 3ULL << 30);
    config_unref(config);
}

static void reads_durations_with_units(void **state)
{
    (void)state;
    static const char *const bad[] = {"10", "0", "2h", "10sec", "1.5s", "s", "-1s", "99999999999999999h"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[128];
        char expected[512];
        (void)snprintf(yaml, sizeof yaml, IMAGE("wait: %s"), bad[i]);
        (void)snprintf(expected, sizeof expected,
                       "2:43: error: \"wait\" in normalize_image takes a time from 1ms to 1h, such as 250ms, 10s or 5m "
                       "(default 10s), found \"%s\"\n",
                       bad[i]);
        assert_image(yaml, expected);
    }
    assert_image(IMAGE("wait: 1ms"), "");
    assert_image(IMAGE("wait: 1h"), "");
    assert_config("shutdown: {delay: 0, timeout: 60m}\n", "");
}

static void wants_numbers_as_json_writes_them(void **state)
{
    (void)state;
    static const char *const bad[] = {".5", "1.6", "-0.1", "nan", ".inf", "0x1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[128];
        char expected[512];
        (void)snprintf(yaml, sizeof yaml, IMAGE("scale: %s"), bad[i]);
        (void)snprintf(
            expected, sizeof expected,
            "2:44: error: \"scale\" in normalize_image takes a number from 0 to 1.5 (default 0.25), found \"%s\"\n",
            bad[i]);
        assert_image(yaml, expected);
    }
    assert_image(IMAGE("scale: 1.5e-3"), "");
}

static void wants_true_or_false_and_no_other_word(void **state)
{
    (void)state;
    assert_image(IMAGE("grey: yes"), "2:43: error: \"grey\" in normalize_image takes true or false, found \"yes\"\n");
    assert_image(IMAGE("grey: \"true\""),
                 "2:43: error: \"grey\" in normalize_image takes true or false, found the text \"true\"\n");
}

static void suggests_the_nearest_choice(void **state)
{
    (void)state;
    assert_image(IMAGE("layout: nhww"), "2:45: error: \"layout\" in normalize_image takes one of nchw, nhwc (default "
                                        "nchw), found \"nhww\"; did you mean \"nhwc\"?\n");
    assert_image(
        IMAGE("layout: planar"),
        "2:45: error: \"layout\" in normalize_image takes one of nchw, nhwc (default nchw), found \"planar\"\n");
}

static void blames_the_item_of_a_list(void **state)
{
    (void)state;
    assert_image(
        IMAGE("mean: [1, x, 2]"),
        "2:47: error: \"mean\" in normalize_image takes a list of 1 to 3 numbers (default [0.5]), found \"x\"\n");
    assert_image(
        IMAGE("mean: [1, 2, 3, 4]"),
        "2:43: error: \"mean\" in normalize_image takes a list of 1 to 3 numbers (default [0.5]), found a list of 4\n");
    assert_image(
        IMAGE("mean: 1"),
        "2:43: error: \"mean\" in normalize_image takes a list of 1 to 3 numbers (default [0.5]), found \"1\"\n");
    assert_image("chain:\n  - normalize_image: {size: [1]}\n",
                 "2:29: error: \"size\" in normalize_image takes a list of 2 whole numbers, found a list of 1\n");
}

static void blames_the_size_of_a_shape(void **state)
{
    (void)state;
    static const char words[] = "error: \"shapes\" in normalize_image takes a map of up to 2 names to lists of sizes, "
                                "such as {x: [1, 3, 48, 192]}, found";
    static const char *const bad[][3] = {
        {"{x: [1, 0]}", "2:53", "\"0\""},
        {"{x: 3}", "2:49", "\"3\""},
        {"{x: [1, 1, 1, 1, 1, 1, 1, 1, 1]}", "2:49", "a list of 9"},
        {"[1]", "2:45", "a list of 1"},
        {"{a: [], b: [], c: []}", "2:45", "a map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[128];
        char expected[512];
        (void)snprintf(yaml, sizeof yaml, IMAGE("shapes: %s"), bad[i][0]);
        (void)snprintf(expected, sizeof expected, "%s: %s %s\n", bad[i][1], words, bad[i][2]);
        assert_image(yaml, expected);
    }
}

static void asks_for_required_options_with_their_meaning(void **state)
{
    (void)state;
    assert_config("chain: [normalize_image]\n", "1:9: error: normalize_image lacks \"size\": Width and height\n");
    assert_config("models:\n  - version: 1\n", "2:5: error: model lacks \"name\": Name in URLs, metrics and "
                                               "answers\n2:5: error: model lacks \"path\": The .onnx file\n");
}

static void refuses_a_nul_in_a_text(void **state)
{
    (void)state;
    assert_config(
        "onnxruntime: \"a\\0b\"\n",
        "1:14: error: \"onnxruntime\" in config takes a path of up to 4096 bytes, found a text with a NUL in it\n");
}

static void bounds_the_length_of_texts(void **state)
{
    (void)state;
    assert_config("models:\n  - {name: \"\", path: /dev/null}\n",
                  "2:12: error: \"name\" in model takes a text of 1 to 128 bytes, found the text \"\"\n2:22: error: "
                  "model file /dev/null is not a regular file\n");
}

static void wants_maps_where_there_are_options(void **state)
{
    (void)state;
    assert_config("limits: 5\n", "1:9: error: \"limits\" in config takes a map of options, found \"5\"\n");
    assert_config("models: [a]\n", "1:10: error: model is a map of options, each as \"name: value\"; found \"a\"\n");
}

static void takes_relative_paths_from_the_folder_of_the_file(void **state)
{
    (void)state;
    struct config *config = load_reporting(SLICE_LIT("onnxruntime: lib/x.so\n"), "/srv/conf/weir.yaml", NO_ROUTES);
    assert_string_equal(config->onnxruntime.ptr, "/srv/conf/lib/x.so");
    config_unref(config);
    config = load_reporting(SLICE_LIT("onnxruntime: /lib/x.so\n"), "/srv/conf/weir.yaml", NO_ROUTES);
    assert_string_equal(config->onnxruntime.ptr, "/lib/x.so");
    config_unref(config);
    config = load_reporting(SLICE_LIT("onnxruntime: x.so\n"), "conf/weir.yaml", NO_ROUTES);
    assert_int_equal(config->onnxruntime.ptr[0], '/');
    assert_non_null(strstr(config->onnxruntime.ptr, "/conf/x.so"));
    config_unref(config);
}

static void goes_on_after_an_error_and_reports_in_the_order_of_the_file(void **state)
{
    (void)state;
    assert_report(
        "workers: x\nroutes: {}\nshutdown:\n  delay: y\nlisten: []\nchain: 1\n",
        "1:10: error: \"workers\" in config takes a whole number from 0 to 1024 (default 0), found \"x\"\n2:9: error: "
        "\"routes\" takes a list of routes, each with match and to\n4:10: error: \"delay\" in shutdown takes a time "
        "from 0s to 1h, such as 250ms, 10s or 5m (default 0s), found \"y\"\n5:9: error: \"listen\" in config takes a "
        "list of 1 to 64 maps, or of the `address` of each alone (default [127.0.0.1:8080]), found a list of 0\n6:8: "
        "error: \"chain\" takes a list of "
        "middlewares, each a name or {name: {options}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_every_option_its_default),
        cmocka_unit_test(suggests_the_nearest_name_for_an_unknown_option),
        cmocka_unit_test(lists_what_there_is_when_nothing_is_near),
        cmocka_unit_test(suggests_chain_and_routes_though_they_are_no_rows),
        cmocka_unit_test(wants_whole_numbers_within_bounds),
        cmocka_unit_test(wants_a_value_behind_a_name),
        cmocka_unit_test(reads_sizes_with_binary_units),
        cmocka_unit_test(reads_durations_with_units),
        cmocka_unit_test(wants_numbers_as_json_writes_them),
        cmocka_unit_test(wants_true_or_false_and_no_other_word),
        cmocka_unit_test(suggests_the_nearest_choice),
        cmocka_unit_test(blames_the_item_of_a_list),
        cmocka_unit_test(blames_the_size_of_a_shape),
        cmocka_unit_test(asks_for_required_options_with_their_meaning),
        cmocka_unit_test(refuses_a_nul_in_a_text),
        cmocka_unit_test(bounds_the_length_of_texts),
        cmocka_unit_test(wants_maps_where_there_are_options),
        cmocka_unit_test(takes_relative_paths_from_the_folder_of_the_file),
        cmocka_unit_test(goes_on_after_an_error_and_reports_in_the_order_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
