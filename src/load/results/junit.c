/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit's XML, as continuous integration reads it: a test case for each threshold, and one for whether the run is valid. */
#include "lib/sys/clock.h"
#include "load/results.h"
#include "load/results/format.h"

#include <math.h>

/* As text or as the value of an attribute. What XML 1.0 has no way to say becomes "?". */
static void put_xml(struct slice text, FILE *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        switch (c) {
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc(c < 0x20 && c != '\t' && c != '\n' && c != '\r' ? '?' : c, out);
        }
    }
}

static void put_case(const struct load_results *results, struct slice name, FILE *out)
{
    (void)fputs("  <testcase classname=\"", out);
    put_xml(results->plan->name.len ? results->plan->name : SLICE_LIT("weir load"), out);
    (void)fputs("\" name=\"", out);
    put_xml(name, out);
    (void)fprintf(out, "\" time=\"%.3f\"", (double)results->duration_ns / 1e9);
}

static void put_threshold(const struct load_results *results, uint32_t index, FILE *out)
{
    const struct load_threshold *threshold = &results->plan->thresholds[index];
    put_case(results, threshold->text, out);
    if (results->thresholds[index].holds) {
        (void)fputs("/>\n", out);
        return;
    }
    char value[FORMAT_BYTES];
    (void)fprintf(out, ">\n    <failure type=\"threshold\" message=\"is %s\"/>\n  </testcase>\n",
                  format_threshold_value(value, threshold, results->thresholds[index].value));
}

static void put_validity(const struct load_results *results, FILE *out)
{
    put_case(results, SLICE_LIT("the run is valid"), out);
    if (load_results_are_valid(results)) {
        (void)fputs("/>\n", out);
        return;
    }
    (void)fputs(">\n", out);
    for (uint32_t i = 0; i < results->remark_count; i++) {
        if (results->remarks[i].kind != LOAD_REMARK_INVALID)
            continue;
        (void)fputs("    <failure type=\"", out);
        put_xml(results->remarks[i].code, out);
        (void)fputs("\" message=\"", out);
        put_xml(results->remarks[i].text, out);
        (void)fputs("\"/>\n", out);
    }
    (void)fputs("  </testcase>\n", out);
}

enum err load_results_write_junit(const struct load_results *results, FILE *out)
{
    char begin[25];
    uint32_t failures = !load_results_are_valid(results);
    for (uint32_t i = 0; i < results->plan->threshold_count; i++)
        failures += !results->thresholds[i].holds;
    clock_format_rfc3339(begin, results->wall_begin_ns);
    (void)fprintf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"weir load\" tests=\"%u\" failures=\"%u\" "
        "timestamp=\"%.19s\" time=\"%.3f\">\n",
        results->plan->threshold_count + 1, failures, begin, (double)results->duration_ns / 1e9);
    put_validity(results, out);
    for (uint32_t i = 0; i < results->plan->threshold_count; i++)
        put_threshold(results, i, out);
    (void)fputs("</testsuite>\n", out);
    return fflush(out) || ferror(out) ? ERR_IO : ERR_OK;
}
