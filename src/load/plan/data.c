/* SPDX-License-Identifier: Apache-2.0 */
/* Files with rows: CSV, or a JSON object a line. */
#include "load/plan/compile_int.h"

#include "lib/json/writer.h"
#include "load/plan/csv.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define COLUMNS_MAX    1024
#define JSON_DEPTH     32

/* A file while it is read. */
struct rows {
    struct compile *compile;
    struct report_origin origin;
    struct load_data *data;
    struct buffer cells; /* of struct slice */
};

static enum err read_csv(struct rows *rows, struct slice text);
static enum err read_json_lines(struct rows *rows, struct slice text);

static enum err compile_file_of_rows(struct compile *compile, const struct load_spec_data *spec, struct load_data *data)
{
    *data = (struct load_data){.name = spec->name.text, .order = (enum load_data_order)spec->order};
    if (!spec->file.ptr)
        return ERR_OK;
    struct slice text = compile_file(compile, spec->file, spec->place, FILE_BYTES_MAX);
    bool is_json = spec->format == LOAD_FORMAT_JSON_LINES ||
                   (spec->format == LOAD_FORMAT_AUTO &&
                    (slice_ends(spec->file, SLICE_LIT(".jsonl")) || slice_ends(spec->file, SLICE_LIT(".ndjson"))));
    struct rows rows = {.compile = compile,
                        .origin = {.path = spec->file, .text = text},
                        .data = data,
                        .cells = buffer_in_arena(compile->arena, 65536)};
    struct slice cells = {NULL, 0};
    uint32_t errors = compile->report->error_count;
    if (!text.ptr)
        return ERR_OK;
    TRY(is_json ? read_json_lines(&rows, text) : read_csv(&rows, text));
    TRY(buffer_finish(&rows.cells, &cells));
    data->cells = (const struct slice *)(const void *)cells.ptr;
    if (data->row_count == 0 && compile->report->error_count == errors)
        report_error_in(compile->report, &rows.origin, (struct report_place){1, 1}, "there are no rows in it");
    return ERR_OK;
}

enum err compile_data(struct compile *compile)
{
    const struct load_spec_data *specs = compile->spec->data.items;
    uint32_t count = compile->spec->data.count;
    compile->data = arena_alloc_array(compile->arena, count, sizeof *compile->data);
    if (!compile->data)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (slice_equal(specs[i].name.text, specs[j].name.text))
                report_error(compile->report, specs[i].name.place, "another file is called \"" SLICE_FMT "\"",
                             SLICE_ARG(specs[i].name.text));
        if (slice_find(specs[i].name.text, '.') < specs[i].name.text.len)
            report_error(compile->report, specs[i].name.place, "a name of data has no \".\" in it");
        TRY(compile_file_of_rows(compile, &specs[i], &compile->data[i]));
    }
    compile->plan->data = compile->data;
    compile->plan->data_count = count;
    return ERR_OK;
}

/* The array is in the arena by doubling, as a text is. */
static void add_cell(struct rows *rows, struct slice cell)
{
    buffer_add(&rows->cells, slice_of(&cell, sizeof cell));
}

static enum err set_columns(struct rows *rows, const struct slice *names, uint32_t count)
{
    struct slice *columns = arena_alloc_array(rows->compile->arena, count, sizeof *columns);
    if (!columns)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = arena_copy(rows->compile->arena, names[i]);
        if (!columns[i].ptr)
            return ERR_NOMEM;
    }
    rows->data->columns = columns;
    rows->data->column_count = count;
    return ERR_OK;
}

static void refuse(struct rows *rows, uint32_t line, const char *format, uint32_t a, uint32_t b)
{
    char memory[160];
    struct text text = text_init(memory, sizeof memory);
    text_printf(&text, format, a, b);
    report_error_in(rows->compile->report, &rows->origin, (struct report_place){line, 1}, "%s", memory);
}

