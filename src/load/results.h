/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a test: totals, the timeline, and a verdict. Results are written as JSON that holds all of it (histograms too, exactly), and
 * read back from there: reports and comparisons are made of files as well as of a test that has just ended. */
#ifndef WEIR_LOAD_RESULTS_H
#define WEIR_LOAD_RESULTS_H

#include "load/record.h"

#include <stdio.h>

#define LOAD_REMARKS_MAX 32

/* One interval of the timeline, all series together and each; small, because there are thousands. */
struct load_moment {
    uint64_t due, sent, answered, failed, tokens, response_bytes;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns; /* latency */
    uint64_t service_p50_ns, service_p99_ns;
    uint64_t first_token_p50_ns, first_token_p99_ns;
    uint64_t between_tokens_p50_ns, between_tokens_p99_ns;
};

struct load_interval {
    uint64_t begin_ns, end_ns; /* from the end of warming up */
    uint32_t stage;
    struct load_moment all;
    struct load_moment *series;          /* plan->step_count */
    uint64_t failed[LOAD_FAILURE_COUNT]; /* of all series, by kind */
    int64_t users, links, in_flight, backlog;
    uint64_t lag_p99_ns, lag_max_ns;
    double cpu_share;     /* of one core, the generator's */
    struct slice latency; /* hdr_encode of all series' latencies of the interval: for the heat map and exact merging */
};

/* A stage's own totals. */
struct load_stage_result {
    struct load_record *record; /* of what was recorded during it */
    uint64_t begin_ns, end_ns;
};

enum load_remark_kind { LOAD_REMARK_INVALID, LOAD_REMARK_WARNING, LOAD_REMARK_NOTE };
/* Says what in words: "invalid: the generator was late: p99 lag 3.1 ms, more than a tenth of p99 latency". */
struct load_remark {
    enum load_remark_kind kind;
    struct slice code; /* "lag", "errors", "unsent", "rate", "backlog", "buffering", "agent_lost", "cancelled" */
    struct slice text;
};

struct load_threshold_result {
    double value;
    bool holds;
};

/* One agent's part. */
struct load_part {
    struct slice name;
    double share;     /* of the load */
    bool is_lost;     /* its share is missing from `lost_ns` on */
    uint64_t lost_ns; /* from the end of warming up */
    struct load_record *record;
};

struct load_results {
    const struct load_plan *plan;
    struct pool pool;
    struct arena arena; /* of texts and intervals */
    uint64_t wall_begin_ns;
    uint64_t duration_ns; /* measured */
    struct load_record *totals;
    struct load_record *before; /* as of the last interval */
    struct load_record *delta;  /* of the last interval alone */
    struct load_series *all;    /* totals of all series as one, as of the last interval */
    struct load_series *moment; /* the same of delta */
    struct load_interval **intervals;
    uint32_t interval_count, interval_capacity;
    struct load_stage_result *stages;
    uint32_t stage_count;
    struct load_remark remarks[LOAD_REMARKS_MAX];
    uint32_t remark_count;
    struct load_threshold_result *thresholds; /* of the plan */
    struct load_part *parts;
    uint32_t part_count;
    uint32_t agent_count, agents_lost; /* as of the last interval, while it runs; 0: this process alone */
    bool is_cancelled;
    bool is_judged;
    double cpu_us_per_request; /* the generator's */
};

static inline double load_per_second(uint64_t count, uint64_t span_ns)
{
    return span_ns ? (double)count * 1e9 / (double)span_ns : 0;
}

MUST_USE enum err load_results_init(const struct load_plan *plan, struct load_results *results);
void load_results_deinit(struct load_results *results);

/* The next interval: `totals` (which may be results->totals) as collected at end_ns, from the end of warming up. `stage` of the
 * plan. ERR_NOMEM. */
MUST_USE enum err load_results_add_interval(struct load_results *results, const struct load_record *totals,
                                            uint64_t end_ns, uint32_t stage);
void load_results_remark(struct load_results *results, enum load_remark_kind kind, const char *code, const char *format,
                         ...) PRINTF_LIKE(4, 5);
/* How long requests were due, without what was waited for behind the end. 0 before the first interval. */
uint64_t load_results_span_ns(const struct load_results *results);
/* What rates of answers are of: the span, and as long again as the backlog of its end took to be worked off. Of an overloaded server that
 * is more than the span, in which it has not answered what was due; one slow answer behind the end does not count. */
uint64_t load_results_rated_ns(const struct load_results *results);
/* What a threshold is about, as of the last interval; NaN where nothing was recorded that tells. */
double load_threshold_value(const struct load_results *results, const struct load_threshold *threshold);
/* The histogram that it is a statistic of; NULL where it is about a count or a rate. */
const struct hdr *load_threshold_hdr(const struct load_results *results, const struct load_threshold *threshold);
/* Never of NaN. */
bool load_threshold_holds(const struct load_threshold *threshold, double value);
/* The verdict, once, at the end: thresholds, and whether the run is valid (lag, errors, rate held, buffering). */
void load_results_judge(struct load_results *results);
bool load_results_are_valid(const struct load_results *results);
bool load_results_hold(const struct load_results *results); /* all thresholds */

/* For people, at the end. */
void load_results_print(const struct load_results *results, FILE *out);
/* ERR_IO when it did not get out. */
MUST_USE enum err load_results_write_json(const struct load_results *results, FILE *out);
/* Locust's columns of its stats file, and of its history; so that what reads those reads ours. */
MUST_USE enum err load_results_write_csv(const struct load_results *results, FILE *out);
MUST_USE enum err load_results_write_csv_failures(const struct load_results *results, FILE *out);
MUST_USE enum err load_results_write_csv_history(const struct load_results *results, FILE *out);
/* HdrHistogram log, version 1.3: an interval a line. */
MUST_USE enum err load_results_write_hdr_log(const struct load_results *results, FILE *out);
/* JUnit's XML: thresholds as test cases. */
MUST_USE enum err load_results_write_junit(const struct load_results *results, FILE *out);

/* --- of files of results: given as the texts of their JSON. ERR_SYNTAX: *ret_which is none; ERR_NOMEM. ------------------- */

enum load_difference_kind { LOAD_DIFFERS_IN_NS, LOAD_DIFFERS_IN_SHARE, LOAD_DIFFERS_IN_RATE };

/* One figure of two tests. */
struct load_difference {
    const char *name; /* "p99", "rate", "errors" */
    enum load_difference_kind kind;
    bool is_less_better;
    double a, b;
    double change;    /* (b - a) / a; NaN where a is 0 */
    double low, high; /* its 95 % interval by the noise within both tests; NaN: too short to tell */
    bool is_significant;
};

#define LOAD_DIFFERENCES 8

MUST_USE enum err load_report_differ(struct slice a, struct slice b, struct load_difference ret_all[LOAD_DIFFERENCES],
                                     uint32_t *ret_which);
/* As a table of text. */
void load_report_print_differences(const struct load_difference all[LOAD_DIFFERENCES], FILE *out);
/* One HTML file with charts, of one test or of several side by side. ERR_IO too. */
MUST_USE enum err load_report_write_html(const struct slice *results_json, uint32_t count, FILE *out,
                                         uint32_t *ret_which);

#endif
