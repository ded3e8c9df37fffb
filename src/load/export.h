/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a running test for Prometheus: to be scraped from an address of this process, pushed to a push gateway, sent by
 * remote write; any of the three. An observer of the session hands over what there is once an interval; all the rest
 * is done by a thread of its own, so that neither the session nor the generator waits for a scraper or a network.
 *
 * A receiver that cannot be reached costs a warning, once, and never the test. */
#ifndef WEIR_LOAD_EXPORT_H
#define WEIR_LOAD_EXPORT_H

#include "lib/base/text.h"
#include "load/session.h"

#define LOAD_EXPORT_LABELS_MAX 16

struct load_export_pair {
    struct slice name;
    struct slice value;
};

/* All that is pointed to is borrowed until load_export_stop. */
struct load_export_options {
    const struct load_plan *plan;
    struct slice version;                  /* of weir */
    struct slice listen;                   /* "127.0.0.1:9095"; empty: not scraped */
    struct slice gateway;                  /* URL of a push gateway, without /metrics/...; empty: none */
    struct slice receiver;                 /* URL of a receiver of remote write, with its path; empty: none */
    struct slice job;                      /* label of what is pushed and sent; empty: "weir_load" */
    const struct load_export_pair *labels; /* more of them, of what is pushed and sent: [a-zA-Z_][a-zA-Z0-9_]* */
    uint32_t label_count;
    const struct load_export_pair *fields; /* header fields of the requests to gateway and receiver: Authorization */
    uint32_t field_count;
    bool is_deleted_at_end; /* what was pushed is taken back when the test is over, and not left as it was at the end */
    /* Told at most once for each receiver, on the thread of the export: what is wrong, in words. May be NULL. */
    void (*on_warning)(void *owner, const char *text);
    void *owner;
};

struct load_export;

/* ERR_EXISTS (somebody listens on the address), ERR_DENIED, ERR_INVALID, ERR_SYNTAX, ERR_NOT_FOUND, with a phrase in `fault` that names what
 * it is about; ERR_NOMEM, ERR_BUSY. */
MUST_USE enum err load_export_start(const struct load_export_options *options, struct text *fault,
                                    struct load_export **ret_export);
/* Where it is scraped: the port that was chosen for port 0. */
void load_export_address(const struct load_export *export, struct address *ret_address);
/* Tells the session to look here. */
struct load_observer load_export_observer(struct load_export *export);
/* The last figures, and, for at most two seconds, their way to those who are pushed to. Then all ends. NULL is accepted. */
void load_export_stop(struct load_export *export, const struct load_results *results);

#endif
