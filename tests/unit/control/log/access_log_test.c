/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log/access_log.h"
#include "control/log/sinks.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "pipeline/ports.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[32];
    char path[64];
    uint32_t sink;
};

static uint32_t open_sink(const char *path)
{
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    uint32_t sink;
    assert_int_equal(access_log_open(slice_of_text(path), &fault, &sink), ERR_OK);
    return sink;
}

static int make_folder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    memcpy(fixture->folder, "/tmp/weir-log-XXXXXX", 21);
    if (!mkdtemp(fixture->folder))
        return -1;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/access.log", fixture->folder);
    fixture->sink = open_sink(fixture->path);
    *state = fixture;
    return 0;
}

static int drop_folder(void **state)
{
    struct fixture *fixture = *state;
    access_sinks_close();
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static bool leave_record(struct access_log *log, uint32_t worker, uint32_t sink, const char *path)
{
    struct access_record *record = access_log_reserve(log, worker);
    if (!record)
        return false;
    memset(record->lengths, 0, sizeof record->lengths);
    record->method = HTTP_METHOD_OTHER;
    record->status = 200;
    record->sink = sink;
    (void)access_record_add(record, ACCESS_TEXT_path, 0, slice_of_text(path));
    access_log_commit(log, worker);
    return true;
}

static struct access_log *make_log(uint32_t worker_count, uint32_t ring_records)
{
    struct access_log *log;
    assert_int_equal(access_log_create(worker_count, ring_records, &log), ERR_OK);
    return log;
}

static struct access_log *start_log(uint32_t worker_count, uint32_t ring_records)
{
    struct access_log *log = make_log(worker_count, ring_records);
    assert_int_equal(access_log_start(log), ERR_OK);
    return log;
}

static size_t count_in_file(const char *path, const char *what)
{
    struct file_content content;
    size_t count = 0;
    enum err err = file_read(path, 1 << 26, &content);
    if (err == ERR_NOT_FOUND) /* it is made with its first line */
        return 0;
    assert_int_equal(err, ERR_OK);
    for (const char *at = content.data; (at = strstr(at, what)); at += strlen(what))
        count++;
    file_content_deinit(&content);
    return count;
}

/* At most five seconds. */
static bool comes_into_file(const char *path, const char *what)
{
    for (int i = 0; i < 1000; i++) {
        if (count_in_file(path, what))
            return true;
        clock_sleep_ns(5 * NS_PER_MS);
    }
    return false;
}

static void stop_writes_everything_that_was_committed(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = start_log(1, 256);
    for (int i = 0; i < 200; i++)
        assert_true(leave_record(log, 0, fixture->sink, "/a"));
    access_log_stop(log);
    assert_int_equal(count_in_file(fixture->path, "\"path\":\"/a\""), 200);
    assert_int_equal(count_in_file(fixture->path, "}\n"), 200);
    access_log_destroy(log);
}

static void records_left_before_start_are_written(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = make_log(1, 4);
    assert_true(leave_record(log, 0, fixture->sink, "/early"));
    assert_int_equal(access_log_start(log), ERR_OK);
    assert_true(comes_into_file(fixture->path, "/early"));
    access_log_stop(log);
    access_log_destroy(log);
}

static void a_sleeping_log_is_woken_by_one_record(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = start_log(1, 4);
    for (int i = 0; i < 5; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/%d", i);
        clock_sleep_ns(20 * NS_PER_MS); /* longer than it lingers */
        assert_true(leave_record(log, 0, fixture->sink, path));
        assert_true(comes_into_file(fixture->path, path));
    }
    access_log_stop(log);
    access_log_destroy(log);
}

static void a_full_ring_refuses_and_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = make_log(2, 3); /* rounded up to 4 */
    for (int i = 0; i < 4; i++)
        assert_true(leave_record(log, 0, fixture->sink, "/a"));
    assert_false(leave_record(log, 0, fixture->sink, "/b"));
    assert_true(leave_record(log, 1, fixture->sink, "/c")); /* another worker has room of its own */
    assert_int_equal(access_log_start(log), ERR_OK);
    assert_true(comes_into_file(fixture->path, "/a"));
    for (int i = 0; i < 1000 && !leave_record(log, 0, fixture->sink, "/d"); i++)
        clock_sleep_ns(NS_PER_MS);
    access_log_stop(log);
    assert_int_equal(count_in_file(fixture->path, "/a"), 4);
    assert_int_equal(count_in_file(fixture->path, "/b"), 0);
    assert_int_equal(count_in_file(fixture->path, "/c"), 1);
    assert_int_equal(count_in_file(fixture->path, "/d"), 1);
    access_log_destroy(log);
}

static void a_reserved_record_is_not_written_without_commit(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = start_log(1, 4);
    struct access_record *record = access_log_reserve(log, 0);
    assert_ptr_equal(access_log_reserve(log, 0), record);
    access_log_stop(log);
    assert_int_equal(count_in_file(fixture->path, "\n"), 0);
    access_log_destroy(log);
}

