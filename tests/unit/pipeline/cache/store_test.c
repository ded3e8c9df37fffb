/* SPDX-License-Identifier: Apache-2.0 */
/* What a cache keeps: by key and time, within its bounds, and for as long as somebody shows it. */
#include "pipeline/cache/cache_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 300

/* A model with one output. */
struct run {
    struct tensor out;
};

static struct store store;
static struct run run;
static struct model_info info = {.output_count = 1};
static float values[COUNT];

const struct model_info *model_info(const struct model *model)
{
    (void)model;
    return &info;
}

struct model *run_model(const struct run *of)
{
    (void)of;
    return NULL;
}

const struct tensor *run_output(const struct run *of, uint32_t index)
{
    assert_int_equal(index, 0);
    return &of->out;
}

static int make_store_of(uint64_t entries, uint64_t bytes)
{
    info.outputs[0] = (struct tensor_spec){.name = SLICE_LIT("y"), .type = TENSOR_F32, .rank = 1, .dims = {-1}};
    const struct cache_config config = {.ttl_ns = 1000, .entries = entries, .bytes = bytes};
    assert_int_equal(store_init(&store, &config, 1), ERR_OK);
    return 0;
}

static int make_store(void **state)
{
    (void)state;
    return make_store_of(4, 1 << 20);
}

static int make_narrow_store(void **state)
{
    (void)state;
    return make_store_of(1000, 16384);
}

static int drop_store(void **state)
{
    (void)state;
    store_deinit(&store);
    return 0;
}

static struct cache_key key_of(uint32_t n)
{
    struct cache_key key = {{0}};
    memcpy(key.bytes + 8, &n, sizeof n); /* all in one bucket */
    return key;
}

static struct cache_entry *copy_of(uint32_t n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)n;
    run.out = (struct tensor){
        .spec = &info.outputs[0], .rank = 1, .dims = {(int64_t)count}, .data = values, .bytes = count * sizeof *values};
    return store_copy(&store, &run);
}

static void put_at(uint32_t n, size_t count, uint64_t now_ns)
{
    struct cache_key key = key_of(n);
    struct cache_entry *entry = copy_of(n, count);
    assert_non_null(entry);
    store_add(&store, entry, &key, now_ns);
    store_unref(&store, entry);
}

static void put(uint32_t n)
{
    put_at(n, 10, 0);
}

static const struct cache_entry *find_at(uint32_t n, uint64_t now_ns)
{
    struct cache_key key = key_of(n);
    const struct cache_entry *entry = store_find(&store, &key, now_ns);
    if (entry)
        assert_true(((const float *)entry->tensors[0].data)[0] == (float)n);
    return entry;
}

static bool has(uint32_t n)
{
    return find_at(n, 0);
}

static void finds_by_key_what_it_was_given(void **state)
{
    (void)state;
    put(1);
    put(2);
    assert_true(has(1) && has(2) && !has(3));
    put(2);
    assert_int_equal(store.entry_count, 2);
}

static void forgets_what_is_too_old(void **state)
{
    (void)state;
    put_at(1, 10, 500);
    assert_non_null(find_at(1, 1499));
    assert_null(find_at(1, 1500));
    assert_int_equal(store.entry_count, 0);
}

static void drops_what_was_longest_not_asked_for(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 4; n++)
        put(n);
    assert_true(has(1));
    put(5);
    assert_true(has(1) && !has(2) && has(3) && has(4) && has(5));
    assert_int_equal(store.evicted, 1);
}

static void keeps_what_is_shown_until_it_is_let_go(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    put(1);
    struct cache_entry *entry = store_find(&store, &key, 0);
    entry->refs++;
    for (uint32_t n = 2; n <= 9; n++)
        put(n);
    assert_false(has(1));
    assert_true(((const float *)entry->tensors[0].data)[9] == 1);
    store_unref(&store, entry);
    put(10);
    assert_true(has(10));
}

static void takes_no_memory_any_more_once_it_is_full(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 100; n++)
        put(n);
    uint64_t bytes = store.bytes;
    for (uint32_t n = 1; n <= 100; n++)
        put(n);
    assert_int_equal(store.bytes, bytes);
}

static void stays_within_its_bytes_whatever_the_sizes(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 500; n++) {
        put_at(n, 1 + n * 37 % COUNT, 0);
        assert_true(store.bytes <= store.bytes_max);
        assert_true(has(n));
    }
    values[0] = 0;
    run.out.bytes = 20000 * sizeof(float);
    run.out.dims[0] = 20000;
    assert_null(store_copy(&store, &run));
}

static void keeps_texts_with_what_they_point_to(void **state)
{
    (void)state;
    static char memory[] = "one two";
    struct slice texts[] = {{memory, 3}, {NULL, 0}, {memory + 4, 3}};
    info.outputs[0].type = TENSOR_BYTES;
    run.out = (struct tensor){.spec = &info.outputs[0], .rank = 1, .dims = {3}, .data = texts, .bytes = sizeof texts};
    struct cache_entry *entry = store_copy(&store, &run);
    memset(memory, 'x', sizeof memory);
    const struct slice *kept = entry->tensors[0].data;
    assert_true(slice_is(kept[0], "one") && kept[1].len == 0 && slice_is(kept[2], "two"));
    store_unref(&store, entry);
}

#define TEST(name)   cmocka_unit_test_setup_teardown(name, make_store, drop_store)
#define NARROW(name) cmocka_unit_test_setup_teardown(name, make_narrow_store, drop_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_by_key_what_it_was_given),           TEST(forgets_what_is_too_old),
        TEST(drops_what_was_longest_not_asked_for),     TEST(keeps_what_is_shown_until_it_is_let_go),
        TEST(takes_no_memory_any_more_once_it_is_full), NARROW(stays_within_its_bytes_whatever_the_sizes),
        TEST(keeps_texts_with_what_they_point_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
