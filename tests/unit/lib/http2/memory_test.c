/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http2/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http2_memory memory;

static int set_up(void **state)
{
    (void)state;
    http2_memory_init(&memory, 1u << 16, 1u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http2_memory_deinit(&memory);
    return 0;
}

static void gives_the_same_block_again(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 20000; bytes += 1 + bytes / 3) {
        void *first = http2_memory_malloc(bytes, &memory);
        assert_non_null(first);
        memset(first, 1, bytes);
        http2_memory_free(first, &memory);
        void *second = http2_memory_malloc(bytes, &memory);
        assert_ptr_equal(first, second);
        http2_memory_free(second, &memory);
        http2_memory_trim(&memory, 0); /* or blocks of other sizes would fill what may be kept */
    }
    assert_int_equal(memory.outstanding_bytes, 0);
}

static void wastes_at_most_a_fifth_of_a_block(void **state)
{
    (void)state;
    for (size_t bytes = 64; bytes < 100000; bytes += 7) {
        void *block = http2_memory_malloc(bytes, &memory);
        assert_in_range(memory.outstanding_bytes, bytes, bytes + bytes / 4);
        http2_memory_free(block, &memory);
    }
}

static void keeps_content_when_it_resizes(void **state)
{
    (void)state;
    char *block = http2_memory_realloc(NULL, 20, &memory);
    memcpy(block, "nineteen characters", 20);
    block = http2_memory_realloc(block, 5000, &memory);
    assert_string_equal(block, "nineteen characters");
    block = http2_memory_realloc(block, 10, &memory);
    assert_memory_equal(block, "nineteen c", 10);
    http2_memory_free(block, &memory);
}

static void clears_what_calloc_gives(void **state)
{
    (void)state;
    char *block = http2_memory_malloc(64, &memory);
    memset(block, 7, 64);
    http2_memory_free(block, &memory);
    block = http2_memory_calloc(8, 8, &memory);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    http2_memory_free(block, &memory);
    assert_null(http2_memory_calloc(SIZE_MAX / 4, 8, &memory));
}

static void bounds_what_is_out_and_what_is_kept(void **state)
{
    (void)state;
    void *blocks[64];
    size_t count = 0;
    while (count < 64 && (blocks[count] = http2_memory_malloc(40000, &memory)))
        count++;
    assert_in_range(count, 20, 26);
    while (count-- > 0)
        http2_memory_free(blocks[count], &memory);
    assert_in_range(memory.cache_bytes, 1, 1u << 16);
    http2_memory_trim(&memory, 0);
    assert_int_equal(memory.cache_bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gives_the_same_block_again),          TEST(wastes_at_most_a_fifth_of_a_block),
        TEST(keeps_content_when_it_resizes),       TEST(clears_what_calloc_gives),
        TEST(bounds_what_is_out_and_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
