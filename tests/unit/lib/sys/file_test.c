/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/file.h"

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/weir-file-test-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[100]; /* fits into a sockaddr_un */
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own making */
}

static unsigned count_entries(void)
{
    unsigned count = 0;
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static void write_file(const char *name, struct slice content)
{
    assert_int_equal(file_write_atomic(in_folder(name), 0600, content), ERR_OK);
}

static void reads_a_file_up_to_and_with_its_limit(void **state)
{
    (void)state;
    struct file_content content = {0};
    write_file("ten", SLICE_LIT("0123456789"));
    assert_int_equal(file_read(in_folder("ten"), 10, &content), ERR_OK);
    assert_int_equal(content.bytes, 10);
    assert_string_equal(content.data, "0123456789"); /* with its NUL */
    file_content_deinit(&content);
    assert_null(content.data);
    assert_int_equal(file_read(in_folder("ten"), 9, &content), ERR_LIMIT);
    assert_int_equal(file_read(in_folder("ten"), 0, &content), ERR_LIMIT);
    assert_null(content.data);
}

static void reads_an_empty_file(void **state)
{
    (void)state;
    struct file_content content = {0};
    write_file("empty", SLICE_LIT(""));
    assert_int_equal(file_read(in_folder("empty"), 0, &content), ERR_OK);
    assert_int_equal(content.bytes, 0);
    assert_string_equal(content.data, "");
    file_content_deinit(&content);
}

/* A FIFO has no writer here: a blocking open would hang for ever, and SIGALRM end the test. */
static void refuses_what_is_not_a_regular_file(void **state)
{
    (void)state;
    struct file_content content = {0};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", in_folder("socket"));
    assert_int_equal(bind(socket_fd, (const struct sockaddr *)(const void *)&name, sizeof name), 0);
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    alarm(10);
    assert_int_equal(file_read(in_folder("fifo"), 100, &content), ERR_INVALID);
    alarm(0);
    assert_int_equal(file_read(in_folder("socket"), 100, &content), ERR_INVALID);
    assert_int_equal(file_read(folder, 100, &content), ERR_INVALID);
    assert_int_equal(file_read("/dev/zero", 100, &content), ERR_INVALID);
    assert_null(content.data);
    close(socket_fd);
}

static void tells_missing_from_unreadable(void **state)
{
    (void)state;
    struct file_content content;
    struct file_status status;
    write_file("plain", SLICE_LIT("x"));
    assert_int_equal(file_read(in_folder("missing"), 100, &content), ERR_NOT_FOUND);
    assert_int_equal(file_read(in_folder("plain/below"), 100, &content), ERR_NOT_FOUND);
    assert_int_equal(file_status(in_folder("missing"), &status), ERR_NOT_FOUND);
    assert_false(file_is_readable(in_folder("missing")));
    assert_true(file_is_readable(in_folder("plain")));
    if (geteuid() == 0)
        return; /* root reads everything */
    assert_int_equal(chmod(in_folder("plain"), 0), 0);
    assert_int_equal(file_read(in_folder("plain"), 100, &content), ERR_DENIED);
}

static void status_says_size_mode_and_kind(void **state)
{
    (void)state;
    struct file_status status;
    assert_int_equal(file_write_atomic(in_folder("status"), 0640, SLICE_LIT("abc")), ERR_OK);
    assert_int_equal(file_status(in_folder("status"), &status), ERR_OK);
    assert_int_equal(status.bytes, 3);
    assert_int_equal(status.mode, 0640);
    assert_true(status.is_regular && !status.is_folder);
    int64_t age_ns = (int64_t)(clock_wall_ns() - status.modified_ns);
    assert_true(age_ns > -(int64_t)NS_PER_S && age_ns < 60 * (int64_t)NS_PER_S);
    assert_int_equal(file_status(folder, &status), ERR_OK);
    assert_true(status.is_folder && !status.is_regular);
}

static void an_atomic_write_replaces_content_and_sets_the_mode_despite_umask(void **state)
{
    (void)state;
    struct file_content content;
    struct file_status status;
    mode_t before = umask(077);
    assert_int_equal(file_write_atomic(in_folder("atomic"), 0600, SLICE_LIT("old and longer")), ERR_OK);
    unsigned entries = count_entries();
    assert_int_equal(file_write_atomic(in_folder("atomic"), 0644, SLICE_LIT("new")), ERR_OK);
    umask(before);
    assert_int_equal(count_entries(), entries);
    assert_int_equal(file_status(in_folder("atomic"), &status), ERR_OK);
    assert_int_equal(status.mode, 0644);
    assert_int_equal(file_read(in_folder("atomic"), 100, &content), ERR_OK);
    assert_string_equal(content.data, "new");
    file_content_deinit(&content);
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    static char big[8192];
    struct file_content content;
    assert_int_equal(mkdir(in_folder("target"), 0700), 0);
    write_file("kept", SLICE_LIT("kept"));
    unsigned entries = count_entries();
    assert_int_equal(file_write_atomic(in_folder("target"), 0600, SLICE_LIT("x")), ERR_INVALID); /* rename fails */
    assert_int_equal(file_write_atomic(in_folder("absent/x"), 0600, SLICE_LIT("x")), ERR_NOT_FOUND);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err err = file_write_atomic(in_folder("kept"), 0600, slice_of(big, sizeof big)); /* write fails half-way */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(count_entries(), entries);
    assert_int_equal(file_read(in_folder("kept"), 100, &content), ERR_OK);
    assert_string_equal(content.data, "kept");
    file_content_deinit(&content);
}

/* Each process reads a number and writes back the next one, slowly: without the lock, counts are lost. */
static void count_up(const char *lock_path, const char *number_path)
{
    for (int i = 0; i < 20; i++) {
        struct file_content content;
        char text[32];
        int lock;
        if (file_lock(lock_path, &lock) != ERR_OK || file_read(number_path, 100, &content) != ERR_OK)
            _exit(1);
        int len = snprintf(text, sizeof text, "%ld", strtol(content.data, NULL, 10) + 1);
        file_content_deinit(&content);
        clock_sleep_ns(NS_PER_MS / 2);
        if (file_write_atomic(number_path, 0600, slice_of(text, (size_t)len)) != ERR_OK)
            _exit(1);
        file_unlock(lock);
    }
}

static void a_lock_excludes_another_process(void **state)
{
    (void)state;
    struct file_content content;
    char lock_path[256];
    (void)snprintf(lock_path, sizeof lock_path, "%s/lock", folder);
    write_file("number", SLICE_LIT("0"));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        count_up(lock_path, in_folder("number"));
        _exit(0);
    }
    count_up(lock_path, in_folder("number"));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(file_read(in_folder("number"), 100, &content), ERR_OK);
    assert_string_equal(content.data, "40");
    file_content_deinit(&content);
    file_unlock(-1);
}

