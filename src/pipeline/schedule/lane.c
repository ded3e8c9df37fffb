/* SPDX-License-Identifier: Apache-2.0 */
/* A model's lane: what waits for it, and how many of its batches run. */
#include "pipeline/schedule/schedule_int.h"

#include <stdlib.h>

enum err lane_create(const struct lane_options *options, struct lane **ret_lane)
{
    const struct batch_info *info = model_batch_info(options->model);
    struct lane *lane = calloc(1, sizeof *lane + info->instances * sizeof lane->free_instances[0]);
    if (!lane)
        return ERR_NOMEM;
    lane->model = options->model;
    lane->instance_count = info->instances;
    for (uint32_t i = 0; i < info->instances; i++)
        lane->free_instances[i] = info->instances - 1 - i;
    lane->free_count = info->instances;
    lane->end = &lane->first;
    *ret_lane = lane;
    return ERR_OK;
}

void lane_destroy(struct lane *lane)
{
    if (!lane)
        return;
    ASSERT(!lane->first && lane->free_count == lane->instance_count, "a lane goes after its jobs");
    free(lane);
}

void lane_push(struct lane *lane, struct job *job)
{
    job->next = NULL;
    *lane->end = job;
    lane->end = &job->next;
    atomic_fetch_add_explicit(&lane->queued, 1, memory_order_relaxed);
}

struct job *lane_pop(struct lane *lane)
{
    struct job *job = lane->first;
    if (!job)
        return NULL;
    lane->first = job->next;
    if (!lane->first)
        lane->end = &lane->first;
    atomic_fetch_sub_explicit(&lane->queued, 1, memory_order_relaxed);
    return job;
}

uint32_t lane_instance_acquire(struct lane *lane)
{
    ASSERT(lane->free_count > 0, "a batch is formed only where an instance is free");
    atomic_fetch_add_explicit(&lane->running, 1, memory_order_relaxed);
    return lane->free_instances[--lane->free_count];
}

void lane_instance_release(struct lane *lane, uint32_t instance)
{
    atomic_fetch_sub_explicit(&lane->running, 1, memory_order_relaxed);
    lane->free_instances[lane->free_count++] = instance;
}

void lane_look(const struct lane *lane, struct lane_view *ret_view)
{
    const struct batch_info *info = model_batch_info(lane->model);
    *ret_view = (struct lane_view){
        .rows_max = info->rows_max,
        .why_single = info->why_single,
        .queued = atomic_load_explicit(&lane->queued, memory_order_relaxed),
        .running = atomic_load_explicit(&lane->running, memory_order_relaxed),
        .instances = lane->instance_count,
    };
}
