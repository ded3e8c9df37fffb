/* SPDX-License-Identifier: Apache-2.0 */
/* Where samples go: text for a scraper or a push gateway, or a message of remote write. */
#ifndef WEIR_LOAD_EXPORT_SINK_INT_H
#define WEIR_LOAD_EXPORT_SINK_INT_H

#include "lib/meter/exposition.h"
#include "load/export/figures_int.h"

struct export_sink {
    void (*family)(struct export_sink *sink, const struct exposition_family *family);
    void (*sample)(struct export_sink *sink, const struct exposition_label *labels, size_t label_count, double value);
    void (*times)(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                  const struct exposition_counts *counts);
};

/* All families of metrics.def. */
void export_render(const struct export_figures *figures, struct export_sink *sink);

/* The text of all, in the arena. ERR_NOMEM, ERR_LIMIT. */
MUST_USE enum err export_render_text(const struct export_figures *figures, enum exposition_format format,
                                     struct arena *arena, struct slice *ret_text);

#endif