static void the_same_path_is_the_same_sink(void **state)
{
    struct fixture *fixture = *state;
    char other[80];
    (void)snprintf(other, sizeof other, "%s/other.log", fixture->folder);
    uint32_t sink = open_sink(other);
    assert_int_not_equal(sink, fixture->sink);
    assert_int_equal(open_sink(fixture->path), fixture->sink);
    assert_int_equal(open_sink(other), sink);
    struct access_log *log = start_log(1, 4);
    assert_true(leave_record(log, 0, sink, "/other"));
    assert_true(leave_record(log, 0, fixture->sink, "/one"));
    access_log_stop(log);
    access_log_destroy(log);
    assert_int_equal(count_in_file(other, "/other"), 1);
    assert_int_equal(count_in_file(other, "/one"), 0);
    assert_int_equal(count_in_file(fixture->path, "/one"), 1);
    (void)unlink(other);
}

static void a_file_is_made_with_its_first_line_and_not_before(void **state)
{
    struct fixture *fixture = *state;
    char memory[64];
    struct text fault = text_init(memory, sizeof memory);
    struct file_status status;
    uint32_t sink;
    assert_int_equal(access_log_open(slice_of_text(fixture->path), &fault, &sink), ERR_OK);
    assert_int_equal(file_status(fixture->path, &status), ERR_NOT_FOUND);
    struct access_log *log = start_log(1, 4);
    assert_true(leave_record(log, 0, sink, "/first"));
    assert_true(comes_into_file(fixture->path, "/first"));
    access_log_stop(log);
    access_log_destroy(log);
}

static void a_path_that_cannot_be_opened_is_a_fault(void **state)
{
    (void)state;
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    uint32_t sink = 1234;
    assert_int_equal(access_log_open(SLICE_LIT("/nowhere/at/all.log"), &fault, &sink), ERR_NOT_FOUND);
    assert_string_equal(memory,
                        "access log /nowhere/at/all.log cannot be opened for writing: No such file or directory");
    assert_int_equal(sink, 1234);
}

static void more_sinks_than_there_is_room_for_are_a_fault(void **state)
{
    (void)state;
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    char slashes[ACCESS_SINKS_MAX + 1];
    uint32_t sink;
    memset(slashes, '/', sizeof slashes);
    while (access_sinks_count() < ACCESS_SINKS_MAX) {
        char path[16 + ACCESS_SINKS_MAX];
        (void)snprintf(path, sizeof path, "/dev%.*snull", (int)access_sinks_count(), slashes);
        (void)open_sink(path);
    }
    assert_int_equal(access_log_open(SLICE_LIT("/dev/zero"), &fault, &sink), ERR_LIMIT);
    assert_non_null(strstr(memory, "more than 64 different access logs"));
}

static void reopen_goes_to_a_new_file_after_a_rename(void **state)
{
    struct fixture *fixture = *state;
    char renamed[80];
    (void)snprintf(renamed, sizeof renamed, "%s.1", fixture->path);
    struct access_log *log = start_log(1, 4);
    assert_true(leave_record(log, 0, fixture->sink, "/old"));
    assert_true(comes_into_file(fixture->path, "/old"));
    assert_int_equal(rename(fixture->path, renamed), 0);
    access_log_reopen(log);
    while (!file_is_readable(fixture->path))
        clock_sleep_ns(NS_PER_MS);
    assert_true(leave_record(log, 0, fixture->sink, "/new"));
    access_log_stop(log);
    access_log_destroy(log);
    assert_int_equal(count_in_file(renamed, "/old"), 1);
    assert_int_equal(count_in_file(renamed, "/new"), 0);
    assert_int_equal(count_in_file(fixture->path, "/new"), 1);
    (void)unlink(renamed);
}

