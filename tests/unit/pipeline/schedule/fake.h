/* SPDX-License-Identifier: Apache-2.0 */
/* Models and runs that are only counters, for tests of the scheduler: they take the place of infer/. Included by one .c file of
 * a test. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_SCHEDULE_FAKE_H
#define WEIR_TESTS_UNIT_PIPELINE_SCHEDULE_FAKE_H

#include "lib/sys/clock.h"
#include "pipeline/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAKE_INSTANCES_MAX 64

struct model {
    _Atomic uint32_t refs;
    struct model_config config;
    struct batch_info info;
    struct lane *lane;
    uint64_t row_ns; /* a batch sleeps or spins for so long */
    uint64_t batch_ns;
    _Atomic bool is_held; /* batches wait until it is false, or until they are terminated */
    _Atomic uint32_t executing;
    _Atomic uint32_t executing_max;
    _Atomic uint32_t batches;
    _Atomic uint32_t rows_max_seen;
    _Atomic uint32_t terminations;
    _Atomic bool is_busy[FAKE_INSTANCES_MAX];
    _Atomic bool is_terminated[FAKE_INSTANCES_MAX];
};

struct run {
    struct model *model;
    uint32_t rows;
    uint64_t key;
    uint32_t executed; /* the executor's while the job is out */
};

struct model *run_model(const struct run *run)
{
    return run->model;
}

uint32_t run_rows(const struct run *run)
{
    return run->rows;
}

uint64_t run_batch_key(const struct run *run)
{
    return run->key;
}

bool run_fits_batch(const struct run *run, const struct run *other)
{
    return run->model == other->model && run->key == other->key;
}

struct model *model_ref(struct model *model)
{
    atomic_fetch_add(&model->refs, 1);
    return model;
}

void model_unref(struct model *model)
{
    if (model)
        atomic_fetch_sub(&model->refs, 1);
}

struct lane *model_lane(const struct model *model)
{
    return model->lane;
}

const struct batch_info *model_batch_info(const struct model *model)
{
    return &model->info;
}

static void raise_to(_Atomic uint32_t *most, uint32_t value)
{
    uint32_t seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value))
        continue;
}

void batch_execute(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times)
{
    uint32_t rows = 0;
    uint64_t begin_ns = clock_now_ns();
    if (atomic_exchange(&model->is_busy[instance], true))
        abort(); /* one thread at a time has an instance */
    raise_to(&model->executing_max, atomic_fetch_add(&model->executing, 1) + 1);
    atomic_fetch_add(&model->batches, 1);
    for (uint32_t i = 0; i < count; i++) {
        if (count > 1 && !run_fits_batch(members[0].run, members[i].run))
            abort();
        members[i].run->executed++;
        members[i].err = ERR_OK;
        rows += members[i].run->rows;
    }
    raise_to(&model->rows_max_seen, rows);
    if (count > 1 && rows > model->info.rows_max)
        abort();
    while (atomic_load(&model->is_held) && !atomic_load(&model->is_terminated[instance]))
        clock_sleep_ns(10000);
    if (model->batch_ns + model->row_ns)
        clock_sleep_ns(model->batch_ns + rows * model->row_ns);
    for (uint32_t i = 0; i < count; i++)
        if (atomic_load(members[i].is_gone))
            members[i].err = ERR_CANCELLED;
    atomic_store(&model->is_terminated[instance], false);
    atomic_fetch_sub(&model->executing, 1);
    atomic_store(&model->is_busy[instance], false);
    *ret_times = (struct batch_times){.run_ns = clock_now_ns() - begin_ns};
}

void batch_terminate(struct model *model, uint32_t instance)
{
    atomic_fetch_add(&model->terminations, 1);
    atomic_store(&model->is_terminated[instance], true);
}

/* A lane for it; config and info are the caller's to fill before. */
static void fake_open(struct model *model, uint32_t worker_count)
{
    model->info.rows_max = model->info.rows_max ? model->info.rows_max : 1;
    model->info.instances = model->info.instances ? model->info.instances : 2;
    const struct lane_options options = {.model = model, .config = &model->config, .worker_count = worker_count};
    assert_int_equal(lane_create(&options, &model->lane), ERR_OK);
}

static void fake_close(struct model *model)
{
    assert_int_equal(atomic_load(&model->refs), 0);
    lane_destroy(model->lane);
}

#endif
