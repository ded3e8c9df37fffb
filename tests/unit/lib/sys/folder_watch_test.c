/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/folder_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/weir-folder-watch-XXXXXX";
static struct loop loop;
static struct folder_watch watch;
static int changes;

static void on_change(struct folder_watch *changed)
{
    assert_ptr_equal(changed, &watch);
    changes++;
}

static void path_of(const char *name, char out[200])
{
    (void)snprintf(out, 200, "%s/%s", base, name);
}

static void put(const char *name, const char *content)
{
    char path[200];
    path_of(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    (void)fclose(file);
}

static void make_folder(const char *name)
{
    char path[200];
    path_of(name, path);
    (void)mkdir(path, 0755);
}

static void rename_file(const char *from, const char *to)
{
    char a[200];
    char b[200];
    path_of(from, a);
    path_of(to, b);
    assert_int_equal(rename(a, b), 0);
}

static void begin(bool may_notify)
{
    const struct watched_folder folders[] = {{.path = base, .is_deep = true}};
    changes = 0;
    memset(&watch, 0, sizeof watch);
    watch.on_change = on_change;
    assert_int_equal(loop_init(&loop), ERR_OK);
    folder_watch_start(&watch, &loop, may_notify);
    assert_int_equal(folder_watch_set(&watch, folders, 1), ERR_OK);
}

static void end(void)
{
    folder_watch_stop(&watch);
    folder_watch_stop(&watch);
    loop_deinit(&loop);
}

/* Turns the loop until there were so many changes, or for a time. */
static void turn(int wanted, uint64_t wait_ns)
{
    uint64_t end_ns = clock_now_ns() + wait_ns;
    while (changes < wanted && clock_now_ns() < end_ns)
        loop_turn(&loop, 20 * NS_PER_MS);
}

static void expect_change(void)
{
    int before = changes;
    turn(before + 1, 10 * NS_PER_S);
    assert_int_equal(changes, before + 1);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[200];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); /* NOLINT(cert-env33-c): a fixed command in a test */
}

static void tells_of_writing_renaming_and_removing(void **state)
{
    char path[200];
    (void)state;
    begin(true);
    put("a.json", "{}");
    expect_change();
    put("new", "{}");
    rename_file("new", "a.json");
    expect_change();
    path_of("a.json", path);
    unlink(path);
    expect_change();
    end();
}

static void many_changes_in_a_row_are_one(void **state)
{
    (void)state;
    begin(true);
    for (int i = 0; i < 20; i++) {
        put("a.json", "{}");
        turn(1, 10 * NS_PER_MS);
    }
    expect_change();
    turn(changes + 1, 500 * NS_PER_MS);
    assert_int_equal(changes, 1);
    end();
}

static void folders_below_are_watched_and_new_ones_once_it_is_set_again(void **state)
{
    const struct watched_folder folders[] = {{.path = base, .is_deep = true}};
    (void)state;
    make_folder("sub");
    begin(true);
    put("sub/a.json", "1");
    expect_change();
    make_folder("later");
    expect_change();
    assert_int_equal(folder_watch_set(&watch, folders, 1), ERR_OK);
    put("later/a.json", "1");
    expect_change();
    end();
}

static void hidden_files_are_passed_over(void **state)
{
    (void)state;
    begin(true);
    put(".a.json.swp", "1");
    turn(1, 500 * NS_PER_MS);
    assert_int_equal(changes, 0);
    end();
}

static void what_is_not_watched_any_more_is_not_told(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(folder_watch_set(&watch, NULL, 0), ERR_OK);
    put("a.json", "2");
    turn(1, 500 * NS_PER_MS);
    assert_int_equal(changes, 0);
    end();
}

static void looks_where_it_cannot_be_notified(void **state)
{
    (void)state;
    make_folder("sub");
    begin(false);
    put("sub/b.json", "content");
    expect_change();
    turn(changes + 1, 2500 * NS_PER_MS);
    assert_int_equal(changes, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_writing_renaming_and_removing),
        cmocka_unit_test(many_changes_in_a_row_are_one),
        cmocka_unit_test(folders_below_are_watched_and_new_ones_once_it_is_set_again),
        cmocka_unit_test(hidden_files_are_passed_over),
        cmocka_unit_test(what_is_not_watched_any_more_is_not_told),
        cmocka_unit_test(looks_where_it_cannot_be_notified),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
