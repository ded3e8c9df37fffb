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
static bool is_new;

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
    const struct watched_folder folders[] = {{.path = base, .ending = ".json"}};
    changes = 0;
    memset(&watch, 0, sizeof watch);
    watch.on_change = on_change;
    assert_int_equal(loop_init(&loop), ERR_OK);
    folder_watch_start(&watch, &loop, may_notify);
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
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
    put("new.json", "{}");
    rename_file("new.json", "a.json");
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
    const struct watched_folder folders[] = {{.path = base, .ending = ".json"}};
    (void)state;
    make_folder("sub");
    begin(true);
    put("sub/a.json", "1");
    expect_change();
    make_folder("later");
    expect_change();
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
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
    assert_int_equal(folder_watch_set(&watch, NULL, 0, &is_new), ERR_OK);
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

static void only_files_that_are_wanted_count(void **state)
{
    char name[] = "one.txt";
    const struct watched_folder folders[] = {{.path = base, .name = name}};
    (void)state;
    for (int may_notify = 0; may_notify < 2; may_notify++) {
        begin(may_notify);
        put("weir.log", "1");
        turn(1, may_notify ? 500 * NS_PER_MS : 2500 * NS_PER_MS);
        int before = changes; /* of looking for the first time */
        assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
        assert_true(is_new);
        turn(before + 1, may_notify ? 500 * NS_PER_MS : 2500 * NS_PER_MS);
        before = changes;
        put("other.json", "1");
        put("weir.log", "2");
        turn(before + 1, may_notify ? 500 * NS_PER_MS : 2500 * NS_PER_MS);
        assert_int_equal(changes, before);
        put("one.txt", "1");
        expect_change();
        end();
    }
}

static void another_mode_is_a_change(void **state)
{
    char path[200];
    (void)state;
    put("a.json", "{}");
    begin(true);
    path_of("a.json", path);
    assert_int_equal(chmod(path, 0600), 0);
    expect_change();
    end();
}

static void a_folder_that_is_replaced_and_a_link_that_is_switched_are_followed(void **state)
{
    char path[200];
    char release[200];
    const struct watched_folder folders[] = {{.path = path, .ending = ".json"}};
    (void)state;
    path_of("current", path);
    make_folder("one");
    make_folder("two");
    path_of("one", release);
    assert_int_equal(symlink(release, path), 0);
    begin(true);
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    path_of("two", release);
    unlink(path);
    assert_int_equal(symlink(release, path), 0);
    expect_change();
    put("two/a.json", "1");
    expect_change();
    path_of("two", release);
    rename_file("two", "away");
    expect_change();
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    make_folder("two");
    turn(changes + 1, 1500 * NS_PER_MS);
    changes = 0;
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    put("two/b.json", "1");
    expect_change();
    unlink(path);
    end();
}

static void a_change_before_it_is_set_again_is_seen_by_looking(void **state)
{
    const struct watched_folder folders[] = {{.path = base, .ending = ".json"}};
    (void)state;
    begin(false);
    turn(1, 2500 * NS_PER_MS);
    changes = 0;
    put("late.json", "1");
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    assert_false(is_new);
    expect_change();
    end();
}

static void tells_whether_something_new_is_watched(void **state)
{
    const struct watched_folder folders[] = {{.path = base, .ending = ".json"}};
    (void)state;
    begin(true);
    assert_true(is_new);
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    assert_false(is_new);
    make_folder("fresh");
    assert_int_equal(folder_watch_set(&watch, folders, 1, &is_new), ERR_OK);
    assert_true(is_new);
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
        cmocka_unit_test(only_files_that_are_wanted_count),
        cmocka_unit_test(another_mode_is_a_change),
        cmocka_unit_test(a_folder_that_is_replaced_and_a_link_that_is_switched_are_followed),
        cmocka_unit_test(a_change_before_it_is_set_again_is_seen_by_looking),
        cmocka_unit_test(tells_whether_something_new_is_watched),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
