/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options/page.h"

#include "lib/options/scalar.h"

#define DESCRIPTION_BYTES 256

/* A pipe would end the cell. */
static void write_cell(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, *text);
    }
}

static void write_row(struct buffer *out, const struct option *row)
{
    char memory[DESCRIPTION_BYTES];
    struct text takes = text_init(memory, sizeof memory);
    option_describe(row, &takes);
    buffer_printf(out, "| `%s` | ", row->name);
    write_cell(out, memory);
    if (row->flags & OPTION_REQUIRED)
        buffer_printf(out, " | **required** | ");
    else if (row->fallback)
        buffer_printf(out, " | `%s` | ", row->fallback);
    else
        buffer_printf(out, " | | ");
    write_cell(out, row->help);
    buffer_printf(out, "%s |\n", row->flags & OPTION_RESTART ? " (needs a restart)" : "");
}

void option_page_write_table(struct buffer *out, const struct option_table *table)
{
    buffer_printf(out, "| Option | Takes | Default | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < table->count; i++)
        write_row(out, &table->rows[i]);
    if (option_shorthand(table))
        buffer_printf(out, "\nA text in place of the map stands for `{%s: …}`.\n", option_shorthand(table)->name);
}
