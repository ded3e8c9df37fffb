/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list. A node outside a list is zeroed or points at itself; removing it twice is harmless. */
#ifndef WEIR_LIB_BASE_LIST_H
#define WEIR_LIB_BASE_LIST_H

#include "lib/base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != NULL && node->next != node;
}

static inline void list_add_last(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void list_add_first(struct list *list, struct list *node)
{
    list_add_last(list->next, node);
}

static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, taken out; NULL when empty. */
static inline struct list *list_pop_first(struct list *list)
{
    if (list_is_empty(list))
        return NULL;
    struct list *node = list->next;
    list_remove(node);
    return node;
}

/* The body may remove `node` and nothing else. */
#define LIST_EACH(node, head)                                                                                          \
    for (struct list *node = (head)->next, *node##_next_ = node->next; node != (head);                                 \
         node = node##_next_, node##_next_ = node->next)

#endif