/* What `work` writes to stderr, in a file. */
static void with_stderr_in(const char *path, void (*work)(struct fixture *), struct fixture *fixture)
{
    int old = dup(STDERR_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(old >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    work(fixture);
    assert_true(dup2(old, STDERR_FILENO) >= 0);
    close(old);
    close(fd);
}

/* stderr is a file by now. */
static void wait_for_a_complaint(void)
{
    struct stat status = {0};
    for (int i = 0; i < 5000 && status.st_size == 0; i++) {
        clock_sleep_ns(NS_PER_MS);
        assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    }
}

static void reopen_without_a_folder(struct fixture *fixture)
{
    char moved[80];
    struct access_log *log = start_log(1, 4);
    assert_true(leave_record(log, 0, fixture->sink, "/opens"));
    assert_true(comes_into_file(fixture->path, "/opens"));
    (void)snprintf(moved, sizeof moved, "%s.moved", fixture->folder);
    assert_int_equal(rename(fixture->folder, moved), 0);
    access_log_reopen(log);
    wait_for_a_complaint();
    assert_int_equal(rename(moved, fixture->folder), 0);
    assert_true(leave_record(log, 0, fixture->sink, "/kept"));
    access_log_stop(log);
    access_log_destroy(log);
}

static void reopen_keeps_the_old_file_where_a_new_one_fails(void **state)
{
    struct fixture *fixture = *state;
    char said[80];
    (void)snprintf(said, sizeof said, "%s/said", fixture->folder);
    with_stderr_in(said, reopen_without_a_folder, fixture);
    assert_int_equal(count_in_file(said, "cannot be opened anew (No such file or directory)"), 1);
    assert_int_equal(count_in_file(fixture->path, "/kept"), 1);
    (void)unlink(said);
}

static void log_to_a_full_disk(struct fixture *fixture)
{
    (void)fixture;
    uint32_t sink = open_sink("/dev/full");
    struct access_log *log = start_log(1, 64);
    for (int i = 0; i < 3; i++) {
        assert_true(leave_record(log, 0, sink, "/lost"));
        while (access_log_lost_lines(log) != (uint64_t)i + 1)
            clock_sleep_ns(NS_PER_MS);
    }
    access_log_stop(log);
    access_log_destroy(log);
}

static void a_full_disk_loses_lines_and_says_so_once_a_minute(void **state)
{
    struct fixture *fixture = *state;
    char said[80];
    (void)snprintf(said, sizeof said, "%s/said", fixture->folder);
    with_stderr_in(said, log_to_a_full_disk, fixture);
    assert_int_equal(count_in_file(said, "\n"), 1);
    assert_int_equal(count_in_file(said, "weir: access log /dev/full: No space left on device; 1 lines lost"), 1);
    (void)unlink(said);
}

static void log_to_a_file_that_may_not_grow(struct fixture *fixture)
{
    struct rlimit before;
    struct access_log *log = start_log(1, 64);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 30, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(leave_record(log, 0, fixture->sink, "/torn"));
    while (!access_log_lost_lines(log))
        clock_sleep_ns(NS_PER_MS);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(leave_record(log, 0, fixture->sink, "/whole"));
    access_log_stop(log);
    access_log_destroy(log);
}

static void half_a_line_is_ended_before_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    char said[80];
    struct file_content content;
    (void)snprintf(said, sizeof said, "%s/said", fixture->folder);
    with_stderr_in(said, log_to_a_file_that_may_not_grow, fixture);
    assert_int_equal(file_read(fixture->path, 65536, &content), ERR_OK);
    assert_true(content.bytes > 31);
    assert_memory_equal(content.data + 30, "\n{\"time\"", 8);
    assert_non_null(strstr(content.data + 30, "/whole"));
    file_content_deinit(&content);
    (void)unlink(said);
}

#define WORKERS 4
#define RECORDS 5000

struct writer {
    struct thread thread;
    struct access_log *log;
    uint32_t index;
    uint32_t sink;
};

static void write_many(void *argument)
{
    struct writer *writer = argument;
    for (int i = 0; i < RECORDS;) {
        char path[32];
        (void)snprintf(path, sizeof path, "/%u/%d", (unsigned)writer->index, i);
        if (leave_record(writer->log, writer->index, writer->sink, path))
            i++;
        else
            clock_sleep_ns(NS_PER_MS);
    }
}

static void check_order(struct slice text)
{
    unsigned next[WORKERS] = {0};
    for (struct slice line = slice_cut(&text, '\n'); line.len; line = slice_cut(&text, '\n')) {
        unsigned worker;
        unsigned number;
        char copy[256];
        assert_true(line.len < sizeof copy);
        memcpy(copy, line.ptr, line.len);
        copy[line.len] = '\0';
        const char *path = strstr(copy, "\"path\":");
        assert_non_null(path);
        assert_int_equal(sscanf(path, "\"path\":\"/%u/%u\"", &worker, &number), 2);
        assert_true(worker < WORKERS);
        assert_int_equal(number, next[worker]);
        next[worker]++;
    }
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(next[i], RECORDS);
}

static void each_worker_s_lines_come_once_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct access_log *log = start_log(WORKERS, 64);
    struct writer writers[WORKERS];
    struct file_content content;
    for (uint32_t i = 0; i < WORKERS; i++) {
        writers[i] = (struct writer){.log = log, .index = i, .sink = fixture->sink};
        assert_int_equal(thread_start(&writers[i].thread, "writer", write_many, &writers[i]), ERR_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        thread_join(&writers[i].thread);
    access_log_stop(log);
    access_log_destroy(log);
    assert_int_equal(file_read(fixture->path, 1 << 26, &content), ERR_OK);
    check_order(slice_of(content.data, content.bytes));
    file_content_deinit(&content);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(stop_writes_everything_that_was_committed),
        TEST(records_left_before_start_are_written),
        TEST(a_sleeping_log_is_woken_by_one_record),
        TEST(a_full_ring_refuses_and_does_not_wait),
        TEST(a_reserved_record_is_not_written_without_commit),
        TEST(the_same_path_is_the_same_sink),
        TEST(a_file_is_made_with_its_first_line_and_not_before),
        TEST(a_path_that_cannot_be_opened_is_a_fault),
        TEST(more_sinks_than_there_is_room_for_are_a_fault),
        TEST(reopen_goes_to_a_new_file_after_a_rename),
        TEST(reopen_keeps_the_old_file_where_a_new_one_fails),
        TEST(a_full_disk_loses_lines_and_says_so_once_a_minute),
        TEST(half_a_line_is_ended_before_the_next_one),
        TEST(each_worker_s_lines_come_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
