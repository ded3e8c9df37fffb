/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config/compare.h"

#define EQUAL_AS(type, left, right) (*(const type *)(left) == *(const type *)(right))

typedef bool (*item_equal)(const void *left, const void *right);

static bool reals_equal(const void *left, const void *right)
{
    return EQUAL_AS(double, left, right);
}

static bool counts_equal(const void *left, const void *right)
{
    return EQUAL_AS(uint64_t, left, right);
}

static bool texts_equal(const void *left, const void *right)
{
    return slice_equal(*(const struct slice *)left, *(const struct slice *)right);
}

static bool shapes_equal(const void *left, const void *right)
{
    const struct option_shape *a = left;
    const struct option_shape *b = right;
    return slice_equal(a->name, b->name) && a->rank == b->rank &&
           memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

static bool lists_equal(const struct option_list *a, const struct option_list *b, size_t bytes, item_equal equal)
{
    bool are_equal = a->count == b->count;
    for (uint32_t i = 0; are_equal && i < a->count; i++)
        are_equal = equal((const char *)a->items + i * bytes, (const char *)b->items + i * bytes);
    return are_equal;
}

static bool tables_equal(const struct option_table *table, const struct option_list *a, const struct option_list *b,
                         unsigned flags)
{
    bool are_equal = a->count == b->count;
    for (uint32_t i = 0; are_equal && i < a->count; i++)
        are_equal = option_table_equal(table, (const char *)a->items + i * table->bytes,
                                       (const char *)b->items + i * table->bytes, flags);
    return are_equal;
}

bool option_equal(const struct option *row, const void *a, const void *b, unsigned flags)
{
    const void *left = (const char *)a + row->offset;
    const void *right = (const char *)b + row->offset;
    switch (row->type) {
    case OPTION_BOOL:
        return EQUAL_AS(bool, left, right);
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        return counts_equal(left, right);
    case OPTION_REAL:
        return reals_equal(left, right);
    case OPTION_TEXT:
    case OPTION_PATH:
        return texts_equal(left, right);
    case OPTION_CHOICE:
    case OPTION_CHOICES:
        return EQUAL_AS(uint32_t, left, right);
    case OPTION_TEXTS:
        return lists_equal(left, right, sizeof(struct slice), texts_equal);
    case OPTION_REALS:
        return lists_equal(left, right, sizeof(double), reals_equal);
    case OPTION_COUNTS:
        return lists_equal(left, right, sizeof(uint64_t), counts_equal);
    case OPTION_SHAPES:
        return lists_equal(left, right, sizeof(struct option_shape), shapes_equal);
    case OPTION_PLACED:
    case OPTION_MEMBERS:
    case OPTION_TREE:
        ASSERT(false, "no row of a configuration is of these types");
        break;
    case OPTION_TABLE:
        return option_table_equal(row->table, left, right, flags);
    case OPTION_TABLES:
        return tables_equal(row->table, left, right, flags);
    }
    return false;
}

bool option_table_equal(const struct option_table *table, const void *a, const void *b, unsigned flags)
{
    bool are_equal = true;
    for (size_t i = 0; are_equal && i < table->count; i++)
        if ((table->rows[i].flags & flags) == flags)
            are_equal = option_equal(&table->rows[i], a, b, flags);
    return are_equal;
}
