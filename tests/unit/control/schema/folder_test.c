/* SPDX-License-Identifier: Apache-2.0 */
#include "control/schema/folder.h"

#include "lib/sys/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/weir-schema-folder-XXXXXX";
static struct schema_folder *folder;

static void make_file(const char *name, const char *content)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(file_write_atomic(path, 0644, slice_of_text(content)), ERR_OK);
}

static void make_folder(const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *name, const char *target)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(base))
        return -1;
    make_folder("in");
    make_folder("in/common");
    make_folder("in/..data");
    make_file("secret.json", "{}");
    make_file("in/post-users-v2.json", "{\"type\": \"object\"}");
    make_file("in/common/a b.json", "{\"$id\": \"https://example.com/schemas/user.json#\"}");
    make_file("in/common/copy.json", "{\"$id\": \"https://example.com/schemas/user.json\"}");
    make_file("in/relative.json", "{\"$id\": \"user.json\"}");
    make_file("in/broken.json", "{");
    make_file("in/readme.txt", "no schema");
    make_file("in/.hidden.json", "{}");
    make_file("in/..data/linked.json", "{\"title\": \"linked\"}");
    make_link("in/linked.json", "..data/linked.json");
    make_link("in/out.json", "../secret.json");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[200];
    (void)snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); /* NOLINT(cert-env33-c): a fixed command in a test */
}

static int open_folder(void **state)
{
    (void)state;
    char path[200];
    char memory[200];
    struct text fault = text_init(memory, sizeof memory);
    (void)snprintf(path, sizeof path, "%s/in", base);
    return schema_folder_open(slice_of_text(path), SLICE_LIT("schemas"), &fault, &folder) == ERR_OK ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    schema_folder_close(folder);
    return 0;
}

static enum err read_uri(const char *uri, struct slice *text, struct slice *name)
{
    return folder->source.read(folder->source.context, slice_of_text(uri), NULL, text, name);
}

/* Reads what stands at `rest` below the folder. */
static enum err read_below(const char *rest, struct slice *text, struct slice *name)
{
    char uri[300];
    (void)snprintf(uri, sizeof uri, "file://%s/in/%s", base, rest);
    return read_uri(uri, text, name);
}

static void lists_every_json_file_but_hidden_ones(void **state)
{
    (void)state;
    static const char *const expected[] = {"broken.json", "common/a b.json",    "common/copy.json", "linked.json",
                                           "out.json",    "post-users-v2.json", "relative.json"};
    assert_int_equal(folder->count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(folder->files[i].path.ptr, expected[i]);
}

static void reads_a_file_by_its_place(void **state)
{
    (void)state;
    struct slice text;
    struct slice name;
    assert_int_equal(read_below("post-users-v2.json", &text, &name), ERR_OK);
    assert_true(slice_is(text, "{\"type\": \"object\"}"));
    assert_true(slice_is(name, "schemas/post-users-v2.json"));
    assert_int_equal(read_below("common/a%20b.json", &text, &name), ERR_OK);
    assert_int_equal(read_below("%63ommon/a%20b.json", &text, &name), ERR_OK);
    assert_true(schema_folder_find(folder, SLICE_LIT("common/a b.json"))->is_used);
    assert_false(schema_folder_find(folder, SLICE_LIT("relative.json"))->is_used);
}

static void reads_a_file_by_its_id(void **state)
{
    (void)state;
    struct slice text;
    struct slice name;
    assert_int_equal(read_uri("https://example.com/schemas/user.json", &text, &name), ERR_OK);
    assert_true(slice_is(name, "schemas/common/a b.json"));
    assert_int_equal(read_uri("https://example.com/schemas/other.json", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_uri("user.json", &text, &name), ERR_NOT_FOUND);
}

static void knows_which_files_share_an_id(void **state)
{
    (void)state;
    const struct schema_file *copy = schema_folder_find(folder, SLICE_LIT("common/copy.json"));
    assert_ptr_equal(copy->same_id, schema_folder_find(folder, SLICE_LIT("common/a b.json")));
    assert_null(schema_folder_find(folder, SLICE_LIT("relative.json"))->same_id);
}

static void links_within_the_folder_are_followed_and_no_others(void **state)
{
    (void)state;
    struct slice text;
    struct slice name;
    assert_int_equal(read_below("linked.json", &text, &name), ERR_OK);
    assert_true(slice_is(text, "{\"title\": \"linked\"}"));
    assert_int_equal(read_below("out.json", &text, &name), ERR_DENIED);
}

static void nothing_outside_is_read(void **state)
{
    (void)state;
    struct slice text;
    struct slice name;
    assert_int_equal(read_below("../secret.json", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_below("%2e%2e/secret.json", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_below(".hidden.json", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_below("missing.json", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_below("%zz", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_uri("file:///etc/passwd", &text, &name), ERR_NOT_FOUND);
    assert_int_equal(read_uri("https://json-schema.org/anything", &text, &name), ERR_NOT_FOUND);
}

static void says_what_is_no_folder(void **state)
{
    (void)state;
    char memory[200];
    struct schema_folder *none = NULL;
    struct text fault = text_init(memory, sizeof memory);
    assert_int_equal(schema_folder_open(SLICE_LIT("/nothing/here"), SLICE_LIT("here"), &fault, &none), ERR_NOT_FOUND);
    assert_string_equal(memory, "here is not a folder");
    assert_null(none);
}

static void escapes_what_cannot_stand_in_a_uri(void **state)
{
    (void)state;
    struct slice uri = schema_uri_of_path(&folder->arena, SLICE_LIT("/a b/\xc3\xa9#?%.json"));
    assert_string_equal(uri.ptr, "file:///a%20b/%C3%A9%23%3F%25.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_every_json_file_but_hidden_ones, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(reads_a_file_by_its_place, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(reads_a_file_by_its_id, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(knows_which_files_share_an_id, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(links_within_the_folder_are_followed_and_no_others, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(nothing_outside_is_read, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(escapes_what_cannot_stand_in_a_uri, open_folder, close_folder),
        cmocka_unit_test(says_what_is_no_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
