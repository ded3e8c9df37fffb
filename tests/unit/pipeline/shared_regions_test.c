/* SPDX-License-Identifier: Apache-2.0 */
/* Regions of shared memory: who may register what, and that one which is in use stays. */
#include "pipeline/shared_regions.h"

#include "lib/sys/shared_memory.h"
#include "lib/sys/thread.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static char object[64];
static int object_fd;
static struct shared_regions *regions;
static char fault_memory[300];
static struct text fault;
static const struct shared_memory_config allowed = {.is_allowed = true, .regions = 3, .region_bytes = 1000};

static int setup(void **state)
{
    (void)state;
    snprintf(object, sizeof object, "/weir-test-%d", (int)getpid());
    object_fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(object_fd >= 0);
    assert_int_equal(ftruncate(object_fd, 100), 0);
    assert_int_equal(shared_regions_create(&regions), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shared_regions_destroy(regions);
    close(object_fd);
    shm_unlink(object);
    return 0;
}

static enum err add(const struct shared_memory_config *config, const char *name, const char *key, uint64_t offset,
                    uint64_t bytes)
{
    fault = text_init(fault_memory, sizeof fault_memory);
    struct shared_region_view view = {
        .name = slice_of_text(name), .key = slice_of_text(key), .offset = offset, .bytes = bytes};
    return shared_regions_register(regions, config, &view, &fault);
}

static enum err acquire(const char *name, uint64_t offset, uint64_t bytes, struct shared_region **ret_region)
{
    struct shared_range range = {.region = slice_of_text(name), .offset = offset, .bytes = bytes};
    fault = text_init(fault_memory, sizeof fault_memory);
    return shared_region_acquire(regions, &range, ret_region, &fault);
}

static void reads_and_writes_within_the_region(void **state)
{
    (void)state;
    struct shared_region *region;
    char got[4];
    assert_int_equal(add(&allowed, "r", object, 10, 50), ERR_OK);
    assert_int_equal(acquire("r", 4, 4, &region), ERR_OK);
    assert_int_equal(shared_region_write(region, 4, SLICE_LIT("abcd")), ERR_OK);
    assert_int_equal(shared_region_read(region, &(struct shared_range){.offset = 4, .bytes = 4}, got), ERR_OK);
    assert_memory_equal(got, "abcd", 4);
    assert_int_equal(pread(object_fd, got, 4, 14), 4);
    assert_memory_equal(got, "abcd", 4);
    shared_region_release(region);
    assert_int_equal(acquire("r", 47, 4, &region), ERR_LIMIT);
    assert_int_equal(acquire("r", UINT64_MAX, 4, &region), ERR_LIMIT);
    assert_int_equal(acquire("r", 0, UINT64_MAX, &region), ERR_LIMIT);
    assert_int_equal(acquire("s", 0, 1, &region), ERR_NOT_FOUND);
}

static void says_why_a_region_is_not_taken(void **state)
{
    (void)state;
    const struct shared_memory_config off = {.regions = 3, .region_bytes = 1000};
    const struct shared_memory_config mine = {
        .is_allowed = true, .regions = 3, .region_bytes = 1000, .prefix = SLICE_LIT("mine-")};
    assert_int_equal(add(&off, "r", object, 0, 1), ERR_DENIED);
    assert_int_equal(add(&mine, "r", object, 0, 1), ERR_DENIED);
    assert_string_equal(fault_memory, "This server takes objects whose names begin with \"mine-\".");
    assert_int_equal(add(&allowed, "r", object, 0, 1001), ERR_DENIED);
    assert_int_equal(add(&allowed, "r", object, 0, 101), ERR_INVALID);
    assert_int_equal(add(&allowed, "r", object, 51, 50), ERR_INVALID);
    assert_int_equal(add(&allowed, "r", object, UINT64_MAX, 50), ERR_INVALID);
    assert_int_equal(add(&allowed, "r", "/weir-test-that-is-not-there", 0, 1), ERR_INVALID);
    assert_int_equal(add(&allowed, "r", "/a/b", 0, 1), ERR_INVALID);
    assert_int_equal(add(&allowed, "r", "/..", 0, 1), ERR_INVALID);
    assert_int_equal(add(&allowed, "", object, 0, 1), ERR_INVALID);
    assert_int_equal(add(&allowed, "a", object, 0, 1), ERR_OK);
    assert_int_equal(add(&allowed, "a", object, 0, 1), ERR_EXISTS);
    assert_int_equal(add(&allowed, "b", object, 0, 1), ERR_OK);
    assert_int_equal(add(&allowed, "c", object, 0, 1), ERR_OK);
    assert_int_equal(add(&allowed, "d", object, 0, 1), ERR_LIMIT);
    assert_string_equal(fault_memory, "3 regions are registered, and no more may be.");
}

static void a_region_in_use_outlives_its_name(void **state)
{
    (void)state;
    struct shared_region *region;
    struct shared_region *other;
    assert_int_equal(add(&allowed, "r", object, 0, 50), ERR_OK);
    assert_int_equal(acquire("r", 0, 4, &region), ERR_OK);
    shared_regions_unregister(regions, SLICE_LIT("r"));
    assert_int_equal(acquire("r", 0, 4, &other), ERR_NOT_FOUND);
    assert_int_equal(add(&allowed, "r", object, 50, 10), ERR_OK);
    assert_int_equal(shared_region_write(region, 0, SLICE_LIT("old")), ERR_OK);
    assert_int_equal(acquire("r", 0, 4, &other), ERR_OK);
    assert_int_equal(shared_region_write(other, 0, SLICE_LIT("new")), ERR_OK);
    char got[3];
    assert_int_equal(pread(object_fd, got, 3, 0), 3);
    assert_memory_equal(got, "old", 3);
    shared_region_release(region);
    shared_region_release(other);
}

static void an_object_that_became_shorter_is_an_error_and_no_signal(void **state)
{
    (void)state;
    struct shared_region *region;
    char got[50];
    assert_int_equal(add(&allowed, "r", object, 0, 50), ERR_OK);
    assert_int_equal(acquire("r", 0, 50, &region), ERR_OK);
    assert_int_equal(ftruncate(object_fd, 20), 0);
    assert_int_equal(shared_region_read(region, &(struct shared_range){.bytes = 50}, got), ERR_TRUNCATED);
    assert_int_equal(shared_region_write(region, 0, slice_of(got, 50)), ERR_TRUNCATED);
    assert_int_equal(lseek(object_fd, 0, SEEK_END), 20);
    shared_region_release(region);
}

/* Takes and lets go while the other thread registers and forgets the same name; what it sees is always whole. */
static void hammer(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20000; i++) {
        struct shared_region *region;
        char why[300];
        struct text text = text_init(why, sizeof why);
        struct shared_range range = {.region = SLICE_LIT("r"), .bytes = 10};
        char got[10];
        if (shared_region_acquire(regions, &range, &region, &text) != ERR_OK)
            continue;
        assert_int_equal(shared_region_read(region, &range, got), ERR_OK);
        shared_region_release(region);
    }
}

static void may_be_forgotten_while_others_take_it(void **state)
{
    (void)state;
    struct thread thread;
    assert_int_equal(thread_start(&thread, "hammer", hammer, NULL), ERR_OK);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(add(&allowed, "r", object, 0, 10), ERR_OK);
        shared_regions_unregister(regions, (struct slice){NULL, 0});
    }
    thread_join(&thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_and_writes_within_the_region),    TEST(says_why_a_region_is_not_taken),
        TEST(a_region_in_use_outlives_its_name),     TEST(an_object_that_became_shorter_is_an_error_and_no_signal),
        TEST(may_be_forgotten_while_others_take_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
