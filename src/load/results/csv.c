/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of Locust's --csv files (locust/stats.py, StatsCSV), so that what reads those reads ours. Times are milliseconds. */
#include "lib/sys/clock.h"
#include "load/results.h"

#include <stdlib.h>

static const double quantiles[] = {0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1};
#define QUANTILE_COLUMNS "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"

/* Quoted where RFC 4180 wants it. */
static void put_text(struct slice text, FILE *out)
{
    bool is_plain = true;
    for (size_t i = 0; i < text.len; i++)
        is_plain = is_plain && text.ptr[i] != ',' && text.ptr[i] != '"' && text.ptr[i] != '\n' && text.ptr[i] != '\r';
    if (is_plain) {
        (void)fwrite(text.ptr, 1, text.len, out);
        return;
    }
    (void)fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            (void)fputc('"', out);
        (void)fputc(text.ptr[i], out);
    }
    (void)fputc('"', out);
}

static double ms(double ns)
{
    return ns / 1e6;
}

/* "N/A" where there is nothing, as Locust writes it. */
static void put_quantiles(const struct hdr *latency, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        if (hdr_count(latency))
            (void)fprintf(out, ",%.6g", ms((double)hdr_quantile(latency, quantiles[i])));
        else
            (void)fputs(",N/A", out);
}

/* What both files have of a series: median, mean, smallest, largest, bytes; these of failed requests as well, as Locust counts them. */
static void put_times(const struct hdr *latency, uint64_t ended, uint64_t response_bytes, FILE *out)
{
    (void)fprintf(out, ",%.6g,%.9g,%.9g,%.9g,%.9g", ms((double)hdr_quantile(latency, 0.5)), ms(hdr_mean_ns(latency)),
                  ms((double)hdr_min_ns(latency)), ms((double)hdr_max_ns(latency)),
                  ended ? (double)response_bytes / (double)ended : 0);
}

static void put_series(const struct load_results *results, struct slice method, struct slice name,
                       const struct load_series *series, FILE *out)
{
    uint64_t span_ns = load_results_rated_ns(results);
    uint64_t failed = load_series_failed(series);
    uint64_t answered = counter_read(&series->answered);
    put_text(method, out);
    (void)fputc(',', out);
    put_text(name, out);
    (void)fprintf(out, ",%llu,%llu", (unsigned long long)(answered + failed), (unsigned long long)failed);
    put_times(&series->latency, answered + failed, counter_read(&series->response_bytes), out);
    (void)fprintf(out, ",%.9g,%.9g", load_per_second(answered + failed, span_ns), load_per_second(failed, span_ns));
    put_quantiles(&series->latency, out);
    (void)fputs("\r\n", out);
}

static enum err finish(FILE *out)
{
    return fflush(out) || ferror(out) ? ERR_IO : ERR_OK;
}

enum err load_results_write_csv(const struct load_results *results, FILE *out)
{
    (void)fputs("Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
                "Max Response Time,Average Content Size,Requests/s,Failures/s," QUANTILE_COLUMNS "\r\n",
                out);
    for (uint32_t i = 0; i < results->plan->step_count; i++)
        put_series(results, results->plan->steps[i].method, results->plan->steps[i].name, &results->totals->series[i],
                   out);
    put_series(results, SLICE_LIT(""), SLICE_LIT("Aggregated"), results->all, out);
    return finish(out);
}

enum err load_results_write_csv_failures(const struct load_results *results, FILE *out)
{
    (void)fputs("Method,Name,Error,Occurrences\r\n", out);
    for (uint32_t i = 0; i < results->plan->step_count; i++)
        for (int kind = LOAD_FAILURE_NONE + 1; kind < LOAD_FAILURE_COUNT; kind++) {
            uint64_t count = counter_read(&results->totals->series[i].failed[kind]);
            if (count == 0)
                continue;
            put_text(results->plan->steps[i].method, out);
            (void)fputc(',', out);
            put_text(results->plan->steps[i].name, out);
            (void)fprintf(out, ",%s,%llu\r\n", load_failure_name((enum load_failure)kind), (unsigned long long)count);
        }
    return finish(out);
}

/* Latencies of the interval, and of all up to it. */
struct history {
    struct hdr now, all;
    uint64_t answered, failed, bytes;
};

static enum err put_interval(const struct load_results *results, const struct load_interval *interval,
                             struct history *history, FILE *out)
{
    const struct load_moment *moment = &interval->all;
    uint64_t span_ns = interval->end_ns - interval->begin_ns;
    hdr_reset(&history->now);
    TRY(hdr_decode_add(interval->latency, &history->now));
    hdr_merge(&history->all, &history->now);
    history->answered += moment->answered;
    history->failed += moment->failed;
    history->bytes += moment->response_bytes;
    (void)fprintf(out, "%llu,%lld,,Aggregated,%.9g,%.9g",
                  (unsigned long long)((results->wall_begin_ns + interval->end_ns) / NS_PER_S),
                  (long long)interval->users, load_per_second(moment->answered + moment->failed, span_ns),
                  load_per_second(moment->failed, span_ns));
    put_quantiles(&history->now, out);
    (void)fprintf(out, ",%llu,%llu", (unsigned long long)(history->answered + history->failed),
                  (unsigned long long)history->failed);
    put_times(&history->all, history->answered + history->failed, history->bytes, out);
    (void)fputs("\r\n", out);
    return ERR_OK;
}

enum err load_results_write_csv_history(const struct load_results *results, FILE *out)
{
    struct history *history = calloc(1, sizeof *history);
    enum err err = history ? ERR_OK : ERR_NOMEM;
    (void)fputs("Timestamp,User Count,Type,Name,Requests/s,Failures/s," QUANTILE_COLUMNS
                ",Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,"
                "Total Min Response Time,Total Max Response Time,Total Average Content Size\r\n",
                out);
    for (uint32_t i = 0; i < results->interval_count && err == ERR_OK; i++)
        err = put_interval(results, results->intervals[i], history, out);
    free(history);
    return err == ERR_OK ? finish(out) : err;
}
