/* SPDX-License-Identifier: Apache-2.0 */
/* From results to characters, without a terminal: for view.c, and for tests. */
#ifndef WEIR_LOAD_VIEW_VIEW_INT_H
#define WEIR_LOAD_VIEW_VIEW_INT_H

#include "load/results.h"

struct load_frame {
    const struct load_results *results;
    int64_t now_ns; /* from the end of warming up; before it negative */
    uint32_t columns;
    bool is_utf8;
    bool has_color;
};

static inline double interval_rate(const struct load_interval *interval, uint64_t count)
{
    return load_per_second(count, interval->end_ns - interval->begin_ns);
}

/* Lines, each with its newline, none wider than frame->columns; returns how many. */
uint32_t load_frame_draw(const struct load_frame *frame, struct text *out);
/* The last interval as one line. */
void load_line_text(const struct load_results *results, struct text *out);
void load_line_json(const struct load_results *results, struct text *out);

#endif
