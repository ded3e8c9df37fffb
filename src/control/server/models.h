/* SPDX-License-Identifier: Apache-2.0 */
/* The models of the process: loaded once, shared by every configuration that names the same file with the same options.
 *
 * A slot is made when a configuration first names a model; the model in it goes when the last configuration that names it
 * does, and then the slot may become that of another. So readiness can be asked from any thread without a lock: the list
 * of slots only grows. Everything else belongs to the thread that loads configurations. */
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
 * configuration. Models of repositories named `anew` that are READY get a new one all the same; {NULL, 0}: none. */
MUST_USE enum err models_attach(struct models *models, struct config *config, struct slice anew);
/* Gives routes to models that no repository has an entry of their own that is ABSENT. With models_attach. */
MUST_USE enum err models_attach_absent(struct models *models, struct config *config);

/* How the models of a configuration are loaded. */
struct models_round {
    struct models *models;
    struct config *config;
    const struct config *old; /* whose models serve meanwhile; NULL: there is none */
    bool tries_again;         /* what failed before, and has not changed since */
    struct slice name;        /* tries this one again; {NULL, 0}: none */
};
/* Loads what is LOADING, one after the other; says how each went. Slow. Returns how many models of `models:` failed: the next
 * configuration that names them tries again. Those of repositories may fail: then models_settle. */
uint32_t models_load(const struct models_round *round);
/* Once they are loaded, and before the configuration is in use: where a model of a repository could not be had, those go on
 * that `old` has of the same name. */
MUST_USE enum err models_settle(const struct models_round *round);
/* Then: a model that has just been loaded from a repository, and with which a pipeline does not fit that did with the one
 * before, has failed, as if it could not be loaded. */
MUST_USE enum err models_settle_pipelines(const struct models_round *round);
/* At last, says which routes' middlewares do not fit their model of `models:`, and which pipelines not theirs, and returns how
 * many: those that did not in `old` either are only counted when `tries_again`. Models that are not READY are passed over. */
uint32_t models_check_fit(const struct models_round *round);
/* Why a version of a model could not be loaded, of those that the configuration wanted; false: it could. */
bool models_fault(const struct config *config, struct slice name, struct text *fault);

/* This configuration is the current one: readiness is about its models, and not about what a reload is trying out. */
void models_expect(struct models *models, const struct config *config);
/* Whether every model that is expected is READY, but for those of repositories that failed; if not, `why` lists the others,
 * without the reasons: they tell paths, and anyone may ask. Any thread. */
bool models_are_ready(const struct models *models, struct text *why);
/* How many loads of models went well, and how many did not. */
const struct reload_meter *models_loads(const struct models *models);

#endif
