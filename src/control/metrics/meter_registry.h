/* SPDX-License-Identifier: Apache-2.0 */
/* The meters of routes, models and steps of pipelines, by name, for the life of the process: a configuration that is loaded anew finds the
 * meters it had, so a counter never goes back and a series that is no longer served stays where it was.
 *
 * Adding is for whoever loads configurations, any number of threads; what was added can be walked at any time without
 * a lock. The counters in the meters have one writer each, the worker of that index. */
#ifndef WEIR_CONTROL_METRICS_METER_REGISTRY_H
#define WEIR_CONTROL_METRICS_METER_REGISTRY_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "pipeline/meters.h"

#define METER_ROUTES_MAX    10000 /* names ever served; each costs some 14 KiB a worker where it was used */
#define METER_MODELS_MAX    10000
#define METER_STEPS_MAX     10000
#define METER_MODEL_KEY_MAX 512 /* name and version together, or pipeline and step */

struct meter_registry;

struct route_series {
    struct slice name;          /* "POST /v1/text-orientation" */
    struct route_meter *meters; /* one for each worker; the first begins a cache line */
    _Atomic(struct route_series *) next;
};

struct model_series {
    struct slice name;
    struct slice version;
    struct model_meter *meters;
    _Atomic(struct model_series *) next;
};

struct step_series {
    struct slice pipeline;
    struct slice step;
    struct step_meter *meters;
    _Atomic(struct step_series *) next;
};

MUST_USE enum err meter_registry_create(uint32_t worker_count, struct meter_registry **ret_registry);
/* When no worker counts any more. NULL is accepted. */
void meter_registry_destroy(struct meter_registry *registry);

/* The meters of that name, made on first sight; the name is copied. ERR_LIMIT over the limits
 * above, ERR_NOMEM. */
MUST_USE enum err meter_registry_route(struct meter_registry *registry, struct slice name,
                                       struct route_meter **ret_meters);
MUST_USE enum err meter_registry_model(struct meter_registry *registry, struct slice name, struct slice version,
                                       struct model_meter **ret_meters);
MUST_USE enum err meter_registry_step(struct meter_registry *registry, struct slice pipeline, struct slice step,
                                      struct step_meter **ret_meters);

uint32_t meter_registry_workers(const struct meter_registry *registry);
/* In the order of adding; NULL ends. */
const struct route_series *meter_registry_first_route(const struct meter_registry *registry);
const struct route_series *route_series_next(const struct route_series *series);
const struct model_series *meter_registry_first_model(const struct meter_registry *registry);
const struct model_series *model_series_next(const struct model_series *series);
const struct step_series *meter_registry_first_step(const struct meter_registry *registry);
const struct step_series *step_series_next(const struct step_series *series);

#endif
