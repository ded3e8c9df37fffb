/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config/copy.h"

#include "control/config/option_tables.h"
#include "pipeline/model.h"

static enum err copy_row(const struct option *row, struct arena *arena, void *field);

/* The rows of a struct that was copied byte by byte. */
static enum err copy_rows(const struct option_table *table, struct arena *arena, void *item)
{
    for (size_t i = 0; i < table->count; i++)
        TRY(copy_row(&table->rows[i], arena, (char *)item + table->rows[i].offset));
    return ERR_OK;
}

enum err option_table_copy(const struct option_table *table, struct arena *arena, const void *from, void *to)
{
    memcpy(to, from, table->bytes);
    return copy_rows(table, arena, to);
}

static enum err copy_text(struct arena *arena, struct slice *text)
{
    if (!text->ptr)
        return ERR_OK;
    *text = arena_copy(arena, *text);
    return text->ptr ? ERR_OK : ERR_NOMEM;
}

static enum err copy_list(struct arena *arena, size_t bytes, struct option_list *list)
{
    void *items = list->count ? arena_alloc_array(arena, list->count, bytes) : NULL;
    if (list->count && !items)
        return ERR_NOMEM;
    if (items)
        memcpy(items, list->items, list->count * bytes);
    list->items = items;
    return ERR_OK;
}

static enum err copy_texts(struct arena *arena, struct option_list *list)
{
    TRY(copy_list(arena, sizeof(struct slice), list));
    for (uint32_t i = 0; i < list->count; i++)
        TRY(copy_text(arena, (struct slice *)list->items + i));
    return ERR_OK;
}

static enum err copy_shapes(struct arena *arena, struct option_list *list)
{
    TRY(copy_list(arena, sizeof(struct option_shape), list));
    for (uint32_t i = 0; i < list->count; i++)
        TRY(copy_text(arena, &((struct option_shape *)list->items + i)->name));
    return ERR_OK;
}

static enum err copy_tables(const struct option_table *table, struct arena *arena, struct option_list *list)
{
    TRY(copy_list(arena, table->bytes, list));
    for (uint32_t i = 0; i < list->count; i++)
        TRY(copy_rows(table, arena, (char *)list->items + i * table->bytes));
    return ERR_OK;
}

static enum err copy_row(const struct option *row, struct arena *arena, void *field)
{
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
        return copy_text(arena, field);
    case OPTION_TEXTS:
        return copy_texts(arena, field);
    case OPTION_REALS:
        return copy_list(arena, sizeof(double), field);
    case OPTION_COUNTS:
        return copy_list(arena, sizeof(uint64_t), field);
    case OPTION_SHAPES:
        return copy_shapes(arena, field);
    case OPTION_PLACED:
    case OPTION_MEMBERS:
    case OPTION_TREE:
        ASSERT(false, "no row of a configuration is of these types");
        break;
    case OPTION_TABLE:
        return copy_rows(row->table, arena, field);
    case OPTION_TABLES:
        return copy_tables(row->table, arena, field);
    case OPTION_BOOL:
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_REAL:
    case OPTION_CHOICE:
    case OPTION_CHOICES:
        break;
    }
    return ERR_OK;
}

enum err model_config_copy(struct arena *arena, const struct model_config *from, struct model_config *to)
{
    TRY(option_table_copy(&option_table_model, arena, from, to));
    TRY(copy_text(arena, &to->repository));
    TRY(copy_text(arena, &to->settings));
    return copy_text(arena, &to->settings_path);
}