static enum err read_record(struct csv *csv, struct arena *arena, struct slice *fields, uint32_t *ret_count)
{
    bool is_last = false;
    *ret_count = 0;
    while (!is_last) {
        struct slice field;
        TRY(csv_next(csv, arena, &field, &is_last));
        if (*ret_count == COLUMNS_MAX)
            return ERR_LIMIT;
        fields[(*ret_count)++] = field;
    }
    return ERR_OK;
}

static enum err read_csv(struct rows *rows, struct slice text)
{
    static _Thread_local struct slice fields[COLUMNS_MAX];
    struct csv csv = csv_of(text);
    uint32_t count;
    for (bool is_first = true;; is_first = false) {
        uint32_t line = csv.line;
        enum err err = read_record(&csv, rows->compile->arena, fields, &count);
        if (err == ERR_SYNTAX)
            refuse(rows, csv.line, "a quote has no end, or stands in the middle of a field (RFC 4180)", 0, 0);
        if (err == ERR_LIMIT)
            refuse(rows, line, "more than %u fields", COLUMNS_MAX, 0);
        if (err != ERR_OK)
            return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
        if (is_first) {
            TRY(set_columns(rows, fields, count));
            continue;
        }
        if (count != rows->data->column_count) {
            refuse(rows, csv.line - 1, "%u fields, where the first record has %u", count, rows->data->column_count);
            return ERR_OK;
        }
        for (uint32_t i = 0; i < count; i++)
            add_cell(rows, fields[i]);
        rows->data->row_count++;
    }
}

static enum err cell_of(struct rows *rows, yyjson_val *value, struct slice *ret_cell)
{
    if (yyjson_is_str(value)) {
        *ret_cell = json_text(value);
        return ERR_OK;
    }
    struct json_writer writer = json_writer_in_arena(rows->compile->arena, 32);
    json_write_value(&writer, value);
    return json_writer_finish(&writer, ret_cell);
}

static enum err set_columns_of(struct rows *rows, yyjson_val *object)
{
    struct slice names[COLUMNS_MAX];
    uint32_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; count < COLUMNS_MAX && (key = yyjson_obj_iter_next(&iter)) != NULL;)
        names[count++] = json_text(key);
    return set_columns(rows, names, count);
}

static enum err add_object(struct rows *rows, yyjson_val *object, uint32_t line)
{
    struct slice cell;
    if (!rows->data->columns)
        TRY(set_columns_of(rows, object));
    for (uint32_t i = 0; i < rows->data->column_count; i++) {
        yyjson_val *value = json_get(object, rows->data->columns[i]);
        if (!value) {
            report_error_in(rows->compile->report, &rows->origin, (struct report_place){line, 1},
                            "\"" SLICE_FMT "\" is missing, which the first line has",
                            SLICE_ARG(slice_first(rows->data->columns[i], REPORT_QUOTE_BYTES_MAX)));
            return ERR_INVALID;
        }
        TRY(cell_of(rows, value, &cell));
        add_cell(rows, cell);
    }
    rows->data->row_count++;
    return ERR_OK;
}

static enum err read_json_lines(struct rows *rows, struct slice text)
{
    const struct json_limits limits = {
        .bytes_max = FILE_BYTES_MAX, .depth_max = JSON_DEPTH, .refuse_duplicate_keys = true};
    for (uint32_t number = 1; text.ptr; number++) {
        struct json_document document;
        struct json_fault fault;
        struct slice line = slice_trim(slice_cut(&text, '\n'));
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!line.len)
            continue;
        enum err err = json_parse(rows->compile->arena, line, &limits, &document, &fault);
        if (err == ERR_NOMEM)
            return ERR_NOMEM;
        if (err != ERR_OK || !yyjson_is_obj(document.root)) {
            report_error_in(rows->compile->report, &rows->origin,
                            (struct report_place){number, err == ERR_OK ? 1 : fault.column}, "no object of JSON: %s",
                            err == ERR_OK ? json_kind(document.root) : fault.what);
            return ERR_OK;
        }
        err = add_object(rows, document.root, number);
        if (err != ERR_OK)
            return err == ERR_INVALID ? ERR_OK : err;
    }
    return ERR_OK;
}
