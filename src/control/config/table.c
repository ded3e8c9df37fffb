/* SPDX-License-Identifier: Apache-2.0 */
/* The table that finds routes. It says which two routes clash, but not where they stand: the culprit is found by halving,
 * so that its own line is named, then left out, and the rest is tried again. */
#include "control/config/compile_int.h"

#define FAULT_BYTES        1024
#define FAULTS_MAX         5 /* of one load; each costs some trial builds */
#define TRIAL_MEMORY_BYTES (64u << 20)

static enum err try_build(struct compile *compile, uint32_t count, struct text *fault);
static enum err report_culprit(struct compile *compile);

/* Once a route was refused the configuration is lost and trials are for the report alone. */
enum err compile_table(struct compile *compile)
{
    struct config *config = compile->config;
    char memory[FAULT_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    enum err err = route_table_build(&config->arena, config->routes, config->route_count, &fault, &config->table);
    for (int i = 0; i < FAULTS_MAX && err != ERR_OK && err != ERR_NOMEM; i++) {
        TRY(report_culprit(compile));
        fault = text_init(memory, sizeof memory);
        err = try_build(compile, config->route_count, &fault);
    }
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

/* Whether the table takes the first `count` routes; if not, `fault` says why. */
static enum err try_build(struct compile *compile, uint32_t count, struct text *fault)
{
    struct pool pool;
    struct arena arena;
    struct route_table *table;
    pool_init(&pool, 0, 2 * (size_t)TRIAL_MEMORY_BYTES);
    arena_init(&arena, &pool, 65536, TRIAL_MEMORY_BYTES);
    enum err err = route_table_build(&arena, compile->config->routes, count, fault, &table);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}

/* The smallest number of routes that is refused is one more than the position of the culprit. */
static enum err report_culprit(struct compile *compile)
{
    struct config *config = compile->config;
    uint32_t good = 0;
    uint32_t bad = config->route_count;
    char memory[FAULT_BYTES];
    while (bad - good > 1) {
        struct text trial = text_init(memory, sizeof memory);
        uint32_t middle = good + (bad - good) / 2;
        enum err err = try_build(compile, middle, &trial);
        if (err == ERR_NOMEM)
            return err;
        *(err == ERR_OK ? &good : &bad) = middle;
    }
    struct text fault = text_init(memory, sizeof memory);
    if (try_build(compile, bad, &fault) == ERR_NOMEM)
        return ERR_NOMEM;
    report_error(compile->report, compile->places[good], "%s",
                 fault.len ? memory : "this route cannot be told apart from another");
    memmove(&config->routes[good], &config->routes[good + 1], (config->route_count - bad) * sizeof(struct route *));
    memmove(&compile->places[good], &compile->places[good + 1], (config->route_count - bad) * sizeof *compile->places);
    config->route_count--;
    return ERR_OK;
}
