/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmd/capture.h"

#define CONFIGS TESTS_DIR "/data/config/"

static struct capture capture;

static void says_ok_with_the_number_of_routes_and_models(void **state)
{
    (void)state;
    run(cmd_check, "check " CONFIGS "good.yaml", &capture);
    assert_string_equal(capture.err, "");
    assert_string_equal(capture.out, CONFIGS "good.yaml: ok (3 routes, 2 models)\n");
    assert_int_equal(capture.exit, CMD_DONE);
}

static void prints_errors_to_standard_error_and_fails(void **state)
{
    (void)state;
    run(cmd_check, "check " CONFIGS "bad.yaml", &capture);
    assert_int_equal(capture.exit, CMD_FAILED);
    assert_string_equal(capture.out, "");
    assert_string_equal(capture.err,
                        CONFIGS "bad.yaml:3:3: error: unknown option \"body_byte\" in limits; did you mean "
                                "\"body_bytes\"?\n"
                                "      body_byte: 1MiB\n"
                                "      ^\n" CONFIGS
                                "bad.yaml:8:25: error: unknown option \"lable\" in format_output; did you mean "
                                "\"labels\"?\n"
                                "          - format_output: {lable: [\"0\", \"180\"]}\n"
                                "                            ^\n" CONFIGS
                                "bad.yaml:9:17: error: unknown model \"orientation\"; models are declared in the list "
                                "\"models\"\n"
                                "        to: {model: orientation}\n"
                                "                    ^\n" CONFIGS "bad.yaml: 3 errors\n");
}

static void gives_the_same_as_json(void **state)
{
    (void)state;
    run(cmd_check, "check --json " CONFIGS "bad.yaml", &capture);
    assert_int_equal(capture.exit, CMD_FAILED);
    assert_string_equal(capture.err, "");
    assert_string_equal(
        capture.out,
        "{\"file\":\"" CONFIGS "bad.yaml\",\"ok\":false,\"errors\":3,\"warnings\":0,\"notes\":["
        "{\"severity\":\"error\",\"line\":3,\"column\":3,\"message\":\"unknown option \\\"body_byte\\\" in "
        "limits; did you mean \\\"body_bytes\\\"?\"},"
        "{\"severity\":\"error\",\"line\":8,\"column\":25,\"message\":\"unknown option \\\"lable\\\" in "
        "format_output; did you mean \\\"labels\\\"?\"},"
        "{\"severity\":\"error\",\"line\":9,\"column\":17,\"message\":\"unknown model "
        "\\\"orientation\\\"; models are declared in the list \\\"models\\\"\"}]}\n");
    run(cmd_check, "check --json " CONFIGS "good.yaml", &capture);
    assert_int_equal(capture.exit, CMD_DONE);
    assert_string_equal(capture.out, "{\"file\":\"" CONFIGS "good.yaml\",\"ok\":true,\"errors\":0,\"warnings\":0,"
                                     "\"routes\":3,\"models\":2,\"schemas\":[],\"notes\":[]}\n");
}

static void says_which_schemas_a_route_is_bound_to(void **state)
{
    (void)state;
    run(cmd_check, "check --verbose " CONFIGS "contracts.yaml", &capture);
    assert_string_equal(capture.err,
                        CONFIGS "schemas/unused.json: warning: no route is bound to this file, and no schema "
                                "refers to it\n");
    assert_string_equal(capture.out,
                        CONFIGS "contracts.yaml: ok (1 route, 0 models)\n"
                                "  POST /v2/users\n"
                                "    body: " CONFIGS "schemas/post-users-v2.json (enforce)\n"
                                "    query dry: " CONFIGS "contracts.yaml#/0/schema (enforce)\n"
                                "    response 4XX: " CONFIGS "schemas/post-users-v2.json#/$defs/fault (report)\n");
    run(cmd_check, "check --json " CONFIGS "contracts.yaml", &capture);
    assert_non_null(strstr(capture.out,
                           "\"schemas\":[{\"route\":\"POST /v2/users\",\"part\":\"body\",\"schema\":\"" CONFIGS
                           "schemas/post-users-v2.json\",\"mode\":\"enforce\"},"));
    assert_non_null(strstr(capture.out, "{\"severity\":\"warning\",\"file\":\"" CONFIGS "schemas/unused.json\","
                                        "\"message\":"));
}

static void fails_on_a_file_that_is_not_there(void **state)
{
    (void)state;
    run(cmd_check, "check /nonexistent.yaml", &capture);
    assert_int_equal(capture.exit, CMD_FAILED);
    assert_string_equal(capture.err, "/nonexistent.yaml: error: there is no such file\n/nonexistent.yaml: 1 error\n");
}

static void prints_the_reference_and_the_schema(void **state)
{
    (void)state;
    run(cmd_check, "check --reference", &capture);
    assert_int_equal(capture.exit, CMD_DONE);
    assert_memory_equal(capture.out, "# Configuration reference\n", 26);
    run(cmd_check, "check --schema", &capture);
    assert_int_equal(capture.exit, CMD_DONE);
    assert_memory_equal(capture.out, "{\"$schema\":", 11);
}

static void refuses_wrong_usage(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "check", "check a b", "check --reference a", "check --json --schema a", "check --jsno a", "check --json=1 a"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        run(cmd_check, lines[i], &capture);
        assert_int_equal(capture.exit, CMD_USAGE);
        assert_string_equal(capture.out, "");
        assert_memory_equal(capture.err, "weir check: ", 12);
        assert_non_null(strstr(capture.err, "Try: weir check --help\n"));
    }
}

static void helps_with_every_flag_and_the_exit_codes(void **state)
{
    (void)state;
    static const char *const words[] = {
        "Usage: weir check [--json] [--verbose] FILE\n", "--json", "--reference", "--schema", "-h, --help",
        "Exit codes: 0 done, 1 failed, 2 wrong usage.\n"};
    run(cmd_check, "check --help", &capture);
    assert_int_equal(capture.exit, CMD_DONE);
    assert_string_equal(capture.err, "");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_non_null(strstr(capture.out, words[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_ok_with_the_number_of_routes_and_models),
        cmocka_unit_test(prints_errors_to_standard_error_and_fails),
        cmocka_unit_test(gives_the_same_as_json),
        cmocka_unit_test(says_which_schemas_a_route_is_bound_to),
        cmocka_unit_test(fails_on_a_file_that_is_not_there),
        cmocka_unit_test(prints_the_reference_and_the_schema),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(helps_with_every_flag_and_the_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
