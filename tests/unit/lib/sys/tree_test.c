/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/tree.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/weir-tree-test-XXXXXX";

static const struct tree_file files[] = {
    {{"a.txt", 5}, {"alpha", 5}, 0644},
    {{"b/c/d.txt", 9}, {"delta", 5}, 0600},
    {{"b/e.txt", 7}, {"", 0}, 0644},
};

static const char *in_base(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, 256, "%s/%s", base, name);
    return path;
}

static void assert_content(const char *name, const char *expected)
{
    struct file_content content;
    assert_int_equal(file_read(in_base(name), 100, &content), ERR_OK);
    assert_string_equal(content.data, expected);
    file_content_deinit(&content);
}

static unsigned count_entries(void)
{
    unsigned count = 0;
    DIR *folder = opendir(base);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

static void writes_all_files_into_a_folder_of_that_name(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(tree_write(in_base("one"), NULL, files, 3, NULL), ERR_OK);
    assert_content("one/a.txt", "alpha");
    assert_content("one/b/c/d.txt", "delta");
    assert_content("one/b/e.txt", "");
    assert_int_equal(stat(in_base("one/b/c/d.txt"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(in_base("one"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0755);
    assert_int_equal(count_entries(), 1);
}

static void leaves_what_is_there_alone(void **state)
{
    (void)state;
    assert_int_equal(tree_write(in_base("one"), NULL, files, 1, NULL), ERR_EXISTS);
    assert_content("one/b/c/d.txt", "delta");
    assert_int_equal(count_entries(), 1);
}

static void keeps_the_old_folder_where_asked_to(void **state)
{
    (void)state;
    assert_int_equal(tree_write(in_base("one"), in_base("old"), files, 1, NULL), ERR_OK);
    assert_content("old/b/c/d.txt", "delta");
    assert_content("one/a.txt", "alpha");
    assert_int_not_equal(access(in_base("one/b"), F_OK), 0);
    assert_int_equal(tree_write(in_base("one"), in_base("old"), files, 3, NULL), ERR_EXISTS);
    assert_int_not_equal(access(in_base("one/b"), F_OK), 0);
    assert_int_equal(count_entries(), 2);
}

static void a_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    const struct tree_file twice[] = {files[0], files[1], files[0]};
    assert_int_equal(tree_write(in_base("two"), NULL, twice, 3, NULL), ERR_EXISTS);
    assert_int_equal(tree_write(in_base("no/two"), NULL, files, 3, NULL), ERR_NOT_FOUND);
    assert_int_equal(count_entries(), 2);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"old/b/c/d.txt", "old/b/c",   "old/b/e.txt", "old/b", "old/a.txt",
                                        "old",           "one/a.txt", "one",         "."};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlink(in_base(names[i])) != 0)
            (void)rmdir(in_base(names[i]));
    return rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_files_into_a_folder_of_that_name),
        cmocka_unit_test(leaves_what_is_there_alone),
        cmocka_unit_test(keeps_the_old_folder_where_asked_to),
        cmocka_unit_test(a_write_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
