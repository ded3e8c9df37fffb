/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/model_meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct model_meter *meter;

static int make_meter(void **state)
{
    (void)state;
    meter = calloc(1, sizeof *meter);
    return meter ? 0 : -1;
}

static int drop_meter(void **state)
{
    (void)state;
    free(meter);
    return 0;
}

static struct job job_of(enum err err)
{
    return (struct job){.err = err,
                        .rows = 2,
                        .batch_rows = 5,
                        .batch_jobs = 3,
                        .times = {.queue_ns = 10, .gather_ns = 20, .run_ns = 30, .scatter_ns = 40}};
}

static uint64_t failures(enum model_failure failure)
{
    return counter_read(&meter->failures[failure]);
}

static void a_success_is_in_every_phase_once(void **state)
{
    (void)state;
    struct job job = job_of(ERR_OK);
    model_meter_job(meter, &job, 1000);
    assert_int_equal(counter_read(&meter->runs), 1);
    assert_int_equal(counter_read(&meter->rows), 2);
    assert_int_equal(counter_read(&meter->success_ns), 100);
    assert_int_equal(gauge_read(&meter->last_ns), 1000);
    assert_int_equal(histogram_sum_ns(&meter->queue_time), 10);
    assert_int_equal(histogram_sum_ns(&meter->gather_time), 20);
    assert_int_equal(histogram_sum_ns(&meter->run_time), 30);
    assert_int_equal(histogram_sum_ns(&meter->scatter_time), 40);
    assert_int_equal(counter_read(&meter->batches), 0); /* it was not the first of its batch */
}

static void a_run_that_fits_no_batch_is_one_row(void **state)
{
    (void)state;
    struct job job = job_of(ERR_OK);
    job.rows = 0;
    model_meter_job(meter, &job, 1);
    assert_int_equal(counter_read(&meter->rows), 1);
}

static void the_first_job_counts_the_batch_even_when_it_is_gone(void **state)
{
    (void)state;
    struct job job = job_of(ERR_CANCELLED);
    job.is_first = true;
    model_meter_job(meter, &job, 1);
    assert_int_equal(counter_read(&meter->batches), 1);
    assert_int_equal(counter_read(&meter->batch_rows), 5);
    assert_int_equal(counter_read(&meter->sizes[5].count), 1);
    assert_int_equal(counter_read(&meter->sizes[5].run_ns), 30);
    assert_int_equal(failures(MODEL_FAILURE_CANCELED), 1);
    assert_int_equal(histogram_count(&meter->run_time), 0);
}

static void batches_of_more_rows_than_are_told_apart_are_together(void **state)
{
    (void)state;
    struct job job = job_of(ERR_OK);
    job.is_first = true;
    job.batch_rows = METER_BATCH_ROWS_MAX;
    model_meter_job(meter, &job, 1);
    assert_int_equal(counter_read(&meter->sizes[METER_BATCH_ROWS_MAX].count), 1);
    job.batch_rows++;
    model_meter_job(meter, &job, 1);
    assert_int_equal(counter_read(&meter->sizes[0].count), 1);
}

static void failures_have_their_reasons(void **state)
{
    (void)state;
    const enum err errs[] = {ERR_TIMEOUT, ERR_CANCELLED, ERR_INVALID, ERR_INTERNAL, ERR_NOMEM};
    for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
        struct job job = job_of(errs[i]);
        model_meter_job(meter, &job, 1);
    }
    model_meter_refusal(meter, MODEL_FAILURE_REJECTED);
    assert_int_equal(failures(MODEL_FAILURE_REJECTED), 2);
    assert_int_equal(failures(MODEL_FAILURE_CANCELED), 1);
    assert_int_equal(failures(MODEL_FAILURE_BACKEND), 2);
    assert_int_equal(failures(MODEL_FAILURE_OTHER), 1);
    assert_int_equal(counter_read(&meter->runs), 2); /* those that the runtime has begun */
    assert_int_equal(counter_read(&meter->rows), 0);
    assert_int_equal(gauge_read(&meter->last_ns), 0);
}

static void nobody_need_count(void **state)
{
    (void)state;
    struct job job = job_of(ERR_OK);
    struct model_entry entry = {.meters = NULL};
    assert_null(model_entry_meter(NULL, 0));
    model_meter_job(model_entry_meter(&entry, 1), &job, 1);
    model_meter_refusal(NULL, MODEL_FAILURE_OTHER);
    model_meter_format(NULL, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_meter, drop_meter)
    const struct CMUnitTest tests[] = {
        TEST(a_success_is_in_every_phase_once),
        TEST(a_run_that_fits_no_batch_is_one_row),
        TEST(the_first_job_counts_the_batch_even_when_it_is_gone),
        TEST(batches_of_more_rows_than_are_told_apart_are_together),
        TEST(failures_have_their_reasons),
        TEST(nobody_need_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