static void appends_to_what_is_there(void **state)
{
    (void)state;
    struct file_content content;
    int fd;
    write_file("log", SLICE_LIT("one\n"));
    assert_int_equal(file_open_append(in_folder("log"), &fd), ERR_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("two\n")), ERR_OK);
    file_close(fd);
    assert_int_equal(file_read(in_folder("log"), 100, &content), ERR_OK);
    assert_string_equal(content.data, "one\ntwo\n");
    file_content_deinit(&content);
    assert_int_equal(file_open_append(folder, &fd), ERR_INVALID);
    assert_int_equal(file_open_append(in_folder("absent/log"), &fd), ERR_NOT_FOUND);
    file_close(-1);
}

static void a_dash_is_standard_output_not_inherited_by_children(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(file_open_append("-", &fd), ERR_OK);
    assert_true(fd != STDOUT_FILENO);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    file_close(fd);
}

static int pipe_ends[2];

static void read_slowly(void *argument)
{
    size_t *total = argument;
    char chunk[4096];
    ssize_t count;
    clock_sleep_ns(5 * NS_PER_MS);
    while ((count = read(pipe_ends[0], chunk, sizeof chunk)) > 0)
        *total += (size_t)count;
}

/* Log lines must not be cut because whoever started us left standard output non-blocking. */
static void appends_all_to_a_full_non_blocking_pipe(void **state)
{
    (void)state;
    static char big[1 << 20];
    size_t total = 0;
    struct thread reader;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(thread_start(&reader, "reader", read_slowly, &total), ERR_OK);
    enum err err = file_append(pipe_ends[1], slice_of(big, sizeof big));
    close(pipe_ends[1]);
    thread_join(&reader);
    close(pipe_ends[0]);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(total, sizeof big);
}

static void knows_its_own_executable(void **state)
{
    (void)state;
    char path[4096];
    char small[4];
    assert_int_equal(file_executable_path(path, sizeof path), ERR_OK);
    assert_int_equal(path[0], '/');
    assert_true(file_is_readable(path));
    assert_int_equal(file_executable_path(small, sizeof small), ERR_LIMIT);
    char exact[4096];
    assert_int_equal(file_executable_path(exact, strlen(path) + 1), ERR_OK);
    assert_string_equal(exact, path);
    assert_int_equal(file_executable_path(exact, strlen(path)), ERR_LIMIT);
}

static void reads_the_beginning_of_what_has_no_size(void **state)
{
    (void)state;
    char memory[16];
    struct text text = text_init(memory, sizeof memory);
    assert_int_equal(file_read_text("/proc/self/maps", &text), ERR_OK);
    assert_int_equal(text.len, sizeof memory - 1);
    assert_int_equal(strlen(memory), sizeof memory - 1);
    write_file("short", SLICE_LIT("abc"));
    assert_int_equal(file_read_text(in_folder("short"), &text), ERR_OK);
    assert_true(slice_is(text_slice(&text), "abc"));
    assert_int_equal(file_read_text(in_folder("absent"), &text), ERR_NOT_FOUND);
    assert_int_equal(file_read_text(folder, &text), ERR_INVALID);
    assert_string_equal(memory, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_beginning_of_what_has_no_size),
        cmocka_unit_test(reads_a_file_up_to_and_with_its_limit),
        cmocka_unit_test(reads_an_empty_file),
        cmocka_unit_test(refuses_what_is_not_a_regular_file),
        cmocka_unit_test(tells_missing_from_unreadable),
        cmocka_unit_test(status_says_size_mode_and_kind),
        cmocka_unit_test(an_atomic_write_replaces_content_and_sets_the_mode_despite_umask),
        cmocka_unit_test(a_failed_write_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(a_lock_excludes_another_process),
        cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(a_dash_is_standard_output_not_inherited_by_children),
        cmocka_unit_test(appends_all_to_a_full_non_blocking_pipe),
        cmocka_unit_test(knows_its_own_executable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
