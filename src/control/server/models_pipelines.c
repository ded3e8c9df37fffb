/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines and models that come and go: tensors of a new model may not fit a pipeline that fits with the one before. Then the new
 * one has failed, and not the pipeline. Models that were replaced together are held against each other as they are now, so
 * that the two sides of an edge may change at once. */
#include "control/server/models_int.h"
#include "control/server/say.h"
#include "pipeline/graph.h"

#include <stdlib.h>

#define WORDS_BYTES 1024

/* The models of one pipeline that are new, by name. */
struct suspects {
    struct model_slot *slots[GRAPH_STEPS_MAX];
    struct slice names[GRAPH_STEPS_MAX];
    uint32_t count;
};

static bool is_in(const struct config *config, const struct model_entry *entry)
{
    for (uint32_t i = 0; i < config->models.count; i++)
        if (config->model_entries[i] == entry)
            return true;
    return false;
}

/* Nobody else has it, and the one before is there to take its place. */
static bool is_suspect(const struct models_round *round, const struct model_entry *entry)
{
    if (!entry || !entry->config->repository.len || !model_entry_is(entry, MODEL_READY) || is_in(round->old, entry) ||
        atomic_load(&model_slot_of(entry)->wants) != 1)
        return false;
    const struct model_entry *before = config_model(round->old, entry->config->name);
    return before && model_entry_is(before, MODEL_READY);
}

static void find_suspects(const struct models_round *round, const struct pipeline *pipeline, struct suspects *suspects)
{
    suspects->count = 0;
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        const struct graph_step *step = &pipeline->steps[i];
        struct model_entry *entry = step->kind ? NULL : config_model(round->config, step->model_name);
        bool is_known = !is_suspect(round, entry);
        for (uint32_t k = 0; !is_known && k < suspects->count; k++)
            is_known = suspects->slots[k] == model_slot_of(entry);
        if (is_known)
            continue;
        suspects->slots[suspects->count] = model_slot_of(entry);
        suspects->names[suspects->count++] = step->model_name;
    }
}

static bool fits_without(const struct models_round *round, struct pipeline *pipeline, const struct suspects *suspects,
                         uint32_t first, uint32_t count)
{
    char memory[WORDS_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    const struct graph_others others = {.config = round->old, .names = &suspects->names[first], .count = count};
    return count && graph_try(pipeline, round->config, &others, &fault) == ERR_OK;
}

/* One that is at fault alone, or all together. Whether there was one. */
static bool fail_suspects(const struct models_round *round, struct pipeline *pipeline, const char *why)
{
    struct suspects suspects;
    char memory[WORDS_BYTES];
    struct text words = text_init(memory, sizeof memory);
    uint32_t first = 0;
    uint32_t count = 1;
    find_suspects(round, pipeline, &suspects);
    while (first < suspects.count && !fits_without(round, pipeline, &suspects, first, 1))
        first++;
    if (first == suspects.count) {
        first = 0;
        count = suspects.count;
        if (!fits_without(round, pipeline, &suspects, first, count))
            return false;
    }
    text_printf(&words, "pipeline " SLICE_FMT ": %s", SLICE_ARG(pipeline->config->name), why);
    for (uint32_t i = first; i < first + count; i++)
        model_slot_fail(suspects.slots[i], memory);
    return true;
}

enum err models_settle_pipelines(const struct models_round *round)
{
    const struct config *config = round->config;
    for (uint32_t i = 0; round->old && i < config->pipeline_count;) {
        char why[WORDS_BYTES];
        struct text fault = text_init(why, sizeof why);
        enum err err = graph_try(config->pipelines[i], config, NULL, &fault);
        bool has_failed =
            err != ERR_OK && err != ERR_AGAIN && err != ERR_NOMEM && fail_suspects(round, config->pipelines[i], why);
        if (has_failed)
            TRY(models_settle(round));
        i = has_failed ? 0 : i + 1; /* a model that went back may be one of an earlier pipeline */
    }
    return ERR_OK;
}

static bool was_misfit(const struct models_round *round, struct slice name)
{
    for (uint32_t i = 0; round->old && i < round->old->pipeline_count; i++)
        if (slice_equal(round->old->pipelines[i]->config->name, name))
            return atomic_load(&round->old->pipelines[i]->state) == GRAPH_MISFIT;
    return false;
}

uint32_t models_bind_pipelines(const struct models_round *round)
{
    const struct config *config = round->config;
    uint32_t misfits = 0;
    for (uint32_t i = 0; i < config->pipeline_count; i++) {
        struct pipeline *pipeline = config->pipelines[i];
        char why[WORDS_BYTES];
        struct text fault = text_init(why, sizeof why);
        enum err err = graph_bind(pipeline, config, &fault);
        if (err == ERR_OK || err == ERR_AGAIN) /* that a model is not there was said */
            continue;
        say_error("pipeline " SLICE_FMT ": %s", SLICE_ARG(pipeline->config->name), why[0] ? why : err_text(err));
        misfits += round->tries_again || !was_misfit(round, pipeline->config->name);
    }
    return misfits;
}
