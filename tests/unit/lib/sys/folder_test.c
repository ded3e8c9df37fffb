/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/weir-folder-test-XXXXXX";
static struct folder root;

static void in_base(const char *name, char out[200])
{
    (void)snprintf(out, 200, "%s/%s", base, name);
}

static void make_file(const char *name, const char *content)
{
    char path[200];
    in_base(name, path);
    assert_int_equal(file_write_atomic(path, 0644, slice_of_text(content)), ERR_OK);
}

static void make_link(const char *name, const char *target)
{
    char path[200];
    in_base(name, path);
    assert_int_equal(symlink(target, path), 0);
}

/* base/secret is outside of base/root. */
static int set_up(void **state)
{
    (void)state;
    char path[200];
    if (!mkdtemp(base))
        return -1;
    in_base("root", path);
    mkdir(path, 0755);
    in_base("root/sub", path);
    mkdir(path, 0755);
    in_base("outside", path);
    mkdir(path, 0755);
    make_file("secret", "secret");
    make_file("root/a.txt", "content of a");
    make_file("root/sub/b.txt", "b");
    make_link("root/inside", "sub/b.txt");
    make_link("root/inside-folder", "sub");
    make_link("root/out", "../secret");
    make_link("root/out-absolute", "/etc/passwd");
    make_link("root/out-folder", "../outside");
    make_link("root/loop", "loop");
    make_link("root/magic", "/proc/self/fd/0");
    in_base("root/fifo", path);
    mkfifo(path, 0644);
    in_base("root", path);
    return folder_open(path, &root) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[100];
    folder_close(&root);
    (void)snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own making */
}

static enum err try_open(const char *path, bool may_wait)
{
    int fd = -1;
    struct file_status status;
    enum err err = folder_open_file(&root, path, may_wait, &fd, &status);
    file_close(fd);
    return err;
}

static void opens_files_beneath_it(void **state)
{
    (void)state;
    int fd;
    struct file_status status;
    char content[100];
    size_t bytes;
    assert_int_equal(folder_open_file(&root, "a.txt", true, &fd, &status), ERR_OK);
    assert_int_equal(status.bytes, 12);
    assert_true(status.is_regular && status.modified_ns > 0);
    assert_int_equal(file_read_at(fd, 0, content, sizeof content, true, &bytes), ERR_OK);
    assert_true(slice_is(slice_of(content, bytes), "content of a"));
    assert_int_equal(file_read_at(fd, 8, content, 2, true, &bytes), ERR_OK);
    assert_true(slice_is(slice_of(content, bytes), "of"));
    assert_int_equal(file_read_at(fd, 12, content, 2, true, &bytes), ERR_EOF);
    file_close(fd);
    assert_int_equal(try_open("sub/b.txt", true), ERR_OK);
    assert_int_equal(try_open("sub/../a.txt", true), ERR_OK);
    assert_int_equal(try_open("inside", true), ERR_OK);
    assert_int_equal(try_open("inside-folder/b.txt", true), ERR_OK);
}

static void nothing_outside_of_it_can_be_opened(void **state)
{
    (void)state;
    static const char *const paths[] = {"../secret",    "sub/../../secret",     "/etc/passwd",   "out",
                                        "out-absolute", "out-folder/../secret", "out-folder/..", "..",
                                        "sub/../.."};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (int may_wait = 0; may_wait < 2; may_wait++) {
            enum err err = try_open(paths[i], may_wait);
            if (err != ERR_DENIED && !(err == ERR_AGAIN && !may_wait))
                fail_msg("%s: %s", paths[i], err_name(err));
        }
}

static void only_regular_files_are_files(void **state)
{
    (void)state;
    assert_int_equal(try_open("sub", true), ERR_MISMATCH);
    assert_int_equal(try_open(".", true), ERR_MISMATCH);
    assert_int_equal(try_open("inside-folder", true), ERR_MISMATCH);
    assert_int_equal(try_open("fifo", true), ERR_INVALID);
    assert_int_equal(try_open("loop", true), ERR_INVALID);
    enum err magic = try_open("magic", true);
    assert_true(magic == ERR_INVALID || magic == ERR_DENIED);
    assert_int_equal(try_open("none", true), ERR_NOT_FOUND);
    assert_int_equal(try_open("a.txt/b", true), ERR_NOT_FOUND);
    char path[5000];
    memset(path, 'x', sizeof path);
    path[300] = '\0';
    assert_int_equal(try_open(path, true), ERR_LIMIT);
    path[300] = 'x';
    path[4999] = '\0';
    assert_int_equal(try_open(path, true), ERR_LIMIT);
}

static void what_is_in_memory_needs_no_waiting(void **state)
{
    (void)state;
    assert_int_equal(try_open("sub/b.txt", true), ERR_OK);
    enum err err = try_open("sub/b.txt", false);
    assert_true(err == ERR_OK || err == ERR_AGAIN); /* a kernel before 5.12 cannot tell */
    int fd;
    struct file_status status;
    char content[10];
    size_t bytes = 0;
    assert_int_equal(folder_open_file(&root, "a.txt", true, &fd, &status), ERR_OK);
    file_load(fd, 0, status.bytes + 100000);
    assert_true(file_is_cached(fd, 0, status.bytes));
    assert_true(file_is_cached(fd, 0, 0));
    assert_int_equal(file_read_at(fd, 0, content, sizeof content, false, &bytes), ERR_OK);
    assert_int_equal(bytes, sizeof content);
    file_close(fd);
}

static void a_folder_that_is_none_is_not_opened(void **state)
{
    (void)state;
    char path[200];
    struct folder folder = {.fd = -1};
    in_base("root/a.txt", path);
    assert_int_equal(folder_open(path, &folder), ERR_NOT_FOUND);
    in_base("nothing", path);
    assert_int_equal(folder_open(path, &folder), ERR_NOT_FOUND);
    assert_int_equal(folder.fd, -1);
    folder_close(&folder);
    folder_close(NULL);
}

static void lists_files_by_their_suffix_and_reads_them_whole(void **state)
{
    (void)state;
    struct pool pool;
    struct arena arena;
    struct slice *paths;
    struct slice text;
    uint32_t count;
    pool_init(&pool, 0, 1U << 20);
    arena_init(&arena, &pool, 4096, 1U << 19);
    assert_int_equal(folder_list(&root, ".txt", 100, &arena, &paths, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(paths[0].ptr, "a.txt");
    assert_string_equal(paths[1].ptr, "sub/b.txt"); /* once: a link to a folder is passed over */
    assert_int_equal(folder_list(&root, ".txt", 1, &arena, &paths, &count), ERR_LIMIT);
    assert_int_equal(folder_read(&root, "a.txt", 12, &arena, &text), ERR_OK);
    assert_string_equal(text.ptr, "content of a");
    assert_int_equal(folder_read(&root, "a.txt", 11, &arena, &text), ERR_LIMIT);
    assert_int_equal(folder_read(&root, "out", 100, &arena, &text), ERR_DENIED);
    assert_int_equal(folder_read(&root, "none", 100, &arena, &text), ERR_NOT_FOUND);
    arena_reset(&arena);
    pool_deinit(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_files_by_their_suffix_and_reads_them_whole),
        cmocka_unit_test(opens_files_beneath_it),
        cmocka_unit_test(nothing_outside_of_it_can_be_opened),
        cmocka_unit_test(only_regular_files_are_files),
        cmocka_unit_test(what_is_in_memory_needs_no_waiting),
        cmocka_unit_test(a_folder_that_is_none_is_not_opened),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
