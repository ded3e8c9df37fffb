/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int value;
    struct list link;
};

static void assert_values(struct list *list, const int *values, size_t count)
{
    size_t i = 0;
    LIST_EACH(node, list)
    {
        assert_true(i < count);
        assert_int_equal(CONTAINER_OF(node, struct item, link)->value, values[i]);
        i++;
    }
    assert_int_equal(i, count);
}

static void keeps_the_order_of_adding(void **state)
{
    (void)state;
    struct list list;
    struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
    list_init(&list);
    assert_true(list_is_empty(&list));
    list_add_last(&list, &items[0].link);
    list_add_last(&list, &items[1].link);
    list_add_first(&list, &items[2].link);
    assert_values(&list, (const int[]){3, 1, 2}, 3);
    assert_false(list_is_empty(&list));
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list list;
    struct item items[] = {{.value = 1}, {.value = 2}};
    list_init(&list);
    list_add_last(&list, &items[0].link);
    list_add_last(&list, &items[1].link);
    list_remove(&items[0].link);
    list_remove(&items[0].link);
    assert_values(&list, (const int[]){2}, 1);
    assert_false(list_is_linked(&items[0].link));
    assert_true(list_is_linked(&items[1].link));
}

static void zeroed_node_is_outside_any_list(void **state)
{
    (void)state;
    struct item item = {0};
    assert_false(list_is_linked(&item.link));
    list_remove(&item.link);
    assert_false(list_is_linked(&item.link));
}

static void pop_takes_the_first(void **state)
{
    (void)state;
    struct list list;
    struct item items[] = {{.value = 1}, {.value = 2}};
    list_init(&list);
    assert_null(list_pop_first(&list));
    list_add_last(&list, &items[0].link);
    list_add_last(&list, &items[1].link);
    assert_ptr_equal(list_pop_first(&list), &items[0].link);
    assert_ptr_equal(list_pop_first(&list), &items[1].link);
    assert_null(list_pop_first(&list));
}

static void node_may_be_removed_while_visiting(void **state)
{
    (void)state;
    struct list list;
    struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    list_init(&list);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_add_last(&list, &items[i].link);
    LIST_EACH(node, &list)
    {
        if (CONTAINER_OF(node, struct item, link)->value % 2 == 0)
            list_remove(node);
    }
    assert_values(&list, (const int[]){1, 3}, 2);
}

static void visits_may_be_nested(void **state)
{
    (void)state;
    struct list list;
    struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
    int pairs = 0;
    list_init(&list);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_add_last(&list, &items[i].link);
    LIST_EACH(outer, &list)
    {
        LIST_EACH(inner, &list)
        {
            pairs += CONTAINER_OF(outer, struct item, link)->value > CONTAINER_OF(inner, struct item, link)->value;
        }
    }
    assert_int_equal(pairs, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_adding),          cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(zeroed_node_is_outside_any_list),    cmocka_unit_test(pop_takes_the_first),
        cmocka_unit_test(node_may_be_removed_while_visiting), cmocka_unit_test(visits_may_be_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
