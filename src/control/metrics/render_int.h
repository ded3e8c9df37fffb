/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside metrics/. */
#ifndef WEIR_CONTROL_METRICS_RENDER_INT_H
#define WEIR_CONTROL_METRICS_RENDER_INT_H

#include "control/metrics/metrics_render.h"
#include "lib/meter/exposition.h"

/* What the families of one rendering share. */
struct rendering {
    const struct metrics_sources *sources;
    struct exposition out;
    struct histogram merged; /* for one series at a time; left empty */
};

void render_family(struct rendering *rendering, enum exposition_type type, const char *name, const char *unit,
                   const char *help);
/* A series of what is in `merged`. */
void render_histogram(struct rendering *rendering, const struct exposition_label *labels, size_t label_count,
                      struct exposition_bounds bounds);

/* Into heap memory that the caller frees, without a NUL. */
MUST_USE enum err render_copy(struct slice text, char **ret_text, size_t *ret_bytes);

/* weir_allocations, weir_allocated_bytes, weir_frees; nothing in them where nothing is counted. */
void render_allocations(struct rendering *rendering);
/* Those of event loops: weir_loop_…. */
void render_loops(struct rendering *rendering);
/* All families of models: weir_model_… and nv_inference_…. */
void render_models(struct rendering *rendering);
/* weir_pipeline_step_…. */
void render_steps(struct rendering *rendering);

#endif
