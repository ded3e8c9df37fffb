/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/asan.h"
#include "lib/base/slab.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void objects_are_aligned_and_apart(void **state)
{
    (void)state;
    struct slab slab;
    unsigned char *objects[50];
    slab_init(&slab, 33, 8, 50);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        objects[i] = slab_acquire(&slab);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        memset(objects[i], (int)i, 33);
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        assert_int_equal(objects[i][0], i);
        assert_int_equal(objects[i][32], i);
        slab_release(&slab, objects[i]);
    }
    slab_deinit(&slab);
}

static void cache_line_objects_stand_on_cache_lines(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, 64, 4, 4);
    void *object = slab_acquire(&slab);
    assert_int_equal((uintptr_t)object % 64, 0);
    slab_release(&slab, object);
    slab_deinit(&slab);
}

static void refuses_more_than_count_max(void **state)
{
    (void)state;
    struct slab slab;
    void *objects[10];
    slab_init(&slab, 16, 4, 10);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        assert_non_null(objects[i] = slab_acquire(&slab));
    assert_null(slab_acquire(&slab));
    assert_int_equal(slab.count, 10);
    assert_int_equal(slab.count_made, 10);
    slab_release(&slab, objects[3]);
    assert_ptr_equal(slab_acquire(&slab), objects[3]);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        slab_release(&slab, objects[i]);
    slab_deinit(&slab);
}

static void one_that_keeps_nothing_gives_all_back_and_holds_its_limit(void **state)
{
    (void)state;
    struct slab slab;
    void *objects[10];
    slab_init(&slab, 100, 4, 10);
    slab_stop_keeping(&slab);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        assert_non_null(objects[i] = slab_acquire(&slab));
        assert_int_equal((uintptr_t)objects[i] % 64, 0);
        memset(objects[i], (int)i, 100);
        assert_int_equal(slab.count_made, i + 1);
    }
    assert_null(slab_acquire(&slab));
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        assert_int_equal(((unsigned char *)objects[i])[99], i);
        slab_release(&slab, objects[i]);
    }
    assert_int_equal(slab.count_made, 0);
    assert_null(slab.chunks);
    slab_deinit(&slab);
}

static void first_object_of_a_chunk_comes_first(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, 32, 4, 4);
    char *first = slab_acquire(&slab);
    char *second = slab_acquire(&slab);
    assert_ptr_equal(second, first + 32);
    slab_release(&slab, second);
    slab_release(&slab, first);
    slab_deinit(&slab);
}

static void releasing_null_does_nothing(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, 16, 4, 4);
    slab_release(&slab, NULL);
    assert_int_equal(slab.count, 0);
    slab_deinit(&slab);
}

static void freed_object_is_poisoned_from_its_first_byte(void **state)
{
    (void)state;
#ifdef WEIR_ASAN
    struct slab slab;
    slab_init(&slab, 48, 4, 4);
    char *object = slab_acquire(&slab);
    char *never_out = object + 48;
    assert_null(__asan_region_is_poisoned(object, 48));
    assert_true(__asan_address_is_poisoned(never_out));
    slab_release(&slab, object);
    assert_true(__asan_address_is_poisoned(object));
    assert_true(__asan_address_is_poisoned(object + 47));
    slab_deinit(&slab);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_keeps_nothing_gives_all_back_and_holds_its_limit),
        cmocka_unit_test(objects_are_aligned_and_apart),
        cmocka_unit_test(cache_line_objects_stand_on_cache_lines),
        cmocka_unit_test(refuses_more_than_count_max),
        cmocka_unit_test(first_object_of_a_chunk_comes_first),
        cmocka_unit_test(releasing_null_does_nothing),
        cmocka_unit_test(freed_object_is_poisoned_from_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
