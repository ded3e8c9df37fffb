/* SPDX-License-Identifier: Apache-2.0 */
/* Figures to those who do not ask for them: a push gateway, a receiver of remote write. By the links of wire.h, on the
 * export's loop. */
#ifndef WEIR_LOAD_EXPORT_PUSH_INT_H
#define WEIR_LOAD_EXPORT_PUSH_INT_H

#include "load/export.h"
#include "load/export/figures_int.h"

struct export_push;

/* on_idle: everything that was asked for has been sent, or has failed. The options are borrowed. Errors with a phrase as load_export_start. */
MUST_USE enum err export_push_create(struct loop *loop, const struct load_export_options *options,
                                     void (*on_idle)(void *owner), void *owner, struct text *fault,
                                     struct export_push **ret_push);
/* Sends to each that has answered the last time, or failed to; passes over the others, whose next figures hold these as well. */
void export_push_send(struct export_push *push, const struct export_figures *figures);
/* The last ones: to all, as soon as they have answered; then on_idle, in this call or later. The figures are borrowed until then. */
void export_push_finish(struct export_push *push, const struct export_figures *figures);
/* At the end of each turn of the loop. */
void export_push_flush(struct export_push *push);
void export_push_destroy(struct export_push *push); /* NULL is accepted */

/* "/metrics/job/NAME/label/value": the group of a push gateway. ERR_NOMEM. */
MUST_USE enum err export_gateway_path(const struct load_export_options *options, struct arena *arena,
                                      struct slice *ret_path);
/* A message of remote write, packed as receivers want it. ERR_NOMEM, ERR_LIMIT. */
MUST_USE enum err export_remote_write(const struct load_export_options *options, const struct export_figures *figures,
                                      uint64_t wall_ms, struct arena *arena, struct slice *ret_body);
#define EXPORT_JOB SLICE_LIT("weir_load")

#endif
