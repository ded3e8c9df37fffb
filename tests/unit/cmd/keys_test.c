/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmd/capture.h"

#include "pipeline/keys.h"

static struct capture capture;
static char folder[] = "/tmp/weir_cmd_XXXXXX";
static char line[512];

static void run_keys(const char *words)
{
    (void)snprintf(line, sizeof line, "keys %s --file %s/k", words, folder);
    run(cmd_keys, line, &capture);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/k", folder);
    unlink(path);
    (void)snprintf(path, sizeof path, "%s/k.lock", folder);
    unlink(path);
    return rmdir(folder);
}

static void prints_the_key_alone_on_standard_output(void **state)
{
    (void)state;
    run_keys("add --tenant acme --name ci");
    assert_int_equal(capture.exit, CMD_DONE);
    assert_memory_equal(capture.out, "weir_", 5);
    assert_int_equal(strlen(capture.out), 5 + 10 + 1 + KEY_SECRET_CHARS + 1);
    assert_ptr_equal(strchr(capture.out, '\n'), capture.out + strlen(capture.out) - 1);
    assert_non_null(strstr(capture.err, "cannot be shown again"));
}

static void lists_what_was_added_and_revoked(void **state)
{
    (void)state;
    char words[64];
    run_keys("add -t acme --expires 90d");
    (void)snprintf(words, sizeof words, "revoke %.10s", capture.out + 5);
    run_keys("list");
    assert_non_null(strstr(capture.out, " acme "));
    assert_non_null(strstr(capture.out, " valid\n"));
    run_keys(words);
    assert_int_equal(capture.exit, CMD_DONE);
    run_keys("list --json");
    assert_int_equal(capture.exit, CMD_DONE);
    assert_non_null(strstr(capture.out, "\"tenant\":\"acme\",\"name\":\"\""));
    assert_non_null(strstr(capture.out, "\"state\":\"revoked\"}]\n"));
    run_keys(words);
    assert_int_equal(capture.exit, CMD_FAILED);
    assert_non_null(strstr(capture.err, "was revoked before"));
}

static void fails_on_a_file_that_is_not_there(void **state)
{
    (void)state;
    run_keys("list");
    assert_int_equal(capture.exit, CMD_FAILED);
    assert_non_null(strstr(capture.err, "does not exist"));
}

static void refuses_wrong_usage(void **state)
{
    (void)state;
    static const char *const lines[] = {"keys",
                                        "keys lst",
                                        "keys add",
                                        "keys add --file f",
                                        "keys add --tenant t",
                                        "keys add --file f --tenant t x",
                                        "keys add --file f --tenant t --expires soon",
                                        "keys add --file f --tenant t --expires 2001-01-01",
                                        "keys list",
                                        "keys list --file f x",
                                        "keys revoke --file f",
                                        "keys revoke id",
                                        "keys --wrong"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        run(cmd_keys, lines[i], &capture);
        assert_int_equal(capture.exit, CMD_USAGE);
        assert_string_equal(capture.out, "");
        assert_memory_equal(capture.err, "weir keys", 9);
    }
    run(cmd_keys, "keys lst", &capture);
    assert_string_equal(capture.err, "weir keys: unknown command \"lst\"; did you mean \"list\"?\n"
                                     "Try: weir keys --help\n");
}

static void helps_with_each_command(void **state)
{
    (void)state;
    static const char *const lines[] = {"keys --help", "keys -h", "keys add --help", "keys list --help",
                                        "keys revoke --help"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        run(cmd_keys, lines[i], &capture);
        assert_int_equal(capture.exit, CMD_DONE);
        assert_memory_equal(capture.out, "Usage: weir keys", 16);
        assert_non_null(strstr(capture.out, "Exit codes: 0 done, 1 failed, 2 wrong usage.\n"));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prints_the_key_alone_on_standard_output), TEST(lists_what_was_added_and_revoked),
        TEST(fails_on_a_file_that_is_not_there),       cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(helps_with_each_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
