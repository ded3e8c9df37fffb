/* SPDX-License-Identifier: Apache-2.0 */
/* Trace settings as both wires tell and change them: texts by name. */
#ifndef WEIR_PIPELINE_TRACE_CHANGE_H
#define WEIR_PIPELINE_TRACE_CHANGE_H

#include "pipeline/request.h"
#include "pipeline/tracing.h"

#define TRACE_SETTINGS_TOLD 6
#define TRACE_TEXT_BYTES    24

struct trace_text {
    const char *name;
    struct slice value; /* of the configuration, static, or in `memory` */
    char memory[TRACE_TEXT_BYTES];
};
/* What holds for a model, or, for an empty name, for all that have no settings of their own. */
void trace_settings_tell(const struct request *request, struct slice model,
                         struct trace_text ret_texts[TRACE_SETTINGS_TOLD]);

/* What a request wants changed. Zero is nothing. */
struct trace_change {
    struct trace_settings settings;
    uint32_t set;
    uint32_t cleared;
};
/* One setting; a value of {NULL, 0} gives it back to what holds without it. FAIL: the request says what is wrong. */
enum verdict trace_change_take(struct request *request, struct trace_change *change, struct slice name,
                               struct slice value);
/* FAIL: nothing has changed, and the request says why. */
enum verdict trace_change_apply(struct request *request, struct slice model, const struct trace_change *change);

#endif
