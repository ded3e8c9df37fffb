/* SPDX-License-Identifier: Apache-2.0 */
/* The summary in the terminal: what is wrong first, then what was measured, then whether it was good enough. */
#include "load/results.h"

#include "lib/base/utf8.h"
#include "lib/sys/clock.h"
#include "load/results/format.h"

#define NAME_CHARS 24

static const char *const remark_words[] = {
    [LOAD_REMARK_INVALID] = "INVALID",
    [LOAD_REMARK_WARNING] = "warning",
    [LOAD_REMARK_NOTE] = "note",
};

static void print_remarks(const struct load_results *results, enum load_remark_kind kind, FILE *out)
{
    for (uint32_t i = 0; i < results->remark_count; i++)
        if (results->remarks[i].kind == kind) {
            (void)fprintf(out, "%s (" SLICE_FMT "): ", remark_words[kind], SLICE_ARG(results->remarks[i].code));
            format_shown(results->remarks[i].text, out);
            (void)fputc('\n', out);
        }
}

static double rate_of(const struct load_results *results, uint64_t count)
{
    return load_per_second(count, load_results_rated_ns(results));
}

/* Left-aligned in NAME_CHARS, cut with a tilde. */
static void print_name(struct slice name, FILE *out)
{
    struct slice shown = name.len > NAME_CHARS ? utf8_first(name, NAME_CHARS - 1) : name;
    (void)fputs("  ", out);
    format_shown(shown, out);
    (void)fprintf(out, "%-*s", (int)(NAME_CHARS - shown.len), name.len > NAME_CHARS ? "~" : "");
}

static void print_quantiles(const struct hdr *hdr, FILE *out)
{
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
    char cell[FORMAT_BYTES];
    bool is_empty = hdr_count(hdr) == 0;
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        (void)fprintf(out, " %8s", is_empty ? "-" : format_ns(cell, (double)hdr_quantile(hdr, quantiles[i])));
    (void)fprintf(out, " %8s", is_empty ? "-" : format_ns(cell, (double)hdr_max_ns(hdr)));
}

static void print_series(const struct load_results *results, struct slice name, const struct load_series *series,
                         FILE *out)
{
    char count[FORMAT_BYTES], rate[FORMAT_BYTES], failed[FORMAT_BYTES];
    uint64_t answered = counter_read(&series->answered);
    format_count(count, (double)(answered + load_series_failed(series)));
    format_count(rate, rate_of(results, answered));
    format_count(failed, (double)load_series_failed(series));
    print_name(name, out);
    (void)fprintf(out, " %8s %8s %7s", count, rate, failed);
    print_quantiles(&series->latency, out);
    (void)fputc('\n', out);
}

static void print_row(const char *name, const struct hdr *hdr, FILE *out)
{
    char count[FORMAT_BYTES];
    if (hdr_count(hdr) == 0)
        return;
    print_name(slice_of_text(name), out);
    (void)fprintf(out, " %8s %8s %7s", format_count(count, (double)hdr_count(hdr)), "", "");
    print_quantiles(hdr, out);
    (void)fputc('\n', out);
}

static void print_table(const struct load_results *results, FILE *out)
{
    const struct load_plan *plan = results->plan;
    (void)fprintf(out, "\n  %-*s %8s %8s %7s %8s %8s %8s %8s %8s\n", NAME_CHARS, "latency, from when due", "requests",
                  "ok/s", "failed", "p50", "p90", "p99", "p99.9", "max");
    if (plan->step_count > 1)
        for (uint32_t i = 0; i < plan->step_count; i++)
            print_series(results, plan->steps[i].name, &results->totals->series[i], out);
    print_series(results, SLICE_LIT("all"), results->all, out);
    print_row("service, from when sent", &results->all->service, out);
    print_row("waited for a connection", &results->totals->wait, out);
    print_row("connecting", &results->totals->connect, out);
    print_row("own lag", &results->totals->lag, out);
}

/* All series together, and the last stage without what was waited for behind it: as rates of the whole. `total` is scratch. */
static void print_stage(const struct load_results *results, uint32_t i, struct load_series *total, FILE *out)
{
    const struct load_stage_result *stage = &results->stages[i];
    uint64_t end_ns = MIN(stage->end_ns, load_results_rated_ns(results));
    uint64_t span_ns = end_ns > stage->begin_ns ? end_ns - stage->begin_ns : 0;
    char begin[FORMAT_BYTES], name[FORMAT_BYTES], rate[FORMAT_BYTES], p99[FORMAT_BYTES], failures[FORMAT_BYTES];
    load_record_total(stage->record, total);
    (void)snprintf(name, sizeof name, "%u", i + 1);
    print_name(results->plan->stages[i].name.len ? results->plan->stages[i].name : slice_of_text(name), out);
    (void)fprintf(out, " %8s %8s %7s %8s\n", format_ns(begin, (double)stage->begin_ns),
                  format_count(rate, load_per_second(counter_read(&total->answered), span_ns)),
                  format_count(failures, (double)load_series_failed(total)),
                  hdr_count(&total->latency) ? format_ns(p99, (double)hdr_quantile(&total->latency, 0.99)) : "-");
}

static void print_stages(const struct load_results *results, FILE *out)
{
    struct load_series *total;
    if (results->stage_count < 2 || load_series_create(results->all->stream != NULL, &total) != ERR_OK)
        return;
    (void)fprintf(out, "\n  %-*s %8s %8s %7s %8s\n", NAME_CHARS, "stages", "from", "ok/s", "failed", "p99");
    for (uint32_t i = 0; i < results->stage_count; i++)
        print_stage(results, i, total, out);
    load_series_destroy(total);
}

