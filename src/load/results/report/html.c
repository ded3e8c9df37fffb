/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one file: the page and the charts' library as they stand, and the results as data beside them.
 *
 * Nothing that a user wrote is put into markup here: results stay JSON, inside a script element that is no script, with every "<"
 * written as \u003c, so that no text in them can end the element (HTML, section 4.12.1.3, "Restrictions for contents of script
 * elements"). page.js sets texts as text. The page's policy lets it load nothing. */
#include "lib/json/writer.h"
#include "load/results.h"
#include "load/results/report/parts_int.h"
#include "load/results/report/read_int.h"

#include <math.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n<title>weir load</title>\n";
static const char body[] = "</head>\n<body>\n<main id=\"report\"></main>\n"
                           "<noscript><p>This report draws its charts with JavaScript. Its data is JSON in the source "
                           "of this page.</p></noscript>\n"
                           "<footer>Made by weir load. Charts: <a href=\"https://github.com/leeoniya/uPlot\">uPlot</a> "
                           "(MIT, its licence is in "
                           "this page).</footer>\n";

static void put(struct slice text, FILE *out)
{
    (void)fwrite(text.ptr, 1, text.len, out);
}

/* In JSON a "<" stands inside strings only. */
static void put_json(struct slice json, FILE *out)
{
    while (json.len) {
        size_t plain = slice_find(json, '<');
        put(slice_first(json, plain), out);
        if (plain == json.len)
            return;
        (void)fputs("\\u003c", out);
        json = slice_skip(json, plain + 1);
    }
}

static void write_f64_or_null(struct json_writer *writer, const char *key, double value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_f64(writer, value); /* NaN is null */
}

static void write_difference(const struct load_difference *difference, struct json_writer *writer)
{
    static const char *const kinds[] = {
        [LOAD_DIFFERS_IN_NS] = "ns", [LOAD_DIFFERS_IN_SHARE] = "share", [LOAD_DIFFERS_IN_RATE] = "rate"};
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", slice_of_text(difference->name));
    json_write_member_string(writer, "kind", slice_of_text(kinds[difference->kind]));
    json_write_member_bool(writer, "less_is_better", difference->is_less_better);
    write_f64_or_null(writer, "a", difference->a);
    write_f64_or_null(writer, "b", difference->b);
    write_f64_or_null(writer, "change", difference->change);
    write_f64_or_null(writer, "low", difference->low);
    write_f64_or_null(writer, "high", difference->high);
    json_write_member_bool(writer, "significant", difference->is_significant);
    json_write_object_end(writer);
}

static enum err write_comparison(const struct slice *texts, uint32_t count, struct json_writer *writer,
                                 uint32_t *ret_which)
{
    json_write_array_begin(writer);
    for (uint32_t i = 1; i < count; i++) {
        struct load_difference all[LOAD_DIFFERENCES];
        uint32_t which;
        enum err err = load_report_differ(texts[0], texts[i], all, &which);
        *ret_which = which ? i : 0;
        TRY(err);
        json_write_object_begin(writer);
        json_write_member_u64(writer, "run", i);
        json_write_key(writer, SLICE_LIT("differences"));
        json_write_array_begin(writer);
        for (int k = 0; k < LOAD_DIFFERENCES; k++)
            if (all[k].a > 0 || all[k].b > 0 || all[k].kind == LOAD_DIFFERS_IN_SHARE)
                write_difference(&all[k], writer);
        json_write_array_end(writer);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
    return ERR_OK;
}

static void put_page(const struct slice *texts, uint32_t count, struct slice comparison, FILE *out)
{
    (void)fputs(head, out);
    (void)fputs("<style>\n", out);
    put(report_uplot_css, out);
    put(report_page_css, out);
    (void)fputs("</style>\n", out);
    (void)fputs(body, out);
    (void)fputs("<script type=\"application/json\" id=\"data\">{\"runs\":[", out);
    for (uint32_t i = 0; i < count; i++) {
        (void)fputs(i ? ",\n" : "\n", out);
        put_json(texts[i], out);
    }
    (void)fputs("],\"comparison\":", out);
    put_json(comparison, out);
    (void)fputs("}</script>\n<script>\n/*!\n", out);
    put(report_uplot_license, out);
    (void)fputs("*/\n", out);
    put(report_uplot_js, out);
    (void)fputs("</script>\n<script>\n", out);
    put(report_data_js, out);
    put(report_page_js, out);
    (void)fputs("</script>\n</body>\n</html>\n", out);
}

static enum err check_all(const struct slice *texts, uint32_t count, struct arena *arena, uint32_t *ret_which)
{
    for (uint32_t i = 0; i < count; i++) {
        yyjson_val *root;
        *ret_which = i;
        TRY(report_parse(texts[i], arena, &root));
        arena_reset(arena);
    }
    return ERR_OK;
}

enum err load_report_write_html(const struct slice *results_json, uint32_t count, FILE *out, uint32_t *ret_which)
{
    struct pool pool;
    struct arena arena;
    struct slice comparison;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 1U << 16, SIZE_MAX);
    enum err err = check_all(results_json, count, &arena, ret_which);
    struct json_writer writer = json_writer_in_arena(&arena, 0);
    if (err == ERR_OK)
        err = write_comparison(results_json, count, &writer, ret_which);
    if (err == ERR_OK)
        err = json_writer_finish(&writer, &comparison);
    if (err == ERR_OK) {
        put_page(results_json, count, comparison, out);
        err = fflush(out) || ferror(out) ? ERR_IO : ERR_OK;
    }
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
