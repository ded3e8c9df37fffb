/* SPDX-License-Identifier: Apache-2.0 */
/* What is seen of a test while it runs: a picture in the terminal that is drawn over itself, or a line an interval for whoever
 * reads along. An observer of the session. */
#ifndef WEIR_LOAD_VIEW_H
#define WEIR_LOAD_VIEW_H

#include "load/session.h"

enum load_view_kind {
    LOAD_VIEW_NONE,
    LOAD_VIEW_TEXT, /* a line an interval */
    LOAD_VIEW_JSON, /* an object a line, an interval each: docs/guide/load-results.md */
    LOAD_VIEW_LIVE, /* a picture, four times a second */
};

struct load_view {
    enum load_view_kind kind;
    FILE *out;
    bool is_utf8;
    bool has_color;
    uint32_t (*columns)(void); /* asked before each picture: people resize their windows */
    /* of the view */
    uint32_t lines; /* of the picture that stands there */
    uint64_t drawn_ns;
};

/* `view` is filled in as far as "of the view", and lives as long as the session. */
struct load_observer load_view_observer(struct load_view *view);
/* Takes the picture away, so that the summary stands alone. */
void load_view_end(struct load_view *view);

#endif
