/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "lib/options/page.h"
#include "lib/options/schema.h"
#include "load/plan/flags.h"
#include "load/plan/make.h"

static const struct {
    const struct option_table *table;
    const char *heading;
} tables[] = {
    {&load_table_plan, "The file"},
    {&load_table_target, "An entry of `targets:`"},
    {&load_table_data, "An entry of `data:`"},
    {&load_table_scenario, "An entry of `scenarios:`"},
    {&load_table_step, "An entry of `steps:`"},
    {&load_table_check, "An entry of `checks:` of a step"},
    {&load_table_extract, "An entry of `extract:` of a step"},
    {&load_table_slo, "`slo:` of a step"},
    {&load_table_load, "`load:`"},
    {&load_table_stage, "An entry of `stages:` of `load:`"},
    {&load_table_replay, "`replay:` of `load:`"},
    {&load_table_threshold, "An entry of `thresholds:`"},
    {&load_table_valid, "`valid:`"},
    {&load_table_export, "`export:`"},
};

static void write_values(struct buffer *out)
{
    static const char *const rows[][2] = {
        {"${NAME}", "what `variables` set or an earlier step of the scenario has extracted"},
        {"${DATA.COLUMN}", "a column of the row that the iteration has of that file"},
        {"${uuid}", "a UUID of version 4, anew each time"},
        {"${random(LOW, HIGH)}", "a whole number, both included"},
        {"${sequence}", "1, 2, 3, ... over the whole test, on several threads and agents each number once"},
        {"${user}", "number of the user, or, in open mode, of the slot that the iteration has"},
        {"${iteration}", "number of the iteration, over the whole test"},
        {"${now}", "milliseconds since 1970"},
        {"$${", "`${` itself"},
    };
    buffer_printf(out, "\n## What is filled in\n\n| Written | Stands for |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buffer_printf(out, "| `%s` | %s |\n", rows[i][0], rows[i][1]);
    buffer_printf(out, "\nWithin a string of a JSON body (`json`, or a `body` that begins with `{` or `[`) what is "
                       "filled in is escaped; "
                       "in a path what cannot stand there becomes %%XX, while \"/\", \"?\" and \"&\" stay.\n");
}

static void write_flags(struct buffer *out)
{
    const char *group = NULL;
    buffer_printf(
        out, "\n## Flags\n\nWhat `weir load` takes in place of a file, or beside it; then flags have the last word.\n");
    for (size_t i = 0; i < load_flag_count; i++) {
        const struct load_flag *flag = &load_flags[i];
        if (flag->group != group)
            buffer_printf(out, "\n### %s\n\n| Flag | Option | Meaning |\n|---|---|---|\n", flag->group);
        group = flag->group;
        buffer_printf(out, "| `--%s%s%s`", flag->name, flag->value ? " " : "", flag->value ? flag->value : "");
        if (flag->letter)
            buffer_printf(out, ", `-%c`", flag->letter);
        buffer_printf(out, " | `%s` | %s |\n", flag->row, flag->help);
    }
}

void load_plan_reference_write(struct buffer *out)
{
    buffer_printf(
        out, "# Load plan reference\n\nMade by `weir load --reference` from the rows that the reader itself reads.\n"
             "Relative paths are taken from the folder of the plan.\n");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        buffer_printf(out, "\n## %s\n\n%s.\n\n", tables[i].heading, tables[i].table->help);
        option_page_write_table(out, tables[i].table);
    }
    write_values(out);
    write_flags(out);
}

enum err load_plan_schema_write(struct arena *arena, struct slice *ret_schema)
{
    struct json_writer out = json_writer_in_arena(arena, 32768);
    const struct option_schema schema = {.out = &out};
    json_write_object_begin(&out);
    json_write_member_string(&out, "$schema", SLICE_LIT("https://json-schema.org/draft/2020-12/schema"));
    json_write_member_string(&out, "title", SLICE_LIT("weir load plan"));
    json_write_member_string(&out, "type", SLICE_LIT("object"));
    option_schema_write_properties(&schema, &load_table_plan);
    json_write_object_end(&out);
    return json_writer_finish(&out, ret_schema);
}
