/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/yaml/report.h"

#define MEMORY_BYTES_MAX   (64u << 20)
#define SOURCE_COLUMNS_MAX 160 /* of a source line that is shown */

static void add(struct report *report, const struct report_origin *origin, struct report_note note, const char *format,
                va_list args) PRINTF_LIKE(4, 0);
static struct slice source_line(struct slice text, uint32_t line);
static int compare(const struct report_note *a, const struct report_note *b);
static void print_source(const struct report_note *note, FILE *out);

void report_init(struct report *report)
{
    memset(report, 0, sizeof *report);
    pool_init(&report->pool, 0, 2 * (size_t)MEMORY_BYTES_MAX);
    arena_init(&report->arena, &report->pool, 4096, MEMORY_BYTES_MAX);
}

void report_deinit(struct report *report)
{
    arena_reset(&report->arena);
    pool_deinit(&report->pool);
}

enum err report_begin(struct report *report, struct slice path, struct slice text)
{
    report->path = arena_copy(&report->arena, path);
    report->text = arena_copy(&report->arena, text);
    return report->path.ptr && report->text.ptr ? ERR_OK : ERR_NOMEM;
}

void report_error(struct report *report, struct report_place place, const char *format, ...)
{
    va_list args;
    report->error_count++;
    va_start(args, format);
    add(report, NULL, (struct report_note){.severity = REPORT_ERROR, .place = place}, format, args);
    va_end(args);
}

void report_warning(struct report *report, struct report_place place, const char *format, ...)
{
    va_list args;
    report->warning_count++;
    va_start(args, format);
    add(report, NULL, (struct report_note){.severity = REPORT_WARNING, .place = place}, format, args);
    va_end(args);
}

void report_error_in(struct report *report, const struct report_origin *origin, struct report_place place,
                     const char *format, ...)
{
    va_list args;
    report->error_count++;
    va_start(args, format);
    add(report, origin, (struct report_note){.severity = REPORT_ERROR, .place = place}, format, args);
    va_end(args);
}

void report_warning_in(struct report *report, const struct report_origin *origin, struct report_place place,
                       const char *format, ...)
{
    va_list args;
    report->warning_count++;
    va_start(args, format);
    add(report, origin, (struct report_note){.severity = REPORT_WARNING, .place = place}, format, args);
    va_end(args);
}

void report_unknown(struct report *report, struct report_place place, const struct report_unknown *unknown)
{
    struct slice name = slice_first(unknown->name, REPORT_QUOTE_BYTES_MAX);
    const char *nearest = unknown->nearest;
    report_error(report, place, "unknown %s \"" SLICE_FMT "\"%s%s; %s%s%s", unknown->kind, SLICE_ARG(name),
                 unknown->owner ? " in " : "", unknown->owner ? unknown->owner : "", nearest ? "did you mean \"" : "",
                 nearest ? nearest : unknown->otherwise, nearest ? "\"?" : "");
}

/* Few notes, and equal places keep their order: an insertion sort. */
void report_sort(struct report *report)
{
    for (uint32_t i = 1; i < report->note_count; i++) {
        struct report_note note = report->notes[i];
        uint32_t j = i;
        for (; j > 0 && compare(&report->notes[j - 1], &note) > 0; j--)
            report->notes[j] = report->notes[j - 1];
        report->notes[j] = note;
    }
}

void report_print(const struct report *report, FILE *out)
{
    char line[REPORT_NOTE_BYTES_MAX + 4096 + 64];
    for (uint32_t i = 0; i < report->note_count; i++) {
        struct text text = text_init(line, sizeof line);
        report_note_format(report, &report->notes[i], &text);
        fprintf(out, "%s\n", line);
        print_source(&report->notes[i], out);
    }
    uint32_t more = report->error_count + report->warning_count - report->note_count;
    if (more)
        fprintf(out, "and %u more\n", more);
}

void report_note_format(const struct report *report, const struct report_note *note, struct text *out)
{
    struct slice path = note->path.len ? note->path : report->path;
    text_printf(out, SLICE_FMT ":", SLICE_ARG(path));
    if (note->place.line)
        text_printf(out, "%u:%u:", note->place.line, note->place.column);
    text_printf(out, " %s: " SLICE_FMT, note->severity == REPORT_ERROR ? "error" : "warning", SLICE_ARG(note->message));
}

/* A message may quote what the file says: what would break the line or the terminal is replaced. */
static void sanitize(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void add(struct report *report, const struct report_origin *origin, struct report_note note, const char *format,
                va_list args)
{
    char message[REPORT_NOTE_BYTES_MAX];
    if (report->note_count == REPORT_NOTES_MAX)
        return;
    struct text text = text_init(message, sizeof message);
    text_vprintf(&text, format, args);
    sanitize(message);
    note.message = arena_copy(&report->arena, text_slice(&text));
    if (!note.message.ptr)
        note.message = SLICE_LIT("out of memory for the message");
    if (origin)
        note.path = arena_copy(&report->arena, origin->path);
    note.source = source_line(origin ? origin->text : report->text, note.place.line);
    if (origin)
        note.source = arena_copy(&report->arena, note.source);
    report->notes[report->note_count++] = note;
}

static struct slice source_line(struct slice text, uint32_t line)
{
    struct slice content = {NULL, 0};
    for (uint32_t i = 0; i < line && text.ptr; i++)
        content = slice_cut(&text, '\n');
    if (content.len && content.ptr[content.len - 1] == '\r')
        content.len--;
    return content;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare(const struct report_note *a, const struct report_note *b)
{
    size_t len = MIN(a->path.len, b->path.len);
    int paths = len ? memcmp(a->path.ptr, b->path.ptr, len) : 0;
    if (paths || a->path.len != b->path.len)
        return paths ? paths : compare_numbers((uint32_t)a->path.len, (uint32_t)b->path.len);
    int lines = compare_numbers(a->place.line, b->place.line);
    return lines ? lines : compare_numbers(a->place.column, b->place.column);
}

/* Columns count characters: the bytes that continue one take none. */
static size_t bytes_of_columns(struct slice line, size_t columns)
{
    size_t at = 0;
    while (at < line.len && columns > 0) {
        at++;
        while (at < line.len && ((unsigned char)line.ptr[at] & 0xc0) == 0x80)
            at++;
        columns--;
    }
    return at;
}

static void print_source(const struct report_note *note, FILE *out)
{
    if (note->source.len == 0 || note->place.column > SOURCE_COLUMNS_MAX)
        return;
    fputs("    ", out);
    size_t shown = bytes_of_columns(note->source, SOURCE_COLUMNS_MAX);
    for (size_t i = 0; i < shown; i++) {
        char c = note->source.ptr[i];
        fputc((unsigned char)c < 0x20 && c != '\t' ? '?' : c, out);
    }
    fputs("\n    ", out);
    for (size_t i = 0; i + 1 < note->place.column && i < shown; i++)
        fputc(i < note->source.len && note->source.ptr[i] == '\t' ? '\t' : ' ', out);
    fputs("^\n", out);
}
