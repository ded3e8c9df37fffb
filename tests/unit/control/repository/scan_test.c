/* SPDX-License-Identifier: Apache-2.0 */
/* What of a folder is a model, and of which versions. */
#include "control/repository/scan.h"

#include "lib/sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct pool pool;
static struct arena arena;
static char base[64];
static char said_memory[4096];
static struct text said;

static int set_up(void **state)
{
    (void)state;
    pool_init(&pool, 0, 1U << 26);
    arena_init(&arena, &pool, 4096, 1U << 25);
    struct text text = text_init(base, sizeof base);
    text_add(&text, SLICE_LIT("/tmp/weir_scan_XXXXXX"));
    assert_non_null(mkdtemp(base));
    said = text_init(said_memory, sizeof said_memory);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    struct text text = text_init(command, sizeof command);
    text_printf(&text, "rm -rf %s", base);
    assert_int_equal(system(command), 0);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

/* Makes the folders above it too. */
static void put(const char *name, const char *content)
{
    char path[256];
    struct text text = text_init(path, sizeof path);
    text_printf(&text, "%s/%s", base, name);
    for (char *slash = strchr(path + strlen(base) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void take_note(void *context, bool is_error, struct slice path, struct slice text, struct report_place place,
                      const char *words)
{
    (void)context, (void)text;
    text_printf(&said, "%s" SLICE_FMT ":%u: %s\n", is_error ? "! " : "", SLICE_ARG(path), place.line, words);
}

static struct scan scan_with(uint64_t rest_ns, const char *only)
{
    const struct scan_options options = {.folder = slice_of_text(base),
                                         .only = only ? slice_of_text(only) : (struct slice){NULL, 0},
                                         .latest_count = 1,
                                         .now_ns = clock_wall_ns(),
                                         .rest_ns = rest_ns,
                                         .arena = &arena,
                                         .note = take_note};
    struct scan scan;
    assert_int_equal(repository_scan(&options, &scan), ERR_OK);
    return scan;
}

/* "name:version,version name:version", with "(fault)". */
static void assert_models(const struct scan *scan, const char *expected)
{
    char memory[1024];
    struct text text = text_init(memory, sizeof memory);
    for (uint32_t i = 0; i < scan->count; i++) {
        const struct scanned_model *model = &scan->models[i];
        text_printf(&text, "%s" SLICE_FMT ":", i ? " " : "", SLICE_ARG(model->name));
        for (uint32_t k = 0; k < model->version_count; k++)
            text_printf(&text, "%s" SLICE_FMT, k ? "," : "", SLICE_ARG(model->versions[k].version));
        if (model->fault.len)
            text_printf(&text, "(" SLICE_FMT ")", SLICE_ARG(model->fault));
    }
    assert_string_equal(memory, expected);
}

static void takes_files_and_folders_of_versions_side_by_side(void **state)
{
    (void)state;
    put("plain.onnx", "x");
    put("deep/1/model.onnx", "x");
    put("deep/2/model.onnx", "x");
    put("deep/10/model.onnx", "x");
    put("all/config.pbtxt", "name: \"all\" version_policy { all {} }");
    put("all/1/model.onnx", "x");
    put("all/2/net.onnx", "x");
    put("one/model.onnx", "x");
    put("named/config.pbtxt", "default_model_filename: \"net.bin\"");
    put("named/3/net.bin", "x");
    struct scan scan = scan_with(0, NULL);
    assert_models(&scan, "all:2,1 deep:10 named:3 one:1 plain:1");
    assert_string_equal(said_memory, "");
    char path[256];
    struct text text = text_init(path, sizeof path);
    text_printf(&text, "%s/all/2/net.onnx", base);
    assert_string_equal(scan.models[0].versions[0].path.ptr, path);
}

static void passes_over_what_is_no_model_and_says_so(void **state)
{
    (void)state;
    put("README.md", "x");
    put(".hidden.onnx", "x");
    put("half/1/.model.onnx.Ab3", "x");
    put("half/1/model.onnx", "x");
    put("upload.onnx.part", "x");
    put("notes/a.txt", "x");
    put("bad name.onnx", "x");
    put("zeros/01/model.onnx", "x");
    put("empty/config.pbtxt", "");
    put("half/2/weights.bin", "x");
    struct scan scan = scan_with(0, NULL);
    assert_models(&scan, "empty:(no version has a model.onnx) half:1 zeros:(no version has a model.onnx)");
    assert_string_equal(said_memory,
                        "README.md:0: no model: files of models end with .onnx\n"
                        "bad name.onnx:0: no model: its name would stand in URLs, and is made of A-Z a-z 0-9 _ . -\n"
                        "! empty:0: no version has a model.onnx\n"
                        "half/2/weights.bin:0: no model of this version: there is no model.onnx beside it\n"
                        "notes:0: no model: there is neither a .onnx file nor a config.pbtxt in this folder\n"
                        "upload.onnx.part:0: no model: files of models end with .onnx\n"
                        "! zeros:0: no version has a model.onnx\n");
}

static void says_what_is_wrong_with_a_model_and_goes_on(void **state)
{
    (void)state;
    put("a/config.pbtxt", "\nplatform: \"tensorflow_graphdef\"");
    put("a/1/model.onnx", "x");
    put("b/config.pbtxt", "name: \"c\"");
    put("b/1/model.onnx", "x");
    put("c/config.pbtxt", "version_policy { specific { versions: 7 } }");
    put("c/1/model.onnx", "x");
    put("d.onnx", "x");
    put("d/1/model.onnx", "x");
    struct scan scan = scan_with(0, NULL);
    assert_models(&scan,
                  "a:1(a/config.pbtxt:2:11: weir runs models of ONNX (platform \"onnxruntime_onnx\", backend "
                  "\"onnxruntime\"), not of \"tensorflow_graphdef\") b:1(the name in config.pbtxt is not that of the "
                  "folder) c:(none of the versions that version_policy names is there) d:1");
    assert_string_equal(said_memory, "! a/config.pbtxt:2: weir runs models of ONNX (platform \"onnxruntime_onnx\", "
                                     "backend \"onnxruntime\"), not of \"tensorflow_graphdef\"\n"
                                     "! b:0: the name in config.pbtxt is not that of the folder\n"
                                     "! c:0: none of the versions that version_policy names is there\n"
                                     "d:0: there is a file and a folder of this name; the file is taken\n");
}

static void signs_all_files_of_a_version(void **state)
{
    (void)state;
    put("a/1/model.onnx", "x");
    put("a/1/weights.bin", "x");
    put("b.onnx", "x");
    put("b.onnx.data", "x");
    struct scan before = scan_with(0, NULL);
    struct scan same = scan_with(0, NULL);
    put("a/1/weights.bin", "xy");
    put("b.onnx.data", "xy");
    struct scan after = scan_with(0, NULL);
    assert_models(&after, "a:1 b:1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(before.models[i].versions[0].signature, same.models[i].versions[0].signature);
        assert_int_not_equal(before.models[i].versions[0].signature, after.models[i].versions[0].signature);
    }
}

static void tells_which_files_may_not_be_whole(void **state)
{
    (void)state;
    put("a/1/model.onnx", "x");
    assert_false(scan_with(0, NULL).models[0].is_growing);
    assert_true(scan_with(60 * NS_PER_S, NULL).models[0].is_growing);
}

static void follows_links_to_folders(void **state)
{
    (void)state;
    char path[256];
    put("store/7/model.onnx", "x");
    struct text text = text_init(path, sizeof path);
    text_printf(&text, "%s/linked", base);
    assert_int_equal(symlink("store", path), 0);
    struct scan scan = scan_with(0, "linked");
    assert_models(&scan, "linked:7");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_files_and_folders_of_versions_side_by_side),
        TEST(passes_over_what_is_no_model_and_says_so),
        TEST(says_what_is_wrong_with_a_model_and_goes_on),
        TEST(signs_all_files_of_a_version),
        TEST(tells_which_files_may_not_be_whole),
        TEST(follows_links_to_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
