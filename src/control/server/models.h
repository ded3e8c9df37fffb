/* SPDX-License-Identifier: Apache-2.0 */
/* The models of the process: loaded once, shared by every configuration that names the same file with the same options.
 *
 * A slot is made when a configuration first names a model and stays for the life of the process (some hundred bytes);
 * the model in it goes when the last configuration that names it does. So readiness can be asked from any thread
 * without a lock: the list of slots only grows. Everything else belongs to the thread that loads configurations. */
#ifndef WEIR_CONTROL_SERVER_MODELS_H
#define WEIR_CONTROL_SERVER_MODELS_H

#include "control/metrics/meter_registry.h"
#include "lib/base/text.h"
#include "pipeline/config.h"

struct models;

struct models_options {
    uint32_t worker_count;
    uint32_t executor_count;
    struct meter_registry *registry;
};
MUST_USE enum err models_create(const struct models_options *options, struct models **ret_models);
/* When no configuration is left. NULL is accepted. */
void models_destroy(struct models *models);

/* Gives every model of the configuration its slot, shared or new; new ones are LOADING. Released with the
 * configuration. */
MUST_USE enum err models_attach(struct models *models, struct config *config);
/* Loads what is LOADING, one after the other; says how each went. Slow. Returns how many of the configuration's models
 * failed: the next configuration that names them tries again. */
uint32_t models_load(struct models *models, struct config *config);

/* Says which routes' middlewares do not fit their model, and returns how many. Models that are not READY are passed over;
 * nothing but the caller's reference to the configuration is needed. */
uint32_t models_check_fit(const struct config *config);

/* This configuration is the current one: readiness is about its models, and not about what a reload is trying out. */
void models_expect(struct models *models, const struct config *config);
/* Whether every model that is expected is READY; if not, `why` lists the others, without the reasons: they tell
 * paths, and anyone may ask. Any thread. */
bool models_are_ready(const struct models *models, struct text *why);

#endif