static void print_stream(const struct load_results *results, struct slice name, const struct load_series *series,
                         FILE *out)
{
    const struct load_stream_series *stream = series->stream;
    char tokens[FORMAT_BYTES], rate[FORMAT_BYTES], good[FORMAT_BYTES];
    double answered = (double)counter_read(&series->answered);
    double gaps = (double)hdr_count(&stream->between_tokens);
    (void)fputs("\n  ", out);
    format_shown(name, out);
    (void)fprintf(out, ": %s tokens, %s/s; good are %s answers a second, %.3g %%\n",
                  format_count(tokens, (double)counter_read(&stream->tokens)),
                  format_count(rate, rate_of(results, counter_read(&stream->tokens))),
                  format_count(good, rate_of(results, counter_read(&stream->good))),
                  answered > 0 ? 100 * (double)counter_read(&stream->good) / answered : 0);
    print_row("to the first token", &stream->first_token, out);
    print_row("between tokens", &stream->between_tokens, out);
    print_row("time per token", &stream->per_token, out);
    print_row("whole time by tokens", &stream->normalized, out);
    if (counter_read(&stream->bunched))
        (void)fprintf(out, "  %.3g %% of the tokens came at one with the token before\n",
                      gaps > 0 ? 100 * (double)counter_read(&stream->bunched) / gaps : 0);
}

static void print_streams(const struct load_results *results, FILE *out)
{
    for (uint32_t i = 0; i < results->plan->step_count; i++)
        if (results->totals->series[i].stream)
            print_stream(results, results->plan->steps[i].name, &results->totals->series[i], out);
}

static void print_outcomes(const struct load_results *results, FILE *out)
{
    const char *before = "\n  statuses ";
    for (uint32_t i = 0; i < LOAD_STATUSES; i++) {
        uint64_t count = counter_read(&results->all->statuses[i]);
        if (count == 0)
            continue;
        (void)fprintf(out, "%s%u: %llu", before, i, (unsigned long long)count);
        before = ", ";
    }
    const char *between = *before == ',' ? "\n" : "";
    before = "  failed   ";
    for (int i = LOAD_FAILURE_NONE + 1; i < LOAD_FAILURE_COUNT; i++) {
        uint64_t count = counter_read(&results->all->failed[i]);
        if (count == 0)
            continue;
        (void)fprintf(out, "%s%s%s: %llu", between, before, load_failure_name((enum load_failure)i),
                      (unsigned long long)count);
        between = "";
        before = ", ";
    }
    (void)fputc('\n', out);
}

static void print_generator(const struct load_results *results, FILE *out)
{
    char received[FORMAT_BYTES];
    uint64_t span_ns = load_results_rated_ns(results);
    double share = span_ns ? (double)counter_read(&results->totals->cpu_ns) / (double)span_ns : 0;
    uint64_t resumed = counter_read(&results->totals->resumed);
    (void)fprintf(out, "  generator %.2f us CPU a request, %.0f %% of a core; %llu connections opened",
                  results->cpu_us_per_request, 100 * share,
                  (unsigned long long)counter_read(&results->totals->connects));
    if (resumed)
        (void)fprintf(out, ", %llu of them resumed", (unsigned long long)resumed);
    (void)fprintf(out, ", %s of bodies received\n",
                  format_bytes(received, (double)counter_read(&results->all->response_bytes)));
}

static void print_parts(const struct load_results *results, FILE *out)
{
    uint64_t span_ns = load_results_rated_ns(results);
    for (uint32_t i = 0; i < results->part_count; i++) {
        const struct load_part *part = &results->parts[i];
        char lost[FORMAT_BYTES];
        char lag[FORMAT_BYTES];
        double cpu = span_ns ? (double)counter_read(&part->record->cpu_ns) / (double)span_ns : 0;
        (void)fprintf(out, "  agent " SLICE_FMT ": %.3g %% of the load, p99 of own lag %s, %.0f %% of a core",
                      SLICE_ARG(part->name), 100 * part->share,
                      format_ns(lag, (double)hdr_quantile(&part->record->lag, 0.99)), 100 * cpu);
        if (part->is_lost)
            (void)fprintf(out, ", LOST after %s", format_ns(lost, (double)part->lost_ns));
        (void)fputc('\n', out);
    }
}

static void print_thresholds(const struct load_results *results, FILE *out)
{
    if (results->plan->threshold_count && results->is_judged)
        (void)fputc('\n', out);
    for (uint32_t i = 0; results->is_judged && i < results->plan->threshold_count; i++) {
        const struct load_threshold *threshold = &results->plan->thresholds[i];
        const struct load_threshold_result *result = &results->thresholds[i];
        char value[FORMAT_BYTES];
        format_threshold_value(value, threshold, result->value);
        (void)fputs(result->holds ? "  holds  " : "  FAILS  ", out);
        format_shown(threshold->text, out);
        (void)fprintf(out, "  (is %s)\n", value);
    }
}

void load_results_print(const struct load_results *results, FILE *out)
{
    char span[FORMAT_BYTES];
    print_remarks(results, LOAD_REMARK_INVALID, out);
    print_remarks(results, LOAD_REMARK_WARNING, out);
    format_shown(results->plan->name, out);
    (void)fprintf(out, "%s%s of load\n", results->plan->name.len ? ": " : "",
                  format_ns(span, (double)load_results_span_ns(results)));
    print_table(results, out);
    print_stages(results, out);
    print_streams(results, out);
    print_outcomes(results, out);
    print_generator(results, out);
    print_parts(results, out);
    print_thresholds(results, out);
    print_remarks(results, LOAD_REMARK_NOTE, out);
}
