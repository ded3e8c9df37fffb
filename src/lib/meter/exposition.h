/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as text for a scraper: Prometheus text format 0.0.4 or OpenMetrics 1.0.0, from the same calls.
 *
 *     struct exposition e = exposition_begin(EXPOSITION_OPENMETRICS, buffer_in_arena(arena, 65536));
 *     exposition_family(&e, &(struct exposition_family){.name = "weir_requests", .type = EXPOSITION_COUNTER, ...});
 *     exposition_sample(&e, labels, ARRAY_LEN(labels), 17);
 *     TRY(exposition_end(&e, &text));
 *
 * Family names are given without `_total` and `_info`: each format has its own rule where these appear. The caller gives
 * all samples of a family together, and each family once. `_created` series are not written. */
#ifndef WEIR_LIB_METER_EXPOSITION_H
#define WEIR_LIB_METER_EXPOSITION_H

#include "lib/base/buffer.h"
#include "lib/base/text.h"
#include "lib/meter/histogram.h"

enum exposition_format {
    EXPOSITION_PROMETHEUS,  /* text/plain; version=0.0.4 */
    EXPOSITION_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

enum exposition_type {
    EXPOSITION_COUNTER,
    EXPOSITION_GAUGE,
    EXPOSITION_HISTOGRAM,
    EXPOSITION_INFO, /* a gauge of value 1 in the Prometheus format */
    /* A counter whose name is another's and does not end with _total. OpenMetrics has no such counter: unknown there. */
    EXPOSITION_COUNTER_BARE,
};

struct exposition_family {
    const char *name; /* [a-zA-Z_:][a-zA-Z0-9_:]*, without _total and _info */
    const char *unit; /* such as "seconds", which the name must then end with; NULL without */
    const char *help; /* one sentence; NULL without */
    enum exposition_type type;
};

struct exposition_label {
    const char *name;   /* [a-zA-Z_][a-zA-Z0-9_]* */
    struct slice value; /* any bytes; malformed UTF-8 is the caller's to keep out */
};

struct exposition {
    struct buffer buffer;
    struct exposition_family family; /* the current one */
    enum exposition_format format;
};

/* The Content-Type that goes with the text. */
const char *exposition_content_type(enum exposition_format format);

struct exposition exposition_begin(enum exposition_format format, struct buffer buffer);
/* ERR_NOMEM or ERR_LIMIT when the buffer ran out. */
MUST_USE enum err exposition_end(struct exposition *exposition, struct slice *ret_text);

void exposition_family(struct exposition *exposition, const struct exposition_family *family);
/* One value of a counter, gauge or info family. */
void exposition_sample(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                       double value);

struct exposition_bounds {
    const double *seconds; /* rising; +Inf is added */
    size_t count;
};

/* One histogram, in seconds. `histogram` must not be written meanwhile: merge the workers' into one of your own. */
void exposition_histogram(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                          const struct histogram *histogram, struct exposition_bounds bounds);

/* A histogram that the caller has counted, of any unit. */
struct exposition_counts {
    const double *bounds;  /* rising; +Inf is added */
    const uint64_t *below; /* how many values are at most bounds[i] */
    size_t bound_count;
    uint64_t count;
    double sum;
};
void exposition_counts(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                       const struct exposition_counts *counts);

#define EXPOSITION_NUMBER_BYTES 32 /* "-1.2345678901234567e-308" and some room */

/* The label `le` of a bound, as it stands in the text: for who sends the same series in another form. */
struct text exposition_print_bound(char memory[EXPOSITION_NUMBER_BYTES], double bound);

#endif
