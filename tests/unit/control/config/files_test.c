/* SPDX-License-Identifier: Apache-2.0 */
/* `to: {files: …}` and `to: {asset: …}`: what they may lead to, and what is said when they do not. */
#include "unit/control/config/harness.h"

#include "pipeline/files.h"

#include <unistd.h>

static void a_path_alone_is_the_folder(void **state)
{
    (void)state;
    struct config *config = load_reporting(
        SLICE_LIT("routes:\n  - {match: \"GET /a/{path...}\", public: true, to: {files: /tmp}}\n"), "weir.yaml", "");
    const struct file_root *root = config->routes[0]->files;
    assert_non_null(root);
    assert_true(root->folder.fd >= 0);
    assert_true(slice_is(root->config->root, "/tmp"));
    assert_true(slice_is(root->config->index, "index.html"));
    assert_true(root->config->is_precompressed);
    int fd = root->folder.fd;
    config_unref(config);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1); /* closed with the configuration */
}

static void options_are_a_map(void **state)
{
    (void)state;
    struct config *config = load_reporting(
        SLICE_LIT(
            "routes:\n  - {match: GET /, public: true, to: {files: {root: /tmp, index: \"\", cache_control: no-store, "
            "precompressed: false}}}\n"),
        "weir.yaml", "");
    const struct files_config *files = config->routes[0]->files->config;
    assert_int_equal(files->index.len, 0);
    assert_false(files->is_precompressed);
    assert_true(slice_is(files->cache_control, "no-store"));
    config_unref(config);
}

static void what_is_no_folder_is_said_with_its_place(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, public: true, to: {files: /nothing/here}}\n",
                  "2:46: error: \"root\" of files: /nothing/here is not a folder\n");
    assert_report("routes:\n  - {match: GET /, public: true, to: {files: {root: /etc/passwd}}}\n",
                  "2:53: error: \"root\" of files: /etc/passwd is not a folder\n");
    assert_report(
        "routes:\n  - {match: GET /, public: true, to: {files: {index: a}}}\n",
        "2:39: error: files lacks \"root\": The folder; nothing outside of it is served, whatever links are in "
        "it\n");
    assert_report("routes:\n  - {match: GET /, public: true, to: {files: {root: /tmp, index: a/b}}}\n",
                  "2:66: error: \"index\" of files takes the name of a file, without a path\n");
}

static void files_are_for_reading(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: \"GET,PUT /\", public: true, to: {files: /tmp}}\n",
                  "2:13: error: files and assets take GET and HEAD, not PUT\n");
    assert_report("routes:\n  - {match: \"* /\", public: true, to: {asset: index.html}}\n",
                  "2:13: error: files and assets take GET and HEAD, not *\n");
}

static void an_unknown_asset_is_said_with_the_nearest(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, public: true, to: {asset: index.htm}}\n",
                  "2:46: error: unknown asset \"index.htm\"; did you mean \"index.html\"?\n");
    struct config *config = load_reporting(
        SLICE_LIT("routes:\n  - {match: GET /, public: true, to: {asset: index.html}}\n"), "weir.yaml", "");
    assert_string_equal(config->routes[0]->asset->media_type, "text/html; charset=utf-8");
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_alone_is_the_folder),
        cmocka_unit_test(options_are_a_map),
        cmocka_unit_test(what_is_no_folder_is_said_with_its_place),
        cmocka_unit_test(files_are_for_reading),
        cmocka_unit_test(an_unknown_asset_is_said_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
